"""Functions on untrusted media, run in child processes that may crash, hang or eat memory without harm to us.

A :class:`Pool` keeps a fork server (see ``sandbox_child``) and a few workers. A task names its function by import path,
so nothing of the user's main script is imported again. Whatever a task does, its result is a value or a
:class:`~stills.errors.StillsError`; a worker that died is replaced, and the other tasks do not notice.

This contains crashes and runaway resources. It is no barrier against code execution: workers have the user's rights.
Linux and macOS only; Windows has no ``fork``.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from stills.errors import StillsError, UsageError, WorkerError
from stills.media.sandbox_progress import report

if TYPE_CHECKING:
    from stills.media.sandbox_engine import Engine

__all__ = ["Limits", "Pool", "Task", "TaskResult", "report"]

_POLL_S = 0.1  # how often a waiting caller looks at its cancel token and at the progress
_AHEAD = 2  # tasks pulled from the caller's iterable per worker: one runs, one is ready


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
    ``seconds`` is how long it ran, ``peak_mb`` the largest resident memory seen of its worker (0: too short to see).
    """

    key: Any
    value: Any
    error: StillsError | None
    last_progress: Any = None
    seconds: float = 0.0
    peak_mb: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.error is None

    def unwrap(self) -> Any:
        """The value; raises the error where there is one."""
        if self.error is not None:
            raise self.error
        return self.value


def _nothing() -> None:
    """There is nothing to finalize."""


class Stopper(Protocol):
    """Says when to stop; a :class:`~stills.cancel.CancelToken` is one."""

    def check(self) -> None:
        """Raise a ``StillsError`` where the work is to end."""


class Pool:
    """Up to ``workers`` processes under ``limits``. A context manager; usable from any thread, one run at a time.

    Relative paths and the environment are as they were when the pool was started.
    """

    def __init__(
        self,
        workers: int,
        limits: Limits | None = None,
        *,
        preload: Sequence[str] = (),
        initializer: str | None = None,
        initargs: tuple[Any, ...] = (),
        max_crashes: int = 32,
    ) -> None:
        """Set the pool up; nothing is started yet.

        Args:
            workers: How many tasks run at once.
            limits: What each worker may take; none by default.
            preload: Modules that the fork server imports once, so that workers share them. They must start no
                Python threads (for OpenVINO: ``stills.models.openvino_import``).
            initializer: Import path of a function that every worker calls once, before its first task.
            initargs: Its arguments.
            max_crashes: Workers that one run may lose to crashes and limits; then :meth:`run` gives up.
        """
        if workers < 1:
            raise UsageError(f"at least one worker is needed, not {workers}")
        self.workers = workers
        self.limits = limits or Limits()
        self._preload = tuple(preload)
        self._initializer = initializer
        self._initargs = initargs
        self._max_crashes = max_crashes
        self._engine: Engine | None = None
        self._running = False
        self._finalizer: Callable[[], Any] = _nothing

    def start(self) -> Self:
        """Start the fork server and return at once; its imports overlap with what the caller does next.

        Raises ``WorkerError`` where processes cannot be started here.
        """
        if self._engine is None:
            if sys.platform == "win32" or not hasattr(os, "fork"):
                raise WorkerError("worker processes need Linux or macOS", remedy="on Windows, use WSL")
            from stills.media.sandbox_server import Server

            server = Server(self._preload)  # before the other imports: it has its own to do meanwhile

            from stills.media.sandbox_engine import Engine

            setup = (self._initializer, self._initargs)
            try:
                self._engine = Engine(
                    server,
                    size=self.workers,
                    limits=self.limits,
                    preload=self._preload,
                    setup=setup,
                    max_crashes=self._max_crashes,
                )
            except OSError as error:
                server.close()
                raise WorkerError(f"cannot start worker processes: {error}") from error
            self._finalizer = weakref.finalize(self, self._engine.close)  # also at the interpreter's exit
        return self

    def prestart(self, workers: int | None = None) -> Self:
        """As :meth:`start`, and fork ``workers`` (default: all) so that they run their initializers already."""
        self.start()
        assert self._engine is not None  # noqa: S101 - start() made it
        self._engine.prestart(self.workers if workers is None else min(workers, self.workers))
        return self

    def __enter__(self) -> Self:
        """Start the fork server."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Close the pool."""
        self.close()

    def close(self) -> None:
        """Kill what still runs and wait until no process is left. Harmless to call twice."""
        self._engine = None
        self._finalizer()

    def run(
        self,
        tasks: Iterable[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
    ) -> Iterator[TaskResult]:
        """Run ``tasks`` and yield their results as they finish; closing the iterator kills what still runs.

        ``tasks`` is pulled from as workers become free, in the caller's thread. Where the caller is slow to take
        results, work pauses at two tasks a worker. Nothing starts before the first result is asked for.

        Args:
            tasks: What to do.
            on_progress: Called in the caller's thread with a task's key and the newest value it gave to
                :func:`report`.
            cancel: Looked at ten times a second.

        Raises:
            CancelledError: ``cancel`` was set; all tasks were killed.
            WorkerError: Workers cannot be started, or too many crashed.
            StillsError: As raised by the initializer.
        """
        if self._running:
            raise UsageError("this pool is running already", remedy="finish or close the first run, or use two pools")
        self._running = True
        try:
            yield from self._run(tasks, on_progress, cancel)
        finally:
            self._running = False

    def _run(
        self, tasks: Iterable[Task], on_progress: Callable[[Any, Any], None] | None, cancel: Stopper | None
    ) -> Iterator[TaskResult]:
        self.start()
        engine = self._engine
        assert engine is not None  # noqa: S101 - start() made it
        engine.abort()  # what an interrupted run may have left; also resets the counts of failures
        source = iter(tasks)
        outstanding = 0
        more = True
        try:
            while True:
                if cancel is not None:
                    cancel.check()
                while more and outstanding < _AHEAD * self.workers:
                    task = next(source, None)
                    if task is None:
                        more = False
                    else:
                        hash(task.key)  # raises here, for the caller, rather than later in the engine's thread
                        engine.submit(task)
                        outstanding += 1
                if not outstanding:
                    return
                event = engine.next_event(_POLL_S)
                if on_progress is not None:
                    for key, value in engine.take_progress():
                        on_progress(key, value)
                if isinstance(event, StillsError):
                    raise event
                if event is not None:
                    outstanding -= 1
                    yield event
        finally:
            if outstanding:
                engine.abort()
