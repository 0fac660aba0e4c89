// Step 2, the technique: which, with which model and parameters; and the run, note by note.
import { PianoRollView } from "./piano_roll.js";
import { button, h, icon, select, slider, switchControl } from "./dom.js";
import { bandControl, blendControl, freshSeed, OF_THE_BAND, seedOf } from "./studio_band.js";
import { cardPicture, cardPatterns } from "./studio_cards.js";
import { counted, worded } from "./studio_app.js";
import { listen } from "./studio_input.js";

/** @typedef {import("./studio_app.js").StudioApp} StudioApp */
/** @typedef {import("../lib/piece.js").Piece} Piece */

const VERBS = { "ar-cnn": "Edit", gan: "Accompany", transformers: "Continue" };
const ROLL_HEIGHT = 340;

export class StudioTechnique {
  // Made in _build.
  /** @type {PianoRollView} */
  roll = /** @type {any} */ (null);
  /** @type {Piece | null} */
  live = /** @type {any} */ (null);
  /** @type {any} */
  told = /** @type {any} */ (null);
  /** @type {string} */
  _settingsKey = /** @type {any} */ (null);
  /** @type {boolean} */
  _starting = /** @type {any} */ (null);
  /** @type {any} */
  tiles = /** @type {any} */ (null);
  /** @type {string | null} The input of the last run, to know whether what it says is still of this one. */
  _ranWith = null;
  /** @type {any} */
  seedField = null;
  /** @type {any} */
  lastSeed = null;

  /** @param {StudioApp} app */
  constructor(app) {
    this.app = app;
    this.element = h("div", { class: "dc-step dc-step-technique" });
    /** @type {Piece} */
    this.before = app.state.input;
    /** @type {any[]} How each track sounds here. */
    this.mix = [];
    this._build();
    this._stops = [
      listen(app, "state", () => this.update()), listen(app, "catalogue", () => this._showCatalogue()),
      listen(app, "run", () => this.update()), listen(app, "progress", (event) => this._progress(event.detail)),
      listen(app, "began", (event) => this._began(event.detail)),
    ];
    this._showCatalogue();
  }

  destroy() {
    for (const stop of this._stops) stop();
    this.roll.destroy();
  }

  _build() {
    const { app } = this;
    this.cards = h("div", { class: "dc-cards", role: "radiogroup", "aria-label": "What should happen to your melody?" });
    this.settings = h("section", { class: "dc-parameters", "aria-label": "Parameters" });
    this.rollPlace = h("div", { class: "dc-roll-place" });
    this.roll = new PianoRollView(this.rollPlace, {
      piece: app.state.input, editable: false, transport: app.transport, sound: app.sound, velocityLane: false, minHeight: ROLL_HEIGHT, label: "What the technique does, piano roll",
    });
    this.runTitle = h("h3", { class: "dc-run-title" });
    this.runWords = h("div", { class: "dc-run-words" });
    this.counts = h("div", { class: "dc-run-counts dc-spread" });
    this.openButton = button({ label: "Open what there is", text: "Open what there is", hidden: true, onclick: () => app.go(3) });
    this.progress = h("div", { class: "dc-progress", role: "progressbar", "aria-label": "Composing", "aria-valuemin": 0, "aria-valuemax": 100 }, h("i"));
    this.news = h("div", { class: "dc-run-news" });
    this.trouble = h("div", { class: "dc-note-card dc-trouble", role: "alert", hidden: true });
    this.runPanel = h("section", { class: "dc-run", "aria-label": "Composing" },
      h("div", { class: "dc-run-head" }, h("div", {}, this.runTitle, this.runWords), this.openButton, this.counts), this.progress, this.trouble, this.rollPlace, this.news);
    this.back = button({ label: "Input track", text: "Input track", icon: "left", onclick: () => app.go(1) });
    this.cancel = button({ label: "Cancel", text: "Cancel", onclick: () => app.ask("cancel"), hidden: true });
    this.cancel.append(h("kbd", {}, "Esc"));
    this.go = button({ label: "Compose", text: "Compose", kind: "primary", onclick: () => this.compose() });
    this.hint = h("span", { class: "dc-hint" });
    this.element.append(cardPatterns(), h("h2", { class: "dc-question" }, "What should happen to your melody?"), this.cards,
      h("div", { class: "dc-technique-row dc-grows" }, this.settings, this.runPanel),
      h("div", { class: "dc-footer" }, this.back, h("div", { class: "dc-spread dc-row" }, this.hint, this.cancel, this.go)));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.defaultPrevented) return;
    if (event.key === "Escape" && this.app.isRunning) this.app.ask("cancel");
    else if (event.key === " " && !target.matches("button, input, select")) this.app.transport.toggle();
    else return;
    event.preventDefault();
  }

  /** The step comes to the front. */
  async enter() {
    this._showTimes();
    if (this.app.isRunning) return;
    this.app.ask("refresh"); // a model that was trained meanwhile
    await this.app.settle();
    const answer = await this.app.ask("prepared");
    if (!answer || this.app.isRunning) return;
    this._begin(answer.piece);
    this.update();
  }

  /** What is told of a run: of one that worked on another input or with another technique, nothing. @returns {any} */
  get _run() {
    const { app } = this, { run } = app;
    const isOfThis = run.technique === app.state.technique.name && this._ranWith === signatureOf(this.before);
    return app.isRunning || isOfThis ? run : { ...run, state: "idle" };
  }

  /** @param {Piece} piece */
  _begin(piece) {
    this.before = piece;
    this.live = piece;
    this.roll.setBefore(null);
    this.roll.setPiece(piece);
    if (this.app.state.step === 2) this.app.hear(this, piece);
  }

  // ------------------------------------------------------------------------------ what can be chosen

  _showCatalogue() {
    const { techniques } = this.app.catalogue;
    if (!techniques.length) {
      this.cards.replaceChildren(h("p", { class: "dc-source-words dc-loading", role: "status" }, h("i", { class: "dc-spinner", "aria-hidden": "true" }), "The techniques are being loaded. This takes some seconds the first time."));
      this.settings.replaceChildren(h("p", { class: "dc-hint" }, "The parameters come with them."));
      return;
    }
    this.tiles = techniques.map((/** @type {any} */ technique) => h("button", {
      type: "button", role: "radio", class: "dc-card", "data-technique": technique.name,
      onclick: () => this._choose(technique.name),
    }, cardPicture(technique.name),
    h("div", { class: "dc-card-words" }, h("i", { class: "dc-radio", "aria-hidden": "true" }),
      h("div", { class: "dc-card-text" }, h("div", { class: "dc-card-title" }, h("b", {}, technique.verb), h("span", { class: "dc-card-name" }, technique.label)),
        h("div", { class: "dc-card-sentence" }, technique.sentence),
        h("div", { class: "dc-hint dc-card-learnt" }, ...(technique.models.length ? [learnt(technique, this.app.secondsOf(technique.name))] : worded("Its model is not here: `deepcomposer-lab doctor` says how to get it.")))))));
    this.cards.replaceChildren(...this.tiles);
    this.cards.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const at = this.tiles.findIndex((/** @type {any} */ tile) => tile.getAttribute("aria-checked") === "true");
      const next = this.tiles[(at + step + this.tiles.length) % this.tiles.length];
      next.focus();
      next.click();
    };
    this._settingsKey = "";
    this.update();
  }

  _showTimes() {
    for (const technique of this.app.catalogue.techniques.filter((/** @type {any} */ one) => one.models.length)) {
      const tile = this.tiles?.find((/** @type {any} */ one) => one.dataset.technique === technique.name);
      if (tile) tile.querySelector(".dc-card-learnt").textContent = learnt(technique, this.app.secondsOf(technique.name));
    }
  }

  /** @param {string} name */
  _choose(name) {
    if (name !== this.app.state.technique.name) this.app.patch({ technique: { name, algorithm: null, model: null, parameters: {}, seed: null } });
  }

  /** @param {any} change */
  _parameter(change) {
    this.app.patch({ technique: { parameters: { ...this.app.state.technique.parameters, ...change } } });
  }

  _showSettings() {
    const { app } = this, technique = app.technique, chosen = app.state.technique;
    const key = technique ? `${technique.name} ${chosen.algorithm} ${technique.models.length} ${technique.name === "gan" ? app.chosenModel?.name : ""}` : "";
    if (!technique || key === this._settingsKey) return;
    this._settingsKey = key;
    const algorithm = chosen.algorithm ?? technique.algorithms[0]?.name ?? null;
    const models = technique.models.filter((/** @type {any} */ model) => !algorithm || model.algorithm === algorithm);
    const about = h("p", { class: "dc-hint dc-model-about" });
    const tell = () => { about.textContent = (app.chosenModel?.description ?? "").replace(/(?<=[a-z’')])\. .*$/s, "."); };
    const reset = button({ label: "Defaults", text: "Defaults", icon: "reset", kind: "ghost", onclick: () => { this._settingsKey = ""; app.patch({ technique: { parameters: {}, seed: null } }); } });
    const model = select({
      label: "Model", value: app.chosenModel?.name ?? "",
      choices: models.map((/** @type {any} */ one) => [one.name, one.own ? `${one.label} (yours)` : one.label]),
      onchange: (name) => { app.patch({ technique: { model: name, algorithm, parameters: this._withoutBand() } }); tell(); },
    });
    tell();
    const isBlend = (/** @type {any} */ parameter) => parameter.kind === "blend"; // of two seeds: it stands below the seed
    const control = (/** @type {any} */ parameter) => this._control(parameter, chosen.parameters[parameter.name] ?? parameter.default);
    const focused = this.settings.contains(document.activeElement) ? nameOf(document.activeElement) : null;
    const rows = technique.parameters.filter((/** @type {any} */ one) => !isBlend(one)).map(control);
    this.settings.replaceChildren(
      h("div", { class: "dc-row" }, h("h3", { class: "dc-run-title" }, technique.label), h("span", { class: "dc-spread" }, reset)),
      ...(technique.algorithms.length > 1 ? [h("div", { class: "dc-labelled" }, h("span", {}, "Algorithm"), select({
        label: "Generative algorithm", value: algorithm, choices: technique.algorithms.map((/** @type {any} */ one) => [one.name, one.label]),
        onchange: (name) => { this._settingsKey = ""; app.patch({ technique: { algorithm: name, model: technique.models.find((/** @type {any} */ one) => one.algorithm === name)?.name ?? null, parameters: this._withoutBand() } }); },
      }).element)] : []),
      h("div", { class: "dc-labelled" }, h("span", {}, "Model"), model.element), about, ...rows, this._seed(), ...technique.parameters.filter(isBlend).map(control));
    if (focused) [.../** @type {NodeListOf<HTMLElement>} */ (this.settings.querySelectorAll("button, select, input"))].find((one) => nameOf(one) === focused)?.focus();
  }

  /** @param {any} parameter @param {any} value */
  _control(parameter, value) {
    const { name, label, help } = parameter;
    if (parameter.kind === "switch") {
      return h("div", { class: "dc-parameter" }, switchControl({ label, checked: Boolean(value), onchange: (on) => this._parameter({ [name]: on }) }).element, h("p", { class: "dc-hint" }, help));
    }
    if (parameter.kind === "choice") {
      return h("div", { class: "dc-parameter" }, h("div", { class: "dc-labelled" }, h("b", {}, label), select({
        label, value: value ?? "", choices: parameter.choices.map((/** @type {any} */ choice) => [choice.value, choice.label]), onchange: (chosen) => this._parameter({ [name]: chosen || null }),
      }).element), h("p", { class: "dc-hint" }, help));
    }
    const shared = { parameter, change: (/** @type {any} */ change) => this._parameter(change), holdSeed: () => this._holdSeed() };
    if (parameter.kind === "blend") return blendControl({ ...shared, value });
    if (parameter.kind === "band") {
      const { band = [], algorithm } = this.app.chosenModel ?? {};
      return bandControl({
        ...shared, band, keepsTracksApart: algorithm === "musegan", values: () => this.app.state.technique.parameters, toast: (words) => this.app.toast(words),
      });
    }
    const unit = parameter.unit.replace(" per eight bars", "").replace("seconds", "s");
    return h("div", { class: "dc-parameter" }, slider({
      label, value, minimum: parameter.minimum, maximum: parameter.maximum, step: parameter.step, standard: parameter.default, unit, hint: help,
      onchange: (number, final) => { if (final) this._parameter({ [name]: number }); },
    }).element);
  }

  /** All parameters but those of the band: another model plays other roles. */
  _withoutBand() {
    return this.app.technique?.name === "gan" ? { ...this.app.state.technique.parameters, ...OF_THE_BAND } : this.app.state.technique.parameters;
  }

  /** The seed of the last run of this technique here; null where there was none. @returns {number | null} */
  get _lastSeed() {
    const { run, state } = this.app;
    return run.technique === state.technique.name ? run.seed ?? null : null;
  }

  /** Let the next run start from the seed of the last one, and not from a new one. */
  _holdSeed() {
    if (this.app.state.technique.seed !== null) return;
    this.app.patch({ technique: { seed: this._lastSeed ?? freshSeed() } });
  }

  _seed() {
    this.seedField = h("input", { class: "dc-field dc-seed", type: "number", min: 0, step: 1, "aria-label": "Seed", placeholder: "a new one each time" });
    this.seedField.addEventListener("change", () => this.app.patch({ technique: { seed: seedOf(this.seedField) } }));
    this.lastSeed = button({ label: "Use the last seed", text: "", kind: "small", class: "dc-button dc-button-small dc-last-seed", onclick: () => { this._holdSeed(); this.seedField.focus(); } });
    this._showSeed();
    return h("div", { class: "dc-parameter" }, h("div", { class: "dc-labelled" }, h("b", {}, "Seed"), this.seedField, this.lastSeed), h("p", { class: "dc-hint" }, "The same seed composes the same notes again."));
  }

  _showSeed() {
    if (!this.seedField) return;
    const { seed } = this.app.state.technique;
    if (document.activeElement !== this.seedField) this.seedField.value = seed ?? "";
    this.lastSeed.hidden = seed !== null || this._lastSeed === null;
    this.lastSeed.textContent = `Last: ${this._lastSeed}`;
    this.lastSeed.setAttribute("aria-label", `Use the last seed, ${this._lastSeed}`);
  }

  // ------------------------------------------------------------------------------ the run

  async compose() {
    if (this.app.isRunning || this._starting) return;
    this._starting = true;
    this.app.sound.enable();
    try {
      await this.app.settle();
      const prepared = await this.app.ask("prepared");
      if (!prepared) return;
      this._begin(prepared.piece);
      const answer = await this.app.ask("compose");
      if (!answer) return;
      this.roll.setBefore(prepared.piece);
    } finally {
      this._starting = false;
      this.update();
    }
  }

  /** A run has begun, here or by a cell of the notebook, with this piece. @param {{number: number, piece: Piece}} value */
  _began({ piece }) {
    this._begin(piece);
    this._ranWith = signatureOf(piece);
    this.roll.setBefore(piece);
    this.update();
  }

  /** @param {any} value */
  _progress(value) {
    if (value.number !== this.app.run.number) return;
    this.told = value;
    const live = structuredClone(this.live ?? this.before);
    for (const [adds, onset, pitch, duration, velocity, track] of value.rows) {
      if (adds) {
        const index = track ?? newTrack(live);
        live.tracks[index].notes.push([onset, pitch, duration, velocity]);
      } else {
        for (const one of live.tracks) one.notes = one.notes.filter((/** @type {any} */ note) => note[1] !== pitch || Math.abs(note[0] - onset) > 1e-3);
      }
    }
    this.live = live;
    if (!this.roll.before) this.roll.setBefore(this.before);
    this.roll.setPiece(live, { keepView: this.app.run.technique !== "transformers" });
    this.update();
  }

  update() {
    const { app } = this, { technique: described } = app, run = this._run, chosen = app.state.technique;
    for (const tile of this.tiles ?? []) {
      const is = tile.dataset.technique === chosen.name;
      tile.setAttribute("aria-checked", String(is));
      tile.tabIndex = is ? 0 : -1;
    }
    this._showSettings();
    this._showSeed();
    const running = app.isRunning, told = this.told?.number === run.number && run.state !== "idle" ? this.told : null;
    const share = told?.total ? told.done / told.total : 0;
    this.cancel.hidden = !running;
    this.go.setAttribute("aria-disabled", String(running || !described?.models.length));
    const verb = VERBS[/** @type {keyof typeof VERBS} */ (chosen.name)] ?? "Compose";
    const again = run.state === "done" && run.technique === chosen.name;
    this.go.replaceChildren(running ? h("i", { class: "dc-spinner", "aria-hidden": "true" }) : icon("play"),
      running ? `Composing ${share ? `${Math.round(share * 100)} %` : "…"}` : `${verb} it${again ? " again" : ""}`);
    this.go.classList.toggle("dc-busy", running);
    this.hint.textContent = running ? "Changes you make now count for the next run." : "";
    this.progress.classList.toggle("dc-waiting", running && !share);
    /** @type {HTMLElement} */ (this.progress.firstElementChild).style.width = `${running ? share * 100 : run.state === "done" ? 100 : 0}%`;
    this.progress.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    const notes = this.before.tracks.reduce((sum, track) => sum + track.notes.length, 0);
    const runs = app.catalogue.techniques.find((/** @type {any} */ one) => one.name === run.technique)?.label ?? "";
    this.runTitle.textContent = { loading: "Loading the model", running: `Composing with ${runs}`, done: "Done", cancelled: "Cancelled", failed: "It did not work" }[/** @type {string} */ (run.state)] ?? "Your input track";
    const unit = run.technique === "transformers" ? "Second" : run.technique === "gan" ? "Pass" : "Edit";
    const left = told?.seconds_left;
    this.runWords.textContent = running
      ? told ? `${unit} ${told.done} of ${told.total}${left ? `, about ${Math.max(1, Math.round(left))} s left` : ""}` : "This takes a moment the first time."
      : run.state === "idle" ? `${counted(notes, "note")} go in.` : run.state === "failed" ? "" : run.words;
    this.counts.replaceChildren(...(told && told.added + told.removed ? [mark("dc-added-mark"), h("b", {}, `+${told.added}`), " added ", ...(told.removed ? [mark("dc-removed-mark"), h("b", {}, `−${told.removed}`), " removed"] : [])] : []));
    const words = running ? told?.words ?? "" : "";
    this.news.replaceChildren(icon(words.startsWith("Just removed") ? "minus" : "plus"), words);
    this.news.hidden = !words;
    this.openButton.hidden = run.state !== "cancelled" || run.result_id === null;
    this.trouble.hidden = run.state !== "failed";
    if (run.state === "failed") this.trouble.replaceChildren(icon("warning"), h("span", {}, ...worded(run.error ?? "Nobody knows why.")));
    this.element.dataset.run = run.state;
  }
}

/** The index of the track that takes what has no track yet. @param {Piece} piece */
function newTrack(piece) {
  const found = piece.tracks.findIndex((track) => track.name === "New notes");
  if (found >= 0) return found;
  return piece.tracks.push({ name: "New notes", program: piece.tracks[0]?.program ?? 0, is_drum: false, notes: [] }) - 1;
}

/** What tells one piece from another: all but its title. @param {Piece | null} piece */
function signatureOf(piece) {
  return piece && JSON.stringify({ ...piece, title: "" });
}

/** What a control is called. @param {Element | null} element */
function nameOf(element) {
  return element && (element.getAttribute("aria-label") ?? element.textContent);
}

/** @param {any} technique @param {number | null} seconds */
function learnt(technique, seconds) {
  const from = technique.name === "gan" ? `Genres: ${technique.learnt_from}.` : `Learnt from ${technique.learnt_from}.`;
  return seconds ? `${from} Took ${seconds} s here the last time.` : from;
}

/** @param {string} name */
export function mark(name) {
  return h("i", { class: `dc-mark ${name}`, "aria-hidden": "true" });
}
