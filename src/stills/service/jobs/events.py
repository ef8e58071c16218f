"""What happens to a job, one event after another: for a coroutine, and for a thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from stills.service.jobs.errors import NoJobError
from stills.service.jobs.types import Job, JobEvent

if TYPE_CHECKING:
    from stills.service.jobs.store import JobStore

_GONE = "the job was erased"


class _Latest:
    """The last that was heard of a job: who is slow misses what came between, never the end."""

    def __init__(self, after: int) -> None:
        self._after = after
        self._heard: list[Job | None] = []
        self._lock = threading.Lock()

    def hear(self, job: Job | None) -> None:
        with self._lock:
            self._heard = [job]

    def take(self) -> JobEvent | None:
        """What is new, if anything is. Raises ``NoJobError`` once the job is gone."""
        with self._lock:
            heard, self._heard = self._heard, []
        if not heard:
            return None
        job = heard[0]
        if job is None:
            raise NoJobError(_GONE)
        return self.event(job)

    def event(self, job: Job) -> JobEvent | None:
        if job.revision <= self._after and not job.ended:
            return None
        self._after = max(self._after, job.revision)
        return event_of(job)


def event_of(job: Job) -> JobEvent:
    """The event that a job is as it is."""
    match job.state:
        case "done" | "failed" | "cancelled":
            return JobEvent(job.revision, job.state, job)
        case _:
            return JobEvent(job.revision, "progress", job)


async def follow(store: JobStore, job: str, owner: str | None, after: int) -> AsyncIterator[JobEvent]:
    """See :meth:`JobStore.events`."""
    latest, changed, loop = _Latest(after), asyncio.Event(), asyncio.get_running_loop()

    def hear(now: Job | None) -> None:
        latest.hear(now)
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(changed.set)

    first = latest.event(await asyncio.to_thread(store.get, job, owner))
    if first is not None:
        yield first
        if first.job.ended:
            return
    store.hub.listen(job, hear)
    try:
        while True:
            await changed.wait()
            changed.clear()
            event = latest.take()
            if event is not None:
                yield event
                if event.job.ended:
                    return
    finally:
        store.hub.leave(job, hear)


def watch(store: JobStore, job: str, owner: str | None, after: int, timeout_s: float) -> Iterator[JobEvent]:
    """See :meth:`JobStore.watch`."""
    latest, changed = _Latest(after), threading.Event()
    until = time.monotonic() + timeout_s

    def hear(now: Job | None) -> None:
        latest.hear(now)
        changed.set()

    first = latest.event(store.get(job, owner))
    if first is not None:
        yield first
        if first.job.ended:
            return
    store.hub.listen(job, hear)
    try:
        while (left := until - time.monotonic()) > 0:
            if not changed.wait(min(left, threading.TIMEOUT_MAX)):
                return
            changed.clear()
            event = latest.take()
            if event is not None:
                yield event
                if event.job.ended:
                    return
    finally:
        store.hub.leave(job, hear)
