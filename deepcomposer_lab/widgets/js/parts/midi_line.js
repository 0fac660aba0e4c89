// One line about MIDI keyboards: a light for what they say, which there are in words, and a choice where there are several.
import { pageMidi } from "../lib/web_midi.js";
import { button, h, select } from "./dom.js";

const SHINE = 140; // ms

/** @param {import("../lib/web_midi.js").MidiDevices} midi */
export function midiLine(midi = pageMidi()) {
  const light = h("i", { class: "dc-midi-light", "aria-hidden": "true" });
  const words = h("span", { role: "status" });
  const choice = h("span", {});
  const element = h("div", { class: "dc-midi-line", role: "group", "aria-label": "MIDI keyboard" }, light, words, choice);
  let timer = 0, shown = "";
  const blink = () => {
    light.classList.add("dc-on");
    clearTimeout(timer);
    timer = setTimeout(() => light.classList.remove("dc-on"), SHINE);
  };
  const update = () => {
    element.dataset.state = midi.state;
    words.textContent = midi.words;
    const now = JSON.stringify([midi.state, midi.devices, midi.chosen]);
    if (now === shown) return;
    shown = now;
    if (midi.state === "idle") {
      choice.replaceChildren(button({ label: "Use a MIDI keyboard", text: "Use a MIDI keyboard", icon: "midi", kind: "small", onclick: () => midi.request() }));
    } else if (midi.devices.length > (midi.chosen === null ? 0 : 1)) {
      const none = /** @type {[string, string][]} */ (midi.chosen === null ? [["", "Choose a port"]] : []);
      choice.replaceChildren(select({
        label: "MIDI keyboard that plays", value: midi.chosen ?? "", choices: [...none, ...midi.devices.map(({ id, name }) => /** @type {[string, string]} */ ([id, name]))],
        onchange: (id) => { if (id) midi.choose(id); },
      }).element);
    } else choice.replaceChildren();
  };
  midi.addEventListener("change", update);
  midi.addEventListener("activity", blink);
  update();
  return {
    element,
    destroy: () => {
      clearTimeout(timer);
      midi.removeEventListener("change", update);
      midi.removeEventListener("activity", blink);
    },
  };
}
