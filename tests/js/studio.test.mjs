// What the studio's steps share: how changes are merged, and whose tracks are muted.
import assert from "node:assert/strict";
import { test } from "node:test";
import { counted, merged, StudioApp } from "../../deepcomposer_lab/widgets/js/parts/studio_app.js";

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
  app.forgetMix(composition);
  app.hear(composition, four);
  assert.deepEqual(transport.mix.map(({ muted }) => muted), [false, false, false, false]);
});
