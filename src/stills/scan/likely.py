"""Frames held while a segment is scanned, because a selection is likely to pick them: then nothing is decoded twice."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from stills.media.decode import DecodedFrame


@dataclass(slots=True)
class LikelyPicks:
    """The best frame of each stretch between two sudden changes, so far; of long stretches one every few seconds.

    ``hold_bytes`` bounds the frames' memory; where it is short, those that scored least are let go.
    """

    hold_bytes: int
    frame_bytes: int
    interval: float = 4.0
    _best: dict[tuple[int, int], tuple[float, DecodedFrame]] = field(default_factory=dict)
    _stretch: int = 0
    _since: float = 0.0

    def picture_changed(self, time: float) -> None:
        """A new stretch begins at ``time`` seconds."""
        self._stretch += 1
        self._since = time

    def look(self, frame: DecodedFrame, score: float) -> None:
        """Hold ``frame`` if it is better than what is held of its stretch."""
        if self.frame_bytes > self.hold_bytes:
            return
        key = self._stretch, int((frame.time - self._since) / self.interval)
        held = self._best.get(key)
        if held is not None and held[0] >= score:
            return
        self._best[key] = score, frame
        while len(self._best) * self.frame_bytes > self.hold_bytes:
            del self._best[min(self._best, key=lambda k: self._best[k][0])]

    def among(self, pts: Collection[int]) -> dict[int, DecodedFrame]:
        """The held frames by pts, those that are in ``pts``."""
        return {frame.pts: frame for _, frame in self._best.values() if frame.pts in pts}
