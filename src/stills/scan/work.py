"""A scan under way: what is done, what failed, and what is left of a segment whose worker died."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from stills.errors import StillsError
from stills.index.store import SegmentRows
from stills.media.sandbox import TaskResult
from stills.scan.parameters import ScanParameters
from stills.scan.plan import Segment
from stills.types import Layer, Progress, ProgressCallback, VideoInfo

if TYPE_CHECKING:
    from stills.media.packets import PacketIndex

Key: TypeAlias = tuple[int, int]
"""A piece of work: the number of its segment, and of the piece where the segment had to be cut (0: whole)."""

LOOK_AHEAD = 4
"""Frames behind the last one that came out of a decoder, of which any may be the one that killed it."""


@dataclass(slots=True)
class Work:
    """A scan under way."""

    path: str
    content: str
    video: VideoInfo
    packets: PacketIndex
    parameters: ScanParameters
    layers: frozenset[Layer]
    started: float
    hold_bytes: int
    done: dict[Key, list[SegmentRows]] = field(default_factory=dict)
    failed: list[tuple[Segment, StillsError]] = field(default_factory=list)
    reached: dict[Key, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    cover: Mapping[str, Any] | None = None
    stopped: StillsError | None = None
    """Why it ended before its end: the time for the video was up."""
    furthest: float = 0.0

    def position(self) -> float:
        """Seconds of video that were looked at; never less than before, though a crash takes some away."""
        self.furthest = max(self.furthest, min(float(sum(self.reached.values())), self.video.duration))
        return self.furthest

    def tell(self, on_progress: ProgressCallback | None) -> None:
        """Call ``on_progress``, where there is one."""
        if on_progress is not None:
            elapsed = time.monotonic() - self.started
            on_progress(Progress("scan", self.video.path, self.position(), self.video.duration, elapsed))


def around(work: Work, result: TaskResult, segment: Segment) -> list[tuple[Key, Segment]]:
    """What is left of a segment when the place where its worker died is left out."""
    last = result.last_progress[0] if result.last_progress else None
    number, piece = result.key
    work.reached[result.key] = 0.0
    pieces = []
    if last is not None and (segment.start is None or last > segment.start):
        pieces.append(replace(segment, end=int(last), end_time=work.video.seconds(int(last))))
    after = work.packets.keyframe_pts
    if last is not None:  # the frame that killed it is the next one, or one of the few that decoders look ahead
        after = after[after > last + LOOK_AHEAD * work.packets.frame_ticks]
    else:
        after = after[after > (work.video.start_pts if segment.start is None else segment.start)]
    if len(after) and (segment.end is None or after[0] < segment.end):
        start = int(after[0])
        pieces.append(replace(segment, start=start, start_time=work.video.seconds(start)))
    lost_from = pieces[0].end_time if pieces and pieces[0].end != segment.end else segment.start_time
    work.warnings.append(f"the decoder failed near {lost_from:.1f} s ({result.error.message if result.error else ''})")
    return [((number, piece * 2 + 1 + i), p) for i, p in enumerate(pieces)]
