// Where a beat and a pitch are on the screen, and back: pure geometry of a piano roll. Pixels of CSS.

/** @typedef {{start: number, perBeat: number, top: number, row: number, left: number, width: number, ruler: number, rows: number}} RollGeometry
 * `start`: the beat at the left edge; `perBeat`: px a beat; `top`: the highest pitch shown; `row`: px a semitone;
 * `left`: px of the little piano; `width`: px of the whole; `ruler`: px of the ruler above; `rows`: how many pitches are shown */

/** @param {RollGeometry} view @param {number} beat */
export const xOf = (view, beat) => view.left + (beat - view.start) * view.perBeat;
/** @param {RollGeometry} view @param {number} x */
export const beatOf = (view, x) => view.start + (x - view.left) / view.perBeat;
/** Upper edge of a pitch's row. @param {RollGeometry} view @param {number} pitch */
export const yOf = (view, pitch) => view.ruler + (view.top - pitch) * view.row;
/** @param {RollGeometry} view @param {number} y */
export const pitchOf = (view, y) => view.top - Math.floor((y - view.ruler) / view.row);
/** The beat at the right edge. @param {RollGeometry} view */
export const lastBeat = (view) => beatOf(view, view.width);

/**
 * The pitches to show: what is played with room around, at least two octaves, whole where it fits.
 * @param {number[]} pitches @param {number} least
 */
export function pitchRange(pitches, least = 25) {
  let low = Infinity, high = -Infinity;
  for (const pitch of pitches) { low = Math.min(low, pitch); high = Math.max(high, pitch); }
  if (low > high) { low = 60; high = 72; }
  low -= 2; high += 2;
  while (high - low + 1 < least) { low--; if (high - low + 1 < least) high++; }
  if (low < 0) { high = Math.min(127, high - low); low = 0; }
  if (high > 127) { low = Math.max(0, low - (high - 127)); high = 127; }
  return { low, high };
}

/** Zoom so that the beat under `x` stays there. @param {RollGeometry} view @param {number} factor @param {number} x @param {number} least @param {number} most */
export function zoomed(view, factor, x, least = 2, most = 400) {
  const perBeat = Math.max(least, Math.min(most, view.perBeat * factor));
  const beat = beatOf(view, x);
  return { ...view, perBeat, start: Math.max(0, beat - (x - view.left) / perBeat) };
}

/**
 * The notes that are seen, of a list by onset: `longest` is the longest duration there is.
 * @template {{onset: number, duration: number}} N
 * @param {N[]} notes @param {number} from @param {number} to @param {number} longest
 * @returns {[first: number, end: number]}
 */
export function seenOf(notes, from, to, longest) {
  const search = (/** @type {number} */ beat) => {
    let low = 0, high = notes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (notes[middle].onset < beat) low = middle + 1; else high = middle;
    }
    return low;
  };
  return [search(from - longest), search(to)];
}

/**
 * Taller or lower rows, with the pitch under `y` where it was; `room` is the height of all rows.
 * @param {RollGeometry} view @param {number} factor @param {number} y @param {number} room @param {number} least px a row @param {number} most
 */
export function stretched(view, factor, y, room, least = 4, most = 28) {
  const row = Math.max(least, Math.min(most, view.row * factor));
  const above = (y - view.ruler) / view.row;
  return { ...view, row, rows: Math.floor(room / row), top: Math.round(view.top - above + (y - view.ruler) / row) };
}

/**
 * Of bars by their start, those that reach into a stretch. @template {{start: number, beats: number}} B
 * @param {B[]} bars @param {number} from @param {number} to @returns {[first: number, end: number]}
 */
export function barsWithin(bars, from, to) {
  let low = 0, high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle].start + bars[middle].beats <= from) low = middle + 1; else high = middle;
  }
  let end = low;
  while (end < bars.length && bars[end].start <= to) end++;
  return [low, end];
}

/**
 * The bar of a beat: the last one that has begun. @template {{start: number, beats: number}} B
 * @param {B[]} bars @param {number} beat @returns {B}
 */
export function barAt(bars, beat) {
  const [first] = barsWithin(bars, beat + 1e-6, beat);
  return bars[Math.min(first, bars.length - 1)];
}

/**
 * A stretch from one beat line to another, at least one long: a loop as it is dragged on the ruler.
 * @param {{start: number, beats: number, denominator: number}[]} bars @param {number} a @param {number} b @returns {[number, number]}
 */
export function onBeats(bars, a, b) {
  const from = Math.min(a, b), to = Math.max(a, b), first = barAt(bars, from), last = barAt(bars, to);
  const start = first.start + Math.floor((from - first.start) / (4 / first.denominator) + 1e-6) * (4 / first.denominator);
  const step = 4 / last.denominator, end = Math.min(last.start + last.beats, last.start + Math.ceil((to - last.start) / step - 1e-6) * step);
  return [start, end > start ? end : start + step];
}

/** How far to scroll where a pointer drags past an edge: −1 to 1 of what is wanted a frame. @param {number} at @param {number} from @param {number} to */
export function pull(at, from, to) {
  const reach = 36;
  return at < from ? Math.max(-1, (at - from) / reach) : at > to ? Math.min(1, (at - to) / reach) : 0;
}
