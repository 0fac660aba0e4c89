// Step 1 of the studio before a kernel that takes its time: what is seen and what the kernel has are the same in the end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../../deepcomposer_lab/widgets/js/lib/history.js";
import { merged, StudioApp } from "../../deepcomposer_lab/widgets/js/parts/studio_app.js";
import { StudioInput } from "../../deepcomposer_lab/widgets/js/parts/studio_input.js";

const pieceOf = (...pitches) => ({
  title: "A melody", tempos: [[0, 100]], pickup: 0, metres: [[0, 4, 4]],
  tracks: [{ name: "Melody", program: 0, is_drum: false, notes: pitches.map((pitch, index) => [index, pitch, 1, 80]) }],
});
const pitches = (piece) => piece.tracks[0].notes.map((note) => note[1]);
const withNotes = (piece, change) => ({ ...piece, tracks: [{ ...piece.tracks[0], notes: change(piece.tracks[0].notes) }] });
const moment = () => new Promise((resolve) => setTimeout(resolve, 1));

/** A kernel that answers one question after the other, each when it is let. */
class SlowKernel {
  constructor() {
    this.state = { step: 1, source: "sample", input: pieceOf(60), input_id: null, settings: { rhythm_assist: false, tempo: 100, pitch: 0, trim: null } };
    this.questions = [];
  }

  get prepared() {
    const { input, settings } = this.state;
    return { piece: withNotes(input, (notes) => notes.map(([onset, pitch, ...more]) => [onset, pitch + settings.pitch, ...more])), ghost: null, settings };
  }

  take({ what, values }) {
    if (what === "set") this.state = merged(this.state, values.patch);
    if (what === "input") this.state = merged(this.state, { input: values.piece, input_id: values.input_id, settings: values.settings });
    if (what === "use") this.state = { ...this.state, input: pieceOf(72, 74), input_id: "a composition", settings: { ...this.state.settings, tempo: 120, pitch: 0 } };
    return this.prepared;
  }
}

/** The page's step before it, its roll a list of notes; `hand` is what the pointer does. */
function opened() {
  const kernel = new SlowKernel();
  const app = Object.assign(Object.create(StudioApp.prototype), {
    model: { get: () => kernel.state }, state: kernel.state, transport: { loop: null, stop() {} },
    _pending: null, _underway: new Set(), _timer: 0, _sending: Promise.resolve(),
    ask: (what, values = {}) => new Promise((resolve) => { kernel.questions.push({ what, values, resolve }); }),
    dispatchEvent: () => input._followInput(), hear() {}, say() {}, toast() {},
  });
  const roll = {
    notes: [null], hand: null, seen: kernel.prepared.piece, setGhost() {}, setPiece(piece) { this.seen = piece; },
    async atRest() { while (this.hand) await moment(); },
  };
  const input = Object.assign(Object.create(StudioInput.prototype), {
    app, roll, _asked: 0, _count: 0, _newest: 0, _unsent: 0, _basis: kernel.state.settings, _wanted: kernel.state.settings,
    _seenSettings: JSON.stringify(kernel.state.settings), _known: { input: kernel.state.input, text: JSON.stringify(kernel.state.input) },
    shown: kernel.prepared.piece, ghost: null, recorder: { state: "idle" }, keyboard: {}, update() {}, _showTracks() {},
  });
  input.history = new History(input._snapshot());
  const draw = (pitch) => {
    roll.seen = withNotes(roll.seen, (notes) => [...notes, [notes.length, pitch, 1, 80]]);
    input._editing = input._edited({ piece: roll.seen, reason: "a note added" });
  };
  const answer = async () => {
    await moment();
    const question = kernel.questions.shift();
    if (!question) return null;
    const value = kernel.take(question);
    app._follow();
    question.resolve(value);
    await moment();
    return question.what;
  };
  const settled = async () => {
    while (await answer());
    clearTimeout(app._timer);
    assert.deepEqual(pitches(roll.seen), pitches(kernel.prepared.piece), "what is seen is not what the kernel has");
    assert.deepEqual(app.state.settings, kernel.state.settings);
    return pitches(roll.seen);
  };
  return { kernel, app, input, roll, draw, answer, settled };
}

for (const setting of [{ pitch: 2 }, { tempo: 60 }, { trim: [0, 1] }]) {
  const [name] = Object.keys(setting), by = setting.pitch ?? 0;
  test(`a note that is drawn while the ${name} is on its way stays, and so does the ${name}`, async () => {
    const { kernel, input, draw, settled } = opened();
    input._change(setting);
    draw(64);
    assert.deepEqual(await settled(), [60 + by, 64 + by]);
    assert.deepEqual(kernel.state.settings[name], setting[name]);
  });
}

test("every note stays that is drawn while a setting is on its way, whatever is answered between them", async () => {
  const { input, draw, answer, settled } = opened();
  input._change({ pitch: 2 });
  draw(64);
  draw(65);
  while (await answer() !== "input");
  draw(67);
  assert.deepEqual(await settled(), [62, 66, 67, 69]);
});

test("a setting that is chosen after a note was drawn is applied to it", async () => {
  const { app, input, draw, settled } = opened();
  input._change({ tempo: 60 });
  app.settle();
  draw(64);
  input._change({ pitch: 2 });
  assert.deepEqual(await settled(), [62, 66]);
  assert.deepEqual(input.history.states.map(({ reason }) => reason).filter((reason) => reason === "settings").length, 2, "a change of one's own is no news");
});

test("what was moved in pitch and is drawn on is not moved again", async () => {
  const { kernel, input, draw, settled } = opened();
  input._change({ pitch: 2 });
  assert.deepEqual(await settled(), [62]);
  draw(64);
  draw(65);
  assert.deepEqual(await settled(), [62, 64, 65]);
  assert.equal(kernel.state.settings.pitch, 0);
});

test("a note that is drawn while another input is on its way belongs to what was seen", async () => {
  const { kernel, input, draw, settled } = opened();
  input._ask("use", {}, "another input");
  await moment();
  draw(64);
  assert.deepEqual(await settled(), [60, 64]);
  assert.deepEqual([kernel.state.input_id, kernel.state.settings.tempo], [null, 100]);
});

test("a note that is drawn while an undo is on its way belongs to what was seen", async () => {
  const { input, draw, settled } = opened();
  draw(64);
  await settled();
  input.undo();
  await moment();
  draw(65);
  assert.deepEqual(await settled(), [60, 64, 65]);
});

test("an undo is of what was drawn last, though the kernel has not answered it yet", async () => {
  const { input, draw, settled } = opened();
  draw(64);
  await settled();
  draw(65);
  input.undo();
  assert.deepEqual(await settled(), [60, 64]);
});

test("nothing is taken out of a hand that draws, and the newest answer is shown after it", async () => {
  const { input, roll, answer, settled } = opened(), before = roll.seen;
  roll.hand = { kind: "ruler" };
  input._change({ pitch: 1 });
  while (await answer());
  input._ask("use", {}, "another input");
  while (await answer());
  assert.equal(roll.seen, before);
  roll.hand = null;
  for (let wait = 0; wait < 5; wait++) await moment();
  assert.deepEqual(await settled(), [72, 74]);
});

test("of two answers that wait for a hand the later one stays", async () => {
  const { input, roll } = opened(), answers = [pieceOf(1), pieceOf(2)].map((piece) => ({ piece, ghost: null, settings: input._basis }));
  await Promise.all([input._showIfNewest(answers[1], 2, { fit: false }), input._showIfNewest(answers[0], 1, { fit: false })]);
  assert.equal(roll.seen, answers[1].piece);
});

test("an overdub keeps the settings that what it was played to did not have", async () => {
  const { kernel, input, settled } = opened();
  input._overdub = input.shown;
  input._overdubBasis = input._basis;
  input.recorder = { state: "recording", stop() { this.state = "idle"; return [[1, 53, 1, 80]]; } };
  input._change({ pitch: 2 });
  await settled().catch(() => {}); // while it records, the roll shows what is recorded
  input.record();
  assert.deepEqual(await settled(), [62, 55]);
  assert.equal(kernel.state.settings.pitch, 2);
});

test("an edit with no setting on its way leaves the roll as it is, with what is chosen on it", async () => {
  const { roll, draw, settled } = opened();
  draw(64);
  const drawn = roll.seen;
  await settled();
  assert.equal(roll.seen, drawn);
});
