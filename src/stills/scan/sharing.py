"""Workers that several scanners use at once, each in its own thread; and the memory that their videos share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stills.scan.budget import (
    MB,
    MODELS,
    PARENT,
    REPORT,
    SERVER,
    SERVER_MODELS,
    SHARED,
    WORKER,
    Budget,
    choices,
    cost_of,
    plan_memory,
    too_little,
)
from stills.scan.needs import ModelsHere
from stills.scan.parameters import needs_models
from stills.types import Layer, VideoInfo

if TYPE_CHECKING:
    from stills.media.sandbox_tasks import Runner, Stopper
    from stills.settings_model import Settings

ANOTHER = 12 * MB
"""What each further video under way takes in the command itself: its tables, and its thread."""

_LOOK_S = 0.1  # how often a video that waits for memory looks at its cancel token


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """The memory of one video under way: its ``budget``, bytes in a worker at work on it, bytes in this process."""

    budget: Budget
    in_worker: int
    here: int
    everything: bool = False


class SharedWorkers:
    """A runner for any number of scanners, and the memory they share. Whoever opened the runner closes it."""

    def __init__(self, runner: Runner, settings: Settings, layers: Iterable[Layer] = ("faces",)) -> None:
        """``settings`` are what ``runner`` was opened with; ``layers`` the most that any video will need.

        Raises ``MemoryLimitError`` where they allow too little for any video.
        """
        self.runner = runner
        self.settings = settings
        self.models = ModelsHere()
        most = settings.limits.max_memory
        self.memory = None if most is None else VideoMemory(settings, runner.workers, models=needs_models(layers))


class VideoMemory:
    """Lets videos in, as long as all that are under way stay within ``--max-memory`` whichever of them workers do.

    A video that needs more than is left waits until others have ended, and those that came after it wait behind it:
    so a large one gets its turn too. Safe to use from any thread.
    """

    def __init__(self, settings: Settings, workers: int, *, models: bool = True) -> None:
        """``workers`` is how many there are in all; they have models where ``models`` is set."""
        self._settings = settings
        self._workers = workers
        self._models = models
        self._at_once = settings.jobs.at_once or workers + 1
        self._most = (settings.limits.max_memory or 0) * MB
        self._at_rest = PARENT + REPORT + SERVER + models * SERVER_MODELS + workers * (WORKER + models * MODELS)
        if self._at_rest > self._most:
            raise too_little(settings, None, self._at_rest, self._fewer)
        self._changed = threading.Condition()
        self._under_way: list[Share] = []
        self._waiting: deque[object] = deque()

    @property
    def _fewer(self) -> str:
        return " or use fewer --workers" if self._workers > 1 else ""

    def enter(self, video: VideoInfo, *, everything: bool = False, cancel: Stopper | None = None) -> Share:
        """Wait until there is memory for ``video`` and take it; give it back with :meth:`leave`.

        With ``everything``, wait until no other video is under way. Raises ``MemoryLimitError`` where there would be
        too little for it alone, and whatever ``cancel`` raises, looked at ten times a second.
        """
        if self._choose(video, []) is None:
            raise too_little(self._settings, video, self._at_rest + self._least(video), self._fewer)
        place = object()
        with self._changed:
            self._waiting.append(place)
            try:
                while True:
                    if self._waiting[0] is place and (not everything or not self._under_way):
                        share = self._choose(video, self._under_way, everything=everything)
                        if share is not None:
                            self._under_way.append(share)
                            return share
                    if cancel is not None:
                        cancel.check()
                    self._changed.wait(_LOOK_S)
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()

    def leave(self, share: Share) -> None:
        """Give back what :meth:`enter` gave; harmless to call twice."""
        with self._changed:
            if share in self._under_way:
                self._under_way.remove(share)
                self._changed.notify_all()

    def _choose(self, video: VideoInfo, others: list[Share], *, everything: bool = False) -> Share | None:
        """The best that fits beside ``others``: as many workers at once as can be, then as large buffers as can be.

        No more than would do for as many videos like it as are to be under way, where that many can be.
        """
        if any(share.everything for share in others):
            return None
        shares = self._shares(video, everything=everything)
        if not everything:
            shares = [share for share in shares if self._fits([share] * self._at_once)] or shares
        return next((share for share in shares if self._fits([*others, share])), None)

    def _shares(self, video: VideoInfo, *, everything: bool) -> list[Share]:
        """All that may be chosen for ``video``, the best first."""
        cost = cost_of(video, self._settings, models=self._models)
        mb = self.worker_mb - (self._models * MODELS / (1 << 20) if everything else 0)  # models stay loaded
        return [
            Share(Budget(count, mb, size // 2, size), cost.decoder + size // 2, cost.pictures(size), everything)
            for count, size in choices(self._workers, self._settings.limits.buffer_size * MB, cost.frame)
        ]

    def _least(self, video: VideoInfo) -> int:
        cost = cost_of(video, self._settings, models=self._models)
        return cost.decoder + cost.pictures(0)

    def _fits(self, shares: list[Share]) -> bool:
        """Whether ``shares`` stay within the limit, with all workers at those videos whose frames are the largest."""
        needed = self._at_rest + sum(share.here for share in shares) + ANOTHER * (len(shares) - 1)
        free = self._workers
        for share in sorted(shares, key=lambda one: -one.in_worker):
            count = min(free, share.budget.workers)
            needed += count * share.in_worker
            free -= count
        return needed <= self._most

    @property
    def worker_mb(self) -> float:
        """Resident MiB that one worker may take: what is left where the others are at rest."""
        return (self._most - self._at_rest + WORKER + self._models * MODELS + SHARED) / (1 << 20)


def share_workers(settings: Settings, layers: Iterable[Layer]) -> Budget:
    """How many workers ``settings`` allow where they are shared, and what one of them may take.

    It says nothing of any one video. Raises ``MemoryLimitError`` where there is too little for any.
    """
    layers = frozenset(layers)
    budget = plan_memory(settings, layers)
    if settings.limits.max_memory is None:
        return budget
    memory = VideoMemory(settings, budget.workers, models=needs_models(layers))
    return Budget(budget.workers, memory.worker_mb, budget.hold_bytes, budget.picture_bytes)
