// The band of a GAN: which tracks it adds, on which instruments, which of them are drawn anew; and blending two seeds.
import { INSTRUMENTS, nearestProgram } from "../lib/programs.js";
import { button, h, select, setPressed, slider } from "./dom.js";

/** @typedef {{role: string, program: number | null}} BandTrack a role and its General MIDI program, null for drums */

/** What hangs on the model's roles, and means nothing to another model. */
export const OF_THE_BAND = { tracks: null, instruments: null, track_seeds: null };

const LARGEST_SEED = 1_000_000;

/** A seed that is short enough to be told to somebody else. */
export function freshSeed() {
  return Math.floor(Math.random() * LARGEST_SEED);
}

/** A mapping without one of its names; null where nothing is left. @param {Record<string, any> | null} mapping @param {string} name */
export function without(mapping, name) {
  const { [name]: _, ...rest } = mapping ?? {};
  return Object.keys(rest).length ? rest : null;
}

/**
 * The rows of the band.
 * @param {{parameter: {name: string, label: string, help: string}, band: BandTrack[], keepsTracksApart: boolean,
 *   values: () => Record<string, any>, change: (change: Record<string, any>) => void, holdSeed: () => void,
 *   toast: (words: string) => void}} options
 *   `values` gives all parameters as they are; `holdSeed` makes the next run start from the last one's seed
 */
export function bandControl({ parameter: { name, label, help }, band, keepsTracksApart, values, change, holdSeed, toast }) {
  const roles = band.map(({ role }) => role);
  const rows = band.map(({ role, program }) => {
    const added = button({
      label: `Add ${role}`, text: titled(role), class: "dc-button dc-button-plain dc-role-add", onclick: () => {
        const before = values()[name] ?? roles;
        const chosen = roles.filter((one) => (one === role) !== before.includes(one));
        if (!chosen.length) return toast("One track at least has to be added.");
        change({ [name]: chosen.length === roles.length ? null : chosen });
        update();
      },
    });
    const usual = program === null ? null : String(nearestProgram(program));
    const instrument = usual === null ? null : select({
      label: `Instrument of ${role}`, value: usual, choices: INSTRUMENTS.map(([number, words]) => [String(number), words]),
      onchange: (chosen) => {
        const others = without(values().instruments, role);
        change({ instruments: chosen === usual ? others : { ...others, [role]: +chosen } });
      },
    });
    const draw = button({
      label: `Draw ${role} anew`, icon: "dice", kind: "small", class: "dc-button dc-button-small dc-button-icon dc-outlined",
      title: keepsTracksApart ? `Draw ${role} anew: the other tracks stay as they are` : `Draw ${role} anew: with a U-Net the other tracks may follow`,
      onclick: () => {
        holdSeed();
        change({ track_seeds: { ...values().track_seeds, [role]: freshSeed() } });
        update();
      },
    });
    const own = h("button", {
      type: "button", class: "dc-role-seed", title: "Take it back: this track follows the seed below again",
      onclick: () => {
        change({ track_seeds: without(values().track_seeds, role) });
        update();
        draw.focus();
      },
    });
    const row = h("div", { class: "dc-role-row", role: "group", "aria-label": titled(role) },
      added, instrument ? instrument.element : h("span", { class: "dc-hint" }, "Drum kit"), draw, own);
    return { role, added, instrument, usual, draw, own, row };
  });
  const update = () => {
    const { [name]: chosen, instruments, track_seeds: seeds } = values();
    for (const { role, added, instrument, usual, draw, own, row } of rows) {
      const isAdded = !chosen || chosen.includes(role), seed = seeds?.[role];
      setPressed(added, isAdded);
      row.classList.toggle("dc-silent", !isAdded);
      instrument?.set(String(nearestProgram(instruments?.[role] ?? +(usual ?? 0))));
      setPressed(draw, seed !== undefined);
      own.hidden = seed === undefined;
      own.textContent = `seed ${seed} ×`;
      own.setAttribute("aria-label", `Take back seed ${seed} of ${role}`);
    }
  };
  update();
  return h("div", { class: "dc-parameter", role: "group", "aria-label": label },
    h("b", {}, label), h("div", { class: "dc-roles" }, ...rows.map(({ row }) => row)), h("p", { class: "dc-hint" }, help));
}

/**
 * Another seed, and how far to go towards it.
 * @param {{parameter: {name: string, label: string, help: string}, value: [number, number] | null, change: (change: Record<string, any>) => void, holdSeed: () => void}} options
 */
export function blendControl({ parameter: { name, label, help }, value, change, holdSeed }) {
  const seed = h("input", { class: "dc-field dc-seed", type: "number", min: 0, step: 1, "aria-label": "Seed to blend with", placeholder: "none", value: value?.[0] ?? "" });
  const amount = slider({
    label: "How much of it", value: Math.round(100 * (value?.[1] ?? 0.5)), minimum: 0, maximum: 100, step: 5, standard: 50, unit: "%", hint: help,
    onchange: (_, isFinal) => { if (isFinal) tell(); },
  });
  const tell = () => {
    const chosen = seedOf(seed);
    amount.element.hidden = chosen === null;
    if (chosen !== null) holdSeed();
    change({ [name]: chosen === null ? null : [chosen, +amount.input.value / 100] });
  };
  seed.addEventListener("change", tell);
  amount.element.hidden = value === null;
  return h("div", { class: "dc-parameter", role: "group", "aria-label": label },
    h("div", { class: "dc-labelled" }, h("b", {}, "Blend with seed"), seed), amount.element);
}

/** What stands in a seed's field, made a whole number of 0 or more; null where nothing does. @param {HTMLInputElement} field */
export function seedOf(field) {
  const value = field.value === "" ? null : Math.max(0, Math.floor(+field.value));
  field.value = value === null ? "" : String(value);
  return value;
}

/** @param {string} role */
function titled(role) {
  return role[0].toUpperCase() + role.slice(1);
}
