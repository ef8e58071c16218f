"""Linking the faces of neighbouring analysed frames into tracks, by where they are.

Analysed frames lie about a quarter of a second apart, so faces move by a part of their size: position and size, with
the speed carried on, decide nearly all links. What they get wrong (two people who cross, a cut that nobody saw) is
found by the embeddings later and split (see :mod:`stills.scan.purity`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stills.types import Box

REACH = 0.7
"""How far a face may be from where it is expected, in its own sizes, after no time."""

REACH_PER_SECOND = 1.6
"""How much further for each second since it was seen. A walk across a close-up takes about a second."""

REACH_MOST = 1.8
"""Never further than this many sizes."""

SCALE_MOST = 1.9
"""Largest ratio of sizes of one face in neighbouring analysed frames."""

SCALE_WEIGHT = 0.5
"""Cost of a doubling in size, in sizes of distance."""


@dataclass(slots=True)
class _Open:
    """A track that may still go on."""

    id: int
    time: float
    center: NDArray[np.float64]
    size: float
    velocity: NDArray[np.float64]


class Tracker:
    """Gives each face the id of its track. Faces come in order of time."""

    def __init__(self, max_gap: float) -> None:
        """``max_gap``: seconds after which an unseen face's track is over."""
        self._max_gap = max_gap
        self._open: list[_Open] = []
        self._next = 0

    @property
    def smallest(self) -> float | None:
        """Size in pixels of the smallest face that is being followed; ``None`` without any."""
        return min((t.size for t in self._open), default=None)

    def break_all(self) -> None:
        """End all tracks: the picture changed."""
        self._open.clear()

    def update(self, time: float, boxes: Sequence[Box]) -> list[int]:
        """Track ids of the faces ``boxes`` (pixels) seen at ``time`` (seconds), in their order."""
        self._open = [t for t in self._open if time - t.time <= self._max_gap]
        centers = np.array([(x + w / 2, y + h / 2) for x, y, w, h in boxes], dtype=np.float64).reshape(-1, 2)
        sizes = np.array([np.sqrt(w * h) for _, _, w, h in boxes], dtype=np.float64)
        ids = [-1] * len(boxes)
        for _, track, face in sorted(self._links(time, centers, sizes), key=lambda link: link[0]):
            if ids[face] >= 0 or track.time == time:
                continue
            ids[face] = track.id
            self._follow(track, time, centers[face], float(sizes[face]))
        for face, known in enumerate(ids):
            if known < 0:
                ids[face] = self._next
                self._next += 1
                self._open.append(_Open(ids[face], time, centers[face], float(sizes[face]), np.zeros(2)))
        return ids

    def _links(
        self, time: float, centers: NDArray[np.float64], sizes: NDArray[np.float64]
    ) -> list[tuple[float, _Open, int]]:
        """All links that are possible, as (cost, track, face)."""
        links = []
        for track in self._open:
            since = time - track.time
            reach = min(REACH + REACH_PER_SECOND * since, REACH_MOST)
            for face in range(len(sizes)):
                ratio = max(sizes[face] / track.size, track.size / sizes[face])
                if ratio > SCALE_MOST:
                    continue
                expected = track.center + track.velocity * since
                unit = min(track.size, sizes[face])
                # A face that stopped is as likely as one that went on.
                away = min(np.hypot(*(centers[face] - expected)), np.hypot(*(centers[face] - track.center))) / unit
                if away <= reach:
                    links.append((float(away + SCALE_WEIGHT * np.log2(ratio)), track, face))
        return links

    @staticmethod
    def _follow(track: _Open, time: float, center: NDArray[np.float64], size: float) -> None:
        since = time - track.time
        if since > 0:
            track.velocity = 0.5 * track.velocity + 0.5 * (center - track.center) / since
        track.time, track.center, track.size = time, center, size
