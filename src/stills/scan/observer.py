"""What a scan tells while it is under way, to whoever keeps books: metrics, traces, a library's state."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """A segment that was finished just now.

    Attributes:
        number: Its number in the video, from 0.
        pieces: Parts that it was finished in: more than one only where it had to be cut around a broken place.
        seconds: Wall time in its worker.
        frames_decoded: Frames that came out of the decoder.
        frames: Frames that were measured.
        faces: Faces found in them.
        bytes_read: Bytes of the video that were read for it: of a remote one what came over the network, of a local
            one the packets of its video stream.
        kept: Whether its rows are on disk, so that it need not be done again.
        ended: When its worker was done with it, by ``time.monotonic``; by default now.
    """

    number: int
    pieces: int
    seconds: float
    frames_decoded: int
    frames: int
    faces: int
    bytes_read: int
    kept: bool
    ended: float = field(default_factory=time.monotonic)


class ScanObserver(Protocol):
    """Told by a scanner, in the thread that scans. What it raises ends the scan of that video."""

    def segments_planned(self, total: int, kept: int) -> None:
        """A scan begins: it has ``total`` segments, of which ``kept`` were finished earlier."""
        ...

    def segment_finished(self, segment: SegmentReport) -> None:
        """A segment was finished, after its rows were kept."""
        ...
