// What each technique does to a melody, as a picture: before, an arrow, after.
import { h, s } from "./dom.js";

/** @type {[number, number, number][]} A melody: x, y, width. */
const MELODY = [[6, 34, 13], [22, 34, 13], [38, 26, 13], [54, 18, 13], [70, 10, 13], [86, 26, 13], [102, 34, 20]];

/** @type {Record<string, [number, number, number, number][]>} What is new: x, y, width, track. */
const NEW = {
  "ar-cnn": [[6, 46, 26, 1], [38, 43, 14, 1], [70, 40, 26, 1], [6, 60, 13, 4], [22, 56, 13, 4], [54, 62, 28, 4], [102, 60, 18, 4]],
  gan: [
    [6, 42, 56, 1], [66, 42, 56, 1], [6, 52, 24, 2], [34, 52, 24, 2], [66, 52, 24, 2], [94, 52, 28, 2],
    ...[6, 20, 34, 50, 66, 80, 94, 110].map((x) => /** @type {[number, number, number, number]} */ ([x, 60, 10, 4])),
    ...[6, 13, 20, 36, 43, 50, 66, 73, 80, 96, 103, 110].map((x) => /** @type {[number, number, number, number]} */ ([x, 68, 3, 5])),
  ],
  transformers: [[74, 18, 10, 2], [86, 28, 8, 2], [96, 38, 10, 2], [74, 58, 18, 2], [96, 52, 8, 2], [108, 26, 14, 2], [108, 60, 14, 2]],
};
const FILLS = ["var(--dc-t1)", "url(#dc-card-2)", "url(#dc-card-3)", "var(--dc-t4)", "url(#dc-card-5)", "url(#dc-card-6)"];

/** Patterns for all cards; stands once in the studio. */
export function cardPatterns() {
  const tile = (/** @type {number} */ number, /** @type {any} */ mark) => s("pattern", { id: `dc-card-${number}`, width: 5, height: 5, patternUnits: "userSpaceOnUse" },
    s("rect", { width: 5, height: 5, fill: `var(--dc-t${number})` }), mark);
  const line = (/** @type {string} */ d) => s("path", { d, stroke: "var(--dc-pattern)", "stroke-width": 1.2, fill: "none" });
  return s("svg", { width: 0, height: 0, "aria-hidden": "true", style: "position: absolute" }, s("defs", {},
    tile(2, line("M0 5 5 0")), tile(3, s("circle", { cx: 2.5, cy: 2.5, r: 0.9, fill: "var(--dc-pattern)" })), tile(5, line("M0 0 5 5")), tile(6, line("M2.5 0V5"))));
}

/** @param {string} technique */
export function cardPicture(technique) {
  const isContinued = technique === "transformers";
  const melody = isContinued ? MELODY.slice(0, 4) : MELODY;
  const old = (/** @type {boolean} */ after) => melody.filter(([x]) => !(after && technique === "ar-cnn" && x === 70)).map(([x, y, width]) =>
    s("rect", { x, y: technique === "gan" ? y * 0.7 + 4 : y, width, height: 7, rx: 2, fill: FILLS[0] }));
  const fresh = NEW[technique].map(([x, y, width, track]) => s("rect", {
    x, y, width, height: technique === "gan" ? 6 : 7, rx: 2, fill: FILLS[track], stroke: technique === "ar-cnn" ? "var(--dc-added-ring)" : null, "stroke-width": 0.8,
  }));
  const gone = technique === "ar-cnn" ? [
    s("rect", { x: 70.5, y: 10.5, width: 12, height: 6, rx: 2, fill: "none", stroke: "var(--dc-removed-ring)", "stroke-dasharray": "2.5 1.5" }),
    s("path", { d: "M70 13.5h13", stroke: "var(--dc-removed-ring)" }), s("rect", { x: 70, y: 18, width: 13, height: 7, rx: 2, fill: FILLS[0], stroke: "var(--dc-added-ring)", "stroke-width": 0.8 }),
  ] : [];
  const seam = isContinued ? [s("path", { d: "M70.5 2v74", stroke: "var(--dc-ink-3)", "stroke-dasharray": "3 2" })] : [];
  const box = (/** @type {any[]} */ ...parts) => s("svg", { viewBox: "0 0 128 78", class: "dc-card-box" },
    ...[32, 64, 96].map((x) => s("path", { d: `M${x} 0v78`, stroke: "var(--dc-line)" })), ...parts);
  return h("div", { class: "dc-card-picture", "aria-hidden": "true" }, box(...old(false)),
    s("svg", { viewBox: "0 0 32 16", class: "dc-card-arrow" }, s("path", { d: "M1 8h29M22 1l8 7-8 7" })), box(...old(true), ...fresh, ...gone, ...seam));
}
