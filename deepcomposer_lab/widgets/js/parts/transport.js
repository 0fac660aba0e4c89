// Play, stop, where the music is, loop and metronome: one bar for every widget that plays.
import { barsOf } from "../lib/piece.js";
import { clickBeats } from "../lib/schedule.js";
import { button, h, icon, setPressed } from "./dom.js";

/** @typedef {import("../lib/sound_page.js").Transport} Transport */
/** @typedef {import("../lib/piece.js").Piece} Piece */

/** Bar and beat of a position, and how many beats its bar has. @param {Piece} piece @param {number} position */
export function barAndBeat(piece, position) {
  const bars = barsOf(piece, position + 1e-6);
  const bar = bars.findLast((one) => one.start <= position + 1e-6) ?? bars[0];
  const step = clickBeats(bar.numerator, bar.denominator);
  return { bar: bar.number, beat: Math.floor((position - bar.start + 1e-6) / step) + 1, beats: Math.max(1, Math.round(bar.beats / step)) };
}

/** Where the last bar ends in which something sounds, or the part of it that is heard. @param {Transport} transport */
export function endOfBars({ piece, end, range }) {
  if (range || !piece) return end;
  const last = barsOf(piece, end).findLast((bar) => bar.start < end - 1e-6);
  return last ? last.start + last.beats : 4;
}

/**
 * @param {{transport: Transport, primary?: boolean, loop?: boolean, metronome?: boolean, before?: Node[], after?: Node[]}} options
 *   `before` stands left of play (record), `after` right of the counter
 * @returns {{element: HTMLElement, update: () => void, destroy: () => void}}
 */
export function transportBar({ transport, primary = false, loop = true, metronome = true, before = [], after = [] }) {
  const play = button({ label: "Play", icon: "play", kind: "round", onclick: () => transport.toggle() });
  if (primary) play.classList.add("dc-button-primary");
  const stop = button({ label: "Stop", icon: "stop", kind: "round", onclick: () => {
    transport.stop();
    transport.sound.playing?.pause(); // whatever sounds: who presses it wants silence
  } });
  const counter = h("span", { class: "dc-counter-figures", "aria-hidden": "true" });
  const lights = h("span", { class: "dc-counter-lights", "aria-hidden": "true" });
  const again = loop && button({
    label: "Loop", text: "Loop", icon: "loop", pressed: false, title: "Repeat the whole piece, or the bars dragged on the ruler",
    onclick: () => transport.loop ? transport.setLoop(null) : transport.setLoop(transport.start, endOfBars(transport)),
  });
  const clicks = metronome && button({
    label: "Metronome", text: "Metronome", icon: "metronome", pressed: transport.metronome,
    onclick: () => {
      transport.metronome = !transport.metronome;
      setPressed(/** @type {HTMLElement} */ (clicks), transport.metronome);
      if (transport.isPlaying) transport.seek(transport.position);
    },
  });
  const element = h("div", { class: "dc-transport", role: "group", "aria-label": "Playing" },
    ...before, play, stop, h("span", { class: "dc-counter" }, counter, lights), clicks, again, ...after);

  let frame = 0, shown = "";
  const draw = () => {
    frame = transport.isPlaying ? requestAnimationFrame(draw) : 0;
    if (!transport.piece) return;
    const { bar, beat, beats } = barAndBeat(transport.piece, transport.position);
    const text = `${bar}:${beat}/${beats}`;
    if (text === shown) return;
    shown = text;
    counter.textContent = `${bar} : ${beat}`;
    lights.replaceChildren(...Array.from({ length: beats }, (_, index) => h("i", { class: index === beat - 1 && transport.isPlaying ? "dc-on" : null })));
  };
  const update = () => {
    const name = transport.isPlaying ? "Pause" : "Play";
    play.replaceChildren(icon(transport.isPlaying ? "pause" : "play"));
    play.setAttribute("aria-label", name);
    play.title = `${name} (Space)`;
    if (again) setPressed(again, transport.loop !== null);
    shown = "";
    if (!frame) draw();
  };
  for (const name of ["state", "piece"]) transport.addEventListener(name, update);
  update();
  return { element, update, destroy: () => { for (const name of ["state", "piece"]) transport.removeEventListener(name, update); cancelAnimationFrame(frame); } };
}
