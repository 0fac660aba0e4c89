// What the scrubber reads from the kernel: the clock of the music, the notes' lives, the packed opinions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { beatAt, cellsOf, stateOf } from "../../deepcomposer_lab/widgets/js/edit_scrubber.js";

test("the clock is straight between its points, and ends where they end", () => {
  const clock = [[0.5, 0], [2.5, 4], [3.5, 5]]; // 120 beats a minute, then 60; half a second of lead
  assert.equal(beatAt(clock, 0), 0);
  assert.equal(beatAt(clock, 1.5), 2);
  assert.equal(beatAt(clock, 2.5), 4);
  assert.equal(beatAt(clock, 3), 4.5);
  assert.equal(beatAt(clock, 99), 5);
});

test("a note is not there, then in, then gone", () => {
  const states = (came, went) => [0, 1, 2, 3].map((edits) => stateOf([0, 60, 1, 0, came, went], edits));
  assert.deepEqual(states(0, 0), ["in", "in", "in", "in"]);
  assert.deepEqual(states(2, 0), ["", "", "in", "in"]);
  assert.deepEqual(states(1, 3), ["", "in", "in", "gone"]);
});

test("four bytes are a cell: a step of two, a pitch with its kind, a probability", () => {
  const heat = new DataView(new Uint8Array([1, 0, 60, 255, 0, 1, 128 + 61, 51]).buffer);
  assert.deepEqual(cellsOf(heat, [1, 1, 2], 1), [{ step: 1, pitch: 60, removes: false, probability: 1 }]);
  assert.deepEqual(cellsOf(heat, [1, 1, 2], 2), []);
  assert.deepEqual(cellsOf(heat, [1, 1, 2], 3), [{ step: 256, pitch: 61, removes: true, probability: 0.2 }]);
});
