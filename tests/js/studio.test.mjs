// What the studio's steps share: how changes are merged, and whose tracks are muted.
import assert from "node:assert/strict";
import { test } from "node:test";
import { shapeOf, patternOf } from "../../deepcomposer_lab/widgets/js/lib/theme.js";
import { counted, merged, StudioApp } from "../../deepcomposer_lab/widgets/js/parts/studio_app.js";
import { inside } from "../../deepcomposer_lab/widgets/js/parts/studio_input.js";
import { endOfBars } from "../../deepcomposer_lab/widgets/js/parts/transport.js";
import { without } from "../../deepcomposer_lab/widgets/js/parts/studio_band.js";

test("settings and technique are merged, all else is replaced, and nothing is changed in place", () => {
  const state = { step: 1, settings: { pitch: 0, tempo: 100 }, technique: { name: "gan", parameters: { a: 1 } }, edits: { id: "x" } };
  const before = structuredClone(state);
  const after = merged(state, { step: 2, settings: { pitch: 3 }, technique: { parameters: { b: 2 } }, edits: null });
  assert.deepEqual(after, { step: 2, settings: { pitch: 3, tempo: 100 }, technique: { name: "gan", parameters: { b: 2 } }, edits: null });
  assert.deepEqual(state, before);
});

test("numbers of things are words", () => {
  assert.deepEqual([0, 1, 2, 20_000].map((count) => counted(count, "note")), ["0 notes", "1 note", "2 notes", "20,000 notes"]);
});

test("each step has a mix of its own", () => {
  /** A transport as the studio sees it. */
  const transport = { mix: [], setPiece({ tracks }) { this.mix = tracks.map((_, index) => this.mix[index] ?? { muted: false }); } };
  const app = Object.assign(Object.create(StudioApp.prototype), { transport, _heard: null });
  const input = { mix: [] }, composition = { mix: [] }, one = { tracks: [1] }, four = { tracks: [1, 2, 3, 4] };
  app.hear(input, one);
  transport.mix[0].muted = true;
  app.hear(composition, four);
  assert.deepEqual(transport.mix.map(({ muted }) => muted), [false, false, false, false]);
  transport.mix[2].muted = true;
  app.hear(input, one);
  assert.deepEqual(transport.mix.map(({ muted }) => muted), [true]);
  app.hear(composition, four);
  assert.deepEqual(transport.mix.map(({ muted }) => muted), [false, false, true, false]);
  app.setMix(composition);
  app.hear(composition, four);
  assert.deepEqual(transport.mix.map(({ muted }) => muted), [false, false, false, false]);
});

test("what is asked while a change is on its way comes in the order it was asked", async () => {
  const asked = [], answers = [];
  const app = Object.assign(Object.create(StudioApp.prototype), {
    _pending: { step: 2 }, _underway: new Set(), _follow() {}, _timer: 0, _sending: Promise.resolve(),
    ask: (what) => { asked.push(what); return new Promise((resolve) => answers.push(resolve)); },
  });
  const edit = async (name) => { await app.settle(); app.ask(name); };
  const both = [edit("first"), edit("second")]; // the second finds nothing that waits any more
  await Promise.resolve();
  assert.deepEqual(asked, ["set"]);
  answers[0]();
  await Promise.all(both);
  assert.deepEqual(asked, ["set", "first", "second"]);
});

test("thirty-six tracks look like none before them", () => {
  const looks = Array.from({ length: 36 }, (_, track) => `${track % 6} ${patternOf(track)}`);
  assert.equal(new Set(looks).size, 36);
  assert.deepEqual([0, 1, 5, 6, 11].map(patternOf), [0, 1, 5, 1, 0]);
  assert.notEqual(shapeOf(0), shapeOf(6));
});

test("a mapping loses a name, and is gone with its last one", () => {
  const seeds = { drums: 5, bass: 7 };
  assert.deepEqual(without(seeds, "drums"), { bass: 7 });
  assert.equal(without({ drums: 5 }, "drums"), null);
  assert.equal(without(null, "drums"), null);
  assert.deepEqual(seeds, { drums: 5, bass: 7 });
});

const notesOn = (...onsets) => ({ tracks: [{ notes: onsets.map((onset) => [onset, 60, 1, 80]) }], tempos: [[0, 100]], pickup: 0, metres: [[0, 4, 4]] });

test("notes and bars are counted within the trim", () => {
  const piece = notesOn(0, 1, 2, 3, 4, 5, 6, 7, 8);
  assert.deepEqual(inside(piece, [0, Infinity]), { notes: 9, bars: 3 });
  assert.deepEqual(inside(piece, [0, 4]), { notes: 4, bars: 1 });
  assert.deepEqual(inside(piece, [3.5, 5]), { notes: 2, bars: 2 }); // what sounds at its beginning is in
  assert.deepEqual(inside(piece, [20, 24]), { notes: 0, bars: 0 });
});

test("all is repeated to the end of its last bar, in any metre", () => {
  const end = (piece, range = null) => endOfBars({ piece, range, end: Math.min(range?.[1] ?? Infinity, Math.max(...piece.tracks[0].notes.map(([onset, , duration]) => onset + duration))) });
  assert.equal(end(notesOn(0, 4)), 8);
  assert.equal(end(notesOn(0, 3)), 4); // a full bar
  const waltz = { ...notesOn(0, 12), metres: [[0, 3, 4]] };
  assert.equal(end(waltz), 15);
  assert.equal(end({ ...waltz, pickup: 1 }), 13); // bars begin at 1, 4, 7, 10
  assert.equal(end({ ...notesOn(0, 12), metres: [[0, 6, 8]] }), 15);
  assert.equal(end(notesOn(0, 4, 8), [0, 6]), 6); // the part that is heard
});
