"""Looking at a library: its status, trying again, quarantine; through a store that was filled by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import stills
from stills.errors import NoStateError, StateError, UsageError
from stills.jobs.store import Store, VideoRow, open_store
from stills.jobs.store.records import Run


def fill(store: Store, run: Run, number: int = 12) -> None:
    """Every third is corrupt, one of them ran out of time; the last two wait, the one before is under way."""
    store.add_videos(run, [VideoRow(f"/v/{i:02}.mp4", "people") for i in range(number)])
    for claim in store.claim(run, limit=number - 3):
        i = int(Path(claim.source).stem)
        if i % 3:
            store.finish(claim, "done" if i % 2 else "nothing", {"found": i % 2})
        elif i:
            store.fail(claim, error_class="corrupt", code="corrupt", message="no frame", quarantine=True)
        else:
            store.fail(claim, error_class="transient", code="timeout", message="no new frame", log_tail="the end")
    [claim] = store.claim(run)
    store.segment_done(claim, 0, seconds=1.0)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def run(out: Path) -> Iterator[Run]:
    with open_store(out) as store:
        run = store.begin_run("stills people v -o out")
        fill(store, run)
        yield run


def test_status_says_all_there_is(out: Path, run: Run) -> None:
    status = stills.library_status(out)
    assert status.out == str(out)
    assert status.database.endswith("state.db")
    counts = status.counts
    assert (counts.total, counts.done, counts.running, counts.pending) == (12, 6, 1, 2)
    assert (counts.failed, counts.quarantined) == (1, 2)
    assert dict(counts.outcomes) == {"done": 3, "nothing": 3}
    assert status.active
    assert [one.command for one in status.runs] == ["stills people v -o out"]
    [under_way] = status.under_way
    assert (under_way.source, under_way.attempt, under_way.segments) == ("/v/09.mp4", 1, 1)
    told = [(one.number, one.state, one.error_class, one.code, one.example.source) for one in status.problems]
    assert told == [
        (2, "quarantined", "corrupt", "corrupt", "/v/03.mp4"),
        (1, "failed", "transient", "timeout", "/v/00.mp4"),
    ]
    assert status.problems[1].example.log_tail == "the end"


def test_nobody_at_work_has_no_rate_and_no_time_left(out: Path, run: Run) -> None:
    with open_store(out) as store:
        store.end_run(run, "interrupted")
    status = stills.library_status(out)
    assert not status.active
    assert status.rate is status.time_left_s is None
    assert status.counts.pending == 3
    assert status.last_run is not None
    assert status.last_run.ended == "interrupted"


def test_where_nothing_was_run_there_is_no_state_and_none_is_made(out: Path) -> None:
    for ask in (stills.library_status, stills.library_retry, stills.library_failures):
        with pytest.raises(NoStateError, match="check the output folder"):
            ask(out)
    assert not out.exists()


def test_a_damaged_database_is_said(out: Path) -> None:
    (out / ".stills").mkdir(parents=True)
    (out / ".stills" / "state.db").write_bytes(b"nothing that SQLite wrote, but long enough to be read" * 100)
    for ask in (stills.library_status, stills.library_retry):
        with pytest.raises(StateError, match="damaged"):
            ask(out)


@pytest.mark.parametrize(
    ("reason", "state", "queued"),
    [
        (None, "failed", ["/v/00.mp4"]),
        ("timeout", "failed", ["/v/00.mp4"]),
        ("transient", "all", ["/v/00.mp4"]),
        ("corrupt", "failed", []),
        ("corrupt", "quarantined", ["/v/03.mp4", "/v/06.mp4"]),
        (None, "all", ["/v/00.mp4", "/v/03.mp4", "/v/06.mp4"]),
        ("nonsense", "all", []),
    ],
)
def test_retry_queues_what_is_meant_and_nothing_else(
    out: Path, run: Run, reason: str | None, state: str, queued: list[str]
) -> None:
    with open_store(out) as store:
        before = {video.source for video in store.videos("pending")}
        assert stills.library_retry(out, reason, state=state) == len(queued)  # type: ignore[arg-type]
        assert sorted({video.source for video in store.videos("pending")} - before) == queued
        assert store.counts().done == 6


def test_failures_are_listed_by_state_and_reason(out: Path, run: Run) -> None:
    assert [one.source for one in stills.library_failures(out, state="quarantined")] == ["/v/03.mp4", "/v/06.mp4"]
    assert [one.source for one in stills.library_failures(out, "timeout")] == ["/v/00.mp4"]
    assert len(stills.library_failures(out)) == 3
    with pytest.raises(UsageError, match="quarantined"):
        stills.library_failures(out, state="lost")  # type: ignore[arg-type]


def test_a_database_elsewhere_serves_a_folder(tmp_path: Path, out: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    with open_store(out, url) as store:
        fill(store, store.begin_run("stills people v -o out"))
    assert stills.library_status(out, url).counts.total == 12
    with pytest.raises(NoStateError):
        stills.library_status(out)
    with pytest.raises(NoStateError):
        stills.library_status(tmp_path / "another", url)
