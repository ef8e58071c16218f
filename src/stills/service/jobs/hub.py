"""Who waits for what happens to jobs in this process, and how they hear of it.

What other replicas do is seen by asking the database four times a second, all jobs that somebody waits for in one
question, and only while there are any; what is done here is looked up at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from stills.errors import StillsError
from stills.service.jobs.types import Job

POLL_S = 0.25
"""How often the database is asked."""
_LINGER_S = 5.0
"""How long the thread that asks stays when nobody waits any more."""

Hear: TypeAlias = Callable[[Job | None], None]
"""Told of a job as it is now, ``None`` once it is gone; in the hub's thread, so it must not wait for anything."""

Revisions: TypeAlias = Callable[[Sequence[str]], dict[str, int]]
"""The revisions of those of some jobs that are there."""

What: TypeAlias = Literal["queued", "stopped", "other"]
"""What became of a job: there is work, work on it is in vain, or something else."""

Load: TypeAlias = Callable[[str], Job | None]

_log = logging.getLogger(__name__)


class Hub:
    """Tells listeners about jobs. Safe to use from any thread."""

    def __init__(self, revisions: Revisions, load: Load) -> None:
        """Nobody listens; no thread runs."""
        self._revisions = revisions
        self._load = load
        self._lock = threading.Lock()
        self._look = threading.Event()
        self._hearers: dict[str, list[Hear]] = {}
        self._seen: dict[str, int] = {}
        self._changed: list[Callable[[What], None]] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    def listen(self, job: str, hear: Hear) -> None:
        """Have ``hear`` told of every change of a job, until :meth:`leave`."""
        with self._lock:
            self._hearers.setdefault(job, []).append(hear)
            self._seen.pop(job, None)  # it is told at once how the job is
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="stills job events", daemon=True)
                self._thread.start()
        self._look.set()

    def leave(self, job: str, hear: Hear) -> None:
        """``hear`` is told nothing more."""
        with self._lock:
            hearers = self._hearers.get(job, [])
            if hear in hearers:
                hearers.remove(hear)
            if not hearers:
                self._hearers.pop(job, None)
                self._seen.pop(job, None)

    def on_change(self, call: Callable[[What], None]) -> None:
        """Call ``call`` with what became of each job that is changed in this process."""
        with self._lock:
            self._changed.append(call)

    def off_change(self, call: Callable[[What], None]) -> None:
        """``call`` is called no more."""
        with self._lock:
            if call in self._changed:
                self._changed.remove(call)

    def changed(self, job: str, what: What = "other") -> None:
        """Something was written about a job by this process."""
        with self._lock:
            calls = list(self._changed)
            wanted = job in self._hearers
        if wanted:
            self._look.set()
        for call in calls:
            call(what)

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._look.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(5.0)

    def _run(self) -> None:
        idle = 0.0
        while True:
            self._look.wait(POLL_S)
            self._look.clear()
            with self._lock:
                wanted = list(self._hearers)
                idle = 0.0 if wanted else idle + POLL_S
                if self._closed or idle > _LINGER_S:
                    self._thread = None
                    return
            if wanted:
                try:
                    self._tell(wanted)
                except StillsError as error:  # it is asked again, and whoever needs it to answer says so
                    _log.info("the database cannot be asked for events: %s", error)

    def _tell(self, wanted: Sequence[str]) -> None:
        found = self._revisions(wanted)
        for job in wanted:
            with self._lock:
                known = self._seen.get(job)
            if known is not None and found.get(job) == known:
                continue
            now = self._load(job) if job in found else None
            with self._lock:
                hearers = list(self._hearers.get(job, ()))
                if hearers:
                    self._seen[job] = -1 if now is None else now.revision
            if known == -1 and now is None:
                continue
            for hear in hearers:
                hear(now)
