// From events to beats: every expectation is worked out by hand, or by another road than the code's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Capture, ClockMap, countIn, tempoOf } from "../../deepcomposer_lab/widgets/js/lib/capture.js";
import { Outbox } from "../../deepcomposer_lab/widgets/js/lib/outbox.js";

const at120 = { start: 10, beatOf: (seconds) => Math.max(0, seconds) * 2 };
const near = (value, wanted, slack = 1e-9) => assert.ok(Math.abs(value - wanted) <= slack, `${value} is not ${wanted}`);

/** Numbers that look random and are the same each time. */
function* numbers(seed) {
  for (let state = seed; ;) {
    state = (state * 1103515245 + 12345) % 2147483648;
    yield state / 2147483648;
  }
}

test("a note starts where it was pressed and lasts until it was let go", () => {
  const capture = new Capture(at120);
  capture.press("KeyA", 41, 80, 11);
  capture.release("KeyA", 11.75);
  assert.deepEqual(capture.stop(20), [[2, 41, 1.5, 80]]);
});

test("the count-in is not recorded, but who comes a little early begins on the first beat", () => {
  const capture = new Capture(at120);
  capture.press("KeyA", 41, 80, 9); // in the count-in
  capture.release("KeyA", 9.5);
  capture.press("KeyS", 43, 80, 9.9);
  capture.release("KeyS", 10.5);
  assert.deepEqual(capture.stop(20), [[0, 43, 1, 80]]);
});

test("latency is taken off onsets and ends", () => {
  const capture = new Capture({ ...at120, latency: 0.1 });
  capture.press("a", 60, 80, 11.1);
  capture.release("a", 11.6);
  const [[onset, , duration]] = capture.stop(20);
  near(onset, 2);
  near(duration, 1);
});

test("a recording over a piece begins at its beat", () => {
  const capture = new Capture({ ...at120, startBeat: 8 });
  capture.press("a", 60, 80, 10.5);
  capture.release("a", 11);
  assert.deepEqual(capture.stop(20), [[9, 60, 1, 80]]);
});

test("with the pedal a note lasts until the pedal comes up, or the key is struck again", () => {
  const capture = new Capture(at120);
  capture.sustain(true, 10);
  capture.press("a", 60, 80, 10);
  capture.release("a", 10.25);
  capture.press("b", 62, 70, 10.5);
  capture.release("b", 10.75);
  capture.press("a", 60, 90, 11);
  capture.release("a", 11.25);
  capture.sustain(false, 12);
  assert.deepEqual(capture.stop(20), [[0, 60, 2, 80], [1, 62, 3, 70], [2, 60, 2, 90]]);
});

test("what is held when the recording ends, ends with it; a touch still has a length", () => {
  const capture = new Capture(at120);
  capture.press("a", 60, 80, 10);
  capture.press("b", 62, 80, 10.5);
  capture.release("b", 10.5);
  assert.deepEqual(capture.finished, [[1, 62, 1 / 32, 80]]);
  assert.deepEqual(capture.stop(11), [[0, 60, 2, 80], [1, 62, 1 / 32, 80]]);
});

test("two sources may hold the same pitch", () => {
  const capture = new Capture(at120);
  capture.press("KeyA", 41, 80, 10);
  capture.press("midi 41", 41, 100, 10.5);
  capture.release("KeyA", 11);
  capture.release("midi 41", 12);
  assert.deepEqual(capture.stop(20), [[0, 41, 2, 80], [1, 41, 3, 100]]);
});

test("a burst of 500 presses that comes late, all at once, stands where each was played", () => {
  // The consumer hears nothing for four minutes and then all of it; only the events' own stamps say when they were.
  const clock = new ClockMap(), offset = -3.25; // the audio clock began 3.25 s after the events' clock
  const shake = numbers(7);
  for (let look = 0; look < 41; look++) clock.add(4000 + 50 * look, (4000 + 50 * look) / 1000 + offset + 0.004 * (shake.next().value - 0.5));
  const bpm = 100, start = 5, random = numbers(1), wanted = [], events = [];
  for (let index = 0; index < 500; index++) {
    const onset = index * 0.5 + 0.3 * random.next().value, length = 0.05 + 2 * random.next().value; // beats; they overlap
    const pitch = 41 + Math.floor(32 * random.next().value), velocity = 1 + Math.floor(127 * random.next().value);
    wanted.push([onset, pitch, length, velocity]);
    const stamp = (beat) => ((beat * 60) / bpm + start - offset) * 1000;
    events.push([stamp(onset), index, pitch, velocity], [stamp(onset + length), index]);
  }
  events.sort((a, b) => a[0] - b[0]);
  const capture = new Capture({ start, beatOf: (seconds) => (Math.max(0, seconds) * bpm) / 60 });
  for (const [stamp, key, pitch, velocity] of events) {
    if (pitch === undefined) capture.release(key, clock.toAudio(stamp));
    else capture.press(key, pitch, velocity, clock.toAudio(stamp));
  }
  const rows = capture.stop(1e6);
  assert.equal(rows.length, 500);
  wanted.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  rows.forEach(([onset, pitch, duration, velocity], index) => {
    near(onset, wanted[index][0], 0.002); // beats: about a millisecond
    near(duration, wanted[index][2], 1e-6);
    assert.deepEqual([pitch, velocity], [wanted[index][1], wanted[index][3]]);
  });
});

test("the clocks' distance is the middle of what the browser said: single slips do not count, a new distance is learnt", () => {
  const clock = new ClockMap(9);
  assert.equal(clock.isKnown, false);
  clock.add(0, 0); // no output yet
  assert.equal(clock.isKnown, false);
  for (const slip of [0, 0.003, -0.002, -0.15, 0.001, 0, 0.002, -0.001, 0.2]) clock.add(1000, 6 + slip);
  near(clock.toAudio(3000), 8, 0.0015);
  near(clock.toStamp(clock.toAudio(1234)), 1234, 1e-6);
  for (let look = 0; look < 9; look++) clock.add(2000, 5); // the audio stood still for two seconds
  near(clock.toAudio(2000), 5);
});

test("the count-in clicks every beat of its bars, and the recording begins where the next would be", () => {
  const common = countIn({ first: 1, bpm: 120, metre: [4, 4], bars: 1 });
  assert.deepEqual(common.clicks.map(({ time }) => time), [1, 1.5, 2, 2.5]);
  assert.deepEqual(common.clicks.map(({ isAccent }) => isAccent), [true, false, false, false]);
  assert.equal(common.start, 3);
  const waltz = countIn({ first: 0, bpm: 60, metre: [3, 4], bars: 2 });
  assert.deepEqual(waltz.clicks.map(({ count, of }) => `${count}/${of}`), ["1/3", "2/3", "3/3", "1/3", "2/3", "3/3"]);
  assert.deepEqual(waltz.clicks.map(({ isAccent }) => isAccent), [true, false, false, true, false, false]);
  assert.equal(waltz.start, 6);
  const jig = countIn({ first: 0, bpm: 60, metre: [6, 8], bars: 1 }); // two dotted quarters, three beats
  assert.deepEqual(jig.clicks.map(({ time }) => time), [0, 1.5]);
  assert.equal(jig.start, 3);
  assert.deepEqual(countIn({ first: 2, bpm: 100, metre: [4, 4], bars: 0 }), { clicks: [], start: 2 });
});

test("taps are a tempo from the second on; one that is late does not change it, and old ones are forgotten", () => {
  assert.equal(tempoOf([1000]), null);
  assert.equal(tempoOf([1000, 1500]), 120);
  assert.equal(tempoOf([0, 600, 1200, 1900, 2500]), 100);
  assert.equal(tempoOf([0, 20_000, 20_500]), 120);
});

test("the outbox sends at once when little comes, and in one letter what comes while it must wait", () => {
  let now = 0;
  const planned = [], letters = [];
  const outbox = new Outbox((events, first) => letters.push([first, events.map(([, pitch]) => pitch)]), {
    now: () => now, later: (act, ms) => planned.push([now + ms, act]),
  });
  outbox.put([1, 60, 80, 0]);
  assert.deepEqual(letters, [[0, [60]]]);
  now = 2;
  outbox.put([0, 60, 0, 2]);
  outbox.put([1, 62, 80, 2]);
  assert.equal(letters.length, 1);
  const [[due, act]] = planned;
  assert.equal(planned.length, 1);
  now = due;
  act();
  assert.deepEqual(letters[1], [1, [60, 62]]);
  now = 100;
  outbox.put([0, 62, 0, 100]);
  assert.deepEqual(letters[2], [3, [62]]);
});

test("of 500 events that come in one go none is lost and none is early", async () => {
  const got = [], outbox = new Outbox((events, first) => { assert.equal(first, got.length); got.push(...events); });
  for (let index = 0; index < 500; index++) outbox.put([1, index % 128, 1, index]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(got.map(([, , , time]) => time), Array.from({ length: 500 }, (_, index) => index));
});
