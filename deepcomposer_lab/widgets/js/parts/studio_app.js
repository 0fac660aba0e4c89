// What the studio's steps share: the kernel's state and how it is changed, sound, words to people.
import { ask, Refusal } from "../lib/kernel.js";
import { barsOf, endOf } from "../lib/piece.js";
import { pageSound } from "../lib/sound_page.js";
import { button, h, liveRegion } from "./dom.js";

/** @typedef {import("../lib/piece.js").Piece} Piece */

const PATIENCE = 150; // ms before changes go to the kernel
const KERNEL_PATIENCE = 8000; // ms before somebody is told that an answer is late
const TOAST = 8000; // ms
const TIMES = "deepcomposer_lab.seconds."; // this browser's store

export class StudioApp extends EventTarget {
  /** @param {import("../lib/kernel.js").Model} model @param {HTMLElement} frame */
  constructor(model, frame) {
    super();
    this.model = model;
    this.frame = frame;
    this.sound = pageSound(model);
    this.transport = this.sound.createTransport();
    this.state = model.get("state");
    /** @type {any} */
    this._pending = null;
    /** @type {Set<any>} Changes that the kernel has not confirmed yet. */
    this._underway = new Set();
    this._timer = 0;
    /** @type {Promise<void>} The change that is on its way to the kernel. */
    this._sending = Promise.resolve();
    /** @type {{mix?: any[]} | null} The step that is heard. */
    this._heard = null;
    /** @type {{number: number, began: number} | null} */
    this._run = null;
    this.speech = liveRegion();
    this.toasts = h("div", { class: "dc-toasts" });
    frame.append(this.speech);
    const changed = () => this._follow();
    const run = () => {
      this._time();
      this.dispatchEvent(new Event("run"));
    };
    const listed = () => this.dispatchEvent(new Event("compositions"));
    const known = () => this.dispatchEvent(new Event("catalogue"));
    const message = (/** @type {any} */ content) => {
      if (["began", "progress"].includes(content?.kind)) this.dispatchEvent(new CustomEvent(content.kind, { detail: content.value }));
    };
    const listeners = /** @type {[string, any][]} */ ([
      ["change:state", changed], ["change:run", run], ["change:compositions", listed], ["change:catalogue", known], ["msg:custom", message],
    ]);
    for (const [name, listener] of listeners) model.on(name, listener);
    this.destroy = () => {
      clearTimeout(this._timer);
      if (this._pending) this._send();
      for (const [name, listener] of listeners) model.off(name, listener);
      this.transport.dispose();
    };
  }

  get catalogue() {
    return this.model.get("catalogue");
  }

  get compositions() {
    return this.model.get("compositions");
  }

  get run() {
    return this.model.get("run");
  }

  /** How many bars the input has, without a pickup. */
  get bars() {
    const { input } = this.state, end = endOf(input);
    return barsOf(input, end).filter((bar) => bar.number > 0 && bar.start < end - 1e-6).length;
  }

  get isRunning() {
    return ["loading", "running"].includes(this.run.state);
  }

  /** The kernel's state came: what is changed here and not confirmed yet stays. */
  _follow() {
    this.state = [...this._underway, this._pending ?? {}].reduce(merged, this.model.get("state"));
    this.dispatchEvent(new Event("state"));
  }

  /** Change the state: at once here, a moment later in the kernel. @param {any} change */
  patch(change) {
    this._pending = merged(this._pending ?? {}, change);
    this.state = merged(this.state, change);
    clearTimeout(this._timer);
    this._timer = setTimeout(() => { this._sending = this._send(); }, PATIENCE);
    this.dispatchEvent(new Event("state"));
  }

  async _send() {
    const patch = this._pending;
    this._pending = null;
    this._underway.add(patch);
    await this.ask("set", { patch });
    this._underway.delete(patch);
    this._follow(); // what came meanwhile, and the truth where it was refused
  }

  /** Send what waits, so that the kernel's next answer knows it; whoever waits for it goes on in the order they came. */
  async settle() {
    if (this._pending) {
      clearTimeout(this._timer);
      this._sending = this._send();
    }
    await this._sending;
  }

  /**
   * Ask the kernel; where it says no, the sentence is shown and null comes back.
   * @param {string} what @param {Record<string, any>} values @param {any[]} buffers
   * @returns {Promise<any>}
   */
  async ask(what, values = {}, buffers = []) {
    const patience = setTimeout(() => {
      this.toast("The kernel has not answered yet. It may be busy with another cell; where it was restarted, run the studio's cell again: the draft comes back.");
    }, KERNEL_PATIENCE);
    try {
      const { value, buffers: data } = await ask(this.model, what, values, buffers);
      return data.length ? { ...value, data } : value;
    } catch (error) {
      this.toast(error instanceof Refusal ? error.message : `That did not work: ${/** @type {Error} */ (error).message}`, { isTrouble: true });
      return null;
    } finally {
      clearTimeout(patience);
    }
  }

  /** Say something in passing. @param {string} words @param {{action?: string, onaction?: () => void, isTrouble?: boolean}} options */
  toast(words, { action, onaction, isTrouble = false } = {}) {
    const close = () => toast.remove(), lasts = isTrouble ? 2 * TOAST : TOAST;
    const toast = h("div", { class: `dc-toast${isTrouble ? " dc-trouble" : ""}`, role: isTrouble ? "alert" : "status", "data-action": action ?? null }, h("span", {}, ...worded(words)),
      action ? button({ label: action, text: action, icon: "undo", onclick: () => { close(); onaction?.(); } }) : null,
      button({ label: "Close this message", icon: "close", kind: "small", onclick: close }));
    this.toasts.append(toast);
    this._dropToast();
    const wait = () => {
      if (toast.matches(":hover, :focus-within")) setTimeout(wait, TOAST / 4); // nobody loses what is in their hand
      else close();
    };
    setTimeout(wait, lasts);
    return toast;
  }

  /** Two messages are enough; but one with a way back, or in somebody's hand, is not taken away. */
  _dropToast() {
    const all = [...this.toasts.children], idle = all.slice(0, -1).find((one) => !one.hasAttribute("data-action") && !one.matches(":hover, :focus-within"));
    if (all.length > 2) idle?.remove();
  }

  /** Time a run of a technique from its start to its end, for the next who chooses it. */
  _time() {
    const { number, state, technique } = this.run;
    if (state === "loading") this._run = { number, began: performance.now() };
    const run = this._run;
    if (state !== "done" || !run || run.number !== number) return;
    try {
      localStorage.setItem(`${TIMES}${technique}`, String(Math.max(1, Math.round((performance.now() - run.began) / 1000))));
    } catch { /* a browser that keeps nothing */ }
    this._run = null;
  }

  /** How many seconds a technique took here the last time; null where it has not been run. @param {string} technique */
  secondsOf(technique) {
    try {
      return Number(localStorage.getItem(`${TIMES}${technique}`)) || null;
    } catch {
      return null;
    }
  }

  /** @param {string} words */
  say(words) {
    this.speech.textContent = words;
  }

  /** Let a step's piece be heard, or a part of it: what is muted or soft in one step is so in that step alone. @param {{mix?: any[], range?: [number, number] | null}} step @param {Piece} piece */
  hear(step, piece) {
    if (this._heard !== step) {
      if (this._heard) this._heard.mix = this.transport.mix;
      this.transport.mix = step.mix ?? [];
      this._heard = step;
    }
    this.transport.range = step.range ?? null;
    this.transport.setPiece(piece);
  }

  /** How a step's tracks sound from now on; without a mix, as they come. @param {{mix?: any[]}} step @param {any[]} mix */
  setMix(step, mix = []) {
    step.mix = mix;
    if (this._heard === step) this.transport.mix = mix;
  }

  /** @param {1 | 2 | 3} step */
  go(step) {
    if (step !== this.state.step) this.patch({ step });
  }

  /** The technique that is chosen, as the catalogue has it; null while it is not known yet. */
  get technique() {
    return this.catalogue.techniques.find((/** @type {any} */ one) => one.name === this.state.technique.name) ?? null;
  }

  /** The model that is chosen. */
  get chosenModel() {
    const technique = this.technique, chosen = this.state.technique;
    if (!technique) return null;
    const open = technique.models.filter((/** @type {any} */ one) => !chosen.algorithm || one.algorithm === chosen.algorithm);
    return technique.models.find((/** @type {any} */ one) => one.name === chosen.model) ?? open[0] ?? technique.models[0] ?? null;
  }
}

/** Settings and technique are merged, and a technique's parameters; all else is replaced. @param {any} state @param {any} change */
export function merged(state, change) {
  const result = { ...state, ...change };
  for (const name of ["settings", "technique"]) if (change[name]) result[name] = { ...state[name], ...change[name] };
  return result;
}

/** A sentence with `commands` set apart. @param {string} words */
export function worded(words) {
  return words.split(/`([^`]+)`/).map((part, index) => (index % 2 ? h("code", {}, part) : part)).filter((part) => part !== "");
}

/** "30 notes", "1 note". @param {number} count @param {string} noun */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
