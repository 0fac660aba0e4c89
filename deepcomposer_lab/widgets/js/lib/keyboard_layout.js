// Which key of the computer plays which key of the piano, and where the piano's keys are: pure.
import { isBlackKey } from "./piece.js";

/** The keys of the computer from F upwards, by place on the board (`event.code`): 32 keys, as the original had them. */
export const CODES = [
  "KeyA", "KeyW", "KeyS", "KeyE", "KeyD", "KeyR", "KeyF", "KeyG", "KeyT", "KeyH", "KeyY", "KeyJ", "KeyK", "KeyU", "KeyL", "KeyO",
  "Semicolon", "KeyP", "Quote", "KeyM", "BracketLeft", "Comma", "BracketRight", "Period", "Slash", "Backslash", "KeyZ", "KeyX",
  "KeyC", "KeyV", "KeyB", "KeyN",
];

export const FIRST_PITCH = 41; // F2, without a shift

/** @type {Record<string, string>} What those keys say on a board of the United States. */
const US = { Semicolon: ";", Quote: "'", BracketLeft: "[", BracketRight: "]", Comma: ",", Period: ".", Slash: "/", Backslash: "\\" };

/** The pitch that a key of the computer plays; null for others. @param {string} code @param {number} octaves */
export function pitchOfCode(code, octaves = 0) {
  const index = CODES.indexOf(code);
  if (index < 0) return null;
  const pitch = FIRST_PITCH + 12 * octaves + index;
  return pitch >= 0 && pitch <= 127 ? pitch : null;
}

/** The key of the computer that plays a pitch; null where none does. @param {number} pitch @param {number} octaves */
export function codeOfPitch(pitch, octaves = 0) {
  return CODES[pitch - FIRST_PITCH - 12 * octaves] ?? null;
}

/** What is printed on a key: as the board says where the browser tells, else as in the United States.
 * @param {string} code @param {{get(code: string): string | undefined} | null} layout */
export function labelOf(code, layout = null) {
  const written = layout?.get(code) || US[code] || code.replace("Key", "");
  const large = written.toUpperCase();
  return large.length === 1 ? large : written; // "ß" has no capital of one letter
}

/** How many keys a keyboard has, and which: [low, high, name]. @type {[low: number, high: number, name: string][]} */
export const SIZES = [[41, 72, "32 keys"], [36, 84, "49 keys"], [36, 96, "61 keys"], [21, 108, "88 keys"]];

/** The smallest of the usual keyboards that holds a pitch and what is there already; null where none does.
 * @param {number} low @param {number} high @param {number} pitch @returns {[low: number, high: number] | null} */
export function sizeWith(low, high, pitch) {
  const found = SIZES.find(([first, last]) => first <= Math.min(low, pitch) && last >= Math.max(high, pitch));
  return found ? [found[0], found[1]] : null;
}

/** By how many octaves the computer's keys move so that most of them are on a keyboard; the smallest such move.
 * @param {number} low @param {number} high */
export function homeOctave(low, high) {
  const shared = (/** @type {number} */ octaves) =>
    Math.min(high, FIRST_PITCH + 12 * octaves + CODES.length - 1) - Math.max(low, FIRST_PITCH + 12 * octaves) + 1;
  const octaves = [0, 1, -1, 2, -2, 3, -3, 4];
  return octaves.reduce((best, one) => (shared(one) > shared(best) ? one : best));
}

/**
 * The piano's keys from left to right: offset and width as shares of the whole.
 * @param {number} low @param {number} high
 * @returns {{pitch: number, isBlack: boolean, x: number, width: number}[]}
 */
export function keysBetween(low, high) {
  const pitches = Array.from({ length: high - low + 1 }, (_, index) => low + index);
  const whites = pitches.filter((pitch) => !isBlackKey(pitch)).length;
  const width = 1 / whites;
  let white = 0;
  return pitches.map((pitch) => {
    if (!isBlackKey(pitch)) return { pitch, isBlack: false, x: white++ * width, width };
    return { pitch, isBlack: true, x: white * width - width * 0.31, width: width * 0.62 };
  });
}

/** The key under a point given in shares; black keys lie above, down to `depth`.
 * @param {ReturnType<typeof keysBetween>} keys @param {number} x @param {number} y @param {number} depth */
export function keyAt(keys, x, y, depth = 0.62) {
  const under = (/** @type {{x: number, width: number}} */ key) => x >= key.x && x < key.x + key.width;
  return (y < depth ? keys.find((key) => key.isBlack && under(key)) : undefined) ?? keys.find((key) => !key.isBlack && under(key)) ?? null;
}

/** How hard a key is struck: harder towards its front edge. @param {number} y share of the key's length @param {number} base */
export function velocityAt(y, base = 80) {
  return Math.max(1, Math.min(127, Math.round(base * (0.7 + 0.5 * Math.max(0, Math.min(1, y))))));
}
