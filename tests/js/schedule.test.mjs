// When what sounds: stretches of a piece on the audio clock, lap after lap, and the metronome's beats.
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyPiece } from "../../deepcomposer_lab/widgets/js/lib/piece.js";
import { clickBeats, clicksBetween, eventsBetween, eventsOf, Timeline } from "../../deepcomposer_lab/widgets/js/lib/schedule.js";

const piece = (changes = {}) => ({ ...emptyPiece("A piece", 120), ...changes });
const near = (a, b, what) => assert.ok(Math.abs(a - b) < 1e-9, `${what ?? ""} ${a} is not ${b}`);

/** When each note of a piece sounds up to a time, by walking through the clock in small steps of any size. */
function heard(timeline, until, step) {
  const found = [];
  for (let at = timeline.time; at < until; at += step) {
    for (const { start, end, time } of timeline.stretches(at, Math.min(until, at + step))) {
      found.push({ start, end, time });
    }
  }
  return found;
}

test("stretches follow each other without a gap and without saying a beat twice, whatever the steps", () => {
  const tempos = [[0, 120], [4, 60], [6, 180]];
  for (const loop of [null, [2, 7], [0, 1], [5.5, 6.25]]) {
    for (const step of [0.08, 0.333, 1, 5]) {
      const timeline = new Timeline(piece({ tempos }), 1, 10, loop);
      let last = null;
      for (const { start, end, time } of heard(timeline, 30, step)) {
        near(time, last?.until ?? 10, "time");
        near(start, last && loop && timeline.loop && Math.abs(last.end - loop[1]) < 1e-9 ? loop[0] : last?.end ?? 1, "beat");
        assert.ok(end > start);
        near(timeline.beatOf(time + 1e-12), start, "the counter says another beat");
        const seconds = [[0, 4, 0.5], [4, 6, 1], [6, Infinity, 1 / 3]]
          .reduce((sum, [from, to, each]) => sum + Math.max(0, Math.min(end, to) - Math.max(start, from)) * each, 0);
        last = { end, until: time + seconds };
      }
    }
  }
});

test("a loop comes round: two laps sound the same notes at the lap's distance", () => {
  const notes = [0, 1, 2, 3].map((onset) => [onset, 60 + onset, 1, 80]);
  const looped = piece({ tracks: [{ name: "M", program: 0, is_drum: false, notes }] });
  const events = eventsOf(looped), timeline = new Timeline(looped, 1, 0, [1, 3]);
  const times = heard(timeline, 4, 0.1).flatMap(({ start, end, time }) =>
    eventsBetween(events, start, end).map((event) => [event.pitch, +(time + (event.onset - start) / 2).toFixed(6)]));
  assert.deepEqual(times, [[61, 0], [62, 0.5], [61, 1], [62, 1.5], [61, 2], [62, 2.5], [61, 3], [62, 3.5]]);
});

test("the note where it starts is heard at any tempo: times that go to seconds and back may not pass it over", () => {
  for (let bpm = 40; bpm <= 160; bpm++) {
    for (let beat = 0; beat < 24; beat += 0.25) {
      const one = piece({ tempos: [[0, bpm]], tracks: [{ name: "M", program: 0, is_drum: false, notes: [[beat, 60, 1, 80]] }] });
      const events = eventsOf(one);
      for (const loop of [null, [beat, beat + 1]]) {
        const laps = loop ? 3 : 1, timeline = new Timeline(one, beat, 0.123, loop), until = 0.123 + (laps * 60) / bpm - 0.01;
        let count = 0;
        for (let at = 0.123; at < until; at += 0.08) {
          for (const { start, end } of timeline.stretches(at, Math.min(until, at + 0.08))) count += eventsBetween(events, start, end).length;
        }
        assert.equal(count, laps, `${bpm} a minute, from beat ${beat}`);
      }
    }
  }
});

test("what begins on a border belongs to one side alone", () => {
  const events = eventsOf(piece({ tracks: [{ name: "M", program: 0, is_drum: false, notes: [[1, 60, 1, 80], [1, 64, 1, 80], [2, 62, 1, 80]] }] }));
  assert.equal(eventsBetween(events, 0, 1).length, 0);
  assert.equal(eventsBetween(events, 1, 2).length, 2);
  assert.equal(eventsBetween(events, 2, 9).length, 1);
});

test("the metronome clicks the beats of the metre", () => {
  const beats = (metres, pickup, to) => clicksBetween(piece({ metres, pickup }), 0, to).map(({ beat, isAccent }) => `${+beat.toFixed(3)}${isAccent ? "!" : ""}`).join(" ");
  assert.equal(beats([[0, 3, 4]], 0, 6), "0! 1 2 3! 4 5");
  assert.equal(beats([[0, 6, 8]], 0, 6), "0! 1.5 3! 4.5");
  assert.equal(beats([[0, 2, 2]], 0, 8), "0! 2 4! 6");
  assert.equal(beats([[0, 5, 8]], 0, 5), "0! 0.5 1 1.5 2 2.5! 3 3.5 4 4.5");
  assert.equal(beats([[0, 4, 4]], 1.5, 5.5), "0.5 1.5! 2.5 3.5 4.5", "a pickup counts towards the first full bar");
  assert.equal(beats([[0, 4, 4], [4, 3, 4]], 0, 10), "0! 1 2 3 4! 5 6 7! 8 9");
  assert.deepEqual([[4, 4], [6, 8], [3, 8], [9, 8], [7, 16]].map(([a, b]) => clickBeats(a, b)), [1, 1.5, 0.5, 1.5, 0.25]);
});
