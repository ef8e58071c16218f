"""The jobs of a service in its database; see :mod:`stills.service.jobs`."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from stills.errors import NothingFoundError, UsageError
from stills.files import ensure_folder
from stills.jobs.store.opening import open_library
from stills.service.jobs import adding, deliveries, events, rows, work
from stills.service.jobs.core import JobBase, today
from stills.service.jobs.errors import NoJobError, NotReadyError
from stills.service.jobs.options import check_options, check_posters
from stills.service.jobs.place import RESULT, Data, remove
from stills.service.jobs.types import (
    Added,
    Artifact,
    Delivery,
    Job,
    JobEvent,
    JobLimits,
    JobPage,
    JobState,
    NewJob,
    QueueCounts,
    Usage,
)
from stills.settings import load_settings

if TYPE_CHECKING:
    from stills.jobs.store.place import Clock, Place
    from stills.settings_model import Settings

_BUSY_TIMEOUT_S = 10.0
_FOREVER_S = 1e9


def open_jobs(
    data: Path,
    url: str | None = None,
    *,
    settings: Settings | None = None,
    limits: JobLimits | None = None,
    strict: bool = False,
    busy_timeout_s: float = _BUSY_TIMEOUT_S,
    clock: Clock | None = None,
    place: Place | None = None,
) -> JobStore:
    """The jobs of the service whose data folder is ``data``, which is made where there is none.

    Args:
        data: Replicas of one service share it.
        url: Of the database, as of :func:`stills.jobs.store.open_store`; without one, SQLite in the data folder.
        settings: What clients' options change; by default those of the environment.
        limits: What the service allows.
        strict: Refuse what would be a fallback (see :attr:`JobStore.fallbacks`).
        busy_timeout_s: Seconds to wait for somebody else who writes.
        clock: Of use to tests, as is ``place``.
        place: The process that works: this one.

    Raises:
        StateError, SettingsError, StrictError, OutputError: As :func:`stills.jobs.store.open_store`.
    """
    folder = Data(data.absolute())
    folder.make()
    database, library, fallbacks = open_library(
        folder.root, url, strict=strict, busy_timeout_s=busy_timeout_s, clock=clock
    )
    chosen = settings if settings is not None else load_settings()
    return JobStore(database, library, folder, chosen, limits or JobLimits(), fallbacks=fallbacks, place=place)


class JobStore(JobBase):
    """Jobs in a database, for clients; see :func:`open_jobs`. Safe to use from many threads.

    Every method but :meth:`events` is one transaction (or a few), blocks meanwhile, and raises ``StateError`` where
    the database is damaged or gone, ``StateUnavailableError`` where it does not answer. Methods that take an ``owner``
    do as if jobs of others were not there; ``None`` means anybody's.
    """

    def add(self, new: NewJob) -> Added:
        """Queue a job, or find the one that was queued with the same idempotency key.

        ``new.upload`` is the job's afterwards; where it is not needed, or something is wrong, it is gone.

        Raises:
            UsageError: There is no such recipe, or options contradict each other; not one of upload and address.
            SettingsError: An option is unknown, not for clients, or has a value that is not allowed.
            InputError: The upload, or a poster, is empty or gone.
            IdempotencyError: The key was used for something else.
            QueueFullError: The queue is full. ``OwnerBusyError``: the owner has too many under way.
            OutputError: The upload cannot be moved.
        """
        try:
            if (new.upload is None) == (new.address is None):
                raise UsageError("a job has either an upload or an address")
            check_options(new.recipe, new.options, self.settings)
            check_posters(new, self.limits.posters)
            return self._add(new)
        finally:
            for path in (new.upload, *new.posters):
                if path is not None:
                    remove(path)

    def _add(self, new: NewJob) -> Added:
        from stills.media.source import content_id

        name = secrets.token_hex(16)
        content = None if new.upload is None else content_id(new.upload)
        names = [*new.poster_names, *(f"poster {place + 1}" for place in range(len(new.posters)))][: len(new.posters)]
        posters = list(zip(names, map(content_id, new.posters), strict=True))
        asked = adding.Asked(name, new, adding.fingerprint(new, content, posters), names, today())
        folder = self.folders.job(name)
        added = None
        try:
            if new.upload is not None:
                self.folders.take_upload(new.upload, name)
            else:
                ensure_folder(folder)
            for number, path in enumerate(new.posters, 1):
                self.folders.take_poster(path, name, number)
            added = self._write(lambda at: adding.add(at, asked, self.limits))
        finally:
            if added is None or not added.created:
                remove(folder)
        self.hub.changed(added.job.id, "queued")
        return added

    def get(self, job: str, owner: str | None = None) -> Job:
        """The job with this id. Raises ``NoJobError``."""
        return _there(self._read(lambda at: rows.get(at, job, owner)))

    def list(
        self, owner: str | None = None, state: JobState | None = None, cursor: str | None = None, limit: int = 50
    ) -> JobPage:
        """Jobs, the newest first. Raises ``UsageError`` for a state, cursor or limit (1…200) that there is not."""
        return self._read(lambda at: rows.page(at, owner, state, cursor, limit))

    def cancel(self, job: str, owner: str | None = None) -> Job:
        """Cancel a job: it is so when this returns, and work on it stops soon. One that has ended stays as it is.

        Raises ``NoJobError``.
        """
        found = _there(self._write(lambda at: work.cancel(at, job, owner, self.limits.ttl_s)))
        self.hub.changed(job, "stopped")
        return found

    def erase(self, job: str, owner: str | None = None) -> None:
        """Cancel a job and erase all there is of it. Raises ``NoJobError``.

        When this returns, it is there for nobody; its files go at once, or as soon as whoever works on it let go.
        """
        if not self._write(lambda at: work.mark_erased(at, job, owner)):
            raise NoJobError(*_NO_JOB)
        self.hub.changed(job, "stopped")
        self.erase_marked(job)

    def events(self, job: str, owner: str | None = None, after: int = 0) -> AsyncIterator[JobEvent]:
        """What happens to a job from now on: how it is, unless ``after`` is its revision, then each change.

        The last event is ``done``, ``failed`` or ``cancelled``. Raises ``NoJobError``, also
        when it is erased meanwhile.
        """
        return events.follow(self, job, owner, after)

    def watch(
        self, job: str, owner: str | None = None, after: int = 0, *, timeout_s: float = _FOREVER_S
    ) -> Iterator[JobEvent]:
        """The same, blocking; it ends after ``timeout_s`` at the latest."""
        return events.watch(self, job, owner, after, timeout_s)

    def counts(self, owner: str | None = None) -> QueueCounts:
        """How many jobs are in each state."""
        return self._read(lambda at: rows.counts(at, owner))

    def usage(self, owner: str | None = None, days: int = 31) -> Sequence[Usage]:
        """What was used on each of the last ``days``, the latest first."""
        since = (datetime.now(UTC) - timedelta(days=days - 1)).strftime("%Y-%m-%d")
        return self._read(lambda at: rows.usage(at, owner, since))

    def artifact_path(self, job: Job, artifact: Artifact) -> Path:
        """Where a file of a result is. Raises ``NotReadyError``, ``NoJobError`` where it was erased meanwhile."""
        path = self._result_folder(job) / artifact.file
        if not path.is_file():
            raise NoJobError(*_NO_JOB)
        return path

    def result_path(self, job: Job) -> Path:
        """The recipe's JSON. Raises ``NotReadyError``, ``NothingFoundError`` where there was nothing to write."""
        self._result_folder(job)
        if not job.artifacts or job.artifacts[0].kind != "result":
            said = job.error.message if job.error is not None else "nothing in the video qualifies"
            raise NothingFoundError(said, path=job.name, remedy=None if job.error is None else job.error.remedy)
        return self.artifact_path(job, job.artifacts[0])

    def add_artifacts(self, job: Job, folder: str, artifacts: Sequence[Artifact]) -> Job:
        """Add files to those of a done job, which lie in ``folder``; the job, with the names that they got.

        Raises ``NoJobError`` where it was erased meanwhile, ``UsageError`` where it has too many.
        """
        most = 5 * self.limits.pictures
        found = _there(self._write(lambda at: work.add_artifacts(at, job.id, folder, artifacts, most)))
        self.hub.changed(job.id)
        return found

    def _result_folder(self, job: Job) -> Path:
        if job.state != "done":
            raise NotReadyError(f"the job is {job.state}: it has no result", path=job.name)
        return self.folders.job(job.id) / (job.folder or "0") / RESULT

    # Webhooks

    def claim_deliveries(self, limit: int = 10, lease_s: float = 60.0) -> Sequence[Delivery]:
        """Up to ``limit`` webhooks to send, each leased for ``lease_s`` seconds."""
        return self._write(lambda at: deliveries.claim(at, limit, lease_s))

    def delivered(self, delivery: Delivery) -> None:
        """A webhook was sent."""
        self._write(lambda at: deliveries.delivered(at, delivery))

    def not_delivered(self, delivery: Delivery, error: str, retry_in: float | None) -> None:
        """A webhook could not be sent; it is tried again after ``retry_in`` seconds, or given up (``None``)."""
        self._write(lambda at: deliveries.not_delivered(at, delivery, error, retry_in))


_NO_JOB = ("there is no such job",)


def _there(job: Job | None) -> Job:
    if job is None:
        raise NoJobError(*_NO_JOB)
    return job
