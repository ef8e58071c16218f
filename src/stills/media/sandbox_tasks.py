"""What is asked of workers and what they answer, and what runs tasks: shared by all that start processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from stills.errors import StillsError, UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """What one worker may take; None is no limit.

    Attributes:
        memory_mb: Resident memory of a worker in MiB (shared pages of the preloaded modules count), looked at ten
            times a second. Twice as much private memory, and 512 MiB, is a hard limit of the system's. Processes
            that a task starts do not count.
        total_mb: Memory of all processes together in MiB, ours and the fork server's included, shared pages counted
            once; looked at three times a second. Where it is too much, the busy worker with the most has to go.
        cpu_s: CPU seconds of one task, over all its threads, rounded up to whole seconds. Enforced by the kernel.
        wall_s: Seconds that one task may take.
        no_progress_s: Seconds that may pass between two calls of :func:`report` (or before the first).
        open_files: Descriptors that a worker may have open.
        start_s: Seconds that the fork server's imports and a worker's initializer may take, each.
    """

    memory_mb: float | None = None
    total_mb: float | None = None
    cpu_s: float | None = None
    wall_s: float | None = None
    no_progress_s: float | None = None
    open_files: int | None = None
    start_s: float | None = 120.0

    def __post_init__(self) -> None:
        """Raises ``UsageError`` where a limit is not positive."""
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"the limit {name} has to be positive, not {value!r}")


@dataclass(frozen=True, slots=True)
class Task:
    """A call to be made in a worker.

    Attributes:
        key: Comes back in the result; anything hashable.
        function: Import path, ``"package.module:function"``.
        args: Positional arguments; they have to pickle.
        path: The file that it is about, for error messages.
    """

    key: Any
    function: str
    args: tuple[Any, ...] = ()
    path: str | None = None


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What came of a task: ``value``, or ``error``.

    ``last_progress`` is the last value that the task gave to :func:`report`, exact even where it crashed right after.
    ``seconds`` is how long it ran, ``peak_mb`` the largest resident memory seen of its worker (0: too short to see),
    ``ended`` when this process had the result (``time.monotonic``), however long it waited to be looked at.
    """

    key: Any
    value: Any
    error: StillsError | None
    last_progress: Any = None
    seconds: float = 0.0
    peak_mb: float = 0.0
    ended: float = field(default_factory=time.monotonic, compare=False, repr=False)

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.error is None

    def unwrap(self) -> Any:
        """The value; raises the error where there is one."""
        if self.error is not None:
            raise self.error
        return self.value


class Stopper(Protocol):
    """Says when to stop; a :class:`~stills.cancel.CancelToken` is one."""

    def check(self) -> None:
        """Raise a ``StillsError`` where the work is to end."""


class Runner(Protocol):
    """Runs tasks somewhere, for any number of threads at a time. A :class:`~stills.media.sandbox.Pool` is one.

    However it runs them, a task's result is the same.
    """

    @property
    def workers(self) -> int:
        """How many tasks run at once, those of all threads together."""
        ...

    @property
    def limits(self) -> Limits:
        """What a worker may take."""
        ...

    def run(
        self,
        tasks: Iterable[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
        at_once: int | None = None,
    ) -> Iterator[TaskResult]:
        """Run ``tasks``, at most ``at_once`` of them at a time, and yield their results as they finish.

        May be called from any thread. Each run has its own results, progress and failures, and takes turns with the
        others; closing the iterator ends what still runs of this run only. Arguments and errors are those of
        :meth:`stills.media.sandbox.Pool.run`.
        """
        ...

    def close(self) -> None:
        """End the workers and whatever they do: runs under way raise ``CancelledError``. Harmless to call twice."""
        ...
