"""What those who work do with the jobs in a database; what clients do is in :mod:`stills.service.jobs.store`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from stills.jobs.store.runs import bury
from stills.jobs.store.session import Session
from stills.jobs.store.store import Store
from stills.service.jobs import erasing, rows, work
from stills.service.jobs.hub import Hub
from stills.service.jobs.place import Data, remove
from stills.service.jobs.types import JobError, JobLimits, JobProgress

if TYPE_CHECKING:
    from stills.jobs.store.database import Database
    from stills.jobs.store.place import Place
    from stills.jobs.store.records import Run
    from stills.service.jobs.work import Done, Held
    from stills.settings_model import Settings
    from stills.types import Fallback

_T = TypeVar("_T")


def today() -> str:
    """The day, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


class JobBase:
    """Jobs in a database, for those who work on them. Safe to use from many threads.

    Every method is one transaction (or a few), and raises ``StateError`` where the database is damaged or gone,
    ``StateUnavailableError`` where it does not answer.
    """

    def __init__(
        self,
        database: Database,
        library: int,
        data: Data,
        settings: Settings,
        limits: JobLimits,
        *,
        fallbacks: Sequence[Fallback] = (),
        place: Place | None = None,
    ) -> None:
        """See :func:`stills.service.jobs.store.open_jobs`."""
        self._database = database
        self._library = library
        # SQLite has whoever finds it locked look again in a while, up to 0.1 s later: in one process, taking turns is
        # quicker and fair.
        self._turn = threading.Lock() if database.sqlite else contextlib.nullcontext()
        self._runs = Store(database, library, fallbacks=fallbacks, place=place)
        self.folders = data
        self.settings = settings
        self.limits = limits
        self.fallbacks = tuple(fallbacks)
        """What is done otherwise than is best; to be said."""
        self.hub = Hub(
            lambda jobs: self._read(lambda at: rows.revisions(at, jobs)),
            lambda job: self._read(lambda at: rows.get(at, job, None)),
        )

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """Without credentials."""
        return f"{type(self).__name__}({self.shown})"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folders.root

    @property
    def uploads(self) -> Path:
        """Where files are to be while they are received: on the same disk as the jobs."""
        return self.folders.uploads

    @property
    def shown(self) -> str:
        """Where the database is, without credentials."""
        return self._database.address.shown

    def close(self) -> None:
        """Close all connections. Jobs stay."""
        self.hub.close()
        self._database.close()

    def ping(self) -> None:
        """Ask the database something. Raises ``StateError`` where it does not answer."""
        self._read(work.ready)

    # What runners do

    def begin_run(self, command: str) -> Run:
        """Begin to work; what those held that have died is free at once."""
        return self._runs.begin_run(command, lease_s=self.limits.lease_s, shared=True)

    def end_run(self, run: Run, how: str = "finished") -> None:
        """The run is over; what it still held is free."""
        self._runs.end_run(run, how)

    def claim(self, run: Run) -> Held | None:
        """A job to work on, or ``None``. Raises ``FencedError`` where ``run`` was taken for dead."""
        if not self._read(work.ready):
            return None
        held = self._write(lambda at: work.claim(at, run, self.limits.lease_s))
        if held is not None:
            self.hub.changed(held.job.id)
        return held

    def beat(self, run: Run, held: Sequence[Held], told: Mapping[int, JobProgress], *, renew: bool) -> set[int]:
        """Say that ``run`` lives (with ``renew``) and how far jobs are; the numbers of those it may go on with."""
        if renew:
            self._runs.heartbeat(run)
        which = [(one.number, one.token) for one in held]
        lease = self.limits.lease_s if renew else None
        asks = self._write if renew or told else self._read
        mine = asks(lambda at: work.beat(at, which, told, lease))
        for one in held:
            if one.number in told:
                self.hub.changed(one.job.id)
        return mine

    def set_content(self, held: Held, content: str) -> None:
        """Say which content the job is about, before its index is looked for. Raises ``FencedError``."""
        self._write(lambda at: work.set_content(at, held, content))

    def finish(self, held: Held, done: Done) -> None:
        """The job is done. Raises ``FencedError``."""
        self._write(lambda at: work.finish(at, held, done, ttl_s=self.limits.ttl_s, day=today()))
        self.hub.changed(held.job.id)

    def fail(self, held: Held, error: JobError, *, retry_in: float | None = None) -> None:
        """The job could not be done; it is queued again where ``retry_in`` says so. Raises ``FencedError``."""
        self._write(lambda at: work.fail(at, held, error, retry_in=retry_in, ttl_s=self.limits.ttl_s, day=today()))
        self.hub.changed(held.job.id)

    def release(self, held: Held, *, wait_s: float = 0.0) -> None:
        """Give a job back, for no fault of its own. Raises ``FencedError``."""
        self._write(lambda at: work.release(at, held, wait_s))
        self.hub.changed(held.job.id, "queued")

    def let_go(self, held: Held) -> None:
        """Nothing more is done for a job that has ended; one that is to be erased goes now."""
        self._write(lambda at: work.let_go(at, held))
        self.erase_marked(held.job.id)

    def holds_ended(self, held: Held) -> bool:
        """Whether a job has ended, is there, and is still held by this claim: then what is left of it can be tidied."""
        return self._read(lambda at: work.holds_ended(at, held))

    def clean(self, number: int, job: str, folder: str | None) -> None:
        """Remove what is not needed of a job that has ended. Raises ``OutputError``."""
        home = self.folders.job(job)
        erasing.remove_attempts(home, folder)
        if not self.limits.keep_sources:
            erasing.remove_video(home)
            self._write(lambda at: work.source_gone(at, number))
            self.hub.changed(job)

    # What has to go

    def expire(self) -> int:
        """Have jobs whose time is over be there for nobody; how many."""
        return self._write(work.mark_expired)

    def erase_marked(self, job: str | None = None) -> int:
        """Erase what is left of jobs (or of that one) that are there for nobody and that nobody holds; how many."""
        found = self._read(lambda at: erasing.to_erase(at, job))
        for row in found:
            aside = self._write(partial(erasing.put_index_aside, row=row, data=self.folders))
            for path in (aside, self.folders.job(row.id)):
                if path is not None:
                    remove(path)
            self._write(partial(erasing.drop_row, number=row.number))
            self.folders.tidy(row.owner)
        return len(found)

    def clean_ended(self) -> int:
        """Remove videos that are still here though nobody works on their jobs any more; how many."""
        found = [] if self.limits.keep_sources else self._read(erasing.to_clean)
        for row in found:
            self.clean(row.number, row.id, row.folder)
        return len(found)

    def remove_strays(self, older_s: float) -> int:
        """Remove what belongs to no job and is older than that; how much there was."""
        ids, contents = self._read(rows.known_folders)
        return erasing.remove_strays(self.folders, ids, contents, older_s)

    def bury(self) -> None:
        """See which runs have died: what they held is free."""
        self._write(bury)

    def _write(self, do: Callable[[Session], _T]) -> _T:
        with self._turn:
            return self._database.transact(lambda connection: do(Session(connection, self._database, self._library)))

    def _read(self, do: Callable[[Session], _T]) -> _T:
        return self._database.read(lambda connection: do(Session(connection, self._database, self._library)))
