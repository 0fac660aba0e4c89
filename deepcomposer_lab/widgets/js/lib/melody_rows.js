// A recording's notes, [onset, pitch, duration, velocity] in beats: pure functions.

/** @typedef {import("./piece.js").NoteRow} NoteRow */
/** @typedef {[start: number, end: number]} Trim */

const EPSILON = 1e-6; // beats, as music/melody.py

/** What sounds in [start, end), where it is; what crosses a border is cut at it. @param {NoteRow[]} rows @param {Trim | null} trim @returns {NoteRow[]} */
export function clipped(rows, trim) {
  if (!trim) return rows;
  const [start, end] = trim;
  return rows
    .filter(([onset, , duration]) => onset < end - EPSILON && onset + duration > start + EPSILON)
    .map(([onset, pitch, duration, velocity]) => {
      const from = Math.max(onset, start);
      return [from, pitch, Math.min(onset + duration, end) - from, velocity];
    });
}

/** The same with `start` moved to beat 0: what the kernel's Melody.trim gives. @param {NoteRow[]} rows @param {Trim | null} trim @returns {NoteRow[]} */
export function trimmed(rows, trim) {
  return clipped(rows, trim).map(([onset, pitch, duration, velocity]) => [onset - (trim?.[0] ?? 0), pitch, duration, velocity]);
}

/** Beats from `start` to the next bar line. @param {number} start @param {number} pickup @param {number} bar beats of a bar */
export function trimmedPickup(start, pickup, bar) {
  if (start < pickup - EPSILON) return pickup - start;
  const bars = Math.ceil((start - pickup) / bar - EPSILON);
  return Math.max(0, pickup + bars * bar - start);
}

/** Pitches that sound at a beat. @param {NoteRow[]} rows @param {number} beat @returns {number[]} */
export function soundingAt(rows, beat) {
  return rows.filter(([onset, , duration]) => onset <= beat && beat < onset + duration).map(([, pitch]) => pitch);
}

/** Onsets and durations to a millionth of a beat: what lies below was never played. @param {NoteRow[]} rows @returns {NoteRow[]} */
export function rounded(rows) {
  const exact = (/** @type {number} */ value) => Math.round(value * 1e6) / 1e6;
  return rows.map(([onset, pitch, duration, velocity]) => [exact(onset), pitch, exact(duration), velocity]);
}
