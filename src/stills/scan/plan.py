"""Cutting a video into segments on key-frame borders, and choosing the frames of a sparse scan, from packets alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stills.index.previews import PreviewPlan
from stills.media.packets import PacketIndex
from stills.scan.parameters import ScanParameters
from stills.types import Layer, VideoInfo

SEEKABLE = frozenset({"mov", "mp4", "matroska", "webm"})
"""Containers with an index of their own: decoding can start at any key frame. The others are one segment."""

LEAST_LENGTH = 0.7
"""Least length of a segment, of what is asked for, when a border is moved to a better key frame."""

REGULAR = 0.97
"""Distance from the key frame before, of the largest there is, from which a key frame is just the next in turn."""

LEAST_FRAMES = 200.0
"""Frames that may be decoded whatever the share says, up to the share of a long film: a clip costs nothing."""

ON_THE_WAY = 4.0
"""Seconds between two looks at what has to be decoded anyway."""

LONG_FILM = 600.0
"""Seconds of video beside which starting up does not count."""

KEY_SPACING = 0.5
"""Seconds between two key frames that a sparse scan takes: in all-intra video every frame is one."""

FARTHEST = 8.0
"""Seconds between two key frames that a sparse scan takes at most, however few bytes it may want."""

SURE_RATIO = 2.0
"""How much larger than those around a packet is that is taken for a cut unseen; see ``PacketIndex.suspected_cuts``."""

UNSURE_VALUE = 0.2
"""What a packet that is large, but not that large, is worth beside a sure one: of 87 such in a development film 17 were
cuts, of 20 sure ones 14."""

AFTER_CUT = 0.12
"""Seconds behind a suspected cut that a sparse scan looks: past a blended frame or the first steps of a dissolve."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of work: frames with ``start <= pts < end`` (``None``: to the end of the video).

    ``wanted`` are the exact pts that a sparse scan decodes (``None``: as the parameters say); ``cuts`` the pts at which
    the packets' sizes suggest a cut. ``start_time`` and ``end_time`` are seconds, for progress and coverage.
    """

    number: int
    start: int | None
    end: int | None
    start_time: float
    end_time: float
    wanted: tuple[int, ...] | None = None
    cuts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentTask:
    """What a worker needs to know of a segment.

    ``spill`` is the folder for frames of likely picks, if any, ``hold_bytes`` the memory that those may take until the
    segment ends. ``previews`` says which small pictures are kept of all that may be picked, if any.
    """

    path: str
    video: VideoInfo
    packets: PacketIndex
    segment: Segment
    parameters: ScanParameters
    layers: frozenset[Layer] = frozenset({"faces"})
    threads: int = 1
    spill: str | None = None
    hold_bytes: int = 48 << 20
    previews: PreviewPlan | None = None


def plan_segments(video: VideoInfo, packets: PacketIndex, parameters: ScanParameters) -> list[Segment]:
    """The segments of a video, in order. They do not depend on who works on them."""
    borders = _borders(video, packets, parameters.segment_seconds)
    sparse = parameters.decode == "sparse"
    wanted = _sparse(video, packets, borders, parameters) if sparse else np.empty(0, np.int64)
    cuts = packets.suspected_cuts(SURE_RATIO) if sparse else np.empty(0, np.int64)
    segments = []
    for number, start in enumerate(borders):
        end = borders[number + 1] if number + 1 < len(borders) else None
        segments.append(
            Segment(
                number=number,
                start=start if number else None,
                end=end,
                start_time=video.seconds(start) if number else 0.0,
                end_time=video.seconds(end) if end is not None else video.duration,
                wanted=_inside(wanted, start if number else None, end) if sparse else None,
                cuts=_inside(cuts, start if number else None, end),
            )
        )
    return segments


def _inside(pts: NDArray[np.int64], start: int | None, end: int | None) -> tuple[int, ...]:
    """Those of ``pts`` from ``start`` up to before ``end``."""
    return tuple(int(p) for p in pts if (start is None or p >= start) and (end is None or p < end))


def _budget(video: VideoInfo, frames: int, parameters: ScanParameters) -> float:
    """Frames that a sparse scan may decode of ``frames``: what matters little beside starting up, then a share."""
    if video.duration <= 0:
        return 0.0
    low, high = parameters.sparse_budget
    share = low + (high - low) * (1.0 - math.exp(-video.duration / LONG_FILM))
    return max(share * frames, min(LEAST_FRAMES, high * frames))


def _borders(video: VideoInfo, packets: PacketIndex, seconds: float) -> list[int]:
    """The pts at which segments begin, the first one included."""
    keys = packets.keyframe_pts
    first = video.start_pts
    if not SEEKABLE.intersection(video.container.split(",")) or video.duration < 1.5 * seconds:
        return [first]
    borders = [first]
    step = int(seconds / video.time_base)
    last = video.start_pts + int(video.duration / video.time_base)
    gaps = np.diff(keys, prepend=keys[:1])
    # Encoders place key frames at even distances and, besides, on cuts: a border on a cut tears no track.
    irregular = gaps < REGULAR * gaps.max(initial=0)
    while True:
        target = borders[-1] + step
        inside = (keys >= borders[-1] + int(LEAST_LENGTH * step)) & (keys <= target + int((1 - LEAST_LENGTH) * step))
        near = keys[inside & irregular] if (inside & irregular).any() else keys[inside]
        if not len(near):
            near = keys[keys > target][:1]
        # The last piece is not left shorter than half a segment: it would keep one worker while the others idle.
        if not len(near) or last - (border := int(near[np.argmin(np.abs(near - target))])) < step // 2:
            return borders
        borders.append(border)


def _sparse(
    video: VideoInfo, packets: PacketIndex, borders: list[int], parameters: ScanParameters
) -> NDArray[np.int64]:
    """The pts that a sparse scan decodes: key frames, and frames behind suspected cuts as far as the budget goes."""
    shown = packets.presentation_pts
    if not len(shown):
        return shown

    def near(pts: NDArray[np.int64]) -> list[int]:
        """The first frame shown at or after each of ``pts``."""
        return [int(shown[i]) for i in np.minimum(np.searchsorted(shown, pts), len(shown) - 1)]

    room = _Room(video, packets, parameters)
    wanted = {int(shown[0]), *near(np.array(borders)), *room.key_frames()}
    behind = max(1, int(AFTER_CUT / video.time_base))
    # A group of pictures is decoded up to its last suspect: groups that cost least for what they promise come first.
    groups: dict[int, list[int]] = {}
    for pts in packets.suspected_cuts():
        groups.setdefault(packets.gop_start(int(pts)), []).append(int(pts))
    sure = set(packets.suspected_cuts(SURE_RATIO).tolist())
    options = []
    for key, inside in groups.items():
        targets = near(np.array(inside) + behind)
        value = sum(1.0 if pts in sure else UNSURE_VALUE for pts in inside)
        cost = int(np.searchsorted(shown, targets[-1]) - np.searchsorted(shown, key)) + 1
        options.append((cost / value, cost, key, targets))
    left = _budget(video, len(shown), parameters)
    for _, cost, key, targets in sorted(options):
        if cost <= left and room.take(key, targets[-1]):
            left -= cost
            wanted.update(targets)
            # What is decoded on the way costs only the look, and shows the shots that no packet told of.
            wanted.update(near(np.arange(key, targets[-1], max(1, int(ON_THE_WAY / video.time_base)))))
    return np.array(sorted(wanted), np.int64)


class _Room:
    """The bytes that a sparse scan may want, where there is a limit to them."""

    def __init__(self, video: VideoInfo, packets: PacketIndex, parameters: ScanParameters) -> None:
        self._video, self._packets = video, packets
        share = parameters.sparse_bytes
        self._left = math.inf if share is None else share * (video.file_size or int(packets.size.sum()))
        self._before = np.concatenate([[0], np.cumsum(packets.size, dtype=np.int64)])
        self._order = np.argsort(packets.pts, kind="stable")

    def key_frames(self) -> list[int]:
        """The pts of the key frames to take: as close as :data:`KEY_SPACING`, farther apart where they are too large.

        At most half of the room is theirs, unless that would leave less than one in :data:`FARTHEST` seconds.
        """
        spacing = KEY_SPACING
        while True:
            keys = _spaced(self._packets.keyframe_pts, int(spacing / self._video.time_base))
            size = sum(self._bytes(pts, pts) for pts in keys) if math.isfinite(self._left) else 0
            if size <= self._left / 2 or spacing >= FARTHEST:
                self._left -= size
                return keys
            spacing *= 1.25

    def take(self, key: int, last: int) -> bool:
        """Whether there is room for what is decoded from the key frame ``key`` to the frame ``last``; then it is taken.

        Both are pts; the key frame itself has its room already.
        """
        if not math.isfinite(self._left):
            return True
        size = self._bytes(key, last) - self._bytes(key, key)
        if size > self._left:
            return False
        self._left -= size
        return True

    def _bytes(self, first: int, last: int) -> int:
        """Of the packets from that of the frame ``first`` to that of ``last``, in decode order."""
        pts = self._packets.pts[self._order]
        begin, end = (int(self._order[min(int(np.searchsorted(pts, p)), len(pts) - 1)]) for p in (first, last))
        return int(self._before[max(begin, end) + 1] - self._before[begin])


def _spaced(pts: NDArray[np.int64], distance: int) -> list[int]:
    """``pts`` thinned so that neighbours are at least ``distance`` ticks apart."""
    taken: list[int] = []
    for p in pts:
        if not taken or p - taken[-1] >= distance:
            taken.append(int(p))
    return taken
