"""What a database's driver says, as an error for people: one line, what to do, and never a password."""

from __future__ import annotations

import errno
import re
import sqlite3
from pathlib import Path

from stills.errors import StateError, StateUnavailableError, StillsError
from stills.files import output_error
from stills.jobs.addresses import HIDDEN, clean
from stills.jobs.store.address import Address

_ANEW = (
    "move it and the files beside it that begin like it away, and run again: finished pictures stay, "
    "and what is not known any more is done again"
)
_REFUSED = re.compile(r"authentication failed|no password supplied|no pg_hba\.conf entry|does not exist|not permitted")
_SERVER_FULL, _SERVER_BUSY = "53100", ("53", "55P03", "40", "57P", "08", "57014")
_PASSING = "check the network and the server, and run again: it goes on"


def said(error: BaseException, address: Address) -> StillsError:
    """``error`` of a driver as one of ours."""
    if isinstance(error, sqlite3.Error):
        return _file_error(error, address)
    return _server_error(error, address)


def _file_error(error: sqlite3.Error, address: Address) -> StillsError:  # noqa: PLR0911 - one a kind
    text, path = str(error), address.path or Path(address.shown)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest tells where in SQLite it was met
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        remedy = "wait for it or end it, and run again: it goes on"
        return StateUnavailableError(
            "the state database is locked by another process", path=address.shown, remedy=remedy
        )
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return StateError(f"the state database is damaged ({text})", path=address.shown, remedy=_ANEW)
    if code == sqlite3.SQLITE_FULL:
        return output_error(OSError(errno.ENOSPC, text), path)
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return output_error(OSError(errno.EACCES, text), path)
    if code == sqlite3.SQLITE_CANTOPEN:
        remedy = "check that the folder is there and may be written"
        return StateError("the state database cannot be opened", path=address.shown, remedy=remedy)
    if code == sqlite3.SQLITE_IOERR:
        remedy = "check the disk, and that the output folder is still there"
        return StateError(f"the disk fails under the state database ({text})", path=address.shown, remedy=remedy)
    return StateError(f"the state database cannot be used ({text})", path=address.shown, remedy=_ANEW)


def _server_error(error: BaseException, address: Address) -> StillsError:
    state = getattr(error, "sqlstate", None) or ""
    text = _first_line(error, address)
    if state == _SERVER_FULL:
        return StateError("the database's disk is full", path=address.shown, remedy="free some space there")
    if state.startswith(_SERVER_BUSY):
        return StateUnavailableError(f"the database is not ready ({text})", path=address.shown, remedy=_PASSING)
    if state or _REFUSED.search(text):
        remedy = "check --database, the user's rights there, and that nothing else uses its tables"
        return StateError(f"the database refuses ({text})", path=address.shown, remedy=remedy)
    return StateUnavailableError(f"the database cannot be reached ({text})", path=address.shown, remedy=_PASSING)


def _first_line(error: BaseException, address: Address) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    for secret in address.secrets:
        text = text.replace(secret, HIDDEN)
    return clean(text)
