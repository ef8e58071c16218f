"""Shots as an OpenTimelineIO timeline, which Resolve, Premiere, Nuke Studio and many scripts read.

The JSON is written here as the project documents it (``docs/tutorials/otio-serialized-schema.md``), so that nothing
needs to be installed; the tests read it with the library.

Times are exact: whole frames at the video's own rate or, where that varies, whole ticks of its time base. They begin at
0 with the first frame shown: the container's own time stamps are no time code. A dissolve or fade is a transition on
the border of two clips; the video holds it already, so that playing the timeline shows the video unchanged.
"""

from __future__ import annotations

import os
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from stills._version import __version__
from stills.render.documents import to_json
from stills.render.names import base_name, stem_of
from stills.render.timelines.shotlist import ShotList, ShotRow, frame_spans, overlaps


class Otio:
    """``shots.otio``."""

    name = "otio"
    file = "shots.otio"

    def render(self, shots: ShotList) -> bytes:
        """A timeline with one video track: a clip a shot."""
        exact = shots.video.variable_frame_rate
        rate = 1 / shots.video.time_base if exact else shots.rate
        spans = _ticks(shots) if exact else frame_spans(shots)
        sides = _tick_overlaps(shots, spans) if exact else overlaps(shots)
        name = base_name(shots.video.path)
        media = {
            "OTIO_SCHEMA": "ExternalReference.1",
            "metadata": {},
            "name": name,
            "available_range": _range(0, max(1, spans[-1][1] if spans else 0), rate),
            "available_image_bounds": None,
            "target_url": media_url(shots.video.path),
        }
        children: list[dict[str, Any]] = []
        for row, span, (before, after) in zip(shots.shots, spans, sides, strict=True):
            if before or after:
                children.append(_transition(row, before, after, rate))
            children.append(_clip(row, span, rate, media))
        track = _item("Track.1", "Shots", kind="Video", children=children)
        return to_json({
            "OTIO_SCHEMA": "Timeline.1",
            "metadata": {"stills": {"generator": f"stills {__version__}", "schema": shots.document.get("schema")}},
            "name": stem_of(shots.video.path),
            "global_start_time": _time(0, rate),
            "tracks": _item("Stack.1", "tracks", children=[track]),
        })  # fmt: skip

    def notes(self, shots: ShotList) -> list[str]:
        """Nothing is lost."""
        return []


def media_url(path: str) -> str:
    """The address of a video: ``file:///…`` for a local path (absolute, percent-encoded), else as it is."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path):
        return path
    return Path(os.path.abspath(path)).as_uri()


def _ticks(shots: ShotList) -> list[tuple[int, int]]:
    """The spans in ticks from the first frame, without gaps."""
    begin = shots.video.start_pts
    return [(row.start_pts - begin, max(row.start_pts + 1, row.end_pts) - begin) for row in shots.shots]


def _tick_overlaps(shots: ShotList, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    video, found = shots.video, [(0, 0)] * min(1, len(spans))
    for (first, _), (start, end), row in zip(spans, spans[1:], shots.shots[1:], strict=False):
        begin, finish = (video.pts_at(t) - video.start_pts for t in (row.transition_start, row.transition_end))
        free = start - first - found[-1][1] - 1
        sides = min(max(0, start - begin), max(0, free)), min(max(0, finish - start), end - start - 1)
        found.append((0, 0) if row.transition_in in {"none", "cut"} else sides)
    return found


def _item(schema: str, name: str, **values: Any) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": schema,
        "metadata": {},
        "name": name,
        "source_range": None,
        "effects": [],
        "markers": [],
        "enabled": True,
        "color": None,
        **values,
    }


def _clip(row: ShotRow, span: tuple[int, int], rate: Fraction, media: dict[str, Any]) -> dict[str, Any]:
    start, end = span
    return _item(
        "Clip.2",
        f"Shot {row.number}",
        metadata={"stills": {"number": row.number, "transition_in": row.transition_in}},
        source_range=_range(start, end - start, rate),
        media_references={"DEFAULT_MEDIA": media},
        active_media_reference_key="DEFAULT_MEDIA",
    )


def _transition(row: ShotRow, before: int, after: int, rate: Fraction) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "Transition.1",
        "metadata": {"stills": {"kind": row.transition_in}},
        "name": row.transition_in.capitalize(),
        "in_offset": _time(before, rate),
        "out_offset": _time(after, rate),
        "transition_type": "SMPTE_Dissolve",
    }


def _range(start: int, length: int, rate: Fraction) -> dict[str, Any]:
    return {"OTIO_SCHEMA": "TimeRange.1", "start_time": _time(start, rate), "duration": _time(length, rate)}


def _time(value: int, rate: Fraction) -> dict[str, Any]:
    """A whole number of frames or ticks. The format has floats for both: these are exact up to 2⁵³."""
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(value)}
