// What a finished job found: drawn at once from its result, then changed by sliders through questions to the service.

import { getJson, jobPath } from "./api.js";
import { announce, debounced, el } from "./dom.js";
import { saveArchive, saveArtifact, saveZip, stem } from "./download.js";
import { framesView } from "./frames.js";
import { recipeTitle, recipes } from "./newjob.js";
import { peopleView } from "./people.js";
import { download, fileName, largest } from "./picks.js";
import { confirmed, problemBox, showProblem } from "./problem.js";
import { optionAt, same } from "./schema.js";
import { canTune, howChosen, tunePanel } from "./tune.js";
import { found } from "./words.js";

const WAIT_MS = 70;
const SMALL = "small-pictures"; // what the service says where the video is gone

/** All pictures that a document has chosen. */
function picksOf({ people, frames, frame }) {
  if (people) { return people.flatMap((person) => (person.stills?.length ? person.stills : [person.still])).filter(Boolean); }
  return frames ?? (frame ? [frame] : []);
}

/** The artifact of each file that a document names: a name that was taken already got a number (`x-2.jpg`). */
function filed(document, artifacts) {
  const left = new Map(artifacts.map((one) => [one.name, one]));
  const found = new Map();
  const named = [...(document.files ?? []), ...picksOf(document).map((pick) => pick.file).filter(Boolean)];
  const names = new Map(named.map((file) => [file, file.split("/").at(-1)]));
  for (const [file, name] of names) {
    if (left.has(name)) { found.set(file, left.get(name)); left.delete(name); }
  }
  for (const [file, name] of names) {
    if (found.has(file)) { continue; }
    const [stem, ending] = [name.slice(0, name.lastIndexOf(".")), name.slice(name.lastIndexOf("."))];
    const one = [...left.values()].find((artifact) => artifact.name.startsWith(`${stem}-`) && artifact.name.endsWith(ending) && /^\d+$/.test(artifact.name.slice(stem.length + 1, -ending.length)));
    if (one) { found.set(file, one); left.delete(one.name); }
  }
  return found;
}

/**
 * The result of a job, in `place`. `shown` is the recipe to begin with; `onShow` hears which one is looked at, `onTake`
 * each answer that is shown.
 */
export class Result {
  constructor(job, place, shown, { onShow, onTake }) {
    Object.assign(this, { job, place, onShow, onTake, shown: shown ?? job.recipe, own: null, signals: null, indexed: true, saved: [] });
    this.chosen = new Map();
    this.asking = new AbortController();
    this.ask = debounced((options) => this.select(options), WAIT_MS);
  }

  /** Forget what is under way. */
  leave() {
    this.asking.abort();
    this.ask.cancel();
    clearTimeout(this.retry);
    this.bar?.remove();
  }

  /** Load and draw. Throws nothing: what goes wrong is said in its place. */
  async open() {
    const plain = ["all", "every"].some((name) => optionAt(this.job.options, `keyframes.${name}`)); // taken with no choosing: nothing was measured
    this.indexed = !(this.job.recipe === "keyframes" && plain);
    const signals = !this.indexed ? null : getJson(jobPath(this.job.id, "/timeline")).catch((error) => { this.indexed = ![404, 409].includes(error.status); return null; });
    try {
      if (!this.job.error) { this.own = await getJson(jobPath(this.job.id, "/result")); }
      this.signals = this.own?.timeline ?? await signals;
    } catch (error) {
      this.place.replaceChildren(problemBox(error, () => this.open()));
      return;
    }
    if (!this.own && !this.indexed) { this.place.replaceChildren(problemBox(this.job.error)); return; }
    this.draw();
    await signals;
    if (!this.indexed) { this.tabs.hidden = true; this.panelPlace.replaceChildren(); }
  }

  /** The frame of the page: recipes, sliders, what can be downloaded, and the place of the answer. */
  draw() {
    this.tabs = el("nav", { class: "tabs", "aria-label": "What to look at in this film" }, el("ul", {}, ...recipes().map((one) => el("li", {},
      el("button", { type: "button", data: { recipe: one.name }, on: { click: () => this.show(one.name) } }, recipeTitle(one.name))))));
    this.panelPlace = el("div", {});
    this.problem = el("div", {});
    this.head = el("div", { class: "result-head" });
    this.answer = el("div", { class: "answer" });
    this.bar = el("div", { class: "chosen-bar", role: "region", "aria-label": "Chosen pictures", hidden: true });
    this.place.replaceChildren(this.tabs, this.panelPlace, this.problem, this.head, this.answer);
    document.body.append(this.bar);
    this.show(this.shown);
  }

  /** Look at a recipe: the job's own answer, or that of the same measurements to another question. */
  show(recipe) {
    this.ask.cancel();
    this.asking.abort();
    this.shown = recipe;
    this.view = null;
    this.content = null;
    this.panel = null;
    this.clearChosen();
    for (const button of this.tabs.querySelectorAll("button")) { button.setAttribute("aria-current", String(button.dataset.recipe === recipe)); }
    this.panelPlace.replaceChildren();
    showProblem(this.problem, null);
    this.onShow(recipe);
    this.begin = recipe === this.job.recipe ? this.job.options : {};
    if (recipe === this.job.recipe && this.own) { this.take(recipe, this.own, this.begin, this.job.artifacts); return; }
    if (recipe === this.job.recipe && this.job.error) { this.problem.replaceChildren(problemBox({ title: "Nothing was found", ...this.job.error })); }
    this.answer.replaceChildren(el("p", { class: "soft" }, "Choosing …"));
    this.head.replaceChildren();
    if (recipe !== this.job.recipe) { this.select(this.begin); }
    else { this.answer.replaceChildren(); }
  }

  /** Ask for a selection; the newest question wins. */
  async select(options) {
    this.asking.abort();
    const mine = this.asking = new AbortController();
    const recipe = this.shown;
    this.answer.classList.add("waiting");
    try {
      const json = { recipe, options, save: false };
      const { document } = await getJson(jobPath(this.job.id, "/select"), { method: "POST", json, signal: mine.signal });
      if (mine.signal.aborted) { return; }
      showProblem(this.problem, null);
      this.take(recipe, document, options, []);
    } catch (error) {
      if (mine.signal.aborted) { return; }
      if (error.status === 429) { // the newest question is worth a wait
        this.retry = setTimeout(() => { if (!mine.signal.aborted) { this.select(options); } }, (error.retryAfter ?? 1) * 1000);
        return;
      }
      showProblem(this.problem, error, error.gone ? () => this.select(options) : null);
      if (!this.view) { this.answer.replaceChildren(); }
    } finally {
      if (this.asking === mine) { this.answer.classList.remove("waiting"); }
    }
  }

  /** Show an answer. */
  take(recipe, document, options, artifacts) {
    const first = this.view === null;
    const own = document === this.own;
    this.options = options;
    this.view = {
      job: this.job, recipe, document, signals: document.timeline ?? this.signals, indexed: this.indexed, own, chosen: this.chosen,
      artifacts: filed(document, artifacts),
      choose: (pick, on) => this.choose(pick, on), save: (pick) => this.downloadOne(pick), busy: (button, run) => this.busy(button, run),
    };
    if (first || !this.content) {
      this.content = recipe === "people" || recipe === "cast" ? peopleView(this.view) : framesView(this.view);
      this.answer.replaceChildren(this.content.element);
    } else {
      this.content.update(this.view);
    }
    this.heading();
    this.onTake(document);
    if (!this.panel && canTune(recipe) && this.indexed) {
      this.panel = tunePanel(recipe, document, options, { onChange: (made) => this.ask(made), onReset: () => this.reset() });
      this.panelPlace.replaceChildren(this.panel.element);
    }
    this.panel?.changed(!same(options, this.begin));
    if (!first) { this.panel?.settle(this.summary()); }
  }

  reset() {
    this.panel = null;
    const had = this.panelPlace.contains(document.activeElement);
    this.show(this.shown);
    if (had) { this.panelPlace.querySelector("input")?.focus(); }
    announce("As it was");
  }

  /** How many there are, in words. */
  summary() {
    const { document, recipe } = this.view;
    return found(recipe, (document.people ?? document.frames ?? (document.frame ? [document.frame] : [])).length);
  }

  heading() {
    const { document, own, recipe } = this.view;
    const button = (words, run, kind = "") => { const one = el("button", { type: "button", class: `button ${kind}`, on: { click: () => this.busy(one, run) } }, words); return one; };
    const json = this.job.artifacts.find((one) => one.kind === "result");
    const written = own || this.view.artifacts.size > 0;
    this.head.replaceChildren(
      el("div", {}, el("h3", {}, this.summary()), el("p", { class: "soft small" }, howChosen(recipe, document))),
      el("div", { class: "buttons" },
        written ? null : button("Save this selection", () => this.save()),
        this.allPicks().length ? button(this.allPicks().length > 1 || own ? "Download all" : "Download", () => this.downloadAll(), "primary") : null,
        own && json ? button("JSON", () => saveArtifact(this.job.id, json.name)) : null));
    this.head.querySelector("h3").id = "result-title";
  }

  /** All pictures that the shown answer has chosen. */
  allPicks() {
    return picksOf(this.view.document);
  }

  async downloadAll() {
    if (this.view.own) { await saveArchive(this.job); } else if (await this.atFullSize()) { await this.zip(this.allPicks()); }
  }

  /** Have the shown pictures at full size, or the user's word that smaller ones will do. */
  async atFullSize() {
    if (this.view.own || this.view.artifacts.size > 0) { return true; }
    await this.save();
    const small = this.view.document.fallbacks?.find((one) => one.code === SMALL);
    return !small || confirmed("Only smaller pictures are left", `${small.message}.`, "Download these", "Not now");
  }

  async downloadChosen() {
    if (!(await this.atFullSize())) { return; }
    const now = new Map(this.allPicks().map((pick) => [pick.pts, pick])); // with the files they have by now
    await this.zip([...this.chosen.values()].map((pick) => now.get(pick.pts) ?? pick));
  }

  /** Save one picture. */
  async downloadOne(pick) {
    const shown = () => this.allPicks().find((one) => one.pts === pick.pts);
    if (shown() && !(await this.atFullSize())) { return; }
    await download(this.view, shown() ?? pick);
  }

  /** Save pictures as one zip; each by its own name. */
  async zip(picks) {
    const files = picks.map((pick) => ({ name: fileName(this.view, pick), path: largest(this.view, pick) }));
    await saveZip(files, `${stem(this.job.name)}-${this.view.recipe}.zip`);
    announce(`${picks.length} pictures are saved`);
  }

  /** Have the pictures of the shown answer written at full size, as files of the job. */
  async save() {
    const { recipe } = this.view;
    const json = { recipe, options: this.options, save: true };
    const answer = await getJson(jobPath(this.job.id, "/select"), { method: "POST", json });
    const written = answer.artifacts.find((one) => one.type === "application/json");
    const document = await getJson(jobPath(this.job.id, `/artifacts/${encodeURIComponent(written.name)}`)); // with the files' names
    if (this.shown !== recipe) { return; }
    this.take(recipe, document, this.options, answer.artifacts);
    announce(`Saved: ${this.summary()}`);
    this.panel?.settle(`Saved: ${this.summary()}`);
  }

  /** Run what a button does; while it runs it cannot be pressed again, and what goes wrong is said. */
  async busy(button, run) {
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    try {
      await run();
      showProblem(this.problem, null);
    } catch (error) {
      showProblem(this.problem, error);
      this.problem.scrollIntoView({ block: "nearest" });
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  }

  // Chosen pictures

  choose(pick, on) {
    if (on) { this.chosen.set(pick.pts, pick); } else { this.chosen.delete(pick.pts); }
    this.drawChosen();
  }

  clearChosen() {
    this.chosen.clear();
    this.drawChosen();
  }

  drawChosen() {
    if (!this.bar) { return; }
    const number = this.chosen.size;
    this.bar.hidden = number === 0;
    document.body.classList.toggle("with-bar", number > 0);
    if (number === 0) { return; }
    const clear = el("button", { type: "button", class: "button", on: { click: () => {
      for (const box of this.answer.querySelectorAll(".chooser input:checked")) { box.checked = false; }
      this.clearChosen();
    } } }, "Clear");
    const get = el("button", { type: "button", class: "button primary", on: { click: () => this.busy(get, () => this.downloadChosen()) } }, "Download");
    this.bar.replaceChildren(el("p", { role: "status" }, `${number} chosen`), el("div", { class: "buttons" }, clear, get));
  }
}

