// The notes that a piano roll edits: pure functions from lists to lists. Times in beats; no list is changed in place.

import { seenOf } from "./roll_view.js";

/** @typedef {import("./piece.js").Piece} Piece */
/** @typedef {{id: number, track: number, onset: number, pitch: number, duration: number, velocity: number}} RollNote */

export const LEAST_DURATION = 1 / 32;

/** Notes of a piece with a name each, by onset. @param {Piece} piece @returns {RollNote[]} */
export function notesOf(piece) {
  let id = 0;
  const notes = piece.tracks.flatMap((track, index) => track.notes.map(([onset, pitch, duration, velocity]) =>
    ({ id: ++id, track: index, onset, pitch, duration, velocity })));
  return sorted(notes);
}

/** The piece with these notes, and all else as it was. @param {Piece} piece @param {RollNote[]} notes @returns {Piece} */
export function withNotes(piece, notes) {
  const tracks = piece.tracks.map((track, index) => ({
    ...track,
    notes: notes.filter((note) => note.track === index)
      .map((note) => /** @type {[number, number, number, number]} */ ([note.onset, note.pitch, note.duration, note.velocity])),
  }));
  return { ...piece, tracks };
}

/** @param {RollNote[]} notes */
function sorted(notes) {
  return notes.sort((a, b) => a.onset - b.onset || a.pitch - b.pitch || a.track - b.track);
}

/** A number of beats on the nearest grid line; without a grid as it is. @param {number} beat @param {number} grid */
export function snapped(beat, grid) {
  return grid > 0 ? Math.round(beat / grid) * grid : beat;
}

/** @param {RollNote[]} notes @param {Omit<RollNote, "id">[]} added @returns {{notes: RollNote[], ids: number[]}} */
export function added(notes, added) {
  let next = notes.reduce((most, note) => Math.max(most, note.id), 0);
  const fresh = added.map((note) => ({ ...note, id: ++next }));
  return { notes: sorted([...notes, ...fresh]), ids: fresh.map((note) => note.id) };
}

/** @param {RollNote[]} notes @param {Set<number>} ids */
export function removed(notes, ids) {
  return notes.filter((note) => !ids.has(note.id));
}

/**
 * Move notes together: no further than the first of them can go. Beside notes that have a pitch those of a drum kit keep
 * their drum, as a snare that is transposed is a clap.
 * @param {RollNote[]} notes @param {Set<number>} ids @param {number} beats @param {number} semitones @param {(track: number) => boolean} isDrum
 */
export function moved(notes, ids, beats, semitones, isDrum = () => false) {
  const chosen = notes.filter((note) => ids.has(note.id));
  if (chosen.length === 0) return notes;
  const pitched = chosen.filter((note) => !isDrum(note.track)), pitches = (pitched.length ? pitched : chosen).map((note) => note.pitch);
  const [low, high] = pitches.reduce(([least, most], pitch) => [Math.min(least, pitch), Math.max(most, pitch)], [127, 0]);
  const by = Math.max(-low, Math.min(127 - high, semitones));
  const later = Math.max(-chosen.reduce((first, note) => Math.min(first, note.onset), Infinity), beats);
  const stays = (/** @type {RollNote} */ note) => pitched.length > 0 && isDrum(note.track);
  return sorted(notes.map((note) => ids.has(note.id) ? { ...note, onset: note.onset + later, pitch: stays(note) ? note.pitch : note.pitch + by } : note));
}

/** Lengthen (or shorten) notes. @param {RollNote[]} notes @param {Set<number>} ids @param {number} beats */
export function resized(notes, ids, beats) {
  return notes.map((note) => ids.has(note.id) ? { ...note, duration: Math.max(LEAST_DURATION, note.duration + beats) } : note);
}

/** @param {RollNote[]} notes @param {Set<number>} ids @param {(velocity: number) => number} change */
export function revoiced(notes, ids, change) {
  return notes.map((note) => ids.has(note.id)
    ? { ...note, velocity: Math.max(1, Math.min(127, Math.round(change(note.velocity)))) } : note);
}

/** Onsets and ends on the nearest grid line; a note keeps one step at least. @param {RollNote[]} notes @param {Set<number>} ids @param {number} grid */
export function quantised(notes, ids, grid) {
  return sorted(notes.map((note) => {
    if (!ids.has(note.id)) return note;
    const onset = snapped(note.onset, grid);
    return { ...note, onset, duration: Math.max(grid, snapped(note.onset + note.duration, grid) - onset) };
  }));
}

/** Whether two lists hold the same notes, whatever their names. @param {RollNote[]} a @param {RollNote[]} b */
export function sameNotes(a, b) {
  return a.length === b.length && a.every((note, index) => {
    const other = b[index];
    return note.track === other.track && note.onset === other.onset && note.pitch === other.pitch && note.duration === other.duration && note.velocity === other.velocity;
  });
}

/**
 * What a copy holds: the notes from the first one's onset on. @param {RollNote[]} notes @param {Set<number>} ids
 * @returns {{notes: Omit<RollNote, "id">[], first: number, length: number}}
 */
export function copied(notes, ids) {
  const chosen = notes.filter((note) => ids.has(note.id));
  const first = chosen.reduce((least, note) => Math.min(least, note.onset), Infinity);
  const end = chosen.reduce((most, note) => Math.max(most, note.onset + note.duration), 0);
  return {
    notes: chosen.map(({ track, onset, pitch, duration, velocity }) => ({ track, onset: onset - first, pitch, duration, velocity })),
    first: chosen.length ? first : 0, length: chosen.length ? end - first : 0,
  };
}

/**
 * The notes of a copy where they go: from one track onto the chosen one, from several each onto its own where there is one.
 * @param {Omit<RollNote, "id">[]} copy @param {number} at @param {number} chosen @param {number} tracks how many there are
 */
export function placed(copy, at, chosen, tracks) {
  const isOne = copy.every((note) => note.track === copy[0].track);
  return copy.map((note) => ({ ...note, onset: note.onset + at, track: isOne || note.track >= tracks ? chosen : note.track }));
}

/**
 * The note under a place; where several lie there the last one drawn.
 * @param {RollNote[]} notes by onset @param {number} longest the longest duration @param {number} beat @param {number} pitch
 * @param {number} slack beats at either end that still count @param {number} first this track's notes before others @param {boolean} only no others
 * @returns {RollNote | null}
 */
export function noteAt(notes, longest, beat, pitch, slack, first, only) {
  /** @type {RollNote | null} */
  let found = null;
  const [from, end] = seenOf(notes, beat - slack, beat + slack + 1e-9, longest);
  for (let index = end - 1; index >= from; index--) {
    const note = notes[index];
    if (note.pitch !== pitch || note.onset - slack > beat || note.onset + note.duration + slack < beat) continue;
    if (note.track === first) return note;
    if (!only) found ??= note;
  }
  return found;
}

/** @typedef {{added: Set<number>, removed: RollNote[], kept: number, lengths: Map<number, number>}} Changes
 * `added` names notes of the later list; `lengths` names those that were kept, but lasted otherwise: for how long */

/**
 * What changed from one list of notes to another. A note is the same where pitch and onset are, whatever its track; drums are
 * only the same as drums.
 * @param {RollNote[]} before @param {RollNote[]} after @param {boolean[]} drumsBefore whether a track is one of drums @param {boolean[]} drumsAfter
 * @returns {Changes}
 */
export function changesOf(before, after, drumsBefore, drumsAfter) {
  // 960 ticks a beat hold every grid there is; a number is found faster than a text.
  const name = (/** @type {RollNote} */ note, /** @type {boolean} */ isDrum) => (Math.round(note.onset * 960) * 128 + note.pitch) * 2 + (isDrum ? 1 : 0);
  /** @type {Map<number, RollNote[]>} */
  const open = new Map();
  for (const note of before) {
    const key = name(note, drumsBefore[note.track]), there = open.get(key);
    if (there) there.push(note);
    else open.set(key, [note]);
  }
  const added = new Set(), /** @type {Map<number, number>} */ lengths = new Map();
  let kept = 0;
  for (const note of after) {
    const there = open.get(name(note, drumsAfter[note.track]));
    if (!there?.length) { added.add(note.id); continue; }
    const isAlike = (/** @type {RollNote} */ one) => Math.abs(one.duration - note.duration) < 1 / 960;
    const alike = there.findIndex((one) => one.track === note.track && isAlike(one));
    const [was] = there.splice(alike >= 0 ? alike : Math.max(0, there.findIndex(isAlike)), 1);
    if (!isAlike(was)) lengths.set(note.id, was.duration);
    kept++;
  }
  return { added, removed: sorted([...open.values()].flat()), kept, lengths };
}

/** What changed from one piece to another. @param {Piece} before @param {Piece} after @returns {Changes} */
export function compared(before, after) {
  const drums = (/** @type {Piece} */ piece) => piece.tracks.map((track) => track.is_drum);
  return changesOf(notesOf(before), notesOf(after), drums(before), drums(after));
}

/** @param {number} track @param {number} onset @param {number} pitch */
export function noteKey(track, onset, pitch) {
  return `${track}:${Math.round(onset * 960)}:${pitch}`;
}
