"""Starting the worker processes. Light to import, so that their own imports can overlap with everything else's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from stills.media.sandbox import Limits, Pool
from stills.scan.budget import Budget, plan_memory
from stills.scan.parameters import PRELOAD, PRELOAD_MODELS, needs_models
from stills.types import Layer

if TYPE_CHECKING:
    from stills.settings_model import Settings


def start_workers(settings: Settings, layers: Iterable[Layer] = ("faces",), budget: Budget | None = None) -> Pool:
    """A pool as ``settings`` want it. Its fork server is starting when this returns; workers come with the first task.

    Workers for ``layers`` without models start faster; they can measure the others too. ``budget`` is what memory
    allows, by default for a video of which nothing is known yet. Raises ``WorkerError`` where processes cannot be
    started here, ``MemoryLimitError`` where the settings allow too little for any video.
    """
    budget = budget or plan_memory(settings, layers)
    preload = (*PRELOAD, *PRELOAD_MODELS) if needs_models(layers) else PRELOAD
    if settings.jobs.gently:
        preload = ("stills.media.gently", *preload)
    return Pool(budget.workers, pool_limits(settings, budget), preload=preload).start()


def pool_limits(settings: Settings, budget: Budget) -> Limits:
    """What a worker may take."""
    return Limits(
        memory_mb=budget.worker_mb,
        total_mb=None if settings.limits.max_memory is None else settings.limits.max_memory * 1e6 / (1 << 20),
        no_progress_s=settings.limits.frame_timeout,
    )
