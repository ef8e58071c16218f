"""What goes: jobs whose time is over or that were erased, videos that are not needed any more, what was left behind.

An index belongs to all jobs of one owner with the same content, and goes with the last of them. It is put aside within
the transaction that finds that nobody has it any more, so a job that comes at that moment keeps it, or begins anew.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select

from stills.errors import StillsError
from stills.jobs.store.runs import lock_library
from stills.jobs.store.service_tables import JobRow
from stills.jobs.store.session import Session
from stills.service.jobs.place import FRAMES, POSTERS, VIDEO, Data, remove
from stills.service.jobs.types import ENDED
from stills.service.jobs.work import free

_AT_ONCE = 100

_log = logging.getLogger(__name__)


def to_erase(at: Session, job: str | None = None) -> list[Any]:
    """Jobs (or that one) that are to go and that nobody holds."""
    which = [JobRow.library_id == at.library, JobRow.erasing.is_(True), free(at)]
    if job is not None:
        which.append(JobRow.id == job)
    query = select(JobRow.number, JobRow.id, JobRow.owner, JobRow.content).where(*which).limit(_AT_ONCE)
    return list(at.connection.execute(query).all())


def put_index_aside(at: Session, row: Any, data: Data) -> Path | None:
    """Put the index of a job that goes aside, unless another one has it; where it is now."""
    if row.content is None:
        return None
    lock_library(at)
    which = (
        JobRow.library_id == at.library,
        JobRow.owner == row.owner,
        JobRow.content == row.content,
        JobRow.number != row.number,
        JobRow.erasing.is_(False),
    )
    if at.connection.execute(select(func.count()).where(*which)).scalar_one():
        return None
    return data.put_aside(data.index(row.owner, row.content))


def drop_row(at: Session, number: int) -> None:
    """The last of a job."""
    at.connection.execute(delete(JobRow).where(JobRow.number == number))


def to_clean(at: Session) -> Sequence[Any]:
    """Jobs that have ended, whose videos are still here, and that nobody holds."""
    which = (
        JobRow.library_id == at.library,
        JobRow.erasing.is_(False),
        JobRow.has_source.is_(True),
        JobRow.state.in_(ENDED),
        free(at),
    )
    query = select(JobRow.number, JobRow.id, JobRow.folder).where(*which).limit(_AT_ONCE)
    return list(at.connection.execute(query).all())


def remove_attempts(folder: Path, keep: str | None) -> None:
    """Remove what attempts other than ``keep`` wrote into a job's ``folder``. Raises ``OutputError``."""
    if folder.is_dir():
        for entry in folder.iterdir():
            if entry.name not in {VIDEO, FRAMES, POSTERS, keep}:
                remove(entry)


def remove_video(folder: Path) -> None:
    """Remove the video of a job, and posters that came with it. Raises ``OutputError``."""
    remove(folder / VIDEO)
    remove(folder / POSTERS)


def remove_strays(data: Data, ids: set[str], contents: set[tuple[str, str]], older_s: float) -> int:
    """Remove what belongs to no job; how much there was."""
    known = {(data.cache(owner).name, content) for owner, content in contents}
    count = 0
    for path in list(data.strays(ids, known, older_s)):
        try:
            remove(path)
            count += 1
        except StillsError as error:
            _log.warning("%s", error)
    for cache in data.caches.iterdir() if data.caches.is_dir() else ():
        for folder in (cache / "index", cache):
            try:
                folder.rmdir()
            except OSError:
                continue
    return count
