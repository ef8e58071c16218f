// One job: what it is, how far it is, what went wrong, what it found.

import { getJson, jobPath, request } from "./api.js";
import { announce, byId, el } from "./dom.js";
import { erase, pill } from "./jobs.js";
import { recipeTitle } from "./newjob.js";
import { forgetPictures } from "./pictures.js";
import { problemBox, showProblem } from "./problem.js";
import { Result } from "./result.js";
import { ENDED, watch } from "./watch.js";
import { closeViewer } from "./viewer.js";
import { STAGES, ago, clock, count, percent, roughly, size } from "./words.js";

const SHARES = { queued: [0, 0], fetch: [0, 0.15], probe: [0, 0.02], scan: [0.02, 0.93], select: [0.93, 0.94], render: [0.94, 1], done: [1, 1] };
const FETCHED = { probe: [0.15, 0.17], scan: [0.17, 0.93] };

let shown = null;

/** Show the job with this id; `recipe` is the answer to look at first. */
export function openJob(id, recipe) {
  if (shown?.id === id) { if (recipe && shown.result && shown.result.shown !== recipe) { shown.result.show(recipe); } return; }
  closeJob();
  shown = new JobPage(id, recipe);
  shown.open();
}

/** Leave the job that is shown. */
export function closeJob() {
  shown?.leave();
  shown = null;
  document.title = "stills";
}

class JobPage {
  constructor(id, recipe) {
    Object.assign(this, { id, recipe, job: null, result: null, most: 0, told: "", stop: new AbortController() });
    this.place = byId("job");
    this.name = el("h2", { id: "job-name", tabIndex: -1 }, "…");
    this.state = el("span", {});
    this.facts = el("ul", { class: "facts-line" });
    this.notes = el("ul", { class: "notes", "aria-label": "To be known", hidden: true });
    this.link = el("p", { class: "link-state", role: "status" });
    this.buttons = el("div", { class: "buttons" });
    this.problem = el("div", { id: "job-problem" });
    this.body = el("div", {});
    this.place.replaceChildren(
      el("p", { class: "back" }, el("a", { href: "#" }, "← All jobs")),
      el("header", { class: "job-head" }, el("div", {}, el("div", { class: "title" }, this.name, this.state), this.facts), this.buttons),
      this.notes, this.link, this.problem, this.body);
  }

  leave() {
    this.stop.abort();
    this.result?.leave();
    closeViewer();
    forgetPictures();
    document.body.classList.remove("with-bar");
  }

  async open() {
    try {
      this.take(await getJson(jobPath(this.id), { signal: this.stop.signal }));
      this.name.focus();
      if (ENDED.includes(this.job.state)) { return; }
      await watch(this.id, { onJob: (job) => this.take(job), onLink: (good) => this.linked(good), signal: this.stop.signal });
    } catch (error) {
      if (this.stop.signal.aborted) { return; }
      this.failed(error);
    }
  }

  failed(error) {
    const gone = error.status === 404;
    this.name.textContent = gone ? "No such job" : this.job?.name ?? "Not loaded";
    this.state.replaceChildren();
    this.buttons.replaceChildren();
    const box = problemBox(gone ? { title: "This job is not there", message: "it was deleted, its time was over, or it is somebody else's", code: "no-job" } : error,
      gone ? () => { location.hash = ""; } : () => { const { id, recipe } = this; closeJob(); openJob(id, recipe); }, gone ? "All jobs" : "Try again");
    this.body.replaceChildren(box);
  }

  linked(good) {
    const words = good ? "" : "The service does not answer. Trying again …";
    if (this.link.textContent !== words) { this.link.textContent = words; }
  }

  /** The job, as it is now. */
  take(job) {
    const before = this.job?.state;
    this.job = job;
    this.name.textContent = job.name;
    if (before !== job.state) {
      this.state.replaceChildren(pill(job));
      this.actions();
    }
    this.head();
    if (ENDED.includes(job.state)) { this.ended(before); } else { this.progress(); }
  }

  head(video = null, document_ = null) {
    const { job } = this;
    const known = video
      ? [clock(video.duration, video.duration < 60 ? 1 : 0), `${video.width} × ${video.height}`, CODECS[video.codec] ?? video.codec.toUpperCase(), video.frame_rate ? `${Number(video.frame_rate.toFixed(2))} fps` : "", video.file_size ? size(video.file_size) : "", document_.shots?.length ? count(document_.shots.length, "shot") : ""]
      : [recipeTitle(job.recipe), job.source ?? "", `started ${ago(job.created)}`];
    if (job.expires) { known.push(`deleted ${ago(job.expires)}`); }
    this.facts.replaceChildren(...known.filter(Boolean).map((fact) => el("li", {}, fact)));
  }

  actions() {
    const running = !ENDED.includes(this.job.state);
    const stop = el("button", { type: "button", class: "button", on: { click: () => this.cancel(stop) } }, "Stop");
    const remove = el("button", { type: "button", class: "button danger", on: { click: () => this.remove() } }, "Delete");
    this.buttons.replaceChildren(...(running ? [stop, remove] : [remove]));
  }

  async cancel(button) {
    button.disabled = true;
    try {
      this.take(await (await request(jobPath(this.id, "/cancel"), { method: "POST" })).json());
    } catch (error) {
      button.disabled = false;
      showProblem(this.problem, error);
    }
  }

  async remove() {
    if (await erase(this.job)) { location.hash = ""; }
  }

  // How far it is

  progress() {
    const { progress, source, state } = this.job;
    const stage = state === "queued" ? "queued" : progress.stage;
    const [low, high] = (source ? FETCHED[stage] : null) ?? SHARES[stage] ?? [0, 1];
    this.most = Math.max(this.most, low + (high - low) * progress.fraction); // it never goes back
    if (!this.card) { this.drawProgress(); }
    const words = STAGES[stage] ?? stage;
    this.stage.textContent = words;
    this.bar.value = this.most;
    if (stage === "queued") { this.bar.removeAttribute("value"); }
    this.share.textContent = stage === "queued" ? "" : percent(this.most);
    const left = progress.speed > 0 && stage === "scan" ? (progress.duration - progress.position) / progress.speed : 0;
    this.more.textContent = stage === "scan" && progress.duration > 0
      ? [`${clock(progress.position, 0)} of ${clock(progress.duration, 0)}`, progress.speed > 0 ? `${progress.speed.toFixed(1)} × real time` : "", left > 1 ? `about ${roughly(left)} left` : ""].filter(Boolean).join(" · ")
      : stage === "queued" ? "Others are before it." : "";
    document.title = `${percent(this.most)} ${this.job.name} – stills`;
    const told = `${words} ${stage === "scan" ? Math.floor(this.most * 4) * 25 : ""}`;
    if (told !== this.told) { this.told = told; announce(stage === "scan" ? `${words}, ${percent(this.most)}` : words); }
  }

  drawProgress() {
    this.stage = el("strong", {});
    this.share = el("span", {});
    this.more = el("p", { class: "soft small" });
    this.bar = el("progress", { max: 1, "aria-label": "How far the job is" });
    this.card = el("section", { class: "card progress", "aria-label": "Progress" }, el("div", { class: "line" }, this.stage, this.share), this.bar, this.more);
    this.body.replaceChildren(this.card, el("p", { class: "soft" }, "You may close this page: the job goes on, and stands in the list when you come back."));
  }

  // Its end

  ended(before) {
    this.linked(true);
    performance.mark("stills-ended");
    this.card = null;
    const { job } = this;
    document.title = `${job.name} – stills`;
    if (job.state === "done") { this.show(before); return; }
    const words = job.state === "cancelled" ? { title: "Stopped", message: "nothing was written", code: "cancelled", remedy: "Start it again with the same video." } : { title: "The job failed", ...job.error };
    this.body.replaceChildren(problemBox(words, () => { location.hash = ""; }, "All jobs"));
  }

  async show(before) {
    if (this.result) { return; }
    const onShow = (recipe) => {
      const hash = `#job=${encodeURIComponent(this.id)}${recipe === this.job.recipe ? "" : `&show=${encodeURIComponent(recipe)}`}`;
      if (location.hash !== hash) { history.replaceState(null, "", hash); }
    };
    this.result = new Result(this.job, this.body, this.recipe, { onShow, onTake: (document_) => this.said(document_) });
    try {
      await this.result.open();
    } catch (error) {
      if (!this.stop.signal.aborted) { this.failed(error); }
      throw error; // it is for the console, too
    }
    performance.mark("stills-drawn");
    const document_ = this.result.own ?? this.result.view?.document;
    if (document_) { this.head(document_.video, document_); }
    if (before) { announce(`Done. ${this.result.view ? this.result.summary() : ""}`); }
  }

  /** What else is to be known of a result. */
  said(document_) {
    const notes = [...(document_.fallbacks ?? []).map((one) => one.message), ...(document_.warnings ?? [])];
    if (document_.partial) { notes.unshift("Only a part of the video was looked at."); }
    this.notes.replaceChildren(...notes.map((note) => el("li", {}, el("span", {}, note))));
    this.notes.hidden = notes.length === 0;
  }
}

const CODECS = { h264: "H.264", hevc: "H.265", av1: "AV1", vp9: "VP9", vp8: "VP8", mpeg4: "MPEG-4", mpeg2video: "MPEG-2", prores: "ProRes" };
