"""How much memory the parts of stills may take, so that all processes together stay within ``--max-memory``.

What a process takes at rest was measured (proportional set sizes, which count shared pages once, on 64-bit Linux with
the pinned versions); what it takes beyond follows from the size of a frame and from how many are held. Where that is
more than there is, buffers get smaller first, then there are fewer workers; where one worker with the least buffers is
too much, the video is refused, with the figure that would do. The sandbox holds each worker to its share.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stills.errors import MemoryLimitError
from stills.scan.parameters import needs_models
from stills.types import Layer, VideoInfo

if TYPE_CHECKING:
    from stills.settings_model import Settings

MB = 1_000_000

PARENT = 108 * MB
"""The command itself while workers scan."""

REPORT = 20 * MB
"""What it imports besides to write pictures and a report."""

SERVER = 62 * MB
"""The fork server, and what workers share with it."""

SERVER_MODELS = 30 * MB
"""The same for the runtime of the models."""

WORKER = 52 * MB
"""A worker beyond what it shares: its own pages, a segment's rows, the encoder."""

MODELS = 120 * MB
"""Compiled models of a worker, and what they allocate while they run."""

SHARED = 90 * MB
"""Pages of a worker that are the fork server's too: the sandbox counts them with each worker."""

DECODER_FRAMES = 9
"""Frames that a decoder holds besides one for each of its threads: references, reordering, the one looked at."""

WORKER_MB = 4096.0
"""Resident MiB that a worker may take where there is no limit for all: a damaged file must not take the machine."""

_WRITING = 4
"""Memory of the one picture that is always being written, in pictures: decoded, converted, and in the encoder."""

_COPIES = 5
"""Memory of a batch of decoded pictures: where it is made, where it goes, and three times as much as encoders work."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What fits.

    ``workers`` at once, of which each may have ``worker_mb`` MiB resident. A worker holds ``hold_bytes`` of decoded
    frames while it scans; ``picture_bytes`` are decoded at a time for writing, and as much may wait to be encoded.
    Where that is less than a picture, pictures are written one after another.
    """

    workers: int
    worker_mb: float
    hold_bytes: int
    picture_bytes: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes of a frame as it is decoded and as a picture, of all frames in a decoder; and whether there are models."""

    frame: int
    picture: int
    decoder: int
    models: bool

    def worker(self, hold: int) -> int:
        """What a worker takes that holds ``hold`` bytes of decoded frames."""
        return WORKER + self.models * MODELS + self.decoder + hold

    def scanning(self, workers: int, hold: int) -> int:
        """What all processes take while ``workers`` scan."""
        return PARENT + SERVER + self.models * SERVER_MODELS + workers * self.worker(hold)

    def writing(self, workers: int, pictures: int) -> int:
        """What all processes take while a batch of ``pictures`` bytes is decoded and written."""
        idle = self.scanning(workers, 0) - (workers - 1) * self.decoder
        return REPORT + idle + self.pictures(pictures)

    def pictures(self, batch: int) -> int:
        """What pictures take while they are written, ``batch`` bytes of them at a time."""
        return (_COPIES * batch if batch >= self.picture else 0) + _WRITING * self.picture

    def all(self, workers: int, buffer: int) -> int:
        """What all processes take at most, with ``workers`` and a ``buffer`` of decoded frames."""
        return max(self.scanning(workers, buffer // 2), self.writing(workers, buffer))


def plan_memory(settings: Settings, layers: Iterable[Layer], video: VideoInfo | None = None) -> Budget:
    """What of ``settings`` fits into ``limits.max_memory``, for scanning ``layers`` of ``video`` and writing frames.

    Without ``video`` frames count nothing: that is for before it is probed. Raises ``MemoryLimitError`` where nothing
    fits.
    """
    limits, scan = settings.limits, settings.scan
    workers = scan.workers or cores()
    buffer = limits.buffer_size * MB
    if limits.max_memory is None:
        return Budget(workers, WORKER_MB, buffer // 2, buffer // 2)
    cost = cost_of(video, settings, models=needs_models(layers))
    most = limits.max_memory * MB
    for count, size in choices(workers, buffer, cost.frame):
        if (needed := cost.all(count, size)) <= most:
            left = (most - needed) // count  # what nobody asks for is the workers' own
            share = cost.worker(size // 2) + SHARED + left
            return Budget(count, share / (1 << 20), size // 2, size)
    raise too_little(settings, video, cost.all(1, 0))


def too_little(settings: Settings, video: VideoInfo | None, least: int, more: str = "") -> MemoryLimitError:
    """What to raise where ``least`` bytes would be needed; ``more`` is another remedy."""
    least = -(-least // MB)
    what = "this video" if video is not None else "any video"
    fewer = " or use --threads 1" if settings.scan.threads > 1 else ""
    return MemoryLimitError(
        f"{settings.limits.max_memory} MB of memory are too little for {what}: it takes {least} MB",
        path=None if video is None else video.path,
        remedy=f"allow --max-memory {least} or more{fewer}{more}",
    )


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choices(workers: int, buffer: int, frame: int) -> Iterator[tuple[int, int]]:
    """Workers and buffers to try, the best first: a quarter of a buffer costs less time than a missing worker."""
    for count in range(workers, 0, -1):
        for size in (buffer, buffer // 2, buffer // 4):
            yield count, size
    yield 1, min(2 * frame, buffer // 4)
    yield 1, 0


def cost_of(video: VideoInfo | None, settings: Settings, *, models: bool) -> Cost:
    """What frames of ``video`` cost; nothing, where it is not known yet."""
    if video is None:
        return Cost(0, 0, 0, models)
    deep = 2 if video.bit_depth > 8 else 1
    frame = int(video.coded_width * video.coded_height * 1.5 * deep)
    picture = video.width * video.height * 3 * (2 if settings.output.bit_depth == 16 else 1)
    return Cost(frame, picture, (DECODER_FRAMES + settings.scan.threads) * frame, models)
