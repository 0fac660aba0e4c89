// Music as the kernel sends it (music/plain.py): pure functions over plain values. Times are in beats.

/**
 * @typedef {[onset: number, pitch: number, duration: number, velocity: number]} NoteRow
 * @typedef {{name: string, program: number, is_drum: boolean, notes: NoteRow[]}} TrackPlain
 * @typedef {{
 *   title: string, pickup: number, tempos: [onset: number, bpm: number][],
 *   metres: [onset: number, numerator: number, denominator: number][], tracks: TrackPlain[], steps?: any[],
 * }} Piece
 */

const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "G♯", "A", "B♭", "B"];

/** The scientific name of a MIDI pitch: 60 is "C4". @param {number} pitch */
export function pitchName(pitch) {
  return `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
}

/** @param {number} pitch */
export function isBlackKey(pitch) {
  return [1, 3, 6, 8, 10].includes(pitch % 12);
}

/** A piece of one empty melody track. @returns {Piece} */
export function emptyPiece(title = "Melody", bpm = 100) {
  return {
    title, pickup: 0, tempos: [[0, bpm]], metres: [[0, 4, 4]],
    tracks: [{ name: "Melody", program: 0, is_drum: false, notes: [] }],
  };
}

/** The beat at which the last note ends. @param {Piece} piece */
export function endOf(piece) {
  let end = 0;
  for (const track of piece.tracks) for (const note of track.notes) end = Math.max(end, note[0] + note[2]);
  return end;
}

/** Seconds from beat 0 to `beat`. @param {Piece} piece @param {number} beat */
export function secondsAt(piece, beat) {
  let seconds = 0;
  for (let index = 0; index < piece.tempos.length; index++) {
    const [onset, bpm] = piece.tempos[index];
    if (beat <= onset) break;
    const until = Math.min(beat, piece.tempos[index + 1]?.[0] ?? Infinity);
    seconds += ((until - onset) * 60) / bpm;
  }
  return seconds;
}

/** The beat that sounds `seconds` after beat 0. @param {Piece} piece @param {number} seconds */
export function beatAt(piece, seconds) {
  let left = Math.max(0, seconds);
  for (let index = 0; index < piece.tempos.length; index++) {
    const [onset, bpm] = piece.tempos[index];
    const length = (((piece.tempos[index + 1]?.[0] ?? Infinity) - onset) * 60) / bpm;
    if (left <= length) return onset + (left * bpm) / 60;
    left -= length;
  }
  return 0;
}

/**
 * Bar lines up to and including the first at or after `end`: where each bar starts, its number and its metre.
 * A pickup is bar 0.
 * @param {Piece} piece @param {number} end
 * @returns {{start: number, number: number, beats: number, numerator: number, denominator: number}[]}
 */
export function barsOf(piece, end) {
  const bars = [];
  const metreAt = (/** @type {number} */ beat) => {
    let found = piece.metres[0];
    for (const metre of piece.metres) if (metre[0] <= beat + 1e-9) found = metre;
    return found;
  };
  let start = 0, number = 1;
  if (piece.pickup > 0) {
    const [, numerator, denominator] = metreAt(0);
    bars.push({ start: 0, number: 0, beats: piece.pickup, numerator, denominator });
    start = piece.pickup;
  }
  while (true) {
    const [, numerator, denominator] = metreAt(start);
    let beats = (numerator * 4) / denominator;
    const change = piece.metres.find((metre) => metre[0] > start + 1e-9 && metre[0] < start + beats - 1e-9);
    if (change) beats = change[0] - start; // a change of metre begins a bar
    bars.push({ start, number: number++, beats, numerator, denominator });
    if (start >= end - 1e-9) return bars;
    start += beats;
  }
}
