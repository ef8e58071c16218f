// People: who is on screen when, and a card for each with portrait, time line, score and further frames. Cast: more.

import { posters, together } from "./cast.js";
import { rail } from "./chart.js";
import { el } from "./dom.js";
import { chooser, downloader, isFresh, opener, parts, pathsOf, pickPicture, scoreOf, sizeOf, viewed, when } from "./picks.js";
import { picture, portrait } from "./pictures.js";
import { view as show } from "./viewer.js";
import { because, clock, count, length, percent, personColor } from "./words.js";

const MOST = 60;

/** The view of people or cast. Returns its element and `update(view)`. */
export function peopleView(first) {
  const element = el("div", {});
  const update = (view) => {
    const { people } = view.document;
    element.replaceChildren(...[
      people.length ? lanes(view) : el("p", { class: "empty" }, "Nobody was found. Change the selection, or look more closely in a new job."),
      view.recipe === "cast" ? posters(view) : null,
      view.recipe === "cast" ? together(view) : null,
      ...people.slice(0, MOST).map((person) => card(view, person)),
      people.length > MOST ? el("p", { class: "soft" }, `The ${MOST} longest on screen; the JSON has all ${people.length}.`) : null,
    ].filter(Boolean));
  };
  update(first);
  return { element, update };
}

const anchor = (person) => `person-${person.id}`;

/** The face of a pick where it is in the picture that is shown. */
function faceOf(view, pick) {
  const paths = pathsOf(view, pick);
  const [width, height] = [view.document.video.width, view.document.video.height];
  const written = paths[0].includes("/artifacts/");
  return { paths, face: written ? pick.face ?? pick.bbox : pick.bbox, size: written ? sizeOf(view, pick) : [width, height] };
}

/** A round portrait of a person. */
export function portraitOf(view, person) {
  const pick = person.still;
  if (!pick?.bbox) { return null; }
  const { paths, face, size } = faceOf(view, pick);
  return portrait(paths, `Person ${person.id}`, face, size);
}

const dot = (person) => el("span", { class: "dot", style: { "background-color": personColor(person.id) }, "aria-hidden": "true" });

/** A link to a person's card. */
export function personLink(person) {
  const link = el("a", { href: `#${anchor(person)}`, on: { click: (event) => {
    event.preventDefault(); // the address says which job is shown
    const target = document.getElementById(anchor(person));
    target?.scrollIntoView({ block: "start" });
    target?.focus({ preventScroll: true });
  } } }, `Person ${person.id}`);
  return el("span", { class: "person-link" }, dot(person), link);
}

function lanes(view) {
  const { people, shots, video } = view.document;
  const rows = people.slice(0, MOST).map((person) => el("li", {},
    portraitOf(view, person), personLink(person),
    rail(person.spans, [], shots ?? [], video.duration, { height: 20, color: personColor(person.id), spoken: spoken(person) }),
    el("span", { class: "time" }, length(person.screen_time))));
  return el("section", { class: "card presence", "aria-label": "Who is on screen when" }, el("h3", {}, "Who is on screen when"), el("ul", {}, ...rows),
    el("div", { class: "ends", "aria-hidden": "true" }, el("span", {}, "0:00"), el("span", {}, "ticks: where shots begin"), el("span", {}, clock(video.duration, video.duration < 60 ? 1 : 0))));
}

function spoken(person) {
  const spans = person.spans.slice(0, 8).map(([start, end]) => `${clock(start, 0)} to ${clock(end, 0)}`);
  const more = person.spans.length > 8 ? ` and ${person.spans.length - 8} more times` : "";
  return `Person ${person.id} is on screen from ${spans.join(", ")}${more}`;
}

function card(view, person) {
  const stills = person.stills?.length ? person.stills : [person.still];
  const all = [...stills, ...(person.runners_up ?? [])].filter(Boolean);
  const items = all.map((pick, n) => viewed(view, pick, n < stills.length ? `Person ${person.id}` : `Person ${person.id}, next best ${n - stills.length + 1}`));
  const name = `Person ${person.id}`;
  const best = stills[0];
  const facts = [["Appearances", String(person.appearances ?? person.spans.length)], ["First seen", clock(person.first_seen)], ["Last seen", clock(person.last_seen)],
    ["Face fills", `${percent(person.area)} of the picture`], ["Faces analysed", person.faces.toLocaleString("en")]];
  return el("article", { class: "card person", id: anchor(person), tabIndex: -1, "aria-label": name },
    el("div", { class: "still" },
      opener(pickPicture(view, best, `${name} at ${when(best)}`), name, () => show(items, 0)),
      el("div", { class: "line actions" }, el("span", { class: "soft small" }, when(best)), chooser(view, best, `the picture of ${name}`), downloader(view, best, `the picture of ${name}`)),
      stills.length > 1 ? el("ul", { class: "strip" }, ...stills.slice(1).map((pick, n) => small(view, pick, `${name}, picture ${n + 2}`, () => show(items, n + 1)))) : null,
      person.runners_up?.length ? el("div", { class: "next" }, el("h4", {}, "Next best frames"), el("ul", { class: "strip" }, ...person.runners_up.map((pick, n) => small(view, pick, `${name}, next best ${n + 1}`, () => show(items, stills.length + n))))) : null),
    el("div", { class: "about" },
      el("div", { class: "who" }, portraitOf(view, person), el("div", {}, el("h3", {}, dot(person), name), el("p", { class: "soft" }, el("strong", {}, length(person.screen_time)), ` on screen, ${percent(person.screen_share)} of the video`))),
      el("div", { class: "timeline" }, rail(person.spans, stills.filter((one) => one.time !== null).map((one) => [one.time, `best frame at ${when(one)}`]), view.document.shots ?? [], view.document.video.duration, { spoken: `${spoken(person)}. Best frame at ${when(best)}` }),
        el("div", { class: "ends", "aria-hidden": "true" }, el("span", {}, "0:00"), el("span", { class: "key" }, "best frame"), el("span", {}, clock(view.document.video.duration, view.document.video.duration < 60 ? 1 : 0)))),
      el("p", { class: "why" }, because(best.reasons)),
      attributes(person),
      el("div", { class: "two" },
        el("section", { "aria-label": `Score of the best frame of ${name}` }, el("div", { class: "line head" }, el("h4", {}, "Score of the best frame"), el("b", {}, scoreOf(best))), parts(best.reasons)),
        el("section", { "aria-label": `${name} in numbers` }, el("dl", { class: "facts" }, ...facts.map(([key, value]) => el("div", {}, el("dt", {}, key), el("dd", {}, value))))))));
}

function small(view, pick, words, open) {
  return el("li", {}, opener(picture(pathsOf(view, pick, 320), `${words} at ${when(pick)}`, sizeOf(view, pick), { fresh: isFresh(view.job) }), words, open),
    el("p", { class: "small" }, when(pick), el("span", { class: "soft" }, ` ${scoreOf(pick)}`)));
}

/** What models inferred of a person, with how sure that is. */
function attributes(person) {
  const all = Object.entries(person.attributes ?? {}).filter(([, one]) => one && typeof one === "object");
  if (!all.length) { return null; }
  return el("section", { class: "attributes", "aria-label": `Inferred of Person ${person.id}` }, el("h4", {}, "Inferred by models, not facts about anyone"),
    el("dl", { class: "facts" }, ...all.map(([name, one]) => el("div", {}, el("dt", {}, name.charAt(0).toUpperCase() + name.slice(1)), el("dd", {}, attribute(one))))));
}

/** An attribute in words, with its uncertainty. */
export function attribute(one) {
  if (one.value === null) { return "unknown"; }
  if (typeof one.value === "number") { return `about ${Math.round(one.value)} (${count(one.samples ?? one.faces ?? 0, "face")})`.replace(" (0 faces)", ""); }
  return `${one.value}, ${one.confidence > 0.99 ? "over 99 %" : percent(one.confidence)}`;
}
