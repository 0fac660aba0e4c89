// When what sounds: pure functions between beats and the audio clock. Times in seconds of that clock, positions in beats.
import { barsOf, beatAt, secondsAt } from "./piece.js";

/** @typedef {import("./piece.js").Piece} Piece */
/** @typedef {{onset: number, end: number, pitch: number, velocity: number, track: number}} Event */

/** All notes of a piece, by onset. @param {Piece} piece @returns {Event[]} */
export function eventsOf(piece) {
  const events = piece.tracks.flatMap((track, index) =>
    track.notes.map(([onset, pitch, duration, velocity]) => ({ onset, end: onset + duration, pitch, velocity, track: index })));
  return events.sort((a, b) => a.onset - b.onset);
}

/** The events that begin in [from, to). @param {Event[]} events @param {number} from @param {number} to */
export function eventsBetween(events, from, to) {
  const start = firstAtOrAfter(events, from);
  let stop = start;
  while (stop < events.length && events[stop].onset < to) stop++;
  return events.slice(start, stop);
}

/** @param {Event[]} events @param {number} beat */
function firstAtOrAfter(events, beat) {
  let low = 0, high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (events[middle].onset < beat) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Beats that a metronome clicks in [from, to): every beat of the metre, the first of a bar accented.
 * A bar of eighths in threes (6/8, 9/8, 12/8) clicks dotted quarters.
 * @param {Piece} piece @param {number} from @param {number} to
 */
export function clicksBetween(piece, from, to) {
  const clicks = [];
  for (const bar of barsOf(piece, to)) {
    const step = clickBeats(bar.numerator, bar.denominator);
    // A pickup counts from its end, so that the full bar begins on a click.
    const first = bar.number === 0 ? bar.beats % step : 0;
    for (let beat = first; beat < bar.beats - 1e-9; beat += step) {
      const at = bar.start + beat;
      if (at >= from - 1e-9 && at < to - 1e-9) clicks.push({ beat: at, isAccent: bar.number > 0 && beat === 0 });
    }
  }
  return clicks;
}

/** How many quarter notes lie between two clicks. @param {number} numerator @param {number} denominator */
export function clickBeats(numerator, denominator) {
  return denominator === 8 && numerator > 3 && numerator % 3 === 0 ? 1.5 : 4 / denominator;
}

const MOMENT = 1e-9; // s: less than this is rounding

/** Where a piece stands at each moment of the audio clock, from the moment it was started; with a loop, lap after lap. */
export class Timeline {
  /**
   * @param {Piece} piece
   * @param {number} beat  where it starts
   * @param {number} time  when it starts
   * @param {[number, number] | null} loop
   */
  constructor(piece, beat, time, loop = null) {
    this.piece = piece;
    this.time = time;
    this.beat = beat;
    const isLooping = loop !== null && loop[1] > loop[0] && beat < loop[1];
    this.loop = isLooping ? loop : null;
    this.from = secondsAt(piece, beat);
    this.first = this.loop ? secondsAt(piece, this.loop[1]) - this.from : Infinity; // seconds of the first lap
    this.lap = this.loop ? secondsAt(piece, this.loop[1]) - secondsAt(piece, this.loop[0]) : Infinity;
  }

  /** The beat that sounds at a time. @param {number} time */
  beatOf(time) {
    const elapsed = Math.max(0, time - this.time);
    if (elapsed < this.first || !this.loop) return beatAt(this.piece, this.from + elapsed);
    return beatAt(this.piece, secondsAt(this.piece, this.loop[0]) + ((elapsed - this.first) % this.lap));
  }

  /**
   * The stretches of the piece that sound in [from, to) of the clock: beats [start, end), and when `start` sounds.
   * @param {number} from @param {number} to
   * @returns {{start: number, end: number, time: number, last: number}[]}  `last`: where the lap ends, notes are cut there
   */
  stretches(from, to) {
    const found = [];
    let elapsed = Math.max(0, from - this.time);
    const until = to - this.time;
    while (elapsed < until - MOMENT) {
      const inFirst = elapsed < this.first - MOMENT;
      const laps = inFirst || !this.loop ? 0 : Math.floor((elapsed - this.first + MOMENT) / this.lap);
      const lapEnd = inFirst || !this.loop ? this.first : this.first + (laps + 1) * this.lap;
      const lapStart = inFirst || !this.loop ? 0 : this.first + laps * this.lap;
      const base = inFirst || !this.loop ? this.from : secondsAt(this.piece, this.loop[0]);
      const stop = Math.min(until, lapEnd);
      // To seconds and back may give a hair more than the beat it was, and the note on that beat would be passed over.
      const isStart = elapsed - lapStart <= MOMENT;
      const start = isStart ? (inFirst || !this.loop ? this.beat : this.loop[0]) : beatAt(this.piece, base + elapsed - lapStart);
      const end = stop === lapEnd && this.loop ? this.loop[1] : beatAt(this.piece, base + stop - lapStart);
      found.push({ start, end, time: this.time + elapsed, last: this.loop ? this.loop[1] : Infinity });
      elapsed = stop;
    }
    return found;
  }
}
