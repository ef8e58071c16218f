"""The tables of the service (:mod:`stills.service.jobs`), in the same database and chain of migrations.

Columns are named as in :mod:`stills.jobs.store.tables`. A library is the service's data folder.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from stills.jobs.store.columns import Json, PathText, SaidText
from stills.jobs.store.tables import _NUMBER, MESSAGE, Base

__all__ = ["Base", "DeliveryRow", "JobRow", "UsageRow"]


class JobRow(Base):
    """What a client asked for, who works on it, and what came of it."""

    __tablename__ = "service_jobs"
    number: Mapped[int] = mapped_column(_NUMBER, primary_key=True)
    library_id: Mapped[int] = mapped_column(_NUMBER, ForeignKey("libraries.id", ondelete="CASCADE"))
    id: Mapped[str] = mapped_column(String(32), unique=True)
    owner: Mapped[str] = mapped_column(PathText)
    state: Mapped[str] = mapped_column(String(16))
    recipe: Mapped[str] = mapped_column(String(64))
    options: Mapped[Any] = mapped_column(Json)
    name: Mapped[str] = mapped_column(PathText)
    source: Mapped[str | None] = mapped_column(PathText)
    """The address, without secrets, for people."""
    address: Mapped[str | None] = mapped_column(PathText)
    """The address as it is; gone once it is not needed any more."""
    has_source: Mapped[bool] = mapped_column(Boolean)
    posters: Mapped[Any] = mapped_column(Json)
    """What the client calls the posters that came with it."""
    webhook: Mapped[str | None] = mapped_column(PathText)
    key: Mapped[str | None] = mapped_column(String(255))
    """The client's idempotency key, and ``fingerprint`` what was asked with it."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[float] = mapped_column(Double)
    created_tick: Mapped[float] = mapped_column(Double)
    started_at: Mapped[float | None] = mapped_column(Double)
    finished_at: Mapped[float | None] = mapped_column(Double)
    expires_at: Mapped[float | None] = mapped_column(Double)
    expires_tick: Mapped[float | None] = mapped_column(Double)
    ready_tick: Mapped[float] = mapped_column(Double)
    """A queued job may be claimed from then on; the lease of one that is held ends then."""
    run_id: Mapped[int | None] = mapped_column(_NUMBER, ForeignKey("runs.id", ondelete="SET NULL"))
    """Who holds it: works on it, or has still to let go of what was cancelled, or to clean up."""
    token: Mapped[int] = mapped_column(BigInteger, default=0)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    lost: Mapped[int] = mapped_column(Integer, default=0)
    """How often whoever worked on it died."""
    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    progress: Mapped[Any] = mapped_column(Json)
    error: Mapped[Any] = mapped_column(Json)
    summary: Mapped[Any] = mapped_column(Json)
    artifacts: Mapped[Any] = mapped_column(Json)
    content: Mapped[str | None] = mapped_column(String(64))
    parameters: Mapped[Any] = mapped_column(Json)
    folder: Mapped[str | None] = mapped_column(String(64))
    erasing: Mapped[bool] = mapped_column(Boolean, default=False)
    """It is not there any more for anybody; its files go, and then this row."""
    __table_args__ = (
        UniqueConstraint("library_id", "owner", "key"),
        Index("ix_service_jobs_claim", "library_id", "state", "erasing", "ready_tick", "number"),
        Index("ix_service_jobs_owner", "library_id", "owner", "state", "number"),
        Index("ix_service_jobs_expires", "library_id", "erasing", "expires_tick"),
        Index("ix_service_jobs_content", "library_id", "content"),
        Index("ix_service_jobs_run", "run_id", "state"),
        {"sqlite_autoincrement": True},
    )


class UsageRow(Base):
    """What an owner used on a day."""

    __tablename__ = "service_usage"
    library_id: Mapped[int] = mapped_column(
        _NUMBER, ForeignKey("libraries.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    owner: Mapped[str] = mapped_column(PathText, primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    jobs: Mapped[int] = mapped_column(BigInteger)
    finished: Mapped[int] = mapped_column(BigInteger)
    video_s: Mapped[float] = mapped_column(Double)
    work_s: Mapped[float] = mapped_column(Double)


class DeliveryRow(Base):
    """A webhook that is to be sent, or was given up."""

    __tablename__ = "service_deliveries"
    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True)
    job_number: Mapped[int] = mapped_column(_NUMBER, ForeignKey("service_jobs.number", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(PathText)
    event: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[float] = mapped_column(Double)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    token: Mapped[int] = mapped_column(BigInteger, default=0)
    ready_tick: Mapped[float | None] = mapped_column(Double)
    """It may be sent (again) from then on; ``None`` where it was given up."""
    error: Mapped[str | None] = mapped_column(SaidText(MESSAGE))
    __table_args__ = (
        Index("ix_service_deliveries_ready", "ready_tick"),
        Index("ix_service_deliveries_job", "job_number"),
        {"sqlite_autoincrement": True},
    )
