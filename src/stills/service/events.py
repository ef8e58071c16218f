"""Server-sent events of a job."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from stills.errors import StillsError
from stills.service.problems import BusyProblem, ProblemError
from stills.service.views import job_json

if TYPE_CHECKING:
    from stills.service.context import Context
    from stills.service.jobs import Job, JobEvent

HEARTBEAT_S = 15.0
"""How often something is sent at least, so that nobody in between takes the connection for dead."""
RETRY_MS = 2000
"""After how long a client that lost the connection is to come again."""


async def stream(context: Context, job: Job, after: int) -> AsyncIterator[bytes]:
    """What happens to ``job`` from now on, as bytes of ``text/event-stream``, until it ends, or the service does."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    events = context.store.events(job.id, None, after)
    stopping = asyncio.ensure_future(context.stopping.wait())
    upcoming: asyncio.Future[JobEvent] | None = None
    try:
        while not context.stopping.is_set():
            if upcoming is None:
                upcoming = asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait((upcoming, stopping), timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
            if upcoming in done:
                event, upcoming = upcoming.result(), None
                if event.name == "done":
                    prepare(context, event.job)
                yield await context.pools.store.run(said, event, context)
            elif not done:
                yield b": still there\n\n"
    except (StopAsyncIteration, StillsError, BusyProblem):  # it ended; or it was erased, and who comes again hears that
        return
    finally:
        stopping.cancel()
        if upcoming is not None:
            upcoming.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration, StillsError):
                await upcoming
        if hasattr(events, "aclose"):
            await events.aclose()


def said(event: JobEvent, context: Context) -> bytes:
    """An event, as bytes."""
    data = json.dumps(job_json(event.job, context), separators=(",", ":"))
    return f"id: {event.id}\nevent: {event.name}\ndata: {data}\n\n".encode()


def prepare(context: Context, job: Job) -> None:
    """Have what is asked of a job next be in memory; whether that works is seen when it is asked."""

    async def try_it() -> None:
        with contextlib.suppress(StillsError, ProblemError):
            await context.pools.ahead.run(context.answers.prepare, job)

    task = asyncio.ensure_future(try_it())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


_tasks: set[asyncio.Task[None]] = set()
"""Tasks that nobody waits for have to be held by somebody."""
