"""Plain extraction under way: stretches of frames handed to workers, what they wrote listed in the result."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills.api.plain_worker import PlainTask
from stills.errors import CorruptVideoError, DecoderKilledError, LimitError, StillsError
from stills.media.sandbox import Task, TaskResult
from stills.render.names import NameGiver, keyframe_file, stem_of, time_name
from stills.render.pictures import OutputOptions
from stills.scan.watch import OutOfTimeError, Watch
from stills.types import VideoInfo

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.media.packets import PacketIndex
    from stills.scan.scanner import Scanner
    from stills.settings import Settings

LEAST_PICTURES = 8
"""Pictures of a stretch: opening the file for fewer would cost more than they do."""

MOST_PICTURES = 64
"""Pictures after which a stretch ends with its group: what a crash, or the end of the time for a video, may cost."""

LOOK_AHEAD = 4
"""Frames behind the last one that was written, of which any may be the one that broke the worker."""

Names: TypeAlias = Mapping[int, str]
"""Names of pictures by pts."""

Row: TypeAlias = tuple[int, str, int, int]
"""pts, name, width and height of a picture that was written."""


@dataclass(slots=True)
class PlainRun:
    """Takes the frames at ``pts`` out of ``video``; ``rows`` is what came out, ``noted`` what went wrong.

    ``place`` is where the video is read from, where that is not its name.
    """

    video: VideoInfo
    packets: PacketIndex
    pts: NDArray[np.int64]
    settings: Settings
    options: OutputOptions
    scanner: Scanner
    rows: list[Row] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    place: str = ""
    _first_error: StillsError | None = None

    def write(self, stage: Path, cancel: CancelToken | None) -> Iterator[str]:
        """Write the pictures into ``stage``, yielding their names as they come.

        Raises ``CancelledError``, ``OutputError``, and where no frame at all can be decoded what was in the way.
        """
        limits = self.settings.limits
        watch = Watch(cancel, self.started, limits.video_timeout)
        queue: dict[int, Names] = {}
        try:
            for attempt in range(limits.retries + 1):
                again: list[Names] = []
                tasks = self._tasks(stage, queue) if attempt else self._first_tasks(stage, queue)
                killed = False
                for result in self.scanner.run(tasks, cancel=watch):
                    names = queue.pop(result.key)
                    if result.ok:
                        self.rows += ((pts, names[pts], width, height) for pts, width, height in result.value)
                        yield from (names[pts] for pts, _, _ in result.value)
                    else:
                        killed |= isinstance(result.error, DecoderKilledError)
                        again += self._left(result, names)
                queue = dict(enumerate(again))
                if not queue:
                    break
                if killed:
                    watch.pause(attempt, limits.retry_delay)
        except OutOfTimeError as error:
            self._first_error = self._first_error or error
        self._sum_up()

    def _sum_up(self) -> None:
        lost = len(self.pts) - len(self.rows)
        if not lost:
            return
        if not self.rows:
            raise self._first_error or CorruptVideoError("no frame can be decoded", path=self.video.path)
        why = f" ({self._first_error.message})" if self._first_error is not None else ""
        self.noted.append(f"{lost} of {len(self.pts)} frames were not taken out{why}")

    def _left(self, result: TaskResult, names: Names) -> list[Names]:
        """What is to be tried again of a stretch that failed; around the place where it broke the worker."""
        error = result.error
        if not isinstance(error, CorruptVideoError | LimitError):
            result.unwrap()
        if isinstance(error, DecoderKilledError):
            return [names]
        self._first_error = self._first_error or error
        last = result.last_progress
        broken = (next(iter(names)) if last is None else int(last)) + LOOK_AHEAD * self.packets.frame_ticks
        before = {pts: name for pts, name in names.items() if last is not None and pts <= last}
        after = {pts: name for pts, name in names.items() if pts > broken}
        return [part for part in (before, after) if part]

    def _tasks(self, stage: Path, queue: Mapping[int, Names]) -> Iterator[Task]:
        return iter([self._task(stage, key, names) for key, names in queue.items()])

    def _first_tasks(self, stage: Path, queue: dict[int, Names]) -> Iterator[Task]:
        """All stretches, made as workers become free; ``queue`` holds those that are not done."""
        give = NameGiver(self.options.format, self.options.name_template)
        number = 0
        for key, (first, last) in enumerate(self._stretches()):
            names = {}
            for pts in self.pts[first:last].tolist():
                number += 1
                names[pts] = self._name(give, number, pts)
            queue[key] = names
            yield self._task(stage, key, names)

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """Runs of ``pts`` as places from … to before …: of whole groups of pictures, a segment long or longer."""
        ticks = self.settings.scan.segment_seconds / self.video.time_base
        first = 0
        group = None
        for place, pts in enumerate(self.pts.tolist()):
            begins, taken = self.packets.start_position(pts), place - first
            long = taken >= MOST_PICTURES or pts - int(self.pts[first]) >= ticks
            if begins != group and taken >= LEAST_PICTURES and long:
                yield first, place
                first = place
            group = begins
        if first < len(self.pts):
            yield first, len(self.pts)

    def _name(self, give: NameGiver, number: int, pts: int) -> str:
        seconds = self.video.seconds(pts)
        values: dict[str, object] = {
            "stem": stem_of(self.video.path),
            "recipe": "keyframes",
            "number": number,
            "rank": number,
            "time": time_name(seconds),
            "pts": pts,
            "shot": 0,
            "score": 0.0,
            "person": 0,
        }
        return give.name(keyframe_file(number, seconds, self.options.format), values)

    def _task(self, stage: Path, key: int, names: Names) -> Task:
        scan = self.settings.scan
        task = PlainTask(
            self.place or self.video.path,
            self.video,
            self.packets,
            names,
            str(stage),
            self.options,
            scan.threads,
            self._device(),
        )
        return Task(key, "stills.api.plain_worker:write_frames", (task,), self.video.path)

    def _device(self) -> str:
        return "cuda" if self.settings.scan.device == "cuda" else "cpu"
