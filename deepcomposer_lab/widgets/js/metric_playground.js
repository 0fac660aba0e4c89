// The metric playground: a grid to paint on, five metrics that follow, guesses and challenges.
import { pageSound } from "./lib/sound_page.js";
import { added, CHALLENGES, challengeState, digitsOf, DRUM_PITCHES, inWords, noteAt, pieceOf, removed, resized, scoreOf, STEPS, Stroke, TONES } from "./lib/playground.js";
import { button, h, icon, liveRegion, root, select, slider, switchControl } from "./parts/dom.js";
import { soundState } from "./parts/sound_state.js";

/** @typedef {import("./lib/playground.js").Cells} Cells */

const PATIENCE = 120; // ms until it is said that the kernel is measuring
const HEARD = 180; // ms of a tone that is painted
const SCALES = { pitches: [0, 8, 16], share: [0, 0.5, 1] };

/** @param {{model: import("./lib/kernel.js").Model, el: HTMLElement}} view */
function render({ model, el }) {
  const frame = root(el, "dc-playground", "Metric playground"), sound = pageSound(model), transport = sound.createTransport();
  const names = /** @type {string[]} */ (model.get("rows")), steps = STEPS * model.get("bars");
  const speech = liveRegion(), banner = soundState(sound);
  const { grid, cells } = makeGrid(names, steps);

  // ------------------------------------------------------------------------------ what is painted
  /** @type {Cells[]} */
  let notes = model.get("notes");
  /** @type {{past: Cells[][], future: Cells[][]}} */
  const history = { past: [], future: [] };
  let hasRevealed = false;
  /** @type {Record<string, number>} */
  let guesses = {};

  const save = (/** @type {Cells[]} */ next) => {
    notes = next;
    model.set("notes", next);
    model.set("edit", model.get("edit") + 1);
    model.save_changes();
    hasRevealed = false;
    show();
    waitForNumbers();
  };
  const paint = (/** @type {Cells[]} */ next) => {
    if (next === notes) return;
    history.past.push(notes);
    history.future = [];
    save(next);
  };
  const travel = (/** @type {Cells[][]} */ from, /** @type {Cells[][]} */ to, /** @type {string} */ words) => {
    const next = from.pop();
    if (!next) return;
    to.push(notes);
    save(next);
    speech.textContent = words;
  };
  const undo = () => travel(history.past, history.future, "Undone.");
  const redo = () => travel(history.future, history.past, "Done again.");

  const show = () => {
    for (const cell of cells.values()) {
      cell.setAttribute("aria-selected", "false");
      cell.classList.remove("dc-held", "dc-ends");
    }
    for (const [row, step, length] of notes) {
      for (let at = step; at < step + length; at++) {
        const cell = cells.get(`${row}:${at}`);
        cell?.setAttribute("aria-selected", "true");
        cell?.classList.toggle("dc-held", at > step);
        cell?.classList.toggle("dc-ends", at === step + length - 1);
      }
    }
    undoButton.disabled = history.past.length === 0;
    redoButton.disabled = history.future.length === 0;
    clear.disabled = play.disabled = notes.length === 0;
    if (!notes.length) transport.stop();
    transport.setPiece(pieceOf(notes));
    if (transport.isPlaying) transport.setLoop(0, steps / 4);
    buildPanel();
  };

  // ------------------------------------------------------------------------------ tools
  const play = button({ label: "Play", text: "Play", icon: "play", title: "Play the bars, over and over (P)", onclick: () => toggle() });
  const undoButton = button({ label: "Undo", icon: "undo", kind: "ghost", title: "Undo (Ctrl+Z)", onclick: undo });
  const redoButton = button({ label: "Redo", icon: "redo", kind: "ghost", title: "Redo (Ctrl+Y)", onclick: redo });
  const clear = button({ label: "Clear", text: "Clear", kind: "ghost", onclick: () => { paint([]); focusCell(/** @type {HTMLElement} */ (cells.get("12:0"))); } });
  const predict = switchControl({ label: "Predict first", checked: false, onchange: () => { hasRevealed = false; guesses = {}; buildPanel(); } });
  const predicts = () => predict.input.getAttribute("aria-checked") === "true";
  const challenge = select({
    label: "Challenge", value: "", choices: [["", "No challenge"], ...CHALLENGES.map((one, index) => /** @type {[string, string]} */ ([String(index), one.text]))],
    onchange: () => showChallenge(),
  });
  const verdict = h("span", { class: "dc-challenge-words", role: "status" });
  const datasets = /** @type {[string, string][]} */ (model.get("datasets"));
  const dataset = select({
    label: "The band: the middle 80 % of which music", value: model.get("dataset"), choices: datasets.map(([name, plural]) => [name, `80 % of the ${plural}`]),
    onchange: (name) => {
      model.set("dataset", name);
      model.set("edit", model.get("edit") + 1);
      model.save_changes();
      waitForNumbers();
    },
  });
  const tools = h("div", { class: "dc-playground-tools" }, play, undoButton, redoButton, clear, h("i", { class: "dc-tools-line", "aria-hidden": "true" }), predict.element,
    h("span", { class: "dc-spread dc-row" }, verdict, challenge.element));
  const key = h("div", { class: "dc-playground-key" }, h("i", { class: "dc-band-mark", "aria-hidden": "true" }), dataset.element);
  const panel = h("div", { class: "dc-playground-rows" });
  const late = h("p", { class: "dc-hint dc-playground-late", role: "status", hidden: true }, "Measuring … these are the numbers of before.");
  const side = h("section", { class: "dc-playground-metrics", "aria-label": "Metrics" }, panel, key, late);
  const hint = h("p", { class: "dc-hint dc-playground-hint" }, "Drag along a row for a long note; press a note to take it away. Keys: arrows move, ", h("kbd", {}, "Space"), " paints, ", h("kbd", {}, "Alt"), " with ",
    h("kbd", {}, "→"), " and ", h("kbd", {}, "←"), " makes longer and shorter, ", h("kbd", {}, "P"), " plays, ", h("kbd", {}, "Esc"), " leaves.");
  // What comes and goes stands below the grid: nothing may move under a brush.
  frame.append(speech, tools, h("div", { class: "dc-playground-row" }, h("div", { class: "dc-playground-music" }, grid, hint), side), banner.element);

  // ------------------------------------------------------------------------------ the brush
  /** @type {Stroke | null} */
  let stroke = null;
  const hear = (/** @type {number} */ row) => {
    const isDrum = row >= TONES, id = sound.noteOn(isDrum ? DRUM_PITCHES[row - TONES] : 72 - row, 80, { isDrum });
    setTimeout(() => sound.noteOff(id), HEARD);
  };
  const cellUnder = (/** @type {PointerEvent} */ event) => {
    const cell = /** @type {any} */ (frame.getRootNode()).elementFromPoint(event.clientX, event.clientY)?.closest?.(".dc-cell");
    return cell && grid.contains(cell) ? placeOf(cell) : null;
  };
  const preview = (/** @type {Cells[]} */ next) => {
    notes = next;
    show();
  };
  grid.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    const place = event.button === 0 ? cellUnder(event) : null;
    if (!place) return;
    event.preventDefault();
    sound.enable();
    const [row, step] = place;
    focusCell(/** @type {HTMLElement} */ (cells.get(`${row}:${step}`)));
    stroke = new Stroke(notes, row, step);
    if (!stroke.erases) hear(row);
    preview(stroke.notes);
    grid.setPointerCapture(event.pointerId);
  });
  grid.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const place = stroke && cellUnder(event);
    if (!stroke || !place || (place[0] === stroke.at[0] && place[1] === stroke.at[1])) return;
    const row = stroke.row;
    preview(stroke.to(...place));
    if (!stroke.erases && (stroke.row !== row || stroke.row >= TONES)) hear(stroke.row);
  });
  const lift = (/** @type {boolean} */ keeps) => {
    if (!stroke) return;
    const { before, notes: drawn } = stroke;
    stroke = null;
    notes = before;
    if (keeps) paint(drawn); else show();
  };
  grid.addEventListener("pointerup", () => lift(true));
  grid.addEventListener("pointercancel", () => lift(false));

  // ------------------------------------------------------------------------------ the keys
  const focusCell = (/** @type {HTMLElement} */ cell) => {
    for (const one of grid.querySelectorAll("[tabindex='0']")) one.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus({ preventScroll: true });
  };
  const tell = (/** @type {number} */ row, /** @type {number} */ step) => { speech.textContent = inWords(names[row], noteAt(notes, row, step), step); };
  grid.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const place = placeOf(/** @type {HTMLElement} */ (event.target));
    if (!place || event.ctrlKey || event.metaKey) return;
    const [row, step] = place;
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key], across = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (along && event.altKey) {
      paint(resized(notes, row, step, along, steps));
      tell(row, step);
    } else if (along || across || event.key === "Home" || event.key === "End") {
      const to = event.key === "Home" ? 0 : event.key === "End" ? steps - 1 : step + (along ?? 0) * (event.shiftKey ? 4 : 1);
      const next = cells.get(`${row + (across ?? 0)}:${to}`);
      if (next) focusCell(next);
    } else if (event.key === " " || event.key === "Enter") {
      const had = noteAt(notes, row, step);
      if (!had) { sound.enable(); hear(row); }
      paint(had ? removed(notes, row, step) : added(notes, [row, step, 1]));
      tell(row, step);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      paint(removed(notes, row, step));
      tell(row, step);
    } else return;
    event.preventDefault();
  });
  frame.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const letter = event.key.toLowerCase(), isText = /** @type {HTMLElement} */ (event.target).matches("select, input");
    if (event.ctrlKey || event.metaKey) {
      if (letter === "z" && !event.shiftKey) undo();
      else if (letter === "y" || letter === "z") redo();
      else return;
    } else if (letter === "p" && !isText && !event.altKey) toggle();
    else return;
    event.preventDefault();
  });

  // ------------------------------------------------------------------------------ the metrics
  const rows = () => /** @type {any[]} */ (model.get("metrics"));
  let isLate = false, patience = 0;
  const isMeasured = () => model.get("measured") === model.get("edit");
  const waitForNumbers = () => {
    clearTimeout(patience);
    patience = window.setTimeout(() => { if (!isMeasured()) { isLate = true; mark(); } }, PATIENCE);
  };
  const measured = () => {
    if (!isMeasured()) return;
    clearTimeout(patience);
    isLate = false;
    buildPanel();
  };
  const mark = () => {
    side.classList.toggle("dc-late", isLate);
    late.hidden = !isLate;
  };
  const share = (/** @type {any} */ row, /** @type {number} */ value) => `${Math.max(0, Math.min(1, (value - row.minimum) / (row.maximum - row.minimum || 1))) * 100}%`;
  const valueRow = (/** @type {any} */ row, /** @type {number | null} */ guess) => {
    const value = row.value === null ? "–" : row.value.toFixed(digitsOf(row));
    return h("div", { class: "dc-metric", role: "group", "aria-label": row.label, "data-metric": row.name },
      h("div", { class: "dc-metric-head" }, h("span", { class: "dc-metric-label" }, row.label),
        guess === null ? null : h("span", { class: "dc-hint" }, `you said ${guess.toFixed(digitsOf(row))}`), h("b", { class: "dc-metric-value" }, value)),
      h("div", { class: "dc-metric-scale", "aria-hidden": "true" },
        row.value !== null && row.low !== null ? h("i", { class: "dc-band", style: `left: ${share(row, row.low)}; right: calc(100% - ${share(row, row.high)})` }) : null,
        guess === null ? null : h("i", { class: "dc-was", style: `left: ${share(row, guess)}` }),
        row.value === null ? null : h("i", { class: "dc-now", style: `left: ${share(row, row.value)}` })),
      h("div", { class: "dc-metric-verdict" }, row.reason ?? row.verdict));
  };
  const guessRow = (/** @type {any} */ row) => {
    const isShare = row.maximum <= 2, [low, middle, high] = isShare ? SCALES.share : SCALES.pitches;
    const said = guesses[row.name];
    const control = slider({
      label: row.label, value: said ?? middle, minimum: low, maximum: high, step: isShare ? 0.05 : 0.5,
      format: (number) => (row.name in guesses ? number.toFixed(digitsOf(row)) : "?"), hint: said === undefined ? "your guess" : "",
      onchange: (value) => {
        guesses[row.name] = value;
        control.set(value);
        check.setAttribute("aria-disabled", "false");
      },
    });
    return h("div", { class: "dc-metric", "data-metric": row.name }, control.element);
  };
  const check = button({ label: "Check", text: "Check", icon: "check", kind: "primary", onclick: () => {
    if (!isMeasured()) return;
    const { count, words } = scoreOf(rows(), guesses);
    if (count) {
      hasRevealed = true;
      buildPanel();
    }
    speech.textContent = words;
    if (!count) told.textContent = words;
  } });
  const again = button({ label: "Guess again", text: "Guess again", onclick: () => { hasRevealed = false; guesses = {}; buildPanel(); } });
  const told = h("p", { class: "dc-guess-words" });
  const foot = h("div", { class: "dc-guess-foot" });

  function buildPanel() {
    mark();
    const hides = predicts() && !hasRevealed;
    if (hides && panel.dataset.mode === "guess" && panel.children.length === rows().length + 1 && panel.dataset.asked === asked()) { showChallenge(); return; }
    if (hides) for (const name of Object.keys(guesses)) if (!rows().some((row) => row.name === name && row.value !== null)) delete guesses[name];
    panel.dataset.mode = hides ? "guess" : "values";
    panel.dataset.asked = asked();
    check.setAttribute("aria-disabled", String(Object.keys(guesses).length === 0));
    const score = hasRevealed && predicts() ? scoreOf(rows(), guesses) : null;
    told.textContent = score ? score.words : hides ? "Move a slider, then check." : "";
    foot.replaceChildren(...(hides ? [told, check] : score ? [told, again] : []));
    foot.hidden = !foot.children.length;
    panel.replaceChildren(...rows().map((row) => (hides && row.value !== null ? guessRow(row) : valueRow(row, score && row.name in guesses ? guesses[row.name] : null))), foot);
    showChallenge();
  }
  /** Which metrics can be guessed: sliders stay as they are while these do. */
  function asked() {
    return rows().map((row) => (row.value === null ? "" : row.name)).join();
  }
  function showChallenge() {
    const one = challenge.input.value === "" ? null : CHALLENGES[+challenge.input.value];
    const hides = predicts() && !hasRevealed;
    const state = !one ? { met: false, words: "" } : hides ? { met: false, words: "Check your guesses first." } : challengeState(one, rows(), notes);
    if (verdict.textContent !== state.words) verdict.replaceChildren(...(state.met ? [icon("check"), state.words] : [state.words]));
    verdict.classList.toggle("dc-met", state.met);
  }

  // ------------------------------------------------------------------------------ sound
  const toggle = () => {
    sound.enable();
    if (transport.isPlaying) { transport.stop(); return; }
    if (!notes.length) return;
    transport.setLoop(0, steps / 4);
    transport.play(0);
  };
  const playing = () => {
    play.replaceChildren(icon(transport.isPlaying ? "stop" : "play"), transport.isPlaying ? "Stop" : "Play");
    light();
  };
  let lit = -1;
  const light = () => {
    const step = transport.isPlaying ? Math.floor(transport.position * 4) % steps : -1;
    if (step !== lit) {
      for (let row = 0; row < names.length; row++) {
        cells.get(`${row}:${lit}`)?.classList.remove("dc-now-step");
        cells.get(`${row}:${step}`)?.classList.add("dc-now-step");
      }
      lit = step;
    }
    if (transport.isPlaying) requestAnimationFrame(light);
  };
  transport.addEventListener("state", playing);

  const repainted = () => { // by the kernel, or in another view
    if (stroke || same(model.get("notes"), notes)) return;
    history.past.push(notes);
    history.future = [];
    notes = model.get("notes");
    hasRevealed = false;
    show();
  };
  const chosen = () => dataset.set(model.get("dataset"));
  const listeners = /** @type {[string, () => void][]} */ ([["change:notes", repainted], ["change:metrics", measured], ["change:measured", measured], ["change:dataset", chosen]]);
  for (const [name, listener] of listeners) model.on(name, listener);
  sound.preload().catch(() => {});
  show();
  return () => {
    for (const [name, listener] of listeners) model.off(name, listener);
    clearTimeout(patience);
    banner.destroy();
    transport.dispose();
  };
}

/** @param {Cells[]} some @param {Cells[]} others */
function same(some, others) {
  return some === others || JSON.stringify(some) === JSON.stringify(others);
}

/** @param {HTMLElement} element @returns {[number, number] | null} */
function placeOf(element) {
  const { row, step } = element.dataset;
  return row === undefined || step === undefined ? null : [+row, +step];
}

/** @param {string[]} names @param {number} steps */
function makeGrid(names, steps) {
  /** @type {Map<string, HTMLElement>} */
  const cells = new Map();
  const grid = h("div", { class: "dc-grid", role: "grid", "aria-label": `${steps / STEPS} bars to paint`, "aria-multiselectable": "true", style: `--dc-steps: ${steps}` });
  grid.append(h("div", { class: "dc-grid-row dc-grid-ruler", "aria-hidden": "true" }, h("span"),
    ...Array.from({ length: steps / 4 }, (_, beat) => h("span", { class: `dc-grid-beat${beat % 4 === 0 ? " dc-grid-bar" : ""}` }, beat % 4 === 0 ? String(beat / 4 + 1) : `${Math.floor(beat / 4) + 1}.${(beat % 4) + 1}`))));
  names.forEach((name, row) => {
    const line = h("div", { role: "row", class: `dc-grid-row${row === TONES ? " dc-first-drum" : ""}` }, h("span", { role: "rowheader", class: "dc-grid-name" }, name));
    const isBlack = row < TONES && name.length > 2;
    for (let step = 0; step < steps; step++) {
      const kinds = [step % 4 === 0 && "dc-on-beat", step % STEPS === 0 && "dc-on-bar", isBlack && "dc-black", row >= TONES && "dc-drum"].filter(Boolean);
      const cell = h("div", {
        role: "gridcell", class: `dc-cell ${kinds.join(" ")}`, tabindex: -1, "data-row": row, "data-step": step,
        "aria-label": `${name}, bar ${Math.floor(step / STEPS) + 1}, step ${(step % STEPS) + 1}`, "aria-selected": "false",
      });
      cells.set(`${row}:${step}`, cell);
      line.append(cell);
    }
    grid.append(line);
  });
  /** @type {HTMLElement} */ (cells.get("12:0")).tabIndex = 0;
  return { grid, cells };
}

export default { render };
