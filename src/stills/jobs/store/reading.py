"""Looking: how far a library is, what failed, what came out. Lists are read in pages, so none keeps others waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import Select, and_, func, select, tuple_

from stills.jobs.store.records import Attempt, Counts, Failure, Fingerprint, Result, Segment, State, Video
from stills.jobs.store.session import Session
from stills.jobs.store.tables import AttemptRow, ResultRow, RunRow, SegmentRow, VideoRecord

Read: TypeAlias = Callable[[Callable[[Session], Any]], Any]
"""Does some reading in a transaction of its own."""

_PAGE = 500
_RATE_OVER = 100
"""Finished videos that the rate is taken over."""


def counts(at: Session, batch: int | None) -> Counts:
    """How many videos are in which state, of one batch or of all."""
    here = [VideoRecord.library_id == at.library] + ([] if batch is None else [VideoRecord.batch == batch])
    states: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    number = func.count()
    grouped = select(VideoRecord.state, VideoRecord.outcome, number).where(*here)
    for state, outcome, count in at.connection.execute(grouped.group_by(VideoRecord.state, VideoRecord.outcome)):
        states[state] = states.get(state, 0) + count
        if state == "done":
            outcomes[outcome] = count
    ended = VideoRecord.state.in_(("failed", "quarantined"))
    failed = select(VideoRecord.error_class, VideoRecord.outcome, number).where(*here, ended)
    reasons = {
        (kind or "", code): count
        for kind, code, count in at.connection.execute(failed.group_by(VideoRecord.error_class, VideoRecord.outcome))
    }
    later = (VideoRecord.state == "pending", VideoRecord.ready_tick > at.tick())
    return Counts(
        total=sum(states.values()),
        waiting=at.connection.execute(select(number).select_from(VideoRecord).where(*here, *later)).scalar_one(),
        outcomes=outcomes,
        reasons=reasons,
        rate=_rate(at),
        **states,
    )


def failures(read: Read, library: int, reason: str | None) -> Iterator[Failure]:
    """Videos that were given up or put aside; ``reason`` is a class or a code of errors."""
    attempt = (AttemptRow.video_id == VideoRecord.id, AttemptRow.token == VideoRecord.token)
    columns = (VideoRecord.__table__, AttemptRow.log_tail, AttemptRow.ended_at)
    for state in ("failed", "quarantined"):
        query = select(*columns).outerjoin(AttemptRow, and_(*attempt))
        which = query.where(VideoRecord.library_id == library, VideoRecord.state == state)
        for row in _pages(read, which, (VideoRecord.outcome, VideoRecord.id)):
            if reason is None or reason in (row.error_class, row.outcome):
                yield _failure(row)


def examples(at: Session) -> list[tuple[int, Failure]]:
    """Of each state, class and code of error, how many videos there are, and the first of them."""
    reason = (VideoRecord.state, VideoRecord.error_class, VideoRecord.outcome)
    ended = (VideoRecord.library_id == at.library, VideoRecord.state.in_(("failed", "quarantined")))
    query = select(func.count(), func.min(VideoRecord.id)).where(*ended).group_by(*reason)
    numbers = {first: number for number, first in at.connection.execute(query)}
    attempt = (AttemptRow.video_id == VideoRecord.id, AttemptRow.token == VideoRecord.token)
    columns = (VideoRecord.__table__, AttemptRow.log_tail, AttemptRow.ended_at)
    firsts = select(*columns).outerjoin(AttemptRow, and_(*attempt)).where(VideoRecord.id.in_(sorted(numbers)))
    return [(numbers[row.id], _failure(row)) for row in at.connection.execute(firsts)]


def videos(read: Read, library: int, state: State | None) -> Iterator[Video]:
    """All videos, or those in one state."""
    if state is None:
        query = select(VideoRecord.__table__).where(VideoRecord.library_id == library)
        rows = _pages(read, query, (VideoRecord.id,))
    else:
        rows = _pages(read, _of_state(library, state), (VideoRecord.outcome, VideoRecord.id))
    for row in rows:
        yield _video(row)


def videos_of(at: Session, numbers: Sequence[int]) -> dict[int, Video]:
    """Some videos by their numbers."""
    query = select(VideoRecord.__table__).where(VideoRecord.library_id == at.library, VideoRecord.id.in_(numbers))
    return {row.id: _video(row) for row in at.connection.execute(query)}


def results(read: Read, library: int) -> Iterator[Result]:
    """What came out of all that is done. A video that is being done again has none until that is through."""
    columns = (VideoRecord.id, VideoRecord.source, VideoRecord.recipe, ResultRow.__table__)
    query = select(*columns).join(ResultRow, ResultRow.video_id == VideoRecord.id)
    done = query.where(VideoRecord.library_id == library, VideoRecord.state == "done")
    for row in _pages(read, done, (VideoRecord.id,)):
        yield _result(row)


def result(at: Session, video: int) -> Result | None:
    """What came out of one video, if it is done."""
    columns = (VideoRecord.id, VideoRecord.source, VideoRecord.recipe, ResultRow.__table__)
    query = select(*columns).join(ResultRow, ResultRow.video_id == VideoRecord.id)
    row = at.connection.execute(query.where(VideoRecord.id == video, VideoRecord.state == "done")).one_or_none()
    return None if row is None else _result(row)


def results_of(at: Session, numbers: Sequence[int]) -> dict[int, Result]:
    """What came out of those of some videos that are done, by their numbers."""
    columns = (VideoRecord.id, VideoRecord.source, VideoRecord.recipe, ResultRow.__table__)
    query = select(*columns).join(ResultRow, ResultRow.video_id == VideoRecord.id)
    which = (VideoRecord.library_id == at.library, VideoRecord.state == "done", VideoRecord.id.in_(numbers))
    return {row.video_id: _result(row) for row in at.connection.execute(query.where(*which))}


def attempts(at: Session, video: int) -> list[Attempt]:
    """All claims of a video, the first one first."""
    columns = (AttemptRow.__table__, RunRow.host, RunRow.pid)
    query = select(*columns).join(RunRow, RunRow.id == AttemptRow.run_id).where(AttemptRow.video_id == video)
    names = (
        "number", "token", "began_at", "ended_at", "ended", "error_class", "code", "message", "log_tail", "host", "pid",
    )  # fmt: skip
    return [
        Attempt(video=video, run=row.run_id, **{name: getattr(row, name) for name in names})
        for row in at.connection.execute(query.order_by(AttemptRow.token))
    ]


def segments(at: Session, video: int) -> list[Segment]:
    """The finished pieces of a video, in order."""
    query = select(SegmentRow).where(SegmentRow.video_id == video).order_by(SegmentRow.number)
    found = at.connection.execute(query)
    return [Segment(row.number, row.seconds, row.times, row.token) for row in found]


def _of_state(library: int, state: str) -> Select[Any]:
    return select(VideoRecord.__table__).where(VideoRecord.library_id == library, VideoRecord.state == state)


def _video(row: Any) -> Video:
    return Video(
        id=row.id,
        key=row.key,
        source=row.source,
        recipe=row.recipe,
        state=row.state,
        outcome=row.outcome,
        attempts=row.attempts,
        failures=row.failures,
        token=row.token,
        settings=row.settings,
        models=row.models,
        fingerprint=Fingerprint(**row.fingerprint),
        error_class=row.error_class,
        message=row.message,
    )


def _failure(row: Any) -> Failure:
    return Failure(
        video=row.id,
        source=row.source,
        recipe=row.recipe,
        state=row.state,
        error_class=row.error_class or "",
        code=row.outcome,
        message=row.message or "",
        log_tail=row.log_tail or "",
        attempts=row.attempts,
        at=row.added_at if row.ended_at is None else row.ended_at,
    )


def _result(row: Any) -> Result:
    names = ("source", "recipe", "outcome", "result", "seconds", "finished_at")
    return Result(video=row.video_id, **{name: getattr(row, name) for name in names})


def _rate(at: Session) -> float | None:
    """Videos a second that the last run finishes."""
    last = select(RunRow.began_tick).where(RunRow.library_id == at.library).order_by(RunRow.id.desc()).limit(1)
    began = at.connection.execute(last).scalar()
    if began is None:
        return None
    done = (VideoRecord.library_id == at.library, VideoRecord.done_tick >= began)
    query = select(VideoRecord.done_tick).where(*done).order_by(VideoRecord.done_tick.desc()).limit(_RATE_OVER)
    ticks: Sequence[float] = [tick for (tick,) in at.connection.execute(query) if tick is not None]
    if len(ticks) < 2:
        return None
    start, number = (began, len(ticks)) if len(ticks) < _RATE_OVER else (ticks[-1], len(ticks) - 1)
    return number / (ticks[0] - start) if ticks[0] > start else None


def _pages(read: Read, query: Select[Any], keys: Sequence[Any]) -> Iterator[Any]:
    """The rows of ``query`` in the order of ``keys``, page by page, each read in a transaction of its own."""
    page = query.order_by(*keys).limit(_PAGE)
    while rows := read(partial(_all, query=page)):
        yield from rows
        after = [getattr(rows[-1], key.key) for key in keys]
        page = query.where(tuple_(*keys) > tuple_(*after)).order_by(*keys).limit(_PAGE)


def _all(at: Session, query: Select[Any]) -> Sequence[Any]:
    return at.connection.execute(query).all()
