"""Who does the work of many videos: runners by name. Each runs tasks for any number of threads at a time.

A runner is a :class:`Runner`: ``workers``, ``limits``, ``run`` and ``close``. Its results do not depend on which one it
is, nor on how many workers it has; ``tests/contract/test_runner.py`` holds every one of them to that.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stills.errors import UsageError
from stills.media.sandbox_tasks import Limits, Runner, Task, TaskResult

if TYPE_CHECKING:
    from stills.settings_model import Settings
    from stills.types import Layer

__all__ = ["RUNNERS", "Limits", "Runner", "Task", "TaskResult", "open_runner"]

RUNNERS = {
    "local": "stills.jobs.runner.local:open_local",
    "ray": "stills.jobs.runner.ray:open_ray",
}
"""Import paths of functions ``(settings, layers) -> Runner``, by the name that ``jobs.runner`` has in the settings."""


def open_runner(settings: Settings, layers: Iterable[Layer] = ("faces",)) -> Runner:
    """The runner that ``settings.jobs.runner`` names, with workers that can measure ``layers``. To be closed.

    Raises ``UsageError`` for one that there is not, ``WorkerError`` where workers cannot be started here,
    ``MemoryLimitError`` where the settings allow too little for any video.
    """
    name = settings.jobs.runner
    if name not in RUNNERS:
        raise UsageError(f"there is no runner called {name!r}", remedy=f"use one of: {', '.join(RUNNERS)}")
    module, _, function = RUNNERS[name].partition(":")
    opener: Any = getattr(importlib.import_module(module), function)
    runner: Runner = opener(settings, frozenset(layers))
    return runner
