// The compositions: all that was kept, to hear, open, rename, compare, delete and bring back.
import { button, download, h, icon } from "./dom.js";
import { ago, listen } from "./studio_input.js";
import { counted } from "./studio_app.js";
import { thumbnail } from "./thumbnail.js";

/** @typedef {import("./studio_app.js").StudioApp} StudioApp */

const EXPORTS = [["mid", "Download as MIDI"], ["wav", "Download as WAV"], ["opus", "Download as Opus"], ["musicxml", "Download as MusicXML"], ["share", "Download a share file"]];

export class StudioDrawer {
  /** @param {StudioApp} app @param {{onclose: () => void, oncompare: (id: string) => void}} options */
  constructor(app, { onclose, oncompare }) {
    this.app = app;
    this.oncompare = oncompare;
    this.search = h("input", { class: "dc-field", type: "search", "aria-label": "Search compositions", oninput: () => this.update() });
    this.list = h("ul", { class: "dc-drawer-list" });
    this.element = h("aside", { class: "dc-drawer", "aria-label": "Compositions", hidden: true },
      h("div", { class: "dc-row dc-drawer-head" }, h("h2", {}, "Compositions"), h("span", { class: "dc-spread" }, button({ label: "Close the compositions", icon: "close", kind: "ghost", onclick: onclose }))),
      h("label", { class: "dc-search" }, icon("search"), this.search), this.list);
    this.element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => { if (event.key === "Escape") { event.preventDefault(); onclose(); } });
    /** @type {Map<string, {key: string, element: HTMLElement, picture: {destroy: () => void}}>} */
    this.rows = new Map();
    this.playing = "";
    /** @type {{all: {one: any, wasOpen: boolean}[], toast: HTMLElement} | null} What was deleted a moment ago. */
    this._deleted = null;
    this.transport = app.sound.createTransport();
    this._stops = [
      listen(app, "compositions", () => this.update()), listen(app, "state", () => this._mark()), listen(this.transport, "state", () => this._mark()),
    ];
    this.update();
  }

  /** The drawer is closed, and with it goes its button to pause. */
  close() {
    this.element.hidden = true;
    this.transport.stop();
  }

  destroy() {
    for (const stop of this._stops) stop();
    for (const { picture } of this.rows.values()) picture.destroy();
    this.transport.dispose();
  }

  update() {
    const all = this.app.compositions, wanted = this.search.value.trim().toLowerCase();
    this.search.placeholder = `Search ${counted(all.length, "composition")}`;
    const found = all.filter((/** @type {any} */ one) => `${one.title} ${one.how}`.toLowerCase().includes(wanted));
    this.list.replaceChildren(...found.map((/** @type {any} */ one) => this._row(one)));
    if (!found.length) this.list.append(h("li", { class: "dc-drawer-none" }, all.length ? `Nothing is called “${this.search.value}”.` : "Nothing yet. Choose a technique: what it makes comes here by itself."));
    this._mark();
  }

  /** @param {any} one */
  _row(one) {
    const key = `${one.title} ${one.how}`, known = this.rows.get(one.id);
    if (known?.key === key) return known.element;
    known?.picture.destroy();
    const play = button({ label: `Play ${one.title}`, icon: "play", kind: "round", class: "dc-button dc-button-round dc-button-icon dc-play-small", onclick: () => this._play(one.id) });
    const menu = h("div", { class: "dc-menu", role: "menu", hidden: true, "aria-label": one.title },
      item("Open", () => this.open(one.id)), item("Use as input", () => this._use(one.id)), item("Compare with the open one", () => this.oncompare(one.id)),
      item("Rename", () => this._rename(one, name)), ...EXPORTS.map(([format, text]) => item(text, () => this._export(one, format))), item("Delete", () => this._delete(one)));
    const more = button({
      label: `More for ${one.title}`, icon: "more", kind: "ghost", "aria-haspopup": "menu", "aria-expanded": "false",
      onclick: () => this._menu(menu, more, menu.hidden),
    });
    menu.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this._menuKey(event, menu, more));
    menu.addEventListener("focusout", (/** @type {FocusEvent} */ event) => { if (!menu.contains(/** @type {Node} */ (event.relatedTarget)) && event.relatedTarget !== more) this._menu(menu, more, false); });
    menu.addEventListener("click", () => this._menu(menu, more, false));
    const name = h("button", { type: "button", class: "dc-drawer-title", onclick: () => this.open(one.id) }, one.title);
    const picture = thumbnail(one.picture, 38);
    const element = h("li", { class: "dc-drawer-row", "data-id": one.id },
      h("div", { class: "dc-row" }, name, h("span", { class: "dc-spread" }, more)), menu,
      h("div", { class: "dc-hint dc-drawer-how" }, about(one)),
      h("div", { class: "dc-row dc-drawer-picture" }, play, picture.canvas));
    this.rows.set(one.id, { key, element, picture });
    return element;
  }

  /** Say again how long ago each was made. */
  tell() {
    for (const one of this.app.compositions) {
      const how = this.rows.get(one.id)?.element.querySelector(".dc-drawer-how");
      if (how) how.textContent = about(one);
    }
  }

  /** @param {HTMLElement} menu @param {HTMLElement} more @param {boolean} opens */
  _menu(menu, more, opens) {
    menu.hidden = !opens;
    more.setAttribute("aria-expanded", String(opens));
    if (opens) /** @type {HTMLElement} */ (menu.firstElementChild).focus();
  }

  /** @param {KeyboardEvent} event @param {HTMLElement} menu @param {HTMLElement} more */
  _menuKey(event, menu, more) {
    const items = /** @type {HTMLElement[]} */ ([...menu.children]), at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) items[(at + step + items.length) % items.length].focus();
    else if (event.key === "Escape") { this._menu(menu, more, false); more.focus(); } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  _mark() {
    for (const [id, { element }] of this.rows) {
      element.classList.toggle("dc-here", id === this.app.state.result_id);
      const play = element.querySelector(".dc-play-small"), isOn = id === this.playing && this.transport.isPlaying;
      play?.replaceChildren(icon(isOn ? "pause" : "play"));
      play?.setAttribute("aria-label", play.getAttribute("aria-label")?.replace(/^(Play|Pause)/, isOn ? "Pause" : "Play") ?? "");
    }
  }

  /** @param {string} id */
  async _play(id) {
    if (this.playing === id && this.transport.isPlaying) { this.transport.pause(); return; }
    this.app.sound.enable();
    if (this.playing !== id) {
      const answer = await this.app.ask("peek", { id });
      if (!answer || this.element.hidden) return; // closed meanwhile
      this.playing = id;
      this.transport.stop();
      this.transport.mix = [];
      this.transport.setPiece(answer.piece);
    }
    this.transport.play();
  }

  /** @param {string} id */
  open(id) {
    this.app.patch({ result_id: id, step: 3 });
  }

  /** @param {string} id */
  async _use(id) {
    const answer = await this.app.ask("use", { id });
    if (!answer) return;
    this.app.dispatchEvent(new CustomEvent("input", { detail: answer }));
    this.app.go(1);
  }

  /** @param {any} one @param {HTMLElement} name */
  _rename(one, name) {
    const field = h("input", { class: "dc-field", "aria-label": `New title of ${one.title}`, value: one.title, maxlength: 120 });
    let isDone = false;
    const finish = (/** @type {boolean} */ keeps) => {
      if (isDone) return;
      isDone = true;
      field.replaceWith(name);
      if (keeps && field.value.trim() && field.value !== one.title) this.app.ask("rename", { id: one.id, title: field.value });
      name.focus();
    };
    field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" || event.key === "Escape") { event.preventDefault(); event.stopPropagation(); finish(event.key === "Enter"); }
    });
    field.addEventListener("blur", () => finish(true));
    name.replaceWith(field);
    field.focus();
    field.select();
  }

  /** @param {any} one @param {string} format */
  async _export(one, format) {
    const answer = await this.app.ask(format === "share" ? "share" : "export", { id: one.id, format });
    if (answer) download(new Blob(answer.data, { type: answer.mime }), answer.name);
  }

  /** @param {any} one */
  async _delete(one) {
    const wasOpen = this.app.state.result_id === one.id;
    if (this.playing === one.id) this.transport.stop();
    const answer = await this.app.ask("delete", { id: one.id });
    if (answer) this._tellDeleted(one, wasOpen);
    this.search.focus();
  }

  /** One message for what was deleted one after the other, with one way back for all of it. @param {any} one @param {boolean} wasOpen */
  _tellDeleted(one, wasOpen) {
    const deleted = [...(this._deleted?.toast.isConnected ? this._deleted.all : []), { one, wasOpen }];
    this._deleted?.toast.remove();
    const words = deleted.length === 1 ? `Deleted “${one.title}” (${about(one)}).` : `Deleted ${counted(deleted.length, "composition")}.`;
    const restore = async () => {
      for (const { one: { id }, wasOpen: opens } of deleted) {
        if (await this.app.ask("restore", { id }) && opens && this.app.state.result_id === null) this.app.patch({ result_id: id });
      }
    };
    this._deleted = { all: deleted, toast: this.app.toast(words, { action: "Undo", onaction: restore }) };
  }
}

/** How a composition came to be, when, and how long it is. @param {any} one */
function about({ how, created, seconds }) {
  return `${how}, ${ago(created)} · ${seconds >= 60 ? `${Math.floor(seconds / 60)} min ` : ""}${Math.round(seconds % 60)} s`;
}

/** @param {string} text @param {() => void} act */
function item(text, act) {
  return h("button", { type: "button", role: "menuitem", class: "dc-menu-item", tabindex: -1, onclick: act }, text);
}
