// The piano roll: sees, compares and edits a piece on a canvas; everything can also be done from the keys.
import { History } from "../lib/history.js";
import { barsOf, endOf, isBlackKey, pitchName } from "../lib/piece.js";
import {
  added, changesOf, copied, LEAST_DURATION, moved, noteAt, noteKey, notesOf, placed, quantised, removed, resized, revoiced, sameNotes, snapped, withNotes,
} from "../lib/roll_notes.js";
import { barAt, barsWithin, beatOf, lastBeat, onBeats, pitchOf, pitchRange, pull, seenOf, stretched, xOf, yOf, zoomed } from "../lib/roll_view.js";
import { coloursOf, onTheme, trackFill, patternOf } from "../lib/theme.js";
import { h, liveRegion } from "./dom.js";

/** @typedef {import("../lib/piece.js").Piece} Piece */
/** @typedef {import("../lib/roll_notes.js").RollNote} RollNote */
/** @typedef {import("../lib/roll_view.js").RollGeometry} RollGeometry */

const KEYS = 36, RULER = 24, LANE = 60, LEAST_ROW = 5, MOST_ROW = 16, NAMED_ROW = 13;
const EDGE = 6; // px at a note's end that resize it
const CLICK = 4; // px a pointer may shake
const EMPTY_BARS = 8;
const BAR = 12; // px of the bar that scrolls
const PULL = 16; // px a frame that an edge scrolls while something is dragged past it
const LEAST_SCALE = 2; // px a beat, where the whole piece is no longer than that
const MANY = 1500; // notes in sight from which narrow ones are set dot by dot, which is ten times as fast
const FEW = 400; // velocities with a round head; more get a square one, which is drawn faster
const HUES = ["t1", "t2", "t3", "t4", "t5", "t6"], DASHED = [3, 2], SOLID = /** @type {number[]} */ ([]);
const PLATES = Array.from({ length: 128 }, (_, pitch) => pitchName(pitch).replace(/-?\d+$/, ""));

const NARROW = 4; // px a note has no room for marks

/** @typedef {{canvas: HTMLCanvasElement, layer: CanvasRenderingContext2D, image: ImageData, dots: Uint32Array, inks: Uint32Array, width: number, height: number}} DotsLayer */
const PALE = 0, CLEAR = 6, KEPT = 12, CHOSEN = 18, TAB = 19, GONE = 20; // places among a layer's inks: six hues each, then one

/** What the page's clipboard holds, for every roll on it. @type {{notes: Omit<RollNote, "id">[], first: number, length: number, at: number | null}} */
const clipboard = (/** @type {any} */ (globalThis))[Symbol.for("deepcomposer_lab.notes")] ??= { notes: [], first: 0, length: 0, at: null };

export class PianoRollView extends EventTarget {
  /**
   * @param {HTMLElement} container
   * @param {{piece: Piece, editable?: boolean, transport?: any, sound?: any, compact?: boolean, keys?: boolean,
   *   velocityLane?: boolean, minHeight?: number, label?: string, leastRows?: number, emptyWords?: string}} options
   *   `emptyWords` stand on a roll without notes
   */
  constructor(container, options) {
    super();
    const { piece, editable = true, transport = null, sound = null, compact = false, keys = true } = options;
    this.transport = transport;
    this.sound = sound;
    this.editable = editable;
    /** @type {Piece} */
    this._piece = piece;
    /** What can be undone: the notes, and the piece they are of. @type {History<{notes: RollNote[], piece: Piece}>} */
    this.history = new History({ notes: notesOf(piece), piece });
    /** @type {RollNote[] | null} What the pointer is about to make of the notes. */
    this._live = null;
    this._longest = 0;
    this._end = 0;
    this._lowest = Infinity;
    this._highest = -Infinity;
    this._low = 48;
    this._high = 72;
    /** @type {ReturnType<typeof barsOf>} */
    this._bars = [];
    /** @type {Piece["metres"] | null} */
    this._metres = null;
    this._pickup = 0;
    this._pastedUntil = 0;
    this._rise = 0;
    /** @type {RollNote[]} */
    this._beforeNotes = [];
    /** @type {RollNote[]} */
    this._ghostNotes = [];
    this._longestGhost = 0;
    this._longestRemoved = 0;
    /** @type {Set<number>} */
    this._marked = new Set();
    /** @type {DotsLayer | null} */
    this._dots = null;
    /** @type {import("../lib/theme.js").Colours | null} The colours that the dots were made of. */
    this._inked = null;
    this._columns = new Float32Array(0); // the highest velocity drawn at each px
    /** @type {Map<string, number>} */
    this._widths = new Map();
    this._scale = 1;
    this._frame = 0;
    this._drawing = 0;
    this._seen = "";
    /** @type {import("../lib/theme.js").Colours | null} */
    this._colours = null;
    /** @type {(string | CanvasPattern)[] | null} */
    this._fills = null;
    /** @type {ReturnType<typeof changesOf> | null} */
    this._changes = null;
    /** @type {any} What the pointer is doing. */
    this._gesture = null;
    /** @type {{x: number, y: number, free: boolean, frame: number, rise: number} | null} Where the pointer drags. */
    this._pointer = null;
    /** @type {{x: number, y: number} | null} Where a note would be drawn. */
    this._aim = null;
    this._isAway = false; // somebody looked elsewhere while it plays
    /** @type {number | null} Beats of a new note; the grid's step until a note was drawn or resized. */
    this.noteLength = null;
    this.follow = true;
    this.leastRows = options.leastRows ?? 25;
    this._grid = 0.25;
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
    this._fitsPitches = true;

    this.base = h("canvas", { class: "dc-roll-base" });
    this.over = h("canvas", { class: "dc-roll-over" });
    this.speech = liveRegion();
    const help = editable
      ? "Arrows move the cursor or the chosen notes, with Shift by a bar or an octave, with Alt they change the length; Enter adds or chooses a note, Delete removes it, Q puts notes onto the grid, plus and minus change the velocity, Control with Z undoes, Space plays, Escape leaves."
      : "Left and right move the playhead, Space plays.";
    this.element = h("div", {
      class: "dc-roll", tabindex: 0, role: "application", "aria-label": options.label ?? "Piano roll", "aria-description": help,
      style: `height: ${this.height}px`,
    }, this.base, this.over, this.speech);
    this.bar = h("div", { class: "dc-roll-scroll", "aria-hidden": "true", hidden: true }, h("i"));
    this.element.append(this.bar);
    this.empty = options.emptyWords ? h("div", { class: "dc-roll-empty", "aria-hidden": "true", hidden: true }, h("span", {}, options.emptyWords)) : null;
    if (this.empty) this.element.append(this.empty);
    this.element.classList.toggle("dc-roll-seen", !editable);
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
    try { // sharp also where the same size gets more pixels: another screen, another zoom
      observer.observe(this.element, { box: "device-pixel-content-box" });
    } catch { observer.observe(this.element); }
    this._stops.push(() => observer.disconnect());
    if (transport) {
      const moved = () => { this._isAway = false; this._animate(); };
      transport.addEventListener("state", moved);
      this._stops.push(() => transport.removeEventListener("state", moved));
    }
    this._resize();
  }

  destroy() {
    for (const stop of this._stops) stop();
    cancelAnimationFrame(this._frame);
    cancelAnimationFrame(this._drawing);
    if (this._pointer) cancelAnimationFrame(this._pointer.frame);
    this.element.remove();
  }

  // ------------------------------------------------------------------------------ the piece and its notes

  /** @returns {Piece} */
  get piece() {
    return this._piece;
  }

  /** @param {Piece} piece @param {{keepHistory?: boolean, keepView?: boolean, reason?: string}} options `reason`: what undo says it takes back */
  setPiece(piece, { keepHistory = false, keepView = false, reason = "another piece" } = {}) {
    this._drop();
    const notes = notesOf(piece);
    if (!keepHistory) this.history = new History({ notes, piece });
    else if (!sameNotes(notes, this.notes) || !alikeBut(piece, this._piece)) this.history.push({ notes, piece }, reason);
    else this.history.states[this.history.at] = { state: { notes, piece }, reason: this.history.undoes };
    this._piece = piece;
    if (this.chosen >= piece.tracks.length) this.chosen = 0;
    if (piece.tracks.length < 2) this.showsGhosts = false;
    this.selected = new Set();
    this._settle();
    if (!keepView) this.fit();
    else { this._widen(); this.draw(); }
    this.dispatchEvent(new Event("history"));
  }

  get notes() {
    return this._live ?? this.history.state.notes;
  }

  get canUndo() {
    return this.history.canUndo;
  }

  get canRedo() {
    return this.history.canRedo;
  }

  get grid() {
    return this._grid;
  }

  /** Beats of a step; 0 for none. */
  set grid(grid) {
    this._grid = grid;
    this.noteLength = null;
    this._drawOver();
  }

  get _step() {
    return this._grid || 0.25;
  }

  /** What follows from the notes: where they reach, and what changed. */
  _settle() {
    this._measure();
    const drums = (/** @type {Piece} */ piece) => piece.tracks.map((track) => track.is_drum);
    this._changes = this.before ? changesOf(this._beforeNotes, this.notes, drums(this.before), drums(this._piece)) : null;
    this._longestRemoved = this._changes?.removed.reduce((most, note) => Math.max(most, note.duration), 0) ?? 0;
    this._marked = this.highlighted.size === 0 ? new Set()
      : new Set(this.notes.filter((note) => this.highlighted.has(noteKey(note.track, note.onset, note.pitch))).map((note) => note.id));
    if (this.empty) this.empty.hidden = this.notes.length > 0;
  }

  _measure() {
    this._longest = this._end = 0;
    this._lowest = Infinity;
    this._highest = -Infinity;
    for (const { onset, duration, pitch } of this.notes) {
      if (duration > this._longest) this._longest = duration;
      if (onset + duration > this._end) this._end = onset + duration;
      if (pitch < this._lowest) this._lowest = pitch;
      if (pitch > this._highest) this._highest = pitch;
    }
    for (const { onset, duration, pitch } of this._beforeNotes) {
      if (onset + duration > this._end) this._end = onset + duration;
      if (pitch < this._lowest) this._lowest = pitch;
      if (pitch > this._highest) this._highest = pitch;
    }
  }

  /** @param {RollNote[]} notes @param {string} reason @returns {boolean} whether anything changed */
  _commit(notes, reason) {
    if (notes === this.notes || sameNotes(notes, this.notes)) return false;
    this.history.push({ notes, piece: withNotes(this._piece, notes) }, reason);
    this._took(reason);
    return true;
  }

  /** @param {string} reason */
  _took(reason) {
    this._piece = this.history.state.piece;
    const ids = new Set(this.notes.map((note) => note.id));
    this.selected = new Set([...this.selected].filter((id) => ids.has(id)));
    if (this.chosen >= this._piece.tracks.length) this.chosen = 0;
    this._settle();
    this._widen();
    this.draw();
    this.dispatchEvent(new CustomEvent("change", { detail: { piece: this._piece, reason } }));
    this.dispatchEvent(new Event("history"));
    this.dispatchEvent(new Event("selection"));
  }

  undo() {
    if (!this.canUndo) return this.say("Nothing to undo.");
    this._drop();
    const undone = this.history.undoes;
    this.history.undo();
    this._took("undo");
    this.say(`Undone: ${undone}.`);
  }

  redo() {
    if (!this.canRedo) return this.say("Nothing to redo.");
    this._drop();
    this.history.redo();
    this._took("redo");
    this.say(`Done again: ${this.history.undoes}.`);
  }

  selectAll() {
    this._select(this.notes.filter((note) => !this.showsGhosts || note.track === this.chosen).map((note) => note.id));
    this.say(this.selected.size ? `${counted(this.selected.size)} chosen.` : "There is no note to choose.");
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

  /** Whether a track is a drum kit. */
  _isDrum = (/** @type {number} */ track) => this._piece.tracks[track]?.is_drum ?? false;

  /** The chosen notes, or all of the chosen track where none is. */
  _meant() {
    if (this.selected.size) return this.selected;
    return new Set(this.notes.filter((note) => note.track === this.chosen).map((note) => note.id));
  }

  deleteSelection() {
    if (!this.editable || this.selected.size === 0) return;
    const words = `${counted(this.selected.size)} removed`;
    this._commit(removed(this.notes, this.selected), words);
    this.say(`${words}.`);
  }

  /** @param {number} grid */
  quantise(grid = this._step) {
    if (!this.editable) return;
    const ids = this._meant();
    this.say(this._commit(quantised(this.notes, ids, grid || 0.25), "notes moved onto the grid") ? `${counted(ids.size)} moved onto the grid.` : "All notes are on the grid.");
  }

  /** @param {number} semitones */
  transpose(semitones) {
    if (!this.editable) return;
    const ids = this._meant(), by = Math.abs(semitones) === 12 ? "an octave" : Math.abs(semitones) === 1 ? "a semitone" : `${Math.abs(semitones)} semitones`;
    const words = `${counted(ids.size)} moved ${semitones > 0 ? "up" : "down"} ${by}`;
    this.say(this._commit(moved(this.notes, ids, 0, semitones, this._isDrum), words) ? `${words}.` : ids.size ? "They can go no further." : "There is no note to move.");
    this._showSelection();
  }

  /** @param {number} velocity */
  setVelocity(velocity) {
    if (!this.editable) return;
    this._commit(revoiced(this.notes, this._meant(), () => velocity), `velocity ${velocity}`);
    this.say(`Velocity ${velocity}.`);
  }

  /** @param {number} by */
  changeVelocity(by) {
    if (!this.editable) return;
    const ids = this._meant();
    if (!this._commit(revoiced(this.notes, ids, (velocity) => velocity + by), by > 0 ? "louder" : "softer")) return this.say("No note changes.");
    const heard = this.notes.filter((note) => ids.has(note.id)).map((note) => note.velocity);
    const [least, most] = [heard.reduce((a, b) => Math.min(a, b)), heard.reduce((a, b) => Math.max(a, b))];
    this.say(`Velocity ${least === most ? least : `${least} to ${most}`}.`);
  }

  /** Lengthen or shorten the chosen notes. @param {number} beats */
  changeLength(beats) {
    if (!this.editable || this.selected.size === 0) return;
    const least = this._step; // a note that is on the grid keeps a step of it
    const notes = this.notes.map((note) => !this.selected.has(note.id) ? note
      : { ...note, duration: Math.max(Math.min(note.duration, least), note.duration + beats) });
    this._commit(notes, beats > 0 ? "notes made longer" : "notes made shorter");
    const [note] = this.selection;
    if (this.selected.size === 1) this.noteLength = note.duration;
    this.say(`${this._where(note.onset, note.pitch)}, ${lasts(note.duration)}.`);
  }

  /** Give the chosen notes a length. @param {number} beats */
  setLength(beats) {
    if (!this.editable || this.selected.size === 0) return;
    const duration = Math.max(LEAST_DURATION, beats);
    this._commit(this.notes.map((note) => this.selected.has(note.id) ? { ...note, duration } : note), "length changed");
    if (this.selected.size === 1) this.noteLength = duration;
  }

  copy() {
    if (this.selected.size === 0) return this.say("Choose notes first: then they can be copied.");
    Object.assign(clipboard, copied(this.notes, this.selected), { at: null });
    this.say(`${counted(clipboard.notes.length)} copied.`);
    this.dispatchEvent(new Event("selection"));
  }

  cut() {
    if (!this.editable || this.selected.size === 0) return this.say("Choose notes first: then they can be cut.");
    this.copy();
    this.deleteSelection();
    this.say(`${counted(clipboard.notes.length)} cut.`);
  }

  get canPaste() {
    return clipboard.notes.length > 0;
  }

  /** Put what was copied at the cursor, else at the playhead; again and again, one after the other. */
  paste() {
    if (!this.editable) return;
    if (!clipboard.notes.length) return this.say("Nothing was copied yet.");
    const here = snapped(this.cursor.visible ? this.cursor.beat : this.transport?.position ?? 0, this._grid);
    const again = clipboard.at === here ? this._pastedUntil : here;
    const { notes, ids } = added(this.notes, placed(clipboard.notes, again, this.chosen, this._piece.tracks.length));
    this.selected = new Set(ids);
    this._commit(notes, `${counted(ids.length)} put in`);
    clipboard.at = here;
    this._pastedUntil = again + Math.max(this._step, snapped(clipboard.length, this._grid));
    this.say(`${counted(ids.length)} put in at ${this._when(again)}.`);
    this._showSelection();
  }

  /** Loop the chosen notes, the bar of the cursor or playhead where none is; no loop where there was one. */
  toggleLoop() {
    const transport = this.transport;
    if (!transport) return;
    if (transport.loop) { transport.setLoop(null); return this.say("No loop."); }
    let [from, to] = [Infinity, 0];
    for (const note of this.selection) { from = Math.min(from, note.onset); to = Math.max(to, note.onset + note.duration); }
    if (!this.selected.size) {
      from = this.cursor.visible ? this.cursor.beat : transport.position;
      const bar = barAt(this._barsUntil(from), from);
      [from, to] = [bar.start, bar.start + bar.beats];
    }
    const [start, end] = onBeats(this._barsUntil(to), from, to);
    transport.setLoop(start, end);
    this.say(`Loop from ${this._when(start)} to ${this._when(end)}.`);
  }

  // ------------------------------------------------------------------------------ what else is shown

  /** Show what changed since `before`; null shows the piece alone. @param {Piece | null} before */
  setBefore(before) {
    this.before = before;
    this._beforeNotes = before ? notesOf(before) : [];
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
    this._ghostNotes = ghost ? notesOf(ghost) : [];
    this._longestGhost = this._ghostNotes.reduce((most, note) => Math.max(most, note.duration), 0);
    this.draw();
  }

  /** Mark notes by "track:onset:pitch" (lib/roll_notes.js, noteKey). @param {Iterable<string>} keys */
  setHighlight(keys) {
    this.highlighted = new Set(keys);
    this._settle();
    this.draw();
  }

  /** @param {number} index */
  setChosenTrack(index) {
    this.chosen = index;
    if (this.showsGhosts) this._select(this.selection.filter((note) => note.track === index).map((note) => note.id));
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
    this.speech.textContent = words === this.speech.textContent ? `${words}\u00a0` : words; // the same words again are spoken again
  }

  // ------------------------------------------------------------------------------ where things are

  /** The bars as far as a beat. @param {number} beat */
  _barsUntil(beat) {
    const { metres, pickup } = this._piece, known = this._bars[this._bars.length - 1];
    const isOther = this._metres !== metres || this._pickup !== pickup;
    if (isOther || !known || known.start < beat) {
      this._bars = barsOf(this._piece, Math.max(beat, 2 * (isOther ? 0 : known?.start ?? 0), 64));
      this._metres = metres;
      this._pickup = pickup;
    }
    return this._bars;
  }

  /** Beats shown at most: the whole bars of the piece, eight where there is less. */
  get length() {
    const end = this._end, [, numerator, denominator] = this._piece.metres[0];
    const least = this.ruler ? (EMPTY_BARS * numerator * 4) / denominator + this._piece.pickup : end;
    if (end === 0) return least;
    const bar = barAt(this._barsUntil(end), end);
    return Math.max(bar.start >= end - 1e-9 ? bar.start : bar.start + bar.beats, least);
  }

  /** px a beat at which the whole piece is seen. */
  get _whole() {
    return Math.max(0.05, (this.view.width - this.left - 1) / Math.max(1, this.length));
  }

  get _bottom() {
    return this.height - this.lane;
  }

  /** px of the bar that scrolls, where it covers the lane. */
  get _foot() {
    return this.bar.hidden ? 0 : BAR;
  }

  /** The whole piece in the width, and its pitches in the height. */
  fit() {
    this._fits = true;
    this._fitsPitches = true;
    this.view.start = 0;
    this.view.perBeat = this._whole;
    this._fitPitches();
    this.draw();
  }

  _fitPitches() {
    const room = this._bottom - this.ruler - 1;
    if (!this._fitsPitches) {
      this.view.rows = Math.floor(room / this.view.row);
      return this._keepInside();
    }
    const least = this.ruler ? Math.max(this.leastRows, Math.floor(room / MOST_ROW)) : 13;
    const { low, high } = pitchRange(this._lowest > this._highest ? [] : [this._lowest, this._highest], least);
    this._low = low;
    this._high = high;
    this.view.row = Math.max(this.ruler ? LEAST_ROW : 1.5, room / (high - low + 1));
    this.view.rows = Math.floor(room / this.view.row + 1e-6);
    this.view.top = high;
  }

  /** Show a note that came outside what is seen. */
  _widen() {
    if (this._fitsPitches && (this._lowest < this._low || this._highest > this._high)) this._fitPitches();
    if (this._fits && this._end > lastBeat(this.view)) { this.view.start = 0; this.view.perBeat = this._whole; }
  }

  /** Scroll as little as shows a place. @param {number} beat @param {number} pitch */
  _reveal(beat, pitch) {
    const view = this.view, seen = (view.width - this.left) / view.perBeat;
    if (beat < view.start || beat > view.start + seen * 0.98) view.start = Math.max(0, beat - seen * 0.15);
    if (pitch > view.top) view.top = pitch;
    if (pitch <= view.top - view.rows) view.top = pitch + view.rows - 1;
    this._keepInside();
    this.draw();
  }

  _showSelection() {
    const [note] = this.selection;
    if (note) this._reveal(note.onset, note.pitch);
  }

  /** @param {number} factor @param {number} [x] px from the left, the middle unless told otherwise */
  zoom(factor, x = (this.view.width + this.left) / 2) {
    this._fits = false;
    this.view = zoomed(this.view, factor, x, Math.min(LEAST_SCALE, this._whole));
    this._keepInside();
    this.draw();
  }

  /** Taller or lower rows. @param {number} factor @param {number} [y] px from above, the middle unless told otherwise */
  zoomPitches(factor, y = (this.ruler + this._bottom) / 2) {
    this._fitsPitches = false;
    this.view = stretched(this.view, factor, y, this._bottom - this.ruler - 1);
    this._keepInside();
    this.draw();
  }

  /** @param {number} beats @param {number} [semitones] */
  scroll(beats, semitones = 0) {
    const was = this.view.start;
    this.view.start += beats;
    if (semitones) {
      this._fitsPitches = false;
      this.view.top += semitones;
    }
    this._keepInside();
    if (this.view.start !== was) this._fits = false;
    if (this.transport?.isPlaying && (this.transport.position < this.view.start || this.transport.position > lastBeat(this.view))) this._isAway = true;
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
    this.view.start = Math.max(0, Math.min(this.view.start, this.length + Math.min(4, seen / 2) - seen));
    this.view.top = Math.min(127, Math.max(this.view.top, Math.min(127, this.view.rows - 1)));
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
    this._columns = new Float32Array(width + 1);
    this.view.width = width;
    this._fitPitches();
    if (this._fits) { this.view.start = 0; this.view.perBeat = this._whole; }
    this._keepInside();
    this.drawNow(); // a canvas whose size changed is empty
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
    return (this._fills[track] ??= trackFill(this._painter, track, this.colours, this._scale));
  }

  drawNow() {
    if (!this.view.width || !this.base.width) return;
    const pen = this._painter, { width } = this.view, colours = this.colours;
    const seen = `${this.view.start} ${this.view.perBeat}`;
    if (seen !== this._seen) { this._seen = seen; this._placeBar(); this.dispatchEvent(new Event("view")); }
    pen.setTransform(this._scale, 0, 0, this._scale, 0, 0);
    pen.fillStyle = colours.roll;
    pen.fillRect(0, 0, width, this.height);
    const bottom = this._bottom;
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
    const pen = this._painter, view = this.view, to = lastBeat(view), bars = this._barsUntil(to);
    const [first, end] = barsWithin(bars, view.start, to);
    let last = -Infinity;
    for (let index = first; index < end; index++) {
      const bar = bars[index], step = 4 / bar.denominator, x = Math.round(xOf(view, bar.start));
      if (view.perBeat * step >= 9) {
        pen.fillStyle = this.colours.beat;
        for (let beat = step; beat < bar.beats - 1e-9; beat += step) pen.fillRect(Math.round(xOf(view, bar.start + beat)), top, 1, bottom - top);
      }
      if (x - last < 5) continue; // so far away that every line would be a grey ground
      last = x;
      pen.fillStyle = this.colours.bar;
      pen.fillRect(x, top, 1, bottom - top);
    }
  }

  _drawGhost() {
    if (!this._ghostNotes.length) return;
    const pen = this._painter, view = this.view;
    const [first, end] = seenOf(this._ghostNotes, view.start, lastBeat(view), this._longestGhost);
    pen.setLineDash([2, 2]);
    pen.strokeStyle = this.colours["played-ring"];
    for (let index = first; index < end; index++) {
      const { onset, pitch, duration } = this._ghostNotes[index];
      const x = xOf(view, onset), wide = duration * view.perBeat;
      if (x + wide < this.left) continue;
      pen.strokeRect(x + 0.5, yOf(view, pitch) + 0.5, Math.max(2, wide - 1), view.row - 1);
    }
    pen.setLineDash([]);
  }

  _drawNotes() {
    const hasGhosts = this.showsGhosts && this._piece.tracks.length > 1, view = this.view;
    const [first, end] = seenOf(this.notes, view.start, lastBeat(view), this._longest);
    const changes = this._changes;
    const [from, to] = changes ? seenOf(changes.removed, view.start, lastBeat(view), this._longestRemoved) : [0, 0];
    const dots = end - first + to - from > MANY ? this._beginDots() : null;
    if (hasGhosts) this._drawPale(first, end, dots);
    this._drawClear(first, end, hasGhosts, dots);
    if (changes) for (let index = from; index < to; index++) this._drawRemoved(changes.removed[index], dots);
    if (!dots) return;
    dots.layer.putImageData(dots.image, 0, 0);
    const pen = this._painter;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(dots.canvas, 0, 0);
    pen.setTransform(this._scale, 0, 0, this._scale, 0, 0);
  }

  /** An empty picture as large as the roll, for notes that are but dots. @returns {DotsLayer} */
  _beginDots() {
    const { width, height } = this.base;
    let dots = this._dots;
    if (dots && dots.width === width && dots.height === height) dots.dots.fill(0);
    else {
      const canvas = h("canvas", { width, height }), layer = canvas.getContext("2d"), image = layer.createImageData(width, height);
      this._dots = dots = { canvas, layer, image, dots: new Uint32Array(image.data.buffer), inks: new Uint32Array(21), width, height };
      this._inked = null;
    }
    const { inks } = dots;
    if (this._inked !== this.colours) {
      this._inked = this.colours;
      HUES.forEach((hue, index) => [PALE, CLEAR, KEPT].forEach((first, at) => { inks[first + index] = this._dot(hue, [0.22, 1, 0.42][at]); }));
      inks[CHOSEN] = this._dot("accent", 1);
      inks[TAB] = this._dot("ink", 1);
      inks[GONE] = this._dot("removed-ring", 1);
    }
    return dots;
  }

  /** A colour as the dots of a picture hold it. @param {string} name @param {number} alpha 0 to 1 */
  _dot(name, alpha) {
    const probe = h("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    probe.fillStyle = this.colours[name];
    probe.fillRect(0, 0, 1, 1);
    const bytes = probe.getImageData(0, 0, 1, 1).data;
    bytes[3] = Math.round(255 * alpha);
    return new Uint32Array(bytes.buffer)[0];
  }

  /** @param {DotsLayer} layer @param {number} x @param {number} y @param {number} wide @param {number} high @param {number} ink of its `inks` */
  _setDots(layer, x, y, wide, high, ink) {
    const { dots, inks, width, height } = layer, scale = this._scale, dot = inks[ink];
    const from = Math.max(0, Math.round(x * scale)), to = Math.min(width, Math.max(from + 1, Math.round((x + wide) * scale)));
    const bottom = Math.min(height, Math.round((y + high) * scale));
    for (let line = Math.max(0, Math.round(y * scale)); line < bottom; line++) {
      for (let at = line * width + from, end = line * width + to; at < end; at++) dots[at] = dot;
    }
  }

  /** Notes of tracks that are not edited now. @param {number} first @param {number} end @param {DotsLayer | null} dots */
  _drawPale(first, end, dots) {
    const pen = this._painter, view = this.view, row = view.row, high = Math.max(1.5, row - 1), bottom = this._bottom;
    pen.globalAlpha = 0.22;
    for (let index = first; index < end; index++) {
      const note = this.notes[index];
      if (note.track === this.chosen) continue;
      const x = xOf(view, note.onset), y = yOf(view, note.pitch), wide = Math.max(2, note.duration * view.perBeat - 1);
      if (x + wide < this.left || y <= this.ruler - row || y > bottom) continue;
      if (dots && wide < NARROW) { this._setDots(dots, x, y, wide, high, PALE + note.track % 6); continue; }
      pen.fillStyle = this.colours[`t${(note.track % 6) + 1}`];
      pen.fillRect(x, y, wide, high);
    }
    pen.globalAlpha = 1;
  }

  /** @param {number} first @param {number} end @param {boolean} onlyChosen @param {DotsLayer | null} dots */
  _drawClear(first, end, onlyChosen, dots) {
    const pen = this._painter, view = this.view, colours = this.colours, row = view.row, high = Math.max(1.5, row - 1), bottom = this._bottom;
    const changes = this._changes, isNamed = row >= NAMED_ROW && this.ruler > 0;
    pen.font = `600 ${Math.min(11, row - 3)}px ${colours.font}`;
    pen.textBaseline = "middle";
    pen.lineWidth = 1;
    for (let index = first; index < end; index++) {
      const note = this.notes[index];
      if (onlyChosen && note.track !== this.chosen) continue;
      const x = xOf(view, note.onset), y = yOf(view, note.pitch), wide = Math.max(2, note.duration * view.perBeat - 1);
      if (x + wide < this.left || y <= this.ruler - row || y > bottom) continue;
      const isSelected = this.selected.size > 0 && this.selected.has(note.id);
      const hue = colours[HUES[note.track % 6]], isNew = changes !== null && changes.added.has(note.id), isKept = changes !== null && !isNew;
      if (dots && wide < NARROW) {
        this._setDots(dots, x, y, wide, high, isSelected ? CHOSEN : (isKept ? KEPT : CLEAR) + note.track % 6);
        if (isNew) this._setDots(dots, x, y, wide, 1, TAB); // a lid, where there is no room for a plus
        continue;
      }
      pen.fillStyle = wide < 4 ? hue : this._fill(note.track);
      if (isKept) pen.globalAlpha = 0.42;
      if (row >= 7 && wide >= 5) { pen.beginPath(); pen.roundRect(x, y, wide, high, 2); pen.fill(); } else pen.fillRect(x, y, wide, high);
      if (isKept) {
        pen.globalAlpha = 1;
        if (row >= 5 && wide >= 4) { pen.strokeStyle = hue; pen.strokeRect(x + 0.5, y + 0.5, wide - 1, high - 1); }
        const lasted = changes.lengths.size ? changes.lengths.get(note.id) : undefined;
        if (lasted !== undefined) this._markLength(x, y, wide, high, lasted * view.perBeat - 1, note.track);
      } else if (isNew) this._markAdded(x, y, wide, high);
      if (isNamed && wide >= 20 && !isNew) this._name(note, x, y, high, isKept);
      if (this._marked.size && this._marked.has(note.id)) this._ring(x, y, wide, high, colours.ink);
      if (isSelected) this._ring(x, y, wide, high, colours.accent);
    }
  }

  /** @param {RollNote} note @param {number} x @param {number} y @param {number} high @param {boolean} isPale */
  _name(note, x, y, high, isPale) {
    const pen = this._painter, plate = PLATES[note.pitch];
    if (patternOf(note.track) !== 0 && !isPale) { // on a pattern letters need a ground
      const key = `${plate} ${this.view.row}`;
      let across = this._widths.get(key);
      if (across === undefined) { across = pen.measureText(plate).width; this._widths.set(key, across); }
      pen.fillStyle = this.colours[HUES[note.track % 6]];
      pen.fillRect(x + 2, y + 1, across + 4, high - 2);
    }
    pen.fillStyle = isPale ? this.colours.ink : this.colours[`on-${HUES[note.track % 6]}`];
    pen.fillText(plate, x + 4, y + high / 2 + 0.5);
  }

  /** A kept note that lasts otherwise: what is new of it clear, what is gone hollow and dashed. @param {number} x @param {number} y @param {number} wide @param {number} high @param {number} was px @param {number} track */
  _markLength(x, y, wide, high, was, track) {
    const pen = this._painter;
    if (wide > was + 1) {
      pen.fillStyle = this.colours[HUES[track % 6]];
      pen.fillRect(x + was, y, wide - was, high);
      pen.strokeStyle = this.colours["added-ring"];
      if (wide - was >= 3) pen.strokeRect(x + was + 0.5, y + 0.5, wide - was - 1, high - 1);
    } else if (was > wide + 1) {
      pen.strokeStyle = this.colours["removed-ring"];
      pen.setLineDash(DASHED);
      pen.strokeRect(x + wide + 0.5, y + 0.5, was - wide - 1, high - 1);
      pen.setLineDash(SOLID);
    }
  }

  /** @param {number} x @param {number} y @param {number} wide @param {number} high @param {string} colour */
  _ring(x, y, wide, high, colour) {
    const pen = this._painter;
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.strokeRect(x - 1, y - 1, wide + 2, high + 2);
    pen.lineWidth = 1;
  }

  /** A ring, and a plus sign at the onset; where that is too small to be read, a dark tab. @param {number} x @param {number} y @param {number} wide @param {number} high */
  _markAdded(x, y, wide, high) {
    const pen = this._painter;
    pen.strokeStyle = this.colours["added-ring"];
    if (wide >= 4 && high >= 4) pen.strokeRect(x + 0.5, y + 0.5, wide - 1, high - 1);
    if (wide < 5) return;
    pen.fillStyle = this.colours.ink;
    if (wide < 9 || high < 6) { pen.fillRect(x, y, Math.min(3, wide / 3), high); return; }
    const size = Math.min(high - 2, 9), cx = x + 1 + size / 2 + 1, cy = y + high / 2;
    pen.fillRect(x + 1, y + 1, size + 2, high - 2);
    pen.fillStyle = this.colours.bg;
    pen.fillRect(cx - size / 2 + 1, cy - 0.75, size - 2, 1.5);
    pen.fillRect(cx - 0.75, cy - size / 2 + 1, 1.5, size - 2);
  }

  /** Hollow, dashed, struck. @param {RollNote} note @param {DotsLayer | null} dots */
  _drawRemoved(note, dots) {
    const pen = this._painter, view = this.view, x = xOf(view, note.onset), y = yOf(view, note.pitch);
    const wide = Math.max(3, note.duration * view.perBeat - 1), high = Math.max(2, view.row - 1);
    if (x + wide < this.left || y <= this.ruler - view.row || y > this._bottom) return;
    if (dots && wide < NARROW) return this._setDots(dots, x, y + high / 2 - 0.5, wide, 1, GONE);
    pen.strokeStyle = this.colours["removed-ring"];
    if (wide >= 6) {
      pen.setLineDash(DASHED);
      pen.strokeRect(x + 0.5, y + 0.5, wide - 1, high - 1);
      pen.setLineDash(SOLID);
    }
    pen.fillStyle = this.colours["removed-ring"];
    pen.fillRect(x, y + high / 2 - 0.5, wide, 1);
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
    this._drawVelocities();
    pen.restore();
    pen.fillStyle = colours["ink-3"];
    pen.font = `10px ${colours.font}`;
    pen.textBaseline = "top";
    pen.textAlign = "right";
    pen.fillText("127", this.left - 4, top + 4);
    pen.textBaseline = "bottom";
    pen.fillText("1", this.left - 4, this.height - this._foot - 2);
    pen.textAlign = "left";
  }

  _drawVelocities() {
    const pen = this._painter, view = this.view, foot = this.height - this._foot;
    const [first, end] = seenOf(this.notes, view.start, lastBeat(view), 0);
    const isRound = end - first <= FEW, hue = this.colours[HUES[this.chosen % 6]];
    for (let round = 0; round < 2; round++) { // the chosen notes last, where they are not covered
      this._columns.fill(0);
      pen.fillStyle = round === 0 ? hue : this.colours.accent;
      pen.beginPath();
      for (let index = first; index < end; index++) {
        const note = this.notes[index];
        if (note.track !== this.chosen || this.selected.has(note.id) !== (round === 1)) continue;
        const x = xOf(view, note.onset), y = this._laneY(note.velocity), column = Math.max(0, Math.round(x));
        if (note.velocity <= this._columns[column]) continue; // behind a higher one
        this._columns[column] = note.velocity;
        pen.fillRect(x, y, 1.5, foot - y);
        if (isRound) { pen.moveTo(x + 3.75, y); pen.arc(x + 0.75, y, 3, 0, 7); } else pen.fillRect(x - 1, y - 1, 3, 3);
      }
      pen.fill();
      if (this.selected.size === 0) break;
    }
  }

  /** @param {number} velocity */
  _laneY(velocity) {
    return this.height - this._foot - 4 - ((this.lane - this._foot - 12) * velocity) / 127;
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
      const [from, to] = this.transport.loop, x = xOf(view, from), end = xOf(view, to);
      pen.fillStyle = colours.tint;
      pen.fillRect(x, 0, end - x, this.ruler - 1);
      pen.fillStyle = colours.accent;
      pen.fillRect(x, this.ruler - 3, end - x, 2);
      pen.fillRect(x, 6, 2, this.ruler - 7); // brackets, so that it is seen where it ends
      pen.fillRect(end - 2, 6, 2, this.ruler - 7);
    }
    pen.font = `11px ${colours.font}`;
    pen.textBaseline = "middle";
    const bars = this._barsUntil(lastBeat(view)), [first, end] = barsWithin(bars, view.start - 40 / view.perBeat, lastBeat(view));
    // Numbers at every bar, or every second, fourth, eighth …: never two that touch.
    let every = 1;
    while (bars.length > 1 && (bars[bars.length - 1].start / bars.length) * every * view.perBeat < 28) every *= 2;
    for (let index = first; index < end; index++) {
      const bar = bars[index], x = Math.round(xOf(view, bar.start)), isNumbered = (bar.number - 1) % every === 0;
      if (every > 1 && !isNumbered && every * 2 > 8) continue;
      pen.fillStyle = colours.bar;
      pen.fillRect(x, isNumbered ? 4 : 14, 1, this.ruler);
      if (!isNumbered || bar.number === 0) continue;
      pen.fillStyle = colours["ink-2"];
      pen.fillText(String(bar.number), x + 4, this.ruler / 2);
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
    if (beat >= start && beat < end) this._isAway = false;
    if (!this.follow || this._gesture || this._isAway || (beat >= start && beat < end - (end - start) * 0.06)) return;
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
      pen.lineWidth = 2;
      pen.strokeRect(xOf(view, this.cursor.beat) + 0.5, yOf(view, this.cursor.pitch) + 0.5, Math.max(6, (this.noteLength ?? this._step) * view.perBeat), view.row - 1);
      pen.lineWidth = 1;
      pen.setLineDash([]);
    }
    if (this._aim && !this._gesture) this._drawAim(pen);
    const edges = this._gesture?.box;
    if (edges) {
      const x = xOf(view, edges.from), y = yOf(view, edges.high), box = { x, y, width: xOf(view, edges.to) - x, height: yOf(view, edges.low) + view.row - y };
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

  /** Where a click would draw a note, and which key that is. @param {CanvasRenderingContext2D} pen */
  _drawAim(pen) {
    const { onset, pitch } = this._aimed(/** @type {any} */ (this._aim)), view = this.view;
    const x = xOf(view, onset), y = yOf(view, pitch);
    pen.strokeStyle = this.colours["ink-2"];
    pen.strokeRect(Math.max(this.left, x) + 0.5, y + 0.5, Math.max(4, (this.noteLength ?? this._step) * view.perBeat - 1), view.row - 2);
    if (!this.left) return;
    pen.fillStyle = this.colours.accent;
    pen.globalAlpha = 0.35;
    pen.fillRect(0, y, this.left - 1, view.row);
    pen.globalAlpha = 1;
    if (pitch % 12 === 0) return; // its name stands there
    pen.fillStyle = this.colours["on-accent"];
    pen.font = `600 10px ${this.colours.font}`;
    const high = 14, at = Math.max(this.ruler, Math.min(this._bottom - high, y + view.row / 2 - high / 2));
    pen.fillStyle = this.colours.accent;
    pen.fillRect(0, at, this.left - 1, high);
    pen.fillStyle = this.colours["on-accent"];
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.fillText(pitchName(pitch), this.left - 4, at + high / 2 + 0.5);
    pen.textAlign = "left";
  }

  /** @param {{x: number, y: number}} place */
  _aimed({ x, y }) {
    const beat = Math.max(0, beatOf(this.view, x));
    return {
      onset: this._grid ? Math.floor(beat / this._grid + 1e-6) * this._grid : beat,
      pitch: Math.max(0, Math.min(127, pitchOf(this.view, y))),
    };
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
    return noteAt(this.notes, this._longest, beatOf(this.view, x), pitchOf(this.view, y), 2 / this.view.perBeat, this.chosen, this.showsGhosts);
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
      this._aim = null;
      if (event.pointerType === "touch") {
        touches.set(event.pointerId, { x, y });
        if (touches.size === 2) { this._cancel(); return; }
      }
      if (event.button === 2) return;
      element.setPointerCapture(event.pointerId);
      event.preventDefault();
      if (event.button === 1) this._gesture = { kind: "pan", x, y, start: this.view.start, top: this.view.top };
      else this._begin(x, y, event);
    };
    const move = (/** @type {PointerEvent} */ event) => {
      const { x, y } = place(event);
      if (touches.has(event.pointerId) && touches.size === 2) return this._pinch(touches, event.pointerId, x, y);
      if (!this._gesture) return this._hover(x, y, event.pointerType);
      this._pointer = { x, y, free: event.altKey, frame: this._pointer?.frame ?? 0, rise: this._pointer?.rise ?? 0 };
      this._drag(x, y, event.altKey);
      this._pullAlong();
    };
    const up = (/** @type {PointerEvent} */ event) => {
      touches.delete(event.pointerId);
      if (this._gesture) this._finish();
    };
    const lost = (/** @type {PointerEvent} */ event) => {
      touches.delete(event.pointerId);
      if (this._gesture) this._cancel();
    };
    const left = () => { if (this._aim) { this._aim = null; this._drawOver(); } };
    const wheel = (/** @type {WheelEvent} */ event) => {
      const { x, y } = place(event), unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 320 : 1;
      const across = event.deltaX * unit, along = event.deltaY * unit;
      this._aim = null;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        this.zoom(Math.exp(-along / 300), x);
      } else if (event.altKey) {
        event.preventDefault();
        this.zoomPitches(Math.exp(-along / 300), y);
      } else if (across || event.shiftKey) {
        event.preventDefault();
        this.scroll((across || along) / this.view.perBeat);
      } else if (this.ruler && (this._high - this._low + 1 > this.view.rows || !this._fitsPitches || document.activeElement === element)) {
        const top = this.view.top;
        this.scroll(0, -Math.sign(along) * 2);
        if (this.view.top !== top) event.preventDefault(); // at its end the page scrolls on
      }
    };
    const menu = (/** @type {MouseEvent} */ event) => {
      const { x, y } = place(event), note = y > this.ruler && y < this._bottom && x >= this.left ? this._noteAt(x, y) : null;
      event.preventDefault();
      this._cancel(); // a long touch has begun to move it
      if (!this.editable || !note) return;
      const ids = this.selected.has(note.id) ? this.selected : new Set([note.id]), words = `${counted(ids.size)} removed`;
      this._commit(removed(this.notes, ids), words);
      this.say(`${words}.`);
    };
    const redraw = () => this._drawOver();
    const keydown = (/** @type {KeyboardEvent} */ event) => this._key(event);
    const listeners = /** @type {[string, any, any?][]} */ ([
      ["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", lost], ["pointerleave", left], ["contextmenu", menu],
      ["wheel", wheel, { passive: false }], ["keydown", keydown], ["focus", redraw], ["blur", redraw],
    ]);
    for (const [name, listener, settings] of listeners) element.addEventListener(name, listener, settings);
    return () => { for (const [name, listener] of listeners) element.removeEventListener(name, listener); };
  }

  /** @param {Map<number, {x: number, y: number}>} touches @param {number} id @param {number} x @param {number} y */
  _pinch(touches, id, x, y) {
    const other = /** @type {{x: number, y: number}} */ ([...touches].find(([key]) => key !== id)?.[1]);
    const was = /** @type {{x: number, y: number}} */ (touches.get(id));
    const before = Math.hypot(was.x - other.x, was.y - other.y), now = Math.hypot(x - other.x, y - other.y);
    const isFlat = Math.abs(x - other.x) >= Math.abs(y - other.y); // fingers beside each other stretch time, above each other pitch
    if (before > 30) {
      if (isFlat) this.zoom(now / before, (x + other.x) / 2);
      else this.zoomPitches(now / before, (y + other.y) / 2);
    }
    this._rise += (y - was.y) / 2 / this.view.row;
    const rows = Math.trunc(this._rise);
    this._rise -= rows;
    this.scroll(-(x - was.x) / 2 / this.view.perBeat, rows);
    touches.set(id, { x, y });
  }

  /** Which handle of the trim is at x; −1 for none. @param {number} x @param {number} y */
  _trimAt(x, y) {
    if (!this.trim || !this._trimChanged || y < this.ruler || y > this.height - this.lane) return -1;
    const bottom = this.height - this.lane;
    return this.trim.findIndex((beat) => xOf(this.view, beat) <= this.view.width + EDGE && Math.abs(Math.min(xOf(this.view, beat), this.view.width - 3) - x) <= (y > bottom - 26 ? 9 : 4));
  }

  /** Which end of the loop is at x; −1 for none. @param {number} x @param {number} y */
  _loopAt(x, y) {
    const loop = this.transport?.loop;
    return !loop || !this.ruler || y >= this.ruler ? -1 : loop.findIndex((/** @type {number} */ beat) => Math.abs(xOf(this.view, beat) - x) <= EDGE);
  }

  /** @param {number} x @param {number} y @param {PointerEvent} event */
  _begin(x, y, event) {
    const handle = this._trimAt(x, y), beat = Math.max(0, beatOf(this.view, x));
    if (handle >= 0) { this._gesture = { kind: "trim", handle, x, y }; return; }
    if (this.ruler && y < this.ruler) {
      const end = this._loopAt(x, y);
      this._gesture = { kind: "ruler", x, y, beat: end >= 0 ? this.transport.loop[1 - end] : beat, at: beat, isLoop: end >= 0 };
      return;
    }
    if (x < this.left) return this._pressKey(pitchOf(this.view, y));
    if (this.lane && y >= this._bottom) {
      if (this.editable) { this._gesture = { kind: "velocity", x, y, notes: this.notes }; this._drag(x, y, false); }
      return;
    }
    if (!this.editable) { this._gesture = { kind: "look", x, y, at: beat, start: this.view.start, top: this.view.top }; return; }
    const note = this._noteAt(x, y);
    if (note) return this._takeHold(note, x, y, event);
    if (this.tool === "select" || event.shiftKey) {
      this._gesture = { kind: "box", x, y, beat, pitch: pitchOf(this.view, y), kept: event.shiftKey ? this.selected : new Set() };
      return;
    }
    if (this.selected.size && event.pointerType === "touch") { this._select([]); return; }
    if (this._piece.tracks.length === 0) return;
    const { onset, pitch } = this._aimed({ x, y });
    const { notes, ids } = added(this.notes, [{ track: this.chosen, onset, pitch, duration: this.noteLength ?? this._step, velocity: 80 }]);
    this._gesture = { kind: "draw", x, y, beat, notes, onset, id: ids[0], pitch };
    this._preview(notes);
    this._select(ids);
    this._audition(pitch);
  }

  /** @param {RollNote} note @param {number} x @param {number} y @param {PointerEvent} event */
  _takeHold(note, x, y, event) {
    if (event.shiftKey) { this._select(this.selected.has(note.id) ? [...this.selected].filter((id) => id !== note.id) : [...this.selected, note.id]); return; }
    const wasAmong = this.selected.has(note.id) && this.selected.size > 1;
    if (!this.selected.has(note.id)) this._select([note.id]);
    if (note.track !== this.chosen && !this.showsGhosts) {
      this.chosen = note.track;
      this.draw();
      this.dispatchEvent(new CustomEvent("track", { detail: { track: note.track } }));
    }
    const end = xOf(this.view, note.onset + note.duration), wide = note.duration * this.view.perBeat;
    const atEdge = x > end - Math.min(EDGE, wide / 3);
    this._gesture = { kind: atEdge ? "resize" : "move", x, y, beat: beatOf(this.view, x), notes: this.notes, note, pitch: note.pitch, wasAmong };
    this._audition(note.pitch, note);
  }

  /** Something is dragged past an edge: scroll there, and drag on. */
  _pullAlong() {
    const pointer = this._pointer, gesture = this._gesture;
    if (!pointer || pointer.frame || !gesture?.dragged || !["draw", "move", "resize", "box", "ruler"].includes(gesture.kind)) return;
    const across = pull(pointer.x, this.left, this.view.width), along = gesture.kind === "ruler" || gesture.kind === "resize" ? 0 : pull(pointer.y, this.ruler, this._bottom);
    if (!across && !along) return;
    pointer.frame = requestAnimationFrame(() => {
      const now = this._pointer;
      if (!now || !this._gesture) return;
      now.frame = 0;
      now.rise -= along * 0.4;
      const rows = Math.trunc(now.rise);
      now.rise -= rows;
      this.scroll((across * PULL) / this.view.perBeat, rows);
      this._drag(now.x, now.y, now.free);
      this._pullAlong();
    });
  }

  /** @param {number} x @param {number} y @param {boolean} isFree no grid */
  _drag(x, y, isFree) {
    const gesture = this._gesture, view = this.view;
    gesture.dragged ||= Math.abs(x - gesture.x) > CLICK || Math.abs(y - gesture.y) > CLICK;
    const beat = beatOf(view, x), grid = isFree ? 0 : this._grid, byBeats = beat - gesture.beat;
    if (!gesture.dragged && gesture.kind !== "velocity") return;
    switch (gesture.kind) {
      case "trim": {
        const trim = /** @type {[number, number]} */ ([.../** @type {[number, number]} */ (this.trim)]);
        const step = grid || 1 / 16, at = Math.max(0, Math.min(this.length, snapped(beat, step)));
        trim[gesture.handle] = gesture.handle === 0 ? Math.min(at, trim[1] - step) : Math.max(at, trim[0] + step);
        this.trim = trim;
        this._drawOver();
        break;
      }
      case "pan": case "look":
        if (!this.ruler) break; // a strip goes where its roll goes
        view.start = gesture.start;
        view.top = gesture.top;
        this.scroll(-(x - gesture.x) / view.perBeat, Math.round((y - gesture.y) / view.row));
        break;
      case "ruler":
        if (this.transport) {
          const [from, to] = onBeats(this._barsUntil(Math.max(gesture.beat, beat)), gesture.beat, Math.max(0, beat));
          if (gesture.loop?.[0] === from && gesture.loop[1] === to) break;
          gesture.loop = [from, to];
          this.transport.setLoop(from, to);
        }
        break;
      case "box": {
        const pitch = pitchOf(view, y), from = Math.min(beat, gesture.beat), to = Math.max(beat, gesture.beat);
        const high = Math.max(pitch, gesture.pitch), low = Math.min(pitch, gesture.pitch);
        gesture.box = { from, to, high, low };
        const inside = this.notes.filter((note) => note.onset < to && note.onset + note.duration > from && note.pitch <= high && note.pitch >= low
          && (!this.showsGhosts || note.track === this.chosen));
        this._select([...gesture.kept, ...inside.map((note) => note.id)]);
        this._drawOver();
        break;
      }
      case "draw": {
        const end = Math.max(gesture.onset + (grid || LEAST_DURATION), grid ? Math.ceil(beat / grid - 1e-6) * grid : beat);
        const pitch = Math.max(0, Math.min(127, pitchOf(view, y)));
        const duration = Math.abs(x - gesture.x) > CLICK || gesture.isLong ? end - gesture.onset : this.noteLength ?? this._step;
        gesture.isLong ||= Math.abs(x - gesture.x) > CLICK;
        gesture.notes = gesture.notes.map((/** @type {RollNote} */ note) => note.id === gesture.id ? { ...note, pitch, duration } : note);
        if (pitch !== gesture.pitch) { gesture.pitch = pitch; this._audition(pitch); }
        this._preview(gesture.notes);
        break;
      }
      case "move": {
        const by = pitchOf(view, y) - gesture.note.pitch;
        const later = Math.abs(x - gesture.x) <= CLICK && !gesture.isFar ? 0 : grid ? snapped(gesture.note.onset + byBeats, grid) - gesture.note.onset : byBeats;
        gesture.isFar ||= Math.abs(x - gesture.x) > CLICK;
        const pitch = gesture.note.pitch + by;
        this._preview(moved(gesture.notes, this.selected, later, by, this._isDrum));
        if (pitch !== gesture.pitch && pitch >= 0 && pitch < 128) { gesture.pitch = pitch; this._audition(pitch, gesture.note); }
        break;
      }
      case "resize": {
        const end = gesture.note.onset + gesture.note.duration;
        const wanted = Math.max(gesture.note.onset + (grid || LEAST_DURATION), grid ? snapped(end + byBeats, grid) : end + byBeats);
        this._preview(resized(gesture.notes, this.selected, wanted - end));
        break;
      }
      case "velocity": this._paintVelocity(gesture, x, y); break;
    }
  }

  /** Velocities follow the pointer, those between two of its places the line between them. @param {any} gesture @param {number} x @param {number} y */
  _paintVelocity(gesture, x, y) {
    const view = this.view, room = this.lane - this._foot - 12;
    const at = (/** @type {number} */ place) => Math.round(((this.height - this._foot - 4 - place) / room) * 127);
    const from = Math.min(x, gesture.lastX ?? x), to = Math.max(x, gesture.lastX ?? x), reach = from === to ? 6 : 0;
    const [first, end] = seenOf(this.notes, beatOf(view, from - reach), beatOf(view, to + reach) + 1e-9, 0);
    let near = this.notes.slice(first, end).filter((note) => note.track === this.chosen);
    if (near.some((note) => this.selected.has(note.id))) near = near.filter((note) => this.selected.has(note.id));
    const lines = new Map(near.map((note) => {
      const share = from === to ? 1 : (xOf(view, note.onset) - gesture.lastX) / (x - gesture.lastX);
      return [note.id, at((gesture.lastY ?? y) + share * (y - (gesture.lastY ?? y)))];
    }));
    gesture.lastX = x;
    gesture.lastY = y;
    if (!near.length) return;
    gesture.velocity = at(y);
    this._preview(this.notes.map((note) => lines.has(note.id) ? { ...note, velocity: Math.max(1, Math.min(127, /** @type {number} */ (lines.get(note.id)))) } : note));
  }

  /** Show notes that are not yet decided. @param {RollNote[]} notes */
  _preview(notes) {
    this._live = notes;
    this._measure();
    this.draw();
  }

  /** Resolves once no pointer draws or drags. */
  async atRest() {
    while (this._gesture) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Forget what was not decided. */
  _drop() {
    this._gesture = null;
    this._pointer = null;
    if (!this._live) return;
    this._live = null;
    this._measure();
  }

  /** The pointer let go. */
  _finish() {
    const gesture = this._gesture, live = this._live;
    this._drop();
    if (live) {
      const words = { draw: "a note added", move: "notes moved", resize: "length changed", velocity: "velocity changed" }[/** @type {string} */ (gesture.kind)] ?? "changed";
      const one = live.find((note) => note.id === (gesture.id ?? gesture.note?.id));
      if (this._commit(live, words)) {
        if (one && (gesture.kind === "draw" || gesture.kind === "resize")) this.noteLength = one.duration;
        if (one) this.say(`${gesture.kind === "draw" ? "Added " : ""}${this._where(one.onset, one.pitch)}, ${lasts(one.duration)}.`);
        else if (gesture.kind === "velocity") this.say(`Velocity ${Math.max(1, Math.min(127, gesture.velocity))}.`);
      } else this.draw();
    } else if (gesture.kind === "trim") this._trimChanged?.(this.trim);
    else if (!gesture.dragged && (gesture.kind === "ruler" || gesture.kind === "look") && !gesture.isLoop) this._seek(gesture.at);
    else if (gesture.kind === "box" && !gesture.dragged) this._select([...gesture.kept]);
    else if (gesture.kind === "move" && gesture.wasAmong && !gesture.dragged) this._select([gesture.note.id]);
    else if (gesture.loop) this.say(`Loop from ${this._when(gesture.loop[0])} to ${this._when(gesture.loop[1])}.`);
    this._drawOver();
  }

  /** @param {number} beat */
  _seek(beat) {
    const at = this.editable && this._grid ? snapped(beat, this._grid) : beat;
    this.transport?.seek(at);
    this.dispatchEvent(new CustomEvent("seek", { detail: { beat: at } }));
    if (this.selected.size) this._select([]);
  }

  _cancel() {
    const gesture = this._gesture;
    this._drop();
    if (gesture?.kind === "draw") this._select([]);
    this.draw();
  }

  /** @param {number} x @param {number} y @param {string} kind of pointer */
  _hover(x, y, kind) {
    let cursor = "default";
    const aimed = this._aim;
    this._aim = null;
    if (this._trimAt(x, y) >= 0 || this._loopAt(x, y) >= 0) cursor = "ew-resize";
    else if (this.ruler && y < this.ruler) cursor = "pointer";
    else if (!this.editable) cursor = this.transport ? "pointer" : "default";
    else if (x >= this.left && y < this._bottom) {
      const note = this._noteAt(x, y), end = note ? xOf(this.view, note.onset + note.duration) : 0;
      if (note) cursor = x > end - Math.min(EDGE, (note.duration * this.view.perBeat) / 3) ? "ew-resize" : "move";
      else if (this.tool === "draw") {
        cursor = "crosshair";
        if (kind !== "touch") this._aim = { x, y };
      }
    } else if (this.lane && y >= this._bottom && x >= this.left) cursor = "ns-resize";
    this.element.style.cursor = cursor;
    if (aimed || this._aim) this._drawOver();
  }

  /** @param {number} pitch @param {RollNote} [note] */
  _audition(pitch, note) {
    if (!this.sound || this.transport?.isPlaying || pitch < 0 || pitch > 127) return;
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
    if (control && (event.key === "[" || event.key === "]") && this.trim && this._trimChanged) { this._trimTo(event.key === "["); return true; }
    if (event.key === "PageUp" || event.key === "PageDown") { this.scroll(0, event.key === "PageUp" ? 12 : -12); return true; }
    if (!this.editable && this.transport && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      this.transport.seek(this.transport.position + (event.key === "ArrowLeft" ? -1 : 1));
      return true;
    }
    if (event.key === "Home" || event.key === "End") {
      const beat = event.key === "Home" ? 0 : endOf(this._piece);
      if (this.editable) this._moveCursor(beat - this.cursor.beat, 0);
      else this._reveal(beat, this.view.top);
      this.transport?.seek(beat);
      return true;
    }
    return false;
  }

  /** Trim to the cursor, else to the playhead. @param {boolean} isStart */
  _trimTo(isStart) {
    const trim = /** @type {[number, number]} */ ([.../** @type {[number, number]} */ (this.trim)]);
    const beat = this.editable && this.cursor.visible ? this.cursor.beat : this.transport?.position ?? 0;
    trim[isStart ? 0 : 1] = isStart ? Math.min(beat, trim[1] - this._step) : Math.max(beat, trim[0] + this._step);
    this.trim = trim;
    this.draw();
    this.say(`Trimmed from ${this._when(trim[0])} to ${this._when(trim[1])}.`);
    this._trimChanged?.(trim);
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
      case "+": this.changeVelocity(8); return true;
      case "-": this.changeVelocity(-8); return true;
      case "Escape":
        if (this._gesture) { this._cancel(); return true; }
        if (this.selected.size === 0) return false;
        this._select([]);
        this.say("No note chosen.");
        return true;
    }
    return false;
  }

  /** @param {number} right @param {number} up @param {KeyboardEvent} event */
  _arrow(right, up, event) {
    const step = this._step, far = event.shiftKey;
    const barLength = () => { const from = this.selected.size ? this.selection[0].onset : this.cursor.beat; return barAt(this._barsUntil(from), from).beats; };
    if (this.selected.size === 0) return this._moveCursor(right * (far ? barLength() : step), up * (far ? 12 : 1));
    if (event.altKey) return right ? this.changeLength(right * step) : undefined;
    const hasMoved = this._commit(moved(this.notes, this.selected, right * (far ? barLength() : step), up * (far ? 12 : 1), this._isDrum), "notes moved");
    const [note] = this.selection;
    if (!note) return;
    if (up && hasMoved) this._audition(note.pitch, note);
    Object.assign(this.cursor, { beat: note.onset, pitch: note.pitch });
    this.say(hasMoved ? `${this._where(note.onset, note.pitch)}, ${lasts(note.duration)}.` : "It can go no further.");
    this._reveal(note.onset, note.pitch);
  }

  /** @param {number} beats @param {number} semitones */
  _moveCursor(beats, semitones) {
    const cursor = this.cursor;
    if (!cursor.visible) this._placeCursor();
    cursor.beat = Math.max(0, snapped(cursor.beat + beats, this._step));
    cursor.pitch = Math.max(0, Math.min(127, cursor.pitch + semitones));
    cursor.visible = true;
    this._reveal(cursor.beat, cursor.pitch);
    const note = this._underCursor();
    this.say(`${this._where(cursor.beat, cursor.pitch)}${note ? `, a note of ${lasts(note.duration)}` : ""}.`);
    if (semitones) this._audition(cursor.pitch);
    this._drawOver();
  }

  /** A cursor that was not seen starts where one looks. */
  _placeCursor() {
    const { cursor, view } = this;
    if (cursor.beat < view.start || cursor.beat > lastBeat(view)) cursor.beat = snapped(view.start, this._step);
    if (cursor.pitch > view.top || cursor.pitch <= view.top - view.rows) cursor.pitch = Math.max(0, view.top - Math.floor(view.rows / 2));
  }

  _underCursor() {
    return noteAt(this.notes, this._longest, this.cursor.beat + 1e-6, this.cursor.pitch, 0, this.chosen, this.showsGhosts);
  }

  _enter() {
    if (!this.cursor.visible) this._placeCursor();
    const { beat, pitch } = this.cursor, at = this._underCursor();
    this.cursor.visible = true;
    if (at && at.onset + at.duration > beat + 1e-6) {
      this._select(this.selected.has(at.id) ? [] : [at.id]);
      this.say(this.selected.size ? `Chosen: ${pitchName(pitch)}. Arrows move it, Delete removes it.` : "No note chosen.");
      return;
    }
    if (this._piece.tracks.length === 0) return;
    const { notes, ids } = added(this.notes, [{ track: this.chosen, onset: beat, pitch, duration: this.noteLength ?? this._step, velocity: 80 }]);
    this.selected = new Set(ids);
    this._commit(notes, "a note added");
    this._audition(pitch);
    this.say(`Added ${this._where(beat, pitch)}.`);
  }

  /** @param {number} beat @param {number} pitch */
  _where(beat, pitch) {
    return `${pitchName(pitch)}, ${this._when(beat)}`;
  }

  /** @param {number} beat */
  _when(beat) {
    const bar = barAt(this._barsUntil(beat), beat);
    return `beat ${+(beat - bar.start + 1).toFixed(3)} of ${bar.number === 0 ? "the pickup" : `bar ${bar.number}`}`;
  }
}

/** Whether two pieces differ in nothing but their notes. @param {Piece} a @param {Piece} b */
function alikeBut(a, b) {
  const rest = (/** @type {Piece} */ { tracks, ...more }) => JSON.stringify([more.pickup, more.metres, more.tempos, tracks.map(({ name, program, is_drum }) => [name, program, is_drum])]);
  return rest(a) === rest(b);
}

/** @param {number} count */
function counted(count) {
  return `${count} note${count === 1 ? "" : "s"}`;
}

/** @param {number} beats */
function lasts(beats) {
  return `${+beats.toFixed(3)} beat${beats === 1 ? "" : "s"}`;
}
