// The piano-roll editor: a roll with its tools, its tracks, and what it was before.
import { EditLine, rangeWords, stateWords } from "./lib/edits.js";
import { ask } from "./lib/kernel.js";
import { notesOf, sameNotes } from "./lib/roll_notes.js";
import { pageSound } from "./lib/sound_page.js";
import { button, h, icon, root, segmented, select, setPressed, switchControl } from "./parts/dom.js";
import { PianoRollView } from "./parts/piano_roll.js";
import { soundState } from "./parts/sound_state.js";
import { command, editCommands, gap, oneStop } from "./parts/roll_commands.js";
import { trackList } from "./parts/track_list.js";
import { transportBar } from "./parts/transport.js";

/** @typedef {import("./lib/piece.js").Piece} Piece */
/** @typedef {import("./parts/track_list.js").Mix} Mix */

const PATIENCE = 200; // ms before an edit goes to the kernel
const LEAST_HEIGHT = 380, MOST_HEIGHT = 560;
const PLAIN = { muted: false, soloed: false, volume: 0.8, program: null };
const KEYS = [
  ["Arrows", "move the cursor, or the chosen notes"], ["Shift + arrows", "by a bar or an octave"], ["Alt + ← →", "shorter, longer"], ["Enter", "add a note, or choose the one there"],
  ["Delete", "remove the chosen notes"], ["+ and −", "louder, softer"], ["Q", "onto the grid"], ["Ctrl + A, C, X, V", "choose all, copy, cut, paste"],
  ["Ctrl + Z, Y", "undo, redo"], ["Ctrl + +, −, 0", "zoom, fit"], ["Space, Home, End", "play; to the start, to the end"], ["L", "loop what is chosen"],
  ["D, S", "draw, select"], ["Page up, down", "higher, lower rows"], ["Esc", "leave"],
  ["Click, drag", "draw; move; the right end resizes"], ["Shift + drag", "choose what is inside"], ["Right-click", "remove"],
  ["Alt while dragging", "free of the grid"], ["Ctrl + wheel", "zoom; with Alt the rows"], ["Drag on the ruler", "a loop; its ends can be dragged"],
];

/** @param {{model: import("./lib/kernel.js").Model, el: HTMLElement}} view */
function render({ model, el }) {
  const editor = new Editor(model, el);
  return () => editor.destroy();
}

class Editor {
  /** @type {PianoRollView} */
  roll = /** @type {any} */ (null);
  /** @type {ReturnType<typeof transportBar>} */
  bar = /** @type {any} */ (null);
  /** @type {ReturnType<typeof soundState>} */
  soundLine = /** @type {any} */ (null);
  /** @type {ReturnType<typeof segmented>} */
  sides = /** @type {any} */ (null);
  /** @type {ReturnType<typeof segmented>} */
  tool = /** @type {any} */ (null);
  /** @type {ReturnType<typeof switchControl>} */
  shows = /** @type {any} */ (null);
  /** @type {ReturnType<typeof trackList> | null} */
  list = null;
  /** @type {ReturnType<typeof editCommands>} */
  tools = /** @type {any} */ (null);
  /** @type {Record<string, any>} The buttons whose state changes. */
  on = {};
  /** @type {HTMLElement} */
  tracksPlace = /** @type {any} */ (null);
  /** @type {HTMLElement} */
  words = /** @type {any} */ (null);
  /** @type {HTMLElement} */
  keysPanel = /** @type {any} */ (null);
  /** @type {HTMLElement} */
  chosen = /** @type {any} */ (null);
  /** @type {{value: HTMLElement, element: HTMLElement}} */
  velocity = /** @type {any} */ (null);
  /** @type {{value: HTMLElement, element: HTMLElement}} */
  length = /** @type {any} */ (null);
  /** @type {(() => void)[]} */
  _stops = [];
  _listed = "";

  /** @param {import("./lib/kernel.js").Model} model @param {HTMLElement} place */
  constructor(model, place) {
    this.model = model;
    this.frame = root(place, "dc-editor", "Piano-roll editor");
    this.sound = pageSound(model);
    this.transport = this.sound.createTransport();
    this.edits = new EditLine(crypto.getRandomValues(new Uint32Array(1))[0].toString(36));
    /** @type {ReturnType<typeof setTimeout> | 0} */
    this._timer = 0;
    this._reason = "";
    this._isQuiet = false;
    this._trouble = "";
    /** @type {"before" | "after"} */
    this.side = "after";
    /** @type {Mix[]} How the tracks sound; while "before" is heard the transport has another. */
    this._mix = [];
    this._build();
    this._listen();
    this.sound.preload().catch(() => {}); // a simple tone stands in, and says so
    this._showTracks();
    this._hear();
    this._compare();
  }

  destroy() {
    if (this._timer) { clearTimeout(this._timer); this._send(); }
    for (const stop of this._stops) stop();
    this.roll.destroy();
    this.bar.destroy();
    this.soundLine.destroy();
    this.transport.dispose();
  }

  // ------------------------------------------------------------------------------ building

  _build() {
    const rollPlace = h("div", { class: "dc-roll-place" });
    this.roll = new PianoRollView(rollPlace, {
      piece: this.model.get("piece"), transport: this.transport, sound: this.sound, minHeight: LEAST_HEIGHT, label: "Piano roll, editable",
      emptyWords: "Click to draw a note, or press the arrows and Enter.",
    });
    this.roll.chosen = Math.max(0, Math.min(this.model.get("chosen") ?? 0, this.roll.piece.tracks.length - 1));
    this.sides = segmented({
      label: "Which is heard", value: "after", choices: [{ value: "before", text: "A  Before" }, { value: "after", text: "B  After" }],
      onchange: (value) => this._hearSide(/** @type {any} */ (value)),
    });
    this.shows = switchControl({ label: "Show changes", checked: true, onchange: () => this._compare() });
    this.on.help = button({
      label: "Keys and gestures", icon: "help", kind: "ghost", "aria-expanded": "false",
      onclick: () => {
        this.keysPanel.hidden = !this.keysPanel.hidden;
        this.on.help.setAttribute("aria-expanded", String(!this.keysPanel.hidden));
      },
    });
    this.bar = transportBar({ transport: this.transport, after: [this.sides.element, this.shows.element, h("span", { class: "dc-spread" }, this.on.help)] });
    this.soundLine = soundState(this.sound);
    this.tracksPlace = h("div", { class: "dc-editor-tracks" });
    const gutter = h("div", { class: "dc-roll-gutter" }, this.tracksPlace,
      h("div", { class: "dc-lane-label" }, h("span", {}, "Velocity"), h("span", { class: "dc-hint" }, "how hard each note is played")));
    this.words = h("span", { class: "dc-editor-words" });
    this.keysPanel = this._buildKeys();
    this.frame.append(
      this.soundLine.element, this.bar.element, this._buildTools(), this.keysPanel,
      h("div", { class: "dc-roll-row" }, gutter, rollPlace), h("div", { class: "dc-editor-foot" }, this.words, this._buildChosen()));
  }

  _buildTools() {
    const { roll } = this, own = (/** @type {[string, string, string, () => void, any?]} */ ...words) => command(roll, ...words);
    this.tools = editCommands(roll);
    this.tool = this.tools.tool;
    this.on.undo = own("Undo", "undo", "Ctrl+Z", () => roll.undo());
    this.on.redo = own("Redo", "redo", "Ctrl+Y", () => roll.redo());
    this.on.follow = own("Follow the playhead", "follow", "F", () => this._toggleFollow(), { pressed: true });
    const commands = h("div", { class: "dc-tools", role: "toolbar", "aria-label": "Editing" },
      this.on.undo, this.on.redo, gap(), ...this.tools.commands, h("i", { class: "dc-tools-spread" }),
      this.on.follow, own("Zoom out", "zoomOut", "Ctrl+−", () => roll.zoom(0.8)),
      own("Fit the whole piece", "fit", "Ctrl+0", () => roll.fit()), own("Zoom in", "zoomIn", "Ctrl++", () => roll.zoom(1.25)),
      own("Lower rows", "rowsLower", "Alt+wheel", () => roll.zoomPitches(0.8)), own("Taller rows", "rowsTaller", "Alt+wheel", () => roll.zoomPitches(1.25)));
    oneStop(commands);
    return h("div", { class: "dc-editor-tools" }, this.tool.element, this.tools.grid, commands);
  }

  /** What can be done to the chosen notes beside moving them. */
  _buildChosen() {
    const { roll } = this;
    const nudge = (/** @type {string} */ name, /** @type {[string, string, () => void]} */ less, /** @type {[string, string, () => void]} */ more) => {
      const value = h("output", { class: "dc-nudge-value", "aria-label": name });
      const press = (/** @type {string} */ picture, /** @type {[string, string, () => void]} */ [label, keys, act]) => command(roll, label, picture, keys, act);
      return { value, element: h("div", { class: "dc-nudge", role: "group", "aria-label": name }, h("span", { class: "dc-hint", "aria-hidden": "true" }, name), press("minus", less), value, press("plus", more)) };
    };
    this.velocity = nudge("Velocity", ["Softer", "−", () => roll.changeVelocity(-8)], ["Louder", "+", () => roll.changeVelocity(8)]);
    this.length = nudge("Length, beats", ["Shorter", "Alt+←", () => roll.changeLength(-(roll.grid || 0.25))], ["Longer", "Alt+→", () => roll.changeLength(roll.grid || 0.25)]);
    this.on.all = button({ label: "Choose all notes", text: "Choose all", kind: "ghost", title: "Choose all notes (Ctrl+A)", onclick: () => { roll.selectAll(); roll.element.focus({ preventScroll: true }); } });
    this.chosen = h("div", { class: "dc-editor-chosen" }, this.velocity.element, this.length.element);
    return h("div", { class: "dc-row dc-spread" }, this.chosen, this.on.all);
  }

  _buildKeys() {
    return h("dl", { class: "dc-editor-keys", hidden: true, "aria-label": "Keys and gestures" },
      ...KEYS.map(([keys, words]) => h("div", {}, h("dt", {}, keys), h("dd", {}, words))));
  }

  // ------------------------------------------------------------------------------ listening

  _listen() {
    const { roll, model, transport } = this;
    /** @type {[any, string, (event: any) => void][]} */
    const listeners = [
      [roll, "change", (event) => this._changed(event.detail.reason)],
      [roll, "track", (event) => this._chose(event.detail.track)],
      [roll, "history", () => this._tell()], [roll, "selection", () => this._tell()],
      [transport, "mix", () => this.list?.update()],
      [this.frame, "keydown", (event) => this._key(event)],
    ];
    for (const [target, name, listener] of listeners) target.addEventListener(name, listener);
    const observed = /** @type {[string, () => void][]} */ ([["change:piece", () => this._given()], ["change:before_piece", () => this._compare()], ["change:chosen", () => this._chosenElsewhere()]]);
    for (const [name, listener] of observed) model.on(name, listener);
    this._stops = [
      () => { for (const [target, name, listener] of listeners) target.removeEventListener(name, listener); },
      () => { for (const [name, listener] of observed) model.off(name, listener); },
    ];
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.defaultPrevented || target.matches("input:not([type=range]), select, textarea")) return;
    const letter = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (letter === "z" && !event.shiftKey) this.roll.undo();
      else if (letter === "y" || letter === "z") this.roll.redo();
      else return;
    } else if (event.altKey) return;
    else if (letter === " ") {
      if (target.matches("button")) return; // it presses the button
      this.transport.toggle();
    } else if (letter === "d" || letter === "s") {
      this.roll.tool = letter === "d" ? "draw" : "select";
      this.tool.set(this.roll.tool);
      this.roll.say(letter === "d" ? "Draw." : "Select.");
    } else if (letter === "l") this.roll.toggleLoop();
    else if (letter === "f") this._toggleFollow();
    else return;
    event.preventDefault();
  }

  _toggleFollow() {
    this.roll.follow = !this.roll.follow;
    setPressed(this.on.follow, this.roll.follow);
    this.roll.say(this.roll.follow ? "The roll follows the playhead." : "The roll stays where it is.");
  }

  // ------------------------------------------------------------------------------ the piece

  /** @param {string} reason */
  _changed(reason) {
    if (this._tracksKey() !== this._listed) this._showTracks();
    this._hear();
    if (this._isQuiet) return;
    clearTimeout(this._timer || undefined);
    this._reason = this._timer ? "" : reason; // several at once are no longer one undo
    this._timer = setTimeout(() => this._send(), PATIENCE);
  }

  async _send() {
    this._timer = 0;
    const { piece } = this.roll;
    try {
      await ask(this.model, "edit", { piece, reason: this._reason, ...this.edits.next() });
      this._trouble = "";
    } catch (error) {
      this._trouble = /** @type {Error} */ (error).message;
    }
    this._tell();
  }

  /** A piece came from the kernel. */
  _given() {
    const piece = /** @type {Piece} */ (this.model.get("piece")), edit = this.model.get("edit");
    if (!this.edits.takes(edit)) return;
    clearTimeout(this._timer || undefined);
    this._timer = 0;
    this._isQuiet = true; // it knows already
    const { history } = this.roll, back = edit?.step === "undo" ? -1 : edit?.step === "redo" ? 1 : 0;
    const there = back ? history.states[history.at + back]?.state : undefined;
    if (there && sameNotes(there.notes, notesOf(piece))) this.roll[edit.step === "undo" ? "undo" : "redo"]();
    else this.roll.setPiece(piece, { keepHistory: true, keepView: this.roll.notes.length > 0, reason: "a change from a cell" });
    this._isQuiet = false;
    this._showTracks();
    this._hear();
    this._tell();
  }

  // ------------------------------------------------------------------------------ tracks

  _tracksKey() {
    return JSON.stringify(this.roll.piece.tracks.map(({ name, program, is_drum }) => [name, program, is_drum]));
  }

  _showTracks() {
    const { roll } = this;
    this._listed = this._tracksKey();
    const hasMore = roll.piece.tracks.length > 1;
    this.list = trackList({
      piece: roll.piece, transport: this._mixer(), chosen: roll.chosen, choosing: "Edit it alone, and once more: all of them",
      onchoose: hasMore ? (index) => {
        roll.showsGhosts = !(roll.showsGhosts && roll.chosen === index);
        this._chose(index);
        roll.setChosenTrack(index);
      } : undefined,
      onprogram: (index, program) => {
        const { piece } = roll;
        roll.setPiece({ ...piece, tracks: piece.tracks.map((track, at) => at === index ? { ...track, program } : track) }, { keepHistory: true, keepView: true, reason: "another instrument" });
        this._listed = this._tracksKey();
        this._changed("another instrument");
      },
    });
    this.list.choose(roll.chosen, roll.showsGhosts);
    this.tracksPlace.replaceChildren(this.list.element);
    roll.setHeight(Math.max(LEAST_HEIGHT, Math.min(MOST_HEIGHT, this.list.element.offsetHeight + roll.lane + 1)));
  }

  /** @param {number} index */
  _chose(index) {
    this.list?.choose(index, this.roll.showsGhosts);
    this.model.set("chosen", index);
    this.model.save_changes();
    this._tell();
  }

  _chosenElsewhere() {
    const index = this.model.get("chosen");
    if (index === this.roll.chosen || !(index in this.roll.piece.tracks)) return;
    this.roll.setChosenTrack(index);
    this.list?.choose(index, this.roll.showsGhosts);
    this._tell();
  }

  // ------------------------------------------------------------------------------ before and after

  /** @returns {Piece | null} */
  get before() {
    const before = this.model.get("before_piece");
    return before?.tracks ? before : null;
  }

  /** @param {"before" | "after"} side */
  _hearSide(side) {
    if (side === this.side) return;
    if (this.side === "after") this._mix = this.transport.mix;
    this.side = side;
    this.transport.mix = side === "after" ? this._mix : (this.before?.tracks ?? []).map((track) => {
      const { muted, soloed, volume } = this._mix[this._namesake(track.name)] ?? PLAIN;
      return { muted, soloed, volume, program: null };
    });
    this._hear();
    this.list?.update();
    this.roll.say(side === "before" ? "Before is heard." : "After is heard.");
  }

  _hear() {
    this.transport.setPiece(this.side === "before" && this.before ? this.before : this.roll.piece);
  }

  /** @param {string} name of a track of the piece before */
  _namesake(name) {
    return this.roll.piece.tracks.findIndex((track) => track.name === name);
  }

  /** What the track rows work on: the mix of the piece, whichever is heard. */
  _mixer() {
    const mixOf = () => this.side === "after" ? this.transport.mix : this._mix;
    return {
      get mix() { return mixOf(); },
      setTrack: (/** @type {number} */ index, /** @type {any} */ change) => {
        if (this.side === "after") return this.transport.setTrack(index, change);
        this._mix[index] = { ...(this._mix[index] ?? PLAIN), ...change };
        const same = this.before?.tracks.findIndex((track) => track.name === this.roll.piece.tracks[index].name) ?? -1;
        if (same >= 0) this.transport.setTrack(same, change);
      },
      isHeard: (/** @type {number} */ index) => {
        const mix = mixOf()[index];
        return !mix || (!mix.muted && (mix.soloed || !mixOf().some((other) => other.soloed)));
      },
    };
  }

  _compare() {
    const { before } = this;
    this.sides.element.hidden = this.shows.element.hidden = !before;
    if (!before && this.side === "before") { this.sides.set("after"); this._hearSide("after"); }
    this.roll.setBefore(before && this.shows.input.getAttribute("aria-checked") === "true" ? before : null);
    if (this.side === "before") this._hear();
    this._tell();
  }

  // ------------------------------------------------------------------------------ its state

  _tell() {
    const { roll } = this, count = roll.notes.length, chosen = roll.selected.size;
    const words = this._trouble || stateWords({
      title: roll.piece.title, count, chosen, changes: roll.changes, alone: roll.showsGhosts ? roll.piece.tracks[roll.chosen]?.name ?? null : null,
    });
    if (this.words.textContent !== words) this.words.textContent = words;
    this.words.classList.toggle("dc-trouble-words", this._trouble !== "");
    this.on.undo.disabled = !roll.canUndo;
    this.on.redo.disabled = !roll.canRedo;
    this.tools.tell();
    this.on.all.disabled = count === 0;
    for (const one of this.chosen.querySelectorAll("button")) one.disabled = chosen === 0;
    const notes = roll.selection;
    this.velocity.value.textContent = rangeWords(notes.map((note) => note.velocity));
    this.length.value.textContent = rangeWords(notes.map((note) => note.duration));
  }
}

export default { render };
