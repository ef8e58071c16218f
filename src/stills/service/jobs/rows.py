"""Rows of jobs, as values; and what is only read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select

from stills.errors import UsageError
from stills.jobs.store.service_tables import JobRow, UsageRow
from stills.jobs.store.session import Session
from stills.service.jobs.types import (
    STATES,
    Artifact,
    Job,
    JobError,
    JobPage,
    JobProgress,
    JobState,
    QueueCounts,
    Usage,
)

MOST = 200
"""Jobs on a page, at most."""


def job_of(row: Any) -> Job:
    """A row of :class:`JobRow` as a value."""
    return Job(
        id=row.id,
        owner=row.owner,
        state=row.state,
        recipe=row.recipe,
        options=row.options,
        name=row.name,
        source=row.source,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        expires_at=row.expires_at,
        progress=JobProgress(**row.progress),
        error=JobError(**row.error) if row.error else None,
        summary=row.summary,
        artifacts=tuple(Artifact(**one) for one in row.artifacts),
        attempts=row.attempts,
        revision=row.revision,
        content=row.content,
        parameters=row.parameters or None,
        folder=row.folder,
        posters=tuple(row.posters),
        has_source=row.has_source,
    )


def values_of(one: JobProgress | JobError | Artifact) -> dict[str, Any]:
    """A part of a job as JSON values."""
    return asdict(one)


def find(at: Session, job: str, owner: str | None) -> Any | None:
    """The row of a job that is there for ``owner`` (``None``: for anybody), or ``None``."""
    which = [JobRow.library_id == at.library, JobRow.id == job, JobRow.erasing.is_(False)]
    if owner is not None:
        which.append(JobRow.owner == owner)
    return at.connection.execute(select(JobRow.__table__).where(*which)).one_or_none()


def get(at: Session, job: str, owner: str | None) -> Job | None:
    """A job, if it is there for ``owner``."""
    row = find(at, job, owner)
    return None if row is None else job_of(row)


def revisions(at: Session, jobs: Sequence[str]) -> dict[str, int]:
    """The revisions of those of ``jobs`` that are there."""
    found: dict[str, int] = {}
    for start in range(0, len(jobs), MOST):
        some = jobs[start : start + MOST]
        which = (JobRow.library_id == at.library, JobRow.id.in_(some), JobRow.erasing.is_(False))
        found.update(
            (row.id, row.revision) for row in at.connection.execute(select(JobRow.id, JobRow.revision).where(*which))
        )
    return found


def page(at: Session, owner: str | None, state: JobState | None, cursor: str | None, limit: int) -> JobPage:
    """Jobs, the newest first. Raises ``UsageError`` for a state, cursor or limit that there is not."""
    if state is not None and state not in STATES:
        raise UsageError(f"there is no state {state!r}", remedy=f"use one of: {', '.join(STATES)}")
    if not 1 <= limit <= MOST:
        raise UsageError(f"a page has 1 to {MOST} jobs, not {limit}")
    which = [JobRow.library_id == at.library, JobRow.erasing.is_(False)]
    if owner is not None:
        which.append(JobRow.owner == owner)
    if state is not None:
        which.append(JobRow.state == state)
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise UsageError("this is no cursor", remedy="use the one that the page before gave")
        which.append(JobRow.number < int(cursor))
    query = select(JobRow.__table__).where(*which).order_by(JobRow.number.desc()).limit(limit + 1)
    rows = at.connection.execute(query).all()
    more = str(rows[limit - 1].number) if len(rows) > limit else None
    return JobPage([job_of(row) for row in rows[:limit]], more)


def counts(at: Session, owner: str | None) -> QueueCounts:
    """How many jobs are in each state."""
    which = [JobRow.library_id == at.library, JobRow.erasing.is_(False)]
    if owner is not None:
        which.append(JobRow.owner == owner)
    query = select(JobRow.state, func.count()).where(*which).group_by(JobRow.state)
    found: dict[str, int] = {row[0]: int(row[1]) for row in at.connection.execute(query)}
    first = select(at.tick() - func.min(JobRow.created_tick)).where(*which, JobRow.state == "queued")
    oldest = at.connection.execute(first).scalar()
    return QueueCounts(**found, oldest_s=max(0.0, float(oldest or 0.0)))


def usage(at: Session, owner: str | None, since: str) -> list[Usage]:
    """What was used on each day from ``since`` on, the latest first."""
    which = [UsageRow.library_id == at.library, UsageRow.day >= since]
    if owner is not None:
        which.append(UsageRow.owner == owner)
    query = select(UsageRow.__table__).where(*which).order_by(UsageRow.day.desc(), UsageRow.owner)
    return [
        Usage(row.owner, row.day, row.jobs, row.finished, row.video_s, row.work_s)
        for row in at.connection.execute(query)
    ]


def used(at: Session, owner: str, day: str, more: Mapping[str, float]) -> None:
    """Add ``more`` to what ``owner`` used on ``day``."""
    if at.database.sqlite:
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    nothing = {"jobs": 0, "finished": 0, "video_s": 0.0, "work_s": 0.0}
    row = {"library_id": at.library, "owner": owner, "day": day, **nothing, **more}
    added = {name: getattr(UsageRow, name) + value for name, value in more.items()}
    statement = insert(UsageRow).values(**row)
    at.connection.execute(statement.on_conflict_do_update(index_elements=["library_id", "owner", "day"], set_=added))


def known_folders(at: Session) -> tuple[set[str], set[tuple[str, str]]]:
    """Ids of all jobs, and owners with contents: also of those that are about to go."""
    query = select(JobRow.id, JobRow.owner, JobRow.content).where(JobRow.library_id == at.library)
    ids: set[str] = set()
    contents: set[tuple[str, str]] = set()
    for row in at.connection.execute(query):
        ids.add(row.id)
        if row.content is not None:
            contents.add((row.owner, row.content))
    return ids, contents
