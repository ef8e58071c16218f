"""Jobs of a service for tests: a fresh data folder with a database, time that passes when told, films that are tiny."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import stills
from databases import Backend, backend
from stills.service.jobs import JobLimits, JobStore, NewJob, open_jobs
from stills.service.jobs.work import Done, Held
from stills.settings import Settings

QUICK: dict[str, Any] = {"segment_seconds": 2, "workers": 2, "quality": 60, "retry_delay": 0.05}


def quick_settings(**options: Any) -> Settings:
    """Settings for films of a few seconds."""
    return stills.load_settings(env={}, options={**QUICK, **options})


@dataclass
class Service:
    """A service's data folder and database; each store is as another replica would open it."""

    backend: Backend
    _opened: list[JobStore] = field(default_factory=list)
    _uploads: int = 0

    @property
    def data(self) -> Path:
        return self.backend.out

    def open(self, settings: Settings | None = None, **limits: Any) -> JobStore:
        store = open_jobs(
            self.data,
            self.backend.url,
            settings=settings or quick_settings(),
            limits=JobLimits(**limits),
        )
        self._opened.append(store)
        return store

    def upload(self, content: Path | bytes = b"not empty") -> Path:
        """A file as the HTTP side leaves it."""
        self._uploads += 1
        path = self.data / "uploads" / f"{os.getpid()}-{self._uploads}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            shutil.copy(content, path)
        return path

    def job(self, content: Path | bytes = b"not empty", **asked: Any) -> NewJob:
        return NewJob(**{"recipe": "people", "name": "film.mp4", "upload": self.upload(content), **asked})

    def pass_time(self, seconds: float) -> None:
        """As if so much time had passed."""
        changed = ", ".join(f"{name} = {name} - :s" for name in ("expires_tick", "created_tick"))
        self.backend.sql(f"UPDATE service_jobs SET {changed}", s=seconds)  # noqa: S608 - constants
        self.backend.sql("UPDATE service_jobs SET ready_tick = ready_tick - :s WHERE ready_tick > 0", s=seconds)
        self.backend.sql("UPDATE service_deliveries SET ready_tick = ready_tick - :s", s=seconds)
        self.backend.sql("UPDATE runs SET heartbeat_tick = heartbeat_tick - :s", s=seconds)

    def close(self) -> None:
        for store in self._opened:
            store.close()


@contextmanager
def service(kind: str, folder: Path) -> Iterator[Service]:
    """A fresh one on a database of ``kind``; gone afterwards."""
    with backend(kind, folder) as behind:
        made = Service(behind)
        try:
            yield made
        finally:
            made.close()


def do(store: JobStore, held: Held, *, content: str = "c0ffee", picture: bytes = b"jpeg") -> None:
    """What a runner does, without doing it: an index, a result, the end."""
    store.set_content(held, content)
    index = store.folders.index(held.job.owner, content)
    index.mkdir(parents=True, exist_ok=True)
    (index / "meta.json").write_bytes(b"{}")
    result = store.folders.job(held.job.id) / str(held.token) / "result"
    (result / "people").mkdir(parents=True)
    (result / "people" / "person_01.jpg").write_bytes(picture)
    (result / "people.json").write_bytes(b'{"schema": "stills/people/1"}')
    from stills.service.jobs.place import artifacts_of

    artifacts = artifacts_of(result, [result / "people" / "person_01.jpg", result / "people.json"])
    store.finish(held, Done(str(held.token), artifacts, {"found": 1, "duration": 2.0, "seconds": 1.0}, {"p": 1}))
    store.clean(held.number, held.job.id, str(held.token))
    store.let_go(held)


def files(folder: Path) -> set[str]:
    """All files and folders but the database."""
    found: set[str] = set()
    for above, folders, names in os.walk(folder):  # what goes at this moment is passed over
        inside = Path(above).relative_to(folder)
        found.update((inside / name).as_posix() for name in (*folders, *names))
    return {name for name in found if not name.startswith(".stills")}


EMPTY = {"uploads", "jobs", "cache"}
"""What :func:`files` finds where there is no job."""
