"""Taking a job in: limits, the idempotency key and the new row, in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select

from stills.addresses import public_name
from stills.jobs.store.runs import lock_library
from stills.jobs.store.service_tables import JobRow
from stills.jobs.store.session import Session
from stills.service.jobs.errors import IdempotencyError, OwnerBusyError, QueueFullError
from stills.service.jobs.rows import job_of, used, values_of
from stills.service.jobs.types import Added, JobLimits, JobProgress, NewJob

_NAME = 255
_LEAST_S, _MOST_S, _USUAL_S = 2.0, 120.0, 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A new job with what was found out about it."""

    id: str
    new: NewJob
    fingerprint: str
    posters: Sequence[str]
    day: str


def fingerprint(new: NewJob, content: str | None, posters: Sequence[tuple[str, str]]) -> str:
    """What is asked, as a short key: where it is the same, so is what a client said.

    ``content`` is that of the upload, ``posters`` their names and contents.
    """
    what = [new.recipe, _plain(new.options), new.name, new.address, content, list(posters), new.webhook]
    text = json.dumps(what, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=24).hexdigest()


def add(at: Session, asked: Asked, limits: JobLimits) -> Added:
    """The new job, or the one that was asked for with the same key.

    Raises ``IdempotencyError``, ``QueueFullError``, ``OwnerBusyError``.
    """
    new = asked.new
    lock_library(at)  # others that add wait: so nobody is counted twice, nor left out
    if new.idempotency_key is not None:
        which = (JobRow.library_id == at.library, JobRow.owner == new.owner, JobRow.key == new.idempotency_key)
        known = at.connection.execute(select(JobRow.__table__).where(*which)).one_or_none()
        if known is not None:
            if known.fingerprint != asked.fingerprint:
                remedy = "use another key for another job"
                raise IdempotencyError("this idempotency key was used for something else", remedy=remedy)
            return Added(job_of(known), created=False)
    _check_limits(at, new.owner, limits)
    values: dict[str, Any] = {
        "library_id": at.library,
        "id": asked.id,
        "owner": new.owner,
        "state": "queued",
        "recipe": new.recipe,
        "options": _plain(new.options),
        "name": new.name[:_NAME],
        "source": None if new.address is None else public_name(new.address),
        "address": new.address,
        "has_source": True,
        "posters": [name[:_NAME] for name in asked.posters],
        "webhook": new.webhook,
        "key": new.idempotency_key,
        "fingerprint": asked.fingerprint,
        "created_at": at.wall(),
        "created_tick": at.tick(),
        "ready_tick": 0.0,
        "token": 0,
        "attempts": 0,
        "failures": 0,
        "lost": 0,
        "revision": 1,
        "progress": values_of(JobProgress()),
        "error": {},
        "summary": {},
        "artifacts": [],
        "parameters": {},
        "erasing": False,
    }
    at.connection.execute(insert(JobRow).values(**values))
    used(at, new.owner, asked.day, {"jobs": 1})
    return Added(
        job_of(at.connection.execute(select(JobRow.__table__).where(JobRow.id == asked.id)).one()), created=True
    )


def _check_limits(at: Session, owner: str, limits: JobLimits) -> None:
    here = (JobRow.library_id == at.library, JobRow.erasing.is_(False))
    active = JobRow.state.in_(("queued", "running"))
    mine = at.connection.execute(select(func.count()).where(*here, active, JobRow.owner == owner)).scalar_one()
    if mine >= limits.active_per_owner:
        raise OwnerBusyError(
            f"{mine} jobs of this client are queued or running, and as many may be",
            remedy="wait for one of them to end, or cancel one",
            retry_after=_wait(at),
        )
    queued = at.connection.execute(select(func.count()).where(*here, JobRow.state == "queued")).scalar_one()
    if queued >= limits.queue:
        raise QueueFullError(f"{queued} jobs are queued, and no more may be", remedy="try later", retry_after=_wait(at))


def _wait(at: Session) -> int:
    """About how many seconds it takes until there is room for one more: what a job took lately."""
    last = (
        select(JobRow.started_at, JobRow.finished_at)
        .where(JobRow.library_id == at.library, JobRow.state == "done", JobRow.started_at.is_not(None))
        .order_by(JobRow.number.desc())
        .limit(20)
    )
    took = [float(row.finished_at) - float(row.started_at) for row in at.connection.execute(last)]
    mean = sum(took) / len(took) if took else _USUAL_S
    return round(min(_MOST_S, max(_LEAST_S, mean)))


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON gives them back."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(options), default=str))
    return plain
