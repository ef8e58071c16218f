// The form that starts a job: a video by drop, choice or address; recipe, options; and the sending, which can be stopped.

import { getJson, newKey, request, service, upload } from "./api.js";
import { announce, byId, el } from "./dom.js";
import { optionForm } from "./options.js";
import { showProblem } from "./problem.js";
import { label, roughly, size } from "./words.js";

const TITLES = {
  people: ["People", "The best frame of each, and when they are on screen"],
  thumbnails: ["Thumbnails", "Frames that make people look"],
  keyframes: ["Key frames", "Frames that differ, the best of each"],
  cast: ["Cast", "Screen time, and who is on the posters"],
  portrait: ["Portrait", "The best frame with a large face"],
};

const state = { file: null, posters: [], recipes: [], recipe: "people", form: null, stop: null };
const VIDEO = /\.(mkv|avi|mov|mp4|m4v|webm|ts|m2?ts|mpe?g|wmv|flv|3gp|ogv|mxf)$/i;

/** What a recipe is called. */
export const recipeTitle = (name) => TITLES[name]?.[0] ?? state.recipes.find((one) => one.name === name)?.title ?? label(name);

/** The recipes there are, once they were loaded. */
export const recipes = () => state.recipes;

/** Make the form work. `onJob` hears of a job that was started. */
export async function startForm(onJob) {
  byId("drop-limit").textContent = service.upload_limit ? `up to ${size(service.upload_limit)}` : "";
  byId("address-field").hidden = !service.sources;
  byId("file").addEventListener("change", () => take(byId("file").files[0]));
  byId("address").addEventListener("input", () => { if (byId("address").value.trim()) { take(null); } });
  byId("new").addEventListener("submit", (event) => { event.preventDefault(); send(onJob); });
  byId("stop-sending").addEventListener("click", () => state.stop?.abort());
  dropping();
  await loadRecipes();
}

/** Ask for the recipes; until they are there nothing can be started. */
export async function loadRecipes() {
  try {
    state.recipes = (await getJson("v1/recipes")).recipes;
  } catch (error) {
    byId("recipes").replaceChildren(el("p", { class: "soft" }, "Not loaded."));
    showProblem(byId("new-problem"), error, () => { showProblem(byId("new-problem"), null); loadRecipes(); });
    return;
  }
  const order = Object.keys(TITLES);
  const place = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  state.recipes.sort((a, b) => place(a.name) - place(b.name));
  if (!state.recipes.some((one) => one.name === state.recipe)) { state.recipe = state.recipes[0].name; }
  byId("recipes").replaceChildren(...state.recipes.map((one) => {
    const [title, words] = TITLES[one.name] ?? [one.title ?? label(one.name), one.description ?? ""];
    const input = el("input", { type: "radio", name: "recipe", value: one.name, checked: one.name === state.recipe, on: { change: () => choose(one.name) } });
    return el("label", { class: "choice" }, input, el("span", { class: "words" }, el("strong", {}, title), el("span", { class: "soft small" }, words)));
  }));
  choose(state.recipe);
}

function choose(name) {
  state.recipe = name;
  const recipe = state.recipes.find((one) => one.name === name);
  const [few, more] = [byId("options"), byId("more-options")];
  state.form = optionForm(recipe, few, more);
  byId("more").hidden = !more.hasChildNodes();
  if (name === "cast") { few.prepend(posterField()); }
}

function posterField() {
  const names = el("p", { class: "soft small", id: "poster-names" }, posterWords());
  const input = el("input", { type: "file", id: "posters", multiple: true, accept: "image/*", class: "visually-hidden", "aria-describedby": "poster-names",
    on: { change: () => { state.posters = [...input.files]; names.textContent = posterWords(); } } });
  return el("div", { class: "field" }, el("span", { class: "label" }, "Posters of the film"), el("label", { class: "button" }, input, el("span", {}, "Choose pictures")), names);
}

const posterWords = () => (state.posters.length ? state.posters.map((one) => one.name).join(", ") : "Whose faces are on them? None chosen.");

/** Take a file; null forgets it. */
function take(file) {
  state.file = file ?? null;
  const words = byId("drop-words");
  byId("drop").classList.toggle("has-file", Boolean(file));
  byId("choose").querySelector("span").textContent = file ? "Choose another file" : "Choose a file";
  if (!file) {
    words.replaceChildren(el("strong", {}, "Drop a video here"));
    byId("file").value = "";
    return;
  }
  words.replaceChildren(el("strong", { class: "file-name" }, file.name), el("span", { class: "soft" }, ` ${size(file.size)}`));
  byId("address").value = "";
  const problem = wrongFile(file);
  showProblem(byId("new-problem"), problem);
  announce(problem ? problem.message : `${file.name} is chosen`);
}

function wrongFile(file) {
  if (service.upload_limit && file.size > service.upload_limit) {
    return { title: "The video is too large", message: `${file.name} has ${size(file.size)}; this service takes up to ${size(service.upload_limit)}`,
      remedy: service.sources ? "Give its address instead, or a smaller copy." : "Take a smaller copy of it.", code: "too-large" };
  }
  if (file.size === 0) { return { title: "The file is empty", message: `${file.name} has no bytes`, remedy: "Choose another one.", code: "empty" }; }
  return null;
}

function dropping() {
  let depth = 0;
  const drop = byId("drop");
  const over = (on) => document.body.classList.toggle("dropping", on);
  const files = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragenter", (event) => { if (files(event)) { depth += 1; over(true); event.preventDefault(); } });
  document.addEventListener("dragleave", (event) => { if (files(event)) { depth = Math.max(0, depth - 1); over(depth > 0); } });
  document.addEventListener("dragover", (event) => { if (files(event)) { event.preventDefault(); } });
  document.addEventListener("drop", (event) => {
    if (!files(event)) { return; }
    event.preventDefault();
    depth = 0;
    over(false);
    if (state.stop) { return; } // one is being sent
    const all = [...event.dataTransfer.files];
    const video = all.find((one) => one.type.startsWith("video/") || VIDEO.test(one.name)) ?? all[0];
    if (!video) { return; }
    if (byId("home").hidden) { location.hash = ""; }
    take(video);
    drop.scrollIntoView({ block: "nearest" });
    byId("start").focus();
  });
}

function missing() {
  const address = byId("address").value.trim();
  const problem = byId("address-problem");
  const wrong = address && !/^(https?|s3):\/\/[^/]+/.test(address) ? "An address begins with https:// or s3://." : "";
  problem.textContent = wrong;
  problem.hidden = !wrong;
  byId("address").setAttribute("aria-invalid", String(Boolean(wrong)));
  if (wrong) { byId("address").focus(); return true; }
  if (state.file === null && !address) {
    showProblem(byId("new-problem"), { title: "No video yet", message: "drop one on this page, or choose a file", code: "none" });
    byId("file").focus();
    return true;
  }
  const bad = state.file && wrongFile(state.file);
  if (bad) { showProblem(byId("new-problem"), bad); byId("file").focus(); }
  return Boolean(bad);
}

async function send(onJob) {
  if (state.form === null || state.stop || missing()) { return; }
  const options = state.form.read();
  if (options === null) { return; }
  showProblem(byId("new-problem"), null);
  state.stop = new AbortController();
  sending(true);
  try {
    const address = byId("address").value.trim();
    const job = state.file === null ? await sendAddress(address, options) : await sendFile(options);
    take(null);
    byId("address").value = "";
    onJob(job);
  } catch (error) {
    if (state.stop.signal.aborted) {
      announce("Stopped. Nothing was kept.");
    } else {
      showProblem(byId("new-problem"), await explained(error));
      byId("new-problem").firstElementChild.focus();
    }
  } finally {
    state.stop = null;
    sending(false);
  }
}

/** Why a connection broke while a file was sent: a service that refuses one early is not always heard. */
async function explained(error) {
  if (!error.gone || state.file === null) { return error; }
  try {
    await request("healthz");
  } catch {
    return error;
  }
  return { title: "The video was not taken", message: "the service runs, but the connection broke while the file was sent", code: "broken",
    remedy: "Try again. If that does not help, the file may be larger than a proxy in between lets through." };
}

async function sendAddress(address, options) {
  byId("sending-words").textContent = "Asking for it";
  byId("sending-bar").removeAttribute("value");
  const json = { source: address, recipe: state.recipe, options };
  return getJson("v1/jobs", { method: "POST", json, headers: { "Idempotency-Key": newKey() }, signal: state.stop.signal });
}

async function sendFile(options) {
  await request("v1/jobs?limit=1", { signal: state.stop.signal }); // a missing token is asked for before all is sent
  const form = new FormData();
  form.append("recipe", state.recipe);
  form.append("options", JSON.stringify(options));
  if (state.recipe === "cast") { for (const one of state.posters) { form.append("poster", one, one.name); } }
  form.append("file", state.file, state.file.name);
  const started = performance.now();
  let told = 0;
  const onProgress = (sent, all) => {
    const share = all ? sent / all : 0;
    const left = sent > 0 ? ((performance.now() - started) / 1000) * (all / sent - 1) : 0;
    byId("sending-bar").value = share;
    byId("sending-words").textContent = share >= 1 ? "Sent; the service takes it in" : `Sending ${size(sent)} of ${size(all)}${left > 2 ? `, ${roughly(left)} left` : ""}`;
    if (Math.floor(share * 4) > told) { told = Math.floor(share * 4); announce(`${told * 25} % sent`); }
  };
  return upload("v1/jobs", form, { key: newKey(), onProgress, signal: state.stop.signal });
}

function sending(on) {
  const had = byId("sending").contains(document.activeElement) || document.activeElement === byId("start");
  byId("sending").hidden = !on;
  byId("start").hidden = on;
  byId("sending-bar").value = 0;
  byId("sending-words").textContent = "Sending";
  for (const part of document.querySelectorAll("#drop, #address-field, .recipes, #options, #more")) { part.inert = on; }
  if (had) { byId(on ? "stop-sending" : "start").focus(); }
}
