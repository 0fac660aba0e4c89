// What is painted in the metric playground, and the games played with it: pure.
//
// A note is [row, step, length]: rows count from the top, steps and lengths are sixteenths.

export const TONES = 13, STEPS = 16;
export const DRUM_PITCHES = [42, 38, 36];
const HIGHEST = 72; // the pitch of row 0

/** @typedef {[row: number, step: number, length: number]} Cells A note as it lies in the grid. */
/** @typedef {{name: string, label: string, value: number | null, low: number | null, high: number | null, minimum: number, maximum: number}} Row */

/** @param {Cells} note */
const endOf = ([, step, length]) => step + length;

/** The note that sounds there, or undefined. @param {Cells[]} notes @param {number} row @param {number} step */
export function noteAt(notes, row, step) {
  return notes.find((note) => note[0] === row && note[1] <= step && step < endOf(note));
}

/** @param {Cells[]} notes */
const sorted = (notes) => [...notes].sort((a, b) => a[0] - b[0] || a[1] - b[1]);

/**
 * Put a note down; what it covers of others in its row is cut away. A drum has no length.
 * @param {Cells[]} notes @param {Cells} note @returns {Cells[]}
 */
export function added(notes, [row, step, length]) {
  const end = step + (row >= TONES ? 1 : length);
  /** @type {Cells[]} */
  const kept = [];
  for (const other of notes) {
    const [itsRow, start] = other, itsEnd = endOf(other);
    if (itsRow !== row || itsEnd <= step || start >= end) { kept.push(other); continue; }
    if (start < step) kept.push([row, start, step - start]);
    if (itsEnd > end) kept.push([row, end, itsEnd - end]);
  }
  return sorted([...kept, [row, step, end - step]]);
}

/** Take the note away that sounds there. @param {Cells[]} notes @param {number} row @param {number} step */
export function removed(notes, row, step) {
  const note = noteAt(notes, row, step);
  return note ? notes.filter((one) => one !== note) : notes;
}

/**
 * Make the note that sounds there longer or shorter, within the grid; it pushes nothing away.
 * @param {Cells[]} notes @param {number} row @param {number} step @param {number} by @param {number} steps of the whole grid
 */
export function resized(notes, row, step, by, steps) {
  const note = noteAt(notes, row, step);
  if (!note || row >= TONES) return notes;
  const following = notes.filter((one) => one[0] === row && one[1] > note[1]).map((one) => one[1]);
  const length = Math.max(1, Math.min(note[2] + by, Math.min(steps, ...following) - note[1]));
  return length === note[2] ? notes : notes.map((one) => one === note ? /** @type {Cells} */ ([row, note[1], length]) : one);
}

/** The cells from one to another, the first left out, so that a quick pointer leaves no gap. @param {[number, number]} from @param {[number, number]} to */
export function between([row, step], [toRow, toStep]) {
  const count = Math.max(Math.abs(toRow - row), Math.abs(toStep - step));
  return Array.from({ length: count }, (_, index) => /** @type {[number, number]} */ ([
    Math.round(row + (toRow - row) * (index + 1) / count), Math.round(step + (toStep - step) * (index + 1) / count),
  ]));
}

/**
 * One stroke of the brush, from where it went down to where it is now: along a row it is one note, in another row
 * another one begins; a stroke that went down on a note takes notes away.
 */
export class Stroke {
  /** @param {Cells[]} notes what was there @param {number} row @param {number} step */
  constructor(notes, row, step) {
    this.before = notes;
    this.erases = noteAt(notes, row, step) !== undefined;
    this.row = row;
    this.anchor = step;
    this.at = /** @type {[number, number]} */ ([row, step]);
    /** @type {Cells[]} what lies there without the note that is being drawn */
    this.ground = notes;
    this.notes = this.erases ? removed(notes, row, step) : added(notes, [row, step, 1]);
  }

  /** Move to a cell; returns what is there then. @param {number} row @param {number} step */
  to(row, step) {
    for (const [r, s] of between(this.at, [row, step])) {
      if (this.erases) { this.notes = removed(this.notes, r, s); continue; }
      if (r !== this.row || r >= TONES) {
        this.ground = this.notes;
        this.row = r;
        this.anchor = s;
      }
      this.notes = added(this.ground, [r, Math.min(this.anchor, s), Math.abs(s - this.anchor) + 1]);
    }
    this.at = /** @type {[number, number]} */ ([row, step]);
    return this.notes;
  }
}

/** A note in words: "E4, bar 1, beat 2: two sixteenths". @param {string} name @param {Cells | undefined} note @param {number} step */
export function inWords(name, note, step) {
  const place = `${name}, bar ${Math.floor(step / STEPS) + 1}, step ${(step % STEPS) + 1}`;
  if (!note) return `${place}: empty`;
  return `${place}: ${note[2] === 1 ? "one sixteenth" : `a note of ${note[2]} sixteenths`}`;
}

/** What is painted, as music. @param {Cells[]} notes @returns {import("./piece.js").Piece} */
export function pieceOf(notes) {
  const byOnset = (/** @type {any[]} */ a, /** @type {any[]} */ b) => a[0] - b[0] || a[1] - b[1];
  const rows = (/** @type {boolean} */ drums) => notes.filter(([row]) => row >= TONES === drums).map(([row, step, length]) =>
    /** @type {import("./piece.js").NoteRow} */ ([step / 4, drums ? DRUM_PITCHES[row - TONES] : HIGHEST - row, length / 4, 80])).sort(byOnset);
  const strokes = rows(true);
  return {
    title: "Playground", pickup: 0, tempos: [[0, 100]], metres: [[0, 4, 4]],
    tracks: [
      { name: "Melody", program: 0, is_drum: false, notes: rows(false) },
      ...(strokes.length ? [{ name: "Drums", program: 0, is_drum: true, notes: strokes }] : []),
    ],
  };
}

/** How many digits a metric is shown with. @param {Row} row */
export const digitsOf = (row) => (row.maximum > 2 ? 1 : 2);

/**
 * @typedef {{text: string, name?: string, value?: number, least?: {drums?: number, tones?: number}, all?: boolean, like?: boolean}} Challenge
 * `name` and `value`: this metric shall be that; `least`: with so many notes; `all`: all in scale too; `like`: every metric that has a band lies in it.
 */
/** @type {Challenge[]} */
export const CHALLENGES = [
  { text: "Polyphonic rate of exactly 0.50", name: "polyphonic_rate", value: 0.5 },
  { text: "In scale ratio of exactly 0.75", name: "in_scale_ratio", value: 0.75 },
  { text: "Empty bar rate of 0.50", name: "empty_bar_rate", value: 0.5 },
  { text: "Drum in pattern of exactly 0.55", name: "drum_in_pattern", value: 0.55 },
  { text: "Drum in pattern of 1.00, with eight strokes or more", name: "drum_in_pattern", value: 1, least: { drums: 8 } },
  { text: "Six pitches a bar, all in scale", name: "distinct_pitches_per_bar", value: 6, all: true },
  { text: "Every number in its band", like: true },
];

/**
 * How far a challenge is, in words; `met` where it is done.
 * @param {Challenge} challenge @param {Row[]} rows @param {Cells[]} notes @returns {{met: boolean, words: string}}
 */
export function challengeState(challenge, rows, notes) {
  const not = (/** @type {string} */ words) => ({ met: false, words });
  if (challenge.like) {
    const asked = rows.filter((row) => row.value !== null && row.low !== null);
    const inside = asked.filter((row) => liesIn(row)).length;
    if (!notes.length || !asked.length) return not("Nothing is painted yet.");
    return inside < asked.length ? not(`${inside} of ${asked.length} are.`) : { met: true, words: `Done: all ${asked.length}. Play it.` };
  }
  const row = rows.find((one) => one.name === challenge.name), wanted = challenge.value ?? 0;
  if (!row || row.value === null) return not("Nothing to measure yet.");
  const shown = row.value.toFixed(digitsOf(row));
  if (shown !== wanted.toFixed(digitsOf(row))) return not(`${shown}: too ${row.value < wanted ? "low" : "high"}.`);
  if (Math.abs(row.value - wanted) > 0.0005) return not(`${row.value.toFixed(3)}: not exactly.`);
  const strokes = notes.filter(([at]) => at >= TONES).length;
  if (challenge.least?.drums && strokes < challenge.least.drums) return not(`${shown} it is, with ${strokes} of ${challenge.least.drums} strokes.`);
  const scale = rows.find((one) => one.name === "in_scale_ratio")?.value ?? 0;
  if (challenge.all && scale < 0.9995) return not(`${shown} it is, but not all in scale.`);
  return { met: true, words: `Done: ${shown}.` };
}

/** As the verdict in words has it: to two digits. @param {Row} row */
export function liesIn(row) {
  const round = (/** @type {number | null} */ value) => Math.round((value ?? 0) * 100);
  return row.value !== null && row.low !== null && row.high !== null && round(row.low) <= round(row.value) && round(row.value) <= round(row.high);
}

/**
 * How far guesses were off, as shares of each metric's range; only what was guessed counts.
 * @param {Row[]} rows @param {Record<string, number>} guesses
 */
export function scoreOf(rows, guesses) {
  const errors = rows.filter((row) => row.value !== null && row.name in guesses)
    .map((row) => Math.abs(/** @type {number} */ (row.value) - guesses[row.name]) / (row.maximum - row.minimum || 1));
  if (!errors.length) return { error: 0, near: 0, count: 0, words: "You guessed nothing: move a slider first." };
  const error = errors.reduce((sum, one) => sum + one, 0) / errors.length;
  const near = errors.filter((one) => one <= 0.1 + 1e-9).length;
  return { error, near, count: errors.length, words: `${near} of ${errors.length} within a tenth of the scale; off by ${Math.round(error * 100)} % of it on average.` };
}
