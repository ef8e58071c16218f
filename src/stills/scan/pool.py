"""Starting the worker processes. Light to import, so that their own imports can overlap with everything else's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stills.media.sandbox import Limits, Pool
from stills.scan.parameters import PRELOAD

if TYPE_CHECKING:
    from stills.settings_model import Settings


def start_workers(settings: Settings) -> Pool:
    """A pool as ``settings`` want it. Its fork server is starting when this returns; workers come with the first task.

    Raises ``WorkerError`` where processes cannot be started here.
    """
    limits = Limits(memory_mb=settings.limits.max_memory, no_progress_s=settings.limits.frame_timeout)
    return Pool(settings.scan.workers or _cores(), limits, preload=PRELOAD).start()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
