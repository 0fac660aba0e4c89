// The notes that a piano roll edits: pure functions from lists to lists. Times in beats; no list is changed in place.

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
 * Move notes together: no further than the first of them can go.
 * @param {RollNote[]} notes @param {Set<number>} ids @param {number} beats @param {number} semitones
 */
export function moved(notes, ids, beats, semitones) {
  const chosen = notes.filter((note) => ids.has(note.id));
  if (chosen.length === 0) return notes;
  const low = Math.min(...chosen.map((note) => note.pitch)), high = Math.max(...chosen.map((note) => note.pitch));
  const by = Math.max(-low, Math.min(127 - high, semitones));
  const later = Math.max(-Math.min(...chosen.map((note) => note.onset)), beats);
  return sorted(notes.map((note) => ids.has(note.id) ? { ...note, onset: note.onset + later, pitch: note.pitch + by } : note));
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

/**
 * What changed from one piece to another. A note is the same where pitch and onset are, whatever its track.
 * @param {Piece} before @param {Piece} after
 * @returns {{added: Set<string>, removed: {track: number, onset: number, pitch: number, duration: number, isDrum: boolean}[], kept: number}}
 *   `added` holds "track:onset:pitch" of the later piece
 */
export function compared(before, after) {
  const name = (/** @type {boolean} */ isDrum, /** @type {number} */ onset, /** @type {number} */ pitch) =>
    `${isDrum ? "d" : "p"}${pitch}@${Math.round(onset * 960)}`;
  /** @type {Map<string, {track: number, onset: number, pitch: number, duration: number, isDrum: boolean}[]>} */
  const open = new Map();
  before.tracks.forEach((track, index) => {
    for (const [onset, pitch, duration] of track.notes) {
      const key = name(track.is_drum, onset, pitch);
      open.set(key, [...(open.get(key) ?? []), { track: index, onset, pitch, duration, isDrum: track.is_drum }]);
    }
  });
  const fresh = new Set();
  let kept = 0;
  after.tracks.forEach((track, index) => {
    for (const [onset, pitch] of track.notes) {
      const rest = open.get(name(track.is_drum, onset, pitch));
      if (rest?.length) { rest.pop(); kept++; } else fresh.add(noteKey(index, onset, pitch));
    }
  });
  return { added: fresh, removed: [...open.values()].flat(), kept };
}

/** @param {number} track @param {number} onset @param {number} pitch */
export function noteKey(track, onset, pitch) {
  return `${track}:${Math.round(onset * 960)}:${pitch}`;
}
