// Colours for a canvas: read from the tokens once, and again when the theme changes.

const NAMES = [
  "bg", "ink", "ink-2", "ink-3", "accent", "roll", "roll-black", "bar", "beat", "playhead", "line", "line-2", "tint", "strip",
  "key-black", "key-line", "key-ink", "key-ink-b", "pattern", "sunken", "added-ring", "removed-ring", "played-ring", "on-accent",
  "t1", "t2", "t3", "t4", "t5", "t6", "on-t1", "on-t2", "on-t3", "on-t4", "on-t5", "on-t6",
];

/** @typedef {Record<string, string>} Colours */

/** The tokens' values below an element, as the browser writes colours. @param {HTMLElement} element @returns {Colours} */
export function coloursOf(element) {
  // A custom property gives back its words (`color-mix(…)`); a real property gives back the colour.
  const probe = document.createElement("span");
  probe.style.display = "none";
  element.append(probe);
  /** @type {Colours} */
  const colours = {};
  for (const name of NAMES) {
    probe.style.color = `var(--dc-${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  colours.font = getComputedStyle(element).fontFamily;
  return colours;
}

/** Call back when the theme may have changed. @param {HTMLElement} element @param {() => void} changed @returns {() => void} */
export function onTheme(element, changed) {
  const observer = new MutationObserver(() => changed());
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
  // The element may not stand in its widget yet, hence the whole page; few elements have this attribute.
  const chosen = new MutationObserver((records) => {
    if (records.some(({ target }) => target.contains(element))) changed();
  });
  chosen.observe(document.documentElement, { attributes: true, subtree: true, attributeFilter: ["data-theme"] });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", changed);
  return () => { observer.disconnect(); chosen.disconnect(); system.removeEventListener("change", changed); };
}

const PATTERN_SIZE = 6; // CSS px
const HUES = 6;

/**
 * A track's pattern and shape, as a number: past six tracks the hues come again, with other patterns.
 * @param {number} track
 */
export function patternOf(track) {
  return (track + Math.floor(track / HUES)) % HUES;
}

/** The shape that stands for a track in words. @param {number} track */
export function shapeOf(track) {
  return SHAPES[patternOf(track)];
}

/**
 * A track's fill: its hue with its pattern. 0 solid, 1 rising lines, 2 dots, 3 long lines, 4 falling lines, 5 upright lines.
 * @param {CanvasRenderingContext2D} context @param {number} track @param {Colours} colours @param {number} scale px of the screen a CSS px
 */
export function trackFill(context, track, colours, scale) {
  const hue = colours[`t${(track % HUES) + 1}`], pattern = patternOf(track);
  if (pattern === 0) return hue;
  const size = Math.round(PATTERN_SIZE * scale), tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const draw = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"));
  draw.fillStyle = hue;
  draw.fillRect(0, 0, size, size);
  draw.strokeStyle = draw.fillStyle = colours.pattern;
  draw.lineWidth = 1.4 * scale;
  const line = (/** @type {number[]} */ ...points) => {
    draw.beginPath();
    draw.moveTo(points[0], points[1]);
    draw.lineTo(points[2], points[3]);
    draw.stroke();
  };
  switch (pattern) {
    case 1: line(-size, size, size, -size); line(0, size, size, 0); line(0, 2 * size, 2 * size, 0); break;
    case 2: draw.beginPath(); draw.arc(size / 2, size / 2, 1.3 * scale, 0, 7); draw.fill(); break;
    case 3: line(0, size / 2, size, size / 2); break;
    case 4: line(-size, -size, size, size); line(0, 0, size, size); line(0, -size, 2 * size, size); line(-size, 0, size, 2 * size); break;
    case 5: line(size / 2, 0, size / 2, size); break;
  }
  const fill = /** @type {CanvasPattern} */ (context.createPattern(tile, "repeat"));
  fill.setTransform(new DOMMatrix().scale(1 / scale));
  return fill;
}

const SHAPES = ["●", "■", "▲", "◆", "▼", "✚"];
