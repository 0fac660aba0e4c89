// The notation engraver: OpenSheetMusicDisplay. Fetched when somebody first looks at a piece as notes on staves.
import { OpenSheetMusicDisplay } from "opensheetmusicdisplay";

const OPTIONS = {
  backend: "svg", autoResize: false, drawTitle: false, drawSubtitle: false, drawComposer: false, drawLyricist: false, drawCredits: false,
  drawPartAbbreviations: true, followCursor: false,
};

/**
 * Engrave MusicXML into an element.
 * @param {HTMLElement} container
 * @param {string} musicxml
 * @param {{zoom?: number}} options
 */
export async function engrave(container, musicxml, { zoom = 0.8 } = {}) {
  const ink = getComputedStyle(container).color;
  const sheet = new OpenSheetMusicDisplay(container, { ...OPTIONS, defaultColorMusic: ink, defaultColorLabel: ink, defaultColorTitle: ink });
  await sheet.load(musicxml);
  sheet.zoom = zoom;
  sheet.render();
  for (const picture of container.querySelectorAll("svg")) {
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", "The composition in notation");
    picture.style.background = "transparent";
  }
}
