"""What a store has to do, whatever database it is in."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from databases import KINDS, Backend, backend, elsewhere
from stills.errors import FencedError, RunActiveError
from stills.jobs.store import Claim, Fingerprint, Run, Store, VideoRow

pytestmark = pytest.mark.slow

FIRST = Fingerprint(size=10, mtime_ns=1)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with backend(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def store(database: Backend) -> Store:
    return database.open()


def rows(number: int, **changes: Any) -> list[VideoRow]:
    row = VideoRow("/v/0.mp4", "people", FIRST, settings="s1", models="m1")
    return [dataclasses.replace(row, **{"source": f"/v/{i}.mp4", **changes}) for i in range(number)]


def begun(store: Store, number: int = 1, **changes: Any) -> Run:
    run = store.begin_run("stills people /v")
    store.add_videos(run, rows(number, **changes))
    return run


def one(claims: list[Claim]) -> Claim:
    (claim,) = claims
    return claim


# Inputs


def test_inputs_are_queued_once_however_often_they_are_added(store: Store) -> None:
    run = store.begin_run("stills people /v")
    assert [d.what for d in store.add_videos(run, rows(3) + rows(1))] == ["new"] * 4
    assert [d.what for d in store.add_videos(run, rows(3))] == ["resume"] * 3
    assert [video.source for video in store.videos()] == ["/v/0.mp4", "/v/1.mp4", "/v/2.mp4"]


def test_a_source_is_another_video_for_another_recipe(store: Store) -> None:
    run = begun(store)
    store.add_videos(run, rows(1, recipe="thumbnails"))
    assert sorted(video.recipe for video in store.videos()) == ["people", "thumbnails"]


def test_finished_work_stays_finished_in_the_next_run(store: Store) -> None:
    run = begun(store, 2)
    store.finish(one(store.claim(run)), "nothing-found", {"people": 0}, seconds=1.5)
    store.end_run(run)
    again = store.begin_run("stills people /v")
    decided = store.add_videos(again, rows(2))
    assert [(d.what, d.outcome) for d in decided] == [("done", "nothing-found"), ("resume", "")]
    assert one(store.claim(again, limit=5)).source == "/v/1.mp4"


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"fingerprint": Fingerprint(size=11, mtime_ns=1)}, ("input",)),
        ({"fingerprint": Fingerprint(size=10, mtime_ns=2)}, ("input",)),
        ({"settings": "s2"}, ("settings",)),
        ({"models": "m2"}, ("models",)),
        ({"fingerprint": Fingerprint(size=11), "settings": "s2", "models": "m2"}, ("input", "settings", "models")),
    ],
)
def test_what_changed_is_queued_anew_and_said(store: Store, changes: dict[str, Any], reasons: tuple[str, ...]) -> None:
    run = begun(store)
    claim = one(store.claim(run))
    store.segment_done(claim, 0)
    store.finish(claim)
    decided = one_of(store.add_videos(run, rows(1, **changes)))
    assert (decided.what, decided.reasons) == ("changed", reasons)
    assert store.segments(claim.video) == []
    assert store.result(claim.video) is None
    assert one(store.claim(run)).token > claim.token
    assert one_of(store.compare(rows(1, **changes))).reasons == ()


def one_of(decisions: list[Any]) -> Any:
    (decision,) = decisions
    return decision


def test_a_file_that_was_only_touched_is_the_same_where_its_content_is_known(store: Store) -> None:
    run = begun(store, fingerprint=Fingerprint(size=10, mtime_ns=1, content="c"))
    store.finish(one(store.claim(run)))
    touched = Fingerprint(size=10, mtime_ns=2, content="c")
    assert one_of(store.add_videos(run, rows(1, fingerprint=touched))).what == "done"
    # The new time is remembered: next time the content need not be read.
    assert one_of(store.add_videos(run, rows(1, fingerprint=Fingerprint(size=10, mtime_ns=2)))).what == "done"
    assert next(store.videos()).fingerprint == touched
    other = Fingerprint(size=10, mtime_ns=2, content="d")
    assert one_of(store.add_videos(run, rows(1, fingerprint=other))).reasons == ("input",)


def test_objects_are_told_apart_by_their_etag() -> None:
    first = Fingerprint(size=1, mtime_ns=1, etag="a")
    assert first.same_as(Fingerprint(size=1, mtime_ns=2, etag="a"))
    assert not first.same_as(Fingerprint(size=1, mtime_ns=1, etag="b"))


def test_a_change_fences_off_who_works_on_the_old_input(store: Store) -> None:
    run = begun(store)
    claim = one(store.claim(run))
    store.add_videos(run, rows(1, settings="s2"))
    with pytest.raises(FencedError):
        store.finish(claim)
    assert one(store.claim(run)).settings == "s2"


def test_all_or_failed_ones_are_done_again_where_asked_for(store: Store) -> None:
    run = begun(store, 2)
    first, second = store.claim(run, limit=2)
    store.finish(first)
    store.fail(second, error_class="bug", code="worker", message="boom")
    assert [d.what for d in store.add_videos(run, rows(2))] == ["done", "failed"]
    assert [d.what for d in store.add_videos(run, rows(2), again=["failed"])] == ["done", "again"]
    assert [d.what for d in store.add_videos(run, rows(2), everything=True)] == ["again", "again"]
    assert {claim.attempt for claim in store.claim(run, limit=2)} == {1}


def test_comparing_says_what_adding_would_do_and_changes_nothing(store: Store) -> None:
    run = begun(store, 3)
    first, _ = store.claim(run, limit=2)
    store.finish(first)
    asked = [*rows(4), *rows(1, settings="s2")]
    before = list(store.videos())
    said = store.compare(asked)
    assert [d.what for d in said] == ["done", "running", "resume", "new", "changed"]
    assert list(store.videos()) == before
    assert [(d.what, d.key) for d in store.add_videos(run, asked[:4])] == [(d.what, d.key) for d in said[:4]]


def test_only_what_this_run_was_given_is_claimed(store: Store) -> None:
    first = begun(store, 2)
    store.end_run(first, "interrupted")
    second = store.begin_run("stills people /w")
    store.add_videos(second, rows(1, source="/w/a.mp4"))
    assert one(store.claim(second, limit=9)).source == "/w/a.mp4"
    assert (store.counts().total, store.counts(second).total) == (3, 1)


def test_a_file_that_is_being_copied_waits(database: Backend, store: Store) -> None:
    run = begun(store, not_before=5.0)
    assert store.claim(run) == []
    assert (store.counts().pending, store.counts().waiting) == (1, 1)
    database.pass_time(6)
    store.add_videos(run, rows(1, not_before=5.0))  # it has grown meanwhile
    assert store.claim(run) == []
    database.pass_time(6)
    assert one(store.claim(run)).source == "/v/0.mp4"


def test_names_that_no_database_takes_come_back_as_they_were(store: Store) -> None:
    names = ["/v/\udcff\udc00.mp4", "/v/\x01odd.mp4", "/v/ü\n\t'\".mp4", "/v/🎬.mp4", "/v/\x01[1].mp4"]
    run = store.begin_run("stills")
    store.add_videos(run, [VideoRow(name, "people") for name in names])
    assert [claim.source for claim in store.claim(run, limit=9)] == names


# Claims


def test_a_video_is_claimed_by_one_only_until_its_lease_ends(database: Backend) -> None:
    here, there = database.open(), database.open(place=elsewhere())
    run = here.begin_run("stills", shared=True)
    other = there.begin_run("stills", shared=True)
    assert run.batch == other.batch
    here.add_videos(run, rows(1))
    claim = one(here.claim(run, lease_s=60))
    database.pass_time(59)
    assert there.claim(other) == []
    database.pass_time(2)
    again = one(there.claim(other))
    assert (again.video, again.token, again.attempt, again.failures) == (claim.video, claim.token + 1, 2, 0)
    assert [attempt.ended for attempt in here.attempts(claim.video)] == ["lost", "running"]
    for late in (
        lambda: here.finish(claim, "done", {"by": "here"}),
        lambda: here.fail(claim, error_class="bug", code="worker", message="late"),
        lambda: here.segment_done(claim, 3),
        lambda: here.release(claim),
    ):
        with pytest.raises(FencedError, match="given to somebody else"):
            late()
    there.finish(again, "done", {"by": "there"})
    assert [result.result for result in here.results()] == [{"by": "there"}]
    assert here.segments(claim.video) == []


def test_what_is_lost_again_and_again_comes_last(database: Backend, store: Store) -> None:
    run = begun(store, 3)
    for attempt in (1, 2, 3):
        claim = one(store.claim(run, lease_s=60))
        assert (claim.source, claim.attempt) == ("/v/0.mp4", attempt)
        database.pass_time(61)
        store.heartbeat(run)
    assert [claim.source for claim in store.claim(run, limit=2)] == ["/v/1.mp4", "/v/2.mp4"]
    assert store.add_videos(run, rows(1))[0].what == "resume"
    last = one(store.claim(run, limit=5))
    assert (last.source, last.attempt) == ("/v/0.mp4", 4)
    assert [attempt.ended for attempt in store.attempts(last.video)] == ["lost", "lost", "lost", "running"]


def test_what_dead_runs_held_again_and_again_comes_last(database: Backend) -> None:
    for _ in range(3):
        dead = database.open(place=elsewhere())
        run = begun(dead, 2)
        assert one(dead.claim(run)).source == "/v/0.mp4"
        database.pass_time(61)
    store = database.open()
    run = begun(store, 2)
    assert [claim.source for claim in store.claim(run, limit=2)] == ["/v/1.mp4", "/v/0.mp4"]


def test_a_changed_input_is_not_last_any_more(database: Backend, store: Store) -> None:
    run = begun(store, 2)
    for _ in range(3):
        one(store.claim(run, lease_s=60))
        database.pass_time(61)
        store.heartbeat(run)
    changed = dataclasses.replace(rows(1)[0], fingerprint=Fingerprint(size=11, mtime_ns=2))
    store.claim(run, lease_s=60)  # the other one; now the first is known to be last
    assert store.add_videos(run, [changed])[0].what == "changed"
    assert one(store.claim(run)).source == "/v/0.mp4"


def test_heartbeats_keep_a_lease_and_tell_which_are_lost(database: Backend, store: Store) -> None:
    run = begun(store, 2)
    kept, lost = store.claim(run, lease_s=60, limit=2)
    database.pass_time(50)
    assert store.heartbeat(run, [kept]) == []
    database.pass_time(50)
    assert one(store.claim(run, limit=5)).video == lost.video
    assert store.heartbeat(run, [kept, lost]) == [lost]


def test_the_order_is_priority_then_as_added(store: Store) -> None:
    run = store.begin_run("stills")
    store.add_videos(run, rows(3, priority=5))
    store.add_videos(run, rows(1, source="/v/first.mp4", priority=1))
    names = [claim.source for claim in store.claim(run, limit=2) + store.claim(run, limit=2)]
    assert names == ["/v/first.mp4", "/v/0.mp4", "/v/1.mp4", "/v/2.mp4"]


def test_finishing_twice_is_finishing_once(store: Store) -> None:
    run = begun(store)
    claim = one(store.claim(run))
    store.finish(claim, "partial", {"n": 1})
    store.finish(claim, "partial", {"n": 1})
    assert [(result.outcome, result.result) for result in store.results()] == [("partial", {"n": 1})]
    with pytest.raises(FencedError):
        store.fail(claim, error_class="bug", code="worker", message="late")
    assert store.counts().outcomes == {"partial": 1}


def test_a_result_is_seen_as_a_whole_or_not_at_all(store: Store) -> None:
    run = begun(store)
    claim = one(store.claim(run))
    with pytest.raises(TypeError):  # no JSON: the transaction fails in its last step
        store.finish(claim, "done", {"no": object()})
    assert store.counts().running == 1
    assert (list(store.results()), store.attempts(claim.video)[0].ended) == ([], "running")
    store.finish(claim, "done", {"yes": [1, None, "ü"]}, seconds=2.5)
    result = next(store.results())
    assert (result.source, result.result, result.seconds) == ("/v/0.mp4", {"yes": [1, None, "ü"]}, 2.5)


def test_a_failure_that_may_pass_is_tried_again_later(database: Backend, store: Store) -> None:
    run = begun(store)
    store.fail(one(store.claim(run)), error_class="transient", code="download", message="no answer", retry_in=30)
    assert store.claim(run) == []
    assert (store.counts().waiting, store.counts().failed) == (1, 0)
    database.pass_time(31)
    claim = one(store.claim(run))
    assert (claim.attempt, claim.failures) == (2, 1)
    store.fail(claim, error_class="resource", code="memory", message="full", retry_in=0, counts=False)
    assert one(store.claim(run)).failures == 1


def test_failures_are_listed_by_reason_with_a_log_of_limited_length(store: Store) -> None:
    run = begun(store, 3)
    bad, bug, _ = store.claim(run, limit=3)
    log = "x" * 100_000 + "\0\udcff the end"
    store.fail(bad, error_class="corrupt", code="not-a-video", message="no video", log_tail=log, quarantine=True)
    store.fail(bug, error_class="bug", code="worker", message="m" * 100_000)
    assert [failure.source for failure in store.failures()] == ["/v/1.mp4", "/v/0.mp4"]
    assert [failure.source for failure in store.failures("worker")] == ["/v/1.mp4"]
    failure = next(store.quarantine_list())
    assert (failure.code, failure.error_class, failure.attempts) == ("not-a-video", "corrupt", 1)
    assert failure.log_tail.endswith("the end")
    assert len(failure.log_tail) == 8_000
    assert all(len(found.message) <= 2_000 for found in store.failures())
    counts = store.counts()
    assert (counts.failed, counts.quarantined, counts.running, counts.left) == (1, 1, 1, 1)
    assert counts.reasons == {("bug", "worker"): 1, ("corrupt", "not-a-video"): 1}


def test_failed_and_quarantined_videos_are_queued_anew_by_reason(store: Store) -> None:
    run = begun(store, 4)
    claims = store.claim(run, limit=4)
    for claim, code in zip(claims, ("worker", "memory", "corrupt", "corrupt"), strict=True):
        store.fail(claim, error_class="x", code=code, message=code, quarantine=code == "corrupt")
    assert store.requeue("memory") == 1
    assert one(store.claim(run)).failures == 0
    assert store.requeue("corrupt") == 0  # those are in quarantine, where only clearing takes them out
    assert store.quarantine_clear(sources=["/v/2.mp4", "/v/0.mp4"]) == 1
    assert store.quarantine_clear() == 1
    assert [video.source for video in store.videos("failed")] == ["/v/0.mp4"]


def test_segments_are_kept_over_an_interruption_and_counted(store: Store) -> None:
    run = begun(store)
    claim = one(store.claim(run))
    store.segment_done(claim, 1, seconds=0.5)
    store.segment_done(claim, 0, seconds=0.25)
    store.end_run(run, "interrupted")
    run = store.begin_run("stills")
    store.add_videos(run, rows(1))
    claim = one(store.claim(run))
    assert [(s.number, s.times) for s in store.segments(claim.video)] == [(0, 1), (1, 1)]
    store.segment_done(claim, 1, seconds=0.75)
    assert [(s.number, s.times, s.seconds) for s in store.segments(claim.video)] == [(0, 1, 0.25), (1, 2, 0.75)]


def test_what_is_forgotten_leaves_nothing(database: Backend, store: Store) -> None:
    run = begun(store, 2)
    claim, other = store.claim(run, limit=2)
    store.segment_done(claim, 0)
    store.finish(claim)
    assert store.forget([claim.key, "unknown"]) == 1
    assert [video.id for video in store.videos()] == [other.video]
    for table in ("attempts", "segments", "results"):
        assert database.sql(f"SELECT 1 FROM {table} WHERE video_id = :v", v=claim.video) == []  # noqa: S608
    store.add_videos(run, rows(1))
    assert one(store.claim(run)).video not in {claim.video, other.video}  # so that no old claim fits


# Runs


def test_a_second_run_is_told_who_the_first_is(database: Backend, store: Store) -> None:
    run = begun(store)
    active = database.open().active_run()
    assert active is not None
    assert (active.id, active.pid) == (run.id, run.pid)
    with pytest.raises(RunActiveError, match=re.escape(f"`stills people /v` (process {run.pid} on {run.host})")):
        database.open().begin_run("stills people /w")
    with pytest.raises(RunActiveError):
        database.open().begin_run("stills people /w", shared=True)  # the first one does not share
    store.end_run(run)
    assert store.active_run() is None
    following = database.open().begin_run("stills people /w")
    assert store.last_run() == following


def test_a_run_that_sends_no_word_is_dead_and_its_work_is_free(database: Backend) -> None:
    there = database.open(place=elsewhere())
    run = begun(there, 2)
    claim = one(there.claim(run, lease_s=3600))
    here = database.open()
    database.pass_time(59)
    with pytest.raises(RunActiveError, match="on other"):
        here.begin_run("stills")
    there.heartbeat(run)
    database.pass_time(59)
    assert here.active_run() is not None
    assert [d.what for d in here.compare(rows(1))] == ["running"]
    database.pass_time(2)
    assert here.active_run() is None
    assert [d.what for d in here.compare(rows(1))] == ["resume"], "though the lease of the video has not run out"
    mine = here.begin_run("stills")
    here.add_videos(mine, rows(2))
    assert {c.source: c.token for c in here.claim(mine, limit=9)} == {"/v/0.mp4": claim.token + 1, "/v/1.mp4": 1}
    assert there.heartbeat(run, [claim]) == [claim]
    with pytest.raises(FencedError):
        there.finish(claim)
    with pytest.raises(FencedError, match="taken for dead"):
        there.claim(run)


def test_a_process_of_this_machine_is_not_taken_for_dead_while_it_lives(database: Backend, store: Store) -> None:
    run = begun(store)
    database.pass_time(10_000)  # it was stopped, or the machine is overloaded
    found = database.open().active_run()
    assert found is not None
    assert found.id == run.id


def test_a_process_number_that_is_used_again_is_not_taken_for_the_old_process(database: Backend, store: Store) -> None:
    begun(store)
    database.sql("UPDATE runs SET started = '12345'")
    assert store.active_run() is None


def test_what_a_run_held_goes_back_when_it_ends(store: Store) -> None:
    run = begun(store, 2)
    claim, finished = store.claim(run, limit=2)
    store.finish(finished)
    store.end_run(run, "interrupted")
    assert (store.counts().pending, store.counts().done) == (1, 1)
    assert [attempt.ended for attempt in store.attempts(claim.video)] == ["released"]
    with pytest.raises(FencedError):
        store.finish(claim)


def test_a_released_claim_waits_as_long_as_asked(database: Backend, store: Store) -> None:
    run = begun(store)
    store.release(one(store.claim(run)), wait_s=10)
    assert store.claim(run) == []
    database.pass_time(11)
    assert one(store.claim(run)).failures == 0


def test_the_rate_and_the_time_left(database: Backend, store: Store) -> None:
    run = begun(store, 4)
    assert store.counts().time_left_s is None
    for claim in store.claim(run, limit=2):
        store.finish(claim)
    database.sql("UPDATE runs SET began_tick = (SELECT max(done_tick) FROM videos) - 10")
    counts = store.counts()
    assert counts.rate == pytest.approx(0.2)
    assert counts.time_left_s == pytest.approx(10)


def test_long_lists_come_in_pages_and_miss_nothing(store: Store) -> None:
    run = begun(store, 1203)
    assert len({video.id for video in store.videos()}) == 1203
    for claim in store.claim(run, limit=700):
        store.finish(claim, "done" if claim.video % 2 else "partial")
    assert len({video.id for video in store.videos("done")}) == 700
    assert len({result.video for result in store.results()}) == 700
    assert store.counts().outcomes == {"done": 350, "partial": 350}


def test_two_output_folders_of_one_database_know_nothing_of_each_other(tmp_path: Path, database: Backend) -> None:
    from stills.jobs.store import open_store

    url = database.url or f"sqlite:////{tmp_path}/both.db"
    with open_store(tmp_path / "a", url) as first, open_store(tmp_path / "b", url) as second:
        begun(first, 2)
        begun(second, 1)
        assert (first.counts().total, second.counts().total) == (2, 1)
    with open_store(tmp_path / "a", url, readonly=True) as again:
        assert again.counts().total == 2
