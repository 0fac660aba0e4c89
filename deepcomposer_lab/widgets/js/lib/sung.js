// The picture of a sung melody: a curve of pitch over seconds, and the notes found in it. Pure functions.
import { pitchName, secondsAt } from "./piece.js";

/**
 * @typedef {[second: number, pitch: number | null]} CurvePoint  pitch as a MIDI number with its fraction
 * @typedef {[onset: number, pitch: number, duration: number]} HeardNote  seconds
 */

const LEAST_ROWS = 13;

/** The rows that a picture needs: an octave at least, all notes, and of the curve what is near to most of it. @param {CurvePoint[]} curve @param {HeardNote[]} heard @returns {[low: number, high: number]} */
export function rowsOf(curve, heard) {
  const pitches = curve.flatMap(([, pitch]) => (pitch === null ? [] : [pitch])).sort((a, b) => a - b);
  const edge = Math.floor(pitches.length * 0.02); // a slip of the voice does not widen the picture
  const inner = pitches.slice(edge, pitches.length - edge);
  const all = [...(inner.length ? [inner[0], inner[inner.length - 1]] : []), ...heard.map((note) => note[1])];
  if (!all.length) return [53, 77];
  let low = Math.round(Math.min(...all)) - 2, high = Math.round(Math.max(...all)) + 2;
  while (high - low + 1 < LEAST_ROWS) {
    if ((high - low) % 2) low -= 1;
    else high += 1;
  }
  return [Math.max(0, low), Math.min(127, high)];
}

/**
 * The curve as the paths of an SVG: one for every stretch that is sung without a break or a leap.
 * @param {CurvePoint[]} curve @param {(second: number) => number} x @param {(pitch: number) => number} y
 */
export function curvePath(curve, x, y) {
  let path = "", before = /** @type {CurvePoint | null} */ (null);
  for (const point of curve) {
    const [second, pitch] = point;
    if (pitch === null) {
      before = null;
      continue;
    }
    const goesOn = before !== null && second - before[0] < 0.1 && Math.abs(pitch - /** @type {number} */ (before[1])) < 3;
    path += `${goesOn ? "L" : "M"}${x(second).toFixed(1)} ${y(pitch).toFixed(1)}`;
    before = point;
  }
  return path;
}

/** How a pitch is sung: its name, and how far it is off the middle of it. @param {number} pitch */
export function nameNow(pitch) {
  const whole = Math.round(pitch), cents = Math.round((pitch - whole) * 100);
  const side = Math.abs(cents) < 10 ? "" : cents > 0 ? ` +${cents}` : ` −${-cents}`;
  return { name: pitchName(whole), cents, text: pitchName(whole) + side };
}

/** All notes in words, for who cannot see them. @param {HeardNote[]} heard */
export function notesInWords(heard) {
  if (!heard.length) return "No notes.";
  return `${heard.length === 1 ? "1 note" : `${heard.length} notes`}: ${heard.map((note) => pitchName(note[1])).join(", ")}.`;
}

/** Lines every so many seconds, so that ten or so are seen. @param {number} seconds */
export function secondLines(seconds) {
  const step = [0.5, 1, 2, 5, 10, 20, 30].find((one) => seconds / one <= 14) ?? 60;
  const lines = [];
  for (let at = 0; at <= seconds + 1e-9; at += step) lines.push(at);
  return lines;
}

/** The notes of a melody in seconds of the recording, whose beat 0 is at `first`. @param {import("./piece.js").Piece} piece @param {number} first @returns {HeardNote[]} */
export function notesInSeconds(piece, first) {
  return (piece.tracks[0]?.notes ?? []).map(([onset, pitch, duration]) => {
    const start = secondsAt(piece, onset);
    return [first + start, pitch, secondsAt(piece, onset + duration) - start];
  });
}
