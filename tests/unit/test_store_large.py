"""State operations cost the same in a large library as in a small one."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from databases import KINDS, Backend, backend
from stills.jobs.store import Fingerprint, Run, Store, VideoRow

pytestmark = pytest.mark.slow

VIDEOS = 10_000
STEP = 10


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with backend(request.param, tmp_path) as made:
        yield made


def filled(store: Store) -> Run:
    run = store.begin_run("stills")
    store.add_videos(run, (VideoRow(f"/v/{i}.mp4", "people", Fingerprint(size=i)) for i in range(VIDEOS)))
    return run


def one_video(store: Store, run: Run) -> None:
    (claim,) = store.claim(run)
    store.heartbeat(run, [claim])
    store.segment_done(claim, 0, seconds=1.0)
    store.finish(claim, "done", {"people": 1})


def steps(store: Store, work: Callable[[], object]) -> int:
    """How many of its instructions SQLite needs: the same on a busy machine as on an idle one."""
    number = 0

    def tick() -> int:
        nonlocal number
        number += STEP
        return 0

    def watch(connection: sqlite3.Connection, *_: Any) -> None:
        connection.set_progress_handler(tick, STEP)

    event.listen(store._database._engine, "checkout", watch)
    work()
    event.remove(store._database._engine, "checkout", watch)
    return number


def test_no_operation_costs_more_where_thousands_are_done(tmp_path: Path) -> None:
    with backend("sqlite", tmp_path) as database:
        store = database.open()
        run = filled(store)
        one_video(store, run)
        first = steps(store, lambda: [one_video(store, run) for _ in range(20)])
        database.sql("UPDATE videos SET state = 'done', outcome = 'done', done_tick = id WHERE id <= 9900")
        last = steps(store, lambda: [one_video(store, run) for _ in range(20)])
        assert first > 1000
        assert last <= 1.1 * first


def test_counting_ten_thousand_takes_no_time(database: Backend) -> None:
    store = database.open()
    run = filled(store)
    database.sql("UPDATE videos SET state = 'done', outcome = 'done', done_tick = id WHERE id <= 5000")
    database.sql("UPDATE videos SET state = 'failed', outcome = 'memory' WHERE id > 9000")
    best = float("inf")
    for _ in range(7):
        begun = time.perf_counter()
        counts = store.counts()
        best = min(best, time.perf_counter() - begun)
    assert (counts.total, counts.done, counts.pending, counts.failed) == (VIDEOS, 5000, 4000, 1000)
    assert store.counts(run) == counts
    assert best <= 0.05


def test_claiming_follows_the_index(database: Backend) -> None:
    store = database.open()
    run = filled(store)
    database.sql("ANALYZE")
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM videos" in statement and "ORDER BY" in statement:
            asked.append((statement, parameters))

    event.listen(store._database._engine, "before_cursor_execute", note)
    store.claim(run)
    event.remove(store._database._engine, "before_cursor_execute", note)
    assert len(asked) == 2  # leases that ran out, then those whose turn it is
    explain = "EXPLAIN QUERY PLAN " if database.url is None else "EXPLAIN "
    raw = store._database._engine.raw_connection()
    try:
        for statement, parameters in asked:
            cursor = raw.cursor()
            cursor.execute(explain + statement, parameters)
            plan = " ".join(str(row) for row in cursor.fetchall())
            assert "ix_videos_claim" in plan
            assert "TEMP B-TREE" not in plan  # SQLite's word for sorting
            assert "Sort" not in plan
    finally:
        raw.close()
