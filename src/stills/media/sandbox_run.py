"""The runs that share the workers: each with its own tasks, results and failures, and whose turn is next."""

from __future__ import annotations

import itertools
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from stills.errors import StillsError
from stills.media.sandbox_tasks import Stopper, Task, TaskResult

_POLL_S = 0.1  # how often a waiting caller looks at its cancel token and at the progress


class Run:
    """One caller's tasks: those that wait, what came of the others, what they report.

    The caller's thread takes events and progress; all else is the engine's.
    """

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.pending: deque[Task] = deque()
        self.crashes = 0
        self.turn = 0  # when it was last served; rises with every task that any run is given
        self._events: queue.SimpleQueue[TaskResult | StillsError] = queue.SimpleQueue()
        self._progress: dict[Any, Any] = {}
        self._lock = threading.Lock()

    def put(self, event: TaskResult | StillsError) -> None:
        """Tell the caller of a result, or of the error that ends the run."""
        self._events.put(event)

    def take(self, timeout: float) -> TaskResult | StillsError | None:
        """What was put first, or ``None`` after ``timeout`` seconds."""
        with suppress(queue.Empty):
            return self._events.get(timeout=timeout)
        return None

    def note(self, key: Any, value: Any) -> None:
        """Keep the newest progress of the task ``key``."""
        with self._lock:
            self._progress[key] = value

    def take_progress(self) -> list[tuple[Any, Any]]:
        """Key and newest value of every task that reported since the last call."""
        with self._lock:
            progress, self._progress = self._progress, {}
        return list(progress.items())


class Rota:
    """The runs under way. A free worker goes to the run that has the fewest, of those to the one that waits longest.

    So runs share the workers evenly however many tasks each has: one task of a short film does not wait for a long
    film's hundred, nor does the long film wait while short ones come and go.
    """

    def __init__(self) -> None:
        """There is no run."""
        self._runs: list[Run] = []
        self._turns = itertools.count(1)

    def __iter__(self) -> Iterator[Run]:
        """The runs, in the order in which they began."""
        return iter(tuple(self._runs))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._runs)

    def __contains__(self, run: Run) -> bool:
        """Whether ``run`` is under way."""
        return any(known is run for known in self._runs)

    @property
    def waiting(self) -> int:
        """Tasks that wait for a worker."""
        return sum(len(run.pending) for run in self._runs)

    def add(self, run: Run) -> None:
        """Let ``run`` take part: behind those who wait already."""
        run.turn = next(self._turns)
        self._runs.append(run)

    def remove(self, run: Run) -> None:
        """Take ``run`` out, with the tasks that wait; harmless where it is not there."""
        run.pending.clear()
        self._runs = [known for known in self._runs if known is not run]

    def next(self, busy: Counter[Run]) -> tuple[Run, Task] | None:
        """The task that a free worker is to have, if one waits; ``busy`` counts the workers of each run."""
        waiting = [run for run in self._runs if run.pending]
        if not waiting:
            return None
        run = min(waiting, key=lambda one: (busy[one], one.turn))
        run.turn = next(self._turns)
        return run, run.pending.popleft()


AnyRun_contra = TypeVar("AnyRun_contra", bound=Run, contravariant=True)


class Supplier(Protocol[AnyRun_contra]):
    """What has runs of tasks done, somewhere: an engine, seen from its callers' threads."""

    def submit(self, run: AnyRun_contra, task: Task) -> None:
        """Queue ``task`` for ``run``."""
        ...

    def next_event(self, run: AnyRun_contra, timeout: float) -> TaskResult | StillsError | None:
        """A result of ``run``, or the error that ends it, or None after ``timeout`` seconds."""
        ...

    def end(self, run: AnyRun_contra, *, wait: bool) -> None:
        """Drop what is left of ``run``, kill what runs of it; with ``wait``, return when it is gone."""
        ...


def drive(
    engine: Supplier[AnyRun_contra],
    run: AnyRun_contra,
    source: Iterator[Task],
    *,
    on_progress: Callable[[Any, Any], None] | None,
    cancel: Stopper | None,
    ahead: int,
) -> Iterator[TaskResult]:
    """Feed ``run`` from ``source``, with at most ``ahead`` tasks not yet answered, and yield its results; then end it.

    All of it happens in the caller's thread, while results are asked for.
    """
    outstanding = 0
    more = True
    try:
        while True:
            if cancel is not None:
                cancel.check()
            while more and outstanding < ahead:
                task = next(source, None)
                if task is None:
                    more = False
                else:
                    hash(task.key)  # raises here, for the caller, rather than later in the engine's thread
                    engine.submit(run, task)
                    outstanding += 1
            if not outstanding:
                return
            event = engine.next_event(run, _POLL_S)
            if on_progress is not None:
                for key, value in run.take_progress():
                    on_progress(key, value)
            if isinstance(event, StillsError):
                raise event
            if event is not None:
                outstanding -= 1
                yield event
    finally:
        engine.end(run, wait=outstanding > 0)
