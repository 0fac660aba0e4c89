// The tracks beside a roll: shape, name, mute, solo, volume, instrument; the chosen one is edited.
import { INSTRUMENTS, nearestProgram } from "../lib/programs.js";
import { shapeOf } from "../lib/theme.js";
import { button, h, icon, select, setPressed, slider } from "./dom.js";

/** @typedef {import("../lib/piece.js").Piece} Piece */
/** @typedef {{muted: boolean, soloed: boolean, volume: number, program: number | null}} Mix */
/** What the rows work on: a transport, or whatever keeps a mix. @typedef {{mix: Mix[], setTrack: (index: number, change: Partial<Mix>) => void, isHeard: (index: number) => boolean}} Mixer */

const ALL = { muted: false, soloed: false, volume: 0.8, program: null };

/**
 * @param {{piece: Piece, transport: Mixer, chosen?: number, onchoose?: (index: number) => void, onprogram?: (index: number, program: number) => void, choosing?: string}} options
 *   `onchoose` makes the names buttons, whose hint is `choosing`; without `onprogram` an instrument is heard, and the piece stays as it is
 */
export function trackList({ piece, transport, chosen = 0, onchoose, onprogram, choosing = "Choose this track for editing" }) {
  const element = h("div", { class: "dc-tracks", role: "group", "aria-label": "Tracks" });
  const mixOf = (/** @type {number} */ index) => transport.mix[index] ?? ALL;
  const rows = piece.tracks.map((track, index) => {
    const mix = mixOf(index);
    const mute = button({
      label: `Mute ${track.name}`, icon: "speaker", kind: "small", pressed: mix.muted, class: "dc-button dc-button-small dc-button-icon dc-outlined",
      onclick: () => { transport.setTrack(index, { muted: !mixOf(index).muted }); update(); },
    });
    const solo = button({
      label: `Only ${track.name} (solo)`, text: "S", kind: "small", pressed: mix.soloed, title: "Solo",
      class: "dc-button dc-button-small dc-button-icon dc-outlined",
      onclick: () => { transport.setTrack(index, { soloed: !mixOf(index).soloed }); update(); },
    });
    const volume = slider({
      label: `Volume of ${track.name}`, value: Math.round(mix.volume * 100), minimum: 0, maximum: 100, unit: "%", compact: true,
      onchange: (value) => transport.setTrack(index, { volume: value / 100 }),
    });
    const instrument = track.is_drum
      ? h("span", { class: "dc-hint" }, "Drum kit")
      : select({
          label: `Instrument of ${track.name}`, value: String(nearestProgram(mix.program ?? track.program)),
          choices: INSTRUMENTS.map(([program, name]) => [String(program), name]),
          onchange: (value) => onprogram ? onprogram(index, +value) : transport.setTrack(index, { program: +value }),
        });
    const name = onchoose
      ? h("button", { type: "button", class: "dc-track-name", title: `${track.name}: ${choosing[0].toLowerCase()}${choosing.slice(1)}`, onclick: () => { choose(index); onchoose(index); } }, track.name)
      : h("span", { class: "dc-track-name", title: track.name }, track.name);
    const row = h("div", { class: "dc-track", role: "group", "aria-label": track.name },
      h("span", { class: "dc-track-shape", style: `color: var(--dc-t${(index % 6) + 1})`, "aria-hidden": "true" }, shapeOf(index)),
      name, mute, solo, h("div", { class: "dc-track-more" }, volume.element, "set" in instrument ? instrument.element : instrument));
    return { row, mute, solo, name, instrument };
  });
  /** @param {number} index @param {boolean} isAlone whether the name is a button that is held down */
  const choose = (index, isAlone = true) => rows.forEach(({ row, name }, at) => {
    row.classList.toggle("dc-chosen", onchoose !== undefined && at === index && piece.tracks.length > 1);
    if (onchoose) name.setAttribute("aria-pressed", String(isAlone && at === index));
  });
  const update = () => rows.forEach(({ row, mute, solo }, index) => {
    const mix = mixOf(index);
    setPressed(mute, mix.muted);
    mute.replaceChildren(icon(mix.muted ? "muted" : "speaker"));
    setPressed(solo, mix.soloed);
    row.classList.toggle("dc-silent", !transport.isHeard(index));
  });
  /** The instruments of the same tracks, after an undo say. @param {Piece} now */
  const show = (now) => rows.forEach(({ instrument }, index) => {
    if ("set" in instrument) instrument.set(String(nearestProgram(mixOf(index).program ?? now.tracks[index]?.program ?? 0)));
  });
  element.append(...rows.map(({ row }) => row));
  choose(chosen);
  update();
  return { element, choose, update, show };
}
