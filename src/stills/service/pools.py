"""Threads for what blocks, so that the event loop never waits for a disk, a database or a long sum.

Each kind of work has threads of its own: what is slow of one kind cannot keep the others waiting, and what waits is
bounded, so that clients hear that there is too much instead of waiting for ever.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from stills.service.problems import BusyProblem

P = ParamSpec("P")
T = TypeVar("T")


class Pool:
    """Some threads for one kind of work."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        """At most ``waiting`` calls are under way or wait; threads are started as they are needed."""
        self._executor = ThreadPoolExecutor(threads, f"stills {name}")
        self._most = waiting
        self._now = 0

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of ``call`` in a thread. Raises what it raises; ``BusyProblem`` where too many wait already."""
        if self._now >= self._most:
            raise BusyProblem("the service has too much to do")
        self._now += 1
        try:
            future = self._executor.submit(functools.partial(call, *args, **kwargs))
        except RuntimeError as error:
            self._now -= 1
            raise BusyProblem("the service is ending") from error
        loop = asyncio.get_running_loop()
        # Counted until the thread is free, even where whoever asked went away meanwhile.
        future.add_done_callback(lambda _: _call_soon(loop, self._done))
        return await asyncio.wrap_future(future)

    def _done(self) -> None:
        self._now -= 1

    def close(self) -> None:
        """End the threads once they have done what they do; what waits is not begun."""
        self._executor.shutdown(wait=True, cancel_futures=True)


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)


class Pools:
    """All pools of the service."""

    def __init__(self) -> None:
        """No thread is started yet."""
        self.store = Pool("store", 8, 512)
        """The database."""
        self.files = Pool("files", 6, 1024)
        """Uploads and downloads: a piece at a time."""
        self.answers = Pool("answers", 2, 64)
        """Selections, pictures and time lines: sums, of which as many at once as make sense."""
        self.saving = Pool("saving", 1, 16)
        """Selections that are written: that may take seconds, and goes to the workers, too."""
        self.ahead = Pool("ahead", 1, 16)
        """What is likely to be asked next: where there is too much of it, it is left."""
        self.checks = Pool("checks", 4, 16)
        """Whether all is well: asked even where everything else has too much to do."""

    def close(self) -> None:
        """End all threads."""
        for pool in (self.saving, self.ahead, self.answers, self.files, self.store, self.checks):
            pool.close()
