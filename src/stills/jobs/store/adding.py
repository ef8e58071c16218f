"""Taking inputs in: which are new, which have changed, which are done."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, delete, insert, or_, select, update

from stills.jobs.store.identity import normalise_source, source_key
from stills.jobs.store.records import Decision, Fingerprint, Reason, Run, State, VideoRow
from stills.jobs.store.runs import active, lock_library
from stills.jobs.store.session import Session
from stills.jobs.store.tables import LAST, SegmentRow, VideoRecord

CHUNK = 500
"""Rows a transaction: long ones keep others waiting, short ones cost more each."""


_ANEW: dict[str, Any] = {
    "state": "pending", "outcome": "", "attempts": 0, "failures": 0, "run_id": None,
    "error_class": None, "message": None, "done_tick": None, "token": VideoRecord.token + 1,
}  # fmt: skip
"""A video from the beginning. Whoever works on it is fenced off."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done again although it has not changed."""

    again: Collection[State] = ()
    everything: bool = False


def chunks(rows: Iterable[VideoRow]) -> Iterator[list[VideoRow]]:
    """``rows`` in pieces of :data:`CHUNK`."""
    remaining = iter(rows)
    while piece := list(islice(remaining, CHUNK)):
        yield piece


def compare(at: Session, rows: Sequence[VideoRow], rule: Rule) -> list[Decision]:
    """What :func:`add` would do in a run that began now: what one holds that died would be free then."""
    alive = {run.id for run in active(at)}
    return [
        replace(decision, what="resume") if decision.what == "running" and known.run_id not in alive else decision
        for decision, known in _decide(at, rows, rule)
    ]


def add(at: Session, run: Run, rows: Sequence[VideoRow], rule: Rule) -> list[Decision]:
    """Queue what is to be done, and say of each row what was decided. A row given twice is taken once."""
    lock_library(at)
    decided = _decide(at, rows, rule)
    fresh: list[dict[str, Any]] = []
    queued: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    anew: list[int] = []
    for (decision, known), row in zip(decided, rows, strict=True):
        if known is None:
            fresh.append(_new_values(decision, row))
            continue
        values = {
            "b_id": known.id,
            "b_fingerprint": _merged(known, row),
            "b_settings": row.settings if decision.queued else known.settings,
            "b_models": row.models if decision.queued else known.models,
            "b_priority": row.priority,
            "b_wait": row.not_before,
        }
        if decision.what in {"changed", "again"}:
            anew.append(known.id)
            queued.append(values)
        else:
            rest.append(values)
    unique = list({values["key"]: values for values in fresh}.values())
    if unique:
        common = {"library_id": at.library, "batch": run.batch, "added_at": at.wall()}
        at.connection.execute(insert(VideoRecord).values(**common, ready_tick=_ready(at, "wait")), unique)
    _update(at, rest, batch=run.batch)
    _wait(at, [values for values in rest if values["b_wait"] > 0])
    # Queued anew: whoever still works on the old one is fenced off, and its pieces are worth nothing.
    _update(
        at,
        queued,
        batch=run.batch,
        ready_tick=_ready(at, "b_wait"),
        **_ANEW,
    )
    if anew:
        at.connection.execute(delete(SegmentRow).where(SegmentRow.video_id.in_(anew)))
    return _numbered(at, [decision for decision, _ in decided])


def requeue(at: Session, reason: str | None, states: Collection[State], sources: Collection[str] | None) -> int:
    """Queue videos anew, with all their tries before them; how many."""
    lock_library(at)
    which = [VideoRecord.library_id == at.library, VideoRecord.state.in_(sorted(states))]
    if reason is not None:
        which.append(or_(VideoRecord.error_class == reason, VideoRecord.outcome == reason))
    if sources is not None:
        which.append(VideoRecord.source.in_(sorted(sources)))
    return at.connection.execute(update(VideoRecord).where(*which).values(**_ANEW, ready_tick=0.0)).rowcount


def _decide(at: Session, rows: Sequence[VideoRow], rule: Rule) -> list[tuple[Decision, Any]]:
    """Each row's decision, and what is known of it (``None``: nothing)."""
    keys = [source_key(row.source, row.recipe) for row in rows]
    expired = (VideoRecord.ready_tick < at.tick()).label("expired")
    query = select(VideoRecord.__table__, expired).where(
        VideoRecord.library_id == at.library, VideoRecord.key.in_(sorted(set(keys)))
    )
    known = {row.key: row for row in at.connection.execute(query)}
    return [(_decision(row, key, known.get(key), rule), known.get(key)) for row, key in zip(rows, keys, strict=True)]


def _decision(row: VideoRow, key: str, known: Any, rule: Rule) -> Decision:
    decision = Decision("new", key, normalise_source(row.source), row.recipe, None)
    if known is None:
        return decision
    decision = replace(decision, video=known.id, outcome=known.outcome)
    reasons: list[Reason] = []
    if not Fingerprint(**known.fingerprint).same_as(row.fingerprint):
        reasons.append("input")
    if known.settings != row.settings:
        reasons.append("settings")
    if known.models != row.models:
        reasons.append("models")
    if reasons:
        return replace(decision, what="changed", reasons=tuple(reasons))
    if rule.everything or known.state in rule.again:
        return replace(decision, what="again")
    if known.state == "pending" or (known.state == "running" and known.expired):
        return replace(decision, what="resume")
    return replace(decision, what=known.state)


def _new_values(decision: Decision, row: VideoRow) -> dict[str, Any]:
    return {
        "key": decision.key,
        "source": decision.source,
        "recipe": row.recipe,
        "fingerprint": asdict(row.fingerprint),
        "settings": row.settings,
        "models": row.models,
        "state": "pending",
        "outcome": "",
        "priority": row.priority,
        "token": 0,
        "attempts": 0,
        "failures": 0,
        "wait": row.not_before,
    }


def _merged(known: Any, row: VideoRow) -> dict[str, Any]:
    """What is known of the input now; of an unchanged one, also what was known before and was not looked at again."""
    seen = {name: value for name, value in asdict(row.fingerprint).items() if value is not None}
    old = Fingerprint(**known.fingerprint)
    return asdict(replace(old, **seen) if old.same_as(row.fingerprint) else row.fingerprint)


def _update(at: Session, rows: list[dict[str, Any]], **common: Any) -> None:
    if rows:
        names = ("fingerprint", "settings", "models")
        each: dict[str, Any] = {name: bindparam(f"b_{name}") for name in names}
        priority = bindparam("b_priority", type_=VideoRecord.priority.type)
        anew = "attempts" in common  # else one that is to be last stays so
        each["priority"] = priority if anew else case((VideoRecord.priority == LAST, LAST), else_=priority)
        this = VideoRecord.id == bindparam("b_id")
        at.connection.execute(update(VideoRecord).where(this).values(**each, **common), rows)


def _wait(at: Session, rows: list[dict[str, Any]]) -> None:
    """Have inputs that may still be written wait (again)."""
    if rows:
        pending = (VideoRecord.id == bindparam("b_id"), VideoRecord.state == "pending")
        at.connection.execute(update(VideoRecord).where(*pending).values(ready_tick=_ready(at, "b_wait")), rows)


def _ready(at: Session, name: str) -> ColumnElement[float]:
    """When a video may be claimed that waits so many seconds: at once is 0, so that its priority alone counts."""
    wait = bindparam(name, type_=VideoRecord.ready_tick.type)
    return case((wait > 0, wait + at.tick()), else_=0.0)


def _numbered(at: Session, decisions: list[Decision]) -> list[Decision]:
    missing = sorted({decision.key for decision in decisions if decision.video is None})
    if not missing:
        return decisions
    which = (VideoRecord.library_id == at.library, VideoRecord.key.in_(missing))
    found = at.connection.execute(select(VideoRecord.key, VideoRecord.id).where(*which))
    numbers: dict[str, int] = {row.key: row.id for row in found}
    return [d if d.video is not None else replace(d, video=numbers[d.key]) for d in decisions]
