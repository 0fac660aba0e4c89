// The commands of a roll as buttons, for those who look for them and for fingers: each has its key in its tooltip.
import { button, h, segmented, select, setPressed } from "./dom.js";

/** @typedef {import("./piano_roll.js").PianoRollView} PianoRollView */

const GRIDS = /** @type {[string, string][]} */ ([["1", "1/4"], ["0.5", "1/8"], ["0.3333333333333333", "1/8 triplet"], ["0.25", "1/16"], ["0.125", "1/32"], ["0", "Free"]]);

/**
 * A button of a command; a click leaves the keys with the roll.
 * @param {PianoRollView} roll @param {string} label @param {string} picture @param {string} keys @param {() => void} act @param {Record<string, any>} more
 */
export function command(roll, label, picture, keys, act, more = {}) {
  return button({
    label, icon: picture, kind: "ghost", title: keys ? `${label} (${keys})` : label, ...more,
    onclick: (/** @type {MouseEvent} */ event) => { act(); if (event.detail > 0) roll.element.focus({ preventScroll: true }); },
  });
}

/** A line between commands. */
export function gap() {
  return h("i", { class: "dc-tools-gap" });
}

/**
 * The tool, the grid and what can be done to notes; `tell` when notes, selection or history have changed.
 * @param {PianoRollView} roll
 */
export function editCommands(roll) {
  const tool = segmented({
    label: "Tool", value: "draw", choices: [{ value: "draw", text: "Draw", icon: "pencil" }, { value: "select", text: "Select", icon: "select" }],
    onchange: (value) => { roll.tool = /** @type {any} */ (value); },
  });
  const grid = select({ label: "Grid", value: "0.25", choices: GRIDS, onchange: (value) => { roll.grid = +value; } });
  const cut = command(roll, "Cut", "cut", "Ctrl+X", () => roll.cut());
  const copy = command(roll, "Copy", "copy", "Ctrl+C", () => roll.copy());
  const paste = command(roll, "Paste at the cursor or playhead", "paste", "Ctrl+V", () => roll.paste());
  const remove = command(roll, "Delete the chosen notes", "trash", "Delete", () => roll.deleteSelection());
  const quantise = command(roll, "Quantise: notes onto the grid", "quantise", "Q", () => roll.quantise());
  const moves = [
    command(roll, "Up a semitone", "up", "↑ with notes chosen", () => roll.transpose(1)), command(roll, "Down a semitone", "down", "↓ with notes chosen", () => roll.transpose(-1)),
    command(roll, "Up an octave", "octaveUp", "Shift+↑ with notes chosen", () => roll.transpose(12)), command(roll, "Down an octave", "octaveDown", "Shift+↓ with notes chosen", () => roll.transpose(-12)),
  ];
  const tell = () => {
    const isNone = roll.selected.size === 0, isEmpty = roll.notes.length === 0;
    for (const one of [cut, copy, remove]) one.disabled = isNone;
    for (const one of [quantise, ...moves]) one.disabled = isEmpty;
    paste.disabled = !roll.canPaste;
  };
  return { tool, grid: h("label", { class: "dc-row dc-grid-choice" }, h("span", { class: "dc-hint" }, "Grid"), grid.element), commands: [cut, copy, paste, remove, gap(), quantise, ...moves], tell };
}

/**
 * A row of tools for a roll, folded away until its button is pressed: who only listens is not in its way.
 * @param {PianoRollView} roll
 * @returns {{toggle: HTMLElement, element: HTMLElement}}
 */
export function foldedCommands(roll) {
  const { tool, grid, commands, tell } = editCommands(roll);
  const all = command(roll, "Choose all notes", "selectAll", "Ctrl+A", () => roll.selectAll());
  const bar = h("div", { class: "dc-tools", role: "toolbar", "aria-label": "Editing" }, all, gap(), ...commands);
  oneStop(bar);
  const element = h("div", { class: "dc-editor-tools", hidden: true }, tool.element, grid, bar);
  const toggle = button({
    label: "Editing tools", icon: "pencil", kind: "ghost", "aria-expanded": "false", title: "Editing tools: select, copy, quantise, transpose …",
    onclick: () => {
      element.hidden = !element.hidden;
      toggle.setAttribute("aria-expanded", String(!element.hidden));
      setPressed(toggle, !element.hidden);
    },
  });
  for (const name of ["change", "history", "selection"]) roll.addEventListener(name, () => { tell(); all.disabled = roll.notes.length === 0; });
  tell();
  return { toggle, element };
}

/** One stop of Tab for a toolbar: arrows move in it. @param {HTMLElement} bar */
export function oneStop(bar) {
  const buttons = /** @type {HTMLButtonElement[]} */ ([...bar.querySelectorAll("button")]);
  const stand = (/** @type {HTMLButtonElement} */ at) => { for (const one of buttons) one.tabIndex = one === at ? 0 : -1; };
  const open = () => buttons.filter((one) => !one.disabled);
  bar.addEventListener("keydown", (event) => {
    const at = open().indexOf(/** @type {any} */ (document.activeElement)), count = open().length;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: count - 1 }[event.key];
    if (to === undefined || at < 0) return;
    const next = open()[(to + count) % count];
    stand(next);
    next.focus();
    event.preventDefault();
  });
  bar.addEventListener("focusin", (event) => { if (event.target instanceof HTMLButtonElement) stand(event.target); });
  // The one that Tab reaches must be one that can be pressed.
  new MutationObserver(() => { if (buttons.every((one) => one.disabled || one.tabIndex !== 0)) stand(open()[0]); }).observe(bar, { subtree: true, attributeFilter: ["disabled"] });
  stand(open()[0]);
}
