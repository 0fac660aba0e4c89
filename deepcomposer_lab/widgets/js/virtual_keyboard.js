// A piano to play and to record on, with what was played above it; the kernel holds it as a melody.
import { sorted } from "./lib/capture.js";
import { History } from "./lib/history.js";
import { ask, Refusal } from "./lib/kernel.js";
import { SIZES, sizeWith } from "./lib/keyboard_layout.js";
import { clipped, rounded, soundingAt, trimmed, trimmedPickup } from "./lib/melody_rows.js";
import { writeMidi } from "./lib/midi_file.js";
import { Outbox } from "./lib/outbox.js";
import { barsOf, endOf, pitchName } from "./lib/piece.js";
import { INSTRUMENTS, nearestProgram } from "./lib/programs.js";
import { clickBeats } from "./lib/schedule.js";
import { pageSound } from "./lib/sound_page.js";
import { pageMidi } from "./lib/web_midi.js";
import { button, download, h, icon, liveRegion, root, select, setPressed, slider, stepper, switchControl } from "./parts/dom.js";
import { KeyboardView } from "./parts/keyboard.js";
import { midiLine } from "./parts/midi_line.js";
import { PianoRollView } from "./parts/piano_roll.js";
import { Recorder } from "./parts/recorder.js";
import { soundState } from "./parts/sound_state.js";
import { transportBar } from "./parts/transport.js";

/** @typedef {import("./lib/kernel.js").Model} Model */
/** @typedef {import("./lib/piece.js").Piece} Piece */
/** @typedef {import("./lib/piece.js").NoteRow} NoteRow */
/** @typedef {import("./lib/melody_rows.js").Trim} Trim */
/** @typedef {{recording: {title: string, pickup: number, notes: NoteRow[]}, trim: Trim | null, bpm: number, metre: string}} Take */

const ROLL_HEIGHT = 300, LEAST_ROWS = 16, KEYS_HEIGHT = 136;
const TEMPO = /** @type {const} */ ([40, 160]);
const METRES = ["4/4", "3/4", "2/4", "5/4", "6/8", "9/8", "12/8", "7/8", "2/2", "3/8"];
const SYNC = 400; // ms between two copies of a melody that is being recorded
const TOGETHER = 1500; // ms within which changes of the same thing are one step of undo
const ELSEWHERE = "the change from the notebook";
const LIVE = 5; // lamps of the meter

class VirtualKeyboard {
  // Made by the methods that build, before anything asks for them.
  tempo = /** @type {ReturnType<typeof stepper>} */ (/** @type {unknown} */ (null));
  metre = /** @type {ReturnType<typeof select>} */ (/** @type {unknown} */ (null));
  instrument = this.metre;
  size = this.metre;
  playButton = /** @type {HTMLButtonElement} */ (/** @type {unknown} */ (null));
  sustain = /** @type {ReturnType<typeof switchControl>} */ (/** @type {unknown} */ (null));
  velocity = /** @type {ReturnType<typeof slider>} */ (/** @type {unknown} */ (null));

  /** @param {Model} model @param {HTMLElement} element */
  constructor(model, element) {
    this.model = model;
    this.frame = root(element, "dc-virtual-keyboard", "Virtual keyboard");
    this.sound = pageSound(model);
    this.midi = pageMidi();
    this.transport = this.sound.createTransport();
    this.settings = model.get("settings");
    /** @type {Take["recording"]} */
    this.recording = model.get("recording");
    /** @type {Trim | null} */
    this.trim = model.get("trim");
    this.history = new History(this._take());
    this._isOwn = false; // what changes now was changed here
    this._changedAt = -Infinity;
    /** @type {NoteRow[] | null} What is being recorded over. */
    this._onto = null;
    this._syncedAt = -Infinity;
    this._syncedCount = 0;
    this._words = "";
    const page = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
    this.outbox = new Outbox((events, first) => model.send({ kind: "played", page, first, events }));
    /** @type {NoteRow[]} What plays. */
    this._heard = [];
    this._litKey = "";
    this._frame = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._liveTimer = undefined;

    this.rollPlace = h("div", { class: "dc-vk-roll" });
    this.keysPlace = h("div", { class: "dc-keys-place" });
    this.rollGutter = h("div", { class: "dc-roll-gutter dc-vk-gutter" });
    this.keysGutter = h("div", { class: "dc-roll-gutter dc-vk-gutter" });
    this.speech = liveRegion();
    this.keyboard = new KeyboardView(this.keysPlace, { sound: this.sound, low: model.get("low"), high: model.get("high"), height: KEYS_HEIGHT });
    this.roll = new PianoRollView(this.rollPlace, {
      piece: this._piece(), editable: false, transport: this.transport, sound: this.sound, minHeight: ROLL_HEIGHT, leastRows: LEAST_ROWS, label: "What was played, piano roll",
    });
    this.recorder = new Recorder({ sound: this.sound, keyboard: this.keyboard, transport: this.transport, metronome: null });
    this.soundLine = soundState(this.sound);
    this.midiLine = midiLine(this.midi);
    this.bar = this._buildBar();
    this._buildRollGutter();
    this._buildKeysGutter();
    this._buildOverlays();
    this._buildFooter();
    this.frame.append(
      this.soundLine.element, this.bar.element,
      h("div", { class: "dc-roll-row" }, this.rollGutter, this.rollPlace),
      h("div", { class: "dc-roll-row dc-vk-keys" }, this.keysGutter, this.keysPlace),
      this.footer, this.speech);
    this._stops = this._listen();
    this.sound.preload().catch(() => {}); // the keys sound at once; where it fails, a simple tone stands in
    this.midi.requestIfGranted();
    if (!this.midi.owner) this.midi.claim(this);
    this._show({ fit: true });
  }

  destroy() {
    if (this.recorder.state !== "idle") this.stopRecording();
    this.outbox.flush();
    for (const stop of this._stops) stop();
    cancelAnimationFrame(this._frame);
    clearTimeout(this._liveTimer);
    this.keyboard.setSustain(false);
    this.recorder.destroy();
    this.keyboard.destroy();
    this.roll.destroy();
    this.bar.destroy();
    this.soundLine.destroy();
    this.midiLine.destroy();
    this.transport.dispose();
    if (this.midi.owner === this) this.midi.claim(null);
  }

  // ------------------------------------------------------------------------------ building

  _buildBar() {
    const { settings } = this;
    this.recordButton = button({ label: "Record", icon: "record", kind: "round", title: "Record (F9)", onclick: (event) => this.record(event.timeStamp) });
    this.recordButton.classList.add("dc-record");
    this.tempo = stepper({
      label: "Beats a minute", value: settings.bpm, minimum: TEMPO[0], maximum: TEMPO[1], onchange: (bpm) => this._change({ bpm: Math.round(bpm) }, "tempo"),
    });
    this.tap = button({
      label: "Tap the tempo", text: "Tap", title: "Tap twice or more, in the tempo you want",
      onclick: (event) => {
        const bpm = this.recorder.tapTempo(event.timeStamp);
        if (bpm) this._change({ bpm: Math.max(TEMPO[0], Math.min(TEMPO[1], bpm)) }, "tempo");
        else this._say("Tap again.");
      },
    });
    this.metre = select({ label: "Metre", value: settings.metre, choices: METRES.map((name) => [name, name]), onchange: (metre) => this._change({ metre }, "metre") });
    this.metronome = button({
      label: "Metronome", text: "Metronome", icon: "metronome", pressed: settings.metronome,
      onclick: () => {
        this._change({ metronome: !this.settings.metronome });
        if (this.transport.isPlaying && this.recorder.state === "idle") this.transport.seek(this.transport.position); // what is on its way, too
      },
    });
    this.countIn = button({
      label: "Count-in", text: "Count-in", pressed: settings.count_in > 0, title: "One bar of clicks before a recording",
      onclick: () => this._change({ count_in: this.settings.count_in ? 0 : 1 }),
    });
    this.countFigures = h("span", { class: "dc-vk-figures", "aria-hidden": "true" });
    this.countIn.prepend(this.countFigures);
    this.loop = button({
      label: "Loop", text: "Loop", icon: "loop", pressed: false, title: "Repeat the whole melody, or the bars dragged on the ruler",
      onclick: () => this.transport.loop ? this.transport.setLoop(null) : this.transport.setLoop(...this._span()),
    });
    for (const part of [this.metronome, this.loop]) part.classList.add("dc-vk-short");
    this.overdub = button({
      label: "Overdub", text: "Overdub", icon: "plus", pressed: false, title: "A recording is added to what is there, instead of replacing it",
      onclick: () => { setPressed(this.overdub, !this.isOverdub); this.update(); },
    });
    this.undoButton = button({ label: "Undo", icon: "undo", kind: "ghost", onclick: () => this.undo() });
    this.redoButton = button({ label: "Redo", icon: "redo", kind: "ghost", onclick: () => this.redo() });
    this.zoom = h("div", { class: "dc-stepper dc-vk-zoom", role: "group", "aria-label": "Zoom" },
      button({ label: "Zoom out", icon: "minus", kind: "ghost", onclick: () => this.roll.zoom(0.8) }),
      button({ label: "Fit the whole melody", text: "Fit", kind: "ghost", onclick: () => this.roll.fit() }),
      button({ label: "Zoom in", icon: "plus", kind: "ghost", onclick: () => this.roll.zoom(1.25) }));
    const bar = transportBar({
      transport: this.transport, primary: true, loop: false, metronome: false, before: [this.recordButton],
      after: [
        field("Beats a minute", this.tempo.element, this.tap), field("Metre", this.metre.element),
        this.metronome, this.countIn, this.loop, this.overdub,
        h("div", { class: "dc-row dc-vk-right" }, this.zoom, this.undoButton, this.redoButton),
      ],
    });
    bar.element.classList.add("dc-vk-bar");
    bar.element.setAttribute("aria-label", "Playing and recording");
    this.playButton = /** @type {HTMLButtonElement} */ (bar.element.querySelector('[aria-label="Play"]'));
    return bar;
  }

  _buildRollGutter() {
    this.mute = button({
      label: "Mute the melody", icon: "speaker", kind: "small", pressed: false,
      onclick: () => { this.transport.setTrack(0, { muted: !this.transport.mix[0]?.muted }); this._showMix(); },
    });
    this.volume = slider({
      label: "Volume of the melody", value: 80, minimum: 0, maximum: 100, unit: "%", compact: true, onchange: (value) => this.transport.setTrack(0, { volume: value / 100 }),
    });
    this.instrument = select({
      label: "Instrument", value: String(nearestProgram(this.settings.program)), choices: INSTRUMENTS.map(([program, name]) => [String(program), name]),
      onchange: (program) => this._change({ program: +program }),
    });
    this.trimStart = beatField("Trim: first beat", (beat) => this._trimTo([beat - 1, (this.trim ?? this._whole())[1]]));
    this.trimEnd = beatField("Trim: last beat", (beat) => this._trimTo([(this.trim ?? this._whole())[0], beat]));
    this.trimAll = button({ label: "All of it: take the trim back", text: "All", kind: "small", onclick: () => this._trimTo(null) });
    this.rollGutter.append(
      h("div", { class: "dc-vk-part" },
        h("div", { class: "dc-row" }, h("span", { class: "dc-vk-shape", "aria-hidden": "true" }, "●"), h("b", {}, "Melody"), h("span", { class: "dc-spread" }, this.mute)),
        this.volume.element, this.instrument.element),
      h("div", { class: "dc-vk-part" },
        h("div", { class: "dc-row" }, h("b", {}, "Trim"), h("span", { class: "dc-spread" }, this.trimAll)),
        h("div", { class: "dc-row dc-vk-trim" }, h("span", { class: "dc-hint" }, "beats"), this.trimStart, h("span", { class: "dc-hint" }, "to"), this.trimEnd)),
      h("div", { class: "dc-vk-part dc-vk-velocity" }, h("span", {}, "Velocity"), h("span", { class: "dc-hint" }, "how hard each note is played")));
  }

  _buildKeysGutter() {
    this.octaveShown = h("span", { class: "dc-vk-octave" });
    this.octaveDown = button({ label: "Octave down", icon: "left", kind: "ghost", title: "Octave down (−)", onclick: () => this.keyboard.setOctave(this.keyboard.octaves - 1) });
    this.octaveUp = button({ label: "Octave up", icon: "right", kind: "ghost", title: "Octave up (=)", onclick: () => this.keyboard.setOctave(this.keyboard.octaves + 1) });
    const octave = h("div", { class: "dc-stepper", role: "group", "aria-label": "Octave" }, this.octaveDown, this.octaveShown, this.octaveUp);
    this.size = select({ label: "Size of the keyboard", value: "", choices: this._sizes(), onchange: (name) => this._resize(name) });
    this.type = switchControl({ label: "Type to play", checked: true, onchange: (on) => { this.keyboard.setTypeToPlay(on); this._showHint(); } });
    this.sustain = switchControl({ label: "Sustain", checked: false, onchange: (on) => this.keyboard.setSustain(on) });
    this.velocity = slider({
      label: "Velocity of typed notes", value: this.settings.velocity, minimum: 1, maximum: 127, compact: true,
      onchange: (velocity, isFinal) => { this.keyboard.velocity = velocity; this.velocityShown.textContent = String(velocity); if (isFinal) this._change({ velocity }); },
    });
    this.velocityShown = h("span", { class: "dc-hint dc-vk-number" }, String(this.settings.velocity));
    this.meter = h("span", { class: "dc-vk-meter", "aria-hidden": "true" }, ...Array.from({ length: LIVE }, () => h("i")));
    const live = h("span", { class: "dc-hint dc-vk-live dc-spread", "aria-hidden": "true" }, "Live", this.meter);
    this.sustain.element.append(live);
    this.keysGutter.append(h("div", { class: "dc-vk-part" },
      h("div", { class: "dc-vk-pair" }, octave, this.size.element), this.type.element, this.sustain.element,
      h("div", { class: "dc-vk-labelled" }, h("span", { "aria-hidden": "true" }, "Velocity"), this.velocity.element, this.velocityShown)));
  }

  _buildOverlays() {
    this.count = h("div", { class: "dc-vk-count", "aria-hidden": "true", hidden: true });
    this.empty = h("div", { class: "dc-vk-empty" },
      h("b", {}, "No melody yet"), h("p", {}, "Press record and play, or start from a tune."),
      h("div", { class: "dc-row" },
        button({ label: "Record", text: "Record", icon: "record", class: "dc-button dc-button-plain dc-record", onclick: (event) => this.record(event.timeStamp) }),
        button({ label: "Start from Ode to Joy", text: "Ode to Joy", icon: "note", onclick: () => this._sample() })));
    this.rollPlace.append(this.empty, this.count);
  }

  _buildFooter() {
    this.sentence = h("div", { class: "dc-vk-sentence", role: "status" });
    this.clearButton = button({ label: "Clear", text: "Clear", kind: "ghost", onclick: () => this.clear() });
    this.saveButton = button({ label: "Save as MIDI", text: "Save as MIDI", icon: "download", onclick: () => this._save() });
    this.hint = h("span", { class: "dc-vk-hint" });
    this.footer = h("div", { class: "dc-vk-footer" },
      h("div", { class: "dc-row" }, this.sentence, h("div", { class: "dc-row dc-spread" }, this.clearButton, this.saveButton)),
      h("div", { class: "dc-row" }, this.midiLine.element, h("span", { class: "dc-spread" }, this.hint)));
  }

  _listen() {
    const { keyboard, recorder, midi, model, frame, transport } = this;
    const taken = () => midi.claim(this);
    this.roll.setTrim(null, (trim) => this._trimTo(trim));
    return [
      listen(keyboard, "note", (event) => this._played(event.detail)),
      listen(keyboard, "sustain", (event) => this.sustain.set(event.detail.on)),
      listen(keyboard, "range", () => this._showOctave()),
      listen(recorder, "state", () => this._showRecorder()),
      listen(recorder, "beat", (event) => this._showBeat(event.detail)),
      listen(recorder, "notes", (event) => this._showLive(event.detail)),
      listen(recorder, "interrupted", () => this.stopRecording()),
      listen(transport, "state", () => this._transportMoved()),
      listen(midi, "note", (event) => { if (midi.isFor(this)) this._midiPlayed(event.detail); }),
      listen(midi, "sustain", (event) => { if (midi.isFor(this)) keyboard.setSustain(event.detail.on, event.detail.timeStamp, "pedal"); }),
      listen(midi, "button", (event) => { if (midi.isFor(this)) this._midiButton(event.detail); }),
      listen(frame, "focusin", taken), listen(frame, "pointerdown", taken),
      listen(frame, "keydown", (event) => this._key(event)),
      listen(frame, "keyup", (event) => { if (!keyboard.element.contains(event.target)) keyboard.keyUp(event); }),
      listen(frame, "focusin", () => this._showHint()),
      listen(frame, "focusout", (event) => {
        this._showHint();
        if (!frame.contains(event.relatedTarget)) keyboard.releaseAll(["keys"], event.timeStamp);
      }),
      ...["recording", "trim", "settings", "low", "high"].map((name) => {
        const changed = () => { if (!this._isOwn) this._taken(name); };
        model.on(`change:${name}`, changed);
        return () => model.off(`change:${name}`, changed);
      }),
    ];
  }

  // ------------------------------------------------------------------------------ what there is

  get isOverdub() {
    return this.overdub.getAttribute("aria-pressed") === "true";
  }

  /** @returns {[number, number]} */
  get metreNumbers() {
    return /** @type {[number, number]} */ (this.settings.metre.split("/").map(Number));
  }

  /** @param {NoteRow[]} notes @param {number} pickup @returns {Piece} */
  _piece(notes = this.recording.notes, pickup = this.recording.pickup) {
    return {
      title: this.recording.title, pickup, tempos: [[0, this.settings.bpm]], metres: [[0, ...this.metreNumbers]],
      tracks: [{ name: "Melody", program: this.settings.program, is_drum: false, notes }],
    };
  }

  /** @returns {Take} */
  _take() {
    return { recording: this.recording, trim: this.trim, bpm: this.settings.bpm, metre: this.settings.metre };
  }

  /** From beat 0 to the bar line after the last note. @returns {[number, number]} */
  _whole() {
    const piece = this._piece(), end = endOf(piece), bars = barsOf(piece, end);
    const line = bars[bars.length - 1].start;
    return [0, line >= end - 1e-9 && line > 0 ? line : line + bars[bars.length - 1].beats];
  }

  /** What plays. @returns {[number, number]} */
  _span() {
    return this.trim ?? this._whole();
  }

  // ------------------------------------------------------------------------------ what changes

  /** Give values to the kernel. @param {Record<string, any>} values */
  _keep(values) {
    this._isOwn = true;
    for (const [name, value] of Object.entries(values)) this.model.set(name, value);
    this._isOwn = false;
    this.model.save_changes();
  }

  /** Change settings; those with a `reason` can be taken back. @param {Record<string, any>} change @param {string | null} reason */
  _change(change, reason = null) {
    if (Object.entries(change).every(([name, value]) => this.settings[name] === value)) return;
    this.settings = { ...this.settings, ...change };
    if (reason) this._remember(reason);
    this._keep({ settings: this.settings });
    this._show();
  }

  /** @param {{recording?: Take["recording"], trim?: Trim | null}} change @param {string} reason @param {{fit?: boolean}} options */
  _commit({ recording = this.recording, trim = this.trim }, reason, { fit = false } = {}) {
    this.recording = recording;
    this.trim = trim;
    this._remember(reason);
    this._keep({ recording, trim });
    this._show({ fit });
  }

  /** @param {string} reason */
  _remember(reason) {
    const now = performance.now();
    const isSame = ["tempo", "metre", "trim", ELSEWHERE].includes(reason) && this.history.undoes === reason && !this.history.canRedo && now - this._changedAt < TOGETHER;
    this._changedAt = now;
    if (isSame) this.history.states[this.history.at] = { state: this._take(), reason };
    else this.history.push(this._take(), reason);
  }

  /** The kernel, or another view, changed something. @param {string} name */
  _taken(name) {
    if (name === "low" || name === "high") {
      const low = this.model.get("low"), high = this.model.get("high");
      if (low < high && (low !== this.keyboard.low || high !== this.keyboard.high)) this.keyboard.setRange(low, high);
      return;
    }
    if (name === "recording" && this.recorder.state !== "idle") this.recorder.cancel();
    this.settings = this.model.get("settings");
    this.recording = this.model.get("recording");
    this.trim = this.model.get("trim");
    if (JSON.stringify(this._take()) !== JSON.stringify(this.history.state)) this._remember(ELSEWHERE);
    this._show({ fit: name === "recording" });
  }

  undo() {
    if (!this.history.canUndo) return this._say("Nothing to undo.");
    const reason = this.history.undoes;
    this._return(this.history.undo(), `Undone: ${reason}.`);
  }

  redo() {
    if (!this.history.canRedo) return this._say("Nothing to redo.");
    this._return(this.history.redo(), `Done again: ${this.history.undoes}.`);
  }

  /** @param {Take} take @param {string} words */
  _return({ recording, trim, bpm, metre }, words) {
    if (this.recorder.state !== "idle") return;
    const fit = recording !== this.recording;
    this.recording = recording;
    this.trim = trim;
    this.settings = { ...this.settings, bpm, metre };
    this._changedAt = -Infinity;
    this._keep({ recording, trim, settings: this.settings });
    this._show({ fit });
    this._say(words);
  }

  clear() {
    if (this.recorder.state !== "idle") this.recorder.cancel();
    this.transport.stop();
    this._commit({ recording: { title: "Melody", pickup: 0, notes: [] }, trim: null }, "cleared", { fit: true });
    this._say("Cleared. Undo brings it back.");
  }

  /** @param {Trim | null} trim */
  _trimTo(trim) {
    const [, end] = this._whole();
    let next = trim;
    if (trim) {
      const from = Math.max(0, Math.min(trim[0], end - 0.25)), to = Math.max(from + 0.25, Math.min(trim[1], end));
      next = from <= 1e-6 && to >= end - 1e-6 ? null : [from, to];
    }
    this._commit({ trim: next }, "trim");
    if (next) this._say(`Trimmed to beats ${shown(next[0] + 1)} to ${shown(next[1])}.`);
  }

  async _sample() {
    try {
      await ask(this.model, "sample", { name: "ode_to_joy" }); // the kernel's traits bring it
    } catch (error) {
      this._state(error instanceof Refusal ? error.message : "The kernel did not answer.");
    }
  }

  _save() {
    const [, denominator] = this.metreNumbers, bar = (this.metreNumbers[0] * 4) / denominator;
    const pickup = this.trim ? trimmedPickup(this.trim[0], this.recording.pickup, bar) : this.recording.pickup;
    const piece = this._piece(trimmed(this.recording.notes, this.trim), pickup);
    download(new Blob([/** @type {any} */ (writeMidi(piece))], { type: "audio/midi" }), `${this.recording.title || "Melody"}.mid`);
  }

  // ------------------------------------------------------------------------------ playing

  /** @param {import("./parts/keyboard.js").Played} played */
  _played({ on, pitch, velocity, timeStamp }) {
    this.outbox.put([on ? 1 : 0, pitch, velocity, performance.timeOrigin + timeStamp]);
    this._lightRoll();
    if (!on) return;
    const lit = Math.max(1, Math.ceil((velocity / 127) * LIVE));
    [...this.meter.children].forEach((lamp, index) => lamp.classList.toggle("dc-on", index < lit));
    clearTimeout(this._liveTimer);
    this._liveTimer = setTimeout(() => [...this.meter.children].forEach((lamp) => lamp.classList.remove("dc-on")), 260);
  }

  /** @param {import("./lib/web_midi.js").MidiNote} note */
  _midiPlayed(note) {
    const { low, high } = this.keyboard;
    if (note.on && (note.pitch < low || note.pitch > high)) {
      const size = sizeWith(low, high, note.pitch);
      if (size) this._setRange(...size);
    }
    this.keyboard.playMidi(note);
  }

  /** The buttons of a keyboard that has them. @param {"play" | "stop" | "record"} name */
  _midiButton(name) {
    if (name === "record") this.record();
    else if (this.recorder.state !== "idle") this.stopRecording();
    else if (name === "play") this.transport.toggle();
    else this.transport.stop();
  }

  /** Keys and roll show what sounds. */
  _lightRoll() {
    const held = [...this.keyboard.held.values()].map(({ pitch }) => pitch);
    const playing = this.transport.isPlaying ? soundingAt(this._heard, this.transport.position) : [];
    const key = [...held, "", ...playing].join();
    if (key === this._litKey) return;
    this._litKey = key;
    this.keyboard.setSounding(playing);
    this.roll.setSounding([...held, ...playing]);
  }

  _transportMoved() {
    setPressed(this.loop, this.transport.loop !== null);
    if (this.trim && !this.transport.isPlaying && this.recorder.state === "idle" && this.transport.position < this.trim[0] - 1e-6) this.transport.seek(this.trim[0]);
    if (this._frame) return;
    const step = () => {
      this._lightRoll();
      this._frame = this.transport.isPlaying ? requestAnimationFrame(step) : 0;
    };
    this._frame = requestAnimationFrame(step);
  }

  // ------------------------------------------------------------------------------ recording

  /** Begin a recording, or end the one that runs. @param {number} [timeStamp] */
  async record(timeStamp) {
    if (this.recorder.state !== "idle") return this.stopRecording(timeStamp);
    const isOver = this.isOverdub && this.recording.notes.length > 0;
    this._onto = isOver ? this.recording.notes : null;
    this.midi.claim(this);
    this.keyboard.element.focus({ preventScroll: true });
    this.recorder.bpm = this.settings.bpm;
    this.recorder.metre = this.metreNumbers;
    this.recorder.countIn = this.settings.count_in;
    this.recorder.latency = this.settings.latency / 1000;
    this._syncedCount = 0;
    const began = await this.recorder.start({ onto: isOver ? this._piece() : null });
    if (!began && this.recorder.state === "idle") this._state("The browser does not let this page sound yet. Click “Enable sound”, then record.");
  }

  /** @param {number} [timeStamp] */
  stopRecording(timeStamp) {
    const rows = rounded(this.recorder.stop(timeStamp)), onto = this._onto;
    this._onto = null;
    if (!rows.length) {
      this._keep({ recording: this.recording, trim: this.trim });
      this._show();
      this._state(onto || this.recording.notes.length ? "Nothing was played: the melody is as it was." : "Nothing was played.");
      return;
    }
    const recording = onto ? { ...this.recording, notes: sorted([...onto, ...rows]) } : { title: "Melody", pickup: 0, notes: rows };
    this._commit({ recording, trim: onto ? this.trim : null }, onto ? "overdub" : "recording", { fit: true });
    this._say(`Recorded ${counted(rows.length, "note")}.`);
  }

  _showRecorder() {
    const { state } = this.recorder, isOn = state !== "idle";
    this.frame.dataset.recorder = state;
    const name = isOn ? "Stop recording" : "Record";
    this.recordButton.setAttribute("aria-label", name);
    this.recordButton.title = `${name} (F9)`;
    this.recordButton.classList.toggle("dc-recording", isOn);
    this.rollPlace.inert = isOn; // no seeking in a recording
    for (const part of [this.loop, this.overdub, this.tap, this.metre.input, this.tempo.input, ...this.tempo.element.querySelectorAll("button")]) part.disabled = isOn;
    if (state === "count-in") {
      const [numerator, denominator] = this.metreNumbers, beats = Math.round((numerator * 4) / denominator / clickBeats(numerator, denominator));
      this.count.replaceChildren(...Array.from({ length: beats }, (_, index) => h("i", {}, String(index + 1))));
    }
    this.count.hidden = state !== "count-in";
    if (state !== "count-in") for (const figure of this.countFigures.children) figure.classList.remove("dc-on");
    this._state("");
    if (isOn) this._say(state === "count-in" ? "Count-in." : "Recording.");
    if (state === "recording" && !this._onto) { this.roll.setTrim(null); this._showLive([]); }
    this.update();
  }

  /** @param {{count: number, of: number}} beat */
  _showBeat({ count, of }) {
    [...this.count.children].forEach((one, index) => one.classList.toggle("dc-on", index === count - 1));
    [...this.countFigures.children].forEach((one, index) => one.classList.toggle("dc-on", index === count - 1));
    this._state(`Count-in: ${count} of ${of}.`);
  }

  /** @param {NoteRow[]} rows */
  _showLive(rows) {
    const all = this._onto ? sorted([...this._onto, ...rows]) : rows;
    this._heard = this._onto ?? [];
    const piece = this._piece(all, this._onto ? this.recording.pickup : 0);
    this.roll.setPiece(piece, { keepView: true });
    const { top, rows: seen } = this.roll.view;
    if (rows.some(([, pitch]) => pitch > top || pitch <= top - seen)) this.roll.fit();
    const ended = this.recorder.finished;
    this._state(`Recording: ${counted(rows.length, "note")}. ${this._endsWith()}`);
    const now = performance.now();
    if (ended.length === this._syncedCount || now - this._syncedAt < SYNC) return;
    this._syncedAt = now;
    this._syncedCount = ended.length;
    const notes = rounded(sorted([...(this._onto ?? []), ...ended]));
    this._keep({ recording: this._onto ? { ...this.recording, notes } : { title: "Melody", pickup: 0, notes }, trim: this._onto ? this.trim : null });
  }

  _endsWith() {
    return "The red button or Space ends it.";
  }

  // ------------------------------------------------------------------------------ keys

  /** @param {KeyboardEvent} event */
  _key(event) {
    if (event.defaultPrevented) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const control = event.ctrlKey || event.metaKey, letter = event.key.toLowerCase();
    const inControl = target.matches("input, select, button");
    if (event.key === "F9") { if (!event.repeat) this.record(event.timeStamp); } else if (control && letter === "z") { if (event.shiftKey) this.redo(); else this.undo(); } else if (control && letter === "y") this.redo();
    else if (event.key === " " && !inControl) {
      if (event.repeat) { /* held */ } else if (this.recorder.state !== "idle") this.stopRecording(event.timeStamp);
      else if (this.recording.notes.length) this.transport.toggle();
    } else if (target.matches("input, select") || !this.keyboard.typeKey(event)) return;
    event.preventDefault();
  }

  // ------------------------------------------------------------------------------ showing

  /** @param {string} words */
  _say(words) {
    this.speech.textContent = words;
  }

  /** A sentence that stands until there is another state. @param {string} words */
  _state(words) {
    if (words === this._words) return;
    this._words = words;
    this._showSentence();
  }

  _show({ fit = false } = {}) {
    const { settings } = this;
    this.keyboard.program = settings.program;
    this.keyboard.velocity = settings.velocity;
    this.transport.metronome = settings.metronome;
    this._words = "";
    if (this.recorder.state === "idle") {
      this._heard = clipped(this.recording.notes, this.trim);
      this.transport.setPiece(this._piece(this._heard));
      this.roll.setPiece(this._piece(), { keepView: !fit });
      this.roll.setTrim(this.recording.notes.length ? this.trim ?? [0, this.roll.length] : null);
      this._transportMoved();
    }
    this.bar.update();
    this._showMix();
    this._showOctave();
    this._showHint();
    this.update();
  }

  update() {
    const { settings, recording, history } = this, isOn = this.recorder.state !== "idle", isEmpty = recording.notes.length === 0;
    if (document.activeElement !== this.tempo.input) this.tempo.set(settings.bpm);
    if (!METRES.includes(settings.metre)) { METRES.push(settings.metre); this.metre.input.append(h("option", { value: settings.metre }, settings.metre)); }
    this.metre.set(settings.metre);
    this.instrument.set(String(nearestProgram(settings.program)));
    this.velocity.set(settings.velocity);
    this.velocityShown.textContent = String(settings.velocity);
    setPressed(this.metronome, settings.metronome);
    setPressed(this.countIn, settings.count_in > 0);
    const [numerator, denominator] = this.metreNumbers, beats = Math.round((numerator * 4) / denominator / clickBeats(numerator, denominator));
    if (this.countFigures.children.length !== beats) this.countFigures.replaceChildren(...Array.from({ length: beats }, (_, index) => h("i", {}, String(index + 1))));
    this.undoButton.disabled = isOn || !history.canUndo;
    this.redoButton.disabled = isOn || !history.canRedo;
    this.undoButton.title = history.canUndo ? `Undo: ${history.undoes} (Ctrl+Z)` : "Nothing to undo";
    this.redoButton.title = history.canRedo ? "Redo (Ctrl+Y)" : "Nothing to redo";
    for (const part of [this.clearButton, this.saveButton, this.trimAll, this.trimStart, this.trimEnd]) part.disabled = isEmpty || isOn;
    if (!this.trim) this.trimAll.disabled = true;
    this.playButton.disabled = isEmpty && !isOn;
    if (isEmpty) this.loop.disabled = true;
    else if (!isOn) this.loop.disabled = false;
    const [from, to] = this._span();
    if (document.activeElement !== this.trimStart) this.trimStart.value = isEmpty ? "" : shown(from + 1);
    if (document.activeElement !== this.trimEnd) this.trimEnd.value = isEmpty ? "" : shown(to);
    this.empty.hidden = !isEmpty || isOn;
    this._showSentence();
  }

  _showSentence() {
    const count = this._heard.length, { notes } = this.recording;
    const isOn = this.recorder.state !== "idle";
    const bars = barsOf(this._piece(), Math.max(0.01, endOf(this._piece(this._heard)) - 1e-6)).filter((bar) => bar.number > 0 && bar.start < this._span()[1] && bar.start + bar.beats > this._span()[0]);
    const whole = notes.length === 0 ? "No melody yet." : this.trim
      ? `${counted(count, "note")} of ${notes.length}, beats ${shown(this.trim[0] + 1)} to ${shown(this.trim[1])}.`
      : `${counted(count, "note")} in ${counted(bars.length, "bar")} of ${this.settings.metre}.`;
    this.sentence.classList.toggle("dc-recording", isOn);
    this.sentence.replaceChildren(h("i", { class: "dc-vk-lamp", "aria-hidden": "true" }), h("span", {}, this._words || whole));
  }

  _showMix() {
    const isMuted = this.transport.mix[0]?.muted ?? false;
    setPressed(this.mute, isMuted);
    this.mute.replaceChildren(icon(isMuted ? "muted" : "speaker"));
  }

  _showOctave() {
    const { keyboard } = this, isWide = keyboard.high - keyboard.low + 1 >= 49;
    const [low, high] = isWide ? keyboard.typed() : [keyboard.low, keyboard.high];
    this.octaveShown.textContent = `${pitchName(Math.max(low, keyboard.low))}–${pitchName(Math.min(high, keyboard.high))}`;
    this.octaveDown.disabled = !keyboard.canShift(keyboard.octaves - 1);
    this.octaveUp.disabled = !keyboard.canShift(keyboard.octaves + 1);
    const name = this._sizeName();
    if (![...this.size.input.options].some((option) => option.value === name)) this.size.input.append(h("option", { value: name }, name));
    this.size.set(name);
  }

  _showHint() {
    const { keyboard } = this, active = document.activeElement;
    const isHeld = this.frame.contains(active) && !active?.matches("input, select");
    const letters = keyboard.typeToPlay ? "letters play" : "the arrow keys and Enter play";
    this.hint.replaceChildren(...(isHeld
      ? [`Now ${letters}. `, h("kbd", {}, "Esc"), " gives the keyboard back to the notebook."]
      : [`Click or touch the keys; then ${letters} too, until `, h("kbd", {}, "Esc"), "."]));
  }

  // ------------------------------------------------------------------------------ how many keys

  _sizes() {
    return /** @type {[string, string][]} */ (SIZES.map(([, , name]) => [name, name]));
  }

  _sizeName() {
    const count = this.keyboard.high - this.keyboard.low + 1;
    return `${count} keys`;
  }

  /** @param {string} name */
  _resize(name) {
    const size = SIZES.find(([, , known]) => known === name);
    if (size) this._setRange(size[0], size[1]);
  }

  /** @param {number} low @param {number} high */
  _setRange(low, high) {
    this.keyboard.setRange(low, high);
    this._keep({ low, high });
  }
}

/** A control with its label above. @param {string} label @param {Node[]} parts */
function field(label, ...parts) {
  return h("div", { class: "dc-vk-field" }, h("span", { class: "dc-hint", "aria-hidden": "true" }, label), h("div", { class: "dc-row" }, ...parts));
}

/** @param {string} label @param {(beat: number) => void} taken */
function beatField(label, taken) {
  const input = h("input", { type: "number", class: "dc-field dc-vk-beat", min: 1, step: 0.25, "aria-label": label });
  input.addEventListener("change", () => { if (Number.isFinite(input.valueAsNumber)) taken(input.valueAsNumber); });
  return input;
}

/** @param {number} beats */
function shown(beats) {
  return String(+beats.toFixed(2));
}

/** @param {number} count @param {string} noun */
function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** @param {EventTarget} target @param {string} name @param {(event: any) => void} listener */
function listen(target, name, listener) {
  target.addEventListener(name, listener);
  return () => target.removeEventListener(name, listener);
}

export default {
  /** @param {{model: Model, el: HTMLElement}} context */
  render({ model, el }) {
    const keyboard = new VirtualKeyboard(model, el);
    return () => keyboard.destroy();
  },
};
