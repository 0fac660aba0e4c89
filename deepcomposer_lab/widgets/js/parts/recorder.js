// Records what is played on a keyboard, against the metronome, on the audio clock.
import { Capture, tempoOf } from "../lib/capture.js";
import { beatAt, emptyPiece, secondsAt } from "../lib/piece.js";
import { clickBeats } from "../lib/schedule.js";

/** @typedef {import("../lib/capture.js").NoteRow} NoteRow */
/** @typedef {import("../lib/piece.js").Piece} Piece */

const LEAD = 0.12; // s before the first click
const TICK = 50; // ms between looks at what is held

/** Events: "state", "beat" (detail: {count, of, isCountIn}), "notes" (detail: NoteRow[] so far). */
export class Recorder extends EventTarget {
  /**
   * @param {{sound: import("../lib/sound_page.js").PageSound, keyboard: import("./keyboard.js").KeyboardView,
   *   transport: import("../lib/sound_page.js").Transport, bpm?: number, metre?: [number, number], countIn?: number, metronome?: boolean}} options
   */
  constructor({ sound, keyboard, transport, bpm = 100, metre = [4, 4], countIn = 1, metronome = true }) {
    super();
    this.sound = sound;
    this.keyboard = keyboard;
    this.transport = transport;
    this.bpm = bpm;
    this.metre = metre;
    this.countIn = countIn; // bars
    this.metronome = metronome;
    this.latency = 0; // s that a person's own equipment adds
    /** @type {"idle" | "count-in" | "recording"} */
    this.state = "idle";
    /** @type {Capture | null} */
    this._capture = null;
    /** @type {number[]} */
    this._taps = [];
    /** @type {any[]} */
    this._timers = [];
    /** @type {{stop: () => void}[]} */
    this._clicks = [];
    this._wasMetronome = false;
    const played = (/** @type {any} */ event) => this._played(event.detail);
    const sustain = (/** @type {any} */ event) => this._capture?.sustain(event.detail.on, sound.toAudioTime(event.detail.timeStamp));
    keyboard.addEventListener("note", played);
    keyboard.addEventListener("sustain", sustain);
    this.destroy = () => {
      this.cancel();
      keyboard.removeEventListener("note", played);
      keyboard.removeEventListener("sustain", sustain);
    };
  }

  /**
   * Count in, then record from a beat; with `onto`, over that piece while it plays.
   * @param {{onto?: Piece | null, atBeat?: number}} options
   */
  async start({ onto = null, atBeat = 0 } = {}) {
    if (this.state !== "idle") return;
    await this.sound.enable();
    const piece = onto ?? { ...emptyPiece("Melody", this.bpm), metres: [[0, ...this.metre]] };
    const bpm = onto ? onto.tempos.findLast(([onset]) => onset <= atBeat)?.[1] ?? this.bpm : this.bpm;
    const [numerator, denominator] = onto ? onto.metres[0].slice(1) : this.metre;
    const click = clickBeats(numerator, denominator), perBar = Math.round((numerator * 4) / denominator / click);
    const seconds = (click * 60) / bpm, first = this.sound.now() + LEAD, start = first + this.countIn * perBar * seconds;
    this.transport.setPiece(piece);
    this.transport.setLoop(null);
    this._wasMetronome = this.transport.metronome;
    this.transport.metronome = this.metronome;
    this.transport.hasNoEnd = true;
    const base = secondsAt(piece, atBeat);
    this._capture = new Capture({
      start, startBeat: atBeat, latency: this.latency, beatOf: (elapsed) => beatAt(piece, base + Math.max(0, elapsed)) - atBeat,
    });
    for (let count = 0; count < this.countIn * perBar; count++) {
      this._clicks.push(this.sound.click(first + count * seconds, count % perBar === 0));
      this._at(first + count * seconds, () => this.dispatchEvent(new CustomEvent("beat", { detail: { count: (count % perBar) + 1, of: perBar, isCountIn: true } })));
    }
    this._become(this.countIn ? "count-in" : "recording");
    this._at(start - LEAD, () => this.transport.startAt(atBeat, start));
    this._at(start, () => this._become("recording"));
    this._timers.push(setInterval(() => {
      if (this.state === "recording") this.dispatchEvent(new CustomEvent("notes", { detail: this.notes }));
    }, TICK));
  }

  /** Notes so far. @returns {NoteRow[]} */
  get notes() {
    return this._capture?.soFar(this.sound.now() - this.sound.latency) ?? [];
  }

  /** End the recording. @returns {NoteRow[]} */
  stop() {
    const rows = this._capture?.stop(this.sound.now() - this.sound.latency) ?? [];
    this.cancel();
    return rows;
  }

  /** End it and keep nothing. */
  cancel() {
    for (const timer of this._timers) { clearTimeout(timer); clearInterval(timer); }
    for (const click of this._clicks) click.stop();
    this._timers = [];
    this._clicks = [];
    this._capture = null;
    if (this.state === "idle") return;
    this.transport.hasNoEnd = false;
    this.transport.metronome = this._wasMetronome;
    this.transport.stop();
    this._become("idle");
  }

  /** Tap the tempo; returns it from the second tap on. */
  tapTempo(timeStamp = performance.now()) {
    this._taps.push(timeStamp);
    return tempoOf(this._taps);
  }

  /** @param {import("./keyboard.js").Played} played */
  _played({ on, key, pitch, velocity, timeStamp }) {
    if (!this._capture) return;
    const time = this.sound.toAudioTime(timeStamp);
    if (on) this._capture.press(key, pitch, velocity, time);
    else this._capture.release(key, time);
  }

  /** @param {number} time of the audio clock @param {() => void} act */
  _at(time, act) {
    this._timers.push(setTimeout(act, Math.max(0, (time - this.sound.now()) * 1000)));
  }

  /** @param {typeof this.state} state */
  _become(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
