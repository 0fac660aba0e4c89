// The Music studio: header with three steps, the step in front, and the drawer of compositions.
import { button, h, icon, isInNotebook, root, setPressed } from "./parts/dom.js";
import { soundState } from "./parts/sound_state.js";
import { counted, StudioApp } from "./parts/studio_app.js";
import { StudioComposition } from "./parts/studio_composition.js";
import { StudioDrawer } from "./parts/studio_drawer.js";
import { StudioInput } from "./parts/studio_input.js";
import { StudioTechnique } from "./parts/studio_technique.js";

const A_WHILE = 30_000; // ms
const STEPS = ["Input track", "Technique", "Composition"];
const KEYS = [
  ["Space", "Play and pause"], ["R", "Record; Space stops the recording"], ["A … N", "Play notes, as written on the keys; − and = change the octave, Shift sustains"],
  ["Arrows, Enter", "Move the cursor on the roll; add or choose a note"], ["Shift + arrows", "By a bar, or by an octave"], ["Alt + ← →", "Shorter, longer"],
  ["Delete, right-click", "Remove the chosen notes, or the one there"], ["Shift + drag", "Choose what is inside"], ["Ctrl + Z, Y", "Undo, do again"],
  ["Ctrl + A, C, X, V", "Choose all, copy, cut, paste"], ["Q", "Move notes onto the grid"], ["+, −", "Louder, softer"], ["Ctrl + wheel", "Zoom"], ["Ctrl + [, ]", "Trim to the cursor or playhead"],
];
const LEAVE = ["Esc", "Leave: the keys are the notebook's again"]; // where there is a notebook

/** @param {{model: import("./lib/kernel.js").Model, el: HTMLElement}} view */
function render({ model, el }) {
  const frame = root(el, "dc-studio", "Music studio");
  hideStill(el);
  const app = new StudioApp(model, frame);
  app.sound.preload().catch(() => {});
  const input = new StudioInput(app), technique = new StudioTechnique(app), composition = new StudioComposition(app);
  const pages = [input, technique, composition];
  const drawer = new StudioDrawer(app, { onclose: () => showDrawer(false), oncompare: (id) => composition.compareWith(id) });
  const sound = soundState(app.sound);

  const steps = STEPS.map((name, index) => h("button", {
    type: "button", class: "dc-step-tab", onclick: () => app.go(/** @type {1 | 2 | 3} */ (index + 1)),
  }, h("i", { class: "dc-step-number", "aria-hidden": "true" }, String(index + 1)), h("span", {}, h("b", {}, name), h("span", { class: "dc-hint dc-step-value" }))));
  const library = button({ label: "Compositions", text: "", icon: "list", pressed: false, "aria-label": null, onclick: () => showDrawer(drawer.element.hidden) });
  const count = h("span", { class: "dc-count" });
  library.append(h("span", { class: "dc-library-word" }, "Compositions "), count);
  const full = button({ label: "Full screen", icon: "full", kind: "ghost", onclick: () => {
    if (document.fullscreenElement) document.exitFullscreen(); else outer.requestFullscreen?.();
  } });
  const help = h("dialog", { class: "dc-help", "aria-label": "Keys" }, h("h2", {}, "Keys"),
    h("dl", {}, ...[...KEYS, LEAVE].flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    h("div", { class: "dc-row" }, button({ label: "Close", text: "Close", onclick: () => help.close() })));
  const header = h("header", { class: "dc-header" },
    h("div", { class: "dc-brand" }, brand(), h("div", {}, h("b", {}, "Music studio"), h("span", { class: "dc-hint" }, "DeepComposer Lab"))),
    h("nav", { class: "dc-steps", "aria-label": "Steps" }, ...steps.flatMap((step, index) => index ? [h("i", { class: "dc-step-line", "aria-hidden": "true" }), step] : [step])),
    h("div", { class: "dc-row dc-spread dc-header-end" }, library, full, button({ label: "Help and keys", icon: "help", kind: "ghost", onclick: () => {
      for (const part of [...help.querySelectorAll("dt, dd")].slice(-2)) part.hidden = !isInNotebook(el);
      help.showModal();
    } })));
  const stage = h("div", { class: "dc-stage" }, h("main", { class: "dc-main" }, ...pages.map((page) => page.element)), drawer.element);
  frame.append(header, sound.element, stage, help, h("div", { class: "dc-toasts-place" }, app.toasts));

  /** @param {boolean} shows */
  function showDrawer(shows) {
    if (shows) drawer.element.hidden = false; else drawer.close();
    setPressed(library, shows);
    if (shows) drawer.search.focus(); else library.focus();
  }

  const outer = /** @type {HTMLElement} */ (frame.closest(".dc"));
  frame.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const page = pages[app.state.step - 1];
    if (event.target === frame || page.element.contains(/** @type {Node} */ (event.target))) page.key(event);
  });
  outer.addEventListener("keydown", (event) => { if (event.target === outer) pages[app.state.step - 1].key(event); }); // a click beside all controls

  let shown = 0;
  const update = () => {
    const { state, run } = app;
    frame.dataset.step = String(state.step);
    frame.dataset.run = run.state;
    const described = app.technique, model_ = app.chosenModel;
    const entry = app.compositions.find((/** @type {any} */ one) => one.id === state.result_id);
    const values = [`${state.input.title}${app.bars ? `, ${counted(app.bars, "bar")}` : ""}`, described ? `${described.label}${model_ ? `, ${model_.label.replace("AutoregressiveCNN ", "").replace("TransformerXL", "")}` : ""}` : "being loaded",
      app.isRunning ? "being written" : entry?.title ?? (app.compositions.length ? "none open" : "none yet")];
    steps.forEach((step, index) => {
      const is = index + 1 === state.step, isDone = index + 1 < state.step && (index === 0 || state.result_id !== null);
      if (is) step.setAttribute("aria-current", "step"); else step.removeAttribute("aria-current");
      step.classList.toggle("dc-done", isDone);
      step.firstElementChild.replaceChildren(isDone ? icon("check") : String(index + 1));
      step.querySelector(".dc-step-value").textContent = values[index];
    });
    count.textContent = String(app.compositions.length);
    pages.forEach((page, index) => { if (index + 1 === state.step) page.element.hidden = false; });
    if (shown === state.step) return;
    if (shown) {
      const left = pages[shown - 1].element;
      if (left.contains(document.activeElement)) steps[state.step - 1].focus({ preventScroll: true });
      app.transport.stop();
      if (outer.getBoundingClientRect().top < 0) outer.scrollIntoView({ block: "start" }); // the next step begins at its top
    }
    pages.forEach((page, index) => { page.element.hidden = index + 1 !== state.step; });
    shown = state.step;
    pages[shown - 1].enter();
  };
  for (const name of ["state", "run", "compositions", "catalogue"]) app.addEventListener(name, update);
  app.addEventListener("input", (/** @type {any} */ event) => {
    app.transport.setLoop(null); // it was of the piece before
    input._prepared(event.detail, { fit: true });
  });
  update();
  const clock = setInterval(() => { for (const page of pages) page.update(); drawer.tell(); }, A_WHILE); // "just now" does not stay

  return () => {
    clearInterval(clock);
    for (const page of pages) page.destroy();
    drawer.destroy();
    sound.destroy();
    app.destroy();
  };
}

/** Hide the picture for readers without a kernel, once the studio stands beside it. @param {HTMLElement} el */
function hideStill(el, tries = 60) {
  const area = el.closest(".jp-OutputArea");
  if (!area) {
    if (tries) requestAnimationFrame(() => hideStill(el, tries - 1));
    return;
  }
  for (const still of /** @type {NodeListOf<HTMLElement>} */ (area.querySelectorAll(".dc-studio-still"))) {
    const output = still.closest(".jp-OutputArea-child") ?? still;
    /** @type {HTMLElement} */ (output).style.display = "none";
  }
}

function brand() {
  return h("span", { class: "dc-brand-mark", "aria-hidden": "true" }, h("i"), h("i"), h("i"), h("i"));
}

export default { render };
