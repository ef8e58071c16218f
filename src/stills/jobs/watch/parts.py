"""What a watch is made of: nothing, or several that are told in turn. Log lines know their video in any case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from stills.jobs.watch import VideoIds, VideoWatch, Watch
from stills.log import log_ids
from stills.scan.observer import SegmentReport


class NoVideo:
    """Told of everything, does nothing."""

    def segments_planned(self, total: int, kept: int) -> None:
        """Nothing."""

    def segment_finished(self, segment: SegmentReport) -> None:
        """Nothing."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Nothing."""
        return nullcontext()

    def ended(self, status: str, *, seconds: float, error_class: str | None = None, code: str | None = None) -> None:
        """Nothing."""


_NO_VIDEO = NoVideo()


class LogWatch:
    """Has log lines carry the ids of the video that they are about, and does nothing else."""

    @contextmanager
    def video(self, ids: VideoIds) -> Iterator[VideoWatch]:
        """Lines that this thread logs inside have the ids."""
        with log_ids(run=ids.run, video=ids.video, attempt=ids.attempt):
            yield _NO_VIDEO

    def counted(self, recipe: str, status: str, count: int = 1) -> None:
        """Nothing."""

    def queue(self, depth: Mapping[str, int]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class _Videos:
    """Several that watch one video."""

    def __init__(self, parts: Sequence[VideoWatch]) -> None:
        self._parts = parts

    def segments_planned(self, total: int, kept: int) -> None:
        for part in self._parts:
            part.segments_planned(total, kept)

    def segment_finished(self, segment: SegmentReport) -> None:
        for part in self._parts:
            part.segment_finished(segment)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        with ExitStack() as stack:
            for part in self._parts:
                stack.enter_context(part.stage(name))
            yield

    def ended(self, status: str, *, seconds: float, error_class: str | None = None, code: str | None = None) -> None:
        for part in self._parts:
            part.ended(status, seconds=seconds, error_class=error_class, code=code)


class Watches:
    """Several watches as one; the first to be told is the last to see a video end."""

    def __init__(self, parts: Sequence[Watch]) -> None:
        """``parts`` are closed with it."""
        self._parts = parts

    @contextmanager
    def video(self, ids: VideoIds) -> Iterator[VideoWatch]:
        """A try begins: each is told."""
        with ExitStack() as stack:
            yield _Videos([stack.enter_context(part.video(ids)) for part in self._parts])

    def counted(self, recipe: str, status: str, count: int = 1) -> None:
        """Each is told."""
        for part in self._parts:
            part.counted(recipe, status, count)

    def queue(self, depth: Mapping[str, int]) -> None:
        """Each is told."""
        for part in self._parts:
            part.queue(depth)

    def close(self) -> None:
        """Each is closed, also where another one cannot be."""
        with ExitStack() as stack:
            for part in self._parts:
                stack.callback(part.close)
