// dc.Microphone(): the microphone panel, with the kernel behind it.
import { ask } from "./lib/kernel.js";
import { pageSound } from "./lib/sound_page.js";
import { root, switchControl } from "./parts/dom.js";
import { MicrophonePanel } from "./parts/microphone_panel.js";
import { soundState } from "./parts/sound_state.js";

/** @typedef {import("./lib/kernel.js").Model} Model */

/** @param {{model: Model, el: HTMLElement}} view */
function render({ model, el }) {
  const frame = root(el, "dc-microphone", "Microphone");
  const sound = pageSound(model);
  const state = soundState(sound);
  frame.append(state.element);
  let shown = 0; // number of what is on the page
  const panel = new MicrophonePanel(frame, {
    sound, bpm: model.get("bpm"),
    transcribe: async (samples, rate, beat) => {
      const { value } = await ask(model, "transcribe", { rate, ...beat }, [samples]);
      shown = value.number;
      return value;
    },
    recording: async () => {
      const { value, buffers } = await ask(model, "recording");
      const view = buffers[0];
      return { rate: value.rate, samples: new Int16Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)) };
    },
    onbpm: (bpm) => { model.set("bpm", bpm); model.save_changes(); },
  });
  const assist = switchControl({
    label: "Rhythm assist", checked: model.get("rhythm_assist"),
    onchange: (on) => { model.set("rhythm_assist", on); model.save_changes(); },
  });
  assist.input.title = "Moves the notes onto the beat; off, they stay where they were sung";
  assist.element.classList.add("dc-spread");
  panel.element.querySelector(".dc-mic-foot")?.append(assist.element);
  const show = () => {
    const sung = model.get("sung");
    if (!sung.piece || sung.number === shown) return;
    const isSame = panel.sung?.seconds === sung.seconds && panel.recording; // only its beats have moved
    shown = sung.number;
    panel.show(sung, isSame ? panel.recording : null, model.get("has_recording"));
  };
  const follow = () => assist.set(model.get("rhythm_assist"));
  model.on("change:sung", show);
  model.on("change:rhythm_assist", follow);
  show();
  return () => {
    model.off("change:sung", show);
    model.off("change:rhythm_assist", follow);
    state.destroy();
    panel.destroy();
  };
}

export default { render };
