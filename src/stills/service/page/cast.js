// What a cast has besides its people: posters with names to their faces, who shares the screen, a marked video.

import { token, url } from "./api.js";
import { el } from "./dom.js";
import { personLink, portraitOf } from "./people.js";
import { artifactPath, fetched, picture } from "./pictures.js";
import { showProblem } from "./problem.js";
import { count, percent, size } from "./words.js";

const MOST = 12;

/** The posters of the film: each with its picture and whose faces are on it. */
export function posters(view) {
  const { posters: all = [], people } = view.document;
  if (!all.length) { return null; }
  const known = new Map(people.map((person) => [person.id, person]));
  return el("section", { class: "card", "aria-label": "Posters" }, el("h3", {}, count(all.length, "poster")),
    el("ul", { class: "posters" }, ...all.map((poster) => el("li", {}, pictureOf(view, poster), el("div", {},
      el("h4", { class: "name" }, poster.file),
      poster.error ? el("p", { class: "wrong" }, poster.error) : null,
      poster.faces.length ? faces(view, poster, known) : el("p", { class: "soft" }, poster.error ? "" : "No face is on it."))))));
}

function pictureOf(view, poster) {
  const artifact = poster.picture ? view.artifacts.get(poster.picture) : null;
  if (!artifact || !poster.width) { return el("div", { class: "gone" }, poster.error ? "It could not be read" : "Its picture was not kept"); }
  return picture([artifactPath(view.job.id, artifact.name)], `Poster ${poster.file}`, [poster.width, poster.height]);
}

function faces(view, poster, known) {
  return el("ul", { class: "poster-faces" }, ...poster.faces.map((face) => {
    const person = known.get(face.person);
    return el("li", {}, person ? portraitOf(view, person) : el("span", { class: "face nobody", "aria-hidden": "true" }, "?"),
      el("div", {}, person ? personLink(person) : "Nobody of the film", el("p", { class: "soft small" }, [`${percent(face.area)} of it`, face.distance === null ? "" : `distance ${face.distance.toFixed(2)}`].filter(Boolean).join(" · "))));
  }));
}

/** Who shares the screen with whom, and for how long. */
export function together(view) {
  const { together: shared, people } = view.document;
  if (!shared || shared.ids.length < 2) { return clip(view); }
  const pairs = [];
  shared.ids.forEach((a, i) => shared.ids.forEach((b, j) => { if (i < j && shared.seconds[i][j] > 0) { pairs.push([a, b, shared.seconds[i][j]]); } }));
  pairs.sort((x, y) => y[2] - x[2]);
  const known = new Map(people.map((person) => [person.id, person]));
  const most = pairs[0]?.[2] ?? 1;
  const rows = pairs.slice(0, MOST).map(([a, b, seconds]) => el("li", {}, el("span", {}, personLink(known.get(a)), " and ", personLink(known.get(b))),
    el("meter", { max: most, value: seconds, "aria-hidden": "true" }), el("span", { class: "time" }, `${seconds.toFixed(1)} s`)));
  return el("div", {}, el("section", { class: "card", "aria-label": "Who shares the screen" }, el("h3", {}, "Who shares the screen"),
    pairs.length ? el("ul", { class: "pairs" }, ...rows) : el("p", { class: "soft" }, "Nobody does."),
    pairs.length > MOST ? el("p", { class: "soft small" }, `The ${MOST} pairs that are together longest; the JSON has all.`) : null), clip(view));
}

/** The video with marked or hidden faces: played as it comes, or brought first where a token is needed. */
function clip(view) {
  const artifact = view.document.annotated ? view.artifacts.get(view.document.annotated) : null;
  if (!artifact) { return null; }
  const words = view.document.settings.blur ? "The video with hidden faces" : "The video with marked faces";
  const place = el("div", {});
  const play = (src) => place.replaceChildren(el("video", { controls: true, preload: "metadata", playsInline: true, src, "aria-label": words }));
  if (token() === null) {
    play(url(artifactPath(view.job.id, artifact.name)));
  } else {
    const bring = async () => {
      button.disabled = true;
      try { play((await fetched(artifactPath(view.job.id, artifact.name))).src); } catch (error) { showProblem(place, error, bring); }
    };
    const button = el("button", { type: "button", class: "button", on: { click: bring } }, `Play (${size(artifact.bytes)})`);
    place.append(button);
  }
  return el("section", { class: "card clip", "aria-label": words }, el("h3", {}, words), place);
}
