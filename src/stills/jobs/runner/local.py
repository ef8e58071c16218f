"""The runner ``local``: processes of this machine. A worker that crashes costs the task that it had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stills.media.sandbox_tasks import Limits, Stopper, Task, TaskResult
from stills.scan.pool import start_workers
from stills.scan.sharing import share_workers
from stills.types import Layer

if TYPE_CHECKING:
    from stills.media.sandbox import Pool
    from stills.settings_model import Settings


def open_local(settings: Settings, layers: Iterable[Layer] = ("faces",)) -> LocalRunner:
    """Processes as ``settings`` want them; those for ``layers`` without models start faster.

    Raises ``WorkerError`` where processes cannot be started here, ``MemoryLimitError`` where the settings allow too
    little for any video.
    """
    layers = frozenset(layers)
    return LocalRunner(start_workers(settings, layers, share_workers(settings, layers)))


class LocalRunner:
    """Runs tasks in the processes of a pool, which it owns. A context manager."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` is closed with the runner; until then nobody else closes it."""
        self._pool = pool

    @property
    def workers(self) -> int:
        """How many tasks run at once."""
        return self._pool.workers

    @property
    def limits(self) -> Limits:
        """What a worker may take."""
        return self._pool.limits

    def run(
        self,
        tasks: Iterable[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
        at_once: int | None = None,
    ) -> Iterator[TaskResult]:
        """Run ``tasks`` from any thread: see :meth:`stills.media.sandbox.Pool.run`. ``CancelledError`` once closed."""
        return self._pool.run(tasks, on_progress=on_progress, cancel=cancel, at_once=at_once)

    def close(self) -> None:
        """Kill what runs, for whichever thread, and wait until no process is left. Harmless to call twice."""
        self._pool.close(for_good=True)

    def __enter__(self) -> Self:
        """Return the runner itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()
