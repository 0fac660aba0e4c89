// The scrubber through the edits of one composing: what stood after each, what the network thought, and its sound.
// The kernel is asked for one thing alone: the sound of what stands.

import { h as html, s as svg } from "./parts/dom.js";

/**
 * @typedef {{
 *   title: string, low: number, high: number, end: number, tracks: string[], pitches: string[],
 *   bars: [number, string][], beats: number[], firstBeat: number, stepBeats: number,
 *   notes: [onset: number, pitch: number, duration: number, track: number, came: number, went: number][],
 *   edits: {adds: boolean, note: number, right: number, words: string, runnerUp: string}[],
 *   heatEnds: number[], start: string, ending: string,
 * }} Roll  `track` is −1 for a note of the model's; `came` is 0 for the input's notes, `went` 0 for those that stay.
 * @typedef {{url: string, clock: [seconds: number, beat: number][], words: string}} Sound
 */

const KEYS = 36, RULER = 20; // px: the little piano, the row of bar numbers
const LEAST_BEAT = 14, MOST_ROWS = 380, THUMB = 16; // px
const BLACK = new Set([1, 3, 6, 8, 10]);
const SPEEDS = [1, 2, 5, 10, 20]; // edits a second
const HUES = [1, 2, 4, 5, 6]; // of the input's tracks; 3 is the network's own
const SHADES = 16; // of the network's opinion
const LEAST_DOUBT = 0.05; // a paler cross is a smudge
const SOUNDS_KEPT = 8, PATIENCE = 12_000; // ms

const ICONS = {
  first: "M4 3v10M13 3 6.5 8l6.5 5z",
  back: "M11 3 4.5 8l6.5 5z",
  play: "M5 2.8v10.4L13 8z",
  pause: "M5.5 3v10M10.5 3v10",
  forward: "M5 3l6.5 5L5 13z",
  last: "M12 3v10M3 3l6.5 5L3 13z",
  hear: "M3 6v4h2.4L9 13V3L5.4 6zM11.3 5.6a3.4 3.4 0 0 1 0 4.8M13 3.8a6 6 0 0 1 0 8.4",
  stop: "M4.5 4.5h7v7h-7z",
};

const HINT = "Keys: ← → step · Space play · H hear · Home End · Esc leaves";

let views = 0; // patterns are found by an id that is unique in the page

/** @param {Element} element @param {Record<string, any>} attributes */
function change(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}

function icon(name) {
  return svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

/** A button that shows an icon, alone or beside a word; what it does and its key are its name and its tooltip. */
function button(name, label, help, word = "") {
  const element = html("button", { type: "button", class: `dc-edits-button is-${name}`, "aria-label": label, title: help });
  element.append(icon(name), ...(word ? [html("span", {}, word)] : []));
  return element;
}

const percent = (p) => `${Math.round(100 * p)} %`;

/** The beat that sounds after some seconds: straight lines between the changes of tempo. */
export function beatAt(clock, seconds) {
  const next = clock.findIndex(([when]) => when > seconds);
  if (next === 0) return clock[0][1];
  if (next < 0) return clock[clock.length - 1][1];
  const [[a, from], [b, to]] = [clock[next - 1], clock[next]];
  return from + ((to - from) * (seconds - a)) / (b - a);
}

/** How a note stands after some edits: "" is not there yet, "in", or "gone". */
export function stateOf([, , , , came, went], position) {
  if (position < came) return "";
  return went && position >= went ? "gone" : "in";
}

/** The cells of the network's opinion when an edit was drawn. Four bytes each: step (2), pitch and kind, probability. */
export function cellsOf(heat, ends, edit) {
  const cells = [];
  for (let at = 4 * (ends[edit - 2] ?? 0); at < 4 * ends[edit - 1]; at += 4) {
    const packed = heat.getUint8(at + 2);
    cells.push({
      step: heat.getUint16(at, true),
      pitch: packed & 127,
      removes: packed > 127,
      probability: heat.getUint8(at + 3) / 255,
    });
  }
  return cells;
}

function render({ model, el }) {
  /** @type {Roll} */
  const roll = model.get("roll");
  /** @type {DataView} */
  const heat = model.get("heat");
  const last = roll.edits.length;
  const id = `dc-edits-${++views}`;
  let position = Math.min(last, Math.max(0, model.get("position")));
  let beatWidth = LEAST_BEAT, rowHeight = 10, width = 0;
  let timer = 0, frame = 0, saving = 0, waiting = 0;
  let asked = -1; // the edit whose sound is being rendered, or −1
  let heard = -1; // the edit that sounds, or −1
  /** @type {Map<number, Sound>} */
  const sounds = new Map();
  const audio = new Audio();

  // ------------------------------------------------------------------------------ the parts

  const count = html("span", { class: "dc-edits-count" });
  const head = html("div", { class: "dc-edits-head" }, html("b", {}, `${roll.title}, edit by edit`), count);
  const first = button("first", "To the input, before any edit", "Back to the input (Home)");
  const back = button("back", "One edit back", "One edit back (left arrow)");
  const play = button("play", "Play the edits", "Play the edits one by one (space)", "Play");
  const forward = button("forward", "One edit on", "One edit on (right arrow)");
  const end = button("last", "To the last edit", "To the last edit (End)");
  const speed = html("select", { "aria-label": "Speed: edits a second", title: "How many edits a second while playing" });
  speed.append(...SPEEDS.map((value) => html("option", { value }, `${value} a second`)));
  speed.value = "5";
  const hear = button("hear", "Hear what stands", "Hear the music as it stands after this edit (H)", "Hear");
  const shown = html("input", { type: "checkbox", checked: "" });
  const switchHeat = html(
    "label",
    { class: "dc-edits-switch", title: "Lay over the roll how right the model found every possible edit just before this one" },
    shown,
    "Probabilities",
  );
  const bar = html(
    "div",
    { class: "dc-edits-bar", role: "toolbar", "aria-label": "Edits" },
    html("span", { class: "dc-edits-group" }, first, back, play, forward, end),
    speed,
    hear,
    switchHeat,
  );
  const keys = svg("svg", { class: "dc-edits-keys", "aria-hidden": "true", width: KEYS });
  const picture = svg("svg", { class: "dc-edits-roll", role: "img" });
  const window_ = html(
    "div",
    { class: "dc-edits-window", tabindex: 0, role: "group", "aria-label": "Piano roll; left and right arrow keys step through the edits" },
    picture,
  );
  const strip = svg("svg", { class: "dc-edits-strip", "aria-hidden": "true" });
  const slider = html("input", {
    type: "range", min: 0, max: last, step: 1, value: position, "aria-label": "Edits made",
    title: "Drag through the edits: 0 is the input. Above, every edit: up is added, down is removed, tall is sure.",
  });
  const sentence = html("p", { class: "dc-edits-sentence" });
  const runnerUp = html("p", { class: "dc-edits-runner-up", title: "The likeliest edit that was not drawn" });
  const status = html("p", { class: "dc-edits-status", role: "status" });
  const words = html("div", { class: "dc-edits-words" }, sentence, runnerUp, status);
  const hint = html("span", { class: "dc-edits-hint" }, HINT);
  const root = html(
    "div",
    { class: "dc dc-edits", id, role: "group", "aria-label": `The edits of ${roll.title}, one by one` },
    head,
    bar,
    html("div", { class: "dc-edits-stage" }, keys, window_),
    html("div", { class: "dc-edits-scrub" }, strip, slider),
    words,
    legend(),
  );
  el.append(root);

  function legend() {
    const sample = (kind) => {
      const box = svg("svg", { class: "dc-edits-sample", viewBox: "0 0 26 12", width: 26, height: 12, "aria-hidden": "true" });
      box.append(...{
        input: () => [svg("rect", { class: "is-track-1", x: 1, y: 1, width: 24, height: 10, rx: 2 })],
        added: () => [svg("rect", { class: "is-added", x: 1, y: 1, width: 24, height: 10, rx: 2 }), plus(3, 6)],
        removed: () => [struck(1, 1, 24, 10)],
        add: () => [0.25, 0.6, 1].map((p, i) => svg("rect", { class: "is-add", x: 1 + 8 * i, y: 1, width: 7, height: 10, opacity: p })),
        remove: () => [svg("rect", { class: "is-track-1", x: 4, y: 1, width: 18, height: 10, rx: 2 }), ...cross(9, 6, 1)],
      }[kind]());
      return box;
    };
    const entry = (kind, text, extra = "") => html("span", { class: `dc-edits-entry ${extra}` }, sample(kind), text);
    return html(
      "div",
      { class: "dc-edits-legend" },
      entry("input", "input"),
      entry("added", "added"),
      entry("removed", "removed"),
      entry("add", "adding there would be right: fainter is less sure", "is-heat"),
      entry("remove", "removing it would be right", "is-heat"),
      hint,
    );
  }

  function plus(x, y) {
    return svg("path", { class: "dc-edits-plus", d: `M${x} ${y}h6M${x + 3} ${y - 3}v6` });
  }

  function struck(x, y, w, h) {
    return svg("path", { class: "dc-edits-ghost", d: `M${x} ${y}h${w}v${h}h${-w}zM${x} ${y + h / 2}h${w}` });
  }

  /** A cross with a rim in the ground's colour, so that it stands out on any note. */
  function cross(x, y, opacity) {
    const d = `M${x - 3} ${y - 3}l6 6m0 -6l-6 6`;
    return [svg("path", { class: "dc-edits-rim", d, opacity }), svg("path", { class: "dc-edits-cross", d, opacity })];
  }

  // ------------------------------------------------------------------------------ drawing

  const heatLayer = svg("g", { class: "dc-edits-heat" });
  const noteLayer = svg("g");
  const doubtLayer = svg("g");
  const playhead = svg("line", { class: "dc-edits-playhead", visibility: "hidden" });
  /** @type {SVGElement[]} */
  let drawn = [];

  const x = (beat) => beat * beatWidth;
  const y = (pitch) => RULER + (roll.high - pitch) * rowHeight;

  /** Draw all that does not depend on the position; again when the width changes. */
  function drawAll() {
    const rows = roll.high - roll.low + 1;
    rowHeight = Math.max(5, Math.min(13, Math.floor(MOST_ROWS / rows)));
    beatWidth = Math.max(LEAST_BEAT, (width - KEYS - 1) / roll.end);
    const [w, h] = [x(roll.end), RULER + rows * rowHeight];
    for (const [element, wide] of [[picture, w], [keys, KEYS]]) {
      element.setAttribute("width", wide);
      element.setAttribute("height", h);
      element.replaceChildren();
    }
    drawGround(w, h, rows);
    noteLayer.replaceChildren();
    drawn = roll.notes.map(drawNote);
    noteLayer.append(...drawn);
    change(playhead, { y1: RULER, y2: h });
    picture.append(heatLayer, noteLayer, doubtLayer, playhead);
    drawStrip();
  }

  function drawGround(w, h, rows) {
    picture.append(patterns());
    for (let pitch = roll.low; pitch <= roll.high; pitch++) {
      const black = BLACK.has(pitch % 12);
      if (black) picture.append(svg("rect", { class: "dc-edits-black", x: 0, y: y(pitch), width: w, height: rowHeight }));
      keys.append(svg("rect", { class: black ? "is-black" : "is-white", x: 22, y: y(pitch), width: 14, height: rowHeight }));
      if (pitch % 12 === 0) {
        keys.append(svg("text", { x: 19, y: y(pitch) + rowHeight / 2, class: "dc-edits-name" }, roll.pitches[pitch - roll.low]));
        picture.append(svg("line", { class: "dc-edits-octave", x1: 0, x2: w, y1: y(pitch) + rowHeight, y2: y(pitch) + rowHeight }));
      }
    }
    const line = (kind, beat, top) => svg("line", { class: kind, x1: x(beat), x2: x(beat), y1: top, y2: h });
    picture.append(...roll.beats.map((beat) => line("dc-edits-beat", beat, RULER)));
    for (const [beat, number] of roll.bars) {
      picture.append(line("dc-edits-barline", beat, 0), svg("text", { class: "dc-edits-number", x: x(beat) + 4, y: 13 }, number));
    }
    picture.append(svg("rect", { class: "dc-edits-frame", x: 0, y: RULER, width: w, height: rows * rowHeight }));
  }

  /** One pattern a track after the first: a track is a hue and a pattern. */
  function patterns() {
    const strokes = ["", "M0 6 6 0", "M0 3h4", "M0 0 6 6", "M3 0v6"];
    return svg("defs", {}, ...strokes.map((d, i) =>
      svg("pattern", { id: `${id}-${i}`, width: 6, height: 6, patternUnits: "userSpaceOnUse" }, svg("path", { class: "dc-edits-pattern", d }))));
  }

  function drawNote([onset, pitch, duration, track, came, went]) {
    const box = { x: x(onset), y: y(pitch) + 0.5, width: Math.max(3, x(duration) - 1.5), height: rowHeight - 1, rx: 2 };
    const group = svg("g", { class: "dc-edits-note" });
    const isAdded = track < 0;
    const turn = track % HUES.length;
    const body = svg("g", { class: "dc-edits-body" }, svg("rect", { class: isAdded ? "is-added" : `is-track-${HUES[turn]}`, ...box }));
    if (track > 0) body.append(svg("rect", { ...box, fill: `url(#${id}-${turn})` }));
    if (isAdded && rowHeight >= 7 && box.width >= 8) body.append(plus(box.x + 1.5, box.y + box.height / 2));
    const what = isAdded ? `added by edit ${came}` : roll.tracks[track];
    const until = went ? `, removed by edit ${went}` : "";
    group.append(svg("title", {}, `${roll.pitches[pitch - roll.low]}, ${what}${until}`), body);
    group.append(struck(box.x, box.y, box.width, box.height), svg("rect", { class: "dc-edits-ring", ...box }));
    return group;
  }

  function drawStrip() {
    const [h, inner] = [44, width - THUMB];
    change(strip, { width, height: h, viewBox: `0 0 ${width} ${h}` });
    const tick = Math.max(1, Math.min(6, inner / Math.max(1, last) - 1));
    strip.replaceChildren(
      svg("line", { class: "dc-edits-axis", x1: 0, x2: width, y1: h / 2, y2: h / 2 }),
      ...roll.edits.map(({ adds, right }, i) => {
        const tall = 3 + 17 * right;
        const left = THUMB / 2 + (inner * (i + 1)) / last - tick / 2;
        return svg("rect", { class: adds ? "is-add" : "is-remove", x: left, y: adds ? h / 2 - tall : h / 2, width: tick, height: tall });
      }),
    );
  }

  /** Show what stands after `position` edits. */
  function show() {
    const edit = roll.edits[position - 1];
    roll.notes.forEach((note, i) => {
      const state = stateOf(note, position);
      const isNow = edit !== undefined && edit.note === i;
      const isLeft = state === "gone" && (note[4] === 0 || isNow); // a note of the model's leaves no trace later
      const name = ["dc-edits-note", state && `is-${state}`, isNow && "is-now", isLeft && "is-left"].filter(Boolean).join(" ");
      if (drawn[i].getAttribute("class") !== name) drawn[i].setAttribute("class", name);
    });
    drawHeat();
    const ticks = strip.querySelectorAll("rect");
    ticks.forEach((tick, i) => tick.classList.toggle("is-now", i === position - 1));
    slider.value = String(position);
    slider.style.setProperty("--dc-edits-done", `${(100 * position) / Math.max(1, last)}%`);
    tell(edit);
    if (edit !== undefined) keepInSight(roll.notes[edit.note]);
    for (const [control, off] of [[first, position === 0], [back, position === 0], [forward, position === last], [end, position === last]]) {
      control.setAttribute("aria-disabled", String(off));
    }
  }

  function drawHeat() {
    // What could be added lies under the notes; removing is said of notes, so its crosses lie over them.
    heatLayer.replaceChildren();
    doubtLayer.replaceChildren();
    if (!shown.checked || position === 0) return;
    const wide = Math.max(3, x(roll.stepBeats));
    const shades = new Array(SHADES).fill(""); // one path a shade: hundreds of cells, and up to twenty pictures a second
    for (const { step, pitch, removes, probability } of cellsOf(heat, roll.heatEnds, position)) {
      const left = x(roll.firstBeat + step * roll.stepBeats);
      if (removes && probability < LEAST_DOUBT) continue;
      if (removes) doubtLayer.append(...cross(left + 5, y(pitch) + rowHeight / 2, Math.sqrt(probability)));
      else shades[Math.floor(probability * (SHADES - 0.01))] += `M${left} ${y(pitch)}h${wide}v${rowHeight}h${-wide}z`;
    }
    shades.forEach((d, i) => d && heatLayer.append(svg("path", { class: "is-add", d, opacity: (i + 0.5) / SHADES })));
  }

  /** Tell what the network thinks of the cell under the pointer, in place of the hint on keys. */
  function read(event) {
    const box = picture.getBoundingClientRect();
    const step = Math.floor(((event.clientX - box.left) / beatWidth - roll.firstBeat) / roll.stepBeats);
    const pitch = roll.high - Math.floor((event.clientY - box.top - RULER) / rowHeight);
    const cell = shown.checked && position > 0 && cellsOf(heat, roll.heatEnds, position).find((one) => one.step === step && one.pitch === pitch);
    hint.textContent = cell ? `${cell.removes ? "removing" : "adding"} ${roll.pitches[pitch - roll.low]} here: right with ${percent(cell.probability)}` : HINT;
  }

  function tell(edit) {
    const standing = roll.notes.filter((note) => stateOf(note, position) === "in");
    const added = standing.filter(([, , , track]) => track < 0).length;
    const gone = roll.notes.filter((note) => note[4] === 0 && note[3] >= 0).length - (standing.length - added);
    count.replaceChildren(html("b", {}, `Edit ${position}`), ` of ${last} · ${added} added · ${gone} of the input removed`);
    sentence.textContent = edit ? `Edit ${position} of ${last}: ${edit.words}` : roll.start;
    runnerUp.textContent = edit ? edit.runnerUp : "";
    if (position === last && roll.ending) runnerUp.textContent += ` ${roll.ending}`;
    slider.setAttribute("aria-valuetext", sentence.textContent);
    picture.setAttribute("aria-label", `Piano roll after edit ${position} of ${last}: ${standing.length} notes`);
  }

  /** Scroll a long roll sideways, never the page. @param {Roll["notes"][number]} note */
  function keepInSight([onset, , duration]) {
    const [left, right] = [x(onset), x(onset + duration)];
    if (left < window_.scrollLeft || right > window_.scrollLeft + window_.clientWidth) {
      window_.scrollLeft = left - window_.clientWidth / 3;
    }
  }

  // ------------------------------------------------------------------------------ moving

  function move(to) {
    const next = Math.min(last, Math.max(0, to));
    if (next === position) return;
    position = next;
    silence();
    show();
    clearTimeout(saving); // the kernel learns where it rests, not every step of a ride
    saving = setTimeout(() => {
      model.set("position", position);
      model.save_changes();
    }, 200);
  }

  function run(on) {
    clearInterval(timer);
    timer = 0;
    if (on && last > 0) {
      if (position === last) move(0);
      timer = setInterval(() => (position < last ? move(position + 1) : run(false)), 1000 / Number(speed.value));
    }
    const isRunning = timer !== 0;
    play.replaceChildren(icon(isRunning ? "pause" : "play"), html("span", {}, isRunning ? "Pause" : "Play"));
    play.setAttribute("aria-label", isRunning ? "Pause" : "Play the edits");
    // A screen reader reads where one steps, not every edit of a ride.
    words.setAttribute("aria-live", isRunning ? "off" : "polite");
  }

  // ------------------------------------------------------------------------------ hearing

  function listen() {
    if (asked === position) return;
    if (heard === position) {
      silence();
      return;
    }
    run(false);
    silence();
    const sound = sounds.get(position);
    if (sound) {
      sing(position, sound);
      return;
    }
    asked = position;
    model.send({ kind: "hear", edit: position });
    waiting = setTimeout(() => say("The kernel has not answered yet: it is busy with another cell, or was stopped."), PATIENCE);
    showHearing();
  }

  function sing(edit, sound) {
    heard = edit;
    audio.src = sound.url;
    audio.play().then(followMusic, () => {
      silence();
      say("The sound is ready: press Hear once more.");
    });
    say(sound.words);
    showHearing();
  }

  function silence() {
    clearTimeout(waiting);
    cancelAnimationFrame(frame);
    audio.pause();
    asked = heard = -1;
    playhead.setAttribute("visibility", "hidden");
    say("");
    showHearing();
  }

  function followMusic() {
    const sound = sounds.get(heard);
    if (!sound) return;
    const at = x(beatAt(sound.clock, audio.currentTime));
    change(playhead, { x1: at, x2: at, visibility: "visible" });
    if (at > window_.scrollLeft + window_.clientWidth) window_.scrollLeft = at - 20;
    frame = requestAnimationFrame(followMusic);
  }

  function say(text) {
    status.textContent = text;
  }

  function showHearing() {
    const [name, word, label] = asked >= 0
      ? ["stop", "Rendering …", `Rendering the sound after edit ${asked}`]
      : heard >= 0 ? ["stop", "Stop", "Stop the sound"] : ["hear", "Hear", `Hear what stands after edit ${position}`];
    hear.replaceChildren(asked >= 0 ? html("span", { class: "dc-edits-busy", "aria-hidden": "true" }) : icon(name), html("span", {}, word));
    hear.setAttribute("aria-label", label);
    hear.setAttribute("aria-busy", String(asked >= 0));
  }

  function receive(message, buffers) {
    if (message.kind === "sound" && !sounds.has(message.edit)) {
      const url = URL.createObjectURL(new Blob([buffers[0]], { type: message.mime }));
      sounds.set(message.edit, { url, clock: message.clock, words: message.words });
      const oldest = [...sounds.keys()].find((edit) => edit !== heard && edit !== message.edit);
      if (sounds.size > SOUNDS_KEPT && oldest !== undefined) {
        URL.revokeObjectURL(sounds.get(oldest)?.url ?? "");
        sounds.delete(oldest);
      }
    }
    if (message.edit !== asked) return; // the listener has moved on
    silence();
    const sound = sounds.get(message.edit);
    if (message.kind === "sound" && sound) sing(message.edit, sound);
    else say(message.words);
  }

  // ------------------------------------------------------------------------------ hands

  const acts = {
    ArrowLeft: () => move(position - 1), ArrowDown: () => move(position - 1),
    ArrowRight: () => move(position + 1), ArrowUp: () => move(position + 1),
    PageDown: () => move(position - 10), PageUp: () => move(position + 10),
    Home: () => move(0), End: () => move(last),
    h: listen, H: listen,
    " ": () => run(!timer),
    Escape: leave,
  };

  /** Give the keys back to the notebook. */
  function leave() {
    /** @type {any} */ (document.activeElement)?.blur();
    /** @type {any} */ (root.closest(".jp-Notebook"))?.focus();
  }

  /** Keys typed here are for the scrubber: in JupyterLab they would cut, paste and delete cells. */
  function onKey(event) {
    const isCommand = event.ctrlKey || event.metaKey || event.altKey; // saving and running stay JupyterLab's
    root.toggleAttribute("data-lm-suppress-shortcuts", !isCommand);
    if (isCommand) return;
    event.stopPropagation();
    const isOwn = { SELECT: true, BUTTON: event.key === " ", INPUT: event.key === " " && event.target === shown }[event.target.tagName];
    if (isOwn && event.key !== "Escape") return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    if (event.key.startsWith("Arrow") || ["Home", "End", "PageUp", "PageDown"].includes(event.key)) run(false);
    act();
  }

  const stopAnd = (act) => () => {
    run(false);
    act();
  };
  root.toggleAttribute("data-lm-suppress-shortcuts", true);
  root.addEventListener("keydown", onKey);
  root.addEventListener("keyup", (event) => event.stopPropagation());
  first.addEventListener("click", stopAnd(acts.Home));
  back.addEventListener("click", stopAnd(acts.ArrowLeft));
  forward.addEventListener("click", stopAnd(acts.ArrowRight));
  end.addEventListener("click", stopAnd(acts.End));
  play.addEventListener("click", acts[" "]);
  hear.addEventListener("click", listen);
  speed.addEventListener("change", () => timer && run(true));
  shown.addEventListener("change", () => {
    root.classList.toggle("is-without-heat", !shown.checked);
    drawHeat();
  });
  slider.addEventListener("input", () => {
    run(false);
    move(Number(slider.value));
  });
  strip.addEventListener("pointerdown", (event) => {
    const share = (event.clientX - strip.getBoundingClientRect().left - THUMB / 2) / (width - THUMB);
    run(false);
    move(Math.round(share * last));
    slider.focus();
    event.preventDefault();
  });
  picture.addEventListener("pointermove", read);
  picture.addEventListener("pointerleave", () => (hint.textContent = HINT));
  audio.addEventListener("ended", silence);
  const onPosition = () => move(model.get("position"));
  model.on("msg:custom", receive);
  model.on("change:position", onPosition);

  const watcher = new ResizeObserver(() => {
    const now = Math.floor(root.clientWidth);
    if (now === 0 || now === width) return;
    width = now;
    drawAll();
    show();
  });
  watcher.observe(root);
  run(false);
  showHearing();

  return () => {
    run(false);
    silence();
    clearTimeout(saving);
    watcher.disconnect();
    model.off("msg:custom", receive);
    model.off("change:position", onPosition);
    for (const { url } of sounds.values()) URL.revokeObjectURL(url);
  };
}

export default { render };
