// A file from the computer: by a button, or dropped on it.
import { extraFiles, fileProblem, UPLOADS } from "../lib/upload_words.js";
import { button, h, icon } from "./dom.js";

export class UploadPanel extends EventTarget {
  /**
   * Event "file" {detail: {name, bytes}}; whoever reads it says `done()`, or `fail(name, words)`.
   * @param {HTMLElement} container @param {{hint?: string}} options
   */
  constructor(container, { hint = "MIDI (.mid) or MusicXML (.musicxml, .mxl), up to 8 MB" } = {}) {
    super();
    /** @type {"idle" | "over" | "busy" | "trouble"} */
    this.state = "idle";
    this._input = h("input", {
      type: "file", class: "dc-upload-input", accept: UPLOADS.join(","), tabindex: -1, "aria-hidden": "true",
      onchange: () => { this._take([...(this._input.files ?? [])]); this._input.value = ""; },
    });
    this._button = button({ label: "Choose a file", text: "Choose a file", icon: "file", onclick: () => this._input.click() });
    this._title = h("strong", {}, "Drop a file here");
    this._words = h("span", { role: "status", "aria-live": "polite" });
    this._trouble = h("div", { class: "dc-upload-trouble", role: "alert", hidden: true });
    this.area = h("div", { class: "dc-upload-area" },
      icon("upload"), h("div", { class: "dc-upload-say" }, this._title, h("span", { class: "dc-hint" }, hint)), this._button, this._input);
    this.element = h("div", { class: "dc-upload", role: "group", "aria-label": "Upload a file" }, this.area, this._trouble, this._words);
    this._hovering = 0;
    const listen = (/** @type {string} */ name, /** @type {(event: DragEvent) => void} */ act) =>
      this.area.addEventListener(name, (/** @type {DragEvent} */ event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault(); // or the browser leaves the page for the file
        event.stopPropagation();
        act(event);
      });
    listen("dragenter", () => { this._hovering += 1; this._over(true); });
    listen("dragleave", () => { this._hovering = Math.max(0, this._hovering - 1); this._over(this._hovering > 0); });
    listen("dragover", (event) => { if (event.dataTransfer) event.dataTransfer.dropEffect = "copy"; });
    listen("drop", (event) => {
      this._hovering = 0;
      this._over(false);
      this._take([...(event.dataTransfer?.files ?? [])]);
    });
    container.append(this.element);
  }

  /** @param {boolean} isOver */
  _over(isOver) {
    this.area.classList.toggle("dc-is-over", isOver);
    this._title.textContent = isOver ? "Let go to read it" : "Drop a file here";
  }

  /** @param {File[]} files */
  async _take(files) {
    if (this.state === "busy" || !files.length) return;
    const [file] = files;
    const problem = fileProblem(file.name, file.size);
    if (problem) return this.fail(file.name, problem);
    this._trouble.hidden = true;
    this._become("busy", `Reading “${file.name}” … ${extraFiles(files.map((one) => one.name))}`.trim());
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      this.dispatchEvent(new CustomEvent("file", { detail: { name: file.name, bytes } }));
    } catch {
      this.fail(file.name, "The browser could not open it: it may have been moved, or be a folder. Choose it again.");
    }
  }

  /** @param {"idle" | "busy" | "trouble"} state @param {string} words */
  _become(state, words) {
    this.state = state;
    this._words.textContent = words;
    this._button.setAttribute("aria-disabled", String(state === "busy"));
    this.element.dataset.state = state;
  }

  /** The file was read. @param {string} words */
  done(words = "") {
    this._trouble.hidden = true;
    this._become("idle", words);
  }

  /** The file was not read: the reader's own words. @param {string} name @param {string} words */
  fail(name, words) {
    this._trouble.hidden = false;
    this._trouble.replaceChildren(h("div", { class: "dc-note-card dc-trouble" }, icon("warning"),
      h("div", {}, h("strong", {}, `“${name}” was not read.`), " ", words)));
    this._become("trouble", "");
  }

  destroy() {
    this.element.remove();
  }
}
