// A picture as large as the window, with why it was taken; the arrow keys go on to the next one.

import { showProblem } from "./problem.js";
import { announce, byId, el } from "./dom.js";
import { picture } from "./pictures.js";

const state = { items: [], at: 0, download: null };

/** Make the dialog work. */
export function startViewer() {
  const dialog = byId("viewer");
  byId("viewer-close").addEventListener("click", () => dialog.close());
  byId("viewer-before").addEventListener("click", () => go(-1));
  byId("viewer-after").addEventListener("click", () => go(1));
  byId("viewer-download").addEventListener("click", async () => {
    const button = byId("viewer-download");
    button.disabled = true;
    try { await state.items[state.at].download(); } catch (error) {
      const place = el("div");
      byId("viewer-words").append(place);
      showProblem(place, error);
    } finally { button.disabled = false; }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) { dialog.close(); } });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") { go(-1); } else if (event.key === "ArrowRight") { go(1); } else { return; }
    event.preventDefault();
  });
}

/** Show `items` (`{title, alt, paths, size, words: () => nodes, download}`), that at place `at` first. */
export function view(items, at) {
  state.items = items;
  state.at = at;
  show();
  byId("viewer").showModal();
  byId("viewer-close").focus();
}

/** Close it, as when what it shows is gone. */
export const closeViewer = () => { if (byId("viewer").open) { byId("viewer").close(); } };

function go(step) {
  const to = state.at + step;
  if (to < 0 || to >= state.items.length) { announce(step < 0 ? "This is the first" : "This is the last"); return; }
  state.at = to;
  show();
}

function show() {
  const item = state.items[state.at];
  byId("viewer-title").textContent = item.title;
  byId("viewer-picture").replaceChildren(picture(item.paths, item.alt, item.size));
  byId("viewer-words").replaceChildren(el("p", { class: "soft small" }, `${state.at + 1} of ${state.items.length}`), ...item.words());
  byId("viewer-before").disabled = state.at === 0;
  byId("viewer-after").disabled = state.at === state.items.length - 1;
}
