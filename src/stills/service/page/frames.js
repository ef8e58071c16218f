// Key frames, thumbnails, the portrait: a time axis with a scrubber, and a card for each.

import { timeAxis } from "./chart.js";
import { el } from "./dom.js";
import { chooser, downloader, opener, pickPicture, score, scoreOf, viewed, when } from "./picks.js";
import { view as show } from "./viewer.js";
import { because, count } from "./words.js";

const ONE = { keyframes: "Key frame", thumbnails: "Thumbnail", portrait: "Portrait" };

const FOCUSABLE = [".opener", "summary", "input", ".link"];

const sentence = (words) => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;

const framesOf = (document_) => document_.frames ?? (document_.frame ? [document_.frame] : []);

/** The view of one of these recipes. Returns its element and `update(view)`, for another answer of the same recipe. */
export function framesView(first) {
  const { recipe } = first;
  const ranked = recipe === "thumbnails";
  let view = first;
  let cards = new Map();
  const grid = el("ul", { class: `frames${recipe === "portrait" ? " single" : ""}` });
  const next = el("section", { class: "next", "aria-label": "Next best" });
  const film = el("section", { class: "card film", "aria-label": "Time line" });
  const empty = el("p", { class: "empty", hidden: true });
  const scrubber = scrub(first, film, ranked, (n) => goTo(n), () => view);

  const items = () => framesOf(view.document).map((pick, n) => viewed(view, pick, nameOf(recipe, n)));
  const goTo = (n) => {
    const card = [...cards.values()][n];
    card?.querySelector(".opener")?.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest" });
  };

  const update = (given) => {
    view = given;
    const picks = framesOf(view.document);
    const made = new Map();
    picks.forEach((pick, n) => {
      const old = cards.get(pick.pts);
      const key = JSON.stringify([pick.file, pick.rank, pick.score, n, view.chosen.has(pick.pts)]);
      made.set(pick.pts, old?.dataset.key === key ? old : card(view, pick, n, ranked, key, () => show(items(), n)));
    });
    cards = made;
    const held = grid.contains(document.activeElement) ? document.activeElement : null;
    const [was, place] = [held?.closest(".frame")?.dataset.pts, held ? FOCUSABLE.findIndex((one) => held.matches(one)) : -1];
    grid.replaceChildren(...made.values());
    if (held) { made.get(Number(was))?.querySelector(FOCUSABLE[place])?.focus({ preventScroll: true }); } // moving a card takes it away
    empty.hidden = picks.length > 0;
    empty.textContent = sentence(view.document.reason ?? "no frame qualifies") + (view.indexed ? " Change the selection, or look more closely in a new job." : "");
    scrubber?.setPicks(picks.filter((pick) => pick.time !== null).map((pick) => ({ time: pick.time, pick, rank: pick.rank, words: `${nameOf(recipe, picks.indexOf(pick))} at ${when(pick)}${scoreOf(pick) ? `, score ${scoreOf(pick)}` : ""}` })), ranked);
    next.replaceChildren(...runnersUp(view));
  };
  update(first);
  return { element: el("div", {}, ...(recipe === "portrait" ? [empty, grid, film, next] : [film, empty, grid, next])), update };
}

const nameOf = (recipe, n) => (recipe === "portrait" ? ONE.portrait : `${ONE[recipe] ?? "Frame"} ${n + 1}`);

function card(view, pick, n, ranked, key, open) {
  const name = nameOf(view.recipe, n);
  const notes = [pick.shot ? `Shot ${pick.shot}` : "", pick.faces?.length ? count(pick.faces.length, "face") : ""].filter(Boolean);
  const words = `${name}, ${when(pick)}`;
  const scored = Object.keys(pick.reasons ?? {}).length > 0;
  const rank = !ranked && pick.rank ? `Rank ${pick.rank}: a number of ${pick.rank} or more keeps it.` : null;
  return el("li", { class: "frame", data: { pts: pick.pts, key } },
    opener(pickPicture(view, pick, `${name} at ${when(pick)}`), words, open),
    el("div", { class: "line" }, el("h3", {}, ranked ? el("b", { class: "badge", "aria-hidden": "true" }, String(n + 1)) : null, el("span", { class: "visually-hidden" }, `${name}, `), when(pick)), el("span", { class: "soft small" }, notes.join(" · "))),
    scored && view.recipe !== "keyframes" ? el("p", { class: "why" }, because(pick.reasons, view.document.settings?.weights)) : null,
    scored ? score(pick, rank) : null,
    el("div", { class: "line actions" }, chooser(view, pick, words), downloader(view, pick, words)));
}

function runnersUp(view) {
  const picks = (view.document.runners_up ?? []).filter((pick) => pick.pts !== null);
  if (!picks.length) { return []; }
  const items = picks.map((pick, n) => viewed(view, pick, `Next best ${n + 1}`));
  return [el("h3", {}, "Next best"), el("ul", { class: "strip" }, ...picks.map((pick, n) => el("li", {},
    opener(pickPicture(view, pick, `Next best ${n + 1} at ${when(pick)}`), `Next best ${n + 1}, ${when(pick)}`, () => show(items, n)),
    el("p", { class: "small" }, when(pick), el("span", { class: "soft" }, ` ${scoreOf(pick)}`)))))];
}

/** The scrubber: the picture nearest to a place, what was measured there, and ways to the picks before and after. */
function scrub(view, film, ranked, onPick, now) {
  const { duration } = view.document.video;
  if (!(duration > 0)) { film.hidden = true; return null; }
  const place = el("div", { class: "scrub-picture" });
  const time = el("p", { class: "scrub-time" });
  const values = el("p", { class: "soft small" });
  const near = el("p", { class: "small" });
  const state = { picks: [], shown: null, at: -1 };
  const before = el("button", { type: "button", class: "button", on: { click: () => step(-1) } }, "Previous");
  const after = el("button", { type: "button", class: "button", on: { click: () => step(1) } }, "Next");
  const axis = timeAxis({
    duration, shots: view.document.shots ?? [], signals: view.signals, name: view.job.name, onPick,
    onMove(seconds, n, said, shot) {
      time.replaceChildren(el("strong", {}, when({ time: seconds })), shot ? ` · shot ${shot} of ${view.document.shots.length}` : "");
      values.textContent = said.join(" · ");
      state.at = n;
      const one = state.picks[n];
      near.textContent = one ? `Nearest: ${one.words}` : "";
      if (one && state.shown !== one.pick.pts) {
        state.shown = one.pick.pts;
        place.replaceChildren(pickPicture(now(), one.pick, one.words));
      }
      const places = state.picks.map((pick) => pick.time);
      before.disabled = !places.some((at) => at < axisTime() - 0.001);
      after.disabled = !places.some((at) => at > axisTime() + 0.001);
    },
  });
  const axisTime = () => axis?.time() ?? 0;
  const step = (way) => {
    const here = axisTime();
    const places = state.picks.map((pick) => pick.time).sort((a, b) => a - b);
    const to = way > 0 ? places.find((at) => at > here + 0.001) : places.findLast((at) => at < here - 0.001);
    if (to !== undefined) { axis.goTo(to); }
  };
  film.append(el("div", { class: "scrub-top" }, place, el("div", { class: "scrub-words" }, time, near, values, el("div", { class: "buttons" }, before, after))), axis.element);
  return {
    setPicks(picks, isRanked) {
      state.picks = picks;
      state.shown = null;
      place.hidden = picks.length === 0;
      axis.setPicks(picks, isRanked);
      if (axisTime() === 0 && picks.length) { axis.goTo(picks[0].time); }
    },
  };
}
