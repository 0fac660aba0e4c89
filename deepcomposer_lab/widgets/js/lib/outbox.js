// What is played goes to the kernel: at once where little is played, together where much comes at a time.

const GAP = 8; // ms between two letters

/** @typedef {[on: 0 | 1, pitch: number, velocity: number, time: number]} Letter one press or release; `time`: ms since 1970, by the browser's clock */

export class Outbox {
  /**
   * @param {(letters: Letter[], first: number) => void} send `first`: how many were sent before
   * @param {{now?: () => number, later?: (act: () => void, ms: number) => void}} clock
   */
  constructor(send, { now = () => performance.now(), later = (act, ms) => setTimeout(act, ms) } = {}) {
    this._send = send;
    this._now = now;
    this._later = later;
    /** @type {Letter[]} */
    this._waiting = [];
    this._isPlanned = false;
    this._last = -Infinity;
    this.sent = 0;
  }

  /** @param {Letter} letter */
  put(letter) {
    this._waiting.push(letter);
    if (this._isPlanned) return;
    const wait = this._last + GAP - this._now();
    if (wait <= 0) this.flush();
    else {
      this._isPlanned = true;
      this._later(() => { this._isPlanned = false; this.flush(); }, wait);
    }
  }

  flush() {
    if (!this._waiting.length) return;
    const letters = this._waiting;
    this._waiting = [];
    this._last = this._now();
    this._send(letters, this.sent);
    this.sent += letters.length;
  }
}
