// The pitch of this moment, while somebody sings: for the eye alone, the notes are found by the kernel.

const SURE = 0.15; // below, two periods are alike enough (YIN's threshold)
const LOWEST = 60, HIGHEST = 4200; // Hz

/**
 * The pitch of a moment of sound by the YIN method (de Cheveigné and Kawahara 2002, steps 2–5): a MIDI number with its
 * fraction, or null where there is none.
 * @param {Float32Array} samples at least 1/20 second @param {number} rate
 * @returns {number | null}
 */
export function pitchOf(samples, rate) {
  const longest = Math.min(Math.floor(rate / LOWEST), samples.length >> 1);
  const size = samples.length - longest;
  const shortest = Math.max(2, Math.floor(rate / HIGHEST));
  let energy = 0;
  for (let index = 0; index < size; index++) energy += samples[index] ** 2;
  if (energy / size < 1e-6) return null; // −60 dB
  const unlike = new Float32Array(longest + 1); // cumulative mean normalised difference
  let sum = 0;
  unlike[0] = 1;
  for (let lag = 1; lag <= longest; lag++) {
    let difference = 0;
    for (let index = 0; index < size; index++) {
      const gap = samples[index] - samples[index + lag];
      difference += gap * gap;
    }
    sum += difference;
    unlike[lag] = sum > 0 ? (difference * lag) / sum : 1;
    // The first dip that is deep enough, at its bottom: longer lags are whole numbers of periods.
    if (lag > shortest && unlike[lag - 1] < SURE && unlike[lag] > unlike[lag - 1]) return midi(rate / refined(unlike, lag - 1));
  }
  return null;
}

/** The bottom of the parabola through three points. @param {Float32Array} values @param {number} at */
function refined(values, at) {
  const [before, here, after] = [values[at - 1], values[at], values[at + 1]];
  const bend = before - 2 * here + after;
  return bend > 0 ? at + (before - after) / (2 * bend) : at;
}

/** @param {number} hertz */
function midi(hertz) {
  return 69 + 12 * Math.log2(hertz / 440);
}
