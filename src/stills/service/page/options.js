// The form of a recipe's options: the few that matter first, the others under "more".

import { el, unique } from "./dom.js";
import { fieldsOf, same, withOption } from "./schema.js";
import { label } from "./words.js";

const FIRST = {
  people: ["people.max_people", "people.min_screen_time", "scan.effort"],
  cast: ["cast.attributes", "people.max_people", "cast.annotate", "scan.effort"],
  keyframes: ["keyframes.target", "keyframes.preset", "scan.effort"],
  thumbnails: ["thumbnails.count", "thumbnails.aspect", "scan.effort"],
  portrait: ["portrait.min_face", "portrait.if_none", "portrait.effort"],
};
const HIDDEN = ["strict", "people.across_similarity"];
const NAMES = {
  "people.max_people": "At most so many people", "people.min_screen_time": "Least seconds on screen",
  "people.per_person": "Pictures of each person", "people.min_face": "Smallest face", "people.cluster": "Way of grouping",
  "people.similarity": "Similarity from which two are one person", "people.runners_up": "Further frames listed",
  "cast.attributes": "What is inferred of each person", "cast.annotate": "Also a video with marked faces",
  "cast.blur": "Also a video with hidden faces", "keyframes.target": "How many key frames",
  "keyframes.similarity": "Leave out what is so similar", "keyframes.preset": "Kind of video",
  "keyframes.per_shot": "At most so many a shot", "keyframes.min_gap": "Least seconds between two", "keyframes.all": "Every frame",
  "keyframes.every": "A frame every", "keyframes.start": "From", "keyframes.end": "To", "thumbnails.count": "How many thumbnails",
  "thumbnails.aspect": "Cut to a shape", "thumbnails.avoid_edges": "Skip opening and credits", "thumbnails.expression": "Weigh expressions",
  "thumbnails.cover": "Cover picture counts, too", "thumbnails.preview": "Animated preview", "portrait.min_face": "Smallest face",
  "portrait.min_quality": "Least quality", "portrait.if_none": "If no face qualifies", "portrait.effort": "How closely to look",
  "scan.effort": "How closely to look", "output.format": "Kind of picture", "output.fit": "Size of pictures", "embeddings": "Keep face vectors with the job",
};
const HELP = {
  "scan.effort": "Fast looks at fewer frames, exhaustive at all.", "portrait.effort": "Fast stops at the first good place.",
  "people.max_people": "Those longest on screen.", "people.min_screen_time": "Leave out who is seen for less.",
  "people.per_person": "The best ones, apart from each other.", "keyframes.target": "Or as many as differ.",
  "keyframes.similarity": "0 to 1; 0.95 where nothing else is given.", "keyframes.preset": "A screen capture and medical pictures differ by less.",
  "thumbnails.count": "1 to 100, the best first.", "thumbnails.aspect": "Such as 9:16 or 1:1; faces stay in it.",
  "cast.attributes": "Nothing that is not named here. These are guesses of models from how faces look, not facts about anyone.",
  "cast.annotate": "A box around every face, and who is on screen when.",
};
const SECTIONS = { output: "Pictures", people: "Who counts", cast: "Cast", scan: "Looking", keyframes: "Key frames", thumbnails: "Thumbnails", portrait: "Portrait" };

/** The name of an option. */
export const optionName = (key) => NAMES[key] ?? label(key.split(".").at(-1));

/** Build the form of `recipe` into `few` and `more`. Returns `{read}`: the options given, or null where one is wrong. */
export function optionForm(recipe, few, more) {
  const fields = fieldsOf(recipe).filter((field) => !HIDDEN.includes(field.key));
  const first = (FIRST[recipe.name] ?? fields.slice(0, 3).map((field) => field.key));
  const controls = fields.map((field) => control(field));
  const of = (key) => controls.find((one) => one.field.key === key);
  few.replaceChildren(...first.map(of).filter(Boolean).map((one) => one.node));
  const groups = Map.groupBy ? Map.groupBy(controls, groupOf) : grouped(controls);
  more.replaceChildren(...[...groups].map(([section, all]) => {
    const rest = all.filter((one) => !first.includes(one.field.key));
    return rest.length ? el("fieldset", { class: "group" }, el("legend", {}, SECTIONS[section] ?? (section ? label(section) : "Other")), ...rest.map((one) => one.node)) : null;
  }).filter(Boolean));
  return {
    read() {
      let options = {};
      let wrong = null;
      for (const one of controls) {
        const { value, problem } = one.read();
        one.complain(problem);
        if (problem) { wrong ??= one; } else if (value !== null && !same(value, one.field.value)) { options = withOption(options, one.field.key, value); }
      }
      if (wrong === null) { return options; }
      const folded = wrong.node.closest("details");
      if (folded) { folded.open = true; }
      wrong.focus();
      return null;
    },
  };
}

const groupOf = (one) => one.field.section;
function grouped(controls) {
  const groups = new Map();
  for (const one of controls) { groups.set(groupOf(one), [...(groups.get(groupOf(one)) ?? []), one]); }
  return groups;
}

function control(field) {
  const { schema } = field;
  if (schema.type === "array" && schema.items?.enum) { return choices(field); }
  if (schema.type === "boolean") { return check(field); }
  if (schema.enum) { return select(field); }
  return text(field);
}

function help(field, id) {
  const said = HELP[field.key] ?? field.schema.description;
  return said ? el("p", { class: "soft small", id }, said) : null;
}

function wrap(field, input, read, extra = {}) {
  const [said, wrong] = [unique("help"), unique("wrong")];
  input.id = unique("option");
  input.dataset.option = field.key;
  input.setAttribute("aria-describedby", `${said} ${wrong}`);
  const problem = el("p", { class: "wrong", id: wrong, hidden: true });
  const name = el("label", { htmlFor: input.id }, optionName(field.key));
  const parts = extra.inline ? [el("div", { class: "check" }, input, name)] : [name, input];
  return {
    field, read, focus: () => input.focus(), node: el("div", { class: "field" }, ...parts, help(field, said), problem),
    complain(words) {
      problem.textContent = words ?? "";
      problem.hidden = !words;
      input.setAttribute("aria-invalid", String(Boolean(words)));
    },
  };
}

function check(field) {
  const input = el("input", { type: "checkbox", checked: Boolean(field.value) });
  return wrap(field, input, () => ({ value: input.checked }), { inline: true });
}

function select(field) {
  const options = field.schema.enum.map((one) => el("option", { value: String(one) }, label(String(one))));
  if (field.schema.nullable) { options.unshift(el("option", { value: "" }, "None")); }
  const input = el("select", {}, ...options);
  input.value = field.value === null ? "" : String(field.value);
  const typed = (word) => field.schema.enum.find((one) => String(one) === word) ?? null;
  return wrap(field, input, () => ({ value: typed(input.value) }));
}

function text(field) {
  const { schema } = field;
  const number = schema.type === "number" || schema.type === "integer";
  const pairs = schema.type === "object";
  const shown = pairs ? Object.entries(field.value ?? {}).map(([k, v]) => `${k}=${v}`).join(", ") : field.value ?? "";
  const input = el("input", { type: "text", autocomplete: "off", spellcheck: false, value: String(shown) });
  if (number) { input.inputMode = schema.type === "integer" ? "numeric" : "decimal"; }
  if (schema.nullable || shown === "") { input.placeholder = "automatic"; }
  return wrap(field, input, () => {
    const given = input.value.trim();
    if (given === "") { return { value: null }; }
    if (pairs) { return pairsOf(given); }
    return number ? numberOf(given, schema) : { value: given };
  });
}

function numberOf(given, schema) {
  const value = Number(given.replace(",", "."));
  const whole = schema.type === "integer";
  if (!Number.isFinite(value) || (whole && !Number.isInteger(value))) { return { problem: whole ? "Give a whole number." : "Give a number." }; }
  const [low, high] = [schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum];
  const under = value < (low ?? -Infinity) || value === schema.exclusiveMinimum;
  const over = value > (high ?? Infinity) || value === schema.exclusiveMaximum;
  if (!under && !over) { return { value }; }
  if (low === undefined || high === undefined) { return { problem: low === undefined ? `At most ${high}.` : `At least ${low}.` }; }
  return { problem: `Give a number from ${low} to ${high}.` };
}

function pairsOf(given) {
  const value = {};
  for (const part of given.split(",")) {
    const match = /^\s*([\w-]+)\s*=\s*(-?[\d.]+)\s*$/.exec(part);
    if (!match) { return { problem: "Write it like name=1, other=0.5." }; }
    value[match[1]] = Number(match[2]);
  }
  return { value };
}

function choices(field) {
  const boxes = field.schema.items.enum.map((one) => {
    const id = unique("option");
    const input = el("input", { type: "checkbox", id, value: String(one), checked: (field.value ?? []).includes(one), data: { option: `${field.key}.${one}` } });
    return { input, node: el("div", { class: "check" }, input, el("label", { htmlFor: id }, label(String(one)))) };
  });
  const node = el("fieldset", { class: "field set" }, el("legend", {}, optionName(field.key)), el("div", { class: "checks" }, ...boxes.map((one) => one.node)), help(field, unique("help")));
  const read = () => ({ value: boxes.filter((one) => one.input.checked).map((one) => one.input.value) });
  return { field, node, read, focus: () => boxes[0].input.focus(), complain() {} };
}
