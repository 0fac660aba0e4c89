// Sound as numbers: another rate, sixteen bits, how loud. Pure functions.

const ZEROS = 16; // of the sinc to either side: −80 dB of what would fold back
const BETA = 8; // of the Kaiser window

/** The modified Bessel function of order 0, by its series. @param {number} x */
function bessel(x) {
  let sum = 1, term = 1;
  for (let k = 1; k < 40 && term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * The same sound at another rate, band-limited (a sinc under a Kaiser window); of the result the samples [start, end).
 * @param {Float32Array} samples @param {number} from samples a second @param {number} to
 * @param {number} start @param {number} end
 * @returns {Float32Array}
 */
export function resample(samples, from, to, start = 0, end = resampledLength(samples, from, to)) {
  if (from === to) return samples.slice(start, end);
  const out = new Float32Array(end - start);
  const cutoff = Math.min(1, to / from) * 0.95; // of the source's own half rate
  const reach = ZEROS / cutoff;
  const steps = 512, table = new Float32Array(Math.ceil(ZEROS * steps) + 2);
  const whole = bessel(BETA);
  for (let index = 0; index < table.length; index++) {
    const x = index / steps;
    const window = x < ZEROS ? bessel(BETA * Math.sqrt(1 - (x / ZEROS) ** 2)) / whole : 0;
    table[index] = window * (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  }
  for (let index = start; index < end; index++) {
    const at = (index * from) / to;
    const first = Math.max(0, Math.ceil(at - reach)), last = Math.min(samples.length - 1, Math.floor(at + reach));
    let sum = 0;
    for (let source = first; source <= last; source++) {
      const place = Math.abs(at - source) * cutoff * steps, below = Math.floor(place);
      sum += samples[source] * (table[below] + (place - below) * (table[below + 1] - table[below]));
    }
    out[index - start] = sum * cutoff;
  }
  return out;
}

/** @param {Float32Array} samples @param {number} from @param {number} to */
export function resampledLength(samples, from, to) {
  return Math.round((samples.length * to) / from);
}

/** The same in slices, between which the page may do what else there is. @param {Float32Array} samples @param {number} from @param {number} to */
export async function resampleInSlices(samples, from, to) {
  const length = resampledLength(samples, from, to), chunks = [];
  for (let start = 0; start < length; start += 4 * to) {
    chunks.push(resample(samples, from, to, start, Math.min(length, start + 4 * to)));
    await new Promise((resolve) => setTimeout(resolve));
  }
  return joined(chunks);
}

/** Sixteen bits a sample; what is beyond full scale is cut. @param {Float32Array} samples */
export function toInt16(samples) {
  const out = new Int16Array(samples.length);
  for (let index = 0; index < samples.length; index++) {
    out[index] = Math.round(Math.max(-1, Math.min(1, samples[index])) * 32767);
  }
  return out;
}

/** @param {Int16Array} samples */
export function toFloat32(samples) {
  return Float32Array.from(samples, (sample) => sample / 32767);
}

/** Chunks as one. @param {Float32Array[]} chunks */
export function joined(chunks) {
  const out = new Float32Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/**
 * A recording with its gaps bridged. A busy computer loses blocks of some milliseconds, which arrive as exact zeros, as
 * no microphone gives them; heard as pauses, they would cut notes in two. Each is filled with the sound before and after
 * it, mirrored, the one fading into the other.
 * @param {Float32Array} samples @param {number} rate
 */
export function bridged(samples, rate) {
  const shortest = Math.round(0.002 * rate), longest = Math.round(0.06 * rate);
  /** @type {Float32Array | null} */
  let out = null;
  for (let start = 0; start < samples.length; start++) {
    if (samples[start] !== 0) continue;
    let end = start;
    while (end < samples.length && samples[end] === 0) end++;
    const length = end - start;
    if (length >= shortest && length <= longest && start >= length && end + length <= samples.length) {
      out ??= samples.slice();
      for (let index = 0; index < length; index++) {
        const share = (index + 1) / (length + 1);
        out[start + index] = samples[start - 1 - index] * Math.cos((share * Math.PI) / 2) + samples[2 * end - 1 - start - index] * Math.sin((share * Math.PI) / 2);
      }
    }
    start = end;
  }
  return out ?? samples;
}

/** How loud, in dB below full scale (−100 … 0), by the mean square; and whether a sample reached full scale. @param {Float32Array} samples */
export function levelOf(samples) {
  let sum = 0, peak = 0;
  for (const sample of samples) {
    sum += sample * sample;
    peak = Math.max(peak, Math.abs(sample));
  }
  const level = 10 * Math.log10(Math.max(sum / Math.max(1, samples.length), 1e-10));
  return { level, isClipped: peak >= 0.99 };
}
