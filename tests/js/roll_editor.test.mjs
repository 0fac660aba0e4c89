// What the piano-roll editor knows: which note lies under a place, what changed, where copies go, bars, loops, whose a piece is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EditLine, rangeWords, stateWords } from "../../deepcomposer_lab/widgets/js/lib/edits.js";
import { barsOf, emptyPiece } from "../../deepcomposer_lab/widgets/js/lib/piece.js";
import { added, changesOf, compared, copied, noteAt, notesOf, placed, sameNotes } from "../../deepcomposer_lab/widgets/js/lib/roll_notes.js";
import { barAt, barsWithin, onBeats, pitchOf, pull, stretched, yOf } from "../../deepcomposer_lab/widgets/js/lib/roll_view.js";

let seed = 7;
/** The same numbers each time (Park and Miller's generator). */
const chance = (low, high) => { seed = (seed * 48271) % 2147483647; return low + (seed % (high - low + 1)); };
const track = (notes, more = {}) => ({ name: "A", program: 0, is_drum: false, notes, ...more });
const some = (count, span = 32) => Array.from({ length: count }, () => [chance(0, span) / 4, chance(58, 66), chance(1, 8) / 4, chance(1, 127)]);
const pieceOf = (...tracks) => ({ ...emptyPiece(), tracks: tracks.map((notes) => track(notes)) });

test("under a place lies the note that a walk through all of them finds last, the chosen track's first", () => {
  const notes = notesOf(pieceOf(some(120), some(120), some(120))), longest = Math.max(...notes.map((note) => note.duration));
  let hits = 0;
  for (let round = 0; round < 600; round++) {
    const beat = chance(-20, 400) / 37, pitch = chance(57, 67), slack = chance(0, 3) / 50, first = chance(0, 2), only = chance(0, 1) === 1;
    const there = notes.filter((note) => note.pitch === pitch && beat >= note.onset - slack && beat <= note.onset + note.duration + slack);
    const own = there.filter((note) => note.track === first), rest = only ? own : own.length ? own : there;
    const expected = rest.length ? rest[rest.length - 1] : null;
    assert.equal(noteAt(notes, longest, beat, pitch, slack, first, only), expected);
    if (expected) hits++;
  }
  assert.ok(hits > 100);
});

test("what changed is what a tally of pitches and onsets says", () => {
  for (let round = 0; round < 60; round++) {
    const before = notesOf(pieceOf(some(chance(0, 40), 12), some(chance(0, 20), 12)));
    const after = notesOf(pieceOf(some(chance(0, 40), 12), some(chance(0, 20), 12)));
    const tally = new Map();
    for (const note of before) tally.set(`${note.onset} ${note.pitch}`, (tally.get(`${note.onset} ${note.pitch}`) ?? 0) + 1);
    let kept = 0;
    for (const note of after) {
      const key = `${note.onset} ${note.pitch}`, left = tally.get(key) ?? 0;
      if (left) { kept++; tally.set(key, left - 1); }
    }
    const changes = changesOf(before, after, [false, false], [false, false]);
    assert.deepEqual([changes.kept, changes.added.size, changes.removed.length], [kept, after.length - kept, before.length - kept]);
    assert.equal(changes.removed.every((note, index, all) => index === 0 || all[index - 1].onset <= note.onset), true, "by onset, as they are drawn");
  }
});

test("of two alike the one of the same length and track is the one that was kept", () => {
  const before = pieceOf([[0, 60, 1, 80]], [[0, 60, 2, 80]]), after = pieceOf([], [[0, 60, 2, 80], [0, 60, 3, 80]]);
  const changes = compared(before, after), [two, three] = notesOf(after);
  assert.deepEqual([changes.added.size, changes.removed.length, [...changes.lengths]], [0, 0, [[three.id, 1]]]);
  assert.equal(changes.lengths.has(two.id), false);
});

test("a drum and a melody's note of the same number are not the same", () => {
  const before = { ...emptyPiece(), tracks: [track([[0, 38, 1, 80]])] }, after = { ...emptyPiece(), tracks: [track([[0, 38, 1, 80]], { is_drum: true })] };
  assert.deepEqual([compared(before, after).added.size, compared(before, after).removed.length], [1, 1]);
});

test("each of two equal notes in one place is counted, and marked by itself", () => {
  const before = pieceOf([[0, 60, 1, 80]]), after = pieceOf([[0, 60, 1, 80], [0, 60, 1, 80], [0, 60, 1, 80]]);
  assert.equal(compared(before, after).added.size, 2);
});

test("a copy put in elsewhere is the same music later", () => {
  const notes = notesOf(pieceOf(some(30))), ids = new Set(notes.slice(5, 15).map((note) => note.id));
  const copy = copied(notes, ids);
  const { notes: after, ids: fresh } = added(notes, placed(copy.notes, 100, 0, 1));
  const put = after.filter((note) => fresh.includes(note.id)), from = notes.filter((note) => ids.has(note.id));
  const first = Math.min(...from.map((note) => note.onset));
  assert.deepEqual(put.map((note) => [note.onset - 100, note.pitch, note.duration, note.velocity]), from.map((note) => [note.onset - first, note.pitch, note.duration, note.velocity]));
  assert.equal(copy.length, Math.max(...from.map((note) => note.onset + note.duration)) - first);
  assert.equal(new Set(after.map((note) => note.id)).size, after.length, "no two notes of one name");
  assert.deepEqual(copied(notes, new Set()), { notes: [], first: 0, length: 0 });
});

test("notes of one track go onto the chosen one, of several each onto its own where it is", () => {
  const at = (notes, chosen, tracks) => placed(notes, 4, chosen, tracks).map((note) => note.track);
  const note = (index) => ({ track: index, onset: 0, pitch: 60, duration: 1, velocity: 80 });
  assert.deepEqual(at([note(2), note(2)], 1, 3), [1, 1]);
  assert.deepEqual(at([note(0), note(2)], 1, 3), [0, 2]);
  assert.deepEqual(at([note(0), note(4)], 1, 3), [0, 1]);
});

test("lists are the same by what sounds, not by their names", () => {
  const one = notesOf(pieceOf(some(10))), other = one.map((note) => ({ ...note, id: note.id + 50 }));
  assert.ok(sameNotes(one, other));
  for (const change of [{ onset: 99 }, { pitch: 1 }, { duration: 99 }, { velocity: 128 }, { track: 3 }]) {
    assert.equal(sameNotes(one, [{ ...other[0], ...change }, ...other.slice(1)]), false);
  }
  assert.equal(sameNotes(one, one.slice(1)), false);
});

const odd = { ...emptyPiece(), pickup: 1.5, metres: [[0, 3, 4], [10.5, 6, 8], [22.5, 4, 4]] };

test("bars in sight and the bar of a beat are those that a walk finds", () => {
  const bars = barsOf(odd, 60);
  for (let round = 0; round < 200; round++) {
    const from = chance(0, 240) / 4, to = from + chance(0, 80) / 4, [first, end] = barsWithin(bars, from, to);
    assert.deepEqual(bars.slice(first, end), bars.filter((bar) => bar.start + bar.beats > from && bar.start <= to));
    assert.equal(barAt(bars, from), bars.findLast((bar) => bar.start <= from));
  }
});

test("a loop begins and ends on beats of the metre, holds what was dragged, and is never empty", () => {
  const bars = barsOf(odd, 80);
  const lines = bars.flatMap((bar) => Array.from({ length: Math.ceil(bar.beats / (4 / bar.denominator) - 1e-9) }, (_, index) => bar.start + (index * 4) / bar.denominator));
  for (let round = 0; round < 200; round++) {
    const a = chance(0, 500) / 8.3, b = chance(0, 500) / 8.3, [start, end] = onBeats(bars, a, b);
    for (const place of [start, end]) assert.ok(lines.some((line) => Math.abs(line - place) < 1e-6), `${place} is no beat`);
    assert.ok(start <= Math.min(a, b) + 1e-6 && end >= Math.max(a, b) - 1e-6 && end > start, `${a} ${b}: ${start} ${end}`);
    assert.ok(start > Math.min(a, b) - 1.01 && end < Math.max(a, b) + 1.01, "no longer than the beats around");
  }
  assert.deepEqual(onBeats(bars, 1.5, 4.5), [1.5, 4.5]);
});

test("rows grow about the pitch under the pointer", () => {
  const view = { start: 0, perBeat: 24, top: 84, row: 10, left: 36, width: 600, ruler: 24, rows: 30 };
  for (const factor of [0.3, 0.8, 1, 1.25, 3, 99]) {
    for (const y of [30, 100, 290]) {
      const taller = stretched(view, factor, y, 300);
      assert.ok(Number.isInteger(taller.top), "rows begin at a pitch");
      assert.ok(taller.row >= 4 && taller.row <= 28 && taller.rows === Math.floor(300 / taller.row));
      assert.ok(Math.abs(pitchOf(taller, y) - pitchOf(view, y)) <= 1);
      assert.ok(Math.abs(yOf(taller, pitchOf(view, y)) - y) <= 1.5 * taller.row);
    }
  }
});

test("past an edge it scrolls, the faster the further, and not inside", () => {
  assert.deepEqual([pull(36, 36, 600), pull(300, 36, 600), pull(600, 36, 600)], [0, 0, 0]);
  assert.ok(pull(30, 36, 600) < 0 && pull(10, 36, 600) < pull(30, 36, 600) && pull(610, 36, 600) > 0);
  assert.deepEqual([pull(-999, 36, 600), pull(9999, 36, 600)], [-1, 1]);
});

test("whatever crosses on the way, page and kernel show the same piece in the end, and a page's own edit never comes back over a later one", () => {
  for (let round = 0; round < 400; round++) {
    const kernel = { value: "start" }, toKernel = [];
    const pages = [0, 1].map((index) => ({ line: new EditLine(`page ${index}`), value: "start", inbox: [], pending: false }));
    const publish = (edit) => { for (const page of pages) page.inbox.push({ value: kernel.value, edit }); };
    let next = 0;
    const send = (page) => { page.pending = false; toKernel.push({ value: page.value, edit: page.line.next() }); };
    const steps = [
      () => { const page = pages[chance(0, 1)]; page.value = `drawn ${++next}`; page.pending = true; },
      () => { const page = pages[chance(0, 1)]; if (page.pending) send(page); },
      () => { if (chance(0, 2) === 0) { kernel.value = `cell ${++next}`; publish(chance(0, 1) ? null : { step: "undo" }); } },
      () => { const message = toKernel.shift(); if (message) { kernel.value = message.value; publish(message.edit); } },
      () => {
        const page = pages[chance(0, 1)], message = page.inbox.shift();
        if (!message || !page.line.takes(message.edit)) return;
        page.value = message.value;
        page.pending = false;
      },
    ];
    for (let step = 0; step < 60; step++) steps[chance(0, steps.length - 1)]();
    for (const page of pages) if (page.pending) send(page);
    while (toKernel.length || pages.some((page) => page.inbox.length)) { steps[3](); steps[4](); }
    assert.deepEqual(pages.map((page) => page.value), [kernel.value, kernel.value]);
  }
  const line = new EditLine("mine"), first = line.next();
  line.next();
  assert.equal(line.takes(first), false, "two were drawn, the first comes back: what is drawn stays");
});

test("the state is told in words", () => {
  const facts = { title: "Ode", count: 1, chosen: 0, changes: null, alone: null };
  assert.equal(stateWords(facts), "Ode: 1 note");
  const changes = { added: { size: 3 }, removed: { length: 0 }, lengths: { size: 1 } };
  assert.equal(stateWords({ ...facts, count: 20000, chosen: 2, changes, alone: "Bass" }), "Ode: 20,000 notes · 2 chosen · 3 added, 1 of other length since before · editing Bass alone");
  assert.equal(stateWords({ ...facts, changes: { added: { size: 0 }, removed: { length: 0 }, lengths: { size: 0 } } }), "Ode: 1 note · nothing changed since before");
  assert.deepEqual([rangeWords([]), rangeWords([80, 80]), rangeWords([0.25, 1, 1 / 3])], ["–", "80", "0.25 to 1"]);
});
