// The microphone as plain samples on the audio clock.
import { joined } from "./resample.js";

/** Handed to the audio thread: it sends what it hears, with the clock's time of its first sample. */
const WORKLET = `
class Listener extends AudioWorkletProcessor {
  constructor() {
    super();
    this.heard = new Float32Array(1024);
    this.filled = 0;
    this.isOpen = true;
    this.port.onmessage = () => { this.isOpen = false; };
  }
  process([input]) {
    const left = input[0];
    if (left) {
      if (this.filled === 0) this.began = currentFrame;
      for (let index = 0; index < left.length; index++) {
        let sum = left[index];
        for (let channel = 1; channel < input.length; channel++) sum += input[channel][index];
        this.heard[this.filled++] = sum / input.length;
      }
      if (this.filled >= this.heard.length) {
        this.port.postMessage({ samples: this.heard.slice(0, this.filled), frame: this.began });
        this.filled = 0;
      }
    }
    return this.isOpen;
  }
}
registerProcessor("deepcomposer-lab-listener", Listener);
`;

/** @type {WeakMap<BaseAudioContext, Promise<void>>} */
const prepared = new WeakMap();

/** @param {AudioContext} context */
function prepare(context) {
  let ready = prepared.get(context);
  if (!ready) {
    const url = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
    ready = context.audioWorklet.addModule(url).finally(() => URL.revokeObjectURL(url));
    prepared.set(context, ready);
    ready.catch(() => prepared.delete(context));
  }
  return ready;
}

/**
 * A recording that runs. Events: "chunk" {detail: Float32Array}, "ended" when the microphone is taken away.
 * What browsers do for speech is switched off: noise suppression takes a hum for noise.
 */
export class MicrophoneInput extends EventTarget {
  /** Ask for the microphone; fails with the browser's own error. @param {AudioContext} context @param {string | null} device */
  static async open(context, device = null) {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: { ideal: 1 },
        ...(device ? { deviceId: { exact: device } } : {}),
      },
    });
    try {
      await prepare(context);
      return new MicrophoneInput(context, stream);
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
  }

  /** @param {AudioContext} context @param {MediaStream} stream */
  constructor(context, stream) {
    super();
    this.context = context;
    this.stream = stream;
    /** @type {Float32Array[]} */
    this._chunks = [];
    /** @type {number | null} The audio clock at the first sample. */
    this.began = null;
    this._isKept = false;
    this._source = context.createMediaStreamSource(stream);
    this._node = new AudioWorkletNode(context, "deepcomposer-lab-listener", { numberOfInputs: 1, numberOfOutputs: 1, outputChannelCount: [1] });
    this._silent = context.createGain(); // a node that leads nowhere is not run by every browser
    this._silent.gain.value = 0;
    this._source.connect(this._node).connect(this._silent).connect(context.destination);
    this._node.port.onmessage = ({ data }) => this._take(data.samples, data.frame / context.sampleRate);
    stream.getAudioTracks()[0]?.addEventListener("ended", () => this.dispatchEvent(new Event("ended")));
  }

  get rate() {
    return this.context.sampleRate;
  }

  /** What the microphone is called. */
  get name() {
    return this.stream.getAudioTracks()[0]?.label ?? "";
  }

  /** Seconds between a sound and its samples, as far as the browser says. */
  get latency() {
    const settings = /** @type {any} */ (this.stream.getAudioTracks()[0]?.getSettings?.() ?? {});
    return settings.latency ?? 0;
  }

  get seconds() {
    return this._chunks.reduce((sum, chunk) => sum + chunk.length, 0) / this.rate;
  }

  /** Keep what is heard from now on. */
  start() {
    this._chunks = [];
    this.began = null;
    this._isKept = true;
  }

  /** @param {Float32Array} samples @param {number} time */
  _take(samples, time) {
    if (this._isKept) {
      this.began ??= time;
      this._chunks.push(samples);
    }
    this.dispatchEvent(new CustomEvent("chunk", { detail: samples }));
  }

  /** End, give the microphone back, and return what was kept. */
  close() {
    this._isKept = false;
    this._node.port.onmessage = null;
    this._node.port.postMessage("close");
    this._source.disconnect();
    this._node.disconnect();
    this._silent.disconnect();
    for (const track of this.stream.getTracks()) track.stop();
    return joined(this._chunks);
  }
}
