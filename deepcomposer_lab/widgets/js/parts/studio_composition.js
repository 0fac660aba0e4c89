// Step 3, the composition: before and after, heard and seen, measured, edited, taken along, and made the next input.
import { assetModule } from "../lib/kernel.js";
import { PianoRollView } from "./piano_roll.js";
import { button, download, h, icon, segmented, switchControl } from "./dom.js";
import { metricCards } from "./metric_cards.js";
import { counted } from "./studio_app.js";
import { ago, listen } from "./studio_input.js";
import { mark } from "./studio_technique.js";
import { foldedCommands } from "./roll_commands.js";
import { trackList } from "./track_list.js";
import { transportBar } from "./transport.js";

/** @typedef {import("./studio_app.js").StudioApp} StudioApp */
/** @typedef {import("../lib/piece.js").Piece} Piece */

const WHOLE = "All tracks, also those that are muted here", MIXED = "As it sounds here: muted, solo and volume count";
const FORMATS = [["mid", "MIDI", WHOLE], ["wav", "WAV", MIXED], ["opus", "Opus", MIXED], ["musicxml", "MusicXML", WHOLE]];
const USUAL_VOLUME = 0.8;
const ROLL_HEIGHT = 380, STRIP_HEIGHT = 64;

export class StudioComposition {
  // Made in _build.
  /** @type {PianoRollView} */
  roll = /** @type {any} */ (null);
  /** @type {ReturnType<typeof foldedCommands>} */
  tools = /** @type {any} */ (null);
  /** @type {PianoRollView} */
  strip = /** @type {any} */ (null);
  /** @type {ReturnType<typeof transportBar>} */
  bar = /** @type {any} */ (null);
  /** @type {ReturnType<typeof segmented>} */
  sides = /** @type {any} */ (null);
  /** @type {ReturnType<typeof switchControl>} */
  changes = /** @type {any} */ (null);
  /** @type {ReturnType<typeof segmented>} */
  views = /** @type {any} */ (null);
  /** @type {ReturnType<typeof trackList>} */
  list = /** @type {any} */ (null);
  /** @type {string | null} */
  _opening = null;
  /** @type {string | null} */
  _failed = null;
  /** @type {boolean} */
  _renaming = /** @type {any} */ (null);
  /** @type {any} */
  _measuring = /** @type {any} */ (null);
  /** @type {any} */
  _engraving = null;
  /** @type {string | null} The composition that was kept last of what was edited here. */
  _kept = null;

  /** @param {StudioApp} app */
  constructor(app) {
    this.app = app;
    this.element = h("div", { class: "dc-step dc-step-composition" });
    /** @type {{id: string, piece: Piece, before: Piece | null, metrics: any[], lineage: string[]} | null} */
    this.opened = null;
    /** @type {Piece | null} What is seen and edited. */
    this.piece = null;
    /** @type {Piece | null} */
    this.before = null;
    this.isEdited = false;
    /** A name that no other view has, and how many edits were made here. */
    this._here = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
    this._edits = 0;
    this._seenEdits = "";
    this._isAdopted = false; // what is seen was drawn in another view
    /** @type {Promise<string | null> | null} */
    this._keeping = null;
    /** @type {any[]} How each track sounds here. */
    this.mix = [];
    /** @type {"before" | "after"} */
    this.heard = "after";
    this.showsChanges = true;
    this._build();
    this._stops = [listen(app.transport, "mix", () => this._mixed()), listen(app, "state", () => this._follow()), listen(app, "compositions", () => { this._showTitle(); this._follow(); })];
    this._follow();
  }

  destroy() {
    for (const stop of this._stops) stop();
    this.roll?.destroy();
    this.strip?.destroy();
    this.bar.destroy();
  }

  _build() {
    const { app } = this;
    this.rollPlace = h("div", { class: "dc-roll-place" });
    this.roll = new PianoRollView(this.rollPlace, {
      piece: app.state.input, transport: app.transport, sound: app.sound, minHeight: ROLL_HEIGHT, label: "Composition, piano roll",
    });
    this.tools = foldedCommands(this.roll);
    this.title = h("h2", { class: "dc-title" });
    this.titleEdit = button({ label: "Rename", icon: "pencil", kind: "ghost", onclick: () => this._rename() });
    this.lineage = h("div", { class: "dc-lineage dc-spread", role: "group", "aria-label": "How it came to be" });
    this.titleRow = h("div", { class: "dc-title-row" }, this.title, this.titleEdit, this.lineage);
    this.sides = segmented({
      label: "Which is heard", value: "after", choices: [{ value: "before", text: "A  Before" }, { value: "after", text: "B  After" }], onchange: (value) => this._hear(/** @type {any} */ (value)),
    });
    this.changes = switchControl({ label: "Show changes", checked: true, onchange: (on) => { this.showsChanges = on; this._showBefore(); } });
    this.views = segmented({
      label: "View", value: "roll", choices: [{ value: "roll", text: "Piano roll", icon: "note" }, { value: "notation", text: "Notation" }], onchange: (value) => this._view(value),
    });
    this.undoButton = button({ label: "Undo", icon: "undo", kind: "ghost", title: "Undo (Ctrl+Z)", onclick: () => this.roll.undo() });
    this.redoButton = button({ label: "Redo", icon: "redo", kind: "ghost", title: "Redo (Ctrl+Y)", onclick: () => this.roll.redo() });
    this.bar = transportBar({
      transport: app.transport, primary: true, metronome: false,
      after: [this.sides.element, this.changes.element, h("div", { class: "dc-bar-end dc-spread" }, this.tools.toggle, this.undoButton, this.redoButton, this.views.element)],
    });
    this.bar.element.classList.add("dc-bar");
    this.beforeWords = h("span", { class: "dc-hint dc-strip-words" });
    this.stripPlace = h("div", { class: "dc-roll-place" });
    this.stripRow = h("div", { class: "dc-roll-row dc-strip-row" }, h("div", { class: "dc-roll-gutter dc-strip-label" }, h("b", {}, "Before"), this.beforeWords), this.stripPlace);
    this.gutter = h("div", { class: "dc-roll-gutter" });
    this.rollRow = h("div", { class: "dc-roll-row dc-grows" }, this.gutter, this.rollPlace);
    this.notation = h("div", { class: "dc-notation dc-grows", hidden: true, tabindex: 0, "aria-label": "Notation" });
    this.metrics = h("div", {});
    this.strip = new PianoRollView(this.stripPlace, { piece: app.state.input, transport: app.transport, editable: false, compact: true, minHeight: STRIP_HEIGHT, label: "Before, piano roll" });
    this.roll.addEventListener("view", () => this.strip.alignTo(this.roll));
    this.roll.addEventListener("change", (/** @type {any} */ event) => this._edited(event.detail.piece));
    this.roll.addEventListener("track", (/** @type {any} */ event) => this.list?.choose(event.detail.track));
    this._buildFooter();
    this.noneTitle = h("h2", {});
    this.noneWords = h("p", {});
    this.noneButton = button({ label: "Choose a technique", text: "Choose a technique", kind: "primary", onclick: () => app.go(2) });
    this.none = h("div", { class: "dc-none" }, this.noneTitle, this.noneWords, this.noneButton);
    this.body = h("div", { class: "dc-step-body" }, this.titleRow, this.bar.element, this.tools.element, this.stripRow, this.rollRow, this.notation, this.metrics, this.footer);
    this.element.append(this.none, this.body);
  }

  _buildFooter() {
    this.back = button({ label: "Technique", text: "Technique", icon: "left", onclick: () => this.app.go(2) });
    this.saved = h("span", { class: "dc-hint dc-saved" });
    this.exports = h("div", { class: "dc-exports", role: "group", "aria-label": "Take it with you" },
      ...FORMATS.map(([format, text, title]) => h("button", { type: "button", class: "dc-segment", "aria-label": `Download as ${text}`, title, onclick: (/** @type {any} */ event) => this._export(format, event.currentTarget) }, text)),
      h("button", { type: "button", class: "dc-segment", "aria-label": "Download a share file", title: "One page that plays and shows the piece, with no network", onclick: (/** @type {any} */ event) => this._export("share", event.currentTarget) }, icon("share"), "Share file"));
    this.keepButton = button({ label: "Keep the edits", text: "Keep the edits", icon: "check", hidden: true, onclick: () => this.keep() });
    this.useButton = button({ label: "Use as input", text: "Use as input", kind: "primary", onclick: () => this._use(1) });
    this.useButton.append(icon("right"));
    this.footer = h("div", { class: "dc-footer" }, this.back, this.saved, h("div", { class: "dc-spread dc-row" }, h("span", { class: "dc-hint dc-take" }, "Take it with you"), this.exports, this.keepButton, this.useButton));
  }

  // ------------------------------------------------------------------------------ opening

  /** The step comes to the front. */
  enter() {
    if (!this.piece) return;
    this._sound();
    this._showTracks();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target), isTyped = target.matches("input:not([type=range]), select, textarea");
    if (event.defaultPrevented || isTyped || !this.piece) return;
    const letter = event.ctrlKey || event.metaKey ? event.key.toLowerCase() : "";
    if (letter === "z" && !event.shiftKey) this.roll.undo();
    else if (letter === "y" || letter === "z") this.roll.redo();
    else if (event.key === " " && !target.matches("button")) this.app.transport.toggle();
    else return;
    event.preventDefault();
  }

  _follow() {
    const { result_id: id } = this.app.state;
    this._present();
    this.update();
    if (id === null) { this.opened = null; this._present(); return; }
    if (!this._opening && this.opened?.id !== id && this._failed !== id) this.open(id);
    else if (!this._opening && this.opened?.id === id) this._adopt();
  }

  /** What another view of this studio has drawn, or taken back, is seen here too. */
  async _adopt() {
    const { edits } = this.app.state, seen = edits ? `${edits.by} ${edits.number}` : "";
    if (seen === this._seenEdits || edits?.by === this._here || (edits && edits.id !== this.opened?.id)) return;
    this._seenEdits = seen;
    if (!edits && !this._isAdopted) return; // one's own, kept or undone
    await this.roll.atRest();
    this._isAdopted = this.isEdited = edits !== null;
    const piece = edits?.piece ?? /** @type {Piece} */ (this.opened?.piece);
    this.roll.setPiece(piece, { keepHistory: true, keepView: true, reason: "an edit in another view" });
    this._showEdited(piece);
  }

  /** Show the composition, or why there is none. */
  _present() {
    const { app } = this, { result_id: id } = app.state, isThere = id !== null && this.opened !== null;
    this.body.hidden = !isThere;
    this.none.hidden = isThere;
    const comes = id !== null && this._failed !== id, has = app.compositions.length > 0;
    this.noneTitle.textContent = comes ? "Opening …" : has ? "No composition is open" : "No composition yet";
    this.noneWords.textContent = comes ? "" : has ? "Open one from “Compositions” above, or let a technique make another." : "Choose a technique and press its button: what it makes is kept here by itself.";
    this.noneButton.hidden = comes;
  }

  /** What is kept, and since when. */
  update() {
    const { saved_at } = this.app.state;
    this.saved.textContent = this.isEdited ? "Edited by hand, not kept yet." : this.opened ? `Saved by itself, ${ago(this._entry?.created ?? saved_at)}` : "";
  }

  get _entry() {
    return this.app.compositions.find((/** @type {any} */ one) => one.id === this.opened?.id) ?? null;
  }

  /** @param {string} id */
  async open(id) {
    this._opening = id;
    await (this.isEdited && this.opened?.id !== id ? this._keepAside() : this._keeping); // nothing that was drawn is lost
    if (this.isEdited && this.opened && this.opened.id !== id) { // it could not be kept, and has been told why: it stays in front
      this._opening = null;
      this.app.patch({ result_id: this.opened.id });
      return;
    }
    await this.app.settle(); // the kernel knows what is open before it is asked for it
    const answer = await this.app.ask("open", { id });
    this._opening = null;
    this._failed = answer ? null : id; // not asked for again and again
    if (!answer) { this._present(); return; }
    this.opened = { id, ...answer };
    this._present(); // what is measured below has to be seen
    this.piece = answer.piece;
    this.before = answer.before;
    this.isEdited = false;
    this._sidesShown("after");
    this.roll.setPiece(answer.piece);
    this._takeMix(id);
    this.beforeWords.textContent = "as it went in";
    this._bringBackEdits();
    this._showBefore();
    this._showTitle();
    this._sound();
    this._showTracks();
    this._showMetrics(answer.metrics);
    this._history();
    this.keepButton.hidden = !this.isEdited;
    if (this.isEdited) this._measure();
    if (!this.notation.hidden) this._engrave();
    this._follow();
    this.app.say(`${answer.piece.title} is open. ${this.roll.changes ? `${counted(this.roll.changes.added.size, "note")} added, ${this.roll.changes.removed.length} removed.` : ""}`);
  }

  /** Show another piece as "before". @param {string} id */
  async compareWith(id) {
    if (!this.opened) { this.app.toast("No composition is open to compare it with: open one first."); return; }
    if (this.opened.id === id) { this.app.toast("That is the composition that is open: choose another to compare it with."); return; }
    const answer = await this.app.ask("peek", { id });
    if (!answer) return;
    const title = this.app.compositions.find((/** @type {any} */ one) => one.id === id)?.title ?? answer.piece.title;
    this.before = answer.piece;
    this.beforeWords.textContent = title;
    this.app.go(3);
    this._showBefore();
    if (this.heard === "before") this._sound();
    this._measure();
    this.app.toast(`Compared with “${title}”: it stands as A, before.`);
  }

  _sound() {
    if (this.app.state.step !== 3) return;
    const piece = this.heard === "before" ? this.before : this.piece;
    if (piece) this.app.hear(this, piece);
  }

  /** What was muted or soft stays so, in what was kept of an edit and after a reload of the page; else all sounds. @param {string} id */
  _takeMix(id) {
    const { mix } = this.app.state, isKept = id === this._kept;
    if (mix?.id !== id && !isKept) { this.app.setMix(this); return; }
    if (!mix) return;
    this.app.setMix(this, mix.tracks.map((/** @type {any} */ track) => ({ ...track, program: null })));
    if (mix.id !== id) this.app.patch({ mix: { ...mix, id } });
  }

  _mixed() {
    if (!this.opened || this.app.state.step !== 3) return;
    const tracks = this.app.transport.mix.map(({ muted, soloed, volume }) => ({ muted, soloed, volume }));
    this.app.patch({ mix: { id: this.opened.id, tracks } });
  }

  /** @param {"before" | "after"} side */
  _hear(side) {
    this.heard = side;
    this._sound();
    this.element.dataset.heard = side;
  }

  /** @param {"before" | "after"} side */
  _sidesShown(side) {
    this.sides.set(side);
    this.heard = side;
  }

  // ------------------------------------------------------------------------------ showing

  _showBefore() {
    const has = this.before !== null;
    this.sides.element.hidden = !has;
    this.changes.element.hidden = !has || !this.notation.hidden;
    this.stripRow.hidden = !has || !this.notation.hidden;
    this.roll.setBefore(has && this.showsChanges ? this.before : null);
    if (has) {
      this.strip.setPiece(/** @type {Piece} */ (this.before));
      this.strip.alignTo(this.roll);
    }
    this._showCounts();
  }

  _showTitle() {
    if (!this.opened || this._renaming) return;
    const title = this._entry?.title ?? this.opened.piece.title;
    this.title.textContent = title;
    const chips = [h("span", { class: "dc-chip-plain" }, "Your melody"), ...this.opened.lineage.map((label, index) =>
      h("span", { class: `dc-chip-plain${index === (this.opened?.lineage.length ?? 0) - 1 ? " dc-here" : ""}` }, label))];
    this.lineage.replaceChildren(...chips.flatMap((chip) => [chip, icon("right")]),
      button({ label: "Next technique", text: "Next technique", icon: "plus", class: "dc-button dc-next", onclick: () => this._use(2) }));
  }

  _rename() {
    if (!this.opened) return;
    const field = h("input", { class: "dc-field dc-title-field", "aria-label": "Title", value: this.title.textContent, maxlength: 120 });
    const { id } = this.opened;
    let isDone = false;
    const finish = async (/** @type {boolean} */ keeps) => {
      if (isDone) return;
      isDone = true;
      this._renaming = false;
      field.replaceWith(this.title);
      if (keeps && field.value.trim() && field.value !== this.title.textContent) {
        const answer = await this.app.ask("rename", { id, title: field.value });
        if (answer) this.title.textContent = answer.title;
      }
      this.titleEdit.focus();
    };
    field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" || event.key === "Escape") { event.preventDefault(); finish(event.key === "Enter"); }
    });
    field.addEventListener("blur", () => finish(true));
    this._renaming = true;
    this.title.replaceWith(field);
    field.focus();
    field.select();
  }

  _showTracks() {
    const piece = /** @type {Piece} */ (this.piece);
    this.list = trackList({
      piece, transport: this.app.transport, chosen: this.roll.chosen,
      onchoose: (index) => this.roll.setChosenTrack(index),
      onprogram: (index, program) => {
        const now = /** @type {Piece} */ (this.piece);
        const tracks = now.tracks.map((track, at) => at === index ? { ...track, program } : track);
        this.roll.setPiece({ ...now, tracks }, { keepHistory: true, keepView: true });
        this._edited({ ...now, tracks });
      },
    });
    this.counts = h("div", { class: "dc-gutter-part dc-counts" });
    this.gutter.replaceChildren(this.list.element, this.counts);
    const height = Math.max(ROLL_HEIGHT, this.list.element.offsetHeight + 100);
    if (Math.abs(height - this.roll.height) > 4) this.roll.setHeight(Math.min(560, height));
    this._showCounts();
  }

  _showCounts() {
    if (!this.counts) return;
    const changes = this.roll.changes;
    this.counts.replaceChildren(...(!changes ? [] : changes.added.size + changes.removed.length === 0
      ? [h("span", { class: "dc-hint" }, "Nothing was changed. Raise the creative risk, or the notes to add, and try again.")]
      : [[mark("dc-added-mark"), changes.added.size, "added"], [mark("dc-removed-mark"), changes.removed.length, "removed"], [mark("dc-kept-mark"), changes.kept, "kept, faded"]]
        .map(([sign, count, words]) => h("div", { class: "dc-row" }, sign, h("b", {}, String(count)), words))));
  }

  /** @param {any[]} rows */
  _showMetrics(rows) {
    this.metrics.replaceChildren(metricCards(rows));
  }

  // ------------------------------------------------------------------------------ editing

  _history() {
    this.undoButton.disabled = !this.roll.canUndo;
    this.redoButton.disabled = !this.roll.canRedo;
  }

  /** @param {Piece} piece */
  _edited(piece) {
    this._isAdopted = false;
    this.isEdited = this.roll.canUndo;
    this._showEdited({ ...piece, title: this.opened?.piece.title ?? piece.title });
    this._edits += 1; // they outlive the page, and are seen in other views
    this.app.patch({ edits: this.isEdited && this.opened ? { id: this.opened.id, piece: this.piece, by: this._here, number: this._edits } : null });
  }

  /** Everything beside the roll follows what was edited, here or in another view. @param {Piece} piece */
  _showEdited(piece) {
    this.piece = piece;
    this.keepButton.hidden = !this.isEdited;
    this._history();
    this.list.show(piece);
    if (this.heard === "after") this._sound();
    this._showCounts();
    if (!this.notation.hidden) this._engraveSoon();
    this._measure();
    this.update();
  }

  _measure() {
    clearTimeout(this._measuring);
    this._measuring = setTimeout(async () => {
      const { piece, before } = this, rows = await this.app.ask("metrics", { piece, before });
      if (rows && piece === this.piece) this._showMetrics(rows);
    }, 400);
  }

  /** What was edited by hand and not kept when the page was left. */
  _bringBackEdits() {
    const { edits } = this.app.state;
    if (!edits || edits.id !== this.opened?.id) return;
    this._seenEdits = `${edits.by} ${edits.number}`;
    this.piece = edits.piece;
    this.roll.setPiece(edits.piece, { keepHistory: true, keepView: true });
    this.isEdited = true;
  }

  /** Keep the edits as a composition of its own, and open it; its id, or null where that failed. @returns {Promise<string | null>} */
  keep() {
    this._keeping ??= this._keep(true).finally(() => { this._keeping = null; });
    return this._keeping;
  }

  /** Keep the edits while something else is opened. */
  async _keepAside() {
    const title = this._entry?.title ?? this.opened?.piece.title ?? "";
    this._keeping ??= this._keep(false).finally(() => { this._keeping = null; });
    if (await this._keeping) this.app.toast(`Your edits of “${title}” were kept as a composition of their own.`);
  }

  /** @param {boolean} opens @returns {Promise<string | null>} */
  async _keep(opens) {
    if (!this.opened || !this.isEdited) return this.opened?.id ?? null;
    const { id } = this.opened, { piece } = this;
    this.isEdited = false; // the kernel opens what it keeps before it answers
    this.keepButton.hidden = true;
    await this.app.settle();
    const answer = await this.app.ask("keep", { id, piece, opens });
    if (!answer) {
      this.isEdited = true;
      this.keepButton.hidden = false;
      return null;
    }
    if (!answer.id) return null; // another view has kept them
    this._kept = answer.id;
    return answer.id;
  }

  /** Make it the next input. @param {1 | 2} step */
  async _use(step) {
    const id = await this.keep();
    if (!id) return;
    this.app.transport.stop();
    const answer = await this.app.ask("use", { id });
    if (!answer) return;
    this.app.dispatchEvent(new CustomEvent("input", { detail: answer }));
    this.app.go(step);
  }

  // ------------------------------------------------------------------------------ taking along

  /** @param {string} format @param {HTMLButtonElement} pressed */
  async _export(format, pressed) {
    if (!this.opened || pressed.getAttribute("aria-busy") === "true") return;
    pressed.setAttribute("aria-busy", "true");
    try {
      const { transport, sound } = this.app;
      let piece = /** @type {Piece} */ ({ ...this.piece, title: this._entry?.title ?? this.opened.piece.title });
      if (["wav", "opus", "share"].includes(format)) {
        const mixed = asMixed(piece, transport);
        if (!mixed.tracks.some((track) => track.notes.length)) {
          this.app.toast("Nothing would be heard: every track is muted. MIDI and MusicXML hold them all.");
          return;
        }
        if (format !== "wav") piece = mixed;
      }
      if (format === "wav") {
        try {
          const blob = await sound.renderWav(/** @type {Piece} */ (piece), { tracks: piece.tracks?.map((_, index) => ({ muted: !transport.isHeard(index), volume: transport.mix[index]?.volume ?? 0.8 })) });
          download(blob, `${fileName(piece.title)}.wav`);
          return;
        } catch { piece = asMixed(piece, transport); } // the kernel renders it
      }
      const answer = await this.app.ask(format === "share" ? "share" : "export", { piece, format });
      if (answer) download(new Blob(answer.data, { type: answer.mime }), answer.name);
    } finally {
      pressed.removeAttribute("aria-busy");
    }
  }

  // ------------------------------------------------------------------------------ notation

  /** @param {string} view */
  _view(view) {
    const isNotation = view === "notation";
    this.notation.hidden = !isNotation;
    this.rollRow.hidden = isNotation;
    if (isNotation && !this.tools.element.hidden) this.tools.toggle.click();
    this.tools.toggle.hidden = isNotation;
    this.stripRow.hidden = isNotation || !this.before;
    this.changes.element.hidden = isNotation || !this.before; // they are marked in the roll alone
    if (isNotation) this._engrave();
  }

  /** Engrave again what is edited meanwhile, by undo and redo. */
  _engraveSoon() {
    clearTimeout(this._engraving);
    this._engraving = setTimeout(() => this._engrave(), 250);
  }

  async _engrave() {
    const wanted = this.piece;
    this.notation.replaceChildren(h("p", { class: "dc-source-words" }, "Engraving …"));
    const answer = await this.app.ask("notation", { piece: wanted });
    if (wanted !== this.piece) return; // edited meanwhile, and asked for again
    if (!answer) { this.notation.replaceChildren(h("p", { class: "dc-source-words" }, "This piece could not be engraved.")); return; }
    try {
      const engraver = await assetModule(this.app.model, "notation.js");
      const page = h("div", { class: "dc-notation-page" });
      this.notation.replaceChildren(page);
      await engraver.engrave(page, answer.musicxml);
    } catch (error) {
      this.notation.replaceChildren(h("p", { class: "dc-source-words" }, `This piece could not be engraved: ${/** @type {Error} */ (error).message}`));
    }
  }
}

/**
 * A piece for those who know no mix: without the tracks that are not heard, softer and louder by its velocities.
 * @param {Piece} piece @param {{mix: {volume: number}[], isHeard: (index: number) => boolean}} mixer
 */
export function asMixed(piece, mixer) {
  const scaled = (/** @type {number} */ velocity, /** @type {number} */ index) =>
    Math.min(127, Math.max(1, Math.round((velocity * (mixer.mix[index]?.volume ?? USUAL_VOLUME)) / USUAL_VOLUME)));
  const tracks = piece.tracks.map((track, index) => ({
    ...track, notes: mixer.isHeard(index) && mixer.mix[index]?.volume !== 0 ? track.notes.map(([onset, pitch, duration, velocity]) => /** @type {any} */ ([onset, pitch, duration, scaled(velocity, index)])) : [],
  }));
  return { ...piece, tracks };
}

/** @param {string | undefined} title */
function fileName(title) {
  return (title ?? "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "composition";
}
