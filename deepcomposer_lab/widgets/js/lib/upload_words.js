// What the browser itself can say about a file, before it goes to the kernel.

export const UPLOADS = [".mid", ".midi", ".kar", ".rmi", ".musicxml", ".mxl", ".xml"];
export const MOST_BYTES = 8_000_000; // more than a message to the kernel holds, and more than any piece needs

/** Why a file is not even sent; null where it is. @param {string} name @param {number} size */
export function fileProblem(name, size) {
  if (size === 0) return "It is empty, or a folder. Choose a .mid or .musicxml file.";
  if (size > MOST_BYTES) {
    return `It has ${(size / 1e6).toFixed(1)} MB; at most ${MOST_BYTES / 1e6} MB are read, and an hour of MIDI has less than 1 MB. It may be a recording or a picture of the music.`;
  }
  return null;
}

/** A word on the files that were dropped along. @param {string[]} names */
export function extraFiles(names) {
  if (names.length < 2) return "";
  const others = names.length === 2 ? `“${names[1]}” is` : `${names.length - 1} others are`;
  return `One file at a time: ${others} left out.`;
}
