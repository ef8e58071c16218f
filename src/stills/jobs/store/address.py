"""Where a store's database is: a URL or a file, taken apart, and shown without credentials."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from stills.errors import SettingsError

_SERVERS = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
_FORMS = "postgresql://user@host/database, or sqlite:////path/to/file.db"


@dataclass(frozen=True, slots=True)
class Address:
    """A database: either a file (SQLite) or a server's (PostgreSQL)."""

    shown: str
    """For people: path, or scheme, host and name of the database."""
    path: Path | None = None
    url: URL | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What must never be shown."""


def file_address(path: Path) -> Address:
    """The address of a SQLite file."""
    return Address(shown=str(path), path=path)


def parse_address(text: str) -> Address:
    """The database that a URL means. Raises ``SettingsError``, which never quotes the URL: it may hold a password."""
    scheme, colon, rest = text.partition("://")
    if not colon or scheme.lower() not in _SERVERS | {"sqlite"}:
        raise SettingsError("jobs.database is no address of a database that stills knows", remedy=_FORMS)
    if scheme.lower() == "sqlite":
        name = rest.partition("?")[0].removeprefix("/")
        if not name:
            raise SettingsError("jobs.database names no file", remedy=_FORMS)
        return file_address(Path(name))
    if rest.partition("/")[0].count("@") > 1:
        remedy = "write @ as %40 in the user and in the password"
        raise SettingsError("jobs.database has more than one @ before the host", remedy=remedy)
    try:
        url = make_url(f"postgresql+psycopg://{rest}")
    except (ArgumentError, ValueError):
        raise SettingsError("jobs.database is no valid address", remedy=_FORMS) from None
    if importlib.util.find_spec("psycopg") is None:
        remedy = "pip install 'stills[postgres]'"
        raise SettingsError("a PostgreSQL database needs an extra that is not installed", remedy=remedy)
    host = url.host or _one(url.query.get("host")) or "localhost"
    port = url.port or _one(url.query.get("port"))
    shown = f"postgresql://{host}{f':{port}' if port else ''}/{url.database or ''}"
    hidden = [str(url.password or ""), *(_one(v) for k, v in url.query.items() if "password" in k.lower())]
    return Address(shown=shown, url=url, secrets=tuple(value for value in hidden if value))


def _one(value: str | tuple[str, ...] | None) -> str:
    return ",".join(value) if isinstance(value, tuple) else value or ""
