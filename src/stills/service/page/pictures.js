// Pictures, fetched when they come near the window: with the token that <img> cannot send, a few at a time, each once.

import { ApiError, jobPath, request } from "./api.js";
import { el, pause, svg } from "./dom.js";

const AT_ONCE = 4; // of the six connections a browser makes, one is for events and one for what is asked
const KEPT = 500;
const AGAIN_MS = [1500, 3000, 6000]; // right after a job has ended, better pictures of other frames are still written

const known = new Map(); // address → {promise, got: {src, rough} once it is there}
let running = 0;
const waiting = [];

/** The address of a picture of the frame at `pts`, about `width` pixels wide. */
export const framePath = (id, pts, width) => jobPath(id, `/frames/${pts}.jpg?width=${width}`);

/** The address of an artifact. */
export const artifactPath = (id, name) => jobPath(id, `/artifacts/${encodeURIComponent(name)}`);

async function turn() {
  if (running >= AT_ONCE) { await new Promise((resolve) => { waiting.push(resolve); }); }
  running += 1;
}

function next() {
  running -= 1;
  waiting.shift()?.();
}

async function load(path, wanted) {
  await turn();
  try {
    for (let attempt = 0; ; attempt += 1) {
      if (!wanted()) { return null; }
      try {
        const response = await request(path, { headers: { Accept: "image/*" } });
        const rough = response.headers.get("Stills-Rough") === "1";
        return { src: URL.createObjectURL(await response.blob()), rough };
      } catch (error) {
        const busy = error instanceof ApiError && (error.status === 429 || error.status === 503);
        if (!busy || attempt === 3) { throw error; }
        await pause((error.retryAfter ?? 2) * 1000);
      }
    }
  } finally {
    next();
  }
}

/** A picture as `{src, rough}`; null where it is not `wanted` any more when its turn comes. */
export function fetched(path, wanted = () => true) {
  const entry = known.get(path);
  if (entry) {
    known.delete(path);
    known.set(path, entry); // the last used stay
    return entry.promise;
  }
  const made = { promise: load(path, wanted), got: null };
  known.set(path, made);
  made.promise.then((got) => {
    made.got = got;
    if (got === null) { known.delete(path); }
  }, () => known.delete(path));
  for (const [old, one] of known) {
    if (known.size <= KEPT) { break; }
    known.delete(old);
    if (one.got) { URL.revokeObjectURL(one.got.src); }
  }
  return made.promise;
}

function forget(path) {
  const entry = known.get(path);
  known.delete(path);
  if (entry?.got) { URL.revokeObjectURL(entry.got.src); }
}

/** Forget all pictures, as when their job was erased. */
export function forgetPictures() {
  for (const path of [...known.keys()]) { forget(path); }
}

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) { near.unobserve(target); starts.get(target)?.(); }
  }
}, { rootMargin: "400px 0px" });
const starts = new WeakMap();

/**
 * A picture that loads when it comes near. `paths`: where it is, the best first (others are tried where one is not
 * there). `size` [width, height] keeps its place. `fresh` says whether better ones may still be written.
 */
export function picture(paths, alt, size, { fresh = () => false, onLoad } = {}) {
  const image = el("img", { alt, decoding: "async", draggable: false });
  const box = el("span", { class: "pic loading", style: { "aspect-ratio": `${size[0]} / ${size[1]}` } }, image);
  show(box, image, paths, fresh, onLoad);
  return box;
}

function show(box, image, paths, fresh, onLoad) {
  const ready = known.get(paths[0])?.got;
  if (ready && !ready.rough) { place(box, image, ready); onLoad?.(image); return; }
  const start = async () => {
    for (let attempt = 0; ; attempt += 1) {
      const got = await first(paths, () => box.isConnected);
      if (got === null) { near.observe(box); return; } // taken away meanwhile: should it come back, it loads then
      place(box, image, got);
      if (!got) { return; }
      onLoad?.(image);
      if (!got.rough || !fresh() || attempt >= AGAIN_MS.length) { return; }
      await pause(AGAIN_MS[attempt]);
      if (!box.isConnected) { return; }
      forget(paths[0]);
    }
  };
  starts.set(box, start);
  near.observe(box);
}

/** The first of `paths` that there is; null where none is wanted, undefined where there is none. */
async function first(paths, wanted) {
  for (const path of paths) {
    try { return await fetched(path, wanted); } catch (error) { if (!(error instanceof ApiError)) { throw error; } }
  }
  return undefined;
}

function place(box, image, got) {
  box.classList.remove("loading");
  if (!got) {
    box.classList.add("missing");
    image.remove();
    box.replaceChildren(el("span", {}, "No picture is left"));
  } else {
    box.classList.toggle("rough", got.rough);
    box.title = got.rough ? "The video is gone: only a small grey picture of this frame is left" : "";
    image.src = got.src;
  }
}

/** The part `face` ([x, y, width, height] in a picture of `size`) of a picture, round and a little larger. */
export function portrait(paths, alt, face, size) {
  const side = Math.min(Math.max(face[2], face[3]) * 1.7, Math.min(...size));
  const clamp = (v, most) => Math.min(Math.max(v, 0), Math.max(0, most));
  const x = clamp(face[0] + face[2] / 2 - side / 2, size[0] - side);
  const y = clamp(face[1] + face[3] / 2 - side / 2, size[1] - side);
  const image = svg("image", { width: size[0], height: size[1], preserveAspectRatio: "none" });
  const box = svg("svg", { class: "face", role: "img", "aria-label": alt, viewBox: `${x} ${y} ${side} ${side}`, preserveAspectRatio: "xMidYMid slice" }, image);
  const got = () => first(paths, () => true).then((one) => { if (one) { image.setAttribute("href", one.src); } });
  starts.set(box, got);
  near.observe(box);
  return box;
}
