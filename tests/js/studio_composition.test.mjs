// Step 3 of the studio: what is kept, what other views drew, what sounds, and the drawer beside it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Transport } from "../../deepcomposer_lab/widgets/js/lib/sound_page.js";
import { StudioApp } from "../../deepcomposer_lab/widgets/js/parts/studio_app.js";
import { asMixed, StudioComposition } from "../../deepcomposer_lab/widgets/js/parts/studio_composition.js";
import { StudioDrawer } from "../../deepcomposer_lab/widgets/js/parts/studio_drawer.js";

const pieceOf = (title, count = 1) => ({
  title, pickup: 0, tempos: [[0, 120]], metres: [[0, 4, 4]],
  tracks: Array.from({ length: count }, (_, index) => ({ name: `Track ${index}`, program: 0, is_drum: false, notes: [[0, 60 - index, 40, 80]] })),
});
const moment = (milliseconds = 20) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const nothing = () => {};

/** A step 3 on which a composition is open; what it does beside its notes is written down. */
function opened({ edits = null, answers = {}, ...more } = {}) {
  const done = [], patches = [];
  const noted = Object.fromEntries(["_sound", "_measure", "_engraveSoon", "_showCounts", "_history", "update"].map((name) => [name, () => done.push(name)]));
  const app = {
    state: { edits, result_id: "one", step: 3 }, compositions: [], settle: async () => {}, toast: (words) => done.push(words), say: nothing, go: nothing,
    patch: (change) => patches.push(change), ask: async (what, values) => { done.push(what); return answers[what]?.(values) ?? null; }, setMix: nothing,
  };
  const roll = { atRest: async () => {}, setPiece(piece) { this.piece = piece; }, canUndo: true, canRedo: false, changes: null };
  const step = Object.assign(Object.create(StudioComposition.prototype), noted, {
    app, roll, done, patches, opened: { id: "one", piece: pieceOf("One") }, piece: pieceOf("One"), keepButton: { hidden: true }, list: { show: nothing }, notation: { hidden: true },
    beforeWords: {}, isEdited: false, heard: "after", _here: "here", _edits: 0, _seenEdits: "", _isAdopted: false, _opening: null, _failed: null, _keeping: null, _kept: null,
    ...Object.fromEntries(["_present", "_sidesShown", "_showBefore", "_showTitle", "_showTracks", "_showMetrics", "_follow"].map((name) => [name, nothing])), ...more,
  });
  return step;
}

test("what another view drew is seen, heard, measured and engraved; one's own is not taken over", async () => {
  const edits = { id: "one", piece: pieceOf("Drawn"), by: "there", number: 1 };
  const step = opened({ edits, notation: { hidden: false } });
  await step._adopt();
  assert.equal(step.roll.piece, edits.piece);
  assert.equal(step.keepButton.hidden, false);
  for (const name of ["_sound", "_measure", "_engraveSoon"]) assert.ok(step.done.includes(name), name);
  const own = opened({ edits: { ...edits, by: "here" } });
  await own._adopt();
  assert.deepEqual([own.roll.piece, own.done], [undefined, []]);
});

test("an undo while the score is shown engraves it again", () => {
  const step = opened({ notation: { hidden: false } });
  step._edited(pieceOf("Undone"));
  assert.ok(step.done.includes("_engraveSoon"));
});

test("edits that cannot be kept stay in front; those that can let the other open", async () => {
  const other = () => ({ piece: pieceOf("Two"), before: null, metrics: [], lineage: [] });
  const refused = opened({ isEdited: true, answers: { open: other } });
  await refused.open("two");
  assert.deepEqual([refused.opened.id, refused.isEdited], ["one", true]);
  assert.deepEqual(refused.patches, [{ result_id: "one" }]);
  assert.ok(!refused.done.includes("open"));
  const kept = opened({ isEdited: true, answers: { open: other, keep: ({ opens }) => ({ id: opens ? "wrong" : "three" }) } });
  await kept.open("two");
  assert.deepEqual([kept.opened.id, kept.isEdited], ["two", false]);
  assert.ok(kept.done.some((words) => words.includes("kept as a composition of their own")));
});

test("another piece that is compared with is heard where \"before\" is, and measured", async () => {
  const step = opened({ heard: "before", answers: { peek: () => ({ piece: pieceOf("Other") }) } });
  await step.compareWith("two");
  assert.equal(step.before.title, "Other");
  assert.deepEqual(step.done.filter((name) => ["_sound", "_measure"].includes(name)), ["_sound", "_measure"]);
});

test("WAV that the kernel renders is what is heard here", async () => {
  const piece = pieceOf("Two tracks", 2), asked = [];
  const transport = { mix: [{ volume: 0.8 }, { volume: 0.8 }], isHeard: (/** @type {number} */ index) => index === 0 };
  const step = opened({ piece, answers: { export: (values) => { asked.push(values); } } });
  Object.assign(step.app, { transport, sound: { renderWav: async () => { throw new Error("It cannot."); } } });
  await step._export("wav", { getAttribute: nothing, setAttribute: nothing, removeAttribute: nothing });
  assert.deepEqual(asked[0].piece.tracks.map(({ notes }) => notes.length), [1, 0]);
});

test("what is exported as sound has only what is heard, as loud as it is", () => {
  const note = (pitch, velocity) => [0, pitch, 1, velocity];
  const piece = { title: "Four", tracks: [{ notes: [note(60, 80)] }, { notes: [note(48, 90)] }, { notes: [note(36, 100), note(38, 120)] }, { notes: [note(50, 80)] }] };
  const before = structuredClone(piece);
  const mixed = asMixed(piece, { mix: [{ volume: 0.4 }, { volume: 0.8 }, { volume: 1 }, { volume: 0 }], isHeard: (index) => index !== 1 });
  assert.deepEqual(mixed.tracks.map(({ notes }) => notes), [[note(60, 40)], [], [note(36, 125), note(38, 127)], []]);
  assert.deepEqual(piece, before);
});

/** A drawer over a sound that nobody hears. */
function drawerOf(ask) {
  const sound = { playing: null, synthesizer: null, latency: 0, now: () => 0, enable: async () => {}, takeBank: () => 1, setProgram: nothing, tone: () => ({ stop: nothing }) };
  const app = { sound, ask, state: {}, toast: () => ({ isConnected: true, remove: nothing }) };
  return Object.assign(Object.create(StudioDrawer.prototype), { app, transport: new Transport(/** @type {any} */ (sound)), playing: "", element: { hidden: false }, rows: new Map(), search: { focus: nothing }, _deleted: null });
}

test("closed before its piece came, the drawer stays silent", async () => {
  /** @type {any} */
  let answer = null;
  const drawer = drawerOf(() => new Promise((resolve) => { answer = resolve; })), played = drawer._play("one");
  drawer.close();
  answer({ piece: pieceOf("One") });
  await played;
  await moment();
  const sounds = drawer.transport.isPlaying;
  drawer.transport.dispose();
  assert.equal(sounds, false);
});

test("closed, or what plays deleted, it falls silent", async () => {
  for (const end of [(drawer) => drawer.close(), (drawer) => drawer._delete({ id: "one" })]) {
    const drawer = drawerOf(async (what) => (what === "peek" ? { piece: pieceOf("One") } : null));
    await drawer._play("one");
    await moment();
    assert.ok(drawer.transport.isPlaying);
    await end(drawer);
    assert.equal(drawer.transport.isPlaying, false);
  }
});

test("several deletions are one message, whose way back brings all of them", async () => {
  const asked = [], told = [];
  const drawer = drawerOf(async (what, { id }) => { asked.push([what, id]); return {}; });
  drawer.app.state = { result_id: null };
  drawer.app.toast = (words, options) => { told.push([words, options]); return { isConnected: true, remove: nothing }; };
  for (const id of ["one", "two", "three"]) await drawer._delete({ id, title: "Ode", how: "AR-CNN", created: new Date().toISOString(), seconds: 5 });
  assert.match(told[0][0], /^Deleted “Ode” \(AR-CNN, just now/);
  assert.equal(told[2][0], "Deleted 3 compositions.");
  await told[2][1].onaction();
  assert.deepEqual(asked.filter(([what]) => what === "restore").map(([, id]) => id), ["one", "two", "three"]);
});

test("a message with a way back is not taken away by others, nor one in somebody's hand", () => {
  const place = { children: /** @type {any[]} */ ([]) };
  const app = Object.assign(Object.create(StudioApp.prototype), { toasts: place });
  const tell = (name, { action = false, held = false } = {}) => {
    place.children.push({ name, hasAttribute: () => action, matches: () => held, remove() { place.children.splice(place.children.indexOf(this), 1); } });
    app._dropToast();
    return place.children.map((one) => one.name).join("");
  };
  assert.equal(tell("a", { action: true }), "a");
  assert.equal(tell("b"), "ab");
  assert.equal(tell("c"), "ac");
  assert.equal(tell("d", { held: true }), "ad");
  assert.equal(tell("e"), "ade");
});
