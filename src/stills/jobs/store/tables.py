"""The tables. A change here needs a migration (``migrations/versions``), and :data:`stills.jobs.store.schema.HEAD`.

Columns named ``…_tick`` are seconds of the store's own clock (see :mod:`stills.jobs.store.database`), by which leases
and waits are measured; ``…_at`` are Unix seconds, for people.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from stills.jobs.store.columns import Json, PathText, SaidText
from stills.jobs.store.records import SUSPECT_AFTER

MESSAGE = 2_000
"""Characters of an error's message that are kept."""
LOG_TAIL = 8_000
"""Characters of the end of an attempt's log that are kept."""

_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what is called INTEGER


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Library(Base):
    """An output folder. A database of several machines may serve many."""

    __tablename__ = "libraries"
    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    place: Mapped[str] = mapped_column(PathText)
    batch: Mapped[int] = mapped_column(BigInteger, default=0)
    added_at: Mapped[float] = mapped_column(Double)


class Clock(Base):
    """SQLite has no clock of its own: what to add to a machine's steady clock to get the store's."""

    __tablename__ = "clocks"
    machine: Mapped[str] = mapped_column(String(128), primary_key=True)
    offset_s: Mapped[float] = mapped_column(Double)
    seen_tick: Mapped[float] = mapped_column(Double)


class RunRow(Base):
    """A call of stills on a library."""

    __tablename__ = "runs"
    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True)
    library_id: Mapped[int] = mapped_column(_NUMBER, ForeignKey("libraries.id", ondelete="CASCADE"))
    batch: Mapped[int] = mapped_column(BigInteger)
    command: Mapped[str] = mapped_column(SaidText(MESSAGE))
    version: Mapped[str] = mapped_column(String(64))
    host: Mapped[str] = mapped_column(String(255))
    machine: Mapped[str] = mapped_column(String(128))
    pid: Mapped[int] = mapped_column(BigInteger)
    started: Mapped[str] = mapped_column(String(64))
    shared: Mapped[bool] = mapped_column(Boolean)
    lease_s: Mapped[float] = mapped_column(Double)
    began_tick: Mapped[float] = mapped_column(Double)
    heartbeat_tick: Mapped[float] = mapped_column(Double)
    began_at: Mapped[float] = mapped_column(Double)
    ended_at: Mapped[float | None] = mapped_column(Double)
    ended: Mapped[str | None] = mapped_column(String(16))
    __table_args__ = (Index(None, "library_id", "ended"), {"sqlite_autoincrement": True})


class VideoRecord(Base):
    """A source and a recipe: what is known of it, and where it is."""

    __tablename__ = "videos"
    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True)
    library_id: Mapped[int] = mapped_column(_NUMBER, ForeignKey("libraries.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(32))
    source: Mapped[str] = mapped_column(PathText)
    recipe: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[Any] = mapped_column(Json)
    settings: Mapped[str] = mapped_column(String(128))
    models: Mapped[str] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(String(16))
    outcome: Mapped[str] = mapped_column(String(64), default="")
    batch: Mapped[int] = mapped_column(BigInteger)
    priority: Mapped[int] = mapped_column(BigInteger)
    ready_tick: Mapped[float] = mapped_column(Double)
    """A pending video may be claimed from then on; a running one's lease ends then."""
    token: Mapped[int] = mapped_column(BigInteger, default=0)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    run_id: Mapped[int | None] = mapped_column(_NUMBER, ForeignKey("runs.id", ondelete="SET NULL"))
    error_class: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str | None] = mapped_column(SaidText(MESSAGE))
    added_at: Mapped[float] = mapped_column(Double)
    done_tick: Mapped[float | None] = mapped_column(Double)
    __table_args__ = (
        UniqueConstraint("library_id", "key"),
        # Claiming reads the first entries of this, in its order, whatever else there is.
        Index("ix_videos_claim", "library_id", "batch", "state", "ready_tick", "priority", "id"),
        # Counting reads this alone; lists of one state follow it.
        Index("ix_videos_state", "library_id", "state", "outcome", "id"),
        Index("ix_videos_done", "library_id", "done_tick"),
        Index("ix_videos_run", "run_id", "state"),
        # A number is never given twice: an old claim of a video that was forgotten must not fit a new one.
        {"sqlite_autoincrement": True},
    )


class AttemptRow(Base):
    """A claim, and how it ended."""

    __tablename__ = "attempts"
    video_id: Mapped[int] = mapped_column(_NUMBER, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True)
    token: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    run_id: Mapped[int] = mapped_column(BigInteger)
    began_at: Mapped[float] = mapped_column(Double)
    ended_at: Mapped[float | None] = mapped_column(Double)
    ended: Mapped[str] = mapped_column(String(64))
    error_class: Mapped[str | None] = mapped_column(String(32))
    code: Mapped[str | None] = mapped_column(String(64))
    message: Mapped[str | None] = mapped_column(SaidText(MESSAGE))
    log_tail: Mapped[str | None] = mapped_column(SaidText(LOG_TAIL))


class SegmentRow(Base):
    """A finished piece of a video."""

    __tablename__ = "segments"
    video_id: Mapped[int] = mapped_column(_NUMBER, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    token: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Double)
    times: Mapped[int] = mapped_column(Integer)


class FolderRow(Base):
    """The folder of a source in the output folder: no other one ever gets it, whatever the order they come in."""

    __tablename__ = "folders"
    library_id: Mapped[int] = mapped_column(
        _NUMBER, ForeignKey("libraries.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(PathText)
    folded: Mapped[str] = mapped_column(PathText)
    """``name`` as file systems compare it that do not tell upper from lower case."""
    __table_args__ = (UniqueConstraint("library_id", "folded"),)


class ResultRow(Base):
    """What came out of a video."""

    __tablename__ = "results"
    video_id: Mapped[int] = mapped_column(_NUMBER, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True)
    token: Mapped[int] = mapped_column(BigInteger)
    outcome: Mapped[str] = mapped_column(String(64))
    result: Mapped[Any] = mapped_column(Json)
    seconds: Mapped[float] = mapped_column(Double)
    finished_at: Mapped[float] = mapped_column(Double)


LAST = 1 << 40
"""Priority of such a video: it comes after all others, so that these are done whatever becomes of it."""


def suspected() -> ColumnElement[bool]:
    """Whether a video may be what kills those who work on it."""
    return VideoRecord.attempts - VideoRecord.failures >= SUSPECT_AFTER
