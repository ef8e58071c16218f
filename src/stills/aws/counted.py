"""Workers that tell how many bytes of remote files they read: all of them, looking, listing and decoding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from stills.errors import StillsError
from stills.media.remote import TOTAL
from stills.media.sandbox_tasks import Limits, Runner, Stopper, Task, TaskResult

_CALL = f"{__name__}:call"


def call(function: str, args: tuple[Any, ...]) -> tuple[Any, int]:
    """In a worker: what ``function`` (an import path) returns for ``args``, and the bytes that were read for it."""
    module, _, name = function.partition(":")
    before = TOTAL.bytes_read
    try:
        value = getattr(import_module(module), name)(*args)
    except StillsError as error:
        error.__dict__["bytes_read"] = TOTAL.bytes_read - before  # goes with it over the border of processes
        raise
    return value, TOTAL.bytes_read - before


@dataclass(slots=True)
class CountingRunner:
    """A runner whose tasks are counted. What a worker read that was killed is not known, and not counted."""

    runner: Runner
    bytes_read: int = 0
    """Bytes of remote files that workers read so far."""

    @property
    def workers(self) -> int:
        """How many tasks run at once."""
        return self.runner.workers

    @property
    def limits(self) -> Limits:
        """What a worker may take."""
        return self.runner.limits

    def run(
        self,
        tasks: Iterable[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
        at_once: int | None = None,
    ) -> Iterator[TaskResult]:
        """As the runner's own."""
        wrapped = (replace(task, function=_CALL, args=(task.function, task.args)) for task in tasks)
        for result in self.runner.run(wrapped, on_progress=on_progress, cancel=cancel, at_once=at_once):
            if result.error is None:
                value, count = result.value
                yield self._counted(replace(result, value=value), count)
            else:
                yield self._counted(result, result.error.__dict__.get("bytes_read", 0))

    def _counted(self, result: TaskResult, count: int) -> TaskResult:
        self.bytes_read += count
        return result

    def close(self) -> None:
        """Close the runner."""
        self.runner.close()
