"""The work of a replica: threads that do jobs, a heart that keeps their leases, a janitor for what has to go."""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from stills.errors import CancelledError, FencedError, StateUnavailableError, StillsError
from stills.media.heap import give_back
from stills.service.jobs.crew import Crew
from stills.service.jobs.one import Bench, Fetch, Piece
from stills.service.jobs.patience import patiently

if TYPE_CHECKING:
    from stills.jobs.store.records import Run
    from stills.service.jobs.hub import What
    from stills.service.jobs.store import JobStore
    from stills.settings_model import Settings

__all__ = ["Fetch", "JobRunner"]

BEAT_S = 0.25
"""How often progress is written, and looked whether a job was cancelled elsewhere."""
ASK_S = 1.0
"""How often the store is asked for jobs while there are none: others add some, and die."""
TIDY_S = 5.0
"""How often it is looked what has to go."""
STRAYS_S = 3600.0
"""How often it is looked for what belongs to no job; nothing younger is touched."""

_log = logging.getLogger(__name__)


class JobRunner:
    """Works on the jobs of a store, from :meth:`start` to :meth:`stop`."""

    def __init__(
        self, store: JobStore, settings: Settings, *, fetch: Fetch | None = None, command: str = "stills serve"
    ) -> None:
        """Nothing is started yet.

        Args:
            store: Where jobs are; ``store.limits`` say how many are done at once, and for how long they stay.
            settings: What clients' options change; those of workers hold for all jobs.
            fetch: Brings videos here from addresses. With it no worker opens an address; without it they read them by
                ranges.
            command: What is called, for those who look who is at work.
        """
        self._store = store
        self._command = command
        self.crew = Crew(settings)
        self._stopping = threading.Event()
        self._bench = Bench(store, settings, self.crew, fetch, self._stopping)
        self._run: Run | None = None
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._pieces: set[Piece] = set()
        self._queued = threading.Event()
        self._stopped = threading.Event()
        self._trouble: str | None = None

    @property
    def busy(self) -> int:
        """Jobs under way here."""
        with self._lock:
            return len(self._pieces)

    @property
    def problem(self) -> str | None:
        """Why no work is done now; ``None`` where nothing is wrong."""
        if self._run is None or self._stopping.is_set():
            return "no work is done: the service is starting or ending"
        return self._trouble or self.crew.problem

    def start(self) -> None:
        """Begin. Jobs that were interrupted go on. Raises what the store raises."""
        self._run = self._store.begin_run(self._command)
        self._store.hub.on_change(self._hear)
        names = [f"job {number}" for number in range(self._store.limits.at_once)]
        works: list[tuple[str, Callable[[], None]]] = [(name, self._work) for name in names]
        for name, target in (*works, ("heart", self._beat), ("janitor", self._tidy)):
            thread = threading.Thread(target=target, name=f"stills {name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_s: float = 30.0) -> None:
        """End: what is under way goes back to the queue. Harmless to call twice."""
        self._stopping.set()
        self._store.hub.off_change(self._hear)
        with self._lock:
            for piece in self._pieces:
                piece.token.cancel()
        self._queued.set()
        self._stopped.set()
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._threads.clear()
        self.crew.close()
        run, self._run = self._run, None
        if run is not None:
            with contextlib.suppress(StillsError):  # others see that it is over by its process, or its lease
                self._store.end_run(run, "interrupted")

    def _hear(self, what: What) -> None:
        if what == "queued":
            self._queued.set()
        elif what == "stopped":
            self._stopped.set()

    # Jobs

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._queued.clear()
            try:
                piece = self._claim()
            except Exception as error:  # noqa: BLE001 - the service goes on without its database, and says so
                self._say(error)
                self._stopping.wait(ASK_S)
                continue
            if piece is None:
                self._queued.wait(ASK_S)
                continue
            self._queued.set()  # there may be more, for others
            try:
                self._do(piece)
            except Exception as error:  # noqa: BLE001 - a lease that runs out has the job done again
                self._say(error)
            finally:
                with self._lock:
                    self._pieces.discard(piece)
                del piece
            _clean()

    def _claim(self) -> Piece | None:
        assert self._run is not None  # noqa: S101 - started
        try:
            held = self._store.claim(self._run)
        except FencedError:  # this machine slept: others have what was under way
            _log.warning("this replica was taken for dead, and begins anew")
            self._run = self._store.begin_run(self._command)
            return None
        self._trouble = None
        if held is None:
            return None
        piece = Piece(held)
        with self._lock:
            self._pieces.add(piece)
        if self._stopping.is_set():
            piece.token.cancel()
        return piece

    def _do(self, piece: Piece) -> None:
        held, store = piece.held, self._store
        _log.info("job %s: %s, attempt %d", held.job.id, held.job.recipe, held.job.attempts)
        try:
            self._bench.do(piece)
        except CancelledError:
            if self._stopping.is_set():
                with contextlib.suppress(FencedError):  # cancelled, too, by a client
                    patiently(lambda: store.release(held), self._stopping)
        patiently(lambda: self._let_go(piece), self._stopping)

    def _let_go(self, piece: Piece) -> None:
        """Remove what is not needed of a job that has ended, and hold it no more."""
        held, store = piece.held, self._store
        if store.holds_ended(held):
            try:
                store.clean(held.number, held.job.id, store.get(held.job.id).folder)
            except StateUnavailableError:
                raise
            except StillsError as error:  # the janitor tries again; a job that was erased meanwhile goes as a whole
                _log.info("job %s is not tidied yet: %s", held.job.id, error)
        store.let_go(held)

    # Heart

    def _beat(self) -> None:
        every = self._store.limits.lease_s / 3
        beaten = renewed = time.monotonic()
        while not self._stopping.is_set() or self.busy:
            self._stopped.wait(BEAT_S)
            self._stopped.clear()
            now = time.monotonic()
            try:
                self._beat_once(renew := now - renewed >= every)
            except Exception as error:  # noqa: BLE001 - without a heart the leases run out
                self._say(error)
                if now - beaten > self._store.limits.lease_s:  # others may have them by now
                    self._cancel_all()
                continue
            beaten = now
            renewed = now if renew else renewed

    def _beat_once(self, renew: bool) -> None:
        with self._lock:
            pieces = list(self._pieces)
        if not pieces and not renew:
            return
        told = {}
        for piece in pieces:
            progress, piece.told = piece.told, None
            if progress is not None and not piece.ending:
                told[piece.held.number] = progress
        run = self._run
        if run is None:
            return
        mine = self._store.beat(run, [piece.held for piece in pieces], told, renew=renew)
        for piece in pieces:
            if piece.held.number not in mine and not piece.ending:
                piece.token.cancel()

    def _cancel_all(self) -> None:
        with self._lock:
            for piece in self._pieces:
                piece.token.cancel()

    # Janitor

    def _tidy(self) -> None:
        strays_at = time.monotonic()
        while not self._stopping.is_set():
            try:
                self._store.bury()
                self._store.expire()
                self._store.erase_marked()
                self._store.clean_ended()
                if time.monotonic() >= strays_at:
                    strays_at = time.monotonic() + STRAYS_S
                    self._store.remove_strays(STRAYS_S)
            except Exception as error:  # noqa: BLE001 - what could not go now goes later
                self._say(error)
            self._stopping.wait(TIDY_S)

    def _say(self, error: Exception) -> None:
        text = str(error)
        if text != self._trouble:
            _log.error("%s", text, exc_info=None if isinstance(error, StillsError) else error)
        self._trouble = text


def _clean() -> None:
    """Give back what a job took: results hold each other in cycles, and allocators keep free pages."""
    gc.collect()
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    give_back()
