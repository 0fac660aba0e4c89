// A line that appears only where sound needs a word: the browser waits for a click, or a simple tone stands in.
import { button, h, icon } from "./dom.js";

/** @param {import("../lib/sound_page.js").PageSound} sound */
export function soundState(sound) {
  const words = h("span");
  const enable = button({ label: "Enable sound", text: "Enable sound", icon: "speaker", onclick: () => sound.enable() });
  const element = h("div", { class: "dc-sound-state", role: "status" }, icon("speaker"), words, enable);
  const update = () => {
    element.hidden = !["blocked", "loading", "fallback"].includes(sound.state);
    enable.hidden = sound.state !== "blocked";
    words.textContent = sound.words;
  };
  sound.addEventListener("state", update);
  update();
  return { element, destroy: () => sound.removeEventListener("state", update) };
}
