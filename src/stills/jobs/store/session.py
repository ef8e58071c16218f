"""One transaction on one library."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection

from stills.jobs.store.database import Database


@dataclass(frozen=True, slots=True)
class Session:
    """A connection with its transaction, and which library it is about."""

    connection: Connection
    database: Database
    library: int

    def tick(self) -> ColumnElement[float]:
        """The store's clock, see :meth:`Database.tick`."""
        return self.database.tick()

    def wall(self) -> ColumnElement[float]:
        """Unix seconds, for people."""
        return self.database.wall()
