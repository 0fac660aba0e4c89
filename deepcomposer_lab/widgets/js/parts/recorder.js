// Records what is played on a keyboard, against the metronome, on the audio clock.
import { Capture, ClockMap, countIn, tempoOf } from "../lib/capture.js";
import { beatAt, emptyPiece, secondsAt } from "../lib/piece.js";

/** @typedef {import("../lib/capture.js").NoteRow} NoteRow */
/** @typedef {import("../lib/piece.js").Piece} Piece */

const LEAD = 0.12; // s before the first click
const TICK = 50; // ms between looks at what is held
const PATIENCE = 2000; // ms until the page may sound
const FIRST_LOOKS = 8; // at both clocks, before a recording

/** Events: "state", "beat" of the count-in (detail: {count, of, isCountIn}), "notes" (detail: NoteRow[] so far). */
export class Recorder extends EventTarget {
  /**
   * @param {{sound: import("../lib/sound_page.js").PageSound, keyboard: import("./keyboard.js").KeyboardView,
   *   transport: import("../lib/sound_page.js").Transport, bpm?: number, metre?: [number, number], countIn?: number, metronome?: boolean | null}} options
   *   `metronome`: while recording; null leaves it as the transport has it
   */
  constructor({ sound, keyboard, transport, bpm = 100, metre = [4, 4], countIn = 1, metronome = true }) {
    super();
    this.sound = sound;
    this.keyboard = keyboard;
    this.transport = transport;
    this.bpm = bpm;
    this.metre = metre;
    this.countIn = countIn; // bars
    /** @type {boolean | null} */
    this.metronome = metronome;
    this.latency = 0; // s that a person's own equipment adds
    /** @type {"idle" | "count-in" | "recording"} */
    this.state = "idle";
    /** @type {Capture | null} */
    this._capture = null;
    this._clock = new ClockMap();
    /** @type {number[]} */
    this._taps = [];
    /** @type {any[]} */
    this._timers = [];
    /** @type {{stop: () => void}[]} */
    this._clicks = [];
    this._isStarting = false;
    this._wasMetronome = false;
    const played = (/** @type {any} */ event) => this._played(event.detail);
    const sustain = (/** @type {any} */ event) => this._capture?.sustain(event.detail.on, this._audioTime(event.detail.timeStamp));
    const paused = () => { // somebody paused, or another piece began to play: what was recorded is kept by who listens
      if (this.state !== "idle" && !this.transport.isPlaying) this.dispatchEvent(new Event("interrupted"));
    };
    keyboard.addEventListener("note", played);
    keyboard.addEventListener("sustain", sustain);
    transport.addEventListener("state", paused);
    this.destroy = () => {
      this.cancel();
      keyboard.removeEventListener("note", played);
      keyboard.removeEventListener("sustain", sustain);
      transport.removeEventListener("state", paused);
    };
  }

  /**
   * Count in, then record from a beat; with `onto`, over that piece while it plays. Returns whether it began: a page that may not sound yet has no clock.
   * @param {{onto?: Piece | null, atBeat?: number}} options
   */
  async start({ onto = null, atBeat = 0 } = {}) {
    if (this.state !== "idle" || this._isStarting) return false;
    this._isStarting = true;
    try {
      await this.sound.enable();
      const { context } = this.sound;
      for (let waited = 0; context.state !== "running" && waited < PATIENCE; waited += TICK) await pause(TICK); // a slow machine's first sound
      if (context.state !== "running") return false;
      await this._readClocks();
    } finally {
      this._isStarting = false;
    }
    const piece = onto ?? { ...emptyPiece("Melody", this.bpm), metres: [[0, ...this.metre]] };
    const bpm = onto ? onto.tempos.findLast(([onset]) => onset <= atBeat)?.[1] ?? this.bpm : this.bpm;
    const metre = /** @type {[number, number]} */ (onto ? (onto.metres.findLast(([onset]) => onset <= atBeat) ?? onto.metres[0]).slice(1) : this.metre);
    const { clicks, start } = countIn({ first: this.sound.now() + LEAD, bpm, metre, bars: this.countIn });
    this.transport.setPiece(piece);
    this.transport.setLoop(null);
    this._wasMetronome = this.transport.metronome;
    if (this.metronome !== null) this.transport.metronome = this.metronome;
    this.transport.hasNoEnd = true;
    const base = secondsAt(piece, atBeat);
    this._capture = new Capture({
      start, startBeat: atBeat, latency: this.latency, beatOf: (elapsed) => beatAt(piece, base + Math.max(0, elapsed)) - atBeat,
    });
    for (const { time, count, of, isAccent } of clicks) {
      this._clicks.push(this.sound.click(time, isAccent));
      this._at(time, () => this.dispatchEvent(new CustomEvent("beat", { detail: { count, of, isCountIn: true } })));
    }
    this.transport.startAt(atBeat, start); // already: a page that is busy just then does not begin late
    this._become(clicks.length ? "count-in" : "recording");
    if (clicks.length) this._at(start, () => this._become("recording"));
    this._timers.push(setInterval(() => {
      this._readClock();
      if (this.state === "recording") this.dispatchEvent(new CustomEvent("notes", { detail: this.notes }));
    }, TICK));
    return true;
  }

  /** Notes so far. @returns {NoteRow[]} */
  get notes() {
    return this._capture?.soFar(this._audioTime(performance.now())) ?? [];
  }

  /** Those among them that have ended. @returns {NoteRow[]} */
  get finished() {
    return this._capture?.finished ?? [];
  }

  /** End the recording. @param {number} [timeStamp] when it was asked for, ms @returns {NoteRow[]} */
  stop(timeStamp = performance.now()) {
    const rows = this._capture?.stop(this._audioTime(timeStamp)) ?? [];
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
    this._become("idle");
    this.transport.hasNoEnd = false;
    if (this.metronome !== null) this.transport.metronome = this._wasMetronome;
    this.transport.stop();
  }

  /** Tap the tempo; returns it from the second tap on. */
  tapTempo(timeStamp = performance.now()) {
    this._taps = [...this._taps.slice(-7), timeStamp];
    return tempoOf(this._taps);
  }

  /** @param {import("./keyboard.js").Played} played */
  _played({ on, key, pitch, velocity, timeStamp }) {
    if (!this._capture) return;
    const time = this._audioTime(timeStamp);
    if (on) this._capture.press(key, pitch, velocity, time);
    else this._capture.release(key, time);
  }

  /** What was heard at an event's time stamp. @param {number} timeStamp */
  _audioTime(timeStamp) {
    return this._clock.isKnown ? this._clock.toAudio(timeStamp) : this.sound.toAudioTime(timeStamp);
  }

  _readClock() {
    const now = performance.now();
    this._clock.add(now, this.sound.toAudioTime(now));
  }

  async _readClocks() {
    this._clock = new ClockMap();
    for (let look = 0; look < FIRST_LOOKS; look++) {
      this._readClock();
      await pause(4);
    }
  }

  /** Act when a moment of the audio clock is heard. @param {number} time @param {() => void} act */
  _at(time, act) {
    this._timers.push(setTimeout(act, Math.max(0, (time - this._audioTime(performance.now())) * 1000)));
  }

  /** @param {typeof this.state} state */
  _become(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
