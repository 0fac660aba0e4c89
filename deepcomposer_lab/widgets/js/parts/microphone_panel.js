// Hum, sing or whistle: a recorder with its level and the pitch of the moment, and the notes that were found.
import { MicrophoneInput } from "../lib/microphone.js";
import { cannotAsk, clock, levelWord, meterShare, troubleWords } from "../lib/microphone_words.js";
import { endOf, secondsAt } from "../lib/piece.js";
import { pitchOf } from "../lib/pitch_now.js";
import { notesInSeconds } from "../lib/sung.js";
import { bridged, joined, levelOf, resampleInSlices, toFloat32, toInt16 } from "../lib/resample.js";
import { writeWav } from "../lib/wav.js";
import { button, download, h, icon, select, stepper, switchControl } from "./dom.js";
import { SungPicture } from "./sung_picture.js";

/** @typedef {import("../lib/piece.js").Piece} Piece */
/** @typedef {import("../lib/sung.js").CurvePoint} CurvePoint */
/** @typedef {import("../lib/sung.js").HeardNote} HeardNote */
/**
 * @typedef {"idle" | "asking" | "count-in" | "recording" | "transcribing" | "done" | "silent" | "trouble"} State
 * @typedef {{piece: Piece, words: string, heard: HeardNote[], curve: CurvePoint[], seconds: number, first_beat: number}} Sung
 * @typedef {{bpm: number | null, first_beat: number | null}} Beat  null where nobody kept one
 * @typedef {{samples: Int16Array, rate: number}} Recording
 */

export const RATE = 22050; // samples a second for the kernel
export const MOST_SECONDS = 120;
const LEAST_SECONDS = 0.4;
const COUNT_IN = 4; // beats
const LEAD = 0.15; // seconds kept before the first beat: some begin early
const DRAW = 0.04; // seconds between two pictures of what is sung
const WAIT = 4000; // ms after which the kernel is said to be busy

export class MicrophonePanel extends EventTarget {
  /**
   * @param {HTMLElement} container
   * @param {{
   *   transcribe: (samples: Int16Array, rate: number, beat: Beat) => Promise<Piece | Sung>, sound: any, bpm?: number,
   *   recording?: (() => Promise<Recording>) | null, onbpm?: (bpm: number) => void, height?: number,
   * }} options
   *   `recording` fetches the last recording where the page no longer has it; `onbpm` follows the tempo that is set here; `height` of the picture in px
   */
  constructor(container, { transcribe, sound, bpm = 100, recording = null, onbpm = () => {}, height }) {
    super();
    this.transcribe = transcribe;
    this.sound = sound;
    this.bpm = bpm;
    this.keepsBeat = false;
    this._fetchRecording = recording;
    /** @type {State} */
    this.state = "idle";
    /** @type {Recording | null} */
    this.recording = null;
    /** @type {Sung | null} */
    this.sung = null;
    /** @type {Beat} */
    this._beat = { bpm: null, first_beat: null };
    /** @type {MicrophoneInput | null} */
    this._input = null;
    /** @type {string | null} */
    this._device = null;
    this._attempt = 0;
    this._drawn = 0;
    /** @type {AudioContext | null} Where the page has no sound of its own. */
    this._ownContext = null;
    /** @type {{source: AudioBufferSourceNode, began: number} | null} */
    this._playing = null;
    this._hasRecordingElsewhere = false;
    this._transport = sound?.createTransport?.() ?? null;
    this._pictured = h("div", { class: "dc-mic-picture" });
    this.picture = new SungPicture(this._pictured, height);
    this._transport?.addEventListener("state", () => this._followTransport());
    this._tempo = stepper({
      label: "Beats a minute", value: this.bpm, minimum: 40, maximum: 160,
      onchange: (bpm) => { this.bpm = bpm; onbpm(bpm); },
    });
    this._beatSwitch = switchControl({
      label: "Keep a beat", checked: this.keepsBeat,
      onchange: (on) => { this.keepsBeat = on; this._update(); },
    });
    this._build(container);
    this._become("idle");
  }

  /** @param {HTMLElement} container */
  _build(container) {
    this._recordButton = button({ label: "Record", icon: "record", kind: "round", title: "Record (R)", onclick: () => this.toggle() });
    this._recordButton.classList.add("dc-mic-record");
    this._time = h("span", { class: "dc-mic-time", "aria-hidden": "true" }, "0:00");
    this._lights = h("span", { class: "dc-counter-lights", "aria-hidden": "true" }, ...Array.from({ length: COUNT_IN }, () => h("i")));
    this._fill = h("span", { class: "dc-mic-meter-fill" });
    this._meter = h("div", {
      class: "dc-mic-meter", role: "meter", "aria-label": "Level of the microphone", "aria-valuemin": -60, "aria-valuemax": 0,
      "aria-valuenow": -60, "aria-valuetext": "not listening",
    }, this._fill);
    this._level = h("span", { class: "dc-mic-level dc-hint", "aria-hidden": "true" }, "not listening");
    this._melodyButton = button({ label: "Melody", text: "Melody", icon: "play", title: "Play the notes that were found", onclick: () => this.playMelody() });
    this._recordingButton = button({ label: "Recording", text: "Recording", icon: "play", title: "Play what was recorded", onclick: () => this.playRecording() });
    this._saveButton = button({ label: "Save the recording as WAV", icon: "download", onclick: () => this.save() });
    this._beatSwitch.input.title = "Four clicks before, then lights: you sing to a tempo. Off: your own tempo is found.";
    this._beatHint = h("span", { class: "dc-hint" });
    this._devices = h("span", { class: "dc-mic-devices", hidden: true });
    this._words = h("span", { class: "dc-mic-words", role: "status", "aria-live": "polite" });
    this._trouble = h("div", { class: "dc-mic-trouble", role: "alert", hidden: true });
    this._again = button({ label: "Try again", text: "Try again", icon: "reset", onclick: () => this._tryAgain() });
    this.element = h("div", { class: "dc-mic", role: "group", "aria-label": "Microphone" },
      h("div", { class: "dc-mic-bar" },
        this._recordButton,
        h("span", { class: "dc-mic-clock" }, this._time, this._lights),
        h("span", { class: "dc-mic-hears" }, icon("microphone"), this._meter, this._level),
        this._melodyButton, this._recordingButton, this._saveButton,
        h("span", { class: "dc-mic-beat dc-spread" }, this._beatSwitch.element, this._tempo.element)),
      h("div", { class: "dc-mic-under" }, this._devices, this._beatHint),
      this._trouble, this._pictured,
      h("div", { class: "dc-mic-foot" }, this._words));
    this.element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      if (event.code !== "KeyR" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.toggle();
    });
    container.append(this.element);
  }

  // ------------------------------------------------------------------------------ states

  /** @param {State} state @param {string} [words] */
  _become(state, words) {
    this.state = state;
    if (words !== undefined) this._words.textContent = words;
    this._update();
    this.dispatchEvent(new CustomEvent("state", { detail: { state, words: this._words.textContent } }));
  }

  _update() {
    const { state } = this;
    const isOn = state === "recording" || state === "count-in", isBusy = state === "asking" || state === "transcribing";
    const name = isOn ? "Stop recording" : state === "transcribing" ? "Finding the notes" : state === "asking" ? "Waiting for the microphone" : "Record";
    this._recordButton.replaceChildren(icon(isOn ? "stop" : "record"));
    this._recordButton.setAttribute("aria-label", name);
    this._recordButton.title = isBusy ? name : `${name} (R)`;
    this._recordButton.setAttribute("aria-disabled", String(isBusy));
    this._recordButton.classList.toggle("dc-is-recording", isOn);
    const rests = !isOn && !isBusy;
    this._melodyButton.disabled = !rests || !this.sung?.piece.tracks.some((track) => track.notes.length);
    this._recordingButton.disabled = !rests || !(this.recording || this._hasRecordingElsewhere);
    this._saveButton.disabled = this._recordingButton.disabled;
    this._beatSwitch.input.disabled = !rests;
    this._tempo.element.hidden = !this.keepsBeat;
    this._lights.hidden = !this.keepsBeat;
    this._beatHint.textContent = this.keepsBeat
      ? "Four clicks come before; then the lights keep the beat, so that the microphone hears you alone."
      : "Sing in your own tempo: it is found.";
    this._trouble.hidden = state !== "trouble";
    this.element.dataset.state = state;
    if (state === "idle" && !this.sung) {
      this.picture.clear(
        icon("microphone"), h("strong", {}, "Nothing sung yet"),
        h("span", {}, "Press record, then hum, sing “la” or whistle, one note at a time. Press again when you are done."));
      this._words.textContent = `One voice, up to ${MOST_SECONDS / 60} minutes. The recording goes to the kernel of this notebook and nowhere else.`;
    }
    if (!isOn) {
      this._fill.style.setProperty("--dc-share", "0");
      this._level.textContent = "not listening";
      this._meter.setAttribute("aria-valuenow", "-60");
      this._meter.setAttribute("aria-valuetext", "not listening");
      for (const light of this._lights.children) light.className = "";
    }
  }

  /** @param {{kind: string, title: string, words: string}} trouble */
  _fail(trouble) {
    this._close();
    this._trouble.replaceChildren(h("div", { class: "dc-note-card dc-trouble" }, icon("warning"),
      h("div", {}, h("strong", {}, trouble.title), " ", trouble.words, h("div", { class: "dc-mic-again" }, this._again))));
    this.trouble = trouble;
    this._become("trouble", this.sung ? this.sung.words : "");
  }

  _tryAgain() {
    if (this.trouble?.kind === "kernel" && this.recording) this._find();
    else this.record();
  }

  // ------------------------------------------------------------------------------ recording

  toggle() {
    if (this.state === "recording") return this.stop();
    if (this.state === "count-in") return this.cancel();
    if (this.state === "asking" || this.state === "transcribing") return undefined; // a second click starts nothing
    return this.record();
  }

  async record() {
    const refused = cannotAsk(globalThis.isSecureContext, navigator.mediaDevices);
    if (refused) return this._fail(refused);
    this._silence();
    const attempt = ++this._attempt;
    this._become("asking", "The browser may ask whether this page may use the microphone: allow it.");
    try {
      const enabled = this.sound?.enable?.();
      /** @type {AudioContext} */
      const context = this.sound?.context ?? (this._ownContext ??= new AudioContext());
      const input = await MicrophoneInput.open(context, this._device);
      if (attempt !== this._attempt) return void input.close(); // taken away meanwhile
      this._input = input;
      await enabled;
      if (context.state !== "running") await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, 500))]);
    } catch (error) {
      if (attempt === this._attempt) this._fail(troubleWords(error));
      return undefined;
    }
    const input = /** @type {MicrophoneInput} */ (this._input);
    await this._listDevices();
    if (attempt !== this._attempt) return undefined;
    this._curve = /** @type {CurvePoint[]} */ ([]);
    this._recent = /** @type {Float32Array[]} */ ([]);
    this._stopsBecause = "";
    input.addEventListener("chunk", (event) => this._hear(/** @type {CustomEvent} */ (event).detail));
    input.addEventListener("ended", () => {
      this._stopsBecause = "The microphone was taken away; what was recorded until then is kept. ";
      this.stop();
    });
    input.start();
    this._start = input.context.currentTime;
    if (this.keepsBeat) this._countIn(input);
    else this._become("recording", "Recording. Sing, and press again when you are done.");
    this._tick();
    return undefined;
  }

  /** @param {MicrophoneInput} input */
  _countIn(input) {
    const beat = 60 / this.bpm, first = input.context.currentTime + 0.2;
    this._clicks = Array.from({ length: COUNT_IN }, (_, index) => this.sound?.click?.(first + index * beat, index === 0));
    this._start = first + COUNT_IN * beat;
    this.picture.clear(h("strong", {}, "Get ready"), h("span", {}, "Four beats, then sing to the lights."));
    this._become("count-in", "Four beats, then sing.");
  }

  _tick() {
    cancelAnimationFrame(this._frame ?? 0);
    const input = this._input;
    if (!input) return;
    const now = input.context.currentTime - (this.sound?.latency ?? 0), seconds = now - (this._start ?? 0);
    if (this.state === "count-in" && seconds >= -LEAD) this._become("recording", "Recording. Sing to the lights, and press again when you are done.");
    const beat = Math.floor((seconds * this.bpm) / 60);
    if (this.keepsBeat) {
      [...this._lights.children].forEach((light, index) => { light.className = index === ((beat % COUNT_IN) + COUNT_IN) % COUNT_IN ? "dc-on" : ""; });
    }
    const text = seconds < 0 ? String(Math.max(1, COUNT_IN + 1 + beat)) : clock(seconds);
    if (this._time.textContent !== text) this._time.textContent = text;
    if (this.state === "recording" && Math.abs(now - this._drawn) >= DRAW) {
      this._drawn = now;
      this.picture.live(this._curve ?? [], Math.max(0, seconds));
    }
    if (seconds >= MOST_SECONDS) {
      this._stopsBecause = `Stopped after ${MOST_SECONDS / 60} minutes, the longest that is recorded. `;
      this.stop();
      return;
    }
    this._frame = requestAnimationFrame(() => this._tick());
  }

  /** @param {Float32Array} samples */
  _hear(samples) {
    const input = this._input;
    if (!input) return;
    const { level, isClipped } = levelOf(samples);
    const word = levelWord(level, isClipped);
    this._fill.style.setProperty("--dc-share", String(meterShare(level)));
    if (this._level.textContent !== word) {
      this._level.textContent = word;
      this._meter.setAttribute("aria-valuetext", word);
      this._meter.dataset.level = word;
    }
    this._meter.setAttribute("aria-valuenow", String(Math.round(Math.max(-60, level))));
    const recent = (this._recent ??= []);
    recent.push(samples);
    if (recent.length > 3) recent.shift();
    if (recent.length < 3) return;
    const step = Math.max(1, Math.floor(input.rate / 22000)), whole = joined(recent);
    const rough = new Float32Array(Math.floor(whole.length / step));
    for (let index = 0; index < rough.length; index++) {
      for (let part = 0; part < step; part++) rough[index] += whole[index * step + part] / step;
    }
    const pitch = level < -50 ? null : pitchOf(rough, input.rate / step);
    const at = input.context.currentTime - (this._start ?? 0) - whole.length / input.rate / 2;
    if (at >= 0) this._curve?.push([at, pitch]);
  }

  /** End without a recording. */
  cancel() {
    this._attempt += 1;
    this._close();
    this._time.textContent = "0:00";
    if (this.sung) this.show(this.sung, this.recording);
    else this._become("idle");
  }

  _close() {
    cancelAnimationFrame(this._frame ?? 0);
    for (const click of this._clicks ?? []) click?.stop?.();
    this._clicks = [];
    const input = this._input;
    this._input = null;
    return input ? { samples: input.close(), input } : null;
  }

  async stop() {
    if (this.state === "count-in") return this.cancel();
    const closed = this._close();
    if (!closed) return undefined;
    const { samples, input } = closed;
    let kept = samples;
    this._beat = { bpm: null, first_beat: null };
    if (this.keepsBeat && input.began !== null) {
      // What is sung to a beat that is heard late comes back later still.
      const first = (this._start ?? 0) + (this.sound?.latency ?? 0) + input.latency - input.began;
      const cut = Math.max(0, Math.round((first - LEAD) * input.rate));
      kept = samples.subarray(Math.min(cut, samples.length));
      this._beat = { bpm: this.bpm, first_beat: first - cut / input.rate };
    }
    if (kept.length / input.rate < LEAST_SECONDS) {
      if (this.sung) this.show(this.sung, this.recording);
      else this._become("idle");
      this._words.textContent = `${this._stopsBecause ?? ""}The recording was too short to hold a note: it took ${(kept.length / input.rate).toFixed(1)} s.`;
      return undefined;
    }
    this._become("transcribing", "Finding the notes …");
    this.recording = { samples: toInt16(await resampleInSlices(bridged(kept, input.rate), input.rate, RATE)), rate: RATE };
    return this._find();
  }

  /** Ask for the notes of the recording. */
  async _find() {
    const recording = /** @type {Recording} */ (this.recording), attempt = ++this._attempt;
    this._become("transcribing", "Finding the notes …");
    const patience = setTimeout(() => { this._words.textContent = "Finding the notes … The kernel may be busy with another cell; the recording is kept."; }, WAIT);
    try {
      const found = await this.transcribe(recording.samples, recording.rate, this._beat);
      if (attempt !== this._attempt) return;
      const sung = "piece" in found ? found : this._asSung(found);
      sung.words = `${this._stopsBecause ?? ""}${sung.words}`;
      this.show(sung, recording);
      this.dispatchEvent(new CustomEvent("piece", { detail: { piece: sung.piece, sung } }));
    } catch (error) {
      if (attempt !== this._attempt) return;
      this._fail({ kind: "kernel", title: "The notes were not found.", words: /** @type {Error} */ (error).message });
    } finally {
      clearTimeout(patience);
    }
  }

  /** A piece alone, with what the page itself heard. @param {Piece} piece @returns {Sung} */
  _asSung(piece) {
    const seconds = this.recording ? this.recording.samples.length / this.recording.rate : 0;
    const first = this._beat.first_beat ?? this._curve?.find((point) => point[1] !== null)?.[0] ?? 0;
    const heard = notesInSeconds(piece, first);
    const words = heard.length ? `${heard.length === 1 ? "1 note was" : `${heard.length} notes were`} heard.` : "No note was heard.";
    return { piece, words, heard, curve: this._curve ?? [], seconds, first_beat: first };
  }

  /** Show what was sung, earlier perhaps. @param {Sung} sung @param {Recording | null} recording @param {boolean} isElsewhere whether the kernel has the recording */
  show(sung, recording = null, isElsewhere = false) {
    this.sung = sung;
    this.recording = recording;
    this._hasRecordingElsewhere = isElsewhere && this._fetchRecording !== null;
    this._time.textContent = clock(sung.seconds);
    this._transport?.setPiece(sung.piece);
    if (sung.curve.length || sung.heard.length) this.picture.show(sung);
    else this.picture.clear(icon("microphone"), h("strong", {}, "No note was heard"), h("span", {}, "Press record to try again."));
    this._become(sung.heard.length ? "done" : "silent", sung.words);
  }

  /** Forget what was sung. */
  clear() {
    this.sung = null;
    this.recording = null;
    this._hasRecordingElsewhere = false;
    this._time.textContent = "0:00";
    this._become("idle");
  }

  async _listDevices() {
    const devices = (await navigator.mediaDevices.enumerateDevices?.().catch(() => []))?.filter((device) => device.kind === "audioinput") ?? [];
    this._devices.hidden = devices.length < 2;
    if (this._devices.hidden) return;
    const chosen = this._device ?? devices.find((device) => device.label === this._input?.name)?.deviceId ?? devices[0].deviceId;
    this._devices.replaceChildren(select({
      label: "Microphone", value: chosen, choices: devices.map((device, index) => [device.deviceId, device.label || `Microphone ${index + 1}`]),
      onchange: (device) => { this._device = device; },
    }).element);
  }

  // ------------------------------------------------------------------------------ listening

  playMelody() {
    const transport = this._transport;
    if (!transport || !this.sung) return;
    this._stopRecording();
    if (transport.isPlaying) transport.stop();
    else transport.play(0);
  }

  _followTransport() {
    const transport = this._transport;
    const isPlaying = Boolean(transport?.isPlaying);
    this._melodyButton.replaceChildren(icon(isPlaying ? "stop" : "play"), "Melody");
    this._melodyButton.title = isPlaying ? "Stop" : "Play the notes that were found";
    this._melodyButton.setAttribute("aria-pressed", String(isPlaying));
    if (!isPlaying) return this.picture.playhead(null);
    const follow = () => {
      if (!transport?.isPlaying || !this.sung) return;
      const { piece, first_beat } = this.sung;
      this.picture.playhead(transport.position > endOf(piece) ? null : first_beat + secondsAt(piece, transport.position));
      requestAnimationFrame(follow);
    };
    return follow();
  }

  async playRecording() {
    if (this._playing) return this._stopRecording();
    this._transport?.stop();
    await this.sound?.enable?.();
    /** @type {AudioContext} */
    const context = this.sound?.context ?? (this._ownContext ??= new AudioContext());
    if (!this.recording && this._fetchRecording) {
      try {
        this.recording = await this._fetchRecording();
      } catch (error) {
        this._words.textContent = /** @type {Error} */ (error).message;
        return undefined;
      }
    }
    if (!this.recording || this._playing) return undefined;
    const { samples, rate } = this.recording;
    const buffer = context.createBuffer(1, samples.length, rate), source = context.createBufferSource();
    buffer.copyToChannel(/** @type {any} */ (toFloat32(samples)), 0);
    source.buffer = buffer;
    source.connect(this.sound?.output ?? context.destination);
    source.start();
    source.onended = () => this._stopRecording();
    this._playing = { source, began: context.currentTime };
    this._recordingButton.replaceChildren(icon("stop"), "Recording");
    this._recordingButton.setAttribute("aria-pressed", "true");
    const follow = () => {
      if (!this._playing) return;
      this.picture.playhead(context.currentTime - this._playing.began - (this.sound?.latency ?? 0));
      requestAnimationFrame(follow);
    };
    return follow();
  }

  _stopRecording() {
    const playing = this._playing;
    if (!playing) return;
    this._playing = null;
    playing.source.onended = null;
    try { playing.source.stop(); } catch { /* it has ended */ }
    playing.source.disconnect();
    this._recordingButton.replaceChildren(icon("play"), "Recording");
    this._recordingButton.setAttribute("aria-pressed", "false");
    this.picture.playhead(null);
  }

  _silence() {
    this._stopRecording();
    if (this._transport?.isPlaying) this._transport.stop();
  }

  /** Give the recording as a file. */
  async save() {
    if (!this.recording && this._fetchRecording) this.recording = await this._fetchRecording().catch(() => null);
    if (!this.recording) return;
    const bytes = writeWav([toFloat32(this.recording.samples)], this.recording.rate);
    download(new Blob([/** @type {any} */ (bytes)], { type: "audio/wav" }), "recording.wav");
  }

  destroy() {
    this._attempt += 1;
    this._silence();
    this._close();
    this._transport?.dispose?.();
    this._ownContext?.close?.();
    this.picture.destroy();
    this.element.remove();
  }
}
