// The metric playground's brush and games, against a plain table of cells and against hand-worked numbers.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  added, between, CHALLENGES, challengeState, inWords, liesIn, noteAt, pieceOf, removed, resized, scoreOf, Stroke, TONES,
} from "../../deepcomposer_lab/widgets/js/lib/playground.js";

const STEPS = 32, ROWS = 16;

/** Numbers that look random and are the same each time. */
function* numbers(seed) {
  for (let state = seed; ;) {
    state = (state * 1103515245 + 12345) % 2147483648;
    yield state / 2147483648;
  }
}

/** The same notes as a table: 0 silent, 1 a note begins, 2 it is held. */
function table(notes) {
  const cells = Array.from({ length: ROWS }, () => new Array(STEPS).fill(0));
  for (const [row, step, length] of notes) for (let at = step; at < step + length; at++) {
    assert.equal(cells[row][at], 0, `two notes at ${row}:${at}`);
    cells[row][at] = at === step ? 1 : 2;
  }
  return cells;
}

test("notes that are added, removed and resized are what a table of cells says", () => {
  const random = numbers(7), pick = (count) => Math.floor(random.next().value * count);
  let notes = [];
  for (let turn = 0; turn < 3000; turn++) {
    const row = pick(ROWS), step = pick(STEPS), cells = table(notes);
    const start = (() => { let at = step; while (cells[row][at] === 2) at--; return at; })();
    if (turn % 3 === 0) {
      const length = 1 + pick(STEPS - step), end = step + (row >= TONES ? 1 : length);
      if (cells[row][end] === 2) cells[row][end] = 1; // what a note covers of another is cut away, its rest begins anew
      for (let at = step; at < end; at++) cells[row][at] = at === step ? 1 : 2;
      notes = added(notes, [row, step, length]);
    } else if (turn % 3 === 1) {
      if (cells[row][step]) {
        cells[row][start] = 0;
        for (let at = start + 1; cells[row][at] === 2; at++) cells[row][at] = 0;
      }
      notes = removed(notes, row, step);
    } else {
      const by = pick(2) ? 1 : -1;
      if (cells[row][step] && row < TONES) {
        let end = start + 1;
        while (cells[row][end] === 2) end++;
        if (by > 0 && end < STEPS && cells[row][end] === 0) cells[row][end] = 2;
        if (by < 0 && end - start > 1) cells[row][end - 1] = 0;
      }
      notes = resized(notes, row, step, by, STEPS);
    }
    assert.deepEqual(table(notes), cells);
  }
});

test("a stroke along a row is one note, in both directions, and shrinks when the pointer comes back", () => {
  const stroke = new Stroke([], 5, 4);
  assert.deepEqual(stroke.notes, [[5, 4, 1]]);
  assert.deepEqual(stroke.to(5, 9), [[5, 4, 6]]);
  assert.deepEqual(stroke.to(5, 6), [[5, 4, 3]]);
  assert.deepEqual(stroke.to(5, 2), [[5, 2, 3]]);
});

test("what a stroke covers comes back when the pointer does", () => {
  const before = [[5, 6, 4]];
  const stroke = new Stroke(before, 5, 2);
  assert.deepEqual(stroke.to(5, 8), [[5, 2, 7], [5, 9, 1]]);
  assert.deepEqual(stroke.to(5, 3), [[5, 2, 2], [5, 6, 4]]);
  assert.deepEqual(before, [[5, 6, 4]]);
});

test("in another row another note begins; drums are strokes of their own", () => {
  assert.deepEqual(new Stroke([], 3, 0).to(5, 2), [[3, 0, 1], [4, 1, 1], [5, 2, 1]]);
  assert.deepEqual(new Stroke([], 13, 0).to(13, 3), [[13, 0, 1], [13, 1, 1], [13, 2, 1], [13, 3, 1]]);
});

test("a stroke that goes down on a note takes away what it meets, and draws nothing", () => {
  const notes = [[2, 0, 4], [2, 6, 2], [4, 0, 1]];
  assert.deepEqual(new Stroke(notes, 2, 3).to(2, 12), [[4, 0, 1]]);
});

test("a quick pointer leaves no gap", () => {
  for (const [from, to] of [[[0, 0], [0, 9]], [[3, 8], [12, 2]], [[5, 5], [5, 5]], [[1, 1], [4, 9]]]) {
    let [row, step] = from;
    for (const [nextRow, nextStep] of between(from, to)) {
      assert.ok(Math.max(Math.abs(nextRow - row), Math.abs(nextStep - step)) === 1);
      [row, step] = [nextRow, nextStep];
    }
    assert.deepEqual([row, step], to);
  }
});

test("what is painted is the music that is heard", () => {
  const piece = pieceOf([[13, 4, 1], [0, 8, 4], [12, 0, 16], [15, 0, 1]]);
  assert.deepEqual(piece.tracks[0].notes, [[0, 60, 4, 80], [2, 72, 1, 80]]);
  assert.deepEqual(piece.tracks[1].notes, [[0, 36, 0.25, 80], [1, 42, 0.25, 80]]);
  assert.ok(piece.tracks[1].is_drum);
  assert.equal(pieceOf([[0, 0, 1]]).tracks.length, 1);
});

test("a place and what sounds there, in words", () => {
  assert.equal(inWords("E4", [8, 16, 4], 17), "E4, bar 2, step 2: a note of 4 sixteenths");
  assert.equal(inWords("E4", undefined, 0), "E4, bar 1, step 1: empty");
});

const row = (name, value, more = {}) => ({ name, label: name, value, low: 0, high: 1, minimum: 0, maximum: 1, ...more });
const find = (text) => CHALLENGES.find((one) => one.text.includes(text));

test("a challenge says how far it is", () => {
  const polyphonic = find("Polyphonic");
  assert.deepEqual(challengeState(polyphonic, [row("polyphonic_rate", 0.25)], []), { met: false, words: "0.25: too low." });
  assert.deepEqual(challengeState(polyphonic, [row("polyphonic_rate", 0.503)], []), { met: false, words: "0.503: not exactly." });
  assert.deepEqual(challengeState(polyphonic, [row("polyphonic_rate", 0.5)], []), { met: true, words: "Done: 0.50." });
  assert.deepEqual(challengeState(find("of exactly 0.55"), [row("drum_in_pattern", null)], []), { met: false, words: "Nothing to measure yet." });
});

test("a challenge with a second wish is not done by the first alone", () => {
  const strokes = (count) => Array.from({ length: count }, (_, index) => [TONES, index * 2, 1]);
  assert.equal(challengeState(find("eight strokes"), [row("drum_in_pattern", 1)], strokes(7)).met, false);
  assert.equal(challengeState(find("eight strokes"), [row("drum_in_pattern", 1)], strokes(8)).met, true);
  const six = (scale) => [row("distinct_pitches_per_bar", 6, { maximum: 16 }), row("in_scale_ratio", scale)];
  assert.equal(challengeState(find("Six pitches"), six(0.9), []).met, false);
  assert.equal(challengeState(find("Six pitches"), six(1), []).met, true);
});

test("every number in its band: those without a band are not asked", () => {
  const rows = [row("a", 0.5, { low: 0.4, high: 0.6 }), row("b", 0.9, { low: 0, high: 0.8 }), row("c", null), row("d", 0.2, { low: null, high: null })];
  assert.deepEqual(challengeState(find("Every number"), rows, [[0, 0, 1]]), { met: false, words: "1 of 2 are." });
  rows[1].value = 0.8;
  assert.deepEqual(challengeState(find("Every number"), rows, [[0, 0, 1]]), { met: true, words: "Done: all 2. Play it." });
  assert.equal(liesIn(row("a", 0.9796, { low: 0.87, high: 0.9798 })), true);
});

test("guesses are scored as shares of the scale, and only those that were made", () => {
  const rows = [row("a", 0.5), row("b", 8, { maximum: 16 }), row("c", null), row("d", 1)];
  const score = scoreOf(rows, { a: 0.45, b: 4, c: 1 });
  assert.equal(score.count, 2);
  assert.equal(score.near, 1);
  assert.ok(Math.abs(score.error - (0.05 + 0.25) / 2) < 1e-12);
  assert.equal(score.words, "1 of 2 within a tenth of the scale; off by 15 % of it on average.");
  assert.equal(scoreOf(rows, {}).count, 0);
});

test("the note that sounds there", () => {
  const notes = [[4, 0, 2], [4, 2, 1]];
  assert.equal(noteAt(notes, 4, 1), notes[0]);
  assert.equal(noteAt(notes, 4, 2), notes[1]);
  assert.equal(noteAt(notes, 4, 3), undefined);
});
