// From presses and releases, with the time at which each happened, to notes in beats: pure, fed with times alone.
import { clickBeats } from "./schedule.js";

/** @typedef {[onset: number, pitch: number, duration: number, velocity: number]} NoteRow */

export const LEAST_BEATS = 1 / 32;
const EARLY = 0.3; // s before the start that still count as its first beat: people anticipate

/**
 * From the clock of events (ms) to the clock of the audio (s). What the browser says of both at one moment shakes by some
 * milliseconds; the clocks themselves do not, so the middle of what it said lately holds.
 */
export class ClockMap {
  constructor(most = 41) {
    this.most = most;
    /** @type {number[]} s of the audio clock at 0 ms of the events' clock, as said lately */
    this._offsets = [];
  }

  get isKnown() {
    return this._offsets.length > 0;
  }

  /** Take what the browser said. @param {number} timeStamp ms @param {number} audioTime s, heard just then */
  add(timeStamp, audioTime) {
    if (!(timeStamp > 0) || !(audioTime > 0)) return; // no output yet
    this._offsets.push(audioTime - timeStamp / 1000);
    if (this._offsets.length > this.most) this._offsets.shift();
  }

  /** @param {number} timeStamp ms @returns {number} s of the audio clock */
  toAudio(timeStamp) {
    return timeStamp / 1000 + median(this._offsets);
  }

  /** @param {number} audioTime s @returns {number} ms of the events' clock */
  toStamp(audioTime) {
    return (audioTime - median(this._offsets)) * 1000;
  }
}

/** @param {number[]} values at least one */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The clicks before a recording, and when it starts. Times in seconds of the audio clock.
 * @param {{first: number, bpm: number, metre: [number, number], bars: number}} options `first`: when the first click sounds
 * @returns {{clicks: {time: number, count: number, of: number, isAccent: boolean}[], start: number}}
 */
export function countIn({ first, bpm, metre: [numerator, denominator], bars }) {
  const beats = clickBeats(numerator, denominator), of = Math.round((numerator * 4) / denominator / beats);
  const seconds = (beats * 60) / bpm;
  const clicks = Array.from({ length: bars * of }, (_, index) => ({
    time: first + index * seconds, count: (index % of) + 1, of, isAccent: index % of === 0,
  }));
  return { clicks, start: first + clicks.length * seconds };
}

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

  /** The notes that have ended, by onset. @returns {NoteRow[]} */
  get finished() {
    return sorted(this.rows);
  }

  /** All notes so far, the held ones up to now. @param {number} time @returns {NoteRow[]} */
  soFar(time) {
    const open = [...this.held.values()].map(({ pitch, velocity, onset }) =>
      /** @type {NoteRow} */ ([onset, pitch, Math.max(LEAST_BEATS, this.beatAt(time) - onset), velocity]));
    return sorted([...this.rows, ...open]);
  }

  /** End every held note, and return all. @param {number} time @returns {NoteRow[]} */
  stop(time) {
    for (const key of [...this.held.keys()]) this._finish(key, time);
    return this.soFar(time);
  }
}

/** By onset, then pitch. @param {NoteRow[]} rows @returns {NoteRow[]} */
export function sorted(rows) {
  return [...rows].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
}

/** Tempo from taps: the median of the last gaps; null before two. Times in ms. @param {number[]} taps */
export function tempoOf(taps) {
  const recent = taps.filter((time) => taps[taps.length - 1] - time < 8000).slice(-6);
  if (recent.length < 2) return null;
  return Math.round(60_000 / median(recent.slice(1).map((time, index) => time - recent[index])));
}
