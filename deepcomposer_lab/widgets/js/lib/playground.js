// What is painted in the metric playground, and the games played with it: pure.

const TONES = 13, STEPS = 16;
const DRUM_PITCHES = [42, 38, 36];

/** @typedef {{name: string, label: string, value: number | null, minimum: number, maximum: number}} Row */

/** @param {number[][]} cells @param {number} row @param {number} step @param {boolean} on */
export function toggled(cells, row, step, on) {
  const rest = cells.filter(([r, s]) => r !== row || s !== step);
  return on ? [...rest, [row, step]] : rest;
}

/** What is painted, as music: neighbouring cells of a tone are one note, within a bar. @param {number[][]} cells @returns {import("./piece.js").Piece} */
export function pieceOfCells(cells) {
  /** @type {import("./piece.js").NoteRow[]} */
  const tones = [];
  /** @type {import("./piece.js").NoteRow[]} */
  const strokes = [];
  const sorted = [...cells].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let last = /** @type {number[] | null} */ (null);
  for (const [row, step] of sorted) {
    if (row >= TONES) strokes.push([step / 4, DRUM_PITCHES[row - TONES], 0.25, 80]);
    else if (last && last[0] === row && last[1] === step - 1 && step % STEPS) tones[tones.length - 1][2] += 0.25;
    else tones.push([step / 4, 72 - row, 0.25, 80]);
    last = [row, step];
  }
  const byOnset = (/** @type {any[]} */ a, /** @type {any[]} */ b) => a[0] - b[0] || a[1] - b[1];
  const drums = strokes.length ? [{ name: "Drums", program: 0, is_drum: true, notes: strokes.sort(byOnset) }] : [];
  return {
    title: "Playground", pickup: 0, tempos: [[0, 100]], metres: [[0, 4, 4]],
    tracks: [{ name: "Melody", program: 0, is_drum: false, notes: tones.sort(byOnset) }, ...drums],
  };
}

/** @type {{text: string, name: string, value: number, slack: number, also?: {name: string, least: number}}[]} */
export const CHALLENGES = [
  { text: "Polyphonic rate exactly 0.50", name: "polyphonic_rate", value: 0.5, slack: 0.005 },
  { text: "In scale ratio exactly 0.75", name: "in_scale_ratio", value: 0.75, slack: 0.005 },
  { text: "Empty bar rate 0.50", name: "empty_bar_rate", value: 0.5, slack: 0.005 },
  { text: "Drum in pattern 1.00 with four strokes or more", name: "drum_in_pattern", value: 1, slack: 0.0005 },
  { text: "Six pitches a bar, all in scale", name: "distinct_pitches_per_bar", value: 6, slack: 0.05, also: { name: "in_scale_ratio", least: 0.999 } },
];

/** @param {typeof CHALLENGES[number]} challenge @param {Row[]} rows */
export function challengeState(challenge, rows) {
  const value = rows.find((row) => row.name === challenge.name)?.value ?? null;
  if (value === null) return "Nothing to measure yet.";
  const shown = value.toFixed(challenge.value > 2 ? 1 : 2);
  if (Math.abs(value - challenge.value) > challenge.slack) return `${shown}: ${value < challenge.value ? "too low" : "too high"}.`;
  const other = challenge.also && rows.find((row) => row.name === challenge.also?.name)?.value;
  if (challenge.also && (other ?? 0) < challenge.also.least) return `${shown} it is, but not all in scale.`;
  return `Done: ${shown}.`;
}

/** How far guesses were off, as shares of each metric's range. @param {Row[]} rows @param {Record<string, number>} guesses */
export function errorOfGuesses(rows, guesses) {
  const errors = rows.filter((row) => row.value !== null && row.name in guesses)
    .map((row) => Math.abs(/** @type {number} */ (row.value) - guesses[row.name]) / (row.maximum - row.minimum || 1));
  if (!errors.length) return { error: 0, words: "There was nothing to guess." };
  const error = errors.reduce((sum, one) => sum + one, 0) / errors.length;
  const near = errors.filter((one) => one <= 0.1).length;
  return { error, words: `${near} of ${errors.length} within a tenth of the range; off by ${Math.round(error * 100)} % of it on average.` };
}
