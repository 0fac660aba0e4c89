// What a piano roll does to notes, what can be undone, and where things are on the screen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../../deepcomposer_lab/widgets/js/lib/history.js";
import { emptyPiece } from "../../deepcomposer_lab/widgets/js/lib/piece.js";
import {
  added, compared, LEAST_DURATION, moved, notesOf, quantised, removed, resized, revoiced, withNotes,
} from "../../deepcomposer_lab/widgets/js/lib/roll_notes.js";
import { beatOf, pitchOf, pitchRange, seenOf, xOf, yOf, zoomed } from "../../deepcomposer_lab/widgets/js/lib/roll_view.js";

let seed = 1;
/** The same numbers each time (Park and Miller's generator). */
const chance = (low, high) => { seed = (seed * 48271) % 2147483647; return low + (seed % (high - low + 1)); };
const track = (notes, more = {}) => ({ name: "A", program: 0, is_drum: false, notes, ...more });
const some = (count) => Array.from({ length: count }, () => [chance(0, 64) / 4, chance(30, 90), chance(1, 8) / 4, chance(1, 127)]);
const rows = (notes) => notes.map(({ onset, pitch, duration, velocity, track }) => [track, onset, pitch, duration, velocity].join()).sort();

test("a piece taken apart and put together is the same piece", () => {
  const piece = { ...emptyPiece(), tracks: [track(some(40)), track(some(20), { is_drum: true })], metres: [[0, 3, 4]] };
  const again = withNotes(piece, notesOf(piece));
  assert.deepEqual(rows(notesOf(again)), rows(notesOf(piece)));
  assert.deepEqual({ ...again, tracks: null }, { ...piece, tracks: null });
});

test("no edit changes the list that it was given", () => {
  const notes = notesOf({ ...emptyPiece(), tracks: [track(some(12))] }), ids = new Set(notes.slice(0, 5).map((note) => note.id));
  const before = JSON.stringify(notes);
  added(notes, [{ track: 0, onset: 1, pitch: 60, duration: 1, velocity: 80 }]);
  removed(notes, ids); moved(notes, ids, 1, 2); resized(notes, ids, 1); revoiced(notes, ids, () => 9); quantised(notes, ids, 0.5);
  assert.equal(JSON.stringify(notes), before);
});

test("beside notes with a pitch a drum keeps its drum, alone it moves", () => {
  const notes = notesOf({ ...emptyPiece(), tracks: [track([[0, 60, 1, 80]]), track([[0, 36, 1, 80], [1, 38, 1, 80]], { is_drum: true })] });
  const isDrum = (/** @type {number} */ index) => index === 1;
  const pitches = (list) => list.map((note) => [note.track, note.onset, note.pitch]).sort();
  const all = new Set(notes.map((note) => note.id)), drums = new Set(notes.filter((note) => note.track === 1).map((note) => note.id));
  assert.deepEqual(pitches(moved(notes, all, 2, 5, isDrum)), [[0, 2, 65], [1, 2, 36], [1, 3, 38]]);
  assert.deepEqual(pitches(moved(notes, all, 0, 100, isDrum)), [[0, 0, 127], [1, 0, 36], [1, 1, 38]]); // and bounds nobody
  assert.deepEqual(pitches(moved(notes, drums, 0, 2, isDrum)), [[0, 0, 60], [1, 0, 38], [1, 1, 40]]);
});

test("chosen notes move together, no further than the first that would leave", () => {
  const notes = notesOf({ ...emptyPiece(), tracks: [track([[1, 125, 1, 80], [2, 3, 1, 80], [5, 60, 1, 80]])] });
  const [a, b] = notes, both = new Set([a.id, b.id]);
  const shape = (list) => list.filter((note) => both.has(note.id)).map(({ onset, pitch }) => [onset, pitch]);
  assert.deepEqual(shape(moved(notes, both, -9, 12)), [[0, 127], [1, 5]]);
  assert.deepEqual(shape(moved(notes, both, 0.5, -12)), [[1.5, 122], [2.5, 0]]);
  assert.equal(moved(notes, both, -9, 12).find((note) => !both.has(note.id)).pitch, 60);
});

test("lengths and velocities stay within what a note can have", () => {
  const notes = notesOf({ ...emptyPiece(), tracks: [track([[0, 60, 1, 120]])] }), all = new Set([notes[0].id]);
  assert.equal(resized(notes, all, -5)[0].duration, LEAST_DURATION);
  assert.equal(revoiced(notes, all, (velocity) => velocity + 50)[0].velocity, 127);
  assert.equal(revoiced(notes, all, () => -3)[0].velocity, 1);
});

test("on the grid both ends lie on its lines, and no note is lost", () => {
  const notes = notesOf({ ...emptyPiece(), tracks: [track(some(60).map(([onset, ...rest]) => [onset + chance(0, 99) / 400, ...rest]))] });
  const after = quantised(notes, new Set(notes.map((note) => note.id)), 0.5);
  assert.equal(after.length, notes.length);
  for (const note of after) {
    assert.equal(note.onset % 0.5, 0);
    assert.equal(note.duration % 0.5, 0);
    assert.ok(note.duration >= 0.5);
    assert.ok(Math.abs(note.onset - notes.find((one) => one.id === note.id).onset) <= 0.25);
  }
});

test("a comparison accounts for every note, of doubled ones for each", () => {
  const before = { ...emptyPiece(), tracks: [track([[0, 60, 1, 80], [0, 60, 2, 80], [1, 62, 1, 80]])] };
  const after = { ...emptyPiece(), tracks: [track([[0, 60, 1, 80]]), track([[1, 62, 1, 80], [2, 64, 1, 80]])] };
  const { added: fresh, removed: gone, kept } = compared(before, after);
  assert.deepEqual([fresh.size, gone.length, kept], [1, 1, 2]);
  assert.deepEqual([gone[0].onset, gone[0].pitch], [0, 60]);
  for (let round = 0; round < 20; round++) {
    const [one, other] = [0, 1].map(() => ({ ...emptyPiece(), tracks: [track(some(chance(0, 30)))] }));
    const changes = compared(one, other);
    assert.equal(changes.kept + changes.removed.length, one.tracks[0].notes.length);
    assert.equal(compared(one, one).kept, one.tracks[0].notes.length);
  }
});

test("undo and redo walk the line of states; a new state cuts off what was ahead", () => {
  const history = new History("a");
  history.push("b", "to b");
  history.push("c", "to c");
  assert.deepEqual([history.undo(), history.undo(), history.undo()], ["b", "a", "a"]);
  assert.equal(history.canUndo, false);
  assert.equal(history.redo(), "b");
  history.push("d", "to d");
  assert.equal(history.canRedo, false);
  assert.deepEqual([history.undoes, history.undo(), history.undo()], ["to d", "b", "a"]);
  const short = new History(0, 3);
  for (let state = 1; state < 9; state++) short.push(state, "");
  assert.deepEqual([short.undo(), short.undo(), short.undo()], [7, 6, 6]);
});

test("beats and pitches are found where they are drawn", () => {
  const view = { start: 3, perBeat: 24, top: 84, row: 10, left: 36, width: 600, ruler: 24, rows: 25 };
  for (const beat of [3, 4.25, 20]) assert.equal(beatOf(view, xOf(view, beat)), beat);
  for (const pitch of [84, 61, 60]) for (const inside of [0, 5, 9.9]) assert.equal(pitchOf(view, yOf(view, pitch) + inside), pitch);
  for (const factor of [0.5, 1.3, 1000, 1e-9]) {
    const closer = zoomed(view, factor, 300);
    assert.ok(closer.perBeat >= 2 && closer.perBeat <= 400);
    if (closer.start > 0) assert.ok(Math.abs(beatOf(closer, 300) - beatOf(view, 300)) < 1e-9, "the beat under the pointer stays");
  }
});

test("what is shown holds what is played, two octaves at least, and lies within MIDI", () => {
  for (const pitches of [[60], [0], [127], [], [20, 110], [60, 62]]) {
    const { low, high } = pitchRange(pitches, 25);
    assert.ok(low >= 0 && high <= 127 && high - low + 1 >= 25, `${pitches}: ${low}–${high}`);
    for (const pitch of pitches) assert.ok(pitch >= low && pitch <= high);
  }
});

test("drawn are the notes that are seen, as a walk through all of them finds", () => {
  const notes = notesOf({ ...emptyPiece(), tracks: [track(some(300))] }), longest = Math.max(...notes.map((note) => note.duration));
  for (let round = 0; round < 50; round++) {
    const from = chance(0, 64) / 4, to = from + chance(1, 40) / 4;
    const [first, end] = seenOf(notes, from, to, longest);
    const seen = notes.slice(first, end).filter((note) => note.onset + note.duration > from);
    assert.deepEqual(seen, notes.filter((note) => note.onset < to && note.onset + note.duration > from));
  }
});
