// All sound of a page: one audio context, one synthesiser, one SoundFont, whichever widgets there are.
import { asset, assetModule } from "./kernel.js";
import { channelOf, writeMidi } from "./midi_file.js";
import { endOf, secondsAt } from "./piece.js";
import { nearestProgram } from "./programs.js";
import { clicksBetween, eventsBetween, eventsOf, Timeline } from "./schedule.js";
import { writeWav } from "./wav.js";

/** @typedef {import("./kernel.js").Model} Model */
/** @typedef {import("./piece.js").Piece} Piece */
/** @typedef {"off" | "blocked" | "loading" | "ready" | "fallback"} SoundState */

const SENTENCES = {
  off: "Sound starts with the first note.",
  blocked: "The browser waits for a click before it lets this page sound.",
  loading: "The instruments are being fetched; until then a simple tone stands in.",
  ready: "Sound is on.",
  fallback: "The instruments could not be started; a simple tone stands in.",
};

const BANKS = 4; // of sixteen channels: one for the keys, the others for pieces in turn
const KEYS_BANK = 0;
const HORIZON = 1.0; // s: what is handed to the audio thread ahead, so that a busy page goes on sounding
const TICK = 80; // ms
const START = 0.06; // s between the wish to play and the first note
const LOUDNESS = 2; // one note of the SoundFont is soft; the limiter behind it holds chords
const RATE = 44100;
const TAIL = 2; // s after the last note in a file
const REGISTER = Symbol.for("deepcomposer_lab.sound");

/** The page's sound; `model` is any of our widgets' models, through which files are fetched. @param {Model} model @returns {PageSound} */
export function pageSound(model) {
  const page = /** @type {any} */ (globalThis);
  page[REGISTER] ??= new PageSound();
  page[REGISTER].model = model; // the latest: an earlier widget's kernel may be gone
  return page[REGISTER];
}

export class PageSound extends EventTarget {
  constructor() {
    super();
    /** @type {Model | null} */
    this.model = null;
    /** @type {SoundState} */
    this.state = "off";
    /** @type {AudioContext | null} */
    this._context = null;
    /** @type {any} */
    this.synthesizer = null;
    /** @type {Promise<void> | null} */
    this._loading = null;
    this._held = new Map();
    this._named = 0;
    this._sustained = false;
    /** @type {{release: (at: number) => void}[]} Tones that only the pedal holds, where the instruments are not there yet. */
    this._pedalled = [];
    this._programs = new Map();
    this._bank = 0;
    /** @type {Transport | null} */
    this.playing = null;
  }

  /** The state in a sentence. */
  get words() {
    return SENTENCES[this.state];
  }

  /** @returns {AudioContext} */
  get context() {
    if (!this._context) {
      this._context = new AudioContext({ latencyHint: "interactive" });
      this._output = this._context.createGain();
      this._output.gain.value = LOUDNESS;
      this._limiter = this._context.createDynamicsCompressor(); // chords of many tracks do not clip
      this._limiter.threshold.value = -8;
      this._limiter.ratio.value = 12;
      this._limiter.attack.value = 0.002;
      this._analyser = this._context.createAnalyser();
      this._analyser.fftSize = 2048;
      this._output.connect(this._limiter).connect(this._analyser).connect(this._context.destination);
      this._context.addEventListener("statechange", () => this._settle());
    }
    return this._context;
  }

  get analyser() {
    void this.context;
    return /** @type {AnalyserNode} */ (this._analyser);
  }

  /** Where all sound goes. @returns {GainNode} */
  get output() {
    void this.context;
    return /** @type {GainNode} */ (this._output);
  }

  now() {
    return this._context?.currentTime ?? 0;
  }

  /** How long after `now()` it is heard, in seconds. */
  get latency() {
    return (this._context?.outputLatency || this._context?.baseLatency) ?? 0;
  }

  /** The audio clock at an event's time stamp (ms, as performance.now()): what was being heard just then. @param {number} timeStamp */
  toAudioTime(timeStamp) {
    const stamp = this.context.getOutputTimestamp?.();
    if (stamp?.performanceTime && stamp.contextTime !== undefined) {
      return stamp.contextTime + (timeStamp - stamp.performanceTime) / 1000;
    }
    return this.context.currentTime - this.latency + (timeStamp - performance.now()) / 1000;
  }

  /** Fetch the synthesiser and the SoundFont; needs no click. */
  preload() {
    if (!this.model) return Promise.resolve();
    this._files ??= Promise.all([assetModule(this.model, "sound.js"), asset(this.model, "soundfont")]);
    this._files.catch(() => { this._files = undefined; });
    return this._files;
  }

  /** Let the page sound; call it within a click or a key press. */
  async enable() {
    const context = this.context;
    if (context.state !== "running") {
      // It may never answer where the browser waits for a click; who waits for it would wait as long.
      await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, 300))]);
    }
    this._settle();
    this._load();
  }

  _settle() {
    if (this._context && this._context.state !== "running") this._become(this._context.state === "closed" ? "off" : "blocked");
    else if (this.synthesizer) this._become("ready");
    else if (this._failed) this._become("fallback");
    else if (this._loading) this._become("loading");
  }

  /** @param {SoundState} state */
  _become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  _load() {
    this._loading ??= (async () => {
      try {
        const [engine, soundFont] = /** @type {any} */ (await this.preload());
        this.synthesizer = await engine.createSynthesizer(this.context, this.output, soundFont, BANKS);
        if (this._sustained) this.sustain(true); // pressed before there was anybody to tell
      } catch (error) {
        console.warn("DeepComposer Lab: the synthesiser did not start.", error);
        this._failed = true;
      }
      this._settle();
    })();
    this._settle();
    return this._loading;
  }

  /** Resolves when the instruments are there, or are known not to come. */
  ready() {
    return this._load();
  }

  // ------------------------------------------------------------------------------ keys

  /**
   * Sound a key at once; returns what `noteOff` takes.
   * @param {number} pitch @param {number} velocity @param {{program?: number, isDrum?: boolean}} options
   */
  noteOn(pitch, velocity = 80, { program = 0, isDrum = false } = {}) {
    if (!this._loading || this.context.state !== "running") this.enable();
    const id = ++this._named;
    const channel = isDrum ? 9 : 0;
    if (this.synthesizer) {
      this.setProgram(KEYS_BANK * 16 + channel, program, isDrum);
      this.synthesizer.noteOn(KEYS_BANK * 16 + channel, pitch, velocity);
      this._held.set(id, { channel, pitch });
    } else {
      this._held.set(id, { tone: this.tone(pitch, velocity, this.context.currentTime, isDrum ? 0.1 : Infinity) });
    }
    return id;
  }

  /** @param {number} id */
  noteOff(id) {
    const held = this._held.get(id);
    if (!held) return;
    this._held.delete(id);
    if (held.tone && this._sustained) this._pedalled.push(held.tone);
    else if (held.tone) held.tone.release(this.context.currentTime);
    else if (![...this._held.values()].some((other) => other.channel === held.channel && other.pitch === held.pitch)) {
      this.synthesizer.noteOff(KEYS_BANK * 16 + held.channel, held.pitch);
    }
  }

  /** The sustain pedal. @param {boolean} on */
  sustain(on) {
    this._sustained = on;
    this.synthesizer?.controllerChange(KEYS_BANK * 16, 64, on ? 127 : 0);
    if (!on) for (const tone of this._pedalled.splice(0)) tone.release(this.context.currentTime);
  }

  /** End every held key. */
  allOff() {
    for (const id of [...this._held.keys()]) this.noteOff(id);
    if (this._sustained) this.sustain(false);
  }

  /** @param {number} channel @param {number} program @param {boolean} isDrum */
  setProgram(channel, program, isDrum) {
    const wanted = isDrum ? "drums" : nearestProgram(program);
    if (this._programs.get(channel) === wanted) return;
    this._programs.set(channel, wanted);
    this.synthesizer.midiChannels[channel].setDrums(isDrum);
    this.synthesizer.programChange(channel, isDrum ? 0 : wanted);
  }

  // ------------------------------------------------------------------------------ what stands in, and clicks

  /**
   * A simple tone, where the instruments are not there (yet).
   * @param {number} pitch @param {number} velocity @param {number} time @param {number} duration seconds
   */
  tone(pitch, velocity, time, duration) {
    const context = this.context, gain = context.createGain(), oscillator = context.createOscillator();
    const loud = 0.22 * (velocity / 127) ** 1.5;
    oscillator.type = "triangle";
    oscillator.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
    gain.gain.setValueAtTime(0, time);
    gain.gain.linearRampToValueAtTime(loud, time + 0.004);
    gain.gain.setTargetAtTime(loud * 0.4, time + 0.004, 0.4);
    oscillator.connect(gain).connect(this.output);
    oscillator.start(time);
    const release = (/** @type {number} */ at) => {
      gain.gain.cancelScheduledValues(at);
      gain.gain.setTargetAtTime(0, at, 0.03);
      oscillator.stop(at + 0.25);
    };
    if (Number.isFinite(duration)) {
      gain.gain.setTargetAtTime(0, time + duration, 0.03);
      oscillator.stop(time + duration + 0.25);
    }
    return { release, stop: () => { try { oscillator.stop(); } catch { /* it has ended */ } gain.disconnect(); } };
  }

  /** A click of the metronome at an audio time. @param {number} time @param {boolean} isAccent */
  click(time, isAccent) {
    const context = this.context, gain = context.createGain(), oscillator = context.createOscillator();
    oscillator.frequency.value = isAccent ? 1760 : 1174;
    gain.gain.setValueAtTime(isAccent ? 0.3 : 0.18, time);
    gain.gain.exponentialRampToValueAtTime(0.001, time + 0.05);
    oscillator.connect(gain).connect(this.output);
    oscillator.start(time);
    oscillator.stop(time + 0.06);
    return { stop: () => { try { oscillator.stop(); } catch { /* it has ended */ } gain.disconnect(); } };
  }

  // ------------------------------------------------------------------------------ pieces

  createTransport() {
    return new Transport(this);
  }

  /** A bank of channels for a piece that starts now: not the one whose last notes are still on their way. */
  takeBank() {
    this._bank = (this._bank % (BANKS - 1)) + 1;
    return this._bank;
  }

  /**
   * Render a piece to a WAV file.
   * @param {Piece} piece @param {{tracks?: {muted: boolean, volume: number}[]}} mix
   */
  async renderWav(piece, mix = {}) {
    const [engine, soundFont] = /** @type {any} */ (await this.preload());
    const midi = writeMidi(piece, {
      volumes: mix.tracks?.map((track) => 0.8 * track.volume), silent: mix.tracks?.map((track) => track.muted), program: nearestProgram,
    });
    const channels = await engine.renderMidi(midi, soundFont, secondsAt(piece, endOf(piece)) + TAIL, RATE);
    return new Blob([/** @type {any} */ (writeWav(channels, RATE))], { type: "audio/wav" });
  }
}

/** How one track sounds. @typedef {{muted: boolean, soloed: boolean, volume: number, program: number | null}} Mix */

/** Plays a piece; only one does on a page. Positions in beats. */
export class Transport extends EventTarget {
  /** @param {PageSound} sound */
  constructor(sound) {
    super();
    this.sound = sound;
    /** @type {Piece | null} */
    this.piece = null;
    this.isPlaying = false;
    /** @type {[number, number] | null} */
    this.loop = null;
    /** @type {[number, number] | null} */
    this._range = null;
    this.metronome = false;
    this.hasNoEnd = false; // while recording the piece goes on past its end
    /** @type {Mix[]} */
    this.mix = [];
    this._position = 0;
    /** @type {import("./schedule.js").Event[]} */
    this._events = [];
    /** @type {Timeline | null} */
    this._timeline = null;
    this._until = 0;
    this._bank = 1;
    /** @type {{stop: () => void, end: number}[]} */
    this._tones = [];
    this._timer = 0;
  }

  /** The beats that are heard, where not all of them are. @returns {[number, number] | null} */
  get range() {
    return this._range;
  }

  set range(range) {
    const at = this.position, isSame = JSON.stringify(range) === JSON.stringify(this._range);
    this._range = range;
    if (!isSame && this.isPlaying && !this.loop && !this.hasNoEnd) this._begin(at); // what is on its way may lie outside now
  }

  /** Where playing ends: with the piece, or with the part of it that is trimmed to. */
  get end() {
    const end = this.piece ? endOf(this.piece) : 0;
    return this.range ? Math.min(this.range[1], end) : end;
  }

  get start() {
    return this.range && this.range[0] < this.end ? this.range[0] : 0;
  }

  /** The beat that is heard. */
  get position() {
    if (!this.isPlaying || !this._timeline) return this._position;
    return this._timeline.beatOf(this.sound.now() - this.sound.latency);
  }

  /** @param {Piece} piece */
  setPiece(piece) {
    const sameTempo = this.piece && JSON.stringify(this.piece.tempos) === JSON.stringify(piece.tempos);
    const at = this.position;
    this.piece = piece;
    if (this.loop && this.loop[0] >= this.end - 1e-6) this.loop = null; // silence for ever
    this._events = eventsOf(piece);
    this.mix = piece.tracks.map((_, index) => this.mix[index] ?? { muted: false, soloed: false, volume: 0.8, program: null });
    this.dispatchEvent(new Event("piece"));
    if (!this.isPlaying) return;
    if (sameTempo && this._timeline) {
      this._timeline.piece = piece; // what is not yet on its way is heard as it is now
      this._setUpChannels();
    } else this._begin(at);
  }

  /** How a track sounds from now on. @param {number} index @param {Partial<Mix>} change */
  setTrack(index, change) {
    this.mix[index] = { ...(this.mix[index] ?? { muted: false, soloed: false, volume: 0.8, program: null }), ...change };
    if (this.isPlaying) this._setUpChannels();
    this.dispatchEvent(new Event("mix"));
  }

  /** Whether a track is heard. @param {number} index */
  isHeard(index) {
    const mix = this.mix[index];
    return !mix || (!mix.muted && (mix.soloed || !this.mix.some((other) => other.soloed)));
  }

  /** @param {number} [from] */
  async play(from) {
    if (!this.piece) return;
    await this.sound.enable();
    if (this.sound.playing && this.sound.playing !== this) this.sound.playing.pause();
    this.sound.playing = this;
    let start = from ?? this._position;
    if (this.loop && (start < this.loop[0] || start >= this.loop[1])) start = this.loop[0];
    if (!this.loop && !this.hasNoEnd && (start >= this.end - 1e-6 || start < this.start)) start = this.start;
    this._begin(start);
    this._changed();
  }

  /** Play from a beat at an audio time, with no further question: for recordings. @param {number} beat @param {number} time */
  startAt(beat, time) {
    if (this.sound.playing && this.sound.playing !== this) this.sound.playing.pause();
    this.sound.playing = this;
    this._begin(beat, time);
    this._changed();
  }

  /** @param {number} beat @param {number} [time] */
  _begin(beat, time = this.sound.now() + START) {
    this._silence();
    this._timeline = new Timeline(/** @type {Piece} */ (this.piece), beat, time, this.loop);
    this._until = time;
    this._bank = this.sound.takeBank();
    this.isPlaying = true;
    this._setUpChannels();
    this._schedule();
    clearInterval(this._timer);
    this._timer = setInterval(() => this._schedule(), TICK);
  }

  pause() {
    if (!this.isPlaying) return;
    this._position = Math.min(this.position, this.hasNoEnd ? Infinity : Math.max(this.end, this._timeline?.beat ?? 0));
    this._halt();
  }

  /** Stop, and go back to the start (of the loop). */
  stop() {
    this._position = this.loop?.[0] ?? this.start;
    if (this.isPlaying) this._halt();
    else this._changed();
  }

  toggle() {
    return this.isPlaying ? this.pause() : this.play();
  }

  /** @param {number} beat */
  seek(beat) {
    this._position = Math.max(0, beat);
    if (this.isPlaying) this._begin(this._position);
    this.dispatchEvent(new Event("state"));
  }

  /** @param {number | null} start @param {number | null} [end] */
  setLoop(start, end = null) {
    const at = this.position;
    this.loop = start === null || end === null || end - start < 1e-6 ? null : [start, end];
    if (this.isPlaying) this._begin(this.loop && (at < this.loop[0] || at >= this.loop[1]) ? this.loop[0] : at);
    this.dispatchEvent(new Event("state"));
  }

  dispose() {
    if (this.isPlaying) this._halt();
    if (this.sound.playing === this) this.sound.playing = null;
  }

  _halt() {
    clearInterval(this._timer);
    this.isPlaying = false;
    this._silence();
    this._timeline = null;
    this._changed();
  }

  _changed() {
    this.dispatchEvent(new Event("state"));
  }

  /** What is on its way to the audio thread cannot be called back: its channels fall silent. */
  _silence() {
    for (const tone of this._tones) tone.stop();
    this._tones = [];
    const synthesizer = this.sound.synthesizer;
    if (!synthesizer || !this._timeline) return;
    for (let channel = 0; channel < 16; channel++) {
      const number = this._bank * 16 + channel;
      synthesizer.controllerChange(number, 7, 0);
      synthesizer.controllerChange(number, 120, 0); // all sound off
    }
  }

  /** @param {number} index */
  _channel(index) {
    const piece = /** @type {Piece} */ (this.piece);
    if (piece.tracks[index].is_drum) return this._bank * 16 + 9;
    const pitched = piece.tracks.slice(0, index).filter((track) => !track.is_drum).length;
    return this._bank * 16 + channelOf(pitched);
  }

  _setUpChannels() {
    const synthesizer = this.sound.synthesizer, piece = this.piece;
    if (!synthesizer || !piece) return;
    piece.tracks.forEach((track, index) => {
      const channel = this._channel(index), mix = this.mix[index];
      this.sound.setProgram(channel, mix.program ?? track.program, track.is_drum);
      synthesizer.controllerChange(channel, 7, this.isHeard(index) ? Math.round(127 * mix.volume) : 0);
    });
  }

  _schedule() {
    const timeline = this._timeline, piece = this.piece;
    if (!timeline || !piece) return;
    const now = this.sound.now();
    if (!this.loop && !this.hasNoEnd && timeline.beatOf(now - this.sound.latency) >= this.end) {
      this._position = this.start;
      this._halt();
      this.dispatchEvent(new Event("ended"));
      return;
    }
    const until = now + HORIZON;
    if (until <= this._until) return;
    for (const stretch of timeline.stretches(this._until, until)) this._send(piece, stretch);
    this._until = until;
    this._tones = this._tones.filter((tone) => tone.end > now);
  }

  /** What begins to sound in [start, end): at the left end of the range also what crosses it, as a technique gets it. @param {number} start @param {number} end */
  _eventsIn(start, end) {
    const events = eventsBetween(this._events, start, end), first = this.start;
    const begins = this.range && !this.hasNoEnd && Math.abs(start - first) < 1e-6 && (!this.loop || Math.abs(this.loop[0] - first) < 1e-6);
    if (!begins) return events;
    return [...this._events.filter((event) => event.onset < start && event.end > start + 1e-6).map((event) => ({ ...event, onset: start })), ...events];
  }

  /** @param {Piece} piece @param {{start: number, end: number, time: number, last: number}} stretch */
  _send(piece, stretch) {
    const base = secondsAt(piece, stretch.start);
    const timeOf = (/** @type {number} */ beat) => stretch.time + secondsAt(piece, beat) - base;
    const isCut = this.range !== null && !this.loop && !this.hasNoEnd, last = isCut ? Math.min(stretch.last, this.end) : stretch.last;
    for (const event of this._eventsIn(stretch.start, Math.min(stretch.end, last))) {
      const from = timeOf(event.onset), to = Math.max(from + 0.03, timeOf(Math.min(event.end, last)) - 0.002);
      if (this.sound.synthesizer) {
        const channel = this._channel(event.track);
        this.sound.synthesizer.noteOn(channel, event.pitch, event.velocity, { time: from });
        this.sound.synthesizer.noteOff(channel, event.pitch, { time: to });
      } else if (this.isHeard(event.track)) {
        const isDrum = piece.tracks[event.track].is_drum;
        const tone = this.sound.tone(event.pitch, event.velocity * this.mix[event.track].volume, from, isDrum ? 0.05 : to - from);
        this._tones.push({ stop: tone.stop, end: to + 0.3 });
      }
    }
    if (!this.metronome) return;
    for (const { beat, isAccent } of clicksBetween(piece, stretch.start, Math.min(stretch.end, last))) {
      this._tones.push({ stop: this.sound.click(timeOf(beat), isAccent).stop, end: timeOf(beat) + 0.1 });
    }
  }
}

