"""The picked frames of a video as pictures: from the spill where they were kept, decoded in the workers where not."""

from __future__ import annotations

import itertools
import logging
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills.errors import CorruptVideoError, printable
from stills.index.index import Index
from stills.index.spill import has_spill, read_spill
from stills.media.sandbox import Task, TaskResult
from stills.types import COVER_PTS, VideoInfo

DECODED_BYTES = 96 << 20
"""Decoded pictures that are held at a time, where nothing else is said."""

LEAST_SECONDS = 4.0
"""Seconds of video that a worker is to decode for its part of the pictures: opening the file costs it 0.1 to 0.3 s."""

Rgb: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]

Decode: TypeAlias = Callable[[list[int]], dict[int, Rgb]]
"""Decodes the pictures of some pts; those that fail are missing."""

Run: TypeAlias = Callable[[Sequence[Task]], Iterator[TaskResult]]
"""Runs tasks in workers, and gives their results as they finish."""

_WORKER = "stills.scan.worker"

_log = logging.getLogger(__name__)


class Pictures(Mapping[int, Rgb]):
    """Pictures by pts: restored from the spill, or decoded in workers, a few at a time.

    ``COVER_PTS`` stands for the cover picture embedded in the file, which has 8 bits a channel always.
    """

    def __init__(
        self, index: Index, pts: list[int], decode: Decode, *, bit_depth: int = 8, held_bytes: int = DECODED_BYTES
    ) -> None:
        """``pts`` in rising order; ``bit_depth`` is what ``decode`` makes, 8 or 16 bits a channel.

        As many pictures are decoded at a time as fit into ``held_bytes``, one at least.
        """
        self._index, self._pts, self._decode_all, self._bit_depth = index, pts, decode, bit_depth
        self.held_bytes = held_bytes
        self._known = frozenset(pts)
        self._spill = None if index.folder is None else Path(index.folder) / "spill"
        self._ready: dict[int, Rgb] = {}
        self._failed: set[int] = set()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._pts)

    def __iter__(self) -> Iterator[int]:
        """The pts, in rising order."""
        return iter(self._pts)

    def __getitem__(self, pts: int) -> Rgb:
        """One picture. Raises ``KeyError`` for a pts that was not announced, ``CorruptVideoError``."""
        if pts not in self._known:
            raise KeyError(pts)
        restored = self.restore(pts)
        if restored is not None:
            return restored
        if pts not in self._ready and pts not in self._failed:
            self.prepare(pts)
        if pts not in self._ready:
            what = "the cover picture" if pts == COVER_PTS else f"the picked frame at pts {pts}"
            raise CorruptVideoError(
                f"{what} cannot be decoded any more",
                path=self._index.video.path,
                remedy="was the file changed? run `stills forget` on it and scan it again",
            )
        return self._ready[pts]

    @property
    def picture_bytes(self) -> int:
        """Memory that one picture takes."""
        return self._index.video.width * self._index.video.height * 3 * self._bit_depth // 8

    def missing(self, after: int | None = None) -> Iterator[int]:
        """The pts (those ``after`` one) that are not in the spill, in rising order, looked up as they are asked for."""
        pts = self._pts if after is None else self._pts[bisect_right(self._pts, after) :]
        return (p for p in pts if not (self._spill and has_spill(self._spill, p)))

    def restore(self, pts: int) -> Rgb | None:
        """The picture at ``pts`` from the spill, or ``None``; may be called from any thread."""
        kept = None if self._spill is None else read_spill(self._spill, pts)
        if kept is None:
            return None
        return kept.picture16() if self._bit_depth == 16 else kept.picture()

    def prepare(self, pts: int) -> None:
        """Decode the picture at ``pts`` and the next few that are not in the spill, in one pass over the video."""
        few = max(1, self.held_bytes // max(1, self.picture_bytes))
        wanted = [
            pts,
            *itertools.islice(self.missing(pts), few - 1),
        ]  # the one asked for may be in the spill and damaged
        self._ready = {}  # before the next ones come: they are not to be held together
        self._ready = self._decode_all(wanted)
        self._failed.update(p for p in wanted if p not in self._ready)


def decode_picks(
    run: Run, index: Index, pts: Sequence[int], *, workers: int, threads: int, bit_depth: int
) -> dict[int, Rgb]:
    """The pictures at ``pts`` (rising), decoded by up to ``workers`` tasks at once; those that fail are missing.

    A frame that breaks its worker costs itself: what the worker had to do with it is tried again, frame by frame.
    Raises what a task raises that is not about its frames (``LimitError`` among them).
    """
    path, name, device = index.place, index.video.path, str(index.parameters["device"])
    found: dict[int, Rgb] = {}
    keys = index.frames.filter(index.frames["is_key"])["pts"].to_pylist()
    parts = stretches([p for p in pts if p != COVER_PTS], keys, index.video, workers)
    parts += [[COVER_PTS]] if COVER_PTS in pts else []
    while parts:
        tasks = [
            Task(number, f"{_WORKER}:cover_rgb", (path,), name)
            if part == [COVER_PTS]
            else Task(number, f"{_WORKER}:decode_pictures", (path, index.video, part, threads, device, bit_depth), name)
            for number, part in enumerate(parts)
        ]
        again: list[list[int]] = []
        for result in run(tasks):
            part = parts[result.key]
            if isinstance(result.error, CorruptVideoError):
                again += [[p] for p in part] if len(part) > 1 else []
                _log.warning("%s: %s", printable(name), result.error.message)
            elif part == [COVER_PTS]:
                found |= {} if result.unwrap() is None else {COVER_PTS: result.value}
            else:
                found |= result.unwrap()
        parts = again
    return found


def stretches(pts: Sequence[int], keys: Sequence[int], video: VideoInfo, parts: int) -> list[list[int]]:
    """``pts`` (rising) as up to ``parts`` runs of neighbours that cost about the same to decode.

    Decoding begins at a sync sample (their pts: ``keys``), so frames that share one stay together: two workers would
    decode what lies before them twice. A run is not made shorter than :data:`LEAST_SECONDS` of decoding.
    """
    if not pts:
        return []
    keys = sorted(keys)
    groups: list[list[int]] = []
    costs: list[float] = []  # seconds of video to be decoded for each group
    current: int | None = None
    for one in pts:
        place = bisect_right(keys, one)
        start = keys[place - 1] if place else video.start_pts
        if start != current or not groups:
            groups.append([])
            costs.append(0.0)
            current = start
        before = groups[-1][-1] if groups[-1] else start
        groups[-1].append(one)
        costs[-1] += float(max(0, one - before) * video.time_base)
    total = sum(costs)
    parts = max(1, min(parts, len(groups), int(total / LEAST_SECONDS)))
    ends = list(itertools.accumulate(costs))
    cuts = {bisect_left(ends, total * n / parts) + 1 for n in range(1, parts)}
    edges = [0, *sorted(cut for cut in cuts if cut < len(groups)), len(groups)]
    return [list(itertools.chain(*groups[low:high])) for low, high in itertools.pairwise(edges)]
