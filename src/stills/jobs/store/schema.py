"""The version of the tables: an older one is migrated, a newer one refused."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from stills.errors import NoStateError, StateError
from stills.jobs.store.database import Database
from stills.jobs.store.service_tables import Base  # all of them: those of the service are the last

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0003"
"""The newest migration: the version of the tables that this code works with."""

VERSION_TABLE = "stills_schema"
MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x7374696C6C73  # "stills", as the number of an advisory lock
_alembic = threading.Lock()  # what Alembic runs finds its connection in a global


def ensure_schema(database: Database) -> None:
    """Make the tables, or bring them up to date.

    Raises:
        StateError: They are of a newer stills, or of something else; or they are older and ``database`` may only be
            read.
        NoStateError: There are none, and ``database`` may only be read.
    """
    found = database.read(_version)
    if found == HEAD:
        return
    shown = database.address.shown
    if database.readonly:
        if found is None:
            raise no_state(shown)
        _check_known(found, shown)
        remedy = "run any other command of stills on it: that brings it up to date"
        raise StateError(f"the state is of an older stills (schema {found})", path=shown, remedy=remedy)
    database.transact(lambda connection: _migrate(connection, database))


def no_state(shown: str) -> NoStateError:
    """The error for a place where nothing was ever kept."""
    return NoStateError("no state is kept here", path=shown, remedy="check the output folder and --database")


def migrations() -> Config:
    """Alembic's configuration. Its ``attributes["connection"]`` is the connection to migrate."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _version(connection: Connection) -> str | None:
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
        return None if version is None else str(version)
    if tables & set(Base.metadata.tables):
        where = str(connection.engine.url.database or "")
        raise StateError(
            "the database has tables of something else",
            path=where or None,
            remedy="give stills a database, or a schema (?options=-csearch_path%3DNAME), of its own",
        )
    return None


def _migrate(connection: Connection, database: Database) -> None:
    from alembic import command

    if not database.sqlite:  # SQLite has given this transaction the whole file
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    found = _version(connection)  # somebody else may just have done it
    if found == HEAD:
        return
    if found is not None:
        _check_known(found, database.address.shown)
    config = migrations()
    config.attributes["connection"] = connection
    with _alembic:
        command.upgrade(config, "head")


def _check_known(version: str, shown: str) -> None:
    from alembic.script import ScriptDirectory

    if version not in {script.revision for script in ScriptDirectory.from_config(migrations()).walk_revisions()}:
        remedy = "use the newer stills on this folder, or choose another output folder with --out"
        raise StateError(f"the state was written by a newer stills (schema {version})", path=shown, remedy=remedy)
