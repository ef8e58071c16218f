"""Starting the worker processes. Light to import, so that their own imports can overlap with everything else's."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from stills.media.sandbox import Limits, Pool
from stills.scan.parameters import PRELOAD, PRELOAD_MODELS, models_of
from stills.types import Layer

if TYPE_CHECKING:
    from stills.settings_model import Settings


def start_workers(settings: Settings, layers: Iterable[Layer] = ("faces",)) -> Pool:
    """A pool as ``settings`` want it. Its fork server is starting when this returns; workers come with the first task.

    Workers for ``layers`` without models start faster; they can measure the others too. Raises ``WorkerError`` where
    processes cannot be started here.
    """
    limits = Limits(memory_mb=settings.limits.max_memory, no_progress_s=settings.limits.frame_timeout)
    preload = (*PRELOAD, *PRELOAD_MODELS) if models_of(layers) else PRELOAD
    return Pool(settings.scan.workers or _cores(), limits, preload=preload).start()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
