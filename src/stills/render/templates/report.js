(function () {
  "use strict";
  var root = document.documentElement, button = document.getElementById("theme"), key = "stills-theme";
  function dark() {
    var chosen = root.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function show() {
    button.setAttribute("aria-pressed", String(dark()));
  }
  try {
    var kept = localStorage.getItem(key);
    if (kept === "dark" || kept === "light") { root.dataset.theme = kept; }
  } catch (error) { /* a page from a file may have no storage: the choice then lasts as long as the page */ }
  button.hidden = false;
  button.addEventListener("click", function () {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem(key, root.dataset.theme); } catch (error) { /* as above */ }
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
})();
