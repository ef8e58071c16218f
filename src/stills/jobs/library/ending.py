"""How a run ends: all is done, somebody cancelled, or something is wrong that every video would meet."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from stills.cancel import CancelToken
from stills.errors import CancelledError, StateUnavailableError
from stills.retry import backoff

if TYPE_CHECKING:
    from stills.jobs.store import Store

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""How long the database may be away before the run ends."""
_FIRST_PAUSE_S = 0.5


class Ending:
    """Whether the run is to end before all is done, and why; it wakes all who wait. Safe to use from any thread."""

    def __init__(self) -> None:
        """Nothing speaks against going on."""
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._tokens: set[CancelToken] = set()
        self._wake: list[Callable[[], None]] = []
        self.error: BaseException | None = None
        """What ended it; ``None`` where it was cancelled."""

    @property
    def over(self) -> bool:
        """Whether it is to end."""
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until it is to end; whether it is."""
        return self._over.wait(seconds)

    def cancel(self) -> None:
        """Somebody wants it to end."""
        self._end(None)

    def fail(self, error: BaseException) -> None:
        """It has to end. The first error is the one that counts."""
        self._end(error)

    def check(self) -> None:
        """Raise ``CancelledError`` where it is to end."""
        if self.over:
            raise CancelledError("cancelled")

    def raise_error(self) -> None:
        """Raise what ended it, if anything did."""
        if self.error is not None:
            raise self.error

    def token(self) -> CancelToken:
        """A token that is cancelled with the run; to be given back with :meth:`drop`."""
        token = CancelToken()
        with self._lock:
            self._tokens.add(token)
            if self.over:
                token.cancel()
        return token

    def drop(self, token: CancelToken) -> None:
        """``token`` is not needed any more."""
        with self._lock:
            self._tokens.discard(token)

    def then(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` when it ends; it must not wait for anything."""
        with self._lock:
            self._wake.append(wake)

    def _end(self, error: BaseException | None) -> None:
        with self._lock:
            if self.over:
                return
            self.error = error
            self._over.set()
            for token in self._tokens:
                token.cancel()
            woken = list(self._wake)
        for wake in woken:
            wake()


class Patient:
    """A store that is asked again for a while where it does not answer."""

    def __init__(self, store: Store, ending: Ending, tell: Callable[[str], None]) -> None:
        """``tell`` is told, once each time, that it does not answer."""
        self.store = store
        self._ending = ending
        self._tell = tell

    def ask(self, work: Callable[[Store], _T]) -> _T:
        """What ``work`` gives, tried again as long as :data:`PATIENCE_S`.

        Raises what the store raises, ``StateUnavailableError`` only after that; ``CancelledError`` where the run ends
        meanwhile.
        """
        attempt, until = 0, 0.0
        while True:
            try:
                return work(self.store)
            except StateUnavailableError as error:
                pause, now = backoff(attempt, _FIRST_PAUSE_S), time.monotonic()
                until = until or now + PATIENCE_S
                if now + pause > until:
                    raise
                if not attempt:
                    self._tell(f"{error.path or self.store.shown}: {error.message}; trying again for a minute")
                _log.info("%s; trying again in %.1f s", error, pause)
                if self._ending.wait(pause):
                    raise CancelledError("cancelled") from error
                attempt += 1
