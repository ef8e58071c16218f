"""Leases of jobs: who works on which, what they say of it, and how it ends; each written by nobody else any more.

A job is *held* as long as its row names a run: also after it was cancelled, until whoever worked on it let go, and
after it is done, until what is not needed any more was removed. A run that died (its process is gone, or its leases ran
out) holds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update

from stills.errors import FencedError, UsageError
from stills.jobs.store.records import Run
from stills.jobs.store.runs import check_not_buried, lock_library
from stills.jobs.store.service_tables import DeliveryRow, JobRow
from stills.jobs.store.session import Session
from stills.jobs.store.tables import RunRow
from stills.service.jobs.rows import find, job_of, used, values_of
from stills.service.jobs.types import ENDED, Artifact, Job, JobError, JobProgress, JobState


@dataclass(frozen=True, slots=True)
class Held:
    """The right to work on a job until its lease runs out."""

    number: int
    token: int
    """Higher with each claim of the job. An older one cannot write any more."""
    job: Job
    address: str | None
    failures: int
    lost: int
    """How often whoever worked on it died."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came out of a job. ``error`` says why nothing did, though all went well."""

    folder: str | None
    artifacts: Sequence[Artifact]
    summary: Mapping[str, Any]
    parameters: Mapping[str, Any] | None
    error: JobError | None = None


def ready(at: Session) -> bool:
    """Whether there is a job to claim."""
    return at.connection.execute(select(JobRow.number).where(*_claimable(at)).limit(1)).scalar() is not None


def claim(at: Session, run: Run, lease_s: float) -> Held | None:
    """The job whose turn it is: one that was interrupted; or the first of whoever has the fewest under way.

    Raises ``FencedError`` where ``run`` was taken for dead.
    """
    check_not_buried(at, run)
    other = JobRow.__table__.alias("other")
    theirs = (
        select(func.count())
        .where(
            other.c.library_id == at.library,
            other.c.owner == JobRow.owner,
            other.c.state == "running",
            other.c.erasing.is_(False),
        )
        .scalar_subquery()
    )
    query = (
        select(JobRow.__table__)
        .where(*_claimable(at))
        .order_by(JobRow.state.desc(), theirs, JobRow.number)  # "running" before "queued"
        .limit(1)
        .with_for_update(skip_locked=True, of=JobRow.__table__)  # what somebody else takes is not waited for
    )
    row = at.connection.execute(query).one_or_none()
    if row is None:
        return None
    lost = row.state == "running"
    at.connection.execute(
        update(JobRow)
        .where(JobRow.number == row.number)
        .values(
            state="running",
            run_id=run.id,
            token=row.token + 1,
            attempts=row.attempts + 1,
            lost=row.lost + lost,
            ready_tick=at.tick() + lease_s,
            started_at=at.wall() if row.started_at is None else row.started_at,
            progress=values_of(JobProgress("probe")),
            revision=row.revision + 1,
        )
    )
    at.database.mark_time(at.connection)
    now = at.connection.execute(select(JobRow.__table__).where(JobRow.number == row.number)).one()
    return Held(row.number, row.token + 1, job_of(now), row.address, row.failures, row.lost + lost)


def beat(
    at: Session, held: Sequence[tuple[int, int]], told: Mapping[int, JobProgress], lease_s: float | None
) -> set[int]:
    """Write what is ``told`` (by the jobs' numbers) and, with ``lease_s``, longer leases; who may go on.

    ``held`` are numbers and tokens. A job that was cancelled, erased or given to somebody else may not.
    """
    mine: set[int] = set()
    for number, token in held:
        which = (JobRow.number == number, JobRow.token == token)
        if lease_s is not None:
            at.connection.execute(update(JobRow).where(*which).values(ready_tick=at.tick() + lease_s))
        running = (*which, JobRow.state == "running", JobRow.erasing.is_(False))
        if number in told:
            values = {"progress": values_of(told[number]), "revision": JobRow.revision + 1}
            if at.connection.execute(update(JobRow).where(*running).values(values)).rowcount:
                mine.add(number)
        elif at.connection.execute(select(JobRow.number).where(*running)).scalar() is not None:
            mine.add(number)
    return mine


def set_content(at: Session, held: Held, content: str) -> None:
    """Say which content the job is about, before its index is looked for: from now on it is kept for this job, too.

    Raises ``FencedError``.
    """
    lock_library(at)  # whoever is about to erase that index has done so, or will see this
    _end(at, held, {"content": content})


def finish(at: Session, held: Held, done: Done, *, ttl_s: float, day: str) -> None:
    """The job is done, visible at once and as a whole. Raises ``FencedError``."""
    values = {
        "folder": done.folder,
        "artifacts": [values_of(one) for one in done.artifacts],
        "summary": dict(done.summary),
        "parameters": dict(done.parameters or {}),
        "error": values_of(done.error) if done.error is not None else {},
        "progress": values_of(JobProgress("done", 1.0)),
    }
    _end(at, held, {**values, **_ended(at, "done", ttl_s)})
    _deliver(at, held.number, "done")
    work = {"video_s": float(done.summary.get("duration", 0.0)), "work_s": float(done.summary.get("seconds", 0.0))}
    used(at, held.job.owner, day, {"finished": 1, **work})


def fail(at: Session, held: Held, error: JobError, *, retry_in: float | None, ttl_s: float, day: str) -> None:
    """The job came to nothing; it is queued again where ``retry_in`` says so. Raises ``FencedError``."""
    if retry_in is not None:
        again = {"state": "queued", "run_id": None, "failures": held.failures + 1, "ready_tick": at.tick() + retry_in}
        _end(at, held, {**again, "progress": values_of(JobProgress())})
        return
    _end(at, held, {"error": values_of(error), "failures": held.failures + 1, **_ended(at, "failed", ttl_s)})
    _deliver(at, held.number, "failed")
    used(at, held.job.owner, day, {"finished": 1})


def release(at: Session, held: Held, wait_s: float) -> None:
    """Give a job back, for no fault of its own, to be claimed after ``wait_s``. Raises ``FencedError``."""
    ready_tick: ColumnElement[float] | float = at.tick() + wait_s if wait_s > 0 else 0.0
    values = {"state": "queued", "run_id": None, "ready_tick": ready_tick, "attempts": JobRow.attempts - 1}
    _end(at, held, {**values, "progress": values_of(JobProgress())})


def let_go(at: Session, held: Held) -> None:
    """Nothing more is done for a job that has ended."""
    which = (JobRow.number == held.number, JobRow.token == held.token, JobRow.state.in_(ENDED))
    at.connection.execute(update(JobRow).where(*which).values(run_id=None))


def holds_ended(at: Session, held: Held) -> bool:
    """Whether the job has ended, is to stay, and is still held by this claim."""
    which = (JobRow.number == held.number, JobRow.token == held.token, JobRow.run_id.is_not(None))
    query = select(JobRow.number).where(*which, JobRow.state.in_(ENDED), JobRow.erasing.is_(False))
    return at.connection.execute(query).scalar() is not None


def source_gone(at: Session, number: int) -> None:
    """The video of a job is not to be had any more; nor is it known where it came from, but for people."""
    values = {"has_source": False, "address": None, "revision": JobRow.revision + 1}
    at.connection.execute(update(JobRow).where(JobRow.number == number).values(values))


def add_artifacts(at: Session, job: str, folder: str, artifacts: Sequence[Artifact], most: int) -> Job | None:
    """Add files to those of a done job, which lie in ``folder``; their names are changed where they are taken.

    ``None`` where there is no such job any more. Raises ``UsageError`` where it would have more than ``most``.
    """
    which = (JobRow.library_id == at.library, JobRow.id == job, JobRow.erasing.is_(False), JobRow.state == "done")
    row = at.connection.execute(select(JobRow.__table__).where(*which).with_for_update()).one_or_none()
    if row is None:
        return None
    if len(row.artifacts) + len(artifacts) > most:
        said = f"the job would have {len(row.artifacts) + len(artifacts)} files, and may have {most}"
        raise UsageError(said, remedy="take what you need, and ask for fewer frames in a new job")
    taken = {one["name"] for one in row.artifacts}
    added = []
    for one in artifacts:
        name, again = one.name, 1
        stem, dot, suffix = name.rpartition(".")
        while name in taken:
            again += 1
            name = f"{stem}-{again}{dot}{suffix}"
        taken.add(name)
        added.append(values_of(replace(one, name=name)))
    values = {"artifacts": [*row.artifacts, *added], "folder": folder, "revision": JobRow.revision + 1}
    at.connection.execute(update(JobRow).where(JobRow.number == row.number).values(values))
    return job_of(at.connection.execute(select(JobRow.__table__).where(JobRow.number == row.number)).one())


def cancel(at: Session, job: str, owner: str | None, ttl_s: float) -> Job | None:
    """Cancel a job that has not ended: it is so at once, whoever works on it will see. ``None``: there is none."""
    row = find(at, job, owner)
    if row is None:
        return None
    which = (JobRow.number == row.number, JobRow.state.in_(("queued", "running")))
    values = {**_ended(at, "cancelled", ttl_s), "error": {}}
    if at.connection.execute(update(JobRow).where(*which).values(values)).rowcount:
        _deliver(at, row.number, "cancelled")
    return job_of(at.connection.execute(select(JobRow.__table__).where(JobRow.number == row.number)).one())


def mark_erased(at: Session, job: str, owner: str | None) -> bool:
    """Have a job be there for nobody any more; whether it was."""
    row = find(at, job, owner)
    if row is None:
        return False
    _erase(at, JobRow.number == row.number)
    return True


def mark_expired(at: Session) -> int:
    """The same for all whose time is over; how many."""
    return _erase(
        at,
        JobRow.library_id == at.library,
        JobRow.erasing.is_(False),
        JobRow.expires_tick <= at.tick(),
        JobRow.state.in_(ENDED),
    )


def free(at: Session) -> ColumnElement[bool]:
    """The condition that nobody holds a job."""
    return or_(JobRow.run_id.is_(None), JobRow.ready_tick <= at.tick(), JobRow.run_id.in_(_dead(at)))


def _claimable(at: Session) -> tuple[ColumnElement[bool], ...]:
    queued = and_(JobRow.state == "queued", JobRow.ready_tick <= at.tick())
    lost = and_(JobRow.state == "running", free(at))
    return JobRow.library_id == at.library, JobRow.erasing.is_(False), or_(queued, lost)


def _dead(at: Session) -> Any:
    return select(RunRow.id).where(RunRow.library_id == at.library, RunRow.ended.is_not(None))


def _end(at: Session, held: Held, values: Mapping[str, Any]) -> None:
    """Write ``values`` for whoever still holds the job, at work. Raises ``FencedError``."""
    which = (
        JobRow.number == held.number,
        JobRow.token == held.token,
        JobRow.state == "running",
        JobRow.erasing.is_(False),
    )
    statement = update(JobRow).where(*which).values({**values, "revision": JobRow.revision + 1})
    if not at.connection.execute(statement).rowcount:
        raise FencedError(f"job {held.job.id} was cancelled, erased, or given to somebody else")


def _ended(at: Session, state: JobState, ttl_s: float) -> dict[str, Any]:
    return {
        "state": state,
        "finished_at": at.wall(),
        "expires_at": at.wall() + ttl_s,
        "expires_tick": at.tick() + ttl_s,
        "revision": JobRow.revision + 1,
    }


def _erase(at: Session, *which: ColumnElement[bool]) -> int:
    active = (*which, JobRow.state.in_(("queued", "running")))
    at.connection.execute(update(JobRow).where(*active).values(state="cancelled", finished_at=at.wall()))
    values = {"erasing": True, "key": None, "revision": JobRow.revision + 1}
    return int(at.connection.execute(update(JobRow).where(*which).values(values)).rowcount)


def _deliver(at: Session, number: int, event: str) -> None:
    """Have whoever wants to know how the job ended be told."""
    address = at.connection.execute(select(JobRow.webhook).where(JobRow.number == number)).scalar()
    if address is not None:
        values = {"job_number": number, "address": address, "event": event, "created_at": at.wall(), "attempt": 0}
        at.connection.execute(insert(DeliveryRow).values(**values, token=0, ready_tick=0.0))
