"""Runs: who is at work on a library, and what becomes of the work of one that died."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update

from stills._version import __version__
from stills.errors import FencedError, RunActiveError
from stills.jobs.store.place import Place, lives
from stills.jobs.store.records import Run
from stills.jobs.store.session import Session
from stills.jobs.store.tables import LAST, AttemptRow, Library, RunRow, VideoRecord, suspected


def lock_library(at: Session) -> int:
    """Have all that concerns the whole library done one after another; the number of its latest batch."""
    row = select(Library.batch).where(Library.id == at.library).with_for_update()
    return int(at.connection.execute(row).scalar_one())


def begin(at: Session, command: str, *, lease_s: float, place: Place, shared: bool) -> Run:
    """A new run, after those that died were cleared away. Raises ``RunActiveError``."""
    batch = lock_library(at)
    live = _live(at, bury=True)
    if live and not (shared and all(row.shared for row in live)):
        first = _run(live[0])
        raise RunActiveError(
            f"another run is at work on this output folder: {first}",
            remedy="wait for it (--wait), end it, or choose another output folder",
        )
    if live:
        batch = live[0].batch
    else:
        batch += 1
        at.connection.execute(update(Library).where(Library.id == at.library).values(batch=batch))
    result = at.connection.execute(
        insert(RunRow).values(
            library_id=at.library,
            batch=batch,
            command=command,
            version=__version__,
            host=place.host[:255],
            machine=place.machine[:128],
            pid=place.pid,
            started=place.started[:64],
            shared=shared,
            lease_s=lease_s,
            began_tick=at.tick(),
            heartbeat_tick=at.tick(),
            began_at=at.wall(),
        )
    )
    at.database.mark_time(at.connection)
    key: Any = result.inserted_primary_key
    return _run(at.connection.execute(select(RunRow).where(RunRow.id == key[0])).one())


def end(at: Session, run: Run, how: str) -> None:
    """The run is over; what it still held goes back."""
    _give_back(at, run.id, "released")
    values = {"ended_at": at.wall(), "ended": how}
    at.connection.execute(update(RunRow).where(RunRow.id == run.id, RunRow.ended.is_(None)).values(values))


def active(at: Session) -> list[Run]:
    """The runs that are at work, the oldest first."""
    return [_run(row) for row in _live(at, bury=False)]


def last(at: Session) -> Run | None:
    """The run that began last, whether it is over or not."""
    query = select(RunRow).where(RunRow.library_id == at.library).order_by(RunRow.id.desc()).limit(1)
    row = at.connection.execute(query).one_or_none()
    return None if row is None else _run(row)


def bury(at: Session) -> None:
    """Write off the runs that have died: what they held is free."""
    _live(at, bury=True)


def check_not_buried(at: Session, run: Run) -> None:
    """Raises ``FencedError`` where somebody else took the run for dead."""
    if at.connection.execute(select(RunRow.ended).where(RunRow.id == run.id)).scalar_one_or_none() == "dead":
        raise FencedError(
            "this run gave no sign of life for too long and was taken for dead: its work was given to others",
            remedy="run again: it goes on",
        )


def _live(at: Session, *, bury: bool) -> list[Any]:
    """The rows of the runs that are alive. Those that are not are written off if ``bury``."""
    silent = (at.tick() > RunRow.heartbeat_tick + RunRow.lease_s).label("silent")
    query = select(RunRow.__table__, silent).where(RunRow.library_id == at.library, RunRow.ended.is_(None))
    found = []
    for row in at.connection.execute(query.order_by(RunRow.id)).all():
        # A process of this machine can be looked for: a killed one is known at once, one that is only slow is not
        # taken for dead. All others have to send word.
        alive = lives(Place(row.host, row.machine, row.pid, row.started))
        if alive is None:
            alive = not row.silent
        if alive:
            found.append(row)
        elif bury:
            _give_back(at, row.id, "lost")
            values = {"ended": "dead", "ended_at": at.wall()}
            at.connection.execute(update(RunRow).where(RunRow.id == row.id).values(values))
    return found


def _give_back(at: Session, run: int, how: str) -> None:
    """Free what a run holds. It cannot finish it any more: for that a video has to be running."""
    held = select(VideoRecord.id).where(VideoRecord.run_id == run, VideoRecord.state == "running")
    attempts = (AttemptRow.video_id.in_(held), AttemptRow.run_id == run, AttemptRow.ended == "running")
    at.connection.execute(update(AttemptRow).where(*attempts).values(ended=how, ended_at=at.wall()))
    mine = (VideoRecord.run_id == run, VideoRecord.state == "running")
    if how == "lost":
        at.connection.execute(update(VideoRecord).where(*mine, suspected()).values(priority=LAST))
    at.connection.execute(update(VideoRecord).where(*mine).values(state="pending", ready_tick=0.0))


def _run(row: Any) -> Run:
    names = ("id", "batch", "command", "host", "pid", "lease_s", "began_at", "ended_at", "ended")
    return Run(**{name: getattr(row, name) for name in names})
