// What the monitor of a training needs beside its parts: its keys, and that they do not reach the notebook.
// It draws nothing; it finds the monitor it stands in, and tells the kernel when the page has drawn what it was sent.

const KEYS = { " ": ".is-play", d: ".is-discriminator", g: ".is-generator", s: ".is-step", h: ".is-hear" };

function render({ model, el }) {
  /** @type {any} the monitor; null until the view is in its place */
  let root = null;
  let frame = 0;
  el.style.display = "none";

  function find() {
    root = el.closest(".dc-monitor");
    if (!root) {
      frame = requestAnimationFrame(find); // a view is made before it is put in its place
      return;
    }
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Monitor of a training");
    root.toggleAttribute("data-lm-suppress-shortcuts", true);
    root.addEventListener("keydown", onKey);
    root.addEventListener("keyup", stop);
    name();
    watcher.observe(root, { childList: true, subtree: true });
    resizer.observe(root);
  }

  // Plotly measures its place when it is made, which may be before there is one, and again when the window changes.
  let plots = 0;
  let width = 0;
  let waiting = 0;
  const fit = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => window.dispatchEvent(new Event("resize")), 60);
  };
  const watcher = new MutationObserver(() => {
    name();
    const now = root.querySelectorAll(".js-plotly-plot .main-svg").length;
    if (now === plots) return;
    plots = now;
    fit();
  });
  const resizer = new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    fit();
  });

  let answering = 0;
  /** Messages come in their order: whoever reads this one has drawn the curves that were sent before it. */
  const answer = () => {
    clearTimeout(answering);
    answering = setTimeout(() => {
      model.set("drawn", model.get("sent"));
      model.save_changes();
    });
  };
  model.on("change:sent", answer);

  const stop = (event) => event.stopPropagation();

  /** A slider's handle has no name by itself, and a chooser with a label no tooltip. */
  function name() {
    for (const handle of root.querySelectorAll(".noUi-handle")) handle.setAttribute("aria-label", "Epoch you see and hear");
    for (const chooser of root.querySelectorAll("select")) chooser.title = model.get("hint");
  }

  /** Keys typed here are for the monitor: in JupyterLab they would cut, paste and delete cells. */
  function onKey(event) {
    const isCommand = event.ctrlKey || event.metaKey || event.altKey; // saving and running stay JupyterLab's
    root.toggleAttribute("data-lm-suppress-shortcuts", !isCommand);
    if (isCommand) return;
    event.stopPropagation();
    if (event.key === "Escape") {
      /** @type {any} */ (document.activeElement)?.blur();
      /** @type {any} */ (root.closest(".jp-Notebook"))?.focus();
      return;
    }
    if (event.target.matches("input, select") || (event.key === " " && event.target.closest("button, audio"))) return;
    const button = /** @type {HTMLButtonElement | null} */ (root.querySelector(KEYS[event.key.toLowerCase()] ?? "none"));
    if (!button || button.disabled) return;
    event.preventDefault();
    button.click();
  }

  find();
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(waiting);
    clearTimeout(answering);
    model.off("change:sent", answer);
    watcher.disconnect();
    resizer.disconnect();
    root?.removeEventListener("keydown", onKey);
    root?.removeEventListener("keyup", stop);
  };
}

export default { render };
