// The page as a whole: what the address says is shown; colours; the token; a service that does not answer.

import { service, setToken, token } from "./api.js";
import { announce, byId, store, stored } from "./dom.js";
import { showList, startList } from "./jobs.js";
import { closeJob, openJob } from "./job.js";
import { startForm } from "./newjob.js";
import { startViewer } from "./viewer.js";
import { roughly } from "./words.js";

const THEME = "stills-theme";

function route(event) {
  const given = new URLSearchParams(location.hash.replace(/^#/, ""));
  const id = given.get("job");
  const home = byId("home");
  const moved = home.hidden === (id === null);
  home.hidden = id !== null;
  byId("job").hidden = id === null;
  showList(id === null);
  if (id !== null) {
    openJob(id, given.get("show"));
  } else {
    closeJob();
    byId("job").replaceChildren();
    if (moved && event) { byId("main").focus({ preventScroll: true }); } // not when the page is opened
  }
  if (moved) { window.scrollTo(0, 0); }
}

function colours() {
  const button = byId("theme");
  const dark = () => document.documentElement.dataset.theme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const say = () => button.setAttribute("aria-pressed", String(dark()));
  const kept = stored("localStorage", THEME);
  if (kept === "dark" || kept === "light") { document.documentElement.dataset.theme = kept; }
  say();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", say);
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    store("localStorage", THEME, document.documentElement.dataset.theme);
    say();
  });
}

function start() {
  colours();
  byId("version").textContent = service.version ?? "";
  byId("kept").textContent = service.ttl ? ` and are deleted ${service.keep_sources ? `${roughly(service.ttl)} after their jobs end` : `once they were looked at; results after ${roughly(service.ttl)}`}` : "";
  byId("forget-token").hidden = token() === null;
  byId("forget-token").addEventListener("click", () => { setToken(null); announce("The token is forgotten"); location.reload(); });
  byId("skip").addEventListener("click", (event) => { event.preventDefault(); byId("main").focus(); }); // the address says which job is shown
  startViewer();
  startList();
  const ready = startForm((job) => { location.hash = `job=${encodeURIComponent(job.id)}`; });
  window.addEventListener("hashchange", route);
  ready.finally(() => route());
}

start();
