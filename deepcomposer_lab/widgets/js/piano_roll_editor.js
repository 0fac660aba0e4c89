// The piano-roll editor: a roll with its tools, its tracks, and what it was before.
import { ask } from "./lib/kernel.js";
import { pageSound } from "./lib/sound_page.js";
import { button, h, root, segmented, select, setPressed, switchControl } from "./parts/dom.js";
import { PianoRollView } from "./parts/piano_roll.js";
import { soundState } from "./parts/sound_state.js";
import { trackList } from "./parts/track_list.js";
import { transportBar } from "./parts/transport.js";

const GRIDS = /** @type {[string, string][]} */ ([["1", "1/4"], ["0.5", "1/8"], ["0.3333333333", "1/8 triplet"], ["0.25", "1/16"], ["0.125", "1/32"], ["0", "free"]]);
const PATIENCE = 200; // ms before an edit goes to the kernel

/** @param {{model: import("./lib/kernel.js").Model, el: HTMLElement}} view */
function render({ model, el }) {
  const frame = root(el, "dc-editor", "Piano-roll editor"), sound = pageSound(model), transport = sound.createTransport();
  const place = h("div", {}), gutter = h("div", { class: "dc-roll-gutter" }), state = soundState(sound);
  const roll = new PianoRollView(place, { piece: model.get("piece"), transport, sound, minHeight: 380, label: "Piano roll, editable" });
  sound.preload().catch(() => {});

  // --- tools
  const tool = segmented({
    label: "Tool", value: "draw", choices: [{ value: "draw", text: "Draw", icon: "pencil" }, { value: "select", text: "Select", icon: "select" }],
    onchange: (value) => { roll.tool = /** @type {any} */ (value); },
  });
  const grid = select({ label: "Grid", value: "0.25", choices: GRIDS, onchange: (value) => { roll.grid = +value; } });
  const command = (/** @type {string} */ label, /** @type {string} */ icon, /** @type {string} */ keys, /** @type {() => void} */ act) =>
    button({ label, icon, kind: "ghost", title: keys ? `${label} (${keys})` : label, onclick: () => { act(); roll.element.focus({ preventScroll: true }); } });
  const undo = command("Undo", "undo", "Ctrl+Z", () => roll.undo()), redo = command("Redo", "redo", "Ctrl+Y", () => roll.redo());
  const remove = command("Delete the chosen notes", "trash", "Delete", () => roll.deleteSelection());
  const copy = command("Copy", "copy", "Ctrl+C", () => roll.copy()), paste = command("Paste at the playhead", "paste", "Ctrl+V", () => roll.paste());
  const quantise = command("Quantise: move notes onto the grid", "quantise", "Q", () => roll.quantise());
  const up = command("Up a semitone", "up", "↑", () => roll.transpose(1)), down = command("Down a semitone", "down", "↓", () => roll.transpose(-1));
  const octave = h("span", { class: "dc-row" },
    button({ label: "Up an octave", text: "+8", kind: "ghost", title: "Up an octave (Shift+↑)", onclick: () => roll.transpose(12) }),
    button({ label: "Down an octave", text: "−8", kind: "ghost", title: "Down an octave (Shift+↓)", onclick: () => roll.transpose(-12) }));
  const follow = button({ label: "Follow the playhead", text: "Follow", pressed: true, onclick: () => { roll.follow = !roll.follow; setPressed(follow, roll.follow); } });
  const zoom = h("span", { class: "dc-row" }, command("Zoom out", "zoomOut", "Ctrl+−", () => roll.zoom(0.8)),
    button({ label: "Fit the whole piece", text: "Fit", kind: "ghost", title: "Fit the whole piece (Ctrl+0)", onclick: () => roll.fit() }), command("Zoom in", "zoomIn", "Ctrl++", () => roll.zoom(1.25)));
  const tools = h("div", { class: "dc-editor-tools", role: "toolbar", "aria-label": "Editing" },
    tool.element, h("label", { class: "dc-row" }, h("span", { class: "dc-hint" }, "Grid"), grid.element), undo, redo, copy, paste, remove, quantise, up, down, octave, h("span", { class: "dc-spread" }, follow), zoom);

  // --- before and after
  const sides = segmented({ label: "Which is heard", value: "after", choices: [{ value: "before", text: "A  Before" }, { value: "after", text: "B  After" }], onchange: () => hear() });
  const shows = switchControl({ label: "Show changes", checked: true, onchange: () => compare() });
  const bar = transportBar({ transport, after: [sides.element, shows.element] });
  const words = h("div", { class: "dc-editor-words" });
  frame.append(state.element, bar.element, tools, h("div", { class: "dc-roll-row" }, gutter, place), words);

  const side = () => sides.element.querySelector("[aria-checked=true]")?.getAttribute("data-value");
  const hear = () => transport.setPiece(side() === "before" && model.get("before")?.tracks ? model.get("before") : roll.piece);
  const compare = () => {
    const before = model.get("before"), has = Boolean(before?.tracks);
    sides.element.hidden = shows.element.hidden = !has;
    roll.setBefore(has && shows.input.getAttribute("aria-checked") === "true" ? before : null);
    tell();
  };
  const tell = () => {
    const count = roll.notes.length, chosen = roll.selected.size, changes = roll.changes;
    words.textContent = [`${count} note${count === 1 ? "" : "s"}`, chosen ? `${chosen} chosen` : "", changes ? `${changes.added.size} added, ${changes.removed.length} removed since before` : ""].filter(Boolean).join(" · ")
      + (count ? "" : ": click to draw one; Esc leaves.");
    undo.disabled = !roll.canUndo;
    redo.disabled = !roll.canRedo;
    remove.disabled = copy.disabled = chosen === 0;
    paste.disabled = !roll.canPaste;
  };

  // --- the kernel
  let timer = 0, sent = "", own = false;
  const send = async () => {
    timer = 0;
    const { piece } = roll;
    own = true;
    sent = JSON.stringify(piece);
    await ask(model, "edit", { piece }).catch((error) => { words.textContent = error.message; });
    own = false;
  };
  roll.addEventListener("change", () => {
    clearTimeout(timer);
    timer = setTimeout(send, PATIENCE);
    hear();
  });
  const list = () => {
    const tracks = trackList({
      piece: roll.piece, transport, chosen: roll.chosen,
      onchoose: (index) => { roll.showsGhosts = roll.piece.tracks.length > 1; roll.setChosenTrack(index); },
      onprogram: (index, program) => {
        const { piece } = roll;
        roll.setPiece({ ...piece, tracks: piece.tracks.map((track, at) => at === index ? { ...track, program } : track) }, { keepHistory: true, keepView: true });
        hear();
        send();
      },
    });
    gutter.replaceChildren(tracks.element);
    listed = tracks;
  };
  /** @type {any} */
  let listed = null;
  const show = () => {
    const piece = model.get("piece");
    if (own || JSON.stringify(piece) === sent) return;
    roll.setPiece(piece, { keepHistory: true, keepView: roll.notes.length > 0 });
    list();
    hear();
    compare();
  };
  const told = (/** @type {any} */ content) => {
    if (content?.kind === "undo") roll.undo();
    if (content?.kind === "redo") roll.redo();
  };
  roll.addEventListener("track", (/** @type {any} */ event) => listed?.choose(event.detail.track));
  for (const name of ["history", "selection"]) roll.addEventListener(name, tell);
  frame.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== " " || event.defaultPrevented || event.target instanceof HTMLButtonElement) return;
    event.preventDefault();
    transport.toggle();
  });
  model.on("change:piece", show);
  model.on("change:before", compare);
  model.on("msg:custom", told);
  list();
  hear();
  compare();
  return () => {
    if (timer) { clearTimeout(timer); send(); }
    model.off("change:piece", show);
    model.off("change:before", compare);
    model.off("msg:custom", told);
    roll.destroy();
    bar.destroy();
    state.destroy();
    transport.dispose();
  };
}

export default { render };
