"""A database as the store needs it: transactions, its clock, and errors for people instead of drivers' ones."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Double,
    Engine,
    QueuePool,
    cast,
    create_engine,
    event,
    extract,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from stills.errors import StateError, StateUnavailableError
from stills.jobs.store.address import Address
from stills.jobs.store.place import Clock, SystemClock
from stills.jobs.store.said import said
from stills.jobs.store.tables import Clock as ClockRow
from stills.retry import backoff

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 30.0
"""How long to wait for another process that writes. Every transaction of the store takes milliseconds."""
_CONNECT_TIMEOUT_S = 10
_TRIES = 3
_WRITE = "stills_write"


class Database:
    """An open database. Safe to use from many threads."""

    def __init__(
        self,
        address: Address,
        *,
        wal: bool = True,
        readonly: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        clock: Clock | None = None,
    ) -> None:
        """``wal``: SQLite's write-ahead log, for local disks; ``clock`` is of use to tests. Raises ``StateError``."""
        self.address = address
        self.readonly = readonly
        self.sqlite = address.path is not None
        self._clock = clock or SystemClock()
        self._offset: float | None = None
        self._busy_timeout_s = busy_timeout_s
        # Among threads of one process a lock is fair and wakes at once; SQLite's own waiting is polling.
        self._writing: contextlib.AbstractContextManager[Any] = (
            threading.Lock() if self.sqlite else contextlib.nullcontext()
        )
        with self._translated():
            if address.path is not None:
                self._engine = self._sqlite_engine(address.path)
            else:
                self._engine = self._server_engine(address.url or URL.create("postgresql+psycopg"))
            if self.sqlite and not readonly:
                self._set_journal("wal" if wal else "delete")
        self._file = None if address.path is None else _identity(address.path)

    def __repr__(self) -> str:
        """Without credentials."""
        return f"Database({self.address.shown})"

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def transact(self, work: Callable[[Connection], _T]) -> _T:
        """All that ``work`` does, in one transaction that may write. A lost connection is tried again.

        Raises:
            StateError: The database is damaged, gone or refuses.
            StateUnavailableError: It is locked for too long, or cannot be reached.
            OutputError: The disk is full, or may not be written.
        """
        with self._writing:
            return self._persistent(lambda: self._once(work, write=True))

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """All that ``work`` reads, of one moment. Raises as :meth:`transact`."""
        return self._persistent(lambda: self._once(work, write=False))

    def _once(self, work: Callable[[Connection], _T], *, write: bool) -> _T:
        with self._translated(), self._engine.connect() as plain:
            if write:
                self._see_file()
            connection = plain.execution_options(**{_WRITE: write})
            with connection.begin():
                return work(connection)

    def _persistent(self, work: Callable[[], _T]) -> _T:
        """Try again where a server passes over something; SQLite has waited already."""
        for attempt in range(_TRIES):
            try:
                return work()
            except StateUnavailableError as error:
                if self.sqlite or attempt == _TRIES - 1:
                    raise
                _log.info("%s; trying again", error)
                time.sleep(backoff(attempt, 0.2))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def tick(self) -> ColumnElement[float]:
        """The store's clock, in seconds, for use in a statement. No change of a machine's time moves it.

        A server's own clock; or, as SQLite has none, the machine's steady clock plus what was agreed on when this
        machine first opened the database (:meth:`join_clock`).
        """
        if not self.sqlite:
            return _server_time()
        if self._offset is None:
            raise StateError("the store's clock was asked before it was set", path=self.address.shown)
        return literal(self._clock.steady() + self._offset, Double)

    def wall(self) -> ColumnElement[float]:
        """Unix seconds, for people."""
        return literal(self._clock.wall(), Double) if self.sqlite else _server_time()

    def join_clock(self) -> None:
        """Agree on the time with whoever used the database before: theirs goes on here."""
        if not self.sqlite:
            return
        machine = self._clock.machine()

        def join(connection: Connection) -> None:
            known = select(ClockRow.offset_s).where(ClockRow.machine == machine)
            offset = connection.execute(known).scalar()
            if offset is None:
                seen = connection.execute(select(func.max(ClockRow.seen_tick))).scalar()
                # The machine's own time is asked once, for the first tick of all; later ones only count on from there.
                start = self._clock.wall() if seen is None else seen
                offset = start - self._clock.steady()
                if not self.readonly:
                    row = {"machine": machine, "offset_s": offset, "seen_tick": start}
                    connection.execute(insert(ClockRow).values(**row))
            self._offset = float(offset)

        if self.readonly:
            self.read(join)
        else:
            self.transact(join)

    def mark_time(self, connection: Connection) -> None:
        """Leave word of the time, for machines that join later."""
        if self.sqlite:
            here = ClockRow.machine == self._clock.machine()
            connection.execute(update(ClockRow).where(here).values(seen_tick=self.tick()))

    def _sqlite_engine(self, path: Path) -> Engine:
        mode = _looking_mode(path) if self.readonly else "mode=rwc"

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?{mode}",
                uri=True,
                timeout=self._busy_timeout_s,
                isolation_level=None,  # transactions begin below, where it is said what kind
                check_same_thread=False,
            )
            connection.execute("PRAGMA foreign_keys = ON")
            # In WAL mode a power cut may take the last transactions, never the database: their work is done again.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA journal_size_limit = 16777216")
            if self.readonly:
                connection.execute("PRAGMA query_only = ON")
            return connection

        engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, hide_parameters=True)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # A transaction that reads first and writes then can fail half-way; one that says so at once just waits.
            write = connection.get_execution_options().get(_WRITE, False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    def _set_journal(self, mode: str) -> None:
        """Switch the journal. For that SQLite needs the file alone, and does not always wait for it by itself."""
        deadline = time.monotonic() + self._busy_timeout_s
        raw = self._engine.raw_connection()
        try:
            while True:
                try:
                    if raw.cursor().execute("PRAGMA journal_mode").fetchone()[0] != mode:
                        raw.cursor().execute(f"PRAGMA journal_mode = {mode}")
                except sqlite3.OperationalError as error:
                    busy = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
                    if not busy or time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)
                else:
                    return
        finally:
            raw.close()

    def _server_engine(self, url: URL) -> Engine:
        arguments: dict[str, Any] = {"application_name": "stills", "connect_timeout": _CONNECT_TIMEOUT_S}
        engine = create_engine(
            url,
            connect_args={name: value for name, value in arguments.items() if name not in url.query},
            pool_pre_ping=True,  # a connection that the server closed meanwhile is made anew
            pool_recycle=1800,
            hide_parameters=True,
        )
        timeout = round(self._busy_timeout_s * 1000)

        @event.listens_for(engine, "connect")
        def limit(connection: Any, _record: object) -> None:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {timeout}")
                # A client that is cut off in the middle must not keep its locks.
                cursor.execute("SET idle_in_transaction_session_timeout = 60000")
            connection.commit()

        return engine

    def _see_file(self) -> None:
        """Writing to a database file that somebody removed would go well, and to nowhere."""
        if self._file is not None and self.address.path is not None and _identity(self.address.path) != self._file:
            raise StateError(
                "the state database was removed or replaced while it was in use",
                path=self.address.shown,
                remedy="leave the output folder alone while there is work, and run again",
            )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise said(error.orig or error, self.address) from error
        except StatementError as error:  # a value that no column takes: the caller's fault, not the database's
            raise error.orig or error from None
        except PoolTimeout as error:
            raise said(error, self.address) from error
        except sqlite3.Error as error:
            raise said(error, self.address) from error


def _server_time() -> ColumnElement[float]:
    # statement_timestamp() is the same in all of a statement, so an index can be searched by it.
    return cast(extract("epoch", func.statement_timestamp()), Double)


def _looking_mode(path: Path) -> str:
    """How to open a file that is only looked at.

    Readers of a write-ahead log need two files beside it: who could write them opens the file as if to write, as then
    they are removed at the end. Where nobody can, and there are none, nobody writes and the file can be read as it is.
    """
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return "mode=rw"
    return "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
