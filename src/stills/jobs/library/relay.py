"""What the threads of a run have to tell goes to the caller's callbacks, one after another, in the caller's thread.

So callbacks need no locks, may take their time (then the work waits for them), and what they raise reaches the caller.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from stills.jobs.library.types import OnProgress, OnStart, OnVideo, Status, VideoOutcome
from stills.types import Progress

_HELD = 16
"""What waits to be told. Outcomes hold results, so there must not be many."""
_LOOK_S = 0.2


class Relay:
    """Takes messages from any thread; :meth:`pump` passes them on. It also counts how inputs ended."""

    def __init__(
        self,
        on_start: OnStart | None,
        on_progress: OnProgress | None,
        on_video: OnVideo | None,
        on_note: Callable[[str], None] | None,
    ) -> None:
        """Callbacks that are ``None`` are not told."""
        self._on_start, self._on_progress, self._on_video = on_start, on_progress, on_video
        self._on_note = on_note
        self._messages: queue.Queue[tuple[Callable[[Any], Any], Any]] = queue.Queue(_HELD)
        self._lock = threading.Lock()
        self._closed = False
        self.counts: Counter[Status] = Counter()
        """How many inputs have ended so."""
        self.worked = 0
        """How many of them were worked on."""

    @property
    def wants_progress(self) -> bool:
        """Whether anybody listens to it."""
        return self._on_progress is not None

    def start(self, name: str) -> None:
        """Work on an input begins."""
        self._put(self._on_start, name)

    def note(self, text: str) -> None:
        """Something about the run as a whole, for people."""
        self._put(self._on_note, text)

    def progress(self, progress: Progress) -> None:
        """A step; left out where the caller is slow to listen."""
        if self._on_progress is not None and not self._closed:
            try:
                self._messages.put_nowait((self._on_progress, progress))
            except queue.Full:
                return

    def outcome(self, outcome: VideoOutcome) -> None:
        """An input has ended, or is to be tried again."""
        if outcome.status != "again":
            with self._lock:
                self.counts[outcome.status] += 1
                self.worked += outcome.attempt > 0
        self._put(self._on_video, outcome)

    def pump(self, seconds: float) -> None:
        """Pass on all that is there, waiting up to ``seconds`` for the first. In the caller's thread."""
        try:
            callback, value = self._messages.get(timeout=seconds)
            while True:
                callback(value)
                callback, value = self._messages.get_nowait()
        except queue.Empty:
            return

    @property
    def empty(self) -> bool:
        """Whether there is nothing to pass on."""
        return self._messages.empty()

    def close(self) -> None:
        """Nobody listens any more."""
        self._closed = True

    def _put(self, callback: Callable[[Any], Any] | None, value: Any) -> None:
        while callback is not None and not self._closed:
            try:
                self._messages.put((callback, value), timeout=_LOOK_S)
            except queue.Full:
                continue
            return
