// What a transport hands to the synthesiser where only a part of the piece is to be heard.
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyPiece } from "../../deepcomposer_lab/widgets/js/lib/piece.js";
import { Transport } from "../../deepcomposer_lab/widgets/js/lib/sound_page.js";

const START = 0.06; // s between the wish to play and the first note

/** A transport on a clock that is moved by hand; `sent` are pitch, beginning and end in seconds from the start. */
function onAClock(notes, range) {
  const clock = { now: 0 }, sent = [];
  const at = (/** @type {number} */ time) => +(time - START).toFixed(2);
  const synthesizer = {
    noteOn: (_, pitch, __, { time }) => sent.push([pitch, at(time)]), noteOff: (_, pitch, { time }) => sent.findLast((one) => one[0] === pitch).push(at(time)), controllerChange() {},
  };
  const sound = { latency: 0, playing: null, now: () => clock.now, takeBank: () => 1, setProgram() {}, enable: async () => {}, synthesizer };
  const transport = new Transport(/** @type {any} */ (sound));
  const piece = emptyPiece("A piece", 60);
  transport.setPiece({ ...piece, tracks: [{ ...piece.tracks[0], notes }] });
  transport.range = range;
  const run = (until) => { clearInterval(transport._timer); while (transport.isPlaying && clock.now < until) { clock.now += 0.08; transport._schedule(); } };
  return { transport, sent, run };
}

const six = [0, 1, 2, 3, 4, 5].map((beat) => [beat, 60 + beat, 1, 80]);

test("nothing that begins at the end of the range or after it is handed on", async () => {
  const { transport, sent, run } = onAClock(six, [0, 3]);
  await transport.play();
  run(10);
  assert.deepEqual(sent.map(([pitch]) => pitch), [60, 61, 62]);
  assert.equal(transport.isPlaying, false);
});

test("a note that crosses a border of the range sounds as far as it lies inside", async () => {
  const { transport, sent, run } = onAClock([[0, 60, 2, 80], [2, 62, 4, 80]], [1, 4]);
  await transport.play();
  run(10);
  assert.deepEqual(sent, [[60, 0, 1], [62, 1, 3]]);
});

test("a range that changes while it plays is heard at once", async () => {
  const { transport, sent, run } = onAClock(six, null);
  await transport.play();
  run(1.5);
  sent.length = 0;
  transport.range = [0, 4];
  run(10);
  assert.deepEqual(sent.map(([pitch]) => pitch), [62, 63]);
});
