// A Standard MIDI File of a piece: a pure function from plain values to bytes.

/** @typedef {import("./piece.js").Piece} Piece */

const TICKS = 480; // a beat

/**
 * Write a file of format 1: tempos and metres first, then a track for each of the piece's.
 * @param {Piece} piece
 * @param {{volumes?: number[], silent?: boolean[], program?: (program: number) => number}} mix
 *   `volumes` 0–1 a track, `silent` tracks are left empty, `program` maps instruments
 * @returns {Uint8Array}
 */
export function writeMidi(piece, mix = {}) {
  const conductor = [
    ...piece.tempos.map(([onset, bpm]) => at(onset, [0xff, 0x51, 3, ...bigEndian(Math.round(60e6 / bpm), 3)])),
    ...piece.metres.map(([onset, numerator, denominator]) =>
      at(onset, [0xff, 0x58, 4, numerator, Math.log2(denominator), 24, 8])),
  ];
  let pitched = 0;
  const tracks = piece.tracks.map((track, index) => {
    const channel = track.is_drum ? 9 : channelOf(pitched++);
    const events = [
      at(0, [0xff, 0x03, ...text(track.name)]),
      at(0, [0xc0 | channel, track.is_drum ? 0 : (mix.program?.(track.program) ?? track.program)]),
    ];
    if (mix.volumes) events.push(at(0, [0xb0 | channel, 7, Math.round(127 * mix.volumes[index])]));
    if (!mix.silent?.[index]) {
      for (const [onset, pitch, duration, velocity] of track.notes) {
        events.push(at(onset, [0x90 | channel, pitch, velocity]), at(onset + duration, [0x80 | channel, pitch, 64]));
      }
    }
    return events;
  });
  const chunks = [conductor, ...tracks].map((events) => chunk("MTrk", track(events)));
  const header = chunk("MThd", [0, 1, ...bigEndian(chunks.length, 2), ...bigEndian(TICKS, 2)]);
  return new Uint8Array([header, ...chunks].flat());
}

/** The channel of the n-th pitched track: all but the drums' channel, shared from the sixteenth on. @param {number} index */
export function channelOf(index) {
  const channel = index % 15;
  return channel < 9 ? channel : channel + 1;
}

/** @param {number} beat @param {number[]} bytes */
function at(beat, bytes) {
  return { tick: Math.round(beat * TICKS), bytes };
}

/** Events in the order in which they happen; what ends comes before what begins. @param {{tick: number, bytes: number[]}[]} events */
function track(events) {
  const rank = (/** @type {number[]} */ bytes) => ({ 0x80: 1, 0x90: 2 })[bytes[0] & 0xf0] ?? 0;
  const sorted = [...events].sort((a, b) => a.tick - b.tick || rank(a.bytes) - rank(b.bytes));
  const bytes = [];
  let tick = 0;
  for (const event of sorted) {
    bytes.push(...variableLength(event.tick - tick), ...event.bytes);
    tick = event.tick;
  }
  return [...bytes, 0, 0xff, 0x2f, 0];
}

/** @param {string} name @param {number[]} bytes */
function chunk(name, bytes) {
  return [...name].map((letter) => letter.charCodeAt(0)).concat(bigEndian(bytes.length, 4), bytes);
}

/** @param {string} words */
function text(words) {
  const bytes = [...new TextEncoder().encode(words)];
  return [...variableLength(bytes.length), ...bytes];
}

/** @param {number} value @param {number} length */
function bigEndian(value, length) {
  return Array.from({ length }, (_, index) => Math.floor(value / 256 ** (length - 1 - index)) & 255);
}

/** Seven bits a byte, the last without the high bit. @param {number} value */
function variableLength(value) {
  const bytes = [value & 127];
  for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 127) | 128);
  return bytes;
}
