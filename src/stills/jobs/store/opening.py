"""Opening the store of an output folder: finding its database, and seeing that it fits."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from pathlib import Path

from sqlalchemy import Connection, select

from stills.errors import OutputError, StateError, StrictError, UsageError
from stills.files import atomic_write, ensure_folder, output_error, staging
from stills.jobs.addresses import is_address, local_path, shown
from stills.jobs.store.address import Address, file_address, parse_address
from stills.jobs.store.database import BUSY_TIMEOUT_S, Database
from stills.jobs.store.filesystem import network_file_system
from stills.jobs.store.identity import normalise_source
from stills.jobs.store.place import Clock, Place
from stills.jobs.store.schema import ensure_schema, no_state
from stills.jobs.store.store import Store
from stills.jobs.store.tables import Library
from stills.types import Fallback

FOLDER = ".stills"
FILE = "state.db"
_NAME = "library"
"""File in ``OUT/.stills`` that says which library the folder is, for databases that serve several."""

_NAMING_S = 2.0
"""How long somebody else may take to write that name."""

_log = logging.getLogger(__name__)


def open_database_store(
    out: Path | str,
    url: str | None,
    *,
    strict: bool = False,
    readonly: bool = False,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    clock: Clock | None = None,
    place: Place | None = None,
) -> Store:
    """See :func:`stills.jobs.store.open_store`. ``clock`` and ``place`` are of use to tests."""
    database, library, fallbacks = open_library(
        out, url, strict=strict, readonly=readonly, busy_timeout_s=busy_timeout_s, clock=clock
    )
    return Store(database, library, fallbacks=fallbacks, place=place)


def open_library(
    out: Path | str,
    url: str | None,
    *,
    strict: bool = False,
    readonly: bool = False,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    clock: Clock | None = None,
) -> tuple[Database, int, list[Fallback]]:
    """The database of a library, the library's number in it, and what is done otherwise than is best.

    Arguments and errors are those of :func:`open_database_store`.
    """
    out_path = _local(out)
    if url is not None:
        address = parse_address(url)
    elif out_path is None:
        remedy = "say where state is kept with --database (sqlite:////path/to/state.db or postgresql://…)"
        raise UsageError(
            "state cannot be kept in an output folder that is not on this machine", path=shown(str(out)), remedy=remedy
        )
    else:
        address = file_address(out_path / FOLDER / FILE)
    wal, fallbacks = True, []
    if address.path is not None:
        if readonly and not address.path.is_file():
            raise no_state(address.shown)
        if not readonly:
            ensure_folder(address.path.parent)
            fallback = _network_fallback(address, address.path, strict)
            wal, fallbacks = fallback is None, [fallback] if fallback else []
    key, where = ("here", ".") if url is None else _library(out, out_path, readonly, address)
    database = Database(address, wal=wal, readonly=readonly, busy_timeout_s=busy_timeout_s, clock=clock)
    try:
        ensure_schema(database)
        database.join_clock()
        return database, _library_row(database, key, where), fallbacks
    except BaseException:
        database.close()
        raise


def _network_fallback(address: Address, path: Path, strict: bool) -> Fallback | None:
    name = network_file_system(path)
    if name is None:
        return None
    said = f"the state database is on a network file system ({name}), where SQLite's write-ahead log does not work"
    remedy = "for several machines use PostgreSQL (--database postgresql://…), or else a folder on a local disk"
    if strict:
        raise StrictError(said, path=address.shown, remedy=remedy)
    fallback = Fallback("state-journal", f"{said}; it is kept with a plain journal, which is slower — {remedy}")
    _log.warning("%s: %s", address.shown, fallback.message)
    return fallback


def _local(out: Path | str) -> Path | None:
    """The folder on this machine that ``out`` is; ``None`` for an address elsewhere."""
    if isinstance(out, Path):
        return out
    path = local_path(out) if is_address(out) else out
    return None if path is None else Path(path)


def _library(out: Path | str, path: Path | None, readonly: bool, address: Address) -> tuple[str, str]:
    """Which library of a shared database this is, and where, for people.

    A folder has its name written in it, so it is the same one for every machine, wherever it is mounted.
    """
    if path is None:
        place = normalise_source(str(out)).rstrip("/")
        return hashlib.blake2b(place.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(), place
    file = path / FOLDER / _NAME
    name = _read_name(file)
    if name is None and readonly:
        raise no_state(address.shown)
    if name is None:
        _make_name(file)
        name = _read_name(file)
    if name is None:
        raise OutputError("cannot be read again after it was written", path=str(file))
    return name, str(path.absolute())


def _make_name(file: Path) -> None:
    """Give the folder a name, unless somebody else does so at this moment: then theirs holds."""
    name = secrets.token_hex(16)
    ensure_folder(file.parent)
    with staging(file.parent) as folder:
        whole = atomic_write(folder / file.name, name.encode())
        try:
            os.link(whole, file)
        except FileExistsError:
            return
        except OSError:  # no hard links on this file system: then there is a moment when the file is empty
            try:
                with file.open("x", encoding="ascii") as made:
                    made.write(name)
            except FileExistsError:
                return
            except OSError as error:
                raise output_error(error, file) from error


def _read_name(file: Path) -> str | None:
    try:
        name = file.read_text(encoding="ascii").strip()
        deadline = time.monotonic() + _NAMING_S
        while not name and time.monotonic() < deadline:
            time.sleep(0.05)
            name = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            raise output_error(error, file) from error
        name = ""
    if not name.isalnum() or len(name) > 64:
        remedy = "remove it: the folder then is a new library, whose videos are looked at anew"
        raise StateError("the library's name is damaged", path=str(file), remedy=remedy)
    return name


def _library_row(database: Database, key: str, where: str) -> int:
    def find(connection: Connection) -> int | None:
        return connection.execute(select(Library.id).where(Library.key == key)).scalar()

    def make(connection: Connection) -> int:
        if database.sqlite:
            from sqlalchemy.dialects.sqlite import insert as upsert
        else:
            from sqlalchemy.dialects.postgresql import insert as upsert  # type: ignore[assignment]
        row = {"key": key, "place": where, "batch": 0, "added_at": database.wall()}
        connection.execute(upsert(Library).values(**row).on_conflict_do_nothing(index_elements=["key"]))
        return connection.execute(select(Library.id).where(Library.key == key)).scalar_one()

    found = database.read(find)
    if found is not None:
        return found
    if database.readonly:
        raise no_state(database.address.shown)
    return database.transact(make)
