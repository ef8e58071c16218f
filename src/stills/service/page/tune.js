// What can be changed once a film was looked at: sliders and switches whose answer comes from what was measured.

import { el, unique } from "./dom.js";
import { optionAt, withOption } from "./schema.js";
import { clock, count, length } from "./words.js";

const share = (value) => value.toFixed(2);
const seconds = (value) => (value === 0 ? "none" : length(value));

/** A slider: `from` is its place where the option is not given, read from the document that is shown. */
const slider = (key, name, min, max, step, from, said, hint) => ({ key, name, min, max, step, from, said, hint });
const toggle = (key, name, from, hint) => ({ key, name, toggle: true, from, hint });

const PEOPLE = [
  slider("people.similarity", "One person from a similarity of", 0.2, 0.8, 0.01, (d) => d.settings.similarity ?? 0.45, share, "lower: fewer, larger groups; higher: more people"),
  slider("people.min_screen_time", "At least on screen", 0, 10, 0.5, (d) => d.settings.min_screen_time ?? 0, seconds),
  slider("people.per_person", "Pictures of each", 1, 6, 1, (d) => d.settings.per_person ?? 1, String),
];
const CONTROLS = {
  people: PEOPLE,
  cast: PEOPLE.slice(0, 2),
  keyframes: [
    { mode: true },
    slider("keyframes.similarity", "Leave out what is so similar", 0.5, 1, 0.01, (d) => d.similarity ?? 0.95, share, "lower: fewer frames; higher: more"),
    slider("keyframes.target", "Key frames", 1, 60, 1, (d) => Math.max(1, d.frames.length), (n) => String(n)),
    slider("keyframes.min_gap", "Between two at least", 0, 20, 0.5, (d) => d.settings.min_gap ?? 0, seconds),
    slider("keyframes.per_shot", "Of each shot at most", 1, 11, 1, (d) => d.settings.per_shot ?? 11, (n) => (n > 10 ? "any number" : String(n))),
  ],
  thumbnails: [
    slider("thumbnails.count", "Thumbnails", 1, 24, 1, (d) => d.settings.count ?? 5, (n) => String(n)),
    toggle("thumbnails.expression", "Weigh expressions", (d) => d.settings.expression ?? true),
    toggle("thumbnails.avoid_edges", "Skip opening and credits", (d) => d.settings.avoid_edges ?? false),
  ],
  portrait: [
    slider("portrait.min_face", "Smallest face", 3, 60, 1, (d) => parseFloat(d.settings.min_face) || 12, (n) => `${n} % of the shorter side`),
    slider("portrait.min_quality", "Least quality", 0, 1, 0.05, (d) => d.settings.min_quality ?? 0.5, share),
    slider("portrait.prefer.smile", "A smile", -1, 1, 0.1, (d) => d.settings.prefer?.smile ?? 0, wish),
    slider("portrait.prefer.alone", "Alone in the picture", -1, 1, 0.1, (d) => d.settings.prefer?.alone ?? 0, wish),
  ],
};
const ANY = { "keyframes.per_shot": 11 };
const TEXT = { "portrait.min_face": (n) => `${n}%` };

function wish(value) {
  return value === 0 ? "does not matter" : value > 0 ? `wanted, ${value.toFixed(1)}` : `avoided, ${(-value).toFixed(1)}`;
}

/** Whether there is anything to change of a recipe's answer. */
export const canTune = (recipe) => recipe in CONTROLS;

/**
 * The panel of a recipe. `options` are those of the answer that is shown, `document` the answer. `onChange` hears the
 * new options at each step; `onReset` of the wish for those it began with. Returns its element and `settle(words)`.
 */
export function tunePanel(recipe, document_, options, { onChange, onReset }) {
  let now = options;
  const change = (made) => { now = made; reset.disabled = false; onChange(now); };
  const reset = el("button", { type: "button", class: "button", disabled: true, on: { click: onReset } }, "Reset");
  const said = el("p", { class: "soft small settled", role: "status" });
  const rows = [];
  for (const one of CONTROLS[recipe]) {
    if (one.mode) { rows.push(modeRow(document_, () => now, change)); }
    else { rows.push(one.toggle ? toggleRow(one, document_, () => now, change) : sliderRow(one, document_, () => now, change)); }
  }
  const element = el("section", { class: "card tune", "aria-label": "Change the selection" },
    el("div", { class: "line" }, el("h3", {}, "Change the selection"), said, reset), el("div", { class: "sliders" }, ...rows.map((row) => row.node)));
  rows.find((row) => row.ready)?.ready(rows);
  return { element, settle(words) { said.textContent = words; }, changed(is) { reset.disabled = !is; } };
}

function given(options, key) {
  const parts = key.split(".");
  return parts.length === 3 ? optionAt(options, parts.slice(0, 2).join("."))?.[parts[2]] : optionAt(options, key);
}

function changed(options, key, value) {
  const parts = key.split(".");
  if (parts.length < 3) { return withOption(options, key, value); }
  const place = parts.slice(0, 2).join(".");
  return withOption(options, place, { ...optionAt(options, place), [parts[2]]: value });
}

function sliderRow(one, document_, options, change) {
  const id = unique("tune");
  const known = given(options(), one.key);
  const start = known === undefined || known === null ? one.from(document_) : parseFloat(known);
  const max = Math.max(one.max, one.key === "keyframes.target" ? Math.min(start, 300) : one.max);
  const output = el("output", { htmlFor: id }, one.said(start));
  const input = el("input", { type: "range", id, min: one.min, max, step: one.step, value: start, "aria-valuetext": one.said(start), data: { tune: one.key } });
  input.addEventListener("input", () => {
    const value = Number(input.value);
    output.textContent = one.said(value);
    input.setAttribute("aria-valuetext", one.said(value));
    change(changed(options(), one.key, ANY[one.key] === value ? null : TEXT[one.key]?.(value) ?? value));
  });
  const node = el("div", { class: "slider" }, el("div", { class: "line" }, el("label", { htmlFor: id }, one.name), output), input, one.hint ? el("p", { class: "soft small" }, one.hint) : null);
  return { node, input, key: one.key };
}

function toggleRow(one, document_, options, change) {
  const id = unique("tune");
  const known = given(options(), one.key);
  const input = el("input", { type: "checkbox", id, checked: known ?? one.from(document_), data: { tune: one.key } });
  input.addEventListener("change", () => change(changed(options(), one.key, input.checked)));
  return { node: el("div", { class: "check" }, input, el("label", { htmlFor: id }, one.name)), input, key: one.key };
}

/** Key frames: as many as differ, or a number; the two contradict each other. */
function modeRow(document_, options, change) {
  const name = unique("mode");
  const exact = document_.target !== null && document_.target !== undefined;
  const radio = (value, words, on) => {
    const input = el("input", { type: "radio", name, value, checked: on, data: { tune: `mode.${value}` } });
    return { input, node: el("label", { class: "segment" }, input, el("span", {}, words)) };
  };
  const differ = radio("differ", "As many as differ", !exact);
  const number = radio("number", "Exactly so many", exact);
  const node = el("fieldset", { class: "segments" }, el("legend", { class: "visually-hidden" }, "How many key frames"), differ.node, number.node);
  return {
    node,
    ready(rows) {
      const row = (key) => rows.find((one) => one.key === key);
      const [similarity, target] = [row("keyframes.similarity"), row("keyframes.target")];
      const show = () => { similarity.node.hidden = number.input.checked; target.node.hidden = differ.input.checked; };
      show();
      differ.input.addEventListener("change", () => { show(); change(withOption(withOption(options(), "keyframes.target", null), "keyframes.similarity", Number(similarity.input.value))); });
      number.input.addEventListener("change", () => { show(); change(withOption(withOption(options(), "keyframes.similarity", null), "keyframes.target", Number(target.input.value))); });
    },
  };
}

/** How an answer was chosen, in a line. */
export function howChosen(recipe, document_) {
  const dropped = Object.entries(document_.dropped ?? {}).filter(([, number]) => number > 0)
    .map(([why, number]) => `${number.toLocaleString("en")} ${why.replaceAll("_", " ")}`);
  const left = dropped.length ? `left out: ${dropped.join(", ")}` : "";
  if (recipe === "keyframes") {
    if (document_.frames.every((one) => typeof one.score !== "number")) { return "taken with no choosing"; }
    const chosen = document_.target ? "the most different first" : document_.similarity !== undefined ? `none more alike than ${document_.similarity}` : "";
    const apart = document_.distinct === undefined ? "" : `${count(document_.distinct, "frame")} could be told apart`;
    return [chosen, apart].filter(Boolean).join("; ");
  }
  if (recipe === "thumbnails") { return "best first"; }
  if (recipe === "cast" && document_.summary) { return `somebody is on screen for ${clock(document_.summary.anyone_on_screen, 0)}`; }
  return left;
}
