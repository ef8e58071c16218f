"""What all work of a scanner is done with: its settings, its workers, and where the indexes are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stills.addresses import public_name
from stills.cancel import CancelToken
from stills.errors import CancelledError
from stills.index.store import IndexStore
from stills.media.sandbox_tasks import Stopper, Task, TaskResult
from stills.scan.needs import fallbacks_for, parameters_for
from stills.scan.observer import ScanObserver
from stills.scan.parameters import ScanParameters, models_of
from stills.scan.running import WORKER
from stills.scan.sharing import SharedWorkers
from stills.scan.workers import BorrowedWorkers, OwnWorkers, Tasks
from stills.types import Effort, Fallback, Layer, VideoInfo

if TYPE_CHECKING:
    from stills.media.sandbox import Pool
    from stills.scan.budget import Budget
    from stills.settings_model import Settings


class Staffed:
    """Has workers, its own or shared ones, and settings that they serve. A context manager: leaving it closes it."""

    def __init__(
        self,
        settings: Settings,
        workers: Pool | SharedWorkers | None = None,
        observer: ScanObserver | None = None,
    ) -> None:
        """Nothing is started yet.

        ``workers`` may be a pool that was (see :func:`stills.scan.pool.start_workers`), which is the scanner's from
        now on, or workers shared with other scanners (:class:`stills.scan.sharing.SharedWorkers`), which are not.
        ``observer`` is told of every segment.
        """
        self._settings = settings
        self._observer = observer
        self._store = IndexStore(settings.cache_folder)
        self._staff: OwnWorkers | BorrowedWorkers
        if isinstance(workers, SharedWorkers):
            self._staff = BorrowedWorkers(workers)
        else:
            self._staff = OwnWorkers(settings, workers)
        self._layers: frozenset[Layer] = frozenset()

    def __enter__(self) -> Self:
        """Return the scanner itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Close the scanner."""
        self.close()

    def close(self) -> None:
        """End the workers, unless they are shared; the scanner can be used again."""
        self._staff.close()

    @property
    def store(self) -> IndexStore:
        """Where the indexes are."""
        return self._store

    def configured(self, settings: Settings) -> Self:
        """This scanner with other settings; workers are kept where they serve those too.

        Raises ``UsageError`` where workers are shared and do not.
        """
        self._staff.configure(settings)
        self._settings = settings
        self._store = IndexStore(settings.cache_folder)
        return self

    @contextmanager
    def observed(self, observer: ScanObserver) -> Iterator[None]:
        """Meanwhile ``observer`` is told of every segment, nobody else."""
        before, self._observer = self._observer, observer
        try:
            yield
        finally:
            self._observer = before

    def run(
        self,
        tasks: Iterable[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: Stopper | None = None,
    ) -> Iterator[TaskResult]:
        """Run tasks of one's own in the workers; see :meth:`stills.media.sandbox.Pool.run`."""
        return self._workers().run(tasks, on_progress=on_progress, cancel=cancel)

    def ready_for(self, path: str, layers: Iterable[Layer], parameters: ScanParameters) -> tuple[Fallback, ...]:
        """Have the models of ``layers`` here before tasks of one's own need them; what of it runs elsewhere than asked.

        Raises ``ModelError``, and ``StrictError`` where running elsewhere is not accepted.
        """
        self._layers = frozenset(layers)  # for the workers, should none have been started
        fallbacks = self._fallbacks(self._layers, parameters)
        self._staff.models.ensure(public_name(path), models_of(self._layers, parameters))
        return fallbacks

    def fit(self, layers: Iterable[Layer], video: VideoInfo, *, cancel: CancelToken | None = None) -> Budget:
        """What memory allows for this video.

        Workers that were started for more are ended; where they are shared, other videos are waited for. Raises
        ``MemoryLimitError`` where it is too little.
        """
        return self._staff.fit(layers, video, cancel)

    def _parameters(self, effort: Effort, *, quick: bool = False) -> ScanParameters:
        return parameters_for(self._settings, effort, quick=quick)

    def _fallbacks(self, layers: Iterable[Layer], parameters: ScanParameters) -> tuple[Fallback, ...]:
        return fallbacks_for(self._settings, layers, parameters)

    def _workers(self) -> Tasks:
        return self._staff.tasks(self._layers)

    def _call(self, function: str, args: tuple[Any, ...], path: str, cancel: CancelToken | None) -> Any:
        """Run one function in a worker."""
        name = public_name(path)
        task = Task(function, f"{WORKER}:{function}", args, name)
        for result in self._workers().run([task], cancel=cancel):
            return result.unwrap()
        raise CancelledError("cancelled", path=name)
