// What goes wrong with microphones, in words.

/**
 * @typedef {"insecure" | "unsupported" | "denied" | "none" | "busy" | "failed"} Trouble
 * @typedef {{kind: Trouble, title: string, words: string}} TroubleWords
 */

/** What to say where the page cannot ask for a microphone at all; null where it can. @param {boolean} isSecure @param {any} mediaDevices @returns {TroubleWords | null} */
export function cannotAsk(isSecure, mediaDevices) {
  if (!isSecure) {
    return {
      kind: "insecure", title: "This page may not use a microphone.",
      words: "Browsers give it only to addresses that begin with https, and to localhost on this computer. Open the notebook through one of them; or play the melody on the keyboard, or upload a file.",
    };
  }
  if (!mediaDevices?.getUserMedia) {
    return {
      kind: "unsupported", title: "This browser gives no microphone to web pages.",
      words: "A current Chrome, Edge, Firefox or Safari does. The keyboard and the upload work here.",
    };
  }
  return null;
}

/** What to say about an error of getUserMedia. @param {any} error @returns {TroubleWords} */
export function troubleWords(error) {
  switch (error?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return {
        kind: "denied", title: "The browser was told not to give the microphone.",
        words: "Allow it beside the page's address (the icon left of it, “Microphone”), and where the system asks, for the browser as a whole; then try again.",
      };
    case "NotFoundError":
    case "DevicesNotFoundError":
    case "OverconstrainedError":
      return {
        kind: "none", title: "There is no microphone.",
        words: "None is connected, or the system shows it to no program. Connect one and try again; or play the melody on the keyboard, or upload a file.",
      };
    case "NotReadableError":
    case "AbortError":
      return {
        kind: "busy", title: "The microphone is there, and does not answer.",
        words: "Another program may hold it (a video call?). Close that one, or unplug the microphone and connect it again; then try again.",
      };
    default:
      return {
        kind: "failed", title: "The recording could not start.",
        words: `The browser says: ${error?.message || error?.name || "nothing"}. Try again, or reload the page.`,
      };
  }
}

/** A level in a word. @param {number} level dB below full scale @param {boolean} isClipped */
export function levelWord(level, isClipped) {
  if (isClipped) return "too loud";
  if (level < -55) return "silent";
  if (level < -42) return "quiet";
  return "good";
}

/** How full a meter is, 0–1: −60 dB is empty. @param {number} level */
export function meterShare(level) {
  return Math.max(0, Math.min(1, (level + 60) / 54));
}

/** Minutes and seconds. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
