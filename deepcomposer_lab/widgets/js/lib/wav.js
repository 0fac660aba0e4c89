// A WAV file of samples: 16 bits, one or more channels.

/** How loud the loudest sample becomes where it would be louder: room for players that resample. */
const CEILING = 0.98;

/** @param {Float32Array[]} channels @param {number} rate samples a second @returns {Uint8Array} */
export function writeWav(channels, rate) {
  const frames = channels[0].length, width = channels.length * 2;
  const view = new DataView(new ArrayBuffer(44 + frames * width));
  const word = (/** @type {number} */ at, /** @type {string} */ text) =>
    [...text].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  word(0, "RIFF"); view.setUint32(4, 36 + frames * width, true); word(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, channels.length, true);
  view.setUint32(24, rate, true); view.setUint32(28, rate * width, true);
  view.setUint16(32, width, true); view.setUint16(34, 16, true);
  word(36, "data"); view.setUint32(40, frames * width, true);
  let peak = 0;
  for (const channel of channels) for (const sample of channel) peak = Math.max(peak, Math.abs(sample));
  const gain = peak > CEILING ? CEILING / peak : 1;
  for (let frame = 0, at = 44; frame < frames; frame++) {
    for (const channel of channels) { view.setInt16(at, Math.round(channel[frame] * gain * 32767), true); at += 2; }
  }
  return new Uint8Array(view.buffer);
}
