// The picture of a sung melody: while it is sung the curve of its pitch, then the notes that were found in it.
import { barsOf, endOf, isBlackKey, pitchName, secondsAt } from "../lib/piece.js";
import { curvePath, nameNow, notesInSeconds, notesInWords, rowsOf, secondLines } from "../lib/sung.js";
import { h, s } from "./dom.js";

/** @typedef {import("../lib/sung.js").CurvePoint} CurvePoint */
/** @typedef {import("../lib/sung.js").HeardNote} HeardNote */

const LEFT = 40, BOTTOM = 18, LIVE_SECONDS = 8, NAMED_ROW = 11;

export class SungPicture {
  /** @param {HTMLElement} container @param {number} height px */
  constructor(container, height = 220) {
    this.height = height;
    this.svg = s("svg", { class: "dc-sung", height, role: "img", "aria-label": "Nothing was sung yet." });
    this.empty = h("div", { class: "dc-sung-empty" });
    this.element = h("div", { class: "dc-sung-frame" }, this.svg, this.empty);
    container.append(this.element);
    /** @type {CurvePoint[]} */
    this.curve = [];
    /** @type {HeardNote[]} */
    this.heard = [];
    /** @type {HeardNote[]} The notes of the melody, in seconds of the recording. */
    this.notes = [];
    /** @type {{second: number, label: string}[]} Beats; a bar line has a label. */
    this.lines = [];
    this.seconds = LIVE_SECONDS;
    this._isLive = false;
    /** @type {[number, number] | null} */
    this._rows = null;
    this._observer = new ResizeObserver(() => this.draw());
    this._observer.observe(this.element);
  }

  /** Show nothing, and words in its place. @param {...(Node | string)} words */
  clear(...words) {
    this.curve = [];
    this.heard = this.notes = [];
    this.lines = [];
    this.seconds = LIVE_SECONDS;
    this._isLive = false;
    this._rows = null;
    this.empty.replaceChildren(...words);
    this.svg.setAttribute("aria-label", "Nothing was sung yet.");
    this.draw();
  }

  /** What is sung now; the picture follows. @param {CurvePoint[]} curve @param {number} seconds */
  live(curve, seconds) {
    this.empty.replaceChildren();
    this.heard = this.notes = [];
    this.lines = [];
    this.seconds = seconds;
    this.curve = curve;
    if (!this._isLive) this._rows = null;
    this._isLive = true;
    const sung = curve.flatMap(([, pitch]) => (pitch === null ? [] : [pitch]));
    if (sung.length) {
      // The rows grow with what is sung and do not shrink: the curve would jump.
      const [low, high] = rowsOf(curve, []);
      this._rows = this._rows ? [Math.min(low, this._rows[0]), Math.max(high, this._rows[1])] : [low, high];
    }
    this.draw();
  }

  /**
   * What was found: the melody's notes on its own bars, where they were sung dotted, and the curve.
   * @param {{curve: CurvePoint[], heard: HeardNote[], seconds: number, piece: import("../lib/piece.js").Piece, first_beat: number}} found
   */
  show({ curve, heard, seconds, piece, first_beat }) {
    this.empty.replaceChildren();
    this._isLive = false;
    this.curve = curve;
    this.heard = heard;
    this.notes = notesInSeconds(piece, first_beat);
    const last = endOf(piece);
    this.lines = [];
    for (const bar of barsOf(piece, last)) {
      const step = 4 / bar.denominator;
      for (let beat = 0; beat < bar.beats - 1e-6; beat += step) {
        this.lines.push({ second: first_beat + secondsAt(piece, bar.start + beat), label: beat === 0 ? String(bar.number) : "" });
      }
    }
    this.seconds = Math.max(seconds, first_beat + secondsAt(piece, last), 1);
    this._rows = rowsOf(curve, [...heard, ...this.notes]);
    this.svg.setAttribute("aria-label", `${notesInWords(this.notes)} The thin curve is the pitch as it was sung.`);
    this.draw();
  }

  /** Where in the recording the sound is; null for nowhere. @param {number | null} second */
  playhead(second) {
    this._playhead?.setAttribute("visibility", second === null ? "hidden" : "visible");
    if (second === null || !this._x) return;
    const x = this._x(second);
    this._playhead?.setAttribute("x1", String(x));
    this._playhead?.setAttribute("x2", String(x));
  }

  draw() {
    const width = Math.max(200, this.element.clientWidth), plot = width - LEFT, rolled = this.height - BOTTOM;
    const [low, high] = this._rows ?? [53, 77];
    const row = rolled / (high - low + 1);
    const begin = this._isLive ? Math.max(0, this.seconds - LIVE_SECONDS) : 0;
    const shown = this._isLive ? LIVE_SECONDS : this.seconds;
    const x = (/** @type {number} */ second) => LEFT + ((second - begin) / shown) * plot;
    const y = (/** @type {number} */ pitch) => (high - pitch + 0.5) * row;
    this._x = x;
    const rows = [], names = [];
    for (let pitch = low; pitch <= high; pitch++) {
      if (isBlackKey(pitch)) rows.push(s("rect", { class: "dc-sung-black", x: LEFT, y: y(pitch) - row / 2, width: plot, height: row }));
      const isNamed = row >= NAMED_ROW ? !isBlackKey(pitch) : pitch % 12 === 0;
      if (isNamed) names.push(s("text", { class: "dc-sung-name", x: LEFT - 6, y: y(pitch), "text-anchor": "end", "dominant-baseline": "central" }, pitchName(pitch)));
    }
    const ruler = this.lines.length
      ? this.lines.filter((line) => line.second <= begin + shown)
      : secondLines(begin + shown).filter((second) => second >= begin).map((second) => ({ second, label: `${+second.toFixed(1)} s` }));
    const bars = Math.ceil(this.lines.filter((line) => line.label).length / (plot / 28)); // as many numbers as have room
    const lines = ruler.flatMap(({ second, label }) => [
      s("line", { class: label && this.lines.length ? "dc-sung-bar" : "dc-sung-line", x1: x(second), x2: x(second), y1: 0, y2: rolled }),
      !label || second + shown / 30 > begin + shown || (this.lines.length && (+label - 1) % bars) ? null
        : s("text", { class: "dc-sung-name", x: x(second) + 3, y: this.height - 5 }, label),
    ]);
    const thick = Math.min(row * 1.5, 16);
    const box = (/** @type {HeardNote} */ [onset, pitch, duration]) => ({
      x: x(onset), width: Math.max(3, x(onset + duration) - x(onset) - 1), y: y(pitch) - thick / 2, height: thick, rx: 2,
    });
    const moved = this.heard.filter(([onset, pitch], index) => Math.abs((this.notes[index]?.[0] ?? onset) - onset) > 0.01 || this.notes[index]?.[1] !== pitch);
    const notes = [
      ...this.notes.flatMap((note) => {
        const name = pitchName(note[1]), place = box(note);
        return [
          s("rect", { class: "dc-sung-note", ...place }, s("title", {}, `${name}, ${note[2].toFixed(2)} s long`)),
          place.width > 7 * name.length && place.y > 12 ? s("text", { class: "dc-sung-note-name", x: place.x + 1, y: place.y - 4 }, name) : null,
        ];
      }),
      ...moved.map((note) => s("rect", { class: "dc-sung-played", ...box(note) })),
    ];
    const seen = this._isLive ? this.curve.filter(([second]) => second >= begin) : this.curve;
    const path = s("path", { class: this._isLive ? "dc-sung-curve dc-sung-live" : "dc-sung-curve", d: curvePath(seen, x, y) || "M0 0" });
    const last = this._isLive ? this.curve[this.curve.length - 1] : undefined;
    const now = last && last[1] !== null && this.seconds - last[0] < 0.3
      ? [s("circle", { class: "dc-sung-now", cx: x(last[0]), cy: y(last[1]), r: 4 }),
         s("text", { class: "dc-sung-now-name", x: Math.min(x(last[0]) + 10, width - 70), y: y(last[1]), "dominant-baseline": "central" }, nameNow(last[1]).text)]
      : [];
    this._playhead = s("line", { class: "dc-sung-playhead", x1: 0, x2: 0, y1: 0, y2: rolled, visibility: "hidden" });
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.replaceChildren(
      s("rect", { class: "dc-sung-ground", x: LEFT, y: 0, width: plot, height: rolled }), ...rows,
      ...lines.filter((line) => line !== null), ...names, ...notes.filter((note) => note !== null), path, ...now, this._playhead,
    );
  }

  destroy() {
    this._observer.disconnect();
    this.element.remove();
  }
}
