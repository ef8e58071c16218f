// Making elements. Text goes in as text only: nothing here, or anywhere in this page, parses HTML.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `props`: `class`, `data`, `style` (custom properties too), `on` (listeners), what is a property of the
 * element, else an attribute; null and false are left out. Children are nodes or text, null is passed over.
 */
export function el(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

/** An SVG element, made in the same way. */
export function svg(tag, props = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) { continue; }
    if (name === "class") { node.setAttribute("class", value); }
    else if (name === "data") { Object.assign(node.dataset, value); }
    else if (name === "style") { for (const [key, one] of Object.entries(value)) { node.style.setProperty(key, one); } }
    else if (name === "on") { for (const [kind, run] of Object.entries(value)) { node.addEventListener(kind, run); } }
    else if (name in node && node.namespaceURI !== SVG && !name.startsWith("aria")) { node[name] = value; }
    else { node.setAttribute(name, value === true ? "" : String(value)); }
  }
  node.append(...children.flat().filter((one) => one !== null && one !== undefined && one !== false));
  return node;
}

/** Say something to screen readers, in its turn. Problems say themselves, at once. */
export function announce(words) {
  const place = byId("polite");
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = words; });
}

/** A number that is unique in this page, for ids. */
let last = 0;
export const unique = (stem) => `${stem}-${++last}`;

/** A function that runs `wait` ms after the last call of it. */
export function debounced(run, wait) {
  let timer = 0;
  const later = (...given) => { clearTimeout(timer); timer = setTimeout(() => run(...given), wait); };
  later.cancel = () => clearTimeout(timer);
  return later;
}

/** Wait so many milliseconds, or until `signal` is aborted (then it throws). */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => { clearTimeout(timer); reject(signal.reason); };
    const timer = setTimeout(() => { signal?.removeEventListener("abort", stop); resolve(); }, ms);
    if (signal?.aborted) { stop(); } else { signal?.addEventListener("abort", stop, { once: true }); }
  });
}

/** What is kept in the browser; where that is forbidden, nothing is. */
export function stored(storage, key) {
  try { return window[storage].getItem(key); } catch { return null; }
}

/** Keep something in the browser, or (null) forget it. */
export function store(storage, key, value) {
  try {
    if (value === null) { window[storage].removeItem(key); } else { window[storage].setItem(key, value); }
  } catch { /* private windows of some browsers: it lasts as long as the page */ }
}
