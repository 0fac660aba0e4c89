// MIDI keyboards through the browser: which there are, which one plays, and what it says.

/** @typedef {{on: boolean, pitch: number, velocity: number, timeStamp: number}} MidiNote */

const SENTENCES = {
  absent: "This browser has no Web MIDI. Chrome, Edge and Firefox have it; the keys on the screen work here.",
  insecure: "Web MIDI needs https or localhost; this page has neither. The keys on the screen work here.",
  asking: "The browser asks whether this page may use MIDI devices.",
  refused: "The browser was told not to let this page use MIDI devices. Its address bar lets you change that.",
  none: "No MIDI keyboard yet. Plug one in: it is found by itself.",
};

/** Ports that carry other programs' notes: taken when a person chooses them, not by themselves. */
const NOT_PLAYED = /through|thru|virtual raw|iac driver|rtpmidi/i;

/**
 * Events: "change" (devices, state), "note" (detail: MidiNote), "sustain" (detail: {on, timeStamp}), "button" (detail: "play" |
 * "stop" | "record"), "activity", "owner". One keyboard of the page plays at a time: the one that was used last.
 */
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
    this.lastActivity = -Infinity;
    /** @type {any} Whom the notes are for; null: whoever listens. */
    this.owner = null;
    /** @type {Set<number>} */
    this._held = new Set();
    this._isSustained = false;
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

  /** The same where the browser was told already that it may, so that nobody is asked. */
  async requestIfGranted() {
    if (this.state !== "idle") return;
    const status = await this.navigator.permissions?.query?.({ name: "midi" }).catch(() => null);
    if (status?.state === "granted") await this.request();
  }

  /** From now on notes are for `player`; null sets them free. @param {any} player */
  claim(player) {
    if (this.owner === player) return;
    this.releaseAll();
    this.owner = player;
    this.dispatchEvent(new Event("owner"));
  }

  /** @param {any} player */
  isFor(player) {
    return this.owner === null || this.owner === player;
  }

  /** Say the ends of what is held: its device has gone, or plays for somebody else now. */
  releaseAll(timeStamp = performance.now()) {
    for (const pitch of [...this._held]) this._say("note", { on: false, pitch, velocity: 0, timeStamp });
    this._held.clear();
    if (this._isSustained) this._say("sustain", { on: false, timeStamp });
    this._isSustained = false;
  }

  /** @param {string} id */
  choose(id) {
    this._take(id);
    this._become("ready");
  }

  _look() {
    const ports = [...this._access.inputs.values()].filter((port) => port.state !== "disconnected");
    this.devices = ports.map(({ id, name, manufacturer }) => ({ id, name: name || manufacturer || "MIDI keyboard" }));
    const isThere = this.devices.some(({ id }) => id === this.chosen);
    if (!isThere) this._take(this.devices.find(({ name }) => !NOT_PLAYED.test(name))?.id ?? null); // a newcomer takes over from nobody
    this._become(this.chosen === null ? "none" : "ready");
  }

  /** @param {string | null} id */
  _take(id) {
    if (id !== this.chosen) this.releaseAll();
    for (const port of this._access.inputs.values()) port.onmidimessage = port.id === id ? (/** @type {any} */ event) => this._hear(event) : null;
    this.chosen = id;
  }

  /** @param {{data: Uint8Array, timeStamp: number}} event */
  _hear({ data, timeStamp: said }) {
    const timeStamp = said || performance.now();
    const [status, first, second = 0] = data, kind = status & 0xf0;
    if (status >= 0xf0) return; // clock and active sensing are not somebody playing
    this.lastActivity = performance.now();
    if (kind === 0x90 || kind === 0x80) {
      const on = kind === 0x90 && second > 0;
      if (on) this._held.add(first);
      else this._held.delete(first);
      this._say("note", { on, pitch: first, velocity: on ? second : 0, timeStamp });
    } else if (kind === 0xb0 && first === 64) {
      this._isSustained = second >= 64;
      this._say("sustain", { on: this._isSustained, timeStamp });
    } else if (kind === 0xb0 && (first === 120 || first === 123)) { // all sound off, all notes off: panic
      this.releaseAll(timeStamp);
    } else if (kind === 0xb0 && second > 0) {
      const button = { 105: "play", 106: "stop", 107: "record" }[first]; // as on the original's keyboard
      if (button) this._say("button", button);
    }
    this.dispatchEvent(new Event("activity"));
  }

  /** @param {string} what @param {any} detail */
  _say(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
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
