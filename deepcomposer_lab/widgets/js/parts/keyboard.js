// A piano to play with pointers, fingers and the computer's keys. It sounds at once, and says what was played and when.
import { codeOfPitch, keyAt, keysBetween, labelOf, pitchOfCode, velocityAt } from "../lib/keyboard_layout.js";
import { isBlackKey, pitchName } from "../lib/piece.js";
import { h, liveRegion } from "./dom.js";

/** @typedef {{pitch: number, velocity: number, on: boolean, timeStamp: number, source: "pointer" | "keys" | "midi", key: string}} Played */

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
    this.octaves = 0;
    this.typeToPlay = true;
    this.sustained = false;
    /** @type {Map<string, {pitch: number, id: number}>} */
    this.held = new Map();
    this.sounding = new Set();
    this.cursor = 60;
    /** @type {any} */
    this.layout = null;
    this.speech = liveRegion();
    this.board = h("div", { class: "dc-keys-board", "aria-hidden": "true" });
    this.element = h("div", {
      class: "dc-keys", tabindex: 0, role: "application", style: `height: ${height}px`,
      "aria-description": "Letters play notes, as written on the keys. Left and right choose a key, Enter plays it, minus and equals change the octave, Escape leaves.",
    }, this.board, this.speech);
    container.append(this.element);
    /** @type {any} */ (navigator).keyboard?.getLayoutMap?.().then((/** @type {any} */ map) => { this.layout = map; this._build(); }, () => {});
    this._build();
    this._stop = this._listen();
  }

  destroy() {
    this.releaseAll();
    this._stop();
    this.element.remove();
  }

  /** @param {number} low @param {number} high */
  setRange(low, high) {
    this.releaseAll();
    this.low = low;
    this.high = high;
    this._build();
  }

  /** Octaves by which all keys are moved. @param {number} octaves */
  setOctave(octaves) {
    const low = this.low + 12 * (octaves - this.octaves), high = this.high + 12 * (octaves - this.octaves);
    if (low < 0 || high > 127) return;
    this.octaves = octaves;
    this.setRange(low, high);
    this.speech.textContent = `${pitchName(low)} to ${pitchName(high)}.`;
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
    const crowded = this.keys.length > 49;
    const tiles = this.keys.map(({ pitch, isBlack, x, width }) => {
      const code = this.typeToPlay && this.labels ? codeOfPitch(pitch, this.octaves) : null;
      const isC = pitch % 12 === 0;
      const name = isC || (!crowded && !isBlack) ? h("small", {}, isC ? pitchName(pitch) : pitchName(pitch).replace(/\d+$/, "")) : null;
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
      tile.classList.toggle("dc-key-cursor", pitch === this.cursor && this._cursorShown === true);
    }
  }

  // ------------------------------------------------------------------------------ playing

  /**
   * Sound a note; `key` names what holds it.
   * @param {string} key @param {number} pitch @param {number} velocity @param {number} timeStamp @param {Played["source"]} source
   */
  press(key, pitch, velocity, timeStamp, source) {
    if (this.held.has(key)) this.release(key, timeStamp, source);
    this.held.set(key, { pitch, id: this.sound.noteOn(pitch, velocity, { program: this.program }) });
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

  /** End every held note. */
  releaseAll() {
    const now = performance.now();
    for (const key of [...this.held.keys()]) this.release(key, now, key.startsWith("pointer") ? "pointer" : key.startsWith("midi") ? "midi" : "keys");
  }

  /** @param {boolean} on @param {number} timeStamp */
  setSustain(on, timeStamp = performance.now()) {
    if (on === this.sustained) return;
    this.sustained = on;
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
      const key = keyAt(this.keys ?? [], x, y);
      return key && { pitch: key.pitch, velocity: velocityAt(key.isBlack ? y / 0.62 : y, this.velocity) };
    };
    const down = (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      element.focus({ preventScroll: true });
      this._cursorShown = false;
      element.setPointerCapture(event.pointerId);
      const key = keyUnder(event);
      if (key) this.press(`pointer ${event.pointerId}`, key.pitch, key.velocity, event.timeStamp, "pointer");
    };
    const move = (/** @type {PointerEvent} */ event) => {
      const name = `pointer ${event.pointerId}`, held = this.held.get(name);
      if (!held || !(event.buttons & 1)) return;
      const key = keyUnder(event); // glissando: the next key takes over
      if (key && key.pitch !== held.pitch) this.press(name, key.pitch, key.velocity, event.timeStamp, "pointer");
    };
    const up = (/** @type {PointerEvent} */ event) => this.release(`pointer ${event.pointerId}`, event.timeStamp, "pointer");
    const keydown = (/** @type {KeyboardEvent} */ event) => this._keydown(event);
    const keyup = (/** @type {KeyboardEvent} */ event) => {
      this.release(event.code, event.timeStamp, "keys");
      if (event.code === "ShiftLeft" || event.code === "ShiftRight") this.setSustain(false, event.timeStamp);
    };
    const blur = () => { this.releaseAll(); this.setSustain(false); this._cursorShown = false; this._light(); };
    const hidden = () => { if (document.hidden) blur(); };
    const listeners = /** @type {[EventTarget, string, any][]} */ ([
      [element, "pointerdown", down], [element, "pointermove", move], [element, "pointerup", up], [element, "pointercancel", up],
      [element, "keydown", keydown], [element, "keyup", keyup], [element, "blur", blur],
      [window, "blur", blur], [document, "visibilitychange", hidden],
    ]);
    for (const [target, name, listener] of listeners) target.addEventListener(name, listener);
    return () => { for (const [target, name, listener] of listeners) target.removeEventListener(name, listener); };
  }

  /** @param {KeyboardEvent} event */
  _keydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pitch = this.typeToPlay ? pitchOfCode(event.code, this.octaves) : null;
    if (pitch !== null) {
      event.preventDefault();
      if (!event.repeat) this.press(event.code, pitch, this.velocity, event.timeStamp, "keys");
      return;
    }
    const moves = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (moves) this._moveCursor(moves);
    else if (event.key === "Enter") { if (!event.repeat) this.press(event.code, this.cursor, this.velocity, event.timeStamp, "keys"); }
    else if (event.code === "Minus") this.setOctave(this.octaves - 1);
    else if (event.code === "Equal") this.setOctave(this.octaves + 1);
    else if (event.key === "Shift") this.setSustain(true, event.timeStamp);
    else return;
    event.preventDefault();
  }

  /** @param {number} by */
  _moveCursor(by) {
    this.cursor = Math.max(this.low, Math.min(this.high, this.cursor + by));
    this._cursorShown = true;
    this.speech.textContent = `${pitchName(this.cursor)}${isBlackKey(this.cursor) ? ", black" : ""}`;
    this._light();
  }
}
