// dc.Upload(): a file becomes a piece, seen and heard.
import { ask } from "./lib/kernel.js";
import { pageSound } from "./lib/sound_page.js";
import { h, root } from "./parts/dom.js";
import { PianoRollView } from "./parts/piano_roll.js";
import { soundState } from "./parts/sound_state.js";
import { transportBar } from "./parts/transport.js";
import { UploadPanel } from "./parts/upload_panel.js";

/** @typedef {import("./lib/kernel.js").Model} Model */

/** @param {{model: Model, el: HTMLElement}} view */
function render({ model, el }) {
  const frame = root(el, "dc-upload-widget", "Upload");
  const sound = pageSound(model), state = soundState(sound), transport = sound.createTransport();
  const panel = new UploadPanel(frame);
  const title = h("strong", { class: "dc-upload-title" }), summary = h("span", { class: "dc-upload-summary" });
  const remarks = h("ul", { class: "dc-upload-remarks" }), roll = h("div", { class: "dc-upload-roll" });
  const bar = transportBar({ transport, metronome: false, after: [h("div", { class: "dc-upload-head" }, title, summary)] });
  const result = h("div", { class: "dc-upload-result", hidden: true }, state.element, bar.element, roll, remarks);
  frame.append(result);
  /** @type {PianoRollView | null} */
  let view = null;

  panel.addEventListener("file", async (event) => {
    const { name, bytes } = /** @type {CustomEvent} */ (event).detail;
    try {
      await ask(model, "read", { name }, [bytes]);
      panel.done(`“${name}” was read.`);
    } catch (error) {
      panel.fail(name, /** @type {Error} */ (error).message);
    }
  });
  const show = () => {
    const { piece, summary: words, remarks: said } = model.get("shown");
    if (!piece) return;
    transport.stop();
    transport.setPiece(piece);
    bar.update();
    result.hidden = false;
    title.textContent = piece.title;
    summary.textContent = words;
    remarks.replaceChildren(...said.map((/** @type {string} */ remark) => h("li", {}, remark)));
    if (view) view.setPiece(piece, { keepView: false });
    else view = new PianoRollView(roll, { piece, editable: false, transport, sound, velocityLane: false, minHeight: 180, label: "What was uploaded" });
    requestAnimationFrame(() => view?.fit());
  };
  model.on("change:shown", show);
  show();
  return () => {
    model.off("change:shown", show);
    view?.destroy();
    bar.destroy();
    state.destroy();
    transport.dispose();
    panel.destroy();
  };
}

export default { render };
