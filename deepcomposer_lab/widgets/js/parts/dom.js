// Elements and the common controls, built so that each has a name, a state in words and a key. Looks: controls.css.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element: `h("div", {class: "dc-row", onclick: f, "aria-label": "…"}, child, "text")`.
 * Attributes that are null or false are left out, true gives an empty one, `on…` functions become listeners.
 * @param {string} tag
 * @param {Record<string, any>} attributes
 * @param {(Node | string | null | undefined | false)[]} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. @param {string} tag @param {Record<string, any>} attributes @param {any[]} children @returns {any} */
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** @param {any} element @param {Record<string, any>} attributes @param {any[]} children */
function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on") && typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "value" && "value" in element) element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Sixteen by sixteen, drawn with a line of 1.5; a name with "*" is filled.
/** @type {Record<string, string>} */
export const ICONS = {
  "play*": "M5 2.8v10.4L13 8z",
  pause: "M5.5 3v10M10.5 3v10",
  "stop*": "M4.5 4.5h7v7h-7z",
  "record*": "M8 3.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z",
  undo: "M6.5 3 3 6.5 6.5 10M3.5 6.5h6a3.5 3.5 0 0 1 0 7H7",
  redo: "M9.5 3 13 6.5 9.5 10M12.5 6.5h-6a3.5 3.5 0 0 0 0 7H9",
  loop: "M4 6V5.5A2 2 0 0 1 6 3.5h6l-2-2M12 10v.5a2 2 0 0 1-2 2H4l2 2",
  metronome: "M6 2.5h4l2 11H4zM8 10l4.5-6M4.6 10.5h6.8",
  speaker: "M3 6v4h2.4L9 13V3L5.4 6zM11.3 5.6a3.4 3.4 0 0 1 0 4.8M13 3.8a6 6 0 0 1 0 8.4",
  muted: "M3 6v4h2.4L9 13V3L5.4 6zM11.5 6l3 4M14.5 6l-3 4",
  note: "M6 12.5V3.5l6-1.2v8.7M6 12.5a1.8 1.6 0 1 1-3.6 0a1.8 1.6 0 1 1 3.6 0zM12 11a1.8 1.6 0 1 1-3.6 0a1.8 1.6 0 1 1 3.6 0z",
  piano: "M2.5 3.5h11v9h-11zM6.2 3.5v5M9.8 3.5v5M6.2 8.5v4M9.8 8.5v4",
  midi: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11zM5 8h.01M8 5.6h.01M11 8h.01M6 10.4h.01M10 10.4h.01",
  microphone: "M8 2a2 2 0 0 1 2 2v4a2 2 0 0 1-4 0V4a2 2 0 0 1 2-2zM4 8a4 4 0 0 0 8 0M8 12v2M6 14h4",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  upload: "M8 11V3M4.5 6 8 2.5 11.5 6M3 11v2.5h10V11",
  download: "M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 11v2.5h10V11",
  list: "M5.5 4H14M5.5 8H14M5.5 12H14M2.5 4h.01M2.5 8h.01M2.5 12h.01",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3.5 8.5 6.5 11.5 12.5 4.5",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  left: "M10 3 5 8l5 5",
  right: "M6 3l5 5-5 5",
  down: "M3 6l5 5 5-5",
  up: "M3 10l5-5 5 5",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  paste: "M5.5 3.5H3v10h10v-10h-2.5M5.5 2.5h5v2.5h-5zM8 7v4.5M6 9.5l2 2 2-2",
  trash: "M3 4.5h10M6 4.5V3h4v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5M6.8 7v4M9.2 7v4",
  pencil: "M3 13l.6-3L10.8 2.8l2.4 2.4L6 12.4zM9.4 4.2l2.4 2.4",
  select: "M3.5 2.5 6.8 13 8.7 8.7 13 6.8z",
  help: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 1 0 8 2.2zM6.2 6.3A1.9 1.9 0 1 1 8.6 8.2c-.4.2-.6.5-.6.9M8 11.3h.01",
  full: "M6 2.5H2.5V6M10 2.5h3.5V6M6 13.5H2.5V10M10 13.5h3.5V10",
  zoomIn: "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9zM10.3 10.3 14 14M5 7h4M7 5v4",
  zoomOut: "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9zM10.3 10.3 14 14M5 7h4",
  reset: "M3 8a5 5 0 1 0 1.6-3.7L3 6M3 2.5V6h3.5",
  share: "M11.5 2.5a1.8 1.8 0 1 1 0 3.6a1.8 1.8 0 1 1 0-3.6zM4.5 6.2a1.8 1.8 0 1 1 0 3.6a1.8 1.8 0 1 1 0-3.6zM11.5 9.9a1.8 1.8 0 1 1 0 3.6a1.8 1.8 0 1 1 0-3.6zM6.1 7.1 9.9 5.2M6.1 8.9l3.8 1.9",
  warning: "M8 2.5 14 13H2zM8 6.5v3M8 11.3h.01",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9zM10.3 10.3 14 14",
  cut: "M4 2.5 10.3 10.6M12 2.5 5.7 10.6M4.3 10.4a1.7 1.7 0 1 0 .01 0M11.7 10.4a1.7 1.7 0 1 0 .01 0",
  octaveUp: "M4 8l4-4 4 4M4 12.5l4-4 4 4",
  octaveDown: "M4 3.5l4 4 4-4M4 8l4 4 4-4",
  follow: "M12.5 2.5v11M2.5 8H9M6.5 5 9.5 8l-3 3",
  fit: "M2.5 3v10M13.5 3v10M5 8h6M6.8 6.2 5 8l1.8 1.8M9.2 6.2 11 8 9.2 9.8",
  rowsTaller: "M3 2.5h10M3 13.5h10M8 5v6M6.2 6.8 8 5l1.8 1.8M6.2 9.2 8 11l1.8-1.8",
  rowsLower: "M3 6.2h10M3 9.8h10M8 1.5v2.6M6.4 2.7 8 4.3l1.6-1.6M8 14.5v-2.6M6.4 13.3 8 11.7l1.6 1.6",
  selectAll: "M2.5 5V2.5H5M11 2.5h2.5V5M13.5 11v2.5H11M5 13.5H2.5V11M5.5 5.5h5v5h-5z",
  dice: "M3.5 2.5h9a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zM5.5 5.5h.01M10.5 5.5h.01M8 8h.01M5.5 10.5h.01M10.5 10.5h.01",
  quantise: "M3 2.5v11M8 2.5v11M13 2.5v11M4 6h3M9 10h3",
};

/** A picture that says nothing by itself. @param {string} name */
export function icon(name) {
  const isFilled = `${name}*` in ICONS;
  const path = s("path", { d: ICONS[isFilled ? `${name}*` : name] });
  return s("svg", {
    viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true", class: isFilled ? "dc-icon dc-icon-solid" : "dc-icon",
  }, path);
}

/**
 * A button with an icon, a text, or both; without a text, `label` is its name.
 * @param {{label: string, icon?: string, text?: string | null, kind?: "primary" | "plain" | "round" | "ghost" | "small",
 *   pressed?: boolean, title?: string, disabled?: boolean, onclick?: (event: MouseEvent) => void, [more: string]: any}} options
 */
export function button(options) {
  const { label, icon: name, text = null, kind = "plain", pressed, title, disabled, onclick, ...more } = options;
  return h("button", {
    type: "button", class: `dc-button dc-button-${kind}${text === null ? " dc-button-icon" : ""}`,
    "aria-label": text === label ? null : label, "aria-pressed": pressed === undefined ? null : String(pressed),
    title: title ?? (text === null ? label : null), disabled, onclick, ...more,
  }, name && icon(name), text);
}

/** Press or release a toggle button. @param {HTMLElement} element @param {boolean} pressed */
export function setPressed(element, pressed) {
  element.setAttribute("aria-pressed", String(pressed));
}

/**
 * A switch with its label. @param {{label: string, checked: boolean, hint?: string, onchange: (on: boolean) => void}} options
 * @returns {{element: HTMLElement, set: (on: boolean) => void, input: HTMLButtonElement}}
 */
export function switchControl({ label, checked, hint, onchange }) {
  const input = h("button", { type: "button", role: "switch", class: "dc-switch", "aria-label": label, "aria-checked": String(checked) }, h("span"));
  const set = (/** @type {boolean} */ on) => input.setAttribute("aria-checked", String(on));
  const toggle = () => {
    const on = input.getAttribute("aria-checked") !== "true";
    set(on);
    onchange(on);
  };
  input.addEventListener("click", toggle);
  const text = h("span", { class: "dc-switch-label", onclick: toggle, "aria-hidden": "true" }, label);
  const element = h("div", { class: "dc-switch-row" }, text, input, hint ? h("span", { class: "dc-hint" }, hint) : null);
  return { element, set, input };
}

/**
 * A slider with its name, value, range, a tick at the default and one line of reason.
 * @param {{label: string, value: number, minimum: number, maximum: number, step?: number, standard?: number, unit?: string,
 *   hint?: string, compact?: boolean, format?: (value: number) => string, onchange: (value: number, final: boolean) => void}} options
 * @returns {{element: HTMLElement, set: (value: number) => void, input: HTMLInputElement}}
 */
export function slider(options) {
  const { label, value, minimum, maximum, step = 1, standard, unit = "", hint, compact = false, onchange } = options;
  const format = options.format ?? ((/** @type {number} */ number) => `${(+number.toFixed(3)).toLocaleString("en")}${unit ? ` ${unit}` : ""}`);
  const input = h("input", { type: "range", class: "dc-slider", min: minimum, max: maximum, step, "aria-label": label });
  const shown = h("output", { class: "dc-slider-value" });
  const set = (/** @type {number} */ number) => {
    input.value = String(number);
    const share = (number - minimum) / (maximum - minimum || 1);
    input.style.setProperty("--dc-share", String(share));
    input.setAttribute("aria-valuetext", format(number));
    shown.textContent = format(number);
  };
  input.addEventListener("input", () => { set(+input.value); onchange(+input.value, false); });
  input.addEventListener("change", () => onchange(+input.value, true));
  const tick = standard === undefined ? null : h("i", { class: "dc-slider-tick", style: `--dc-at: ${(standard - minimum) / (maximum - minimum || 1)}`, title: `Default: ${format(standard)}` });
  const element = compact
    ? h("div", { class: "dc-slider-row dc-slider-compact" }, input)
    : h("div", { class: "dc-slider-row" },
        h("div", { class: "dc-slider-head" }, h("span", { "aria-hidden": "true" }, label), shown),
        h("div", { class: "dc-slider-track" }, input, tick),
        h("div", { class: "dc-slider-foot" }, h("span", {}, minimum.toLocaleString("en")), h("span", { class: "dc-hint" }, hint ?? ""), h("span", {}, maximum.toLocaleString("en"))));
  set(value);
  return { element, set, input };
}

/**
 * A number with minus and plus. @param {{label: string, value: number, minimum: number, maximum: number, step?: number,
 *   onchange: (value: number) => void}} options
 * @returns {{element: HTMLElement, set: (value: number) => void, input: HTMLInputElement}}
 */
export function stepper({ label, value, minimum, maximum, step = 1, onchange }) {
  const input = h("input", { type: "number", class: "dc-stepper-value", min: minimum, max: maximum, step, "aria-label": label });
  const set = (/** @type {number} */ number) => { input.value = String(number); };
  const take = (/** @type {number} */ number) => {
    const inside = Math.min(maximum, Math.max(minimum, Number.isFinite(number) ? number : value));
    set(inside);
    onchange(inside);
  };
  input.addEventListener("change", () => take(+input.value));
  const move = (/** @type {number} */ by) => button({
    label: `${label}: ${by > 0 ? "more" : "less"}`, icon: by > 0 ? "plus" : "minus", kind: "ghost", tabindex: -1,
    onclick: () => take(+input.value + by * step),
  });
  set(value);
  return { element: h("div", { class: "dc-stepper" }, move(-1), input, move(1)), set, input };
}

/**
 * A menu of choices. @param {{label: string, value: string, choices: [value: string, text: string][], onchange: (value: string) => void}} options
 * @returns {{element: HTMLElement, set: (value: string) => void, input: HTMLSelectElement}}
 */
export function select({ label, value, choices, onchange }) {
  const input = h("select", { class: "dc-select", "aria-label": label },
    ...choices.map(([name, text]) => h("option", { value: name }, text)));
  input.value = value;
  input.addEventListener("change", () => onchange(input.value));
  return { element: h("span", { class: "dc-select-row" }, input, icon("down")), set: (name) => { input.value = name; }, input };
}

/**
 * A row of which one is chosen; arrow keys move. @param {{label: string, value: string,
 *   choices: {value: string, text: string, icon?: string}[], onchange: (value: string) => void}} options
 * @returns {{element: HTMLElement, set: (value: string) => void}}
 */
export function segmented({ label, value, choices, onchange }) {
  const buttons = choices.map((choice) => h("button", {
    type: "button", role: "radio", class: "dc-segment", "data-value": choice.value,
    onclick: () => { set(choice.value); onchange(choice.value); },
  }, choice.icon ? icon(choice.icon) : null, choice.text));
  const set = (/** @type {string} */ chosen) => buttons.forEach((one) => {
    const is = one.dataset.value === chosen;
    one.setAttribute("aria-checked", String(is));
    one.tabIndex = is ? 0 : -1;
  });
  const element = h("div", { class: "dc-segmented", role: "radiogroup", "aria-label": label }, ...buttons);
  element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = buttons.findIndex((one) => one.getAttribute("aria-checked") === "true");
    const next = buttons[(at + step + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
  set(value);
  return { element, set };
}

/** Whether an element stands in a notebook that has keys of its own: not alone on a page, which Voilà makes of a notebook too. @param {Element} element */
export function isInNotebook(element) {
  return element.closest(".jp-NotebookPanel") !== null;
}

/** A place whose changes a screen reader speaks. */
export function liveRegion() {
  return h("div", { class: "dc-live", role: "status", "aria-live": "polite" });
}

/** Show a file to the browser as a download. @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * Prepare a widget's root and return its frame, whose width container queries ask for: our tokens, no shortcut of JupyterLab while it has the focus, Esc leaves.
 * @param {HTMLElement} element @param {string} name @param {string} label
 */
export function root(element, name, label) {
  const frame = h("div", { class: `dc-frame ${name}` });
  const outer = h("section", { class: "dc", "aria-label": label, "data-lm-suppress-shortcuts": "true", tabindex: -1 }, frame);
  outer.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && !event.defaultPrevented) /** @type {any} */ (document.activeElement)?.blur?.();
    event.stopPropagation();
  });
  keepFocus(outer);
  element.append(outer);
  return frame;
}

const FOCUSABLE = "button, input, select, textarea, a[href], [tabindex]";

/** @param {any} element */
function canBeUsed(element) {
  return element.isConnected && element.checkVisibility() && !element.disabled && !element.closest("[inert]");
}

/**
 * Keep the focus in a widget whose focused control is hidden, disabled or removed: it goes to what stood around the control (not to
 * another control, which a second press of Enter would work), and not to the page, where the place would be lost. @param {HTMLElement} outer
 */
function keepFocus(outer) {
  /** @type {HTMLElement[]} The control that had the focus last, and all around it. */
  let path = [];
  outer.addEventListener("focusin", (event) => {
    path = [];
    for (let one = /** @type {HTMLElement | null} */ (event.target); one && one !== outer.parentElement; one = one.parentElement) path.push(one);
  });
  outer.addEventListener("focusout", (event) => {
    const left = path;
    if (!event.relatedTarget) queueMicrotask(() => { if (left === path && path.length && canBeUsed(path[0])) path = []; }); // somebody went elsewhere
  });
  const mend = () => {
    const [last] = path;
    if (!last || canBeUsed(last) || (document.activeElement !== document.body && document.activeElement !== last)) return;
    const near = path.slice(1).find((around) => canBeUsed(around) && (around === outer || [...around.querySelectorAll(FOCUSABLE)].some(canBeUsed)));
    if (!near) return;
    if (!near.hasAttribute("tabindex")) {
      near.tabIndex = -1;
      near.addEventListener("blur", () => near.removeAttribute("tabindex"), { once: true });
    }
    near.focus({ preventScroll: true });
  };
  new MutationObserver(mend).observe(outer, { subtree: true, childList: true, attributes: true, attributeFilter: ["hidden", "disabled", "inert"] });
}
