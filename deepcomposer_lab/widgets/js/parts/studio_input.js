// Step 1, the input track: where it comes from, how it was played, and what is done to its timing and pitch.
import { History } from "../lib/history.js";
import { ask } from "../lib/kernel.js";
import { barsOf, emptyPiece, endOf, pitchName } from "../lib/piece.js";
import { writeMidi } from "../lib/midi_file.js";
import { pageMidi } from "../lib/web_midi.js";
import { button, download, h, icon, isInNotebook, select, setPressed, slider, stepper, switchControl } from "./dom.js";
import { KeyboardView } from "./keyboard.js";
import { MicrophonePanel } from "./microphone_panel.js";
import { PianoRollView } from "./piano_roll.js";
import { Recorder } from "./recorder.js";
import { counted } from "./studio_app.js";
import { thumbnail } from "./thumbnail.js";
import { foldedCommands } from "./roll_commands.js";
import { trackList } from "./track_list.js";
import { transportBar } from "./transport.js";
import { UploadPanel } from "./upload_panel.js";

/** @typedef {import("./studio_app.js").StudioApp} StudioApp */
/** @typedef {import("../lib/piece.js").Piece} Piece */

const SOURCES = /** @type {const} */ ([
  ["sample", "Sample", "note"], ["keyboard", "Keyboard", "piano"], ["midi", "MIDI keyboard", "midi"], ["microphone", "Microphone", "microphone"],
  ["import", "Import file", "upload"], ["composition", "Composition", "list"],
]);
const ROLL_HEIGHT = 322;

let views = 0; // on this page

export class StudioInput {
  // Made in _build.
  /** @type {PianoRollView} */
  roll = /** @type {any} */ (null);
  /** @type {ReturnType<typeof foldedCommands>} */
  tools = /** @type {any} */ (null);
  /** @type {KeyboardView} */
  keyboard = /** @type {any} */ (null);
  /** @type {Recorder} */
  recorder = /** @type {any} */ (null);
  /** @type {ReturnType<typeof transportBar>} */
  bar = /** @type {any} */ (null);
  /** @type {any} */
  microphone = /** @type {any} */ (null);
  /** @type {ReturnType<typeof stepper>} */
  tempo = /** @type {any} */ (null);
  /** @type {ReturnType<typeof stepper>} */
  pitch = /** @type {any} */ (null);
  /** @type {ReturnType<typeof switchControl>} */
  assist = /** @type {any} */ (null);
  /** @type {ReturnType<typeof switchControl>} */
  triplets = /** @type {any} */ (null);
  /** @type {ReturnType<typeof switchControl>} */
  sustain = /** @type {any} */ (null);
  /** @type {ReturnType<typeof select>} */
  grid = /** @type {any} */ (null);
  /** @type {ReturnType<typeof slider>} */
  strength = /** @type {any} */ (null);
  /** @type {Piece | null} */
  shown = /** @type {any} */ (null);
  /** @type {Piece | null} */
  ghost = /** @type {any} */ (null);
  /** @type {Piece | null} */
  _overdub = /** @type {any} */ (null);
  /** @type {any} The settings that it was made with. */
  _overdubBasis = null;
  /** @type {string | null} */
  _saying = /** @type {any} */ (null);
  /** @type {string} */
  _tracksKey = /** @type {any} */ (null);
  /** @type {any} */
  _blinking = /** @type {any} */ (null);

  /** @param {StudioApp} app */
  constructor(app) {
    this.app = app;
    this.midi = pageMidi();
    this._shownKey = "";
    /** @type {any[]} How each track sounds here. */
    this.mix = [];
    /** @type {(() => void)[]} */
    this._pictures = [];
    this.history = new History(this._snapshot());
    this._view = ++views;
    this._asked = 0;
    /** Numbers what is asked and drawn, in its order: an answer that is older than what is seen is not shown. */
    this._count = 0;
    this._newest = 0; // the number of what is seen
    /** @type {Promise<void>} The edit that the kernel answers, or has answered, last. */
    this._editing = Promise.resolve();
    this._unsent = 0; // edits that the kernel has not been told yet: what it answers until then is without them
    /** @type {any} The settings that what is seen was made with. */
    this._basis = app.state.settings;
    /** @type {any} The settings that are chosen for what is seen; some of them may be on their way. */
    this._wanted = app.state.settings;
    this._seenSettings = JSON.stringify(app.state.settings);
    this._known = { input: app.state.input, text: JSON.stringify(app.state.input) };
    this.element = h("div", { class: "dc-step dc-step-input" });
    this._build();
    this._stops = [
      listen(app, "state", () => { this._followInput(); this.update(); }),
      listen(app, "compositions", () => this._showSource()),
      listen(this.midi, "change", () => this._showMidi()),
      listen(this.midi, "activity", () => this._blink()),
      listen(this.midi, "note", (event) => { if (this._hearsMidi()) this.keyboard.playMidi(event.detail); }),
      listen(this.midi, "sustain", (event) => { if (this._hearsMidi()) this.keyboard.setSustain(event.detail.on, event.detail.timeStamp, "pedal"); }),
      listen(this.midi, "button", (event) => this._midiButton(event.detail)),
    ];
    this.prepare();
  }

  destroy() {
    for (const stop of [...this._stops, ...this._pictures]) stop();
    this.recorder.destroy();
    this.keyboard.destroy();
    this.roll.destroy();
    this.bar.destroy();
    this.microphone?.destroy?.();
  }

  /** An id that no other view of the page has. @param {string} name */
  _tabId(name) {
    return `dc-tab-${this._view}-${name}`;
  }

  _isShown() {
    return this.app.state.step === 1;
  }

  /** A MIDI keyboard plays for one widget of the page: the one that was used last. */
  _hearsMidi() {
    return this._isShown() && this.midi.isFor(this);
  }

  // ------------------------------------------------------------------------------ building

  _build() {
    const { app } = this;
    this.tabs = h("div", { class: "dc-tabs", role: "tablist", "aria-label": "Where the melody comes from" });
    for (const [name, text, picture] of SOURCES) {
      this.tabs.append(h("button", {
        type: "button", role: "tab", class: "dc-tab", id: this._tabId(name), "data-source": name, onclick: () => this._chooseSource(name),
      }, icon(picture), h("span", {}, text), name === "midi" ? h("i", { class: "dc-dot", hidden: true }) : null));
    }
    this.tabs.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this._tabKey(event));
    this.hint = h("span", { class: "dc-hint dc-tabs-hint" });
    this.panel = h("div", { class: "dc-source", role: "tabpanel" });
    this.rollPlace = h("div", { class: "dc-roll-place" });
    this.gutter = h("div", { class: "dc-roll-gutter" });
    this.keysPlace = h("div", { class: "dc-keys-place" });
    this.keysGutter = h("div", { class: "dc-roll-gutter dc-keys-gutter" });
    this.keysRow = h("div", { class: "dc-roll-row dc-keys-row" }, this.keysGutter, this.keysPlace);
    this.empty = h("div", { class: "dc-empty", hidden: true });
    this.keyboard = new KeyboardView(this.keysPlace, { sound: app.sound });
    this.roll = new PianoRollView(this.rollPlace, {
      piece: app.state.input, transport: app.transport, sound: app.sound, minHeight: ROLL_HEIGHT, label: "Input track, piano roll", leastRows: 16,
    });
    this.roll.undo = () => this.undo();
    this.roll.redo = () => this.redo();
    this.rollPlace.append(this.empty);
    this.recorder = new Recorder({ sound: app.sound, keyboard: this.keyboard, transport: app.transport });
    this.tools = foldedCommands(this.roll);
    this._buildBar();
    this._buildGutter();
    this._buildKeys();
    this._buildFooter();
    this.element.append(
      h("div", { class: "dc-tabs-row" }, this.tabs, this.hint), this.panel, this.bar.element, this.tools.element,
      h("div", { class: "dc-roll-row dc-grows" }, this.gutter, this.rollPlace), this.keysRow, this.footer);
    this._listenToParts();
  }

  _buildBar() {
    const { app } = this, state = app.state.settings, limits = app.catalogue.limits;
    this.recordButton = button({ label: "Record", icon: "record", kind: "round", title: "Record (R)", onclick: () => this.record() });
    this.recordButton.classList.add("dc-record");
    this.tempo = stepper({
      label: "Beats a minute", value: state.tempo ?? 100, minimum: limits.tempo[0], maximum: limits.tempo[1],
      onchange: (value) => { this.recorder.bpm = value; this._change({ tempo: value }); },
    });
    const tap = button({
      label: "Tap the tempo", text: "Tap", title: "Tap two times or more",
      onclick: () => {
        const bpm = this.recorder.tapTempo();
        if (bpm) this.tempo.input.value = String(Math.max(limits.tempo[0], Math.min(limits.tempo[1], bpm)));
        if (bpm) this.tempo.input.dispatchEvent(new Event("change"));
      },
    });
    this.pitch = stepper({
      label: "Pitch, semitones", value: state.pitch, minimum: limits.pitch[0], maximum: limits.pitch[1], onchange: (value) => this._change({ pitch: value }),
    });
    this.countIn = button({
      label: "Count-in of one bar", text: "Count-in", pressed: true, title: "One bar of clicks before a recording begins",
      onclick: () => { this.recorder.countIn = this.recorder.countIn ? 0 : 1; setPressed(this.countIn, this.recorder.countIn > 0); },
    });
    this.figures = h("span", { class: "dc-vk-figures", "aria-hidden": "true" });
    this.countIn.prepend(this.figures);
    this._figures(0, 4);
    this.overdub = button({
      label: "Overdub", text: "Overdub", pressed: false, title: "Record onto what is there, instead of anew",
      onclick: () => setPressed(this.overdub, this.overdub.getAttribute("aria-pressed") !== "true"),
    });
    this.undoButton = button({ label: "Undo", icon: "undo", kind: "ghost", title: "Undo (Ctrl+Z)", onclick: () => this.undo() });
    this.redoButton = button({ label: "Redo", icon: "redo", kind: "ghost", title: "Redo (Ctrl+Y)", onclick: () => this.redo() });
    const zoom = h("div", { class: "dc-zoom", role: "group", "aria-label": "Zoom" },
      button({ label: "Zoom out", icon: "minus", kind: "ghost", onclick: () => this.roll.zoom(0.8) }),
      button({ label: "Fit the whole piece", text: "Fit", kind: "ghost", onclick: () => this.roll.fit() }),
      button({ label: "Zoom in", icon: "plus", kind: "ghost", onclick: () => this.roll.zoom(1.25) }));
    this.bar = transportBar({
      transport: app.transport, before: [this.recordButton],
      after: [this.countIn, this.overdub,
        h("div", { class: "dc-bar-group" }, field("Beats a minute", this.tempo.element, tap), field("Pitch, semitones", this.pitch.element)), h("div", { class: "dc-bar-end dc-spread" }, this.tools.toggle, zoom, this.undoButton, this.redoButton)],
    });
    this.bar.element.classList.add("dc-bar");
  }

  _buildGutter() {
    const { app } = this, settings = app.state.settings;
    this.tracksPlace = h("div", {});
    const change = (/** @type {any} */ one) => this._change(one);
    this.assist = switchControl({ label: "Rhythm assist", checked: settings.rhythm_assist, onchange: (on) => change({ rhythm_assist: on }) });
    this.grid = select({
      label: "Rhythm assist: grid", value: String(settings.grid),
      choices: app.catalogue.grids.map((/** @type {any} */ grid) => [String(grid.value), grid.label]), onchange: (value) => change({ grid: +value }),
    });
    this.strength = slider({
      label: "Rhythm assist: strength", value: Math.round(settings.strength * 100), minimum: 0, maximum: 100, unit: "%", compact: true,
      onchange: (value, final) => { this.strengthShown.textContent = `${value} %`; if (final) change({ strength: value / 100 }); },
    });
    this.strengthShown = h("span", { class: "dc-hint" }, `${Math.round(settings.strength * 100)} %`);
    this.triplets = switchControl({ label: "Triplets too", checked: settings.triplets, onchange: (on) => change({ triplets: on }) });
    this.assistMore = h("div", { class: "dc-assist-more" },
      h("div", { class: "dc-labelled" }, h("span", {}, "Grid"), this.grid.element),
      h("div", { class: "dc-labelled" }, h("span", {}, "Strength"), this.strength.element, this.strengthShown), this.triplets.element);
    this.trimShown = h("span", { class: "dc-spread" });
    this.trimReset = button({ label: "Undo the trim", text: "All", kind: "small", hidden: true, onclick: () => change({ trim: null }) });
    this.gutter.append(this.tracksPlace,
      h("div", { class: "dc-gutter-part dc-assist" }, this.assist.element, h("p", { class: "dc-hint" }, "Moves notes onto the beat. Dotted: as you played them."), this.assistMore),
      h("div", { class: "dc-gutter-part dc-row" }, h("b", {}, "Trim"), this.trimShown, this.trimReset),
      h("div", { class: "dc-gutter-part dc-velocity-label" }, h("span", {}, "Velocity"), h("span", { class: "dc-hint" }, "how hard each note is played")));
  }

  _buildKeys() {
    this.octaveShown = h("b", {});
    const octave = h("div", { class: "dc-stepper dc-octave", role: "group", "aria-label": "Octave" },
      button({ label: "Octave down", icon: "left", kind: "ghost", onclick: () => this.keyboard.setOctave(this.keyboard.octaves - 1) }), this.octaveShown,
      button({ label: "Octave up", icon: "right", kind: "ghost", onclick: () => this.keyboard.setOctave(this.keyboard.octaves + 1) }));
    const type = switchControl({ label: "Type to play", checked: true, onchange: (on) => this.keyboard.setTypeToPlay(on) });
    this.sustain = switchControl({ label: "Sustain", checked: false, onchange: (on) => this.keyboard.setSustain(on) });
    const velocity = slider({
      label: "Velocity of the keys", value: 80, minimum: 1, maximum: 127, compact: true, onchange: (value) => { this.keyboard.velocity = value; },
    });
    this.keysGutter.append(h("div", { class: "dc-gutter-part" }, h("div", { class: "dc-labelled" }, h("span", {}, "Octave"), octave), type.element, this.sustain.element,
      h("div", { class: "dc-labelled" }, h("span", {}, "Velocity"), velocity.element)));
  }

  _buildFooter() {
    this.sentence = h("div", { class: "dc-footer-words" });
    this.clearButton = button({ label: "Clear", text: "Clear", kind: "ghost", onclick: () => this._take({ ...emptyPiece("My melody", this.app.state.settings.tempo ?? 100) }, "keyboard", "cleared") });
    this.saveButton = button({ label: "Save as MIDI", text: "Save as MIDI", icon: "download", onclick: () => this._saveMidi() });
    this.nextButton = button({ label: "Choose a technique", text: "Choose a technique", kind: "primary", onclick: () => this.app.go(2) });
    this.nextButton.append(icon("right"));
    this.footer = h("div", { class: "dc-footer" }, this.sentence, h("div", { class: "dc-spread dc-row" }, this.clearButton, this.saveButton, this.nextButton));
  }

  _listenToParts() {
    this.roll.addEventListener("change", (/** @type {any} */ event) => { this._editing = this._edited(event.detail); });
    this.roll.setTrim([0, 8], (trim) => this._trimmed(trim));
    this.keyboard.addEventListener("range", () => this._showOctave());
    this.keyboard.addEventListener("sustain", (/** @type {any} */ event) => this.sustain.set(event.detail.on));
    this.keyboard.addEventListener("note", (/** @type {any} */ event) => this._played(event.detail));
    this.recorder.addEventListener("state", () => this._showRecorder());
    this.recorder.addEventListener("beat", (/** @type {any} */ event) => this._showBeat(event.detail));
    this.recorder.addEventListener("notes", (/** @type {any} */ event) => this._showLive(event.detail));
    this.element.addEventListener("focusin", () => this.midi.claim(this));
    this.recorder.addEventListener("interrupted", () => this.record()); // somebody paused: what was played is kept
    this._showOctave();
    this._showSource();
  }

  // ------------------------------------------------------------------------------ where it comes from

  /** @param {string} name @param {{focuses?: boolean}} options */
  _chooseSource(name, { focuses = true } = {}) {
    this.app.patch({ source: name });
    this._showSource();
    if (name === "midi" && focuses) this.midi.request();
    if (name === "keyboard" && focuses) this.keyboard.element.focus();
  }

  /** @param {KeyboardEvent} event */
  _tabKey(event) {
    const tabs = /** @type {HTMLElement[]} */ ([...this.tabs.children]);
    const at = tabs.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = tabs[to % tabs.length];
    next.focus();
    this._chooseSource(/** @type {string} */ (next.dataset.source), { focuses: false }); // arrows stay on the tabs
  }

  _showSource() {
    const source = this.app.state.source;
    const key = `${source} ${source === "composition" ? this.app.compositions.map((/** @type {any} */ one) => one.id + one.title).join() : ""}`;
    for (const tab of /** @type {HTMLElement[]} */ ([...this.tabs.children])) {
      const is = tab.dataset.source === source;
      tab.setAttribute("aria-selected", String(is));
      tab.tabIndex = is ? 0 : -1;
    }
    this.keysRow.hidden = !["keyboard", "midi"].includes(source);
    for (const one of [this.recordButton, this.countIn, this.overdub]) one.hidden = source === "microphone"; // it has a button of its own
    this.hint.hidden = !["keyboard", "midi"].includes(source);
    const back = isInNotebook(this.element) ? [h("kbd", {}, "Esc"), " gives the keyboard back to the notebook."] : [];
    this.hint.replaceChildren("Click, touch or type. ", ...back);
    if (key === this._shownKey) return;
    this._shownKey = key;
    this.panel.setAttribute("aria-labelledby", this._tabId(source));
    const panels = /** @type {Record<string, () => (Node | null)[]>} */ ({
      sample: () => [this._samples()], keyboard: () => [], midi: () => [this._midiPanel()], microphone: () => [this._microphone()],
      import: () => [this._upload()], composition: () => [this._earlier()],
    });
    this.panel.replaceChildren(.../** @type {Node[]} */ (panels[source]().filter(Boolean)));
    this.panel.hidden = !this.panel.children.length;
    this._showMidi();
  }

  _samples() {
    return h("div", { class: "dc-samples", role: "group", "aria-label": "Sample melodies" },
      ...this.app.catalogue.samples.map((/** @type {any} */ sample) => h("button", {
        type: "button", class: "dc-chip", "aria-pressed": String(sample.title === this.app.state.input.title), "data-sample": sample.title, title: sample.title,
        onclick: () => this._ask("sample", { name: sample.name }, `sample ${sample.title}`),
      }, h("b", {}, sample.title), h("span", { class: "dc-hint" }, `${counted(sample.bars, "bar")} of ${sample.metre}`))));
  }

  _midiPanel() {
    this.midiWords = h("span", {});
    this.midiDevices = h("span", {});
    this.midiLight = h("i", { class: "dc-midi-light", "aria-hidden": "true" });
    return h("div", { class: "dc-row dc-source-words", role: "status" }, this.midiLight, this.midiWords, this.midiDevices);
  }

  _showMidi() {
    const dot = /** @type {HTMLElement} */ (this.tabs.querySelector(".dc-dot"));
    dot.hidden = this.midi.state !== "ready";
    if (!this.midiWords?.isConnected) return;
    this.midiWords.textContent = this.midi.words;
    this.midiDevices.replaceChildren(...(this.midi.devices.length > 1 ? [select({
      label: "MIDI keyboard", value: this.midi.chosen ?? "", choices: this.midi.devices.map(({ id, name }) => [id, name]), onchange: (id) => this.midi.choose(id),
    }).element] : this.midi.state === "idle" ? [button({ label: "Use MIDI keyboards", text: "Use MIDI keyboards", onclick: () => this.midi.request() })] : []));
  }

  _blink() {
    this.midiLight?.classList.add("dc-on");
    clearTimeout(this._blinking);
    this._blinking = setTimeout(() => this.midiLight?.classList.remove("dc-on"), 120);
  }

  /** @param {string} name */
  _midiButton(name) {
    if (!this._hearsMidi()) return;
    if (name === "record") this.record();
    else if (name === "play") this.app.transport.toggle();
    else if (this.recorder.state !== "idle") this.record();
    else this.app.transport.stop();
  }

  _microphone() {
    const place = h("div", { class: "dc-source-wide" });
    this.microphone?.destroy?.();
    this.microphone = new MicrophonePanel(place, {
      sound: this.app.sound, bpm: this.app.state.settings.tempo ?? 100, height: 150,
      transcribe: async (samples, rate, beat) => {
        await this.app.settle();
        const number = ++this._count;
        const { value } = await this._own(ask(this.app.model, "transcribe", { rate, ...beat }, [samples]));
        if (value.piece) {
          this.history.push(this._snapshot(), "a melody from the microphone");
          await this._showIfNewest(value, number, { fit: true });
        }
        return value.sung;
      },
    });
    return place;
  }

  _upload() {
    const place = h("div", { class: "dc-source-wide" });
    const panel = new UploadPanel(place, {});
    panel.addEventListener("file", async (/** @type {any} */ event) => {
      const { name, bytes } = event.detail;
      try {
        await this.app.settle();
        this.app.transport.stop();
        const number = ++this._count;
        const { value } = await this._own(ask(this.app.model, "read", { name }, [bytes]));
        this.history.push(this._snapshot(), `${name} imported`);
        await this._showIfNewest(value, number, { fit: true });
        panel.done(["“" + name + "” was read.", ...value.remarks].join(" "));
      } catch (error) {
        panel.fail(name, /** @type {Error} */ (error).message); // the reader's own words
      }
    });
    return place;
  }

  _earlier() {
    const list = this.app.compositions;
    for (const destroy of this._pictures.splice(0)) destroy();
    if (!list.length) return h("p", { class: "dc-source-words" }, "No composition yet. Each technique keeps what it makes here, by itself.");
    return h("div", { class: "dc-samples", role: "group", "aria-label": "Earlier compositions" }, ...list.slice(0, 24).map((/** @type {any} */ one) => {
      const { canvas, destroy } = thumbnail(one.picture, 28);
      this._pictures.push(destroy);
      return h("button", {
        type: "button", class: "dc-chip", "aria-pressed": String(one.id === this.app.state.input_id), "data-composition": one.id,
        onclick: () => this._ask("use", { id: one.id }, `composition ${one.title}`),
      }, h("b", {}, one.title), h("span", { class: "dc-hint" }, one.how), canvas);
    }));
  }

  // ------------------------------------------------------------------------------ recording

  async record() {
    if (this.recorder.state !== "idle") {
      const onto = this._overdub, remaining = this._remaining(this._overdubBasis);
      const rows = this.recorder.stop();
      this._overdub = null;
      if (!rows.length) {
        this.app.toast("Nothing was played, so the input track is as it was.");
        this._show();
        return;
      }
      const piece = onto ?? emptyPiece("My melody", this.recorder.bpm);
      const melody = piece.tracks[0];
      const notes = /** @type {any[]} */ ([...(onto ? melody.notes : []), ...rows]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      const recorded = { ...piece, tracks: [{ ...melody, notes }, ...piece.tracks.slice(1)] };
      if (onto) await this._ask("input", { piece: recorded, edited: true, settings: remaining }, "recording");
      else await this._take(recorded, "keyboard", "recording");
      return;
    }
    if (!["keyboard", "midi"].includes(this.app.state.source)) this._chooseSource("keyboard");
    this.recorder.bpm = this.app.state.settings.tempo ?? 100;
    this.recorder.metronome = true;
    const overdub = this.overdub.getAttribute("aria-pressed") === "true";
    this._overdub = overdub ? this.shown ?? this.app.state.input : null; // as it is heard: at its tempo, moved in pitch
    this._overdubBasis = this._basis;
    this.keyboard.element.focus();
    await this.recorder.start({ onto: this._overdub });
  }

  _showRecorder() {
    const { state } = this.recorder, isOn = state !== "idle";
    if (state !== "count-in") this._figures(0, this.figures.children.length);
    this.recordButton.setAttribute("aria-label", isOn ? "Stop recording" : "Record");
    this.recordButton.title = isOn ? "Stop recording (Space)" : "Record (R)";
    this.recordButton.classList.toggle("dc-recording", isOn);
    this.element.dataset.recording = state;
    this.roll.editable = !isOn;
    this.tools.element.inert = isOn;
    this.rollPlace.inert = isOn; // to seek would shift the beat that is recorded against
    for (const one of /** @type {NodeListOf<HTMLButtonElement>} */ (this.bar.element.querySelectorAll("[aria-label=Loop], [aria-label=Metronome]"))) one.disabled = isOn;
    this.app.say({ idle: "Recording has ended.", "count-in": "Count-in.", recording: "Recording." }[state]);
    if (state === "recording" && !this._overdub) this.roll.setGhost(null);
    this._words(isOn ? (state === "count-in" ? "Count-in: get ready." : "Recording. Press the red button or Space to stop.") : null);
  }

  /** @param {{count: number, of: number}} beat */
  _showBeat({ count, of }) {
    this._words(`Count-in: ${count} of ${of}`);
    this._figures(count, of);
  }

  /** The beats of the count-in on its button, the one that sounds marked. @param {number} count @param {number} of */
  _figures(count, of) {
    this.figures.replaceChildren(...Array.from({ length: of }, (_, index) => h("i", { class: index === count - 1 ? "dc-on" : null, "data-beat": index + 1 })));
  }

  /** @param {any[]} rows */
  _showLive(rows) {
    const base = this._overdub ?? emptyPiece("My melody", this.recorder.bpm), melody = base.tracks[0];
    this.roll.setPiece({ ...base, tracks: [{ ...melody, notes: [...(this._overdub ? melody.notes : []), ...rows] }] }, { keepView: rows.length > 0 });
    this.empty.hidden = true;
  }

  /** @param {import("./keyboard.js").Played} played */
  _played({ pitch, on }) {
    const now = new Set(this.roll.sounding);
    if (on) now.add(pitch); else now.delete(pitch);
    this.roll.setSounding(now);
    if (on && this.midi.state === "ready") this._blink();
  }

  // ------------------------------------------------------------------------------ the input and its settings

  _snapshot() {
    const { input, input_id, settings, source } = this.app.state;
    return { piece: input, input_id, settings, source };
  }

  /** Take another input. @param {Piece} piece @param {string} source @param {string} reason @param {boolean} [keepSettings] */
  async _take(piece, source, reason, keepSettings = false) {
    await this._ask("input", { piece, source, edited: keepSettings }, reason);
  }

  /** @param {string} what @param {any} values @param {string} reason @param {any[]} [buffers] */
  async _ask(what, values, reason, buffers = []) {
    await this.app.settle();
    this.app.transport.stop();
    const number = ++this._count, answer = await this._own(this.app.ask(what, values, buffers));
    if (!answer) return null;
    this.history.push(this._snapshot(), reason);
    await this._showIfNewest(answer, number, { fit: true });
    return answer;
  }

  /** @param {any} settings */
  async _change(settings) {
    this._seenSettings = JSON.stringify({ ...this.app.state.settings, ...settings });
    this._wanted = { ...this._wanted, ...settings };
    this.app.patch({ settings });
    await this.app.settle();
    this.history.push(this._snapshot(), "settings");
    this.prepare();
  }

  /** Wait for what this step asked for; the input that comes of it is no news. @template Value @param {Promise<Value>} answer @returns {Promise<Value>} */
  async _own(answer) {
    this._asked += 1;
    try {
      return await answer;
    } finally {
      this._asked -= 1;
      if (!this._asked) {
        this._isNews();
        this._seenSettings = JSON.stringify(this.app.state.settings);
      }
    }
  }

  /** Whether the input is another one than that which was seen last; from now on it is seen. */
  _isNews() {
    const { input } = this.app.state;
    if (input === this._known.input) return false;
    const text = JSON.stringify(input), is = text !== this._known.text;
    this._known = { input, text };
    return is;
  }

  /** A cell of the notebook, the drawer or another view may give another input or settings: they are shown, and can be undone. */
  async _followInput() {
    if (this._asked) return;
    const isOther = this._isNews(), settings = JSON.stringify(this.app.state.settings);
    if (!isOther && settings === this._seenSettings) return;
    const seen = JSON.parse(this._seenSettings), others = Object.entries(this.app.state.settings).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(seen[name]));
    this._wanted = { ...this._wanted, ...Object.fromEntries(others) };
    this._seenSettings = settings;
    this.history.push(this._snapshot(), isOther ? "another input" : "settings");
    await this.prepare(isOther);
  }

  /** Ask for the input as its settings make it. */
  async prepare(isOther = false) {
    const isBehind = this._unsent > 0, number = ++this._count, answer = await this.app.ask("prepare");
    if (answer && !isBehind) await this._showIfNewest(answer, number, { fit: isOther || this.roll.notes.length === 0 });
  }

  /** Show an answer unless what is seen is newer. @param {any} answer @param {number} number when it was asked for @param {{fit: boolean}} options */
  async _showIfNewest(answer, number, options) {
    await this.roll.atRest(); // nothing is taken out of a hand that draws
    if (number >= this._newest) this._prepared(answer, options, number);
  }

  /** @param {{piece: Piece, ghost: Piece | null, settings: any}} answer @param {{fit: boolean}} options whether it is another input, to be seen whole */
  _prepared({ piece, ghost, settings }, { fit }, number = ++this._count) {
    this.shown = piece;
    this.ghost = ghost;
    this._newest = number;
    this._basis = settings;
    this._wanted = this.app.state.settings;
    this._seenSettings = JSON.stringify(this.app.state.settings);
    if (fit && this.app.transport.loop && this._isShown()) this.app.transport.setLoop(null); // of the piece before
    this._show(fit);
    this.update();
  }

  /** Which settings remain where a piece becomes the notes themselves: those that it was not made with. @param {any} basis */
  _remaining({ rhythm_assist: assisted, pitch } = this._basis) {
    return { ...this._wanted, rhythm_assist: assisted ? false : this._wanted.rhythm_assist, pitch: this._wanted.pitch - pitch };
  }

  /** The part that is heard: what a technique is given. @returns {[number, number] | null} */
  get range() {
    return this.app.state.settings.trim;
  }

  _show(fit = false) {
    if (!this.shown || this.recorder.state !== "idle") return;
    this.roll.setPiece(this.shown, { keepView: !fit });
    this.roll.setGhost(this.ghost ?? null);
    this.keyboard.program = this.shown.tracks[0]?.program ?? 0;
    if (this._isShown()) this.app.hear(this, this.shown);
    this._showTracks();
  }

  /** The step comes to the front. */
  enter() {
    if (this.shown) this.app.hear(this, this.shown);
    this.prepare();
  }

  /** What is drawn by hand: the notes as they are seen become the input. @param {{piece: Piece, reason: string}} detail */
  async _edited({ piece, reason }) {
    const isBaked = this._basis.rhythm_assist || this._basis.pitch !== 0;
    const isAhead = JSON.stringify(this._wanted) !== JSON.stringify(this._basis), { input_id } = this.app.state;
    const number = this._newest = ++this._count;
    this._wanted = this._remaining();
    this._basis = { ...this._basis, rhythm_assist: false, pitch: 0 };
    this.shown = piece;
    this.ghost = null;
    if (this._isShown()) this.app.hear(this, piece);
    this._unsent += 1;
    await this.app.settle();
    this._unsent -= 1;
    // All of its settings, and its origin: the kernel may have taken another input meanwhile, and this was drawn on what is seen.
    const answer = await this._own(this.app.ask("input", { piece, input_id, edited: true, settings: this._wanted }));
    if (!answer) return;
    this.history.push(this._snapshot(), reason);
    this._seenSettings = JSON.stringify(this.app.state.settings);
    if (isAhead) await this._showIfNewest(answer, number, { fit: false }); // a setting that was on its way is applied to it too
    if (isBaked) this.app.toast("Rhythm assist and pitch are now part of the notes, so that you can edit them.", { action: "Undo", onaction: () => this.undo() });
    this.update();
  }

  async undo() {
    await this._editing; // what was drawn last is what is undone
    if (!this.history.canUndo) return this.app.say("Nothing to undo.");
    const reason = this.history.undoes;
    await this._return(this.history.undo(), `Undone: ${reason}.`);
  }

  async redo() {
    await this._editing;
    if (!this.history.canRedo) return this.app.say("Nothing to redo.");
    await this._return(this.history.redo(), `Done again: ${this.history.undoes}.`);
  }

  /** @param {{piece: Piece, input_id: string | null, settings: any, source: string}} snapshot @param {string} words */
  async _return({ piece, input_id, settings, source }, words) {
    await this.app.settle();
    const number = ++this._count, answer = await this._own(this.app.ask("input", { piece, input_id, edited: true, settings }));
    if (!answer) return;
    this.app.patch({ source });
    await this._showIfNewest(answer, number, { fit: false });
    this.app.say(words);
  }

  /** @param {[number, number] | null} trim */
  _trimmed(trim) {
    const end = this.roll.length;
    const isAll = !trim || (trim[0] <= 1e-6 && trim[1] >= end - 1e-6);
    this._change({ trim: isAll ? null : trim });
    if (this.shown && this._isShown()) this.app.hear(this, this.shown);
  }

  async _saveMidi() {
    const answer = await this.app.ask("prepared");
    if (answer) download(new Blob([/** @type {any} */ (writeMidi(answer.piece))], { type: "audio/midi" }), `${answer.piece.title}.mid`);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.defaultPrevented) return;
    const inText = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") { if (event.shiftKey) this.redo(); else this.undo(); } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "y") this.redo();
    else if (event.key === " " && event.repeat) { /* held down after it has stopped a recording, or played */ } else if (event.key === " " && !inText && this.recorder.state !== "idle") this.record();
    else if (event.key === " " && !inText && !(event.target instanceof HTMLButtonElement)) this.app.transport.toggle();
    else if (event.key.toLowerCase() === "r" && !inText && !event.ctrlKey && !event.metaKey && !this.keyboard.element.contains(/** @type {Node} */ (event.target))) this.record();
    else return;
    event.preventDefault();
  }

  // ------------------------------------------------------------------------------ showing

  _showOctave() {
    this.octaveShown.textContent = `${pitchName(this.keyboard.low)}–${pitchName(this.keyboard.high)}`;
  }

  _showTracks() {
    const piece = /** @type {Piece} */ (this.shown);
    const key = piece.tracks.map((track) => `${track.name} ${track.program}`).join();
    if (key === this._tracksKey) return;
    this._tracksKey = key;
    const list = trackList({
      piece, transport: this.app.transport, chosen: this.roll.chosen,
      onchoose: piece.tracks.length > 1 ? (index) => { this.roll.showsGhosts = true; this.roll.setChosenTrack(index); } : undefined,
      onprogram: (index, program) => {
        const { input } = this.app.state; // as it was played: its settings stay what they are
        this._take({ ...input, tracks: input.tracks.map((/** @type {any} */ track, /** @type {number} */ at) => at === index ? { ...track, program } : track) }, input.source, "instrument", true);
      },
    });
    this.tracksPlace.replaceChildren(list.element);
  }

  /** @param {string | null} words */
  _words(words) {
    this._saying = words;
    this.update();
  }

  update() {
    const { settings, input, input_id, saved_at } = this.app.state;
    this._showSource();
    for (const chip of this.panel.querySelectorAll("[data-sample]")) chip.setAttribute("aria-pressed", String(chip.dataset.sample === input.title));
    for (const chip of this.panel.querySelectorAll("[data-composition]")) chip.setAttribute("aria-pressed", String(chip.dataset.composition === input_id));
    this.assist.set(settings.rhythm_assist);
    this.assistMore.hidden = !settings.rhythm_assist;
    this.grid.set(String(settings.grid));
    this.triplets.set(settings.triplets);
    this.tempo.set(settings.tempo ?? 100);
    this.pitch.set(settings.pitch);
    this.undoButton.disabled = !this.history.canUndo;
    this.redoButton.disabled = !this.history.canRedo;
    const shown = this.shown ?? input, { notes: count, bars } = inside(shown, settings.trim ?? [0, Infinity]);
    const trim = settings.trim ?? [0, this.roll.length];
    if (JSON.stringify(this.roll.trim) !== JSON.stringify(trim)) this.roll.setTrim(trim);
    this.trimShown.textContent = count === 0 ? "no notes yet" : settings.trim ? `beats ${+(trim[0] + 1).toFixed(2)} to ${+trim[1].toFixed(2)}` : `all ${counted(bars, "bar")}`;
    this.trimReset.hidden = !settings.trim;
    this.empty.hidden = count > 0 || this.recorder.state !== "idle";
    if (!this.empty.hidden && !this.empty.children.length) this._fillEmpty();
    const metre = `${shown.metres[0][1]}/${shown.metres[0][2]}`;
    this.sentence.replaceChildren(...(this._saying ? [h("b", {}, this._saying)] : count
      ? [h("b", {}, counted(count, "note")), ` in ${counted(bars, "bar")} of ${metre}. `, h("span", { class: "dc-hint" }, saved_at ? `Saved ${ago(saved_at)}` : "")]
      : ["No melody yet."]));
    this.nextButton.disabled = count === 0 || this.recorder.state !== "idle";
    this.saveButton.disabled = count === 0;
    this.clearButton.disabled = count === 0;
  }

  _fillEmpty() {
    const record = button({ label: "Record", text: "Record", icon: "record", onclick: () => this.record() });
    record.classList.add("dc-record");
    this.empty.append(h("div", { class: "dc-empty-card" }, h("b", {}, "No melody yet"), h("p", {}, "Press record and play, draw notes here, or start from a sample."),
      h("div", { class: "dc-row" }, record,
        button({ label: "Start from Ode to Joy", text: "Ode to Joy", icon: "note", onclick: () => this._ask("sample", { name: "ode_to_joy" }, "sample") }))));
  }
}

/** How many notes and bars of a piece sound between two beats; a pickup is no bar. @param {Piece} piece @param {number[]} range */
export function inside(piece, [start, end]) {
  const last = Math.min(end, endOf(piece));
  const notes = piece.tracks.reduce((sum, track) => sum + track.notes.filter(([onset, , duration]) => onset < last - 1e-6 && onset + duration > start + 1e-6).length, 0);
  const bars = barsOf(piece, last).filter((bar) => bar.number > 0 && bar.start < last - 1e-6 && bar.start + bar.beats > start + 1e-6).length;
  return { notes, bars };
}

/** A control with its label above. @param {string} label @param {Node[]} parts */
function field(label, ...parts) {
  return h("div", { class: "dc-fieldset" }, h("span", { class: "dc-hint", "aria-hidden": "true" }, label), h("div", { class: "dc-row" }, ...parts));
}

/** @param {string} moment ISO 8601 */
export function ago(moment) {
  const seconds = Math.max(0, (Date.now() - Date.parse(moment)) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(moment).toLocaleDateString("en", { weekday: "long", day: "numeric", month: "short" });
}

/** @param {EventTarget} target @param {string} name @param {(event: any) => void} listener */
export function listen(target, name, listener) {
  target.addEventListener(name, listener);
  return () => target.removeEventListener(name, listener);
}
