"""The queue of webhooks: rows come with the end of a job, and are leased to whoever sends them."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from stills.jobs.store.service_tables import DeliveryRow, JobRow
from stills.jobs.store.session import Session
from stills.service.jobs.rows import job_of
from stills.service.jobs.types import Delivery


def claim(at: Session, limit: int, lease_s: float) -> list[Delivery]:
    """Up to ``limit`` webhooks to send within ``lease_s`` seconds; nobody else gets them meanwhile."""
    jobs, hooks = JobRow.__table__, DeliveryRow.__table__
    query = (
        select(hooks)
        .join(jobs, hooks.c.job_number == jobs.c.number)
        .where(jobs.c.library_id == at.library, jobs.c.erasing.is_(False), hooks.c.ready_tick <= at.tick())
        .order_by(hooks.c.ready_tick, hooks.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=hooks)
    )
    found = []
    for row in at.connection.execute(query).all():
        values = {"attempt": row.attempt + 1, "token": row.token + 1, "ready_tick": at.tick() + lease_s}
        at.connection.execute(update(DeliveryRow).where(DeliveryRow.id == row.id).values(values))
        job = at.connection.execute(select(jobs).where(jobs.c.number == row.job_number)).one()
        found.append(
            Delivery(row.id, job_of(job), row.address, row.event, row.attempt + 1, row.token + 1, row.created_at)
        )
    return found


def delivered(at: Session, delivery: Delivery) -> None:
    """It was sent."""
    which = (DeliveryRow.id == delivery.id, DeliveryRow.token == delivery.token)
    at.connection.execute(delete(DeliveryRow).where(*which))


def not_delivered(at: Session, delivery: Delivery, error: str, retry_in: float | None) -> None:
    """It could not be sent; it is tried again after ``retry_in`` seconds, or given up."""
    which = (DeliveryRow.id == delivery.id, DeliveryRow.token == delivery.token)
    later = None if retry_in is None else at.tick() + retry_in
    at.connection.execute(update(DeliveryRow).where(*which).values(ready_tick=later, error=error))
