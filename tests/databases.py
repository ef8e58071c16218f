"""Databases for tests of the store: SQLite in a folder, and a PostgreSQL that ``make services`` starts."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from stills.jobs.store import Store
from stills.jobs.store.opening import open_database_store
from stills.jobs.store.place import Place

KINDS = ("sqlite", "postgresql")
DEFAULT_URL = "postgresql://stills:stills@127.0.0.1:54329/stills_test"
"""What ``scripts/services.sh`` sets up."""


def find_postgresql() -> str:
    """A PostgreSQL's URL. Without one the test is skipped, but fails where ``CI=true``: there it has to be."""
    url = os.environ.get("STILLS_TEST_DATABASE", DEFAULT_URL)
    engine = create_engine(_driver(url), connect_args={"connect_timeout": 5})
    try:
        with engine.connect():
            return url
    except OperationalError as error:
        message = f"no PostgreSQL: run `make services`, or set STILLS_TEST_DATABASE ({str(error.orig).splitlines()[0]})"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    finally:
        engine.dispose()


@dataclass
class Backend:
    """A fresh place for state; ``out`` is the output folder, ``url`` of the database (``None``: in the folder)."""

    out: Path
    url: str | None
    _opened: list[Store] = field(default_factory=list)

    def open(self, *, place: Place | None = None, **options: Any) -> Store:
        """A store, as another process would open it; it is closed at the end."""
        store = open_database_store(self.out, self.url, place=place, **options)
        self._opened.append(store)
        return store

    def sql(self, statement: str, **values: Any) -> list[Any]:
        """Do something behind the store's back."""
        url = f"sqlite:///{self.out / '.stills' / 'state.db'}" if self.url is None else _driver(self.url)
        engine = create_engine(url)
        try:
            with engine.begin() as connection:
                result = connection.execute(text(statement), values)
                return list(result) if result.returns_rows else []
        finally:
            engine.dispose()

    def pass_time(self, seconds: float) -> None:
        """As if so much time had passed."""
        self.sql("UPDATE videos SET ready_tick = ready_tick - :s WHERE ready_tick > 0", s=seconds)
        self.sql("UPDATE runs SET heartbeat_tick = heartbeat_tick - :s, began_tick = began_tick - :s", s=seconds)

    def close(self) -> None:
        """Close what was opened."""
        for store in self._opened:
            store.close()


@dataclass
class Clock:
    """A machine's clocks, set by hand."""

    name: str = "boot-1"
    now: float = 1_000.0
    said: float = 1.8e9

    def wall(self) -> float:
        return self.said

    def steady(self) -> float:
        return self.now

    def machine(self) -> str:
        return self.name


@contextmanager
def backend(kind: str, folder: Path) -> Iterator[Backend]:
    """A fresh database of ``kind``; gone afterwards."""
    with _url(kind) as url:
        made = Backend(folder / "out", url)
        try:
            yield made
        finally:
            made.close()


def elsewhere(name: str = "other") -> Place:
    """A process on another machine, of which nothing can be seen from here."""
    return Place(host=name, machine=f"{name}-boot:1:1", pid=7, started="1")


@contextmanager
def _url(kind: str) -> Iterator[str | None]:
    if kind == "sqlite":
        yield None
        return
    url, name = find_postgresql(), f"t_{secrets.token_hex(8)}"
    engine = create_engine(_driver(url))
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        try:
            yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
        finally:
            with engine.begin() as connection:
                connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    finally:
        engine.dispose()


def _driver(url: str) -> str:
    return "postgresql+psycopg://" + url.partition("://")[2]
