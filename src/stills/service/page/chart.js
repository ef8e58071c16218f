// The film's time axis: signals as areas, shots as ticks, picks as marks, and a scrubber that goes along them.

import { el, svg } from "./dom.js";
import { clock } from "./words.js";

const PITCH = 60;
const LABEL = 18;
const AREA = 36;
const SIGNALS = {
  novelty: { name: "Novelty", hint: "how unlike it is to what came before", top: 0.2, peaks: true, fixed: false },
  change: { name: "Scene change", hint: "how much a frame differs from the one before", top: 1.2, peaks: true, fixed: true },
  motion: { name: "Motion", hint: "picture widths a second", top: 0.1, peaks: true, fixed: false },
  sharpness: { name: "Sharpness", hint: "", top: 1, peaks: false, fixed: true },
  luma: { name: "Brightness", hint: "", top: 255, peaks: false, fixed: true },
};

const at = (seconds, duration) => `${(Math.min(Math.max(seconds / duration, 0), 1) * 100).toFixed(3)}%`;

/** Ticks where shots begin, in a box of 1000 × 10 that is stretched. */
export function shotTicks(shots, duration) {
  const path = shots.slice(1).map((shot) => `M${((shot.start / duration) * 1000).toFixed(2)} 0V10`).join("");
  return svg("path", { class: "ticks", d: path || "M0 0" });
}

const stretched = (y, height, box, ...children) => svg("svg", { y, width: "100%", height, viewBox: box, preserveAspectRatio: "none" }, ...children);

/** A person's rail: spans of presence between the shots' ticks, and marks where the best frames are. */
export function rail(spans, marks, shots, duration, { height = 22, color = null, spoken } = {}) {
  const top = marks.length ? 12 : 0;
  const made = svg("svg", { class: "rail-chart", width: "100%", height: height + top, role: "img", "aria-label": spoken },
    svg("rect", { class: "well", y: top, width: "100%", height, rx: 5 }),
    stretched(top, height, "0 0 1000 10", shotTicks(shots, duration)));
  for (const [start, end] of spans) {
    const span = svg("rect", { class: "span", x: at(start, duration), y: top + 3, width: `max(2px, ${at(end - start, duration)})`, height: height - 6, rx: 2 },
      svg("title", {}, `${clock(start)} – ${clock(end)}`));
    span.style.width = `max(2px, ${at(end - start, duration)})`;
    if (color) { span.style.fill = color; }
    made.append(span);
  }
  for (const [time, words] of marks) {
    made.append(svg("svg", { x: at(time, duration), overflow: "visible" }, svg("path", { class: "mark", d: "M0 13L-6 1.5H6Z" }, svg("title", {}, words))));
  }
  return made;
}

/**
 * The time line of a film. `onPick` hears of a pick that was gone to (its place in the picks). Returns its element and
 * `setPicks(picks, ranked)` (each `{time, words}`), `goTo(seconds)`.
 */
export function timeAxis({ duration, shots, signals, name, onMove, onPick }) {
  const given = signals && signals.step > 0 ? Object.keys(SIGNALS).filter((key) => signals[key]?.some((v) => v !== null)) : [];
  const height = 30 + given.length * PITCH + 2;
  const chart = svg("svg", { class: "chart", width: "100%", height, role: "img", "aria-label": spoken(given, signals, shots) });
  given.forEach((key, n) => chart.append(...area(30 + n * PITCH, key, signals, shots, duration)));
  if (!given.length) {
    chart.setAttribute("height", 52);
    chart.append(svg("rect", { class: "well", y: 28, width: "100%", height: 22, rx: 5 }), stretched(28, 22, "0 0 1000 10", shotTicks(shots, duration)));
  }
  const lines = svg("g");
  const head = svg("line", { class: "head", y1: 0, y2: "100%", x1: 0, x2: 0 });
  const marks = svg("g");
  chart.append(lines, head, marks);
  const range = el("input", { type: "range", class: "scrub", min: 0, max: duration, step: duration > 120 ? 0.5 : 0.1, value: 0, "aria-label": `Place in ${name}` });
  const state = { picks: [], ranked: false, time: 0 };

  const move = (seconds, told = true) => {
    const time = state.time = Math.min(Math.max(seconds, 0), duration);
    range.value = time; // rounded to its steps
    range.setAttribute("aria-valuetext", `${clock(time)}, ${valuesAt(given, signals, time).join(", ")}`);
    head.setAttribute("x1", at(time, duration));
    head.setAttribute("x2", at(time, duration));
    const near = nearest(state.picks, time);
    marks.querySelectorAll(".current").forEach((one) => one.classList.remove("current"));
    if (near >= 0) { marks.querySelector(`[data-n="${near}"]`)?.classList.add("current"); }
    if (told) { onMove(time, near, valuesAt(given, signals, time), shotAt(shots, time)); }
  };
  range.addEventListener("input", () => move(Number(range.value)));
  pointed(chart, (share) => move(share * duration));

  const setPicks = (picks, ranked) => {
    state.picks = picks;
    state.ranked = ranked;
    lines.replaceChildren(...(picks.length <= 80 && given.length ? picks : []).map((pick) => svg("line", { class: "pick", x1: at(pick.time, duration), x2: at(pick.time, duration), y1: 22, y2: height })));
    const drawn = picks.map((pick, n) => mark(pick, n, ranked, duration, () => { move(pick.time); onPick(n); }));
    marks.replaceChildren(...(ranked ? drawn.reverse() : drawn)); // the best lies on top
    move(state.time);
  };
  const ends = el("div", { class: "ends", "aria-hidden": "true" }, el("span", {}, "0:00"), el("span", {}, clock(duration, duration < 60 ? 1 : 0)));
  return { element: el("div", { class: "axis" }, el("div", { class: "plot" }, chart), range, ends), setPicks, goTo: move, time: () => state.time };
}

function mark(pick, n, ranked, duration, go) {
  const shape = ranked
    ? [svg("circle", { class: "mark", cy: 11, r: 10 }), svg("text", { class: "rank", y: 15 }, String(pick.rank ?? n + 1))]
    : [svg("path", { class: "mark", d: "M0 19L-6 6H6Z" })];
  return svg("svg", { x: at(pick.time, duration), overflow: "visible", class: "pick-mark", data: { n } , on: { click: go } },
    svg("rect", { class: "target", x: -9, width: 18, height: 24 }), ...shape, svg("title", {}, pick.words));
}

function area(y, key, signals, shots, duration) {
  const { name, hint, top: usual, fixed, peaks } = SIGNALS[key];
  const values = signals[key];
  const most = Math.max(...values.filter((v) => v !== null));
  const top = fixed ? usual : Math.max(usual, most);
  const points = values.flatMap((v, i) => (v === null ? [] : [[((i + 0.5) * signals.step / duration) * 1000, 100 - 100 * Math.min(Math.max(v / top, 0), 1)]]));
  const path = `M0 100L0 ${points[0][1].toFixed(1)} ${points.map(([x, v]) => `${x.toFixed(1)} ${v.toFixed(1)}`).join(" ")} 1000 ${points.at(-1)[1].toFixed(1)} 1000 100Z`;
  const where = values.indexOf(most);
  const note = peaks ? `peak ${most.toFixed(2)} at ${clock((where + 0.5) * signals.step, 0)}` : "";
  return [
    svg("rect", { class: "well", y: y + LABEL, width: "100%", height: AREA, rx: 4 }),
    stretched(y + LABEL, AREA, "0 0 1000 100", svg("path", { class: "area", d: path })),
    stretched(y + LABEL, AREA, "0 0 1000 10", shotTicks(shots, duration)),
    svg("text", { y: y + 13 }, svg("tspan", { class: "name" }, name), svg("tspan", { dx: 8 }, [hint && peaks ? "" : hint, note].filter(Boolean).join(", "))),
  ];
}

function valuesAt(given, signals, time) {
  return given.map((key) => {
    const value = signals[key][Math.min(Math.floor(time / signals.step), signals[key].length - 1)];
    const said = value === null || value === undefined ? "–" : key === "luma" ? `${Math.round(value / 2.55)} %` : value.toFixed(2);
    return `${SIGNALS[key].name.toLowerCase()} ${said}`;
  });
}

/** The number of the shot at `time`, from 1; 0 where none is known. */
export function shotAt(shots, time) {
  let number = 0;
  for (const shot of shots) { if (shot.start <= time) { number += 1; } }
  return number;
}

function nearest(picks, time) {
  let best = -1;
  picks.forEach((pick, n) => { if (best < 0 || Math.abs(pick.time - time) < Math.abs(picks[best].time - time)) { best = n; } });
  return best;
}

function spoken(given, signals, shots) {
  const said = given.map((key) => {
    const most = Math.max(...signals[key].filter((v) => v !== null));
    return SIGNALS[key].peaks ? `${SIGNALS[key].name} has its peak of ${most.toFixed(2)} at ${clock(signals[key].indexOf(most) * signals.step, 0)}` : SIGNALS[key].name;
  });
  return [`Signals over time, ${shots.length} shots`, ...said].join(". ");
}

function pointed(chart, go) {
  const share = (event) => { const box = chart.getBoundingClientRect(); return (event.clientX - box.left) / box.width; };
  chart.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest(".pick-mark")) { return; }
    chart.setPointerCapture(event.pointerId);
    go(share(event));
  });
  chart.addEventListener("pointermove", (event) => { if (chart.hasPointerCapture(event.pointerId)) { go(share(event)); } });
}
