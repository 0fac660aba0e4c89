// A player: transport, the tracks, a strip of the roll, and a WAV file made in the browser.
import { button, download, h, root } from "./parts/dom.js";
import { PianoRollView } from "./parts/piano_roll.js";
import { soundState } from "./parts/sound_state.js";
import { trackList } from "./parts/track_list.js";
import { transportBar } from "./parts/transport.js";
import { pageSound } from "./lib/sound_page.js";

/** @param {{model: import("./lib/kernel.js").Model, el: HTMLElement}} view */
function render({ model, el }) {
  const frame = root(el, "dc-player", "Player"), sound = pageSound(model), transport = sound.createTransport();
  const title = h("b", { class: "dc-player-title" });
  const wav = button({ label: "Download WAV", text: "Download WAV", icon: "download", onclick: () => save() });
  const bar = transportBar({ transport, primary: true, after: [title, h("span", { class: "dc-spread" }, wav)] });
  const gutter = h("div", { class: "dc-roll-gutter" }), place = h("div", {});
  const state = soundState(sound);
  frame.append(state.element, bar.element, h("div", { class: "dc-roll-row" }, gutter, place));
  const roll = new PianoRollView(place, { piece: model.get("piece"), transport, sound, editable: false, velocityLane: false, minHeight: 220, label: "Piano roll" });
  sound.preload().catch(() => {});

  const show = () => {
    const piece = model.get("piece");
    title.textContent = piece.title;
    transport.mix = [];
    transport.setPiece(piece);
    roll.setPiece(piece);
    gutter.replaceChildren(trackList({ piece, transport }).element);
    roll.setHeight(Math.max(220, Math.min(480, gutter.scrollHeight)));
  };
  const save = async () => {
    const piece = model.get("piece");
    wav.disabled = true;
    try {
      const tracks = transport.mix.map((mix, index) => ({ muted: !transport.isHeard(index), volume: mix.volume }));
      download(await sound.renderWav(piece, { tracks }), `${piece.title}.wav`);
    } finally {
      wav.disabled = false;
    }
  };
  frame.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== " " || event.defaultPrevented || event.target instanceof HTMLButtonElement) return;
    event.preventDefault();
    transport.toggle();
  });
  model.on("change:piece", show);
  requestAnimationFrame(show);
  return () => {
    model.off("change:piece", show);
    roll.destroy();
    bar.destroy();
    state.destroy();
    transport.dispose();
  };
}

export default { render };
