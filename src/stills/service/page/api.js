// The service's HTTP API. Addresses are relative to the page, so that it works below any path of a proxy.

import { byId, store, stored } from "./dom.js";

const KEY = "stills-token";

/** What the service says of itself in the page: version, sizes, whether addresses are taken. */
export const service = JSON.parse(document.querySelector('meta[name="stills-service"]').content || "{}");

/** Something the service refused, or (`status` 0) a service that did not answer. */
export class ApiError extends Error {
  constructor(status, problem = {}) {
    super(problem.detail || problem.title || `The service answered ${status}`);
    this.status = status;
    this.code = problem.code ?? "";
    this.title = PLAIN[status] ?? problem.title ?? "";
    this.remedy = problem.remedy ?? null;
    this.retryAfter = problem.retryAfter ?? null;
  }

  /** Whether nobody answered at all. */
  get gone() { return this.status === 0; }
}

/** What people are told of a status, in place of HTTP's own words. */
const PLAIN = {
  400: "The service does not understand this", 401: "A token is needed", 403: "This token does not allow that", 404: "This is not there",
  408: "That took too long", 409: "Not possible now", 413: "This is too large", 415: "The service does not take this", 422: "This was not accepted",
  429: "Too much at once", 500: "Something went wrong in the service", 502: "The service does not answer", 503: "The service is busy",
  504: "The service does not answer", 507: "The service has no room left",
};
const NOBODY = { title: "The service does not answer", detail: "It may have been stopped, or the connection is lost.",
  remedy: "See whether it runs, then try again.", code: "gone" };

/** An address of the API. */
export const url = (path) => new URL(path, document.baseURI).href;

/** The address of a job, or of something below it. */
export const jobPath = (id, rest = "") => `v1/jobs/${encodeURIComponent(id)}${rest}`;

/** The token of this tab, if there is one. */
export const token = () => stored("sessionStorage", KEY) ?? memory;
let memory = null;

/** Take a token, or (null) forget it. */
export function setToken(value) {
  memory = value;
  store("sessionStorage", KEY, value);
  byId("forget-token").hidden = value === null;
}

let asking = null;

/** Have the user give a token; false where they would not. All who need one wait for the same dialog. */
function askToken(wrong) {
  asking ??= new Promise((resolve) => {
    const dialog = byId("token-dialog");
    const field = byId("token");
    const form = byId("token-form");
    byId("token-problem").textContent = wrong ? "This token was not accepted. Look whether all of it was pasted." : "";
    field.setAttribute("aria-invalid", String(wrong));
    field.value = "";
    const end = (given) => {
      form.removeEventListener("submit", submit);
      byId("token-cancel").removeEventListener("click", refuse);
      dialog.removeEventListener("cancel", refuse);
      if (dialog.open) { dialog.close(); }
      asking = null;
      resolve(given);
    };
    const submit = (event) => { event.preventDefault(); setToken(field.value.trim()); end(true); };
    const refuse = () => end(false);
    form.addEventListener("submit", submit);
    byId("token-cancel").addEventListener("click", refuse);
    dialog.addEventListener("cancel", refuse);
    dialog.showModal();
  });
  return asking;
}

/** Whether to try again after a 401 that came for `sent`. */
async function newToken(sent) {
  if (token() !== sent) { return true; } // somebody gave one meanwhile
  return askToken(sent !== null);
}

async function problemOf(response) {
  let problem = {};
  if (/json/.test(response.headers.get("Content-Type") ?? "")) {
    problem = await response.json().catch(() => ({}));
  }
  const after = Number(response.headers.get("Retry-After"));
  return new ApiError(response.status, { title: response.statusText, ...problem, retryAfter: after || null });
}

/** A response of the API; throws `ApiError`, or what an aborted `signal` says. */
export async function request(path, { method = "GET", json, headers = {}, signal } = {}) {
  for (;;) {
    const sent = token();
    const all = { Accept: "application/json", ...headers };
    if (sent !== null) { all.Authorization = `Bearer ${sent}`; }
    if (json !== undefined) { all["Content-Type"] = "application/json"; }
    let response;
    try {
      const body = json === undefined ? undefined : JSON.stringify(json);
      response = await fetch(url(path), { method, headers: all, body, signal, redirect: "error" });
    } catch (error) {
      if (signal?.aborted) { throw error; }
      throw new ApiError(0, NOBODY);
    }
    if (response.ok) { return response; }
    if (response.status !== 401 || !(await newToken(sent))) { throw await problemOf(response); }
  }
}

/** The JSON at `path`. */
export async function getJson(path, options) {
  return (await request(path, options)).json();
}

/** A new key, so that what is sent twice is done once. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Send a form; `onProgress` hears the bytes sent and all of them. Resolves to the answer's JSON. */
export async function upload(path, form, { key, onProgress, signal }) {
  for (;;) {
    const sent = token();
    const { status, text, retryAfter } = await post(url(path), form, { key, sent, onProgress, signal });
    let answer = {};
    try { answer = JSON.parse(text); } catch { /* not JSON: a proxy's own page */ }
    if (status >= 200 && status < 300) { return answer; }
    if (status !== 401 || !(await newToken(sent))) {
      throw status === 0 ? new ApiError(0, NOBODY) : new ApiError(status, { ...answer, retryAfter });
    }
  }
}


function post(address, form, { key, sent, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest(); // fetch does not tell how much of a body was sent
    xhr.open("POST", address);
    xhr.setRequestHeader("Accept", "application/json");
    if (key) { xhr.setRequestHeader("Idempotency-Key", key); }
    if (sent !== null) { xhr.setRequestHeader("Authorization", `Bearer ${sent}`); }
    const stop = () => { xhr.abort(); reject(signal.reason); };
    const end = (status) => {
      signal?.removeEventListener("abort", stop);
      const after = status ? Number(xhr.getResponseHeader("Retry-After")) || null : null;
      resolve({ status, text: status ? xhr.responseText : "", retryAfter: after });
    };
    xhr.upload.addEventListener("progress", (event) => onProgress?.(event.loaded, event.total));
    xhr.addEventListener("load", () => end(xhr.status));
    xhr.addEventListener("error", () => end(0));
    signal?.addEventListener("abort", stop, { once: true });
    xhr.send(form);
  });
}
