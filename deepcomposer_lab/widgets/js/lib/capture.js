// From presses and releases, with the time at which each happened, to notes in beats: pure, fed with times alone.

/** @typedef {[onset: number, pitch: number, duration: number, velocity: number]} NoteRow */

export const LEAST_BEATS = 1 / 32;
const EARLY = 0.3; // s before the start that still count as its first beat: people anticipate

/** Gathers a recording. Times in seconds of one clock; what comes late keeps the time at which it happened. */
export class Capture {
  /**
   * @param {{start: number, startBeat?: number, beatOf: (seconds: number) => number, latency?: number}} options
   *   `start`: when beat `startBeat` sounded; `beatOf`: seconds since then to beats; `latency`: seconds to take off every time
   */
  constructor({ start, startBeat = 0, beatOf, latency = 0 }) {
    this.start = start;
    this.startBeat = startBeat;
    this.toBeat = beatOf;
    this.latency = latency;
    /** @type {Map<string | number, {pitch: number, velocity: number, onset: number}>} */
    this.held = new Map();
    /** @type {NoteRow[]} */
    this.rows = [];
    this.sustained = false;
    /** @type {Set<string | number>} Released while the pedal is down. */
    this.ringing = new Set();
  }

  /** @param {number} time */
  beatAt(time) {
    return this.startBeat + this.toBeat(time - this.latency - this.start);
  }

  /** @param {string | number} key @param {number} pitch @param {number} velocity @param {number} time */
  press(key, pitch, velocity, time) {
    if (time - this.latency < this.start - EARLY) return;
    if (this.held.has(key)) this._finish(key, time);
    for (const other of this.ringing) if (this.held.get(other)?.pitch === pitch) this._finish(other, time); // struck again
    this.held.set(key, { pitch, velocity, onset: Math.max(this.startBeat, this.beatAt(time)) });
  }

  /** @param {string | number} key @param {number} time */
  release(key, time) {
    if (!this.held.has(key)) return;
    if (this.sustained) this.ringing.add(key);
    else this._finish(key, time);
  }

  /** The pedal. @param {boolean} on @param {number} time */
  sustain(on, time) {
    this.sustained = on;
    if (!on) for (const key of [...this.ringing]) this._finish(key, time);
  }

  /** @param {string | number} key @param {number} time */
  _finish(key, time) {
    const { pitch, velocity, onset } = /** @type {any} */ (this.held.get(key));
    this.held.delete(key);
    this.ringing.delete(key);
    this.rows.push([onset, pitch, Math.max(LEAST_BEATS, this.beatAt(time) - onset), velocity]);
  }

  /** All notes so far, the held ones up to now. @param {number} time @returns {NoteRow[]} */
  soFar(time) {
    const open = [...this.held.values()].map(({ pitch, velocity, onset }) =>
      /** @type {NoteRow} */ ([onset, pitch, Math.max(LEAST_BEATS, this.beatAt(time) - onset), velocity]));
    return [...this.rows, ...open].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  }

  /** End every held note, and return all. @param {number} time @returns {NoteRow[]} */
  stop(time) {
    for (const key of [...this.held.keys()]) this._finish(key, time);
    return this.soFar(time);
  }
}

/** Tempo from taps: the median of the last gaps; null before two. Times in ms. @param {number[]} taps */
export function tempoOf(taps) {
  const recent = taps.filter((time) => taps[taps.length - 1] - time < 8000).slice(-6);
  if (recent.length < 2) return null;
  const gaps = recent.slice(1).map((time, index) => time - recent[index]).sort((a, b) => a - b);
  const middle = gaps.length >> 1;
  const gap = gaps.length % 2 ? gaps[middle] : (gaps[middle - 1] + gaps[middle]) / 2;
  return Math.round(60_000 / gap);
}
