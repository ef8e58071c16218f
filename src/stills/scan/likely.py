"""Frames held while a segment is scanned, because they are likely to be picked: then nothing is decoded twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import pyarrow as pa

from stills.errors import NothingFoundError
from stills.index.goodness import EDGE_SECONDS, edge_factor
from stills.index.index import Index
from stills.index.schema import FACES
from stills.media.decode import DecodedFrame
from stills.scan.join import shot_table
from stills.types import ScanReport, VideoInfo
from stills.vision.transitions import ShotChange

MOMENT = 0.6
"""Seconds that share one held frame: the best of near-equals is seldom another than the best of its second."""

CLEAR = 0.07
"""Seconds around a sudden change in which no key frame is picked: two frames of it at 30 a second."""

_Place: TypeAlias = tuple[int, int]
"""A stretch between two sudden changes, and a moment of it."""


def likely_key_frames(video: VideoInfo, frames: pa.Table, changes: Sequence[ShotChange]) -> set[int]:
    """The pts that a plain ``keyframes`` takes of these rows of ``frames``, as far as a part of the video tells."""
    from stills.select.keyframes import select_keyframes  # scans for faces alone are spared it

    if not len(frames):
        return set()
    index = Index(
        video=video,
        content="",
        frames=frames,
        shots=shot_table(changes, video.duration),
        faces=FACES.empty_table(),
        layers=frozenset({"signals"}),
        parameters={},
        models={},
        report=ScanReport("balanced", None, len(frames), len(frames), 1.0, 0.0),
    )
    try:
        return {pick.pts for pick in select_keyframes(index).frames}
    except NothingFoundError:
        return set()


@dataclass(slots=True)
class LikelyPicks:
    """The best frame of each moment between two sudden changes.

    ``hold_bytes`` bounds the frames' memory. Where it is short, the worse of the two frames of a stretch that lie
    closest in time is let go: a dissolve is no sudden change, and what is behind it is another shot all the same.
    """

    hold_bytes: int
    frame_bytes: int
    _best: dict[_Place, tuple[float, DecodedFrame]] = field(default_factory=dict)
    _pending: tuple[float, DecodedFrame] | None = None
    _stretch: int = 0
    _since: float = 0.0

    def picture_changed(self, time: float) -> None:
        """A new stretch begins at ``time`` seconds."""
        if self._pending is not None:
            score, frame = self._pending
            left = time - frame.time
            self._pending = None if left < CLEAR else (score * float(edge_factor(left)), frame)
        self._settle()
        self._stretch += 1
        self._since = time

    def look(self, frame: DecodedFrame, score: float) -> None:
        """Hold ``frame`` if it is better than what is held of its moment, and no change follows at once."""
        self._settle()
        gone = frame.time - self._since if self._stretch else EDGE_SECONDS
        if self.frame_bytes <= self.hold_bytes and gone >= CLEAR:
            self._pending = score * float(edge_factor(gone)), frame

    def among(self, pts: Collection[int]) -> dict[int, DecodedFrame]:
        """The held frames by pts, those that are in ``pts``."""
        self._settle()
        return {frame.pts: frame for _, frame in self._best.values() if frame.pts in pts}

    def _settle(self) -> None:
        if self._pending is None:
            return
        score, frame = self._pending
        self._pending = None
        place = self._stretch, int((frame.time - self._since) / MOMENT)
        held = self._best.get(place)
        if held is not None and held[0] >= score:
            return
        self._best[place] = score, frame
        while len(self._best) * self.frame_bytes > self.hold_bytes:
            del self._best[self._least()]

    def _least(self) -> _Place:
        """The place whose frame is missed least."""
        pairs = [(a, b) for a, b in pairwise(sorted(self._best)) if a[0] == b[0]]
        if not pairs:  # one of each stretch is left
            return min(self._best, key=lambda place: self._best[place][0])
        close = min(pairs, key=lambda pair: self._best[pair[1]][1].time - self._best[pair[0]][1].time)
        return min(close, key=lambda place: self._best[place][0])
