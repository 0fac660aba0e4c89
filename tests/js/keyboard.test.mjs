// Which keys there are, where they lie, what plays them; and the notes of a recording.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CODES, codeOfPitch, homeOctave, keyAt, keysBetween, labelOf, pitchOfCode, SIZES, sizeWith, velocityAt,
} from "../../deepcomposer_lab/widgets/js/lib/keyboard_layout.js";
import { clipped, soundingAt, trimmed, trimmedPickup } from "../../deepcomposer_lab/widgets/js/lib/melody_rows.js";
import { isBlackKey } from "../../deepcomposer_lab/widgets/js/lib/piece.js";

test("the letters are those of the original, left to right", () => {
  const whites = "A S D F G H J K L ; ' M , . / Z C B N".split(" ");
  const blacks = "W E R T Y U O P [ ] \\ X V".split(" ");
  const labels = (isBlack) => CODES.filter((code) => isBlackKey(pitchOfCode(code)) === isBlack).map((code) => labelOf(code));
  assert.deepEqual(labels(false), whites);
  assert.deepEqual(labels(true), blacks);
  assert.equal(pitchOfCode("KeyA"), 41);
  assert.equal(pitchOfCode("KeyN"), 72);
  assert.equal(pitchOfCode("KeyN", -1), 60);
  assert.equal(pitchOfCode("KeyQ"), null);
  for (const code of CODES) assert.equal(codeOfPitch(pitchOfCode(code, 2), 2), code);
});

test("a board with other letters shows its own; a letter without a capital stays", () => {
  const german = new Map([["KeyZ", "y"], ["Semicolon", "ö"], ["Minus", "ß"]]);
  assert.equal(labelOf("KeyZ", german), "Y");
  assert.equal(labelOf("Semicolon", german), "Ö");
  assert.equal(labelOf("Minus", german), "ß");
  assert.equal(labelOf("Slash", german), "/");
});

test("32 keys are 19 white and 13 black; white ones fill the width, black ones lie over their borders", () => {
  const keys = keysBetween(41, 72), whites = keys.filter((key) => !key.isBlack), blacks = keys.filter((key) => key.isBlack);
  assert.deepEqual([whites.length, blacks.length], [19, 13]);
  assert.ok(Math.abs(whites.reduce((sum, key) => sum + key.width, 0) - 1) < 1e-12);
  for (const black of blacks) {
    const [below, above] = [black.pitch - 1, black.pitch + 1].map((pitch) => keys.find((key) => key.pitch === pitch));
    assert.ok(black.x > below.x && black.x + black.width < above.x + above.width);
  }
  assert.equal(keysBetween(21, 108).length, 88);
});

test("every key is found under its own middle, the black ones above the white", () => {
  const keys = keysBetween(21, 108);
  for (const key of keys) {
    const x = key.x + key.width / 2;
    assert.equal(keyAt(keys, x, key.isBlack ? 0.3 : 0.9).pitch, key.pitch);
  }
  assert.equal(keyAt(keys, 1.01, 0.5), null);
});

test("the front edge of a key is louder; velocities stay those of MIDI", () => {
  assert.ok(velocityAt(0.1) < velocityAt(0.5) && velocityAt(0.5) < velocityAt(1));
  assert.equal(velocityAt(1, 127), 127);
  assert.equal(velocityAt(0, 1), 1);
});

test("the letters begin at the octave where most of them are on the keyboard", () => {
  assert.equal(homeOctave(41, 72), 0);
  assert.equal(homeOctave(21, 108), 0);
  assert.equal(homeOctave(60, 72), 0); // they are all on it already
  for (const [low, high] of [[72, 96], [21, 40], [84, 108]]) {
    const on = (octaves) => CODES.filter((code) => pitchOfCode(code, octaves) >= low && pitchOfCode(code, octaves) <= high).length;
    const best = Math.max(...[-2, -1, 0, 1, 2, 3, 4].map(on));
    assert.equal(on(homeOctave(low, high)), best);
  }
});

test("a keyboard grows to the next usual size that holds what is played", () => {
  assert.deepEqual(sizeWith(41, 72, 74), [36, 84]);
  assert.deepEqual(sizeWith(41, 72, 30), [21, 108]);
  assert.equal(sizeWith(41, 72, 10), null);
  for (const [low, high, name] of SIZES) assert.equal(high - low + 1, Number.parseInt(name, 10));
});

const ROWS = [[0, 60, 1, 80], [1, 62, 2, 70], [3.5, 64, 0.5, 60]];

test("trimming keeps what sounds between the handles, cut there", () => {
  assert.deepEqual(clipped(ROWS, null), ROWS);
  assert.deepEqual(clipped(ROWS, [0.5, 2]), [[0.5, 60, 0.5, 80], [1, 62, 1, 70]]);
  assert.deepEqual(trimmed(ROWS, [2, 4]), [[0, 62, 1, 70], [1.5, 64, 0.5, 60]]);
  assert.deepEqual(trimmed(ROWS, [3, 3.5]), []); // one ends where it begins, the other begins where it ends
});

test("what sounds is what began and has not ended", () => {
  assert.deepEqual(soundingAt(ROWS, 0), [60]);
  assert.deepEqual(soundingAt(ROWS, 1), [62]); // half open
  assert.deepEqual(soundingAt(ROWS, 3), []);
});

test("the bar lines stay where the notes had them", () => {
  for (const [start, pickup, bar, wanted] of [[0, 0, 4, 0], [1, 0, 4, 3], [4, 0, 4, 0], [0.5, 1, 4, 0.5], [2, 1, 3, 2], [4, 1, 3, 0]]) {
    assert.ok(Math.abs(trimmedPickup(start, pickup, bar) - wanted) < 1e-9, `${start} ${pickup} ${bar}`);
  }
});
