"""The shots of a video as timelines need them: exact ticks, whole frames, time codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from stills.index.index import Index
from stills.types import Transition, VideoInfo

STANDARD_RATES = tuple(
    Fraction(rate)
    for rate in (
        "24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60", "100", "120000/1001", "120",
    )
)  # fmt: skip
"""Frame rates that editing programs know."""

RATE_UNKNOWN = Fraction(25)
"""The rate that frames are counted at where a video has none: a single picture, for example."""

_SAME = 1.5e-6
"""Seconds by which a frame's time and a shot's may differ by rounding to microseconds."""


@dataclass(frozen=True, slots=True)
class ShotRow:
    """A shot: seconds from the first frame shown, and the same in ticks of the video's time base.

    ``end`` is exclusive. ``transition_start`` and ``transition_end`` are the seconds in which the transition into the
    shot takes place; both are ``start`` for a cut. A shot that begins gradually starts in the middle of its transition.
    """

    number: int
    start: float
    end: float
    start_pts: int
    end_pts: int
    transition_in: Transition
    transition_start: float
    transition_end: float


@dataclass(frozen=True, slots=True)
class ShotList:
    """What a timeline is made of. ``document`` is ``shots.json``; ``partial``: the video could be read only in part."""

    video: VideoInfo
    shots: tuple[ShotRow, ...]
    document: Mapping[str, Any]

    @property
    def rate(self) -> Fraction:
        """Frames a second at which timelines count: the video's own, the nearest usual one where it varies."""
        return counting_rate(self.video)

    def frame(self, seconds: float) -> int:
        """The number of the frame shown at ``seconds``, at :attr:`rate`; the first is 0."""
        return frame_number(seconds, self.rate)


def counting_rate(video: VideoInfo) -> Fraction:
    """The rate that frames of ``video`` are counted at: its own, or the usual one nearest to its mean."""
    rate = video.frame_rate
    if rate is None or rate <= 0:
        return RATE_UNKNOWN
    if not video.variable_frame_rate:
        return rate
    return min(STANDARD_RATES, key=lambda usual: abs(math.log(usual / rate)))


def frame_number(seconds: float, rate: Fraction) -> int:
    """The frame nearest to ``seconds`` from the first one, at ``rate`` a second."""
    return math.floor(Fraction(seconds) * rate + Fraction(1, 2))


def frame_spans(shots: ShotList) -> list[tuple[int, int]]:
    """First and last (exclusive) frame of each shot at the counting rate: without gaps, and at least one frame each.

    Where the frame rate varies, shots may be shorter than a counted frame; those push what follows.
    """
    spans: list[tuple[int, int]] = []
    at = 0
    for row in shots.shots:
        start = max(at, shots.frame(row.start)) if not spans else at
        at = max(start + 1, shots.frame(row.end))
        spans.append((start, at))
    return spans


def overlaps(shots: ShotList) -> list[tuple[int, int]]:
    """Counted frames that the transition into each shot takes before and after the shot's first one; 0, 0 for a cut.

    Never more than the shots on its sides have left: an editing program refuses transitions that overlap.
    """
    spans = frame_spans(shots)
    found: list[tuple[int, int]] = []
    for place, (row, (start, end)) in enumerate(zip(shots.shots, spans, strict=True)):
        if place == 0 or row.transition_in in {"none", "cut"}:
            found.append((0, 0))
            continue
        free = spans[place - 1][1] - spans[place - 1][0] - found[-1][1] - 1
        before = min(max(0, start - shots.frame(row.transition_start)), max(0, free))
        after = min(max(0, shots.frame(row.transition_end) - start), end - start - 1)
        found.append((before, after))
    return found


def shot_rows(index: Index) -> tuple[ShotRow, ...]:
    """The shots of ``index``, in order: at least one where there is a frame.

    Raises nothing: where no frame was looked at on a border, its pts is the tick nearest to the time.
    """
    video = index.video
    pts = np.asarray(index.frames["pts"].to_numpy(), np.int64)
    times = np.asarray(index.frames["time"].to_numpy(), np.float64)

    def tick(seconds: float) -> int:
        """The frame's own pts where one is shown then: nearer than the nearest tick of fine time bases."""
        if len(times):
            nearest = int(np.abs(times - seconds).argmin())
            if abs(times[nearest] - seconds) <= _SAME:
                return int(pts[nearest])
        return video.pts_at(seconds)

    rows = index.shots.to_pylist()
    if not rows and len(pts):  # a single frame without a duration
        rows = [{"start": 0.0, "end": video.duration, "transition_in": "none"}]
    return tuple(
        ShotRow(
            number=number,
            start=row["start"],
            end=row["end"],
            start_pts=tick(row["start"]),
            end_pts=tick(row["end"]),
            transition_in=row["transition_in"],
            transition_start=row.get("transition_start", row["start"]),
            transition_end=row.get("transition_end", row["start"]),
        )
        for number, row in enumerate(rows, 1)
    )
