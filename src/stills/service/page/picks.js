// One picture of a result: its card, what is said of it, its choice for downloading, and its file.

import { saveArtifact, saveBlob, stem } from "./download.js";
import { request } from "./api.js";
import { el, svg, unique } from "./dom.js";
import { artifactPath, framePath, picture } from "./pictures.js";
import { because, clock, label } from "./words.js";

const CARD_WIDTH = 480;
const LARGE_WIDTH = 1280;
const FULL_WIDTH = 1920;
const FRESH_MS = 180000;

/** When a pick is: its time, or the cover picture of the file. */
export const when = (pick, digits = 1) => (pick.time === null ? "Cover picture" : clock(pick.time, digits));

/** The score of a pick; frames that were taken with no choosing have none. */
export const scoreOf = (pick) => (typeof pick.score === "number" ? pick.score.toFixed(2) : "");

/** The artifact that a pick of the shown answer was written to, if it was. */
export const artifactOf = (view, pick) => (pick.file ? view.artifacts.get(pick.file) ?? null : null);

/** Width and height of the picture of a pick. */
export const sizeOf = (view, pick) => (pick.width && pick.height && pick.file ? [pick.width, pick.height] : [view.document.video.width, view.document.video.height]);

/** Where a picture of a pick is, the best place first. */
export function pathsOf(view, pick, width = CARD_WIDTH) {
  const artifact = artifactOf(view, pick);
  const file = artifact && /image\/(jpeg|png|webp|avif|gif)/.test(artifact.type) ? [artifactPath(view.job.id, artifact.name)] : [];
  const frame = view.indexed && pick.pts !== null && pick.pts !== undefined ? [framePath(view.job.id, pick.pts, width)] : [];
  const [w, h] = [view.document.video.width, view.document.video.height];
  const otherwise = file.length && pick.width && Math.abs(pick.width / pick.height - w / h) > 0.02; // cut to another shape
  return otherwise || width > CARD_WIDTH ? [...file, ...frame] : [...frame, ...file];
}

/** Whether better pictures may still be written. */
export const isFresh = (job) => () => Date.now() - Date.parse(job.finished) < FRESH_MS;

/** A picture of a pick. */
export function pickPicture(view, pick, alt, options = {}) {
  return picture(pathsOf(view, pick), alt, sizeOf(view, pick), { fresh: isFresh(view.job), ...options });
}

/** The parts of a score as bars. */
export function parts(reasons) {
  return el("ul", { class: "parts" }, ...Object.entries(reasons).map(([key, value]) => el("li", {}, el("span", {}, label(key)),
    svg("svg", { class: "bar", "aria-hidden": "true" }, svg("rect", { class: "well", width: "100%", height: 6 }), svg("rect", { class: "fill", width: `${Math.min(Math.max(value, 0), 1) * 100}%`, height: 6 })),
    el("span", {}, value.toFixed(2)))));
}

/** The score of a pick, folded: a glance at its parts, and all of them when opened. */
export function score(pick, note = null) {
  const values = Object.values(pick.reasons ?? {});
  const spark = svg("svg", { class: "spark", width: values.length * 7, height: 16, "aria-hidden": "true" }, ...values.flatMap((value, n) => [
    svg("rect", { class: "well", x: n * 7, width: 5, height: 16, rx: 1 }), svg("rect", { class: "fill", x: n * 7, y: 16 - value * 16, width: 5, height: value * 16, rx: 1 })]));
  return el("details", { class: "score" }, el("summary", {}, "Score ", el("b", {}, scoreOf(pick)), spark), parts(pick.reasons ?? {}), note ? el("p", { class: "soft small" }, note) : null);
}

/** The box that chooses a pick for downloading. */
export function chooser(view, pick, words) {
  const id = unique("choose");
  const input = el("input", { type: "checkbox", id, checked: view.chosen.has(pick.pts), "aria-label": `Choose ${words}`, on: { change: () => view.choose(pick, input.checked) } });
  return el("label", { class: "chooser", htmlFor: id }, input, el("span", {}, "Choose"));
}

/** The name under which a pick is saved. */
export function fileName(view, pick) {
  const artifact = artifactOf(view, pick);
  return artifact ? artifact.name : `${stem(view.job.name)}-${view.recipe}-${when(pick).replaceAll(":", "-").replaceAll(" ", "-")}.jpg`;
}

/** The address of the largest picture of a pick. */
export const largest = (view, pick) => (artifactOf(view, pick) ? artifactPath(view.job.id, artifactOf(view, pick).name) : framePath(view.job.id, pick.pts, FULL_WIDTH));

/** Save the picture of a pick. */
export async function download(view, pick) {
  const artifact = artifactOf(view, pick);
  if (artifact) { await saveArtifact(view.job.id, artifact.name); return; }
  const response = await request(framePath(view.job.id, pick.pts, FULL_WIDTH), { headers: { Accept: "image/*" } });
  saveBlob(await response.blob(), fileName(view, pick));
}

/** What the viewer needs of a pick. */
export function viewed(view, pick, title) {
  return {
    title, alt: `${title} at ${when(pick)}`, paths: pathsOf(view, pick, LARGE_WIDTH), size: sizeOf(view, pick), download: () => view.save(pick),
    words: () => [
      el("p", {}, el("strong", {}, when(pick)), pick.shot ? ` · shot ${pick.shot}` : ""),
      pick.reasons && Object.keys(pick.reasons).length ? el("p", {}, because(pick.reasons, view.document.settings?.weights)) : null,
      pick.reasons && Object.keys(pick.reasons).length ? el("p", { class: "soft small" }, `Score ${scoreOf(pick)}`) : null,
      pick.reasons ? parts(pick.reasons) : null,
      
    ].filter(Boolean),
  };
}

/** A button that shows a picture large. */
export function opener(inner, words, open) {
  return el("button", { type: "button", class: "opener", "aria-label": `${words}, show large`, on: { click: open } }, inner);
}

/** A button that saves a pick. */
export function downloader(view, pick, words) {
  const button = el("button", { type: "button", class: "link", "aria-label": `Download ${words}`, on: { click: () => view.busy(button, () => view.save(pick)) } }, "Download");
  return button;
}
