// What went wrong, said where it happened; and the question before something is deleted.

import { ApiError } from "./api.js";
import { byId, el } from "./dom.js";

/** A box that says what is wrong and what to do about it. `again` is what its button does, if it has one. */
export function problemBox(error, again = null, word = "Try again") {
  const known = error instanceof ApiError || (error && typeof error === "object" && "message" in error);
  const title = error.title || (error.code ? "This did not work" : "Something went wrong in this page");
  const detail = known ? error.message : String(error);
  const waits = error.retryAfter ? `Try again in ${error.retryAfter} s.` : null;
  return el("div", { class: "problem", role: "alert", tabIndex: -1 },
    el("p", {}, el("strong", {}, title)),
    detail && detail !== title ? el("p", {}, capital(detail)) : null,
    error.remedy || waits ? el("p", { class: "remedy" }, capital(error.remedy ?? waits)) : null,
    again ? el("button", { type: "button", class: "button", on: { click: again } }, word) : null);
}

const capital = (words) => {
  const line = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?…]$/.test(line) ? line : `${line}.`;
};

/** Show a problem in `place`, alone; null takes it away. */
export function showProblem(place, error, again = null, word = undefined) {
  place.replaceChildren(...(error === null ? [] : [problemBox(error, again, word)]));
}

/** Whether the user says yes. */
export function confirmed(title, words, yes, no = "Keep", danger = yes === "Delete") {
  return new Promise((resolve) => {
    const dialog = byId("confirm-dialog");
    byId("confirm-title").textContent = title;
    byId("confirm-words").textContent = words;
    byId("confirm-yes").textContent = yes;
    byId("confirm-no").textContent = no;
    byId("confirm-yes").className = `button ${danger ? "danger" : "primary"}`;
    const end = (answer) => {
      byId("confirm-yes").removeEventListener("click", agree);
      byId("confirm-no").removeEventListener("click", refuse);
      dialog.removeEventListener("cancel", refuse);
      if (dialog.open) { dialog.close(); }
      resolve(answer);
    };
    const agree = () => end(true);
    const refuse = () => end(false);
    byId("confirm-yes").addEventListener("click", agree);
    byId("confirm-no").addEventListener("click", refuse);
    dialog.addEventListener("cancel", refuse);
    dialog.showModal();
    byId("confirm-no").focus();
  });
}
