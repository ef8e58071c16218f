"""Where a scanner's tasks run: in workers of its own, or in some that it shares with other scanners."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from stills.errors import UsageError
from stills.media.sandbox_tasks import Runner, Stopper, Task, TaskResult
from stills.scan.budget import Budget, plan_memory
from stills.scan.needs import ModelsHere
from stills.scan.pool import pool_limits, start_workers
from stills.types import Layer, VideoInfo

if TYPE_CHECKING:
    from stills.media.sandbox import Pool
    from stills.scan.sharing import Share, SharedWorkers
    from stills.settings_model import Settings


class Tasks(Protocol):
    """What runs the tasks of one scanner."""

    @property
    def workers(self) -> int:
        """How many of its tasks run at once."""
        ...

    def run(
        self,
        tasks: Iterable[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
    ) -> Iterator[TaskResult]:
        """Run them: see :meth:`stills.media.sandbox.Pool.run`."""
        ...


Alone: TypeAlias = tuple[Tasks, Budget | None]
"""Workers for one task that may have all memory there is, and how much that is (``None``: there is no limit)."""


class OwnWorkers:
    """A pool that is started with the first task, kept between videos, and started anew where memory wants another."""

    def __init__(self, settings: Settings, pool: Pool | None = None) -> None:
        """``pool`` are workers that were started before."""
        self.models = ModelsHere()
        self._settings = settings
        self._pool = pool

    def configure(self, settings: Settings) -> None:
        """Keep to other settings; workers stay where they serve those too."""
        if settings.limits != self._settings.limits or settings.scan.workers != self._settings.scan.workers:
            self.close()
        self._settings = settings

    def tasks(self, layers: Iterable[Layer]) -> Tasks:
        """The workers, started for ``layers`` where there are none."""
        if self._pool is None:
            self._pool = start_workers(self._settings, layers)
        return self._pool

    def fit(self, layers: Iterable[Layer], video: VideoInfo, cancel: Stopper | None = None) -> Budget:
        """What memory allows for ``video``; workers that were started for more are ended."""
        budget = plan_memory(self._settings, layers, video)
        pool, limited = self._pool, self._settings.limits.max_memory is not None
        share = budget.workers, pool_limits(self._settings, budget)
        if limited and pool is not None and (pool.workers, pool.limits) != share:
            self.close()
        if self._pool is None:
            self._pool = start_workers(self._settings, layers, budget)
        return budget

    def picture_bytes(self, video: VideoInfo, cancel: Stopper | None = None) -> int:
        """Memory of the pictures of ``video`` that may be decoded at a time. Starts nothing."""
        return plan_memory(self._settings, (), video).picture_bytes

    @contextlib.contextmanager
    def alone(self, video: VideoInfo, layers: Iterable[Layer], cancel: Stopper | None = None) -> Iterator[Alone]:
        """Workers for one task, which gets the memory of all: the others are ended where it is limited."""
        if self._settings.limits.max_memory is None:
            yield self.tasks(layers), None
            return
        one = self._settings.model_copy(update={"scan": self._settings.scan.model_copy(update={"workers": 1})})
        budget = plan_memory(one, (), video)
        self.close()
        self._pool = start_workers(one, (), budget)
        try:
            yield self._pool, budget
        finally:
            self.close()

    def release(self) -> None:
        """A video is done with: nothing is kept for it."""

    def close(self) -> None:
        """End the workers; the next task starts others."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


@dataclass(frozen=True, slots=True)
class _AtOnce:
    """A runner of which one video may have so many workers at once."""

    runner: Runner
    workers: int

    def run(
        self,
        tasks: Iterable[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
    ) -> Iterator[TaskResult]:
        return self.runner.run(tasks, on_progress=on_progress, cancel=cancel, at_once=self.workers)


class BorrowedWorkers:
    """Some of :class:`~stills.scan.sharing.SharedWorkers`, for one scanner. Closing gives back memory, no more."""

    def __init__(self, shared: SharedWorkers) -> None:
        """Nothing is taken yet."""
        self.models = shared.models
        self._shared = shared
        self._share: Share | None = None
        self._path: str | None = None  # of the video that the share is for

    def configure(self, settings: Settings) -> None:
        """Raises ``UsageError`` where ``settings`` want other workers than there are."""
        known = self._shared.settings
        if settings.limits != known.limits or settings.scan.workers != known.scan.workers:
            raise UsageError("workers that are shared cannot have other limits for one video")

    def tasks(self, layers: Iterable[Layer]) -> Tasks:
        """The workers, as many at once as memory allows for the video under way."""
        runner = self._shared.runner
        return runner if self._share is None else _AtOnce(runner, self._share.budget.workers)

    def fit(self, layers: Iterable[Layer], video: VideoInfo, cancel: Stopper | None = None) -> Budget:
        """What memory allows for ``video`` beside the others under way; waits until there is enough."""
        memory = self._shared.memory
        if memory is None:
            return plan_memory(self._shared.settings, layers, video)
        if self._share is None or self._path != video.path:
            self.release()
            self._share, self._path = memory.enter(video, cancel=cancel), video.path
        return self._share.budget

    def picture_bytes(self, video: VideoInfo, cancel: Stopper | None = None) -> int:
        """Memory of the pictures of ``video`` that may be decoded at a time; waits until there is that much."""
        return self.fit((), video, cancel).picture_bytes

    @contextlib.contextmanager
    def alone(self, video: VideoInfo, layers: Iterable[Layer], cancel: Stopper | None = None) -> Iterator[Alone]:
        """Workers for one task; where memory is limited, once no other video is under way."""
        memory = self._shared.memory
        if memory is None:
            yield self.tasks(layers), None
            return
        self.release()
        share = memory.enter(video, everything=True, cancel=cancel)
        try:
            yield _AtOnce(self._shared.runner, 1), share.budget
        finally:
            memory.leave(share)

    def release(self) -> None:
        """A video is done with: others may have its memory."""
        if self._share is not None and self._shared.memory is not None:
            self._shared.memory.leave(self._share)
        self._share = self._path = None

    def close(self) -> None:
        """Give back the memory; the workers go on for others."""
        self.release()
