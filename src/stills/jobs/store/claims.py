"""Leases: who works on which video, and writing what came of it, in one transaction, by nobody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy import ColumnElement, bindparam, delete, func, insert, select, tuple_, update

from stills.errors import FencedError
from stills.jobs.store.records import SUSPECT_AFTER, Claim, Fingerprint, Run
from stills.jobs.store.runs import check_not_buried
from stills.jobs.store.session import Session
from stills.jobs.store.tables import LAST, AttemptRow, ResultRow, RunRow, SegmentRow, VideoRecord


@dataclass(frozen=True, slots=True)
class Failing:
    """Why a video could not be done."""

    error_class: str
    code: str
    message: str
    log_tail: str


def claim(at: Session, run: Run, lease_s: float, limit: int) -> list[Claim]:
    """Up to ``limit`` videos of the run's batch: first those whose lease ran out, then those whose turn it is.

    What was lost several times waits until nothing else does.
    """
    check_not_buried(at, run)
    table = VideoRecord.__table__
    rows: list[Any] = []
    for state in ("running", "pending"):
        if len(rows) < limit:
            query = (
                select(table)
                .where(
                    VideoRecord.library_id == at.library,
                    VideoRecord.batch == run.batch,
                    VideoRecord.state == state,
                    VideoRecord.ready_tick <= at.tick(),
                )
                .order_by(VideoRecord.ready_tick, VideoRecord.priority, VideoRecord.id)
                .limit(limit - len(rows))
                .with_for_update(skip_locked=True)  # what somebody else takes at this moment is not waited for
            )
            found = at.connection.execute(query).all()
            if state == "running" and (bad := [row for row in found if row.attempts - row.failures >= SUSPECT_AFTER]):
                _put_last(at, bad)
                found = [row for row in found if row not in bad]
            rows += found
    if not rows:
        return []
    lost = [(row.id, row.token) for row in rows if row.state == "running"]
    if lost:
        which = (tuple_(AttemptRow.video_id, AttemptRow.token).in_(lost), AttemptRow.ended == "running")
        at.connection.execute(update(AttemptRow).where(*which).values(ended="lost", ended_at=at.wall()))
    at.connection.execute(
        update(VideoRecord)
        .where(VideoRecord.id.in_([row.id for row in rows]))
        .values(
            state="running",
            run_id=run.id,
            token=VideoRecord.token + 1,
            attempts=VideoRecord.attempts + 1,
            ready_tick=at.tick() + lease_s,
        )
    )
    common = {"run_id": run.id, "began_at": at.wall(), "ended": "running"}
    numbers = [{"video_id": row.id, "token": row.token + 1, "number": row.attempts + 1} for row in rows]
    at.connection.execute(insert(AttemptRow).values(**common), numbers)
    at.database.mark_time(at.connection)
    return [
        Claim(
            video=row.id,
            key=row.key,
            source=row.source,
            recipe=row.recipe,
            token=row.token + 1,
            attempt=row.attempts + 1,
            failures=row.failures,
            lease_s=lease_s,
            run=run.id,
            batch=run.batch,
            settings=row.settings,
            models=row.models,
            fingerprint=Fingerprint(**row.fingerprint),
        )
        for row in rows
    ]


def _put_last(at: Session, rows: Sequence[Any]) -> None:
    """Let go of claims that ran out, of videos that are done when nothing else is left."""
    which = (tuple_(AttemptRow.video_id, AttemptRow.token).in_([(row.id, row.token) for row in rows]),)
    ended = update(AttemptRow).where(*which, AttemptRow.ended == "running")
    at.connection.execute(ended.values(ended="lost", ended_at=at.wall()))
    these = update(VideoRecord).where(VideoRecord.id.in_([row.id for row in rows]))
    at.connection.execute(these.values(state="pending", ready_tick=0.0, priority=LAST, run_id=None))


def heartbeat(at: Session, run: Run, claims: Sequence[Claim]) -> list[Claim]:
    """Word from ``run`` that it lives, and longer leases for ``claims``; those of them that are lost."""
    alive = (RunRow.id == run.id, RunRow.ended.is_(None))
    at.connection.execute(update(RunRow).where(*alive).values(heartbeat_tick=at.tick()))
    at.database.mark_time(at.connection)
    held: set[tuple[int, int]] = set()
    for lease_s in {claim.lease_s for claim in claims}:
        mine = [(claim.video, claim.token) for claim in claims if claim.lease_s == lease_s]
        which = (tuple_(VideoRecord.id, VideoRecord.token).in_(mine), VideoRecord.state == "running")
        at.connection.execute(update(VideoRecord).where(*which).values(ready_tick=at.tick() + lease_s))
        query = select(VideoRecord.id, VideoRecord.token).where(*which)
        held.update((row.id, row.token) for row in at.connection.execute(query))
    return [claim for claim in claims if (claim.video, claim.token) not in held]


def finish(at: Session, claim: Claim, outcome: str, result: Mapping[str, Any], seconds: float) -> None:
    """The claim's result, visible at once and as a whole. Raises ``FencedError``.

    Doing it twice is doing it once: an answer that was lost on its way can be asked for again.
    """
    values = {
        "state": "done", "outcome": outcome, "ready_tick": 0.0, "done_tick": at.tick(), "run_id": None,
        "error_class": None, "message": None,
    }  # fmt: skip
    if not _end(at, claim, values):
        row = at.connection.execute(_state_of(claim)).one_or_none()
        if row is not None and (row.state, row.token, row.outcome) == ("done", claim.token, outcome):
            return
        _fenced(claim)
    _end_attempt(at, claim, {"ended": outcome})
    at.connection.execute(delete(ResultRow).where(ResultRow.video_id == claim.video))
    at.connection.execute(
        insert(ResultRow).values(
            video_id=claim.video,
            token=claim.token,
            outcome=outcome,
            result=result,
            seconds=seconds,
            finished_at=at.wall(),
        )
    )


def fail(at: Session, claim: Claim, said: Failing, *, retry_in: float | None, quarantine: bool, counts: bool) -> None:
    """The claim came to nothing. Raises ``FencedError``."""
    again = retry_in is not None
    ended = "quarantined" if quarantine else "failed"
    values: dict[str, Any] = {
        "state": "pending" if again else ended,
        "outcome": "" if again else said.code[:64],
        "ready_tick": at.tick() + retry_in if retry_in is not None else 0.0,
        "run_id": None,
        "error_class": said.error_class[:32],
        "message": said.message,
        "done_tick": None,
    }
    if counts:
        values["failures"] = VideoRecord.failures + 1
    if not _end(at, claim, values):
        _fenced(claim)
    attempt = {
        "error_class": said.error_class[:32],
        "code": said.code[:64],
        "message": said.message,
        "log_tail": said.log_tail,
    }
    _end_attempt(at, claim, {"ended": "failed", **attempt})


def release(at: Session, claim: Claim, wait_s: float) -> None:
    """The claim is given back, for no fault of the video. Raises ``FencedError``."""
    ready: ColumnElement[float] | float = at.tick() + wait_s if wait_s > 0 else 0.0
    if not _end(at, claim, {"state": "pending", "ready_tick": ready, "run_id": None}):
        _fenced(claim)
    _end_attempt(at, claim, {"ended": "released"})


def segment_done(at: Session, claim: Claim, number: int, seconds: float) -> None:
    """Segment ``number`` is finished and its rows are kept. Raises ``FencedError``."""
    held = at.connection.execute(_state_of(claim).with_for_update(read=True)).one_or_none()
    if held is None or (held.state, held.token) != ("running", claim.token):
        _fenced(claim)
    known = (SegmentRow.video_id == claim.video, SegmentRow.number == number)
    values = {"token": claim.token, "seconds": seconds}
    again = update(SegmentRow).where(*known).values(**values, times=SegmentRow.times + 1)
    if not at.connection.execute(again).rowcount:
        at.connection.execute(insert(SegmentRow).values(video_id=claim.video, number=number, times=1, **values))


def forget(at: Session, keys: Sequence[str]) -> int:
    """Erase all that is known of videos; how many there were."""
    which = (VideoRecord.library_id == at.library, VideoRecord.key.in_(keys))
    found = at.connection.execute(select(func.count()).select_from(VideoRecord).where(*which)).scalar_one()
    at.connection.execute(delete(VideoRecord).where(*which))
    return int(found)


def _end(at: Session, claim: Claim, values: Mapping[str, Any]) -> bool:
    """Take a video out of its claim's hands; whether it was in them."""
    mine = (
        VideoRecord.id == bindparam("b_video"),
        VideoRecord.token == bindparam("b_token"),
        VideoRecord.state == "running",
    )
    statement = update(VideoRecord).where(*mine).values(**values)
    return at.connection.execute(statement, {"b_video": claim.video, "b_token": claim.token}).rowcount == 1


def _end_attempt(at: Session, claim: Claim, values: Mapping[str, Any]) -> None:
    mine = (AttemptRow.video_id == claim.video, AttemptRow.token == claim.token)
    at.connection.execute(update(AttemptRow).where(*mine).values(ended_at=at.wall(), **values))


def _state_of(claim: Claim) -> Any:
    return select(VideoRecord.state, VideoRecord.token, VideoRecord.outcome).where(VideoRecord.id == claim.video)


def _fenced(claim: Claim) -> NoReturn:
    raise FencedError(
        "this video was given to somebody else meanwhile, or has changed; what was done for it here is not used",
        path=claim.source,
    )
