"""The time line of signals in the report: what was measured over time, with shots and picks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stills.render.metadata import clock
from stills.render.view_frames import FramesView
from stills.render.view_words import WIDTH, at, count

LANE, PITCH, LABEL = 26, 62, 18
"""Pixels: height of a row of marks, from one chart to the next, and of a chart's label."""

_COLUMNS = 120
"""Places that tell their values under the pointer."""

_SPOKEN_MARKS = 8
_MOST_LINES = 80
"""More picks than these would hide the charts under their lines."""


@dataclass(frozen=True, slots=True)
class _Signal:
    """``top``: the value at a chart's upper edge; unless that is ``fixed``, the largest value where it is higher."""

    name: str
    peaks: bool
    top: float
    fixed: bool
    unit: str


_SIGNALS: Mapping[str, _Signal] = {
    "novelty": _Signal("Novelty", True, 0.2, False, ""),
    "change": _Signal("Change", True, 1.2, True, ""),
    "motion": _Signal("Motion", True, 0.1, False, "widths a second"),
    "sharpness": _Signal("Sharpness", False, 1.0, True, ""),
    "luma": _Signal("Brightness", False, 255.0, True, ""),
}
"""In the order in which they are drawn. A change of 1 is that of unrelated pictures; dark ones go far beyond it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A pick: where it is, in units of the time line, what it is, and the frame it leads to."""

    at: float
    words: str
    href: str
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A row of marks: the picks of one result. ``y`` in pixels."""

    y: int
    name: str
    marks: list[Mark]
    ranked: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """A signal as the path of an area in a box of 1000 × 100; ``y`` of its label, in pixels."""

    y: int
    name: str
    note: str
    area: str


@dataclass(frozen=True, slots=True)
class SignalsView:
    """The time line: ``columns`` are invisible places (from, width, words) that tell the values there.

    ``lines``: whether a line goes from each mark through the charts.
    """

    lanes: list[Lane]
    charts: list[Chart]
    columns: list[tuple[float, float, str]]
    height: int
    charts_from: int
    lines: bool
    spoken: str


def signals_view(
    timeline: Mapping[str, Any] | None, results: Sequence[FramesView], duration: float, shots: int
) -> SignalsView | None:
    """The time line of a video, from a result's ``timeline`` (see ``timeline_values``), where there is one.

    ``results`` are those that have picks to mark. None where there is nothing to show.
    """
    shown = [view for view in results if any(frame.seconds is not None for frame in view.frames)]
    if duration <= 0 or not shown:
        return None
    lanes = [_lane(number, view, duration) for number, view in enumerate(shown)]
    top = len(lanes) * LANE
    step = float(timeline["step"]) if timeline else 0.0
    signals = _samples(timeline) if timeline and step > 0 else {}
    charts = [_chart(top + n * PITCH, _SIGNALS[key], signals[key], step, duration) for n, key in enumerate(signals)]
    said = [f"{count(shots, 'shot')}"] if shots else []
    said += [f"{chart.name}: {chart.note}" for chart in charts if chart.note]
    return SignalsView(
        lanes=lanes,
        charts=charts,
        columns=_columns(signals, step, duration),
        height=top + len(charts) * PITCH if charts else top + LANE // 2,
        charts_from=top,
        lines=sum(len(lane.marks) for lane in lanes) <= _MOST_LINES,
        spoken=". ".join(["Signals and picks over time", *said, *(_spoken(view) for view in shown)]),
    )


def _samples(timeline: Mapping[str, Any]) -> dict[str, list[float | None]]:
    return {
        key: [None if v is None else float(v) for v in timeline[key]]
        for key in _SIGNALS
        if any(v is not None for v in timeline.get(key) or ())
    }


def _lane(number: int, view: FramesView, duration: float) -> Lane:
    marks = [
        Mark(at(f.seconds, duration), f"{f.name} at {f.time}, score {f.picture.score}", f"#{f.anchor}", f.mark)
        for f in view.frames
        if f.seconds is not None
    ]
    # The first-ranked is drawn last, so that it lies on top.
    return Lane(number * LANE, view.title, marks[::-1] if view.ranked else marks, view.ranked)


def _spoken(view: FramesView) -> str:
    times = [frame.time for frame in view.frames if frame.seconds is not None]
    more = f" and {len(times) - _SPOKEN_MARKS} more" if len(times) > _SPOKEN_MARKS else ""
    return f"{view.title} at {', '.join(times[:_SPOKEN_MARKS])}{more}"


def _chart(y: int, signal: _Signal, samples: list[float | None], step: float, duration: float) -> Chart:
    peak = max(v for v in samples if v is not None)
    top = signal.top if signal.fixed else max(signal.top, peak)
    where = clock((samples.index(peak) + 0.5) * step, digits=0)
    unit = f" {signal.unit}" if signal.unit else ""
    note = f"peak {peak:.2f}{unit} at {where}" if signal.peaks else ""
    return Chart(y, signal.name, note, _area(samples, step, duration, top))


def _area(samples: list[float | None], step: float, duration: float, top: float) -> str:
    """The path; where nothing was measured it goes straight on, and at the ends it stays level."""
    points = [
        (at((i + 0.5) * step, duration), 100 - 100 * min(max(v / top, 0.0), 1.0))
        for i, v in enumerate(samples)
        if v is not None
    ]
    points = [(0.0, points[0][1]), *points, (float(WIDTH), points[-1][1])]
    return f"M0 100L{' '.join(f'{x:.1f} {y:.1f}' for x, y in points)} {WIDTH} 100Z"


def _columns(signals: Mapping[str, list[float | None]], step: float, duration: float) -> list[tuple[float, float, str]]:
    if not signals:
        return []
    number = len(next(iter(signals.values())))
    each = math.ceil(number / _COLUMNS)
    out = []
    for first in range(0, number, each):
        lines = [f"{clock(first * step)} – {clock(min((first + each) * step, duration))}"]
        for key, samples in signals.items():
            values = [v for v in samples[first : first + each] if v is not None]
            if values:
                value = max(values) if _SIGNALS[key].peaks else sum(values) / len(values)
                said = f"{value / 255:.0%}" if key == "luma" else f"{value:.2f}"
                lines.append(f"{_SIGNALS[key].name} {said}")
        left, right = at(first * step, duration), at((first + each) * step, duration)
        out.append((left, round(right - left, 2), "\n".join(lines)))
    return out
