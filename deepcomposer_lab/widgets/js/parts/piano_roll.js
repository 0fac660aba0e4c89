// The piano roll: sees, compares and edits a piece on a canvas; everything can also be done from the keys.
import { History } from "../lib/history.js";
import { barsOf, endOf, isBlackKey, pitchName } from "../lib/piece.js";
import {
  added, compared, LEAST_DURATION, moved, noteKey, notesOf, quantised, removed, resized, revoiced, snapped, withNotes,
} from "../lib/roll_notes.js";
import { beatOf, lastBeat, pitchOf, pitchRange, seenOf, xOf, yOf, zoomed } from "../lib/roll_view.js";
import { coloursOf, onTheme, trackFill } from "../lib/theme.js";
import { h, liveRegion } from "./dom.js";

/** @typedef {import("../lib/piece.js").Piece} Piece */
/** @typedef {import("../lib/roll_notes.js").RollNote} RollNote */
/** @typedef {import("../lib/roll_view.js").RollGeometry} RollGeometry */

const KEYS = 36, RULER = 24, LANE = 60, LEAST_ROW = 5, MOST_ROW = 16, NAMED_ROW = 13;
const EDGE = 6; // px at a note's end that resize it
const CLICK = 4; // px a pointer may shake
const EMPTY_BARS = 8;

/** @type {RollNote[]} What the page's clipboard holds; onsets from the first note's. */
let clipboard = [];

export class PianoRollView extends EventTarget {
  /**
   * @param {HTMLElement} container
   * @param {{piece: Piece, editable?: boolean, transport?: any, sound?: any, compact?: boolean, keys?: boolean,
   *   velocityLane?: boolean, minHeight?: number, label?: string, leastRows?: number}} options
   */
  constructor(container, options) {
    super();
    const { piece, editable = true, transport = null, sound = null, compact = false, keys = true } = options;
    this.transport = transport;
    this.sound = sound;
    this.editable = editable;
    /** @type {Piece} */
    this._piece = piece;
    this.history = new History(notesOf(piece));
    this._longest = 0;
    this._low = 48;
    this._high = 72;
    this._scale = 1;
    this._frame = 0;
    this._drawing = 0;
    this._seen = "";
    /** @type {import("../lib/theme.js").Colours | null} */
    this._colours = null;
    /** @type {(string | CanvasPattern)[] | null} */
    this._fills = null;
    /** @type {ReturnType<typeof compared> | null} */
    this._changes = null;
    /** @type {any} What the pointer is doing. */
    this._gesture = null;
    /** @type {{original: RollNote[]} | null} */
    this._previewing = null;
    this.follow = true;
    this.leastRows = options.leastRows ?? 25;
    this.grid = 0.25;
    /** @type {"draw" | "select"} */
    this.tool = "draw";
    this.chosen = 0;
    this.showsGhosts = false; // other tracks pale, for editing one
    this.selected = new Set();
    /** @type {Piece | null} */
    this.before = null;
    /** @type {Piece | null} */
    this.ghost = null;
    /** @type {[number, number] | null} */
    this.trim = null;
    /** @type {((trim: [number, number] | null) => void) | null} */
    this._trimChanged = null;
    this.sounding = new Set();
    this.highlighted = new Set();
    this.cursor = { beat: 0, pitch: 60, visible: false };
    this.lane = options.velocityLane === false || compact ? 0 : LANE;
    this.ruler = compact ? 0 : RULER;
    this.left = keys ? KEYS : 0;
    this.height = options.minHeight ?? (compact ? 72 : 300);
    this._fits = true;

    this.base = h("canvas", { class: "dc-roll-base" });
    this.over = h("canvas", { class: "dc-roll-over" });
    this.speech = liveRegion();
    const help = editable
      ? "Arrows move the cursor or the chosen notes, Enter adds or chooses a note, Delete removes, Control with Z undoes, Space plays, Escape leaves."
      : "Left and right move the playhead, Space plays.";
    this.element = h("div", {
      class: "dc-roll", tabindex: 0, role: "application", "aria-label": options.label ?? "Piano roll", "aria-description": help,
      style: `height: ${this.height}px`,
    }, this.base, this.over, this.speech);
    this.bar = h("div", { class: "dc-roll-scroll", "aria-hidden": "true", hidden: true }, h("i"));
    this.element.append(this.bar);
    container.append(this.element);

    this._painter = /** @type {CanvasRenderingContext2D} */ (this.base.getContext("2d"));
    this._overPainter = /** @type {CanvasRenderingContext2D} */ (this.over.getContext("2d"));
    /** @type {RollGeometry} */
    this.view = { start: 0, perBeat: 24, top: 84, row: 10, left: this.left, width: 600, ruler: this.ruler, rows: 25 };
    this.setPiece(piece);

    this._stops = [
      this._listenToBar(),
      onTheme(this.element, () => { this._colours = null; this.draw(); }),
      this._listen(),
    ];
    const observer = new ResizeObserver(() => this._resize());
    observer.observe(this.element);
    this._stops.push(() => observer.disconnect());
    if (transport) {
      const moved = () => this._animate();
      transport.addEventListener("state", moved);
      this._stops.push(() => transport.removeEventListener("state", moved));
    }
    this._resize();
  }

  destroy() {
    for (const stop of this._stops) stop();
    cancelAnimationFrame(this._frame);
    cancelAnimationFrame(this._drawing);
    this.element.remove();
  }

  // ------------------------------------------------------------------------------ the piece and its notes

  /** @returns {Piece} */
  get piece() {
    return this._piece;
  }

  /** @param {Piece} piece @param {{keepHistory?: boolean, keepView?: boolean}} options */
  setPiece(piece, { keepHistory = false, keepView = false } = {}) {
    this._piece = piece;
    const notes = notesOf(piece);
    if (keepHistory && this.history) this.history.push(notes, "another piece");
    else this.history = new History(notes);
    if (this.chosen >= piece.tracks.length) this.chosen = 0;
    this.selected = new Set();
    this._settle();
    if (!keepView) this.fit();
    else { this._widen(); this.draw(); }
    this.dispatchEvent(new Event("history"));
  }

  get notes() {
    return this.history.state;
  }

  get canUndo() {
    return this.history.canUndo;
  }

  get canRedo() {
    return this.history.canRedo;
  }

  /** What follows from the notes: the longest, and what changed. */
  _settle() {
    this._longest = this.notes.reduce((most, note) => Math.max(most, note.duration), 0);
    this._changes = this.before ? compared(this.before, this._piece) : null;
  }

  /** @param {RollNote[]} notes @param {string} reason */
  _commit(notes, reason) {
    if (notes === this.notes) return;
    this.history.push(notes, reason);
    this._took(reason);
  }

  /** @param {string} reason */
  _took(reason) {
    this._piece = withNotes(this._piece, this.notes);
    const ids = new Set(this.notes.map((note) => note.id));
    this.selected = new Set([...this.selected].filter((id) => ids.has(id)));
    this._settle();
    this._widen();
    this.draw();
    this.dispatchEvent(new CustomEvent("change", { detail: { piece: this._piece, reason } }));
    this.dispatchEvent(new Event("history"));
    this.dispatchEvent(new Event("selection"));
  }

  undo() {
    if (!this.canUndo) return this.say("Nothing to undo.");
    const undone = this.history.undoes;
    this.history.undo();
    this._took("undo");
    this.say(`Undone: ${undone}.`);
  }

  redo() {
    if (!this.canRedo) return this.say("Nothing to redo.");
    this.history.redo();
    this._took("redo");
    this.say(`Done again: ${this.history.undoes}.`);
  }

  selectAll() {
    this._select(this.notes.filter((note) => !this.showsGhosts || note.track === this.chosen).map((note) => note.id));
  }

  /** @param {Iterable<number>} ids */
  _select(ids) {
    this.selected = new Set(ids);
    this.draw();
    this.dispatchEvent(new Event("selection"));
  }

  get selection() {
    return this.notes.filter((note) => this.selected.has(note.id));
  }

  /** The chosen notes, or all of the chosen track where none is. */
  _meant() {
    if (this.selected.size) return this.selected;
    return new Set(this.notes.filter((note) => note.track === this.chosen).map((note) => note.id));
  }

  deleteSelection() {
    if (!this.editable || this.selected.size === 0) return;
    const count = this.selected.size;
    this._commit(removed(this.notes, this.selected), `${counted(count)} removed`);
    this.say(`${counted(count)} removed.`);
  }

  /** @param {number} grid */
  quantise(grid = this.grid) {
    if (this.editable) this._commit(quantised(this.notes, this._meant(), grid || 0.25), "moved onto the grid");
  }

  /** @param {number} semitones */
  transpose(semitones) {
    if (this.editable) this._commit(moved(this.notes, this._meant(), 0, semitones), `moved by ${semitones} semitones`);
  }

  /** @param {number} velocity */
  setVelocity(velocity) {
    if (this.editable) this._commit(revoiced(this.notes, this._meant(), () => velocity), `velocity ${velocity}`);
  }

  copy() {
    const notes = this.selection;
    if (!notes.length) return;
    const first = Math.min(...notes.map((note) => note.onset));
    clipboard = notes.map((note) => ({ ...note, onset: note.onset - first }));
    this.say(`${counted(notes.length)} copied.`);
  }

  cut() {
    this.copy();
    this.deleteSelection();
  }

  get canPaste() {
    return clipboard.length > 0;
  }

  /** Put what was copied at the cursor, else at the playhead. */
  paste() {
    if (!this.editable || !clipboard.length) return;
    const at = snapped(this.cursor.visible ? this.cursor.beat : this.transport?.position ?? 0, this.grid);
    const put = clipboard.map(({ id, ...note }) => ({ ...note, onset: note.onset + at, track: Math.min(note.track, this._piece.tracks.length - 1) }));
    const { notes, ids } = added(this.notes, put);
    this.selected = new Set(ids);
    this._commit(notes, `${counted(ids.length)} put in`);
  }

  // ------------------------------------------------------------------------------ what else is shown

  /** Show what changed since `before`; null shows the piece alone. @param {Piece | null} before */
  setBefore(before) {
    this.before = before;
    this._settle();
    this._widen();
    this.draw();
  }

  get changes() {
    return this._changes;
  }

  /** Notes as they were played, dotted beneath. @param {Piece | null} ghost */
  setGhost(ghost) {
    this.ghost = ghost;
    this.draw();
  }

  /** Mark notes by "track:onset:pitch" (lib/roll_notes.js, noteKey). @param {Iterable<string>} keys */
  setHighlight(keys) {
    this.highlighted = new Set(keys);
    this.draw();
  }

  /** @param {number} index */
  setChosenTrack(index) {
    this.chosen = index;
    this.draw();
  }

  /** @param {[number, number] | null} trim @param {((trim: [number, number] | null) => void)} [changed] */
  setTrim(trim, changed) {
    this.trim = trim;
    if (changed) this._trimChanged = changed;
    this.draw();
  }

  /** @param {Iterable<number>} pitches */
  setSounding(pitches) {
    this.sounding = new Set(pitches);
    this._drawOver();
  }

  /** @param {string} words */
  say(words) {
    this.speech.textContent = words;
  }

  // ------------------------------------------------------------------------------ where things are

  _allPitches() {
    const pitches = this.notes.map((note) => note.pitch);
    if (this.before) for (const track of this.before.tracks) for (const note of track.notes) pitches.push(note[1]);
    return pitches;
  }

  /** Beats shown at most: the whole bars of the piece, eight where there is less. */
  get length() {
    const end = Math.max(endOf(this._piece), this.before ? endOf(this.before) : 0);
    const bars = barsOf(this._piece, end);
    const last = bars[bars.length - 1];
    const whole = last.start >= end - 1e-9 && end > 0 ? last.start : last.start + last.beats;
    const [, numerator, denominator] = this._piece.metres[0];
    return Math.max(whole, this.ruler ? (EMPTY_BARS * numerator * 4) / denominator : end);
  }

  /** The whole piece in the width, and its pitches in the height. */
  fit() {
    this._fits = true;
    this.view.start = 0;
    this.view.perBeat = Math.max(2, (this.view.width - this.left - 1) / this.length);
    this._fitPitches();
    this.draw();
  }

  _fitPitches() {
    const room = this.height - this.ruler - this.lane - 1;
    const least = this.ruler ? Math.max(this.leastRows, Math.floor(room / MOST_ROW)) : 13;
    const { low, high } = pitchRange(this._allPitches(), least);
    this._low = low;
    this._high = high;
    this.view.row = Math.max(this.ruler ? LEAST_ROW : 1.5, room / (high - low + 1));
    this.view.rows = Math.floor(room / this.view.row);
    this.view.top = high;
  }

  /** Show a note that came outside what is seen. */
  _widen() {
    const pitches = this._allPitches();
    if (pitches.some((pitch) => pitch < this._low || pitch > this._high)) this._fitPitches();
    if (this._fits && endOf(this._piece) > lastBeat(this.view)) this.fit();
  }

  /** @param {number} factor @param {number} [x] px from the left, the middle unless told otherwise */
  zoom(factor, x = (this.view.width + this.left) / 2) {
    this._fits = false;
    this.view = zoomed(this.view, factor, x);
    this._keepInside();
    this.draw();
  }

  /** @param {number} beats @param {number} [semitones] */
  scroll(beats, semitones = 0) {
    this.view.start += beats;
    this.view.top += semitones;
    this._keepInside();
    this.draw();
  }

  /** The bar below shows which part of the piece is seen; where all of it is, there is none. */
  _placeBar() {
    const seen = (this.view.width - this.left) / this.view.perBeat, whole = Math.max(this.length, this.view.start + seen);
    this.bar.hidden = !this.ruler || this.view.start <= 1e-6 && seen >= this.length - 1e-6;
    this.bar.style.left = `${this.left}px`;
    Object.assign(/** @type {HTMLElement} */ (this.bar.firstElementChild).style, { left: `${(this.view.start / whole) * 100}%`, width: `${Math.min(1, seen / whole) * 100}%` });
  }

  _listenToBar() {
    /** @type {{x: number, start: number} | null} */
    let held = null;
    const down = (/** @type {PointerEvent} */ event) => {
      event.stopPropagation();
      event.preventDefault();
      const box = this.bar.getBoundingClientRect(), thumb = /** @type {HTMLElement} */ (this.bar.firstElementChild).getBoundingClientRect();
      if (event.clientX < thumb.left || event.clientX > thumb.right) this.scroll((((event.clientX - box.left) / box.width) * this.length) - this.view.start - (this.view.width - this.left) / this.view.perBeat / 2);
      held = { x: event.clientX, start: this.view.start };
      this.bar.setPointerCapture(event.pointerId);
    };
    const move = (/** @type {PointerEvent} */ event) => {
      event.stopPropagation();
      if (!held) return;
      const seen = (this.view.width - this.left) / this.view.perBeat, whole = Math.max(this.length, this.view.start + seen);
      this.scroll(held.start + ((event.clientX - held.x) / this.bar.clientWidth) * whole - this.view.start);
    };
    const up = (/** @type {PointerEvent} */ event) => { event.stopPropagation(); held = null; };
    const listeners = /** @type {[string, any][]} */ ([["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", up]]);
    for (const [name, listener] of listeners) this.bar.addEventListener(name, listener);
    return () => { for (const [name, listener] of listeners) this.bar.removeEventListener(name, listener); };
  }

  _keepInside() {
    const seen = (this.view.width - this.left) / this.view.perBeat;
    this.view.start = Math.max(0, Math.min(this.view.start, this.length + 4 - seen));
    this.view.top = Math.min(this._high, Math.max(this.view.top, this._low + this.view.rows - 1));
  }

  _resize() {
    const width = this.element.clientWidth, height = this.element.clientHeight;
    if (width === 0) return;
    this.height = height || this.height;
    const scale = devicePixelRatio || 1;
    this._scale = scale;
    for (const canvas of [this.base, this.over]) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(this.height * scale);
    }
    this._fills = null;
    this.view.width = width;
    this._fitPitches();
    if (this._fits) this.fit();
    else { this._keepInside(); this.draw(); }
  }

  /** Show the same beats at the same places as another roll. @param {PianoRollView} other */
  alignTo(other) {
    this._fits = false;
    Object.assign(this.view, { start: other.view.start, perBeat: other.view.perBeat });
    this.draw();
  }

  /** @param {number} height px */
  setHeight(height) {
    this.element.style.height = `${height}px`;
    this._resize();
  }

  // ------------------------------------------------------------------------------ drawing

  draw() {
    this._drawing ||= requestAnimationFrame(() => {
      this._drawing = 0;
      this.drawNow();
    });
  }

  /** @returns {import("../lib/theme.js").Colours} */
  get colours() {
    if (!this._colours) { this._colours = coloursOf(this.element); this._fills = null; }
    return this._colours;
  }

  /** @param {number} track */
  _fill(track) {
    this._fills ??= [];
    return (this._fills[track % 6] ??= trackFill(this._painter, track, this.colours, this._scale));
  }

  drawNow() {
    if (!this.view.width || !this.base.width) return;
    const pen = this._painter, { width } = this.view, colours = this.colours;
    const seen = `${this.view.start} ${this.view.perBeat}`;
    if (seen !== this._seen) { this._seen = seen; this._placeBar(); this.dispatchEvent(new Event("view")); }
    pen.setTransform(this._scale, 0, 0, this._scale, 0, 0);
    pen.fillStyle = colours.roll;
    pen.fillRect(0, 0, width, this.height);
    const bottom = this.height - this.lane;
    pen.save();
    pen.beginPath();
    pen.rect(this.left, this.ruler, width - this.left, bottom - this.ruler);
    pen.clip();
    this._drawRows(bottom);
    this._drawBars(this.ruler, bottom);
    this._drawGhost();
    this._drawNotes();
    pen.restore();
    if (this.lane) this._drawLane(bottom);
    if (this.ruler) this._drawRuler();
    if (this.left) this._drawKeys(bottom);
    this._drawOver();
  }

  /** @param {number} bottom */
  _drawRows(bottom) {
    const pen = this._painter;
    for (let pitch = this.view.top; pitch >= 0; pitch--) {
      const y = yOf(this.view, pitch);
      if (y > bottom) break;
      if (isBlackKey(pitch)) {
        pen.fillStyle = this.colours["roll-black"];
        pen.fillRect(this.left, y, this.view.width, this.view.row);
      }
      if (pitch % 12 === 0) {
        pen.fillStyle = this.colours.line;
        pen.fillRect(this.left, y + this.view.row - 0.5, this.view.width, 0.5);
      }
    }
  }

  /** @param {number} top @param {number} bottom */
  _drawBars(top, bottom) {
    const pen = this._painter, view = this.view, to = lastBeat(view);
    for (const bar of barsOf(this._piece, to)) {
      if (bar.start + bar.beats < view.start) continue;
      const step = 4 / bar.denominator;
      if (view.perBeat * step >= 9) {
        pen.fillStyle = this.colours.beat;
        for (let beat = step; beat < bar.beats - 1e-9; beat += step) pen.fillRect(Math.round(xOf(view, bar.start + beat)), top, 1, bottom - top);
      }
      pen.fillStyle = this.colours.bar;
      pen.fillRect(Math.round(xOf(view, bar.start)), top, 1, bottom - top);
    }
  }

  _drawGhost() {
    if (!this.ghost) return;
    const pen = this._painter, view = this.view;
    pen.save();
    pen.setLineDash([2, 2]);
    pen.strokeStyle = this.colours["played-ring"];
    for (const track of this.ghost.tracks) {
      for (const [onset, pitch, duration] of track.notes) {
        const x = xOf(view, onset), wide = duration * view.perBeat;
        if (x + wide < this.left || x > view.width) continue;
        pen.strokeRect(x + 0.5, yOf(view, pitch) + 0.5, Math.max(2, wide - 1), view.row - 1);
      }
    }
    pen.restore();
  }

  _drawNotes() {
    const pen = this._painter, view = this.view, colours = this.colours;
    const [first, end] = seenOf(this.notes, view.start, lastBeat(view), this._longest);
    const changes = this._changes, row = view.row, high = Math.max(1.5, row - 1);
    const isNamed = row >= NAMED_ROW && this.ruler > 0;
    pen.font = `600 ${Math.min(11, row - 3)}px ${colours.font}`;
    pen.textBaseline = "middle";
    const drawAll = (/** @type {(note: RollNote) => boolean} */ which, /** @type {boolean} */ isPale) => {
      for (let index = first; index < end; index++) {
        const note = this.notes[index];
        if (!which(note)) continue;
        const x = xOf(view, note.onset), y = yOf(view, note.pitch), wide = Math.max(2, note.duration * view.perBeat - 1);
        if (x + wide < this.left || y < this.ruler - row || y > this.height - this.lane) continue;
        const isNew = changes?.added.has(noteKey(note.track, note.onset, note.pitch));
        const isKept = changes !== null && changes !== undefined && !isNew;
        pen.globalAlpha = isPale ? 0.22 : isKept ? 0.42 : 1;
        pen.fillStyle = wide < 4 ? colours[`t${(note.track % 6) + 1}`] : this._fill(note.track);
        if (row >= 7 && wide >= 5) { pen.beginPath(); pen.roundRect(x, y, wide, high, 2); pen.fill(); } else pen.fillRect(x, y, wide, high);
        pen.globalAlpha = 1;
        if (isPale) continue;
        if (isKept && row >= 5) {
          pen.strokeStyle = colours[`t${(note.track % 6) + 1}`];
          pen.lineWidth = 1;
          pen.strokeRect(x + 0.5, y + 0.5, wide - 1, high - 1);
        }
        if (isNew) this._markAdded(x, y, wide, high);
        if (isNamed && wide >= 20 && !isNew) {
          pen.fillStyle = isKept ? colours.ink : colours[`on-t${(note.track % 6) + 1}`];
          const plate = pitchName(note.pitch).replace(/-?\d+$/, "");
          if (note.track % 6 !== 0 && !isKept) { // on a pattern letters need a ground
            const across = pen.measureText(plate).width;
            pen.save(); pen.fillStyle = colours[`t${(note.track % 6) + 1}`]; pen.fillRect(x + 2, y + 1, across + 4, high - 2); pen.restore();
          }
          pen.fillText(plate, x + 4, y + high / 2 + 0.5);
        }
        if (this.highlighted.size && this.highlighted.has(noteKey(note.track, note.onset, note.pitch))) this._ring(x, y, wide, high, colours.ink);
        if (this.selected.has(note.id)) this._ring(x, y, wide, high, colours.accent);
      }
    };
    if (this.showsGhosts && this._piece.tracks.length > 1) drawAll((note) => note.track !== this.chosen, true);
    drawAll((note) => !this.showsGhosts || note.track === this.chosen || this._piece.tracks.length === 1, false);
    if (changes) for (const note of changes.removed) this._drawRemoved(note);
  }

  /** @param {number} x @param {number} y @param {number} wide @param {number} high @param {string} colour */
  _ring(x, y, wide, high, colour) {
    const pen = this._painter;
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.strokeRect(x - 1, y - 1, wide + 2, high + 2);
    pen.lineWidth = 1;
  }

  /** A ring, and a plus sign at the onset. @param {number} x @param {number} y @param {number} wide @param {number} high */
  _markAdded(x, y, wide, high) {
    const pen = this._painter;
    pen.strokeStyle = this.colours["added-ring"];
    pen.lineWidth = 1;
    if (wide >= 4 && high >= 4) pen.strokeRect(x + 0.5, y + 0.5, wide - 1, high - 1);
    if (wide < 9 || high < 6) return;
    const size = Math.min(high - 2, 9), cx = x + 1 + size / 2 + 1, cy = y + high / 2;
    pen.fillStyle = this.colours.ink;
    pen.fillRect(x + 1, y + 1, size + 2, high - 2);
    pen.fillStyle = this.colours.bg;
    pen.fillRect(cx - size / 2 + 1, cy - 0.75, size - 2, 1.5);
    pen.fillRect(cx - 0.75, cy - size / 2 + 1, 1.5, size - 2);
  }

  /** Hollow, dashed, struck. @param {{onset: number, pitch: number, duration: number}} note */
  _drawRemoved(note) {
    const pen = this._painter, view = this.view, x = xOf(view, note.onset), y = yOf(view, note.pitch);
    const wide = Math.max(3, note.duration * view.perBeat - 1), high = Math.max(2, view.row - 1);
    if (x + wide < this.left || x > view.width) return;
    pen.save();
    pen.strokeStyle = this.colours["removed-ring"];
    pen.setLineDash([3, 2]);
    pen.strokeRect(x + 0.5, y + 0.5, wide - 1, high - 1);
    pen.setLineDash([]);
    pen.beginPath();
    pen.moveTo(x, y + high / 2);
    pen.lineTo(x + wide, y + high / 2);
    pen.stroke();
    pen.restore();
  }

  /** @param {number} top */
  _drawLane(top) {
    const pen = this._painter, view = this.view, colours = this.colours;
    pen.fillStyle = colours.sunken;
    pen.fillRect(0, top, view.width, this.lane);
    pen.fillStyle = colours.line;
    pen.fillRect(0, top, view.width, 1);
    pen.save();
    pen.beginPath();
    pen.rect(this.left, top, view.width, this.lane);
    pen.clip();
    this._drawBars(top, this.height);
    const [first, end] = seenOf(this.notes, view.start, lastBeat(view), 0);
    for (let index = first; index < end; index++) {
      const note = this.notes[index];
      if (note.track !== this.chosen) continue;
      const x = xOf(view, note.onset), y = this._laneY(note.velocity);
      pen.fillStyle = this.selected.has(note.id) ? colours.accent : colours[`t${(note.track % 6) + 1}`];
      pen.fillRect(x, y, 1.5, this.height - y);
      pen.beginPath();
      pen.arc(x + 0.75, y, 3, 0, 7);
      pen.fill();
    }
    pen.restore();
    pen.fillStyle = colours["ink-3"];
    pen.font = `10px ${colours.font}`;
    pen.textBaseline = "top";
    pen.textAlign = "right";
    pen.fillText("127", this.left - 4, top + 4);
    pen.textBaseline = "bottom";
    pen.fillText("1", this.left - 4, this.height - 2);
    pen.textAlign = "left";
  }

  /** @param {number} velocity */
  _laneY(velocity) {
    return this.height - 4 - ((this.lane - 12) * velocity) / 127;
  }

  _drawRuler() {
    const pen = this._painter, view = this.view, colours = this.colours;
    pen.fillStyle = colours.bg;
    pen.fillRect(0, 0, view.width, this.ruler);
    pen.fillStyle = colours.line;
    pen.fillRect(0, this.ruler - 1, view.width, 1);
    pen.save();
    pen.beginPath();
    pen.rect(this.left, 0, view.width, this.ruler);
    pen.clip();
    if (this.transport?.loop) {
      const [from, to] = this.transport.loop;
      pen.fillStyle = colours.tint;
      pen.fillRect(xOf(view, from), 0, (to - from) * view.perBeat, this.ruler - 1);
      pen.fillStyle = colours.accent;
      pen.fillRect(xOf(view, from), this.ruler - 3, (to - from) * view.perBeat, 2);
    }
    pen.font = `11px ${colours.font}`;
    pen.textBaseline = "middle";
    let last = -Infinity;
    for (const bar of barsOf(this._piece, lastBeat(view))) {
      const x = Math.round(xOf(view, bar.start));
      if (x < this.left - 40 || x > view.width) continue;
      pen.fillStyle = colours.bar;
      pen.fillRect(x, x - last >= 24 ? 4 : 14, 1, this.ruler);
      if (x - last < 24 || bar.number === 0) continue;
      pen.fillStyle = colours["ink-2"];
      pen.fillText(String(bar.number), x + 4, this.ruler / 2);
      last = x;
    }
    pen.restore();
  }

  /** @param {number} bottom */
  _drawKeys(bottom) {
    const pen = this._painter, view = this.view, colours = this.colours;
    pen.fillStyle = colours.strip;
    pen.fillRect(0, this.ruler, this.left, bottom - this.ruler);
    for (let pitch = view.top; pitch >= 0; pitch--) {
      const y = yOf(view, pitch);
      if (y > bottom) break;
      const high = Math.min(view.row, bottom - y);
      if (isBlackKey(pitch)) {
        pen.fillStyle = colours["key-black"];
        pen.fillRect(0, y, this.left * 0.6, high);
      } else if (pitch % 12 === 0 || pitch % 12 === 5) {
        pen.fillStyle = colours["key-line"];
        pen.fillRect(0, y + high - 0.5, this.left, 0.5);
      }
      if (pitch % 12 === 0 && view.row >= 5) {
        pen.fillStyle = colours["key-ink"];
        pen.font = `${Math.min(10, Math.max(8, view.row))}px ${colours.font}`;
        pen.textBaseline = "middle";
        pen.textAlign = "right";
        pen.fillText(pitchName(pitch), this.left - 3, y + high / 2);
        pen.textAlign = "left";
      }
    }
    pen.fillStyle = colours.line;
    pen.fillRect(this.left - 1, this.ruler, 1, bottom - this.ruler);
  }

  _animate() {
    this._drawOver();
    this.draw(); // the loop on the ruler
    if (this._frame || !this.transport?.isPlaying) return;
    const step = () => {
      this._frame = 0;
      if (!this.transport?.isPlaying) return this._drawOver();
      this._followPlayhead();
      this._drawOver();
      this._frame = requestAnimationFrame(step);
    };
    this._frame = requestAnimationFrame(step);
  }

  _followPlayhead() {
    const beat = this.transport.position, { start } = this.view, end = lastBeat(this.view);
    if (!this.follow || this._gesture || (beat >= start && beat < end - (end - start) * 0.06)) return;
    if (beat < start) this.view.start = Math.max(0, beat - 1);
    else this.view.start = beat - (end - start) * 0.1;
    this._keepInside();
    this.drawNow();
  }

  _drawOver() {
    const pen = this._overPainter, view = this.view, colours = this.colours;
    if (!this.over.width) return;
    const bottom = this.height - this.lane;
    pen.setTransform(this._scale, 0, 0, this._scale, 0, 0);
    pen.clearRect(0, 0, view.width, this.height);
    if (this.sounding.size && this.left) {
      pen.fillStyle = colours.accent;
      for (const pitch of this.sounding) {
        const y = yOf(view, pitch);
        if (y >= this.ruler && y < bottom) pen.fillRect(0, y, this.left - 1, view.row);
      }
    }
    if (this.trim) this._drawTrim(pen, bottom);
    if (this.cursor.visible && this.editable && this.element.contains(document.activeElement)) {
      pen.strokeStyle = colours.accent;
      pen.setLineDash([3, 2]);
      pen.strokeRect(xOf(view, this.cursor.beat) + 0.5, yOf(view, this.cursor.pitch) + 0.5, Math.max(6, (this.grid || 0.25) * view.perBeat), view.row - 1);
      pen.setLineDash([]);
    }
    const box = this._gesture?.box;
    if (box) {
      pen.strokeStyle = colours.accent;
      pen.fillStyle = colours.tint;
      pen.globalAlpha = 0.4;
      pen.fillRect(box.x, box.y, box.width, box.height);
      pen.globalAlpha = 1;
      pen.strokeRect(box.x + 0.5, box.y + 0.5, box.width, box.height);
    }
    if (this.transport) {
      const x = xOf(view, this.transport.position);
      if (x >= this.left - 1 && x <= view.width) {
        pen.fillStyle = colours.playhead;
        pen.fillRect(x - 0.75, this.ruler ? 8 : 0, 1.5, this.height);
        if (this.ruler) { pen.beginPath(); pen.moveTo(x - 5, 4); pen.lineTo(x + 5, 4); pen.lineTo(x + 5, 11); pen.lineTo(x, 16); pen.lineTo(x - 5, 11); pen.fill(); }
      }
    }
  }

  /** @param {CanvasRenderingContext2D} pen @param {number} bottom */
  _drawTrim(pen, bottom) {
    const [from, to] = /** @type {[number, number]} */ (this.trim), view = this.view, colours = this.colours;
    pen.fillStyle = colours.sunken;
    pen.globalAlpha = 0.75;
    const left = Math.max(this.left, xOf(view, from)), right = Math.min(view.width, xOf(view, to));
    if (left > this.left) pen.fillRect(this.left, this.ruler, left - this.left, bottom - this.ruler);
    if (right < view.width) pen.fillRect(right, this.ruler, view.width - right, bottom - this.ruler);
    pen.globalAlpha = 1;
    for (const x of [xOf(view, from), xOf(view, to)]) {
      if (x < this.left - EDGE || x > view.width + EDGE) continue; // scrolled away
      const at = Math.max(this.left, Math.min(view.width - 3, x));
      pen.fillStyle = colours["ink-2"];
      pen.fillRect(at - 1, this.ruler, 2, bottom - this.ruler);
      pen.beginPath();
      pen.roundRect(Math.min(at - 5, view.width - 11), bottom - 22, 10, 20, 3);
      pen.fill();
      pen.fillStyle = colours.bg;
      pen.fillRect(Math.min(at - 5, view.width - 11) + 3, bottom - 17, 1, 10);
      pen.fillRect(Math.min(at - 5, view.width - 11) + 6, bottom - 17, 1, 10);
    }
  }

  // ------------------------------------------------------------------------------ the pointer

  /** @param {number} x @param {number} y @returns {RollNote | null} */
  _noteAt(x, y) {
    const beat = beatOf(this.view, x), pitch = pitchOf(this.view, y), slack = 2 / this.view.perBeat;
    const hit = this.notes.filter((note) => note.pitch === pitch && note.onset - slack <= beat && note.onset + note.duration + slack >= beat);
    return hit.findLast((note) => note.track === this.chosen) ?? (this.showsGhosts ? null : hit[hit.length - 1] ?? null);
  }

  _listen() {
    const element = this.element;
    /** @type {Map<number, {x: number, y: number}>} */
    const touches = new Map();
    const place = (/** @type {PointerEvent | WheelEvent | MouseEvent} */ event) => {
      const box = element.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const down = (/** @type {PointerEvent} */ event) => {
      const { x, y } = place(event);
      element.focus({ preventScroll: true });
      this.cursor.visible = false;
      if (event.pointerType === "touch") {
        touches.set(event.pointerId, { x, y });
        if (touches.size === 2) { this._cancel(); return; }
      }
      if (event.button === 2) return;
      element.setPointerCapture(event.pointerId);
      this._begin(x, y, event);
      event.preventDefault();
    };
    const move = (/** @type {PointerEvent} */ event) => {
      const { x, y } = place(event);
      if (touches.has(event.pointerId) && touches.size === 2) return this._pinch(touches, event.pointerId, x, y);
      if (this._gesture) this._drag(x, y, event);
      else this._hover(x, y);
    };
    const up = (/** @type {PointerEvent} */ event) => {
      touches.delete(event.pointerId);
      if (this._gesture) this._end();
    };
    const lost = (/** @type {PointerEvent} */ event) => {
      touches.delete(event.pointerId);
      if (this._gesture) this._cancel();
    };
    const wheel = (/** @type {WheelEvent} */ event) => {
      const { x } = place(event);
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY / 300), x);
      } else if (event.deltaX || event.shiftKey) {
        event.preventDefault();
        this.scroll((event.deltaX || event.deltaY) / this.view.perBeat);
      } else if (this._high - this._low + 1 > this.view.rows) {
        const top = this.view.top;
        this.scroll(0, -Math.sign(event.deltaY) * 2);
        if (this.view.top !== top) event.preventDefault(); // at its end the page scrolls on
      }
    };
    const menu = (/** @type {MouseEvent} */ event) => {
      const { x, y } = place(event), note = this._noteAt(x, y);
      event.preventDefault();
      if (!this.editable || !note) return;
      this._commit(removed(this.notes, this.selected.has(note.id) ? this.selected : new Set([note.id])), "a note removed");
    };
    const redraw = () => this._drawOver();
    const keydown = (/** @type {KeyboardEvent} */ event) => this._key(event);
    const listeners = /** @type {[string, any, any?][]} */ ([
      ["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", lost], ["contextmenu", menu],
      ["wheel", wheel, { passive: false }], ["keydown", keydown], ["focus", redraw], ["blur", redraw],
    ]);
    for (const [name, listener, settings] of listeners) element.addEventListener(name, listener, settings);
    return () => { for (const [name, listener] of listeners) element.removeEventListener(name, listener); };
  }

  /** @param {Map<number, {x: number, y: number}>} touches @param {number} id @param {number} x @param {number} y */
  _pinch(touches, id, x, y) {
    const other = /** @type {{x: number, y: number}} */ ([...touches].find(([key]) => key !== id)?.[1]);
    const was = /** @type {{x: number, y: number}} */ (touches.get(id));
    const before = Math.abs(was.x - other.x), now = Math.abs(x - other.x);
    const middle = (x + other.x) / 2;
    if (before > 30) this.zoom(now / before, middle);
    this.scroll(-(x - was.x) / 2 / this.view.perBeat);
    touches.set(id, { x, y });
  }

  /** Which handle of the trim is at x; −1 for none. @param {number} x @param {number} y */
  _trimAt(x, y) {
    if (!this.trim || !this._trimChanged || y < this.ruler || y > this.height - this.lane) return -1;
    const bottom = this.height - this.lane;
    return this.trim.findIndex((beat) => xOf(this.view, beat) <= this.view.width + EDGE && Math.abs(Math.min(xOf(this.view, beat), this.view.width - 3) - x) <= (y > bottom - 26 ? 9 : 4));
  }

  /** @param {number} x @param {number} y @param {PointerEvent} event */
  _begin(x, y, event) {
    const handle = this._trimAt(x, y);
    if (handle >= 0) { this._gesture = { kind: "trim", handle, x, y }; return; }
    if (this.ruler && y < this.ruler) { this._gesture = { kind: "ruler", x, y, beat: Math.max(0, beatOf(this.view, x)) }; return; }
    if (x < this.left) return this._pressKey(pitchOf(this.view, y));
    if (this.lane && y >= this.height - this.lane) {
      if (this.editable) { this._gesture = { kind: "velocity", x, y, notes: this.notes }; this._drag(x, y, event); }
      return;
    }
    if (!this.editable) { this._gesture = { kind: "ruler", x, y, beat: Math.max(0, beatOf(this.view, x)) }; return; }
    const note = this._noteAt(x, y);
    if (note) return this._takeHold(note, x, y, event);
    if (this.tool === "select" || event.shiftKey) {
      this._gesture = { kind: "box", x, y, kept: event.shiftKey ? this.selected : new Set() };
      return;
    }
    const had = this.selected.size;
    if (had && event.pointerType === "touch") { this._select([]); return; }
    const onset = Math.max(0, this.grid ? Math.floor(beatOf(this.view, x) / this.grid + 1e-6) * this.grid : beatOf(this.view, x));
    const pitch = Math.max(0, Math.min(127, pitchOf(this.view, y)));
    const { notes, ids } = added(this.notes, [{ track: this.chosen, onset, pitch, duration: this.grid || 0.25, velocity: 80 }]);
    this._gesture = { kind: "draw", x, y, notes, onset, id: ids[0], pitch };
    this._select(ids);
    this._preview(notes);
    this._audition(pitch);
  }

  /** @param {RollNote} note @param {number} x @param {number} y @param {PointerEvent} event */
  _takeHold(note, x, y, event) {
    if (event.shiftKey) { this._select(this.selected.has(note.id) ? [...this.selected].filter((id) => id !== note.id) : [...this.selected, note.id]); return; }
    if (!this.selected.has(note.id)) this._select([note.id]);
    if (note.track !== this.chosen && !this.showsGhosts) {
      this.chosen = note.track;
      this.dispatchEvent(new CustomEvent("track", { detail: { track: note.track } }));
    }
    const end = xOf(this.view, note.onset + note.duration), wide = note.duration * this.view.perBeat;
    const atEdge = x > end - Math.min(EDGE, wide / 3);
    this._gesture = { kind: atEdge ? "resize" : "move", x, y, notes: this.notes, note, pitch: note.pitch };
    this._audition(note.pitch, note);
  }

  /** @param {number} x @param {number} y @param {PointerEvent} event */
  _drag(x, y, event) {
    const gesture = this._gesture, view = this.view;
    gesture.dragged ||= Math.abs(x - gesture.x) > CLICK || Math.abs(y - gesture.y) > CLICK;
    const beat = beatOf(view, x), grid = event.altKey ? 0 : this.grid;
    const byBeats = (x - gesture.x) / view.perBeat;
    switch (gesture.kind) {
      case "trim": {
        const trim = /** @type {[number, number]} */ ([.../** @type {[number, number]} */ (this.trim)]);
        const step = grid || 1 / 16, at = Math.max(0, Math.min(this.length, snapped(beat, step)));
        trim[gesture.handle] = gesture.handle === 0 ? Math.min(at, trim[1] - step) : Math.max(at, trim[0] + step);
        this.trim = trim;
        this._drawOver();
        break;
      }
      case "ruler":
        if (gesture.dragged && this.transport && this.ruler && gesture.y < this.ruler) {
          const [from, to] = [gesture.beat, Math.max(0, beat)].sort((a, b) => a - b);
          const first = Math.floor(from + 1e-6), last = Math.ceil(to - 1e-6);
          if (last > first) { gesture.loop = [first, last]; this.transport.setLoop(first, last); }
        }
        break;
      case "box": {
        gesture.box = { x: Math.min(x, gesture.x), y: Math.min(y, gesture.y), width: Math.abs(x - gesture.x), height: Math.abs(y - gesture.y) };
        const { box } = gesture, from = beatOf(view, box.x), to = beatOf(view, box.x + box.width);
        const high = pitchOf(view, box.y), low = pitchOf(view, box.y + box.height);
        const inside = this.notes.filter((note) => note.onset < to && note.onset + note.duration > from && note.pitch <= high && note.pitch >= low
          && (!this.showsGhosts || note.track === this.chosen));
        this._select([...gesture.kept, ...inside.map((note) => note.id)]);
        this._drawOver();
        break;
      }
      case "draw": {
        if (!gesture.dragged) break;
        const end = Math.max(gesture.onset + (grid || LEAST_DURATION), snapped(beat, grid || 0));
        const pitch = Math.max(0, Math.min(127, pitchOf(view, y)));
        gesture.notes = gesture.notes.map((/** @type {RollNote} */ note) => note.id === gesture.id ? { ...note, pitch, duration: end - gesture.onset } : note);
        if (pitch !== gesture.pitch) { gesture.pitch = pitch; this._audition(pitch); }
        this._preview(gesture.notes);
        break;
      }
      case "move": {
        if (!gesture.dragged) break;
        const by = pitchOf(view, y) - gesture.note.pitch;
        const later = grid ? snapped(gesture.note.onset + byBeats, grid) - gesture.note.onset : byBeats;
        gesture.result = moved(gesture.notes, this.selected, later, by);
        if (gesture.note.pitch + by !== gesture.pitch) { gesture.pitch = gesture.note.pitch + by; this._audition(gesture.pitch); }
        this._preview(gesture.result);
        break;
      }
      case "resize": {
        if (!gesture.dragged) break;
        const end = gesture.note.onset + gesture.note.duration;
        const wanted = Math.max(gesture.note.onset + (grid || LEAST_DURATION), grid ? snapped(end + byBeats, grid) : end + byBeats);
        gesture.result = resized(gesture.notes, this.selected, wanted - end);
        this._preview(gesture.result);
        break;
      }
      case "velocity": {
        const velocity = Math.round(((this.height - 4 - y) / (this.lane - 12)) * 127);
        const near = this.notes.filter((note) => note.track === this.chosen && Math.abs(xOf(view, note.onset) - x) <= 6);
        if (near.length === 0) break;
        gesture.result = revoiced(gesture.result ?? gesture.notes, new Set(near.map((note) => note.id)), () => velocity);
        this._preview(gesture.result);
        break;
      }
    }
  }

  /** Show notes that are not yet decided. @param {RollNote[]} notes */
  _preview(notes) {
    this.history.states[this.history.at] = { ...this.history.states[this.history.at], state: notes };
    this._previewing ??= { original: this._gesture?.kind === "draw" ? removed(notes, new Set([this._gesture.id])) : this._gesture?.notes };
    this._longest = notes.reduce((most, note) => Math.max(most, note.duration), 0);
    this.draw();
  }

  _end() {
    const gesture = this._gesture;
    this._gesture = null;
    const preview = this._previewing;
    this._previewing = null;
    if (preview) { // what was there before stands again, and what came is one step from it
      const result = this.history.state;
      this.history.states[this.history.at] = { ...this.history.states[this.history.at], state: preview.original };
      const words = { draw: "a note added", move: "notes moved", resize: "length changed", velocity: "velocity changed" };
      this._commit(result, words[/** @type {keyof typeof words} */ (gesture.kind)] ?? "changed");
    } else if (gesture.kind === "trim") this._trimChanged?.(this.trim);
    else if (gesture.kind === "ruler" && !gesture.loop) {
      const beat = gesture.beat;
      this.transport?.seek(beat);
      this.dispatchEvent(new CustomEvent("seek", { detail: { beat } }));
      if (this.selected.size) this._select([]);
    } else if (gesture.kind === "box" && !gesture.box) this._select([]);
    this._drawOver();
  }

  _cancel() {
    if (this._previewing) this.history.states[this.history.at] = { ...this.history.states[this.history.at], state: this._previewing.original };
    this._previewing = null;
    this._gesture = null;
    this.draw();
  }

  /** @param {number} x @param {number} y */
  _hover(x, y) {
    let cursor = "default";
    if (this._trimAt(x, y) >= 0) cursor = "ew-resize";
    else if (this.ruler && y < this.ruler) cursor = "pointer";
    else if (this.editable && x >= this.left && y < this.height - this.lane) {
      const note = this._noteAt(x, y);
      const end = note && xOf(this.view, note.onset + note.duration);
      cursor = note ? (x > /** @type {number} */ (end) - EDGE ? "ew-resize" : "move") : this.tool === "draw" ? "crosshair" : "default";
    }
    this.element.style.cursor = cursor;
  }

  /** @param {number} pitch @param {RollNote} [note] */
  _audition(pitch, note) {
    if (!this.sound || this.transport?.isPlaying) return;
    const track = this._piece.tracks[note?.track ?? this.chosen];
    const id = this.sound.noteOn(pitch, note?.velocity ?? 80, { program: track?.program ?? 0, isDrum: track?.is_drum ?? false });
    setTimeout(() => this.sound.noteOff(id), 220);
  }

  /** @param {number} pitch */
  _pressKey(pitch) {
    this._audition(pitch);
    this.setSounding([pitch]);
    setTimeout(() => this.setSounding([]), 200);
  }

  // ------------------------------------------------------------------------------ the keys

  /** @param {KeyboardEvent} event */
  _key(event) {
    const control = event.ctrlKey || event.metaKey;
    const done = this._playKey(event, control) || (this.editable && (control ? this._controlKey(event) : this._editKey(event)));
    if (done) event.preventDefault();
  }

  /** @param {KeyboardEvent} event @param {boolean} control */
  _playKey(event, control) {
    if (event.key === " " && this.transport) { this.transport.toggle(); return true; }
    if (control && (event.key === "+" || event.key === "=")) { this.zoom(1.25); return true; }
    if (control && event.key === "-") { this.zoom(0.8); return true; }
    if (control && event.key === "0") { this.fit(); return true; }
    if (!this.editable && this.transport && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      this.transport.seek(this.transport.position + (event.key === "ArrowLeft" ? -1 : 1));
      return true;
    }
    if (event.key === "Home" || event.key === "End") {
      const beat = event.key === "Home" ? 0 : endOf(this._piece);
      if (this.editable) this._moveCursor(beat - this.cursor.beat, 0);
      this.transport?.seek(beat);
      return true;
    }
    return false;
  }

  /** @param {KeyboardEvent} event */
  _controlKey(event) {
    switch (event.key.toLowerCase()) {
      case "a": this.selectAll(); return true;
      case "c": this.copy(); return true;
      case "x": this.cut(); return true;
      case "v": this.paste(); return true;
      case "z": if (event.shiftKey) this.redo(); else this.undo(); return true;
      case "y": this.redo(); return true;
    }
    return false;
  }

  /** @param {KeyboardEvent} event */
  _editKey(event) {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (arrow) { this._arrow(arrow[0], arrow[1], event); return true; }
    switch (event.key) {
      case "Enter": this._enter(); return true;
      case "Delete": case "Backspace": this.deleteSelection(); return true;
      case "q": case "Q": this.quantise(); return true;
      case "+": this._commit(revoiced(this.notes, this._meant(), (velocity) => velocity + 8), "louder"); return true;
      case "-": this._commit(revoiced(this.notes, this._meant(), (velocity) => velocity - 8), "softer"); return true;
      case "Escape":
        if (this.selected.size === 0) return false;
        this._select([]);
        return true;
    }
    return false;
  }

  /** @param {number} right @param {number} up @param {KeyboardEvent} event */
  _arrow(right, up, event) {
    const step = this.grid || 0.25;
    if (this.selected.size === 0) {
      const metre = this._piece.metres[0];
      return this._moveCursor(right * (event.shiftKey ? (metre[1] * 4) / metre[2] : step), up * (event.shiftKey ? 12 : 1));
    }
    if (event.altKey && right) this._commit(resized(this.notes, this.selected, right * step), "length changed");
    else this._commit(moved(this.notes, this.selected, right * (event.shiftKey ? 1 : step), up * (event.shiftKey ? 12 : 1)), "notes moved");
    const [note] = this.selection;
    if (note) {
      if (up) this._audition(note.pitch, note);
      Object.assign(this.cursor, { beat: note.onset, pitch: note.pitch });
      this.say(`${this._where(note.onset, note.pitch)}, ${lasts(note.duration)}.`);
    }
  }

  /** @param {number} beats @param {number} semitones */
  _moveCursor(beats, semitones) {
    const cursor = this.cursor;
    cursor.beat = Math.max(0, snapped(cursor.beat + beats, this.grid || 0.25));
    cursor.pitch = Math.max(0, Math.min(127, cursor.pitch + semitones));
    cursor.visible = true;
    if (cursor.beat < this.view.start || cursor.beat > lastBeat(this.view)) { this.view.start = Math.max(0, cursor.beat - 2); this._keepInside(); this.draw(); }
    const note = this.notes.find((one) => one.pitch === cursor.pitch && one.onset <= cursor.beat + 1e-6 && one.onset + one.duration > cursor.beat + 1e-6);
    this.say(`${this._where(cursor.beat, cursor.pitch)}${note ? `, a note of ${lasts(note.duration)}` : ""}.`);
    this._drawOver();
  }

  _enter() {
    const { beat, pitch } = this.cursor;
    const at = this.notes.find((note) => note.pitch === pitch && note.onset <= beat + 1e-6 && note.onset + note.duration > beat + 1e-6
      && (!this.showsGhosts || note.track === this.chosen));
    if (at) {
      this._select(this.selected.has(at.id) ? [] : [at.id]);
      this.say(this.selected.size ? `Chosen: ${pitchName(pitch)}. Arrows move it, Delete removes it.` : "No note chosen.");
      return;
    }
    const { notes, ids } = added(this.notes, [{ track: this.chosen, onset: beat, pitch, duration: this.grid || 0.25, velocity: 80 }]);
    this.selected = new Set(ids);
    this._commit(notes, "a note added");
    this._audition(pitch);
    this.say(`Added ${this._where(beat, pitch)}.`);
  }

  /** @param {number} beat @param {number} pitch */
  _where(beat, pitch) {
    const bar = barsOf(this._piece, beat + 1e-6).findLast((one) => one.start <= beat + 1e-6);
    const inBar = bar ? beat - bar.start + 1 : beat + 1;
    return `${pitchName(pitch)}, beat ${+inBar.toFixed(3)} of bar ${bar?.number ?? 1}`;
  }
}

/** @param {number} count */
function counted(count) {
  return `${count} note${count === 1 ? "" : "s"}`;
}

/** @param {number} beats */
function lasts(beats) {
  return `${+beats.toFixed(3)} beat${beats === 1 ? "" : "s"}`;
}
