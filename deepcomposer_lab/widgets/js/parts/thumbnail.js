// A piece as a picture the size of a thumb.
import { coloursOf, onTheme } from "../lib/theme.js";
import { h } from "./dom.js";

/** @typedef {{notes: [track: number, onset: number, pitch: number, duration: number][], end: number, low: number, high: number}} Picture */

/** The picture of a piece. @param {import("../lib/piece.js").Piece} piece @returns {Picture} */
export function pictureOf(piece) {
  const notes = piece.tracks.flatMap((track, index) => track.notes.map(([onset, pitch, duration]) =>
    /** @type {[number, number, number, number]} */ ([index, onset, pitch, duration])));
  const pitches = notes.map((note) => note[2]);
  return {
    notes, end: notes.reduce((end, note) => Math.max(end, note[1] + note[3]), 0),
    low: Math.min(60, ...pitches), high: Math.max(60, ...pitches),
  };
}

/** As wide as there is room. @param {Picture} picture @param {number} height px */
export function thumbnail(picture, height) {
  const canvas = h("canvas", { class: "dc-thumbnail", "aria-hidden": "true", style: `height: ${height}px` });
  const draw = () => {
    if (!canvas.isConnected || !canvas.clientWidth) return;
    const scale = devicePixelRatio || 1, pen = canvas.getContext("2d"), colours = coloursOf(/** @type {HTMLElement} */ (canvas.parentElement));
    const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(wide * scale);
    canvas.height = Math.round(high * scale);
    pen.scale(scale, scale);
    const span = picture.high - picture.low + 1, row = (high - 4) / span, across = wide / (picture.end || 1);
    for (const [track, onset, pitch, duration] of picture.notes) {
      pen.fillStyle = colours[`t${(track % 6) + 1}`];
      pen.fillRect(onset * across, 2 + (picture.high - pitch) * row, Math.max(1, duration * across - 0.4), Math.max(1.5, Math.min(4, row)));
    }
  };
  const observer = new ResizeObserver(draw); // at its first size too: then it stands in the page, and its colours are known
  observer.observe(canvas);
  const stop = onTheme(canvas, draw);
  return { canvas, draw, destroy: () => { observer.disconnect(); stop(); } };
}
