(function () {
  "use strict";
  // A row: name, link, path, seconds, people, frames, notes; what stands in its columns; its picture.
  var NAME = 0, HREF = 1, PATH = 2, SAID = 7, PICTURE = 8, AT_ONCE = 50;
  var data = JSON.parse(document.getElementById("rows").textContent);
  var table = document.getElementById("table"), body = table.tBodies[0], words = document.getElementById("words");
  var back = document.getElementById("back"), on = document.getElementById("on");
  var heads = Array.prototype.slice.call(table.tHead.querySelectorAll("th"));
  var compare = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;
  var found = data.rows, first = 0, waiting = 0;
  var texts = data.rows.map(function (row) { return (row[NAME] + "\n" + row[PATH]).toLowerCase(); });
  var places = new Map(data.rows.map(function (row, place) { return [row, place]; }));

  function cell(kind, content) {
    var made = document.createElement(kind);
    if (typeof content === "string") { made.textContent = content; } else if (content) { made.append(content); }
    return made;
  }
  function line(row) {
    var made = document.createElement("tr"), link = document.createElement("a"), name, picture = null;
    if (data.pictures) {
      if (row[PICTURE]) {
        picture = document.createElement("img");
        picture.alt = "";
        picture.src = row[PICTURE];
      }
      made.append(cell("td", picture));
    }
    link.href = row[HREF];
    link.title = row[PATH];
    link.textContent = row[NAME];
    name = cell("th", link);
    name.scope = "row";
    made.append(name);
    row[SAID].forEach(function (said) { made.append(cell("td", said)); });
    return made;
  }
  function show() {
    var last = Math.min(first + AT_ONCE, found.length), number = found.length.toLocaleString("en");
    body.replaceChildren.apply(body, found.slice(first, last).map(line));
    document.getElementById("hits").textContent =
      found.length === data.rows.length ? number + " videos" : number + " of " + data.rows.length.toLocaleString("en") + " videos";
    document.getElementById("place").textContent =
      found.length ? (first + 1).toLocaleString("en") + "–" + last.toLocaleString("en") + " of " + number : "";
    document.getElementById("turn").hidden = found.length <= AT_ONCE;
    back.disabled = first === 0;
    on.disabled = last === found.length;
  }
  function sort(head) {
    var key = data.keys[heads.indexOf(head)], up = head.getAttribute("aria-sort") !== "ascending";
    // Numbers begin with the largest: that is what one looks for.
    if (!head.hasAttribute("aria-sort") && key !== NAME) { up = false; }
    heads.forEach(function (one) { one.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    data.rows.sort(function (a, b) {
      // What has no number is last either way.
      var left = a[key], right = b[key], order;
      if (left === null || right === null) { return (left === null) - (right === null); }
      order = key === NAME ? compare(left, right) : left - right;
      return up ? order : -order;
    });
    find();
  }
  function find() {
    var wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = wanted.length === 0 ? data.rows : data.rows.filter(function (row) {
      var text = texts[places.get(row)];
      return wanted.every(function (word) { return text.includes(word); });
    });
    first = 0;
    show();
  }
  function turn(by) {
    first = Math.max(0, first + by);
    show();
    table.scrollIntoView({ block: "nearest" });
  }
  heads.forEach(function (head) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", function () { sort(head); });
  });
  words.addEventListener("input", function () {
    clearTimeout(waiting);
    waiting = setTimeout(find, 120);
  });
  back.addEventListener("click", function () { turn(-AT_ONCE); });
  on.addEventListener("click", function () { turn(AT_ONCE); });
  document.getElementById("find").hidden = false;
  find();
})();
