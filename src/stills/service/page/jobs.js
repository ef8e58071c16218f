// The list of jobs: what was started, also before this page was opened, and how far each is.

import { getJson, jobPath, request } from "./api.js";
import { announce, byId, el } from "./dom.js";
import { recipeTitle } from "./newjob.js";
import { confirmed, showProblem } from "./problem.js";
import { ENDED } from "./watch.js";
import { STATES, ago, found, percent } from "./words.js";

const PAGE = 12;
const EVERY_MS = 3000;
const IDLE_MS = 15000;

const state = { jobs: [], next: null, shown: PAGE, timer: 0, running: false };

/** Make the list work. */
export function startList() {
  byId("jobs-filter").addEventListener("change", () => { state.shown = PAGE; refresh(); });
  byId("jobs-more").addEventListener("click", () => { state.shown += PAGE; refresh(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && state.running) { refresh(); } });
}

/** Show the list and keep it up to date, or (false) leave it. */
export function showList(on) {
  state.running = on;
  clearTimeout(state.timer);
  if (on) { refresh(); }
}

async function refresh() {
  clearTimeout(state.timer);
  let wait = IDLE_MS;
  try {
    const filter = byId("jobs-filter").value;
    const page = await getJson(`v1/jobs?limit=${Math.min(state.shown, 100)}${filter ? `&state=${filter}` : ""}`);
    state.jobs = page.jobs;
    state.next = page.next;
    showProblem(byId("jobs-problem"), null);
    draw();
    if (state.jobs.some((job) => !ENDED.includes(job.state))) { wait = EVERY_MS; }
  } catch (error) {
    if (!byId("jobs-problem").hasChildNodes()) { showProblem(byId("jobs-problem"), error, refresh); }
    if (error.status === 401) { return; } // they would rather not
  }
  if (state.running && !document.hidden) { state.timer = setTimeout(refresh, wait); }
}

function draw() {
  const list = byId("jobs");
  const focused = document.activeElement?.closest?.("#jobs [data-job]")?.dataset.job;
  const part = document.activeElement?.dataset?.part;
  list.replaceChildren(...state.jobs.map(row));
  byId("jobs-none").hidden = state.jobs.length > 0;
  byId("jobs-none").textContent = byId("jobs-filter").value ? "None." : "Nothing yet. What you start stands here, also when you come back.";
  byId("jobs-more").hidden = state.next === null || state.next === undefined || state.shown >= 100;
  if (focused) { list.querySelector(`[data-job="${CSS.escape(focused)}"] [data-part="${part}"]`)?.focus(); }
}

function row(job) {
  const bar = job.state === "running" ? el("progress", { max: 1, value: job.progress.fraction, "aria-label": `How far ${job.name} is` }) : null;
  return el("li", { data: { job: job.id } },
    el("a", { href: `#job=${encodeURIComponent(job.id)}`, data: { part: "open" } },
      el("span", { class: "name" }, job.name), el("span", { class: "soft small" }, [recipeTitle(job.recipe), says(job), ago(job.finished ?? job.created)].filter(Boolean).join(" · ")), bar),
    pill(job),
    el("button", { type: "button", class: "button round", data: { part: "delete" }, title: "Delete", "aria-label": `Delete ${job.name}`, on: { click: () => remove(job) } }, "×"));
}

/** The sign of a job's state. */
export function pill(job) {
  const nothing = job.state === "done" && job.error;
  return el("span", { class: `state ${nothing ? "nothing" : job.state}` }, nothing ? "Nothing found" : STATES[job.state] ?? job.state);
}

function says(job) {
  if (job.state === "running") { return job.progress.stage === "scan" ? percent(job.progress.fraction) : null; }
  if (job.state === "done" && !job.error) { return found(job.recipe, job.summary?.found ?? 0); }
  return null;
}

async function remove(job) {
  if (await erase(job)) {
    await refresh();
    (byId("jobs").querySelector("a") ?? byId("jobs-title")).focus?.();
  }
}

/** Delete a job once the user agrees; whether it is gone. */
export async function erase(job) {
  const running = !ENDED.includes(job.state);
  const words = running ? "It is stopped, and the video is erased." : "Its pictures and all that was measured are erased. That cannot be undone.";
  if (!(await confirmed(`Delete ${job.name}?`, words, "Delete"))) { return false; }
  try {
    await request(jobPath(job.id), { method: "DELETE" });
  } catch (error) {
    if (error.status !== 404) {
      showProblem(byId(byId("home").hidden ? "job-problem" : "jobs-problem"), error);
      return false;
    }
  }
  announce(`${job.name} is deleted`);
  return true;
}
