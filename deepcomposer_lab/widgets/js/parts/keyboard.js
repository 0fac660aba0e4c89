// A piano to play with pointers, fingers and the computer's keys. It sounds at once, and says what was played and when.
import { CODES, codeOfPitch, FIRST_PITCH, homeOctave, keyAt, keysBetween, labelOf, pitchOfCode, velocityAt } from "../lib/keyboard_layout.js";
import { isBlackKey, pitchName } from "../lib/piece.js";
import { h, liveRegion } from "./dom.js";

/** @typedef {{pitch: number, velocity: number, on: boolean, timeStamp: number, source: "pointer" | "keys" | "midi", key: string}} Played */
/** @typedef {"switch" | "shift" | "pedal"} Sustainer */

const BLACK = 0.62; // how far down black keys reach, as in virtual_keyboard.css
const WIDE = 49; // keys from which an octave moves the letters, not the keyboard

/** Events: "note" (detail: Played), "sustain" (detail: {on, timeStamp}), "range". */
export class KeyboardView extends EventTarget {
  /** @param {HTMLElement} container @param {{sound: any, low?: number, high?: number, labels?: boolean, height?: number}} options */
  constructor(container, { sound, low = 41, high = 72, labels = true, height = 132 }) {
    super();
    this.sound = sound;
    this.low = low;
    this.high = high;
    this.labels = labels;
    this.program = 0;
    this.velocity = 80;
    this.octaves = 0; // by which somebody moved it
    this._home = homeOctave(low, high);
    this._cursorShown = false;
    this.typeToPlay = true;
    /** @type {Set<Sustainer>} */
    this._sustainers = new Set();
    /** @type {Map<string, {pitch: number, id: number, source: Played["source"]}>} */
    this.held = new Map();
    this.sounding = new Set();
    this.cursor = Math.max(low, Math.min(high, 60));
    /** @type {any} */
    this.layout = null;
    this.speech = liveRegion();
    this.board = h("div", { class: "dc-keys-board", "aria-hidden": "true" });
    this.element = h("div", {
      class: "dc-keys", tabindex: 0, role: "application", style: `height: ${height}px`,
      "aria-description": "Letters play notes, as written on the keys. Left and right choose a key, Enter plays it, minus and equals change the octave, Shift sustains, Escape leaves.",
    }, this.board, this.speech);
    container.append(this.element);
    /** @type {any} */ (navigator).keyboard?.getLayoutMap?.().then((/** @type {any} */ map) => { this.layout = map; this._build(); }, () => {});
    this._build();
    this._stop = this._listen();
  }

  destroy() {
    this.releaseAll();
    if (this.sustained) this.sound.sustain(false);
    this._sustainers.clear();
    this._stop();
    this.element.remove();
  }

  /** Show other keys; what is held stays held. @param {number} low @param {number} high */
  setRange(low, high) {
    this.low = low;
    this.high = high;
    this.octaves = 0;
    this._home = homeOctave(low, high);
    this._moved();
  }

  /** Octaves by which the keys are moved; on a wide keyboard the computer's keys move along it. @param {number} octaves */
  setOctave(octaves) {
    if (!this.canShift(octaves)) return;
    if (this.high - this.low + 1 < WIDE) {
      this.low += 12 * (octaves - this.octaves);
      this.high += 12 * (octaves - this.octaves);
    }
    this.octaves = octaves;
    this._moved();
  }

  /** @param {number} octaves */
  canShift(octaves) {
    const by = 12 * (octaves - this.octaves);
    if (this.high - this.low + 1 < WIDE) return this.low + by >= 0 && this.high + by <= 127;
    const [first, last] = this.typed(octaves);
    return Math.abs(octaves) < 8 && first >= this.low - 11 && last <= this.high + 11;
  }

  /** The pitches that the computer's keys play, first and last. */
  typed(octaves = this.octaves) {
    const first = FIRST_PITCH + 12 * (octaves + this._home);
    return [first, first + CODES.length - 1];
  }

  _moved() {
    this.cursor = Math.max(this.low, Math.min(this.high, this.cursor));
    this._build();
    const [first, last] = this.high - this.low + 1 < WIDE ? [this.low, this.high] : this.typed();
    this.speech.textContent = `${pitchName(first)} to ${pitchName(last)}.`;
    this.dispatchEvent(new Event("range"));
  }

  /** Light keys that something else plays. @param {Iterable<number>} pitches */
  setSounding(pitches) {
    this.sounding = new Set(pitches);
    this._light();
  }

  _build() {
    this.keys = keysBetween(this.low, this.high);
    this.element.setAttribute("aria-label", `Keyboard, ${pitchName(this.low)} to ${pitchName(this.high)}`);
    /** @type {Map<number, HTMLElement>} */
    this.tiles = new Map();
    const isCrowded = this.keys.length > 49;
    this.element.classList.toggle("dc-keys-crowded", isCrowded);
    const tiles = this.keys.map(({ pitch, isBlack, x, width }) => {
      const code = this.typeToPlay && this.labels ? codeOfPitch(pitch, this.octaves + this._home) : null;
      const isC = pitch % 12 === 0;
      const name = isC || (!isCrowded && !isBlack) ? h("small", {}, isC ? pitchName(pitch) : pitchName(pitch).replace(/\d+$/, "")) : null;
      const tile = h("div", {
        class: `dc-key ${isBlack ? "dc-key-b" : "dc-key-w"}`, "data-pitch": pitch, style: `left: ${x * 100}%; width: ${width * 100}%`,
      }, code ? h("b", {}, labelOf(code, this.layout)) : null, isBlack ? null : name);
      /** @type {Map<number, HTMLElement>} */ (this.tiles).set(pitch, tile);
      return tile;
    });
    this.board.replaceChildren(...tiles.filter((tile) => tile.classList.contains("dc-key-w")), ...tiles.filter((tile) => tile.classList.contains("dc-key-b")));
    this._light();
  }

  /** @param {boolean} on */
  setTypeToPlay(on) {
    this.typeToPlay = on;
    this._build();
  }

  _light() {
    const held = new Set([...this.held.values()].map(({ pitch }) => pitch));
    for (const [pitch, tile] of this.tiles ?? []) {
      tile.classList.toggle("dc-key-on", held.has(pitch) || this.sounding.has(pitch));
      tile.classList.toggle("dc-key-cursor", pitch === this.cursor && this._cursorShown);
    }
  }

  // ------------------------------------------------------------------------------ playing

  /**
   * Sound a note; `key` names what holds it.
   * @param {string} key @param {number} pitch @param {number} velocity @param {number} timeStamp @param {Played["source"]} source
   */
  press(key, pitch, velocity, timeStamp, source) {
    if (this.held.has(key)) this.release(key, timeStamp, source);
    this.held.set(key, { pitch, source, id: this.sound.noteOn(pitch, velocity, { program: this.program }) });
    this._light();
    this._played({ pitch, velocity, on: true, timeStamp, source, key });
  }

  /** @param {string} key @param {number} timeStamp @param {Played["source"]} source */
  release(key, timeStamp, source) {
    const held = this.held.get(key);
    if (!held) return;
    this.held.delete(key);
    this.sound.noteOff(held.id);
    this._light();
    this._played({ pitch: held.pitch, velocity: 0, on: false, timeStamp, source, key });
  }

  /** End every held note; of some sources where they are named. @param {Played["source"][]} sources */
  releaseAll(sources = ["pointer", "keys", "midi"], timeStamp = performance.now()) {
    for (const [key, { source }] of [...this.held]) if (sources.includes(source)) this.release(key, timeStamp, source);
  }

  get sustained() {
    return this._sustainers.size > 0;
  }

  /** Sustain as long as anybody wants it. @param {boolean} on @param {number} timeStamp @param {Sustainer} by */
  setSustain(on, timeStamp = performance.now(), by = "switch") {
    const was = this.sustained;
    if (on) this._sustainers.add(by);
    else this._sustainers.delete(by);
    if (this.sustained === was) return;
    this.sound.sustain(on);
    this.dispatchEvent(new CustomEvent("sustain", { detail: { on, timeStamp } }));
  }

  /** What a MIDI keyboard says. @param {import("../lib/web_midi.js").MidiNote} note */
  playMidi({ on, pitch, velocity, timeStamp }) {
    if (on) this.press(`midi ${pitch}`, pitch, velocity, timeStamp, "midi");
    else this.release(`midi ${pitch}`, timeStamp, "midi");
  }

  /** @param {Played} played */
  _played(played) {
    this.dispatchEvent(new CustomEvent("note", { detail: played }));
  }

  _listen() {
    const element = this.element;
    const keyUnder = (/** @type {PointerEvent} */ event) => {
      const box = this.board.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
      if (x < 0 || x >= 1 || y < 0 || y > 1) return null;
      const key = keyAt(this.keys ?? [], x, y, BLACK);
      return key && { pitch: key.pitch, velocity: velocityAt(key.isBlack ? y / BLACK : y, this.velocity) };
    };
    const down = (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      element.focus({ preventScroll: true });
      this._cursorShown = false;
      try { element.setPointerCapture(event.pointerId); } catch { /* it has gone already */ }
      const key = keyUnder(event);
      if (key) this.press(`pointer ${event.pointerId}`, key.pitch, key.velocity, event.timeStamp, "pointer");
    };
    const move = (/** @type {PointerEvent} */ event) => {
      const name = `pointer ${event.pointerId}`, held = this.held.get(name);
      if (!held || !(event.buttons & 1)) return;
      const steps = event.getCoalescedEvents?.() ?? [];
      for (const step of steps.length ? steps : [event]) { // glissando: the next key takes over
        const key = keyUnder(step);
        if (key && key.pitch !== this.held.get(name)?.pitch) this.press(name, key.pitch, key.velocity, step.timeStamp, "pointer");
      }
    };
    const up = (/** @type {PointerEvent} */ event) => this.release(`pointer ${event.pointerId}`, event.timeStamp, "pointer");
    const keydown = (/** @type {KeyboardEvent} */ event) => this._keydown(event);
    const keyup = (/** @type {KeyboardEvent} */ event) => this.keyUp(event);
    // What a MIDI keyboard holds goes on: its ends still come.
    const blur = (/** @type {Event} */ event) => {
      this.releaseAll(["pointer", "keys"], event.timeStamp);
      this.setSustain(false, event.timeStamp, "shift");
      this._cursorShown = false;
      this._light();
    };
    const hidden = (/** @type {Event} */ event) => { if (document.hidden) blur(event); };
    const listeners = /** @type {[EventTarget, string, any][]} */ ([
      [element, "pointerdown", down], [element, "pointermove", move], [element, "pointerup", up], [element, "pointercancel", up], [element, "lostpointercapture", up],
      [element, "keydown", keydown], [element, "keyup", keyup], [element, "blur", blur],
      [window, "blur", blur], [document, "visibilitychange", hidden],
    ]);
    for (const [target, name, listener] of listeners) target.addEventListener(name, listener);
    return () => { for (const [target, name, listener] of listeners) target.removeEventListener(name, listener); };
  }

  /**
   * Play what a letter stands for, wherever in the widget it was pressed; false where it is none of the keyboard's.
   * @param {KeyboardEvent} event
   */
  typeKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const pitch = this.typeToPlay ? pitchOfCode(event.code, this.octaves + this._home) : null;
    if (pitch === null) return false;
    event.preventDefault();
    const isThere = pitch >= this.low && pitch <= this.high;
    if (!event.repeat && isThere) this.press(event.code, pitch, this.velocity, event.timeStamp, "keys");
    return true;
  }

  /** @param {KeyboardEvent} event */
  keyUp(event) {
    this.release(event.code, event.timeStamp, "keys");
    if (event.key === "Shift") this.setSustain(false, event.timeStamp, "shift");
    if (event.key === "Meta") this.releaseAll(["keys"], event.timeStamp); // macOS keeps their ends to itself
  }

  /** @param {KeyboardEvent} event */
  _keydown(event) {
    if (this.typeKey(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (moves) this._moveCursor(moves);
    else if (event.key === "Enter") { if (!event.repeat) this.press(event.code, this.cursor, this.velocity, event.timeStamp, "keys"); }
    else if (event.code === "Minus" || event.key === "-") this.setOctave(this.octaves - 1);
    else if (event.code === "Equal" || event.key === "+") this.setOctave(this.octaves + 1);
    else if (event.key === "Shift") this.setSustain(true, event.timeStamp, "shift");
    else return;
    event.preventDefault();
  }

  /** @param {number} by */
  _moveCursor(by) {
    if (this._cursorShown) this.cursor = Math.max(this.low, Math.min(this.high, this.cursor + by));
    this._cursorShown = true;
    this.speech.textContent = `${pitchName(this.cursor)}${isBlackKey(this.cursor) ? ", black" : ""}`;
    this._light();
  }
}
