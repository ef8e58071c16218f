"""The state of a library of videos, in a database: SQLite in the output folder, or PostgreSQL for several machines.

Importing this is cheap; SQLAlchemy is loaded when a store is opened, Alembic when tables are made or migrated.

The life of a video: :meth:`Store.add_videos` queues it (or says that it is done), :meth:`Store.claim` leases it to one
worker, which keeps the lease with :meth:`Store.heartbeat` and ends it with :meth:`Store.finish`, :meth:`Store.fail` or
:meth:`Store.release`. A worker that dies stops sending heartbeats: its videos are claimed by others, with a higher
token. Should it come back, its token is stale, and nothing it has to say is written (a *fencing token*: M. Kleppmann,
"How to do distributed locking", 2016).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stills.jobs.store.identity import normalise_source, source_key
from stills.jobs.store.records import (
    STATES,
    Attempt,
    Claim,
    Counts,
    Decision,
    Failure,
    Fingerprint,
    Result,
    Run,
    Segment,
    State,
    Video,
    VideoRow,
)

if TYPE_CHECKING:
    from stills.jobs.store.store import Store


def open_store(
    out: Path | str,
    url: str | None = None,
    *,
    strict: bool = False,
    readonly: bool = False,
    busy_timeout_s: float = 30.0,
) -> Store:
    """The state of the library whose results are in ``out``. It is made where there is none, and migrated if older.

    Args:
        out: The output folder, or an address of one elsewhere.
        url: Of the database: ``postgresql://…`` or ``sqlite:////path/to/file.db``. Without one it is SQLite, in
            ``OUT/.stills/state.db``.
        strict: Refuse what would be a fallback (see :attr:`Store.fallbacks`).
        readonly: Make, change and migrate nothing.
        busy_timeout_s: Seconds to wait for somebody else who writes.

    Raises:
        StateError: The database is damaged, was written by a newer stills, or refuses.
        StateUnavailableError: It is locked for too long, or cannot be reached.
        NoStateError: There is none, and ``readonly`` was said.
        SettingsError: ``url`` is none that is known; it is never quoted, as it may hold a password.
        UsageError: ``out`` is elsewhere, and no ``url`` was given.
        StrictError: ``out`` is on a network file system, and ``strict`` was said.
        OutputError: The folder cannot be written.
    """
    from stills.jobs.store.opening import open_database_store

    return open_database_store(out, url, strict=strict, readonly=readonly, busy_timeout_s=busy_timeout_s)


def __getattr__(name: str) -> object:
    """``Store``, when somebody asks for it."""
    if name == "Store":
        from stills.jobs.store.store import Store

        return Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "STATES",
    "Attempt",
    "Claim",
    "Counts",
    "Decision",
    "Failure",
    "Fingerprint",
    "Result",
    "Run",
    "Segment",
    "State",
    "Store",
    "Video",
    "VideoRow",
    "normalise_source",
    "open_store",
    "source_key",
]
