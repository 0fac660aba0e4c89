// MIDI keyboards through the browser: which there are, which one plays, and what it says.

/** @typedef {{on: boolean, pitch: number, velocity: number, timeStamp: number}} MidiNote */

const SENTENCES = {
  absent: "This browser has no Web MIDI. Chrome, Edge and Firefox have it; the keys on the screen work here.",
  insecure: "Web MIDI needs https or localhost; this page has neither. The keys on the screen work here.",
  asking: "The browser asks whether this page may use MIDI devices.",
  refused: "The browser was told not to let this page use MIDI devices. Its address bar lets you change that.",
  none: "No MIDI keyboard yet. Plug one in: it is found by itself.",
};

/** Ports that carry other programs' notes, not a person's. */
const NOT_PLAYED = /through|thru|virtual raw|iac driver|rtpmidi/i;

/** Events: "change" (devices, state), "note" (detail: MidiNote), "sustain" (detail: {on, timeStamp}), "button" (detail: "play" | "stop" | "record"). */
export class MidiDevices extends EventTarget {
  constructor(navigatorLike = globalThis.navigator) {
    super();
    this.navigator = /** @type {any} */ (navigatorLike);
    /** @type {"absent" | "insecure" | "idle" | "asking" | "refused" | "none" | "ready"} */
    this.state = !("requestMIDIAccess" in this.navigator) ? (globalThis.isSecureContext === false ? "insecure" : "absent") : "idle";
    /** @type {{id: string, name: string}[]} */
    this.devices = [];
    /** @type {string | null} */
    this.chosen = null;
    this.byHand = false; // chosen by a person: a newcomer does not take over
    this.lastActivity = -Infinity;
    /** @type {any} */
    this._access = null;
  }

  get words() {
    if (this.state === "ready") return `${this.devices.find(({ id }) => id === this.chosen)?.name ?? "A MIDI keyboard"} is connected.`;
    if (this.state === "idle") return "MIDI is off.";
    return SENTENCES[this.state];
  }

  /** Ask the browser; finds what is plugged in, and what will be. */
  async request() {
    if (this.state === "absent" || this.state === "insecure" || this._access) return;
    this._become("asking");
    try {
      this._access = await this.navigator.requestMIDIAccess({ sysex: false });
    } catch {
      this._become("refused");
      return;
    }
    this._access.onstatechange = () => this._look();
    this._look();
  }

  /** @param {string} id */
  choose(id) {
    this.byHand = true;
    this._take(id);
    this.dispatchEvent(new Event("change"));
  }

  _look() {
    const ports = [...this._access.inputs.values()].filter((port) => port.state !== "disconnected");
    this.devices = ports.map(({ id, name, manufacturer }) => ({ id, name: name || manufacturer || "MIDI keyboard" }));
    const isThere = this.devices.some(({ id }) => id === this.chosen);
    if (!isThere || !this.byHand) {
      const played = this.devices.find(({ name }) => !NOT_PLAYED.test(name)) ?? this.devices[0];
      if (!isThere) this.byHand = false;
      if (!isThere || this._isThrough(this.chosen)) this._take(played?.id ?? null);
    }
    this._become(this.devices.length ? "ready" : "none");
  }

  /** @param {string | null} id */
  _isThrough(id) {
    const device = this.devices.find((one) => one.id === id);
    return device !== undefined && NOT_PLAYED.test(device.name);
  }

  /** @param {string | null} id */
  _take(id) {
    for (const port of this._access.inputs.values()) port.onmidimessage = port.id === id ? (/** @type {any} */ event) => this._hear(event) : null;
    this.chosen = id;
  }

  /** @param {{data: Uint8Array, timeStamp: number}} event */
  _hear({ data, timeStamp }) {
    const [status, first, second = 0] = data, kind = status & 0xf0;
    if (status >= 0xf0) return; // clock and active sensing are not somebody playing
    this.lastActivity = performance.now();
    if (kind === 0x90 || kind === 0x80) {
      const on = kind === 0x90 && second > 0;
      this.dispatchEvent(new CustomEvent("note", { detail: { on, pitch: first, velocity: on ? second : 0, timeStamp } }));
    } else if (kind === 0xb0 && first === 64) {
      this.dispatchEvent(new CustomEvent("sustain", { detail: { on: second >= 64, timeStamp } }));
    } else if (kind === 0xb0 && second > 0) {
      const button = { 105: "play", 106: "stop", 107: "record" }[first]; // as on the original's keyboard
      if (button) this.dispatchEvent(new CustomEvent("button", { detail: button }));
    }
    this.dispatchEvent(new Event("activity"));
  }

  /** @param {typeof this.state} state */
  _become(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/** The page's devices: the browser asks once. */
export function pageMidi() {
  const page = /** @type {any} */ (globalThis), name = Symbol.for("deepcomposer_lab.midi");
  /** @type {MidiDevices} */
  const devices = (page[name] ??= new MidiDevices());
  return devices;
}
