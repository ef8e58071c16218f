// How the page says numbers and names: the same words as the report.

/** `1:02:03.5`: hours only where there are any. */
export function clock(seconds, digits = 1) {
  const ticks = Math.round(Math.max(0, seconds) * 10 ** digits);
  const whole = Math.floor(ticks / 10 ** digits);
  const tail = digits ? "." + String(ticks % 10 ** digits).padStart(digits, "0") : "";
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const head = hours ? `${hours}:${String(minutes).padStart(2, "0")}` : String(minutes);
  return `${head}:${String(rest).padStart(2, "0")}${tail}`;
}

/** A stretch of time. */
export function length(seconds) {
  if (seconds < 100) { return `${seconds.toFixed(1)} s`; }
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** About how long, for what nobody knows exactly. */
export function roughly(seconds) {
  if (seconds < 5) { return "a few seconds"; }
  if (seconds < 90) { return `${Math.ceil(seconds / 5) * 5} s`; }
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** A share in percent, never rounded down to nothing. */
export function percent(part) {
  const number = part * 100;
  if (number > 0 && number < 0.05) { return "less than 0.1 %"; }
  return number >= 10 || number === 0 ? `${number.toFixed(0)} %` : `${number.toFixed(1)} %`;
}

/** A number of bytes. */
export function size(bytes) {
  let number = bytes;
  for (const unit of ["bytes", "kB", "MB"]) {
    if (number < 1000) { return number >= 100 || unit === "bytes" ? `${Math.round(number)} ${unit}` : `${number.toFixed(1)} ${unit}`; }
    number /= 1000;
  }
  return `${number.toFixed(1)} GB`;
}

/** `1 shot`, `12 shots`. */
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

/** A key as words. */
export function label(key) {
  const words = String(key).replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** How long ago a moment (RFC 3339) was, or when it will be. */
export function ago(text) {
  const seconds = (Date.now() - Date.parse(text)) / 1000;
  const past = seconds >= 0;
  const away = Math.abs(seconds);
  if (past && away < 45) { return "just now"; }
  const said = away < 5400 ? count(Math.max(1, Math.round(away / 60)), "minute")
    : away < 129600 ? count(Math.round(away / 3600), "hour") : count(Math.round(away / 86400), "day");
  return past ? `${said} ago` : `in ${said}`;
}

/** What a state of a job is called here. */
export const STATES = { queued: "Waiting", running: "Running", done: "Done", failed: "Failed", cancelled: "Stopped" };

/** What a stage of a job is called here. */
export const STAGES = {
  queued: "Waiting for its turn", fetch: "Fetching the video", probe: "Opening the video", scan: "Looking at the video",
  select: "Choosing", render: "Writing pictures", done: "Done",
};

/** What a recipe finds: one, and several. */
export const FOUND = {
  people: ["person", "people"], cast: ["person", "people"], keyframes: ["key frame", "key frames"],
  thumbnails: ["thumbnail", "thumbnails"], portrait: ["portrait", "portraits"], shots: ["shot", "shots"],
};

/** How many a recipe found, in words. */
export const found = (recipe, number) => count(number, ...(FOUND[recipe] ?? ["result", "results"]));

const GOOD = 0.7;
const BAD = 0.35;
const REASONS = {
  faces: ["a face of a good size", "no face"], expression: ["a lively expression", "little expression"],
  eyes: ["open eyes", "eyes hardly open"], smile: ["a smile", null], sharpness: ["sharp", "soft"],
  exposure: ["well exposed", "badly exposed"], color: ["vivid colours", "pale colours"],
  composition: ["well composed", "loosely composed"], title: ["room for a title", null],
  cleanness: ["clean", "noisy or full of text"], size: ["a large face", "a small face"],
  pose: ["facing the camera", "turned away"], visible: ["nothing in front of it", "partly hidden"],
  detector: [null, "hardly to be recognised as a face"], stillness: ["hardly any motion", "much motion"],
  contrast: ["good contrast", "little contrast"], novelty: ["unlike what came before", "much like an earlier one"],
  quality: ["a clear picture of it", "an unclear picture of it"], frontal: ["facing the camera", "turned away"],
  alone: ["nobody else", "not alone"], centred: ["in the middle", "off the middle"],
};

/** Why a frame was taken, as a sentence: what counts most first, then what speaks against it. */
export function because(reasons, weights = {}) {
  const known = Object.entries(reasons).filter(([key]) => key in REASONS);
  known.sort(([a, x], [b, y]) => (weights[b] ?? 0.1) * y - (weights[a] ?? 0.1) * x);
  const good = known.filter(([key, value]) => value >= GOOD && REASONS[key][0]).map(([key]) => REASONS[key][0]).slice(0, 4);
  const bad = known.filter(([key, value]) => value <= BAD && REASONS[key][1]).map(([key]) => REASONS[key][1]).slice(0, 2);
  const listed = (words) => (words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words[0]);
  const said = [good.length ? listed(good) : "", bad.length ? `${good.length ? "but " : ""}${listed(bad)}` : ""];
  const line = said.filter(Boolean).join("; ");
  return line ? `${line.charAt(0).toUpperCase()}${line.slice(1)}.` : "Middling in all parts.";
}

/** The colour of the person with this id, as `#rrggbb`: that of posters and videos (Okabe and Ito, 2008). */
export function personColor(id) {
  const place = Math.max(0, id - 1);
  const base = PEOPLE[place % PEOPLE.length];
  const tint = [0, 0.5, -0.35][Math.floor(place / PEOPLE.length) % 3];
  const target = tint > 0 ? 255 : 0;
  const mixed = base.map((part) => Math.round(part + Math.abs(tint) * (target - part)));
  return `#${mixed.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

const PEOPLE = [
  [86, 180, 233], [230, 159, 0], [0, 158, 115], [204, 121, 167], [240, 228, 66], [0, 114, 178], [213, 94, 0],
];
