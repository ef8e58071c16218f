"""The worker processes of a replica: started with the first job that needs them, and again where they are lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from stills.errors import StillsError
from stills.jobs.runner import open_runner
from stills.media.sandbox_tasks import Task
from stills.scan.scanner import Scanner
from stills.scan.sharing import SharedWorkers
from stills.service.jobs.options import ALL_LAYERS

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.scan.observer import ScanObserver
    from stills.settings_model import Settings


class Crew:
    """Workers that all jobs of a replica share. Safe to use from any thread."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is started yet."""
        self._settings = settings
        self._lock = threading.Lock()
        self._shared: SharedWorkers | None = None
        self.problem: str | None = None
        """Why there are no workers, if there are none."""

    def scanner(self, settings: Settings, observer: ScanObserver | None = None) -> Scanner:
        """A scanner with ``settings`` for one job; to be closed. Raises ``WorkerError``, ``MemoryLimitError``."""
        return Scanner(settings, self._workers(), observer)

    def see(self, cancel: CancelToken) -> None:
        """See whether workers answer; where they do not, the next job gets others.

        Raises what is in the way, ``CancelledError``.
        """
        shared = self._workers()
        try:
            for result in shared.runner.run([Task("alive", "builtins:bool", ())], cancel=cancel):
                result.unwrap()
        except StillsError:
            if not cancel.cancelled:
                self._drop(shared)
            raise

    def close(self) -> None:
        """Kill what runs, and wait until no process is left."""
        with self._lock:
            shared, self._shared = self._shared, None
        if shared is not None:
            shared.runner.close()

    def _workers(self) -> SharedWorkers:
        with self._lock:
            if self._shared is None:
                try:
                    jobs = self._settings.jobs.model_copy(update={"gently": True})
                    settings = self._settings.model_copy(update={"jobs": jobs})
                    self._shared = SharedWorkers(open_runner(settings, ALL_LAYERS), settings, ALL_LAYERS)
                except StillsError as error:
                    self.problem = str(error)
                    raise
                self.problem = None
            return self._shared

    def _drop(self, shared: SharedWorkers) -> None:
        with self._lock:
            if self._shared is not shared:
                return
            self._shared = None
        shared.runner.close()
