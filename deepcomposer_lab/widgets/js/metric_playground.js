// The metric playground: a grid to paint on, five metrics that follow, guesses and challenges.
import { pageSound } from "./lib/sound_page.js";
import { challengeState, CHALLENGES, errorOfGuesses, pieceOfCells, toggled } from "./lib/playground.js";
import { button, h, icon, liveRegion, root, slider, switchControl } from "./parts/dom.js";

const STEPS = 16, TONES = 13;

/** @param {{model: import("./lib/kernel.js").Model, el: HTMLElement}} view */
function render({ model, el }) {
  const frame = root(el, "dc-playground", "Metric playground"), sound = pageSound(model), transport = sound.createTransport();
  const speech = liveRegion(), names = model.get("rows"), steps = STEPS * model.get("bars");
  const grid = h("div", { class: "dc-grid", role: "grid", "aria-label": "Bars to paint: arrows move, Space paints", style: `--dc-steps: ${steps}` });
  /** @type {Map<string, HTMLElement>} */
  const cells = new Map();
  names.forEach((/** @type {string} */ name, /** @type {number} */ row) => {
    const line = h("div", { role: "row", class: `dc-grid-row${row === TONES ? " dc-first-drum" : ""}` }, h("span", { role: "rowheader", class: "dc-grid-name" }, name));
    for (let step = 0; step < steps; step++) {
      const isDark = row < TONES && name.length > 2;
      const cell = h("div", {
        role: "gridcell", class: `dc-cell${step % 4 === 0 ? " dc-on-beat" : ""}${step % STEPS === 0 ? " dc-on-bar" : ""}${isDark ? " dc-dark" : ""}${row >= TONES ? " dc-drum" : ""}`,
        tabindex: -1, "data-row": row, "data-step": step, "aria-label": `${name}, bar ${Math.floor(step / STEPS) + 1}, step ${(step % STEPS) + 1}`, "aria-selected": "false",
      });
      cells.set(`${row}:${step}`, cell);
      line.append(cell);
    }
    grid.append(line);
  });
  /** @type {HTMLElement} */ (cells.get("7:0")).tabIndex = 0;

  // --- tools
  const play = button({ label: "Play", text: "Play", icon: "play", onclick: () => transport.toggle() });
  const undo = button({ label: "Undo", icon: "undo", kind: "ghost", title: "Undo (Ctrl+Z)", onclick: () => back() });
  const clear = button({ label: "Clear", text: "Clear", kind: "ghost", onclick: () => paint([]) });
  const predict = switchControl({ label: "Predict first", checked: false, onchange: () => { isRevealed = false; buildPanel(); } });
  const challenge = h("select", { class: "dc-select", "aria-label": "Challenge", onchange: () => showChallenge() },
    h("option", { value: "" }, "No challenge"), ...CHALLENGES.map((one, index) => h("option", { value: index }, one.text)));
  const verdict = h("span", { class: "dc-challenge-words", role: "status" });
  const tools = h("div", { class: "dc-editor-tools" }, play, undo, clear, predict.element, h("span", { class: "dc-spread dc-row" }, h("span", { class: "dc-select-row" }, challenge, icon("down")), verdict));
  const panel = h("section", { class: "dc-playground-metrics", "aria-label": "Metrics" });
  frame.append(speech, tools, h("div", { class: "dc-playground-row" }, grid, panel));

  // --- painting
  /** @type {number[][][]} */
  const history = [];
  let isRevealed = false;
  /** @type {Record<string, number>} */
  let guesses = {};
  const paint = (/** @type {number[][]} */ next, keeps = true) => {
    if (keeps) history.push(model.get("cells"));
    model.set("cells", next);
    model.save_changes();
    isRevealed = false;
    show();
  };
  const back = () => { const last = history.pop(); if (last) paint(last, false); };
  const show = () => {
    const painted = new Set(model.get("cells").map((/** @type {number[]} */ [row, step]) => `${row}:${step}`));
    for (const [key, cell] of cells) cell.setAttribute("aria-selected", String(painted.has(key)));
    undo.disabled = history.length === 0;
    clear.disabled = play.disabled = painted.size === 0;
    transport.setPiece(pieceOfCells(model.get("cells")));
    if (predict.input.getAttribute("aria-checked") === "true") buildPanel();
  };
  let brush = /** @type {boolean | null} */ (null);
  const touch = (/** @type {HTMLElement | null} */ cell) => {
    if (!cell?.dataset.row) return;
    const row = +cell.dataset.row, step = +(/** @type {string} */ (cell.dataset.step)), is = cell.getAttribute("aria-selected") === "true";
    brush ??= !is;
    if (is === brush) return;
    if (brush) hear(row);
    paint(toggled(model.get("cells"), row, step, brush));
  };
  const hear = (/** @type {number} */ row) => {
    const isDrum = row >= TONES, id = sound.noteOn(isDrum ? [42, 38, 36][row - TONES] : 72 - row, 80, { isDrum });
    setTimeout(() => sound.noteOff(id), 180);
  };
  grid.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    brush = null;
    const cell = /** @type {HTMLElement} */ (event.target);
    if (cell.dataset.row) focusCell(cell);
    touch(cell);
    grid.setPointerCapture(event.pointerId);
  });
  grid.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (brush !== null && event.buttons & 1) touch(/** @type {any} */ (frame.getRootNode()).elementFromPoint(event.clientX, event.clientY));
  });
  for (const name of ["pointerup", "pointercancel"]) grid.addEventListener(name, () => { brush = null; });
  const focusCell = (/** @type {HTMLElement} */ cell) => {
    for (const one of grid.querySelectorAll("[tabindex='0']")) one.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus({ preventScroll: true });
  };
  grid.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const cell = /** @type {HTMLElement} */ (event.target);
    if (!cell.dataset.row) return;
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (move) {
      const next = cells.get(`${+cell.dataset.row + move[0]}:${+(/** @type {string} */ (cell.dataset.step)) + move[1]}`);
      if (next) focusCell(next);
    } else if (event.key === " " || event.key === "Enter") {
      brush = null;
      touch(cell);
      brush = null;
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") back();
    else return;
    event.preventDefault();
  });

  // --- metrics
  const format = (/** @type {any} */ row, /** @type {number} */ value) => value.toFixed(row.maximum > 2 ? 1 : 2);
  const share = (/** @type {any} */ row, /** @type {number} */ value) => `${Math.max(0, Math.min(1, (value - row.minimum) / (row.maximum - row.minimum || 1))) * 100}%`;
  const buildPanel = () => {
    const hides = predict.input.getAttribute("aria-checked") === "true" && !isRevealed, rows = model.get("metrics");
    const parts = rows.map((/** @type {any} */ row) => {
      if (hides && row.value !== null) {
        guesses[row.name] ??= row.minimum;
        return h("div", { class: "dc-metric" }, slider({
          label: row.label, value: guesses[row.name], minimum: row.minimum, maximum: row.maximum, step: row.maximum > 2 ? 0.5 : 0.05, hint: "your guess",
          onchange: (value) => { guesses[row.name] = value; },
        }).element);
      }
      const guess = isRevealed && predict.input.getAttribute("aria-checked") === "true" && row.name in guesses ? guesses[row.name] : null;
      return h("div", { class: "dc-metric" }, h("div", { class: "dc-metric-label" }, row.label),
        h("div", {}, h("b", { class: "dc-metric-value" }, row.value === null ? "–" : format(row, row.value)), guess === null ? null : h("span", { class: "dc-hint" }, ` you said ${format(row, guess)}`)),
        h("div", { class: "dc-metric-scale", "aria-hidden": "true" },
          row.value !== null && row.low !== null ? h("i", { class: "dc-band", style: `left: ${share(row, row.low)}; right: calc(100% - ${share(row, row.high)})` }) : null,
          guess === null ? null : h("i", { class: "dc-was", style: `left: ${share(row, guess)}` }),
          row.value === null ? null : h("i", { class: "dc-now", style: `left: ${share(row, row.value)}` })),
        h("div", { class: "dc-metric-verdict" }, row.reason ?? row.verdict));
    });
    const check = hides ? [button({ label: "Check", text: "Check", icon: "check", kind: "primary", onclick: () => {
      isRevealed = true;
      buildPanel();
      speech.textContent = errorOfGuesses(model.get("metrics"), guesses).words;
    } })] : isRevealed ? [h("p", { class: "dc-guess-words" }, errorOfGuesses(rows, guesses).words)] : [];
    panel.replaceChildren(...parts, ...check);
    showChallenge();
  };
  const showChallenge = () => {
    const one = challenge.value === "" ? null : CHALLENGES[+challenge.value];
    verdict.textContent = one ? challengeState(one, model.get("metrics")) : "";
    verdict.classList.toggle("dc-met", Boolean(one) && verdict.textContent.startsWith("Done"));
  };
  const measured = () => { if (predict.input.getAttribute("aria-checked") !== "true" || isRevealed) buildPanel(); else showChallenge(); };

  const playing = () => {
    play.replaceChildren(icon(transport.isPlaying ? "stop" : "play"), transport.isPlaying ? "Stop" : "Play");
    play.setAttribute("aria-label", transport.isPlaying ? "Stop" : "Play");
    if (transport.isPlaying) requestAnimationFrame(light); else light();
  };
  let lit = -1;
  const light = () => {
    const step = transport.isPlaying ? Math.floor(transport.position * 4) : -1;
    if (step !== lit) {
      for (let row = 0; row < names.length; row++) { cells.get(`${row}:${lit}`)?.classList.remove("dc-now-step"); cells.get(`${row}:${step}`)?.classList.add("dc-now-step"); }
      lit = step;
    }
    if (transport.isPlaying) requestAnimationFrame(light);
  };
  transport.addEventListener("state", playing);
  model.on("change:cells", show);
  model.on("change:metrics", measured);
  sound.preload().catch(() => {});
  show();
  buildPanel();
  return () => {
    model.off("change:cells", show);
    model.off("change:metrics", measured);
    transport.dispose();
  };
}

export default { render };
