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
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stills.errors import CancelledError, UsageError, WorkerError
from stills.media.sandbox_progress import report
from stills.media.sandbox_run import drive, most_ahead
from stills.media.sandbox_tasks import Limits, Runner, Stopper, Task, TaskResult

if TYPE_CHECKING:
    from stills.media.sandbox_engine import Engine

__all__ = ["Limits", "Pool", "Runner", "Stopper", "Task", "TaskResult", "report"]


def _nothing() -> None:
    """There is nothing to finalize."""


class Pool:
    """Up to ``workers`` processes under ``limits``. A context manager; usable from several threads at once.

    Each call of :meth:`run` has its own tasks, results, failures and end; the workers go from one to the other in turn.
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
            max_crashes: Workers that one run may lose to crashes and limits; then that run gives up.
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
        self._starting = threading.Lock()
        self._over = False
        self._finalizer: Callable[[], Any] = _nothing

    def start(self) -> Self:
        """Start the fork server and return at once; its imports overlap with what the caller does next.

        Raises ``WorkerError`` where processes cannot be started here.
        """
        with self._starting:
            self._get_engine()
        return self

    def _get_engine(self) -> Engine:
        """The engine, started where there is none; called with the lock."""
        if self._engine is not None:
            return self._engine
        if self._over:
            raise CancelledError("the workers were closed")
        if sys.platform == "win32" or not hasattr(os, "fork"):
            raise WorkerError("worker processes need Linux or macOS", remedy="on Windows, use WSL")
        from stills.media.sandbox_server import Server

        server = Server(self._preload)  # before the other imports: it has its own to do meanwhile

        from stills.media.sandbox_engine import Engine

        setup = (self._initializer, self._initargs)
        try:
            engine = Engine(
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
        self._engine = engine
        self._finalizer = weakref.finalize(self, engine.close)  # also at the interpreter's exit
        return engine

    def prestart(self, workers: int | None = None) -> Self:
        """As :meth:`start`, and fork ``workers`` (default: all) so that they run their initializers already."""
        with self._starting:
            self._get_engine().prestart(self.workers if workers is None else min(workers, self.workers))
        return self

    def __enter__(self) -> Self:
        """Start the fork server."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Close the pool."""
        self.close()

    def close(self, *, for_good: bool = False) -> None:
        """Kill what still runs and wait until no process is left. Harmless to call twice.

        The next run starts the pool again, unless it was closed ``for_good``: then that raises ``CancelledError``.
        """
        with self._starting:
            self._over |= for_good
            self._engine = None
            finalizer = self._finalizer
        finalizer()

    def run(
        self,
        tasks: Iterable[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
        at_once: int | None = None,
    ) -> Iterator[TaskResult]:
        """Run ``tasks`` and yield their results as they finish; closing the iterator kills what still runs of them.

        ``tasks`` is pulled from as workers become free, in the caller's thread. Where the caller is slow to take
        results, its work pauses at two tasks a worker. Nothing starts before the first result is asked for. Runs of
        other threads are not affected by what happens to this one, whatever that is, and get their turn.

        Args:
            tasks: What to do.
            on_progress: Called in the caller's thread with a task's key and the newest value it gave to
                :func:`report`.
            cancel: Looked at ten times a second.
            at_once: Tasks of this run that may be under way at a time, where that is less than there are workers.

        Raises:
            CancelledError: ``cancel`` was set, or the pool was closed; the tasks of this run were killed.
            WorkerError: Workers cannot be started, or too many crashed over tasks of this run.
            StillsError: As raised by the initializer.
        """
        return self._run(iter(tasks), on_progress, cancel, most_ahead(self.workers, at_once))

    def _run(
        self,
        source: Iterator[Task],
        on_progress: Callable[[Any, Any], None] | None,
        cancel: Stopper | None,
        ahead: int,
    ) -> Iterator[TaskResult]:
        with self._starting:
            engine = self._get_engine()
        yield from drive(engine, engine.begin(), source, on_progress=on_progress, cancel=cancel, ahead=ahead)
