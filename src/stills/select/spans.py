"""When somebody is on screen, in real time: from what was seen in analysed frames, not from counting detections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills.index.index import Index

Span: TypeAlias = tuple[float, float]
"""Start and end in seconds from the first frame shown."""


@dataclass(frozen=True, slots=True)
class Clock:
    """When frames were analysed and where shots begin and end, all in seconds."""

    analysed: NDArray[np.float64]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]

    @classmethod
    def of(cls, index: Index) -> Clock:
        """The clock of an index."""
        frames = index.frames
        return cls(
            analysed=frames["time"].filter(frames["analysed"]).to_numpy(),
            starts=index.shots["start"].to_numpy(),
            ends=index.shots["end"].to_numpy(),
        )


def track_span(clock: Clock, times: NDArray[np.float64]) -> Span:
    """When the face of one track (seen at ``times``, inside one shot) was on screen.

    It reaches half-way to the analysed frames before and after in which the face was not seen, or to the shot's own
    start and end where there are none. Gaps inside a track are counted: the track bridges them.
    """
    first, last = float(times.min()), float(times.max())
    shot = max(0, int(np.searchsorted(clock.starts, first, side="right")) - 1)
    start, end = float(clock.starts[shot]), float(clock.ends[shot])
    before = int(np.searchsorted(clock.analysed, first, side="left")) - 1
    if before >= 0 and clock.analysed[before] >= start:
        start = 0.5 * (first + float(clock.analysed[before]))
    after = int(np.searchsorted(clock.analysed, last, side="right"))
    if after < len(clock.analysed) and clock.analysed[after] < end:
        end = 0.5 * (last + float(clock.analysed[after]))
    return round(min(start, first), 6), round(max(end, last), 6)


def union(spans: Iterable[Span]) -> list[Span]:
    """``spans`` merged where they touch or overlap, in order."""
    merged: list[Span] = []
    for a, b in sorted(spans):
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], b))
        else:
            merged.append((a, b))
    return merged


def total(spans: Iterable[Span]) -> float:
    """Seconds in ``spans``, which must not overlap."""
    return sum(b - a for a, b in spans)
