"""Jobs of the service in their database, on SQLite and on PostgreSQL: nothing is done, all is written down."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from databases import KINDS, elsewhere
from service_samples import EMPTY, Service, do, files, service
from stills.errors import FencedError, InputError, NothingFoundError, SettingsError, UsageError
from stills.service.jobs import (
    Artifact,
    BusyError,
    IdempotencyError,
    Job,
    JobError,
    JobProgress,
    JobStore,
    NewJob,
    NoJobError,
    NotReadyError,
    OwnerBusyError,
    QueueFullError,
)
from stills.service.jobs.work import Done, Held

pytestmark = pytest.mark.slow


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    with service(request.param, tmp_path) as one:
        yield one


def claimed(store: JobStore, run: Any) -> Held:
    held = store.claim(run)
    assert held is not None
    return held


def at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    """What ``call`` gives or raises, in threads that begin together."""
    ready, out = threading.Barrier(count), [None] * count

    def one(number: int) -> None:
        ready.wait(30)
        try:
            out[number] = call(number)
        except BusyError as error:
            out[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return out


def test_a_job_is_as_it_was_asked_for(made: Service) -> None:
    store = made.open()
    new = made.job(options={"per_person": 2}, name="../évil\udcff.mp4", owner="ann", webhook="https://h/?secret")
    added = store.add(new)
    job = store.get(added.job.id, "ann")
    assert added.created
    assert job == added.job
    assert (job.state, job.recipe, job.options, job.name) == (
        "queued",
        "people",
        {"per_person": 2},
        "../évil\udcff.mp4",
    )
    assert (job.source, job.progress.stage, job.attempts, job.ended) == (None, "queued", 0, False)
    assert new.upload is not None
    assert not new.upload.exists()
    assert (store.folders.job(job.id) / "video").read_bytes() == b"not empty"
    assert "secret" not in repr(job) + repr(new)


def test_an_address_is_shown_without_its_secrets_and_forgotten_at_the_end(made: Service) -> None:
    store = made.open()
    address = "https://user:pass@host/film.mp4?sig=secret"
    job = store.add(NewJob("people", address=address)).job
    assert job.source == "https://host/film.mp4?…"
    held = claimed(store, store.begin_run("test"))
    assert held.address == address
    do(store, held)
    assert made.backend.sql("SELECT address, has_source FROM service_jobs") in ([(None, 0)], [(None, False)])


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"recipe": "paint"}, UsageError),
        ({"options": {"per_persn": 2}}, SettingsError),
        ({"options": {"per_person": 0}}, SettingsError),
        ({"options": {"cache_dir": "/tmp/x"}}, SettingsError),
        ({"options": {"scan.workers": 64}}, SettingsError),
        ({"recipe": "keyframes", "options": {"all": True, "target": 3}}, UsageError),
        ({"address": "https://host/film.mp4"}, UsageError),
    ],
)
def test_what_is_wrong_with_a_job_is_said_and_its_upload_is_gone(made: Service, asked: Any, error: type) -> None:
    store = made.open()
    with pytest.raises(error):
        store.add(made.job(**asked))
    assert files(made.data) == EMPTY
    assert store.list().jobs == []


def test_posters_are_part_of_what_is_asked(made: Service) -> None:
    store = made.open(posters=2)

    def ask(*posters: bytes, recipe: str = "cast", key: str | None = "k") -> NewJob:
        return made.job(recipe=recipe, posters=[made.upload(one) for one in posters], idempotency_key=key)

    job = store.add(ask(b"a", b"b")).job
    assert store.get(job.id).posters == ("poster 1", "poster 2")
    assert store.folders.poster(job.id, 2).read_bytes() == b"b"
    assert not store.add(ask(b"a", b"b")).created
    with pytest.raises(IdempotencyError):
        store.add(ask(b"a", b"c"))
    for wrong, error in (
        (ask(b"a", recipe="people", key=None), UsageError),
        (ask(b"a", b"b", b"c", key=None), UsageError),
        (ask(b"", key=None), InputError),
    ):
        with pytest.raises(error):
            store.add(wrong)
    store.erase(job.id)
    assert files(made.data) == EMPTY


def test_files_are_added_to_done_jobs_alone(made: Service) -> None:
    store = made.open(pictures=1)
    job = store.add(made.job()).job
    more = [Artifact("person_01.jpg", f"saved/{n}/person_01.jpg", "picture", 3, "image/jpeg") for n in range(2)]
    with pytest.raises(NoJobError):
        store.add_artifacts(job, "saved", more)
    do(store, claimed(store, store.begin_run("test")))
    job = store.get(job.id)
    now = store.add_artifacts(job, job.folder or "", more)
    assert [one.name for one in now.artifacts[2:]] == ["person_01-2.jpg", "person_01-3.jpg"]
    assert now.revision > job.revision
    assert store.get(job.id) == now
    with pytest.raises(UsageError, match="may have 5"):
        store.add_artifacts(job, job.folder or "", more)
    store.erase(job.id)
    with pytest.raises(NoJobError):
        store.add_artifacts(job, job.folder or "", more)


def test_twenty_uploads_events_and_hearts_at_once_wait_for_each_other(made: Service) -> None:
    store = made.open(active_per_owner=100)
    store.add(made.job(owner="first"))
    run = store.begin_run("test")
    held = claimed(store, run)
    seen: list[float] = []
    watching = threading.Thread(
        target=lambda: seen.extend(one.job.progress.fraction for one in store.watch(held.job.id, timeout_s=60))
    )
    watching.start()
    uploads = [made.job(owner=str(number)) for number in range(20)]

    def act(number: int) -> Any:
        if number < 20:
            return store.add(uploads[number]).job.id
        return store.beat(run, [held], {held.number: JobProgress("scan", number / 100)}, renew=True)

    done = at_once(24, act)
    assert len(set(done[:20])) == 20
    assert done[20:] == [{held.number}] * 4
    assert store.counts().queued == 20
    do(store, held)
    watching.join(60)
    assert seen[-1] == 1.0


def test_an_empty_upload_is_none(made: Service) -> None:
    store = made.open()
    with pytest.raises(InputError):
        store.add(made.job(b""))
    assert files(made.data) == EMPTY


def test_jobs_of_others_are_not_there(made: Service) -> None:
    store = made.open()
    mine, theirs = (store.add(made.job(owner=owner)).job for owner in ("ann", "bob"))
    for ask in (store.get, store.cancel, store.erase, lambda *a: list(store.watch(*a))):
        with pytest.raises(NoJobError):
            ask(theirs.id, "ann")
    assert [job.id for job in store.list("ann").jobs] == [mine.id]
    assert [job.id for job in store.list().jobs] == [theirs.id, mine.id]
    assert (store.counts("ann").queued, store.counts().queued) == (1, 2)
    assert store.get(theirs.id).state == "queued"


def test_pages_hold_each_job_once_newest_first(made: Service) -> None:
    store = made.open(active_per_owner=100)
    added = [store.add(made.job()).job.id for _ in range(7)]
    store.cancel(added[3])
    seen, cursor = [], None
    while True:
        page = store.list(cursor=cursor, limit=3)
        seen += [job.id for job in page.jobs]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == added[::-1]
    assert [job.id for job in store.list(state="cancelled").jobs] == [added[3]]
    for wrong in ({"cursor": "x"}, {"cursor": "9" * 30}, {"limit": 0}, {"limit": 201}, {"state": "lost"}):
        with pytest.raises(UsageError):
            store.list(**wrong)  # type: ignore[arg-type]


def test_the_same_key_is_the_same_job_and_something_else_a_conflict(made: Service) -> None:
    store = made.open()
    first = store.add(made.job(idempotency_key="k", owner="ann"))
    again = store.add(made.job(idempotency_key="k", owner="ann"))
    assert (first.created, again.created) == (True, False)
    assert again.job == first.job
    for other in ({"options": {"per_person": 3}}, {"recipe": "portrait"}, {"content": b"other film"}):
        with pytest.raises(IdempotencyError):
            store.add(made.job(**{"idempotency_key": "k", "owner": "ann", **other}))
    assert store.add(made.job(idempotency_key="k", owner="bob")).created
    assert len(store.list().jobs) == 2
    assert sum(name.endswith("/video") for name in files(made.data)) == 2
    store.erase(first.job.id)
    assert store.add(made.job(idempotency_key="k", owner="ann")).created, "an erased job has left nothing"


def test_one_job_for_a_key_whoever_comes_first(made: Service) -> None:
    stores = [made.open(), made.open()]
    jobs = [made.job(idempotency_key="k") for _ in range(8)]
    added = at_once(8, lambda number: stores[number % 2].add(jobs[number]))
    assert Counter(one.created for one in added) == {True: 1, False: 7}
    assert len({one.job.id for one in added}) == 1
    assert len(files(made.data) - EMPTY) == 2


def test_limits_hold_whoever_comes_at_once(made: Service) -> None:
    stores = [made.open(active_per_owner=3, queue=5), made.open(active_per_owner=3, queue=5)]
    jobs = [made.job(owner="ann") for _ in range(8)]
    added = at_once(8, lambda number: stores[number % 2].add(jobs[number]))
    assert Counter(type(one) for one in added)[OwnerBusyError] == 5
    jobs = [made.job(owner=f"other {number}") for number in range(6)]
    more = at_once(6, lambda number: stores[number % 2].add(jobs[number]))
    refused = [one for one in more if isinstance(one, QueueFullError)]
    assert len(refused) == 4
    assert all(1 <= one.retry_after <= 120 for one in refused)
    assert stores[0].counts().queued == 5
    assert sum(name.endswith("/video") for name in files(made.data)) == 5


def test_who_has_the_least_under_way_is_next(made: Service) -> None:
    store = made.open(active_per_owner=10)
    for owner in ("ann", "ann", "ann", "bob"):
        store.add(made.job(owner=owner))
    run = store.begin_run("test")
    assert [claimed(store, run).job.owner for _ in range(4)] == ["ann", "bob", "ann", "ann"]
    assert store.claim(run) is None


def test_a_claim_is_one_replicas_alone(made: Service) -> None:
    stores = [made.open(), made.open()]
    for _ in range(6):
        stores[0].add(made.job())
    runs = [store.begin_run("test") for store in stores]
    held = at_once(8, lambda number: stores[number % 2].claim(runs[number % 2]))
    got = [one.job.id for one in held if one is not None]
    got += [one.job.id for one in iter(lambda: stores[0].claim(runs[0]), None)]
    assert len(got) == len(set(got)) == 6


def test_a_done_job_is_whole(made: Service) -> None:
    store = made.open(ttl_s=100)
    job = store.add(made.job(owner="ann", webhook="https://h/hook")).job
    with pytest.raises(NotReadyError):
        store.result_path(job)
    held = claimed(store, store.begin_run("test"))
    assert (held.job.state, held.job.attempts) == ("running", 1)
    do(store, held, picture=b"four")
    now = store.get(job.id)
    assert (now.state, now.ended, now.has_source, now.content) == ("done", True, False, "c0ffee")
    assert [(one.name, one.file, one.kind, one.bytes, one.type) for one in now.artifacts] == [
        ("people.json", "people.json", "result", 29, "application/json"),
        ("person_01.jpg", "people/person_01.jpg", "picture", 4, "image/jpeg"),
    ]
    assert store.artifact_path(now, now.artifacts[1]).read_bytes() == b"four"
    assert now.artifact("person_01.jpg") == now.artifacts[1]
    assert now.artifact("../people.json") is None
    assert store.result_path(now).name == "people.json"
    assert not (store.folders.job(job.id) / "video").exists()
    assert now.started_at is not None
    assert now.finished_at is not None
    assert now.expires_at == pytest.approx(now.finished_at + 100)


def test_a_job_that_found_nothing_says_so(made: Service) -> None:
    store = made.open()
    job = store.add(made.job()).job
    held = claimed(store, store.begin_run("test"))
    store.finish(held, Done(None, (), {"found": 0}, {"p": 1}, JobError("nothing-found", "nobody is in it")))
    with pytest.raises(NothingFoundError, match="nobody is in it"):
        store.result_path(store.get(job.id))


def test_who_was_taken_for_dead_writes_nothing(made: Service) -> None:
    store = made.open(lease_s=30)
    job = store.add(made.job()).job
    run = made_elsewhere(made).begin_run("one")
    old = claimed(store, run)
    assert store.claim(run) is None
    made.pass_time(31)
    new = claimed(store, store.begin_run("two"))
    assert (new.job.id, new.token, new.lost, new.job.attempts) == (job.id, old.token + 1, 1, 2)
    for write in (
        lambda: store.finish(old, Done("1", (), {}, None)),
        lambda: store.fail(old, JobError("x", "y")),
        lambda: store.release(old),
        lambda: store.set_content(old, "c"),
    ):
        with pytest.raises(FencedError):
            write()
    assert store.beat(run, [old], {old.number: JobProgress("scan")}, renew=True) == set()
    assert store.beat(run, [new], {}, renew=True) == {new.number}
    do(store, new)
    assert store.get(job.id).folder == "2"


def test_what_a_dead_process_had_is_free_at_once(made: Service) -> None:
    gone = made.open()
    gone._runs._place = this_but_ended()
    run = gone.begin_run("killed")
    gone.add(made.job())
    assert gone.claim(run) is not None
    store = made.open()
    assert store.claim(store.begin_run("next")) is not None, "though the lease has not run out"


def test_a_cancelled_job_is_so_at_once(made: Service) -> None:
    store = made.open()
    job = store.add(made.job(webhook="https://h/")).job
    run = store.begin_run("test")
    held = claimed(store, run)
    assert store.cancel(job.id).state == "cancelled"
    assert store.beat(run, [held], {}, renew=False) == set()
    with pytest.raises(FencedError):
        do(store, held)
    assert store.clean_ended() == 0, "whoever works on it has not let go"
    assert store.holds_ended(held)
    store.let_go(held)
    assert store.clean_ended() == 1
    assert files(store.folders.job(job.id)) == set()
    assert store.cancel(job.id).state == "cancelled"
    assert [one.event for one in store.claim_deliveries()] == ["cancelled"]


def test_an_ended_job_is_not_cancelled(made: Service) -> None:
    store = made.open()
    job = store.add(made.job()).job
    do(store, claimed(store, store.begin_run("test")))
    assert store.cancel(job.id).state == "done"


def test_a_failure_is_tried_again_after_a_while(made: Service) -> None:
    store = made.open()
    job = store.add(made.job(webhook="https://h/")).job
    run = store.begin_run("test")
    store.fail(claimed(store, run), JobError("timeout", "slow", retryable=True), retry_in=10)
    assert (store.get(job.id).state, store.claim(run)) == ("queued", None)
    made.pass_time(11)
    held = claimed(store, run)
    assert (held.failures, held.lost) == (1, 0)
    store.fail(held, JobError("corrupt", "no frame", "another copy"))
    assert store.get(job.id).error == JobError("corrupt", "no frame", "another copy")
    assert [one.event for one in store.claim_deliveries()] == ["failed"]


def test_what_was_given_back_was_no_attempt(made: Service) -> None:
    store = made.open()
    job = store.add(made.job()).job
    run = store.begin_run("test")
    store.release(claimed(store, run))
    assert (store.get(job.id).state, store.get(job.id).attempts) == ("queued", 0)
    assert claimed(store, run).job.attempts == 1


def test_erasing_leaves_nothing(made: Service) -> None:
    store = made.open()
    job = store.add(made.job(webhook="https://h/")).job
    do(store, claimed(store, store.begin_run("test")))
    store.erase(job.id)
    assert files(made.data) == EMPTY
    for table in ("service_jobs", "service_deliveries"):
        assert made.backend.sql(f"SELECT COUNT(*) FROM {table}") == [(0,)]  # noqa: S608 - a constant
    with pytest.raises(NoJobError):
        store.erase(job.id)


def test_a_job_that_is_worked_on_goes_when_its_worker_let_go(made: Service) -> None:
    store = made.open()
    job = store.add(made.job()).job
    run = store.begin_run("test")
    held = claimed(store, run)
    store.set_content(held, "c0ffee")
    store.erase(job.id)
    with pytest.raises(NoJobError):
        store.get(job.id)
    assert store.counts().running == 0
    assert store.folders.job(job.id).is_dir()
    assert store.beat(run, [held], {}, renew=True) == set()
    store.let_go(held)
    assert files(made.data) == EMPTY


def test_what_a_dead_worker_never_let_go_is_erased_all_the_same(made: Service) -> None:
    store = made.open(lease_s=30)
    job = store.add(made.job()).job
    claimed(store, made_elsewhere(made).begin_run("test"))
    store.erase(job.id)
    assert store.erase_marked() == 0
    made.pass_time(31)
    assert store.erase_marked() == 1
    assert files(made.data) == EMPTY


def test_an_index_goes_with_the_last_job_of_its_owner_that_has_it(made: Service) -> None:
    store = made.open()
    run = store.begin_run("test")
    jobs = {}
    for name, owner in (("one", "ann"), ("two", "ann"), ("three", "bob")):
        jobs[name] = store.add(made.job(owner=owner)).job.id
        do(store, claimed(store, run))
    mine, theirs = store.folders.index("ann", "c0ffee"), store.folders.index("bob", "c0ffee")
    assert mine != theirs
    store.erase(jobs["one"])
    assert mine.is_dir()
    store.erase(jobs["two"])
    assert (mine.exists(), mine.parent.parent.exists(), theirs.is_dir()) == (False, False, True)
    store.erase(jobs["three"])
    assert files(made.data) == EMPTY


def test_a_job_goes_when_its_time_is_over(made: Service) -> None:
    store = made.open(ttl_s=60)
    run = store.begin_run("test")
    ended, waiting = (store.add(made.job()).job.id for _ in range(2))
    do(store, claimed(store, run))
    made.pass_time(59)
    assert store.expire() == 0
    made.pass_time(2)
    assert (store.expire(), store.erase_marked()) == (1, 1)
    assert [job.id for job in store.list().jobs] == [waiting]
    with pytest.raises(NoJobError):
        store.get(ended)
    store.cancel(waiting)
    made.pass_time(61)
    store.expire()
    store.erase_marked()
    assert files(made.data) == EMPTY


def test_what_belongs_to_no_job_goes(made: Service) -> None:
    store = made.open()
    job = store.add(made.job()).job
    do(store, claimed(store, store.begin_run("test")))
    before = files(made.data)
    for stray in (made.data / "jobs" / "a", made.data / "uploads" / "b", store.folders.index("x", "y")):
        stray.mkdir(parents=True)
        os.utime(stray, (1, 1))
    young = made.upload()
    assert store.remove_strays(3600) == 3
    assert files(made.data) == before | {young.relative_to(made.data).as_posix()}
    assert store.get(job.id).state == "done"


def test_sources_may_be_kept(made: Service) -> None:
    store = made.open(keep_sources=True)
    job = store.add(made.job()).job
    do(store, claimed(store, store.begin_run("test")))
    assert store.clean_ended() == 0
    assert store.get(job.id).has_source
    assert (store.folders.job(job.id) / "video").is_file()


def test_a_webhook_is_sent_once_or_tried_again_or_given_up(made: Service) -> None:
    store, other = made.open(), made.open()
    job = store.add(made.job(webhook="https://h/?token=1")).job
    store.cancel(job.id)
    (first,) = store.claim_deliveries(lease_s=30)
    assert (first.event, first.job.id, first.address, first.attempt) == ("cancelled", job.id, "https://h/?token=1", 1)
    assert other.claim_deliveries() == []
    made.pass_time(31)
    (second,) = other.claim_deliveries()
    store.delivered(first)  # too late: it is somebody else's
    other.not_delivered(second, "refused", 5)
    assert other.claim_deliveries() == []
    made.pass_time(6)
    (third,) = store.claim_deliveries()
    assert (third.id, third.attempt) == (first.id, 3)
    store.not_delivered(third, "refused", None)
    made.pass_time(1e6)
    assert store.claim_deliveries() == []


def test_a_webhook_that_was_sent_is_gone(made: Service) -> None:
    store = made.open()
    store.cancel(store.add(made.job(webhook="https://h/")).job.id)
    (only,) = store.claim_deliveries()
    store.delivered(only)
    made.pass_time(1e6)
    assert store.claim_deliveries() == []


def test_use_is_counted_by_owner_and_day(made: Service) -> None:
    store = made.open()
    run = store.begin_run("test")
    for owner in ("ann", "ann", "bob"):
        store.add(made.job(owner=owner))
    for _ in range(2):
        do(store, claimed(store, run))
    store.fail(claimed(store, run), JobError("x", "y"))
    (ann,) = store.usage("ann")
    assert (ann.jobs, ann.finished, ann.video_s + store.usage("bob")[0].video_s) == (2, 2, 4.0)
    assert {(one.owner, one.finished) for one in store.usage()} == {("ann", 2), ("bob", 1)}


def test_events_are_heard_in_another_replica(made: Service) -> None:
    here, there = made.open(), made.open()
    job = here.add(made.job()).job
    heard: list[tuple[str, str]] = []
    begun, told = threading.Event(), threading.Event()

    def hear() -> None:
        for event in there.watch(job.id, timeout_s=30):
            heard.append((event.name, event.job.progress.stage))
            (told if event.job.progress.stage == "scan" else begun).set()

    thread = threading.Thread(target=hear)
    thread.start()
    assert begun.wait(10)
    run = here.begin_run("test")
    held = claimed(here, run)
    here.beat(run, [held], {held.number: JobProgress("scan", 0.5)}, renew=False)
    assert told.wait(10)
    do(here, held)
    thread.join(10)
    assert heard[0] == ("progress", "queued")
    assert ("progress", "scan") in heard
    assert heard[-1] == ("done", "done")


def test_events_go_on_where_a_client_left_off(made: Service) -> None:
    store = made.open()
    job = store.add(made.job()).job

    async def follow(after: int) -> list[tuple[str, int]]:
        return [(event.name, event.id) async for event in store.events(job.id, after=after)]

    async def both() -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
        early, late = asyncio.create_task(follow(0)), asyncio.create_task(follow(job.revision))
        await asyncio.to_thread(store.cancel, job.id)
        return await asyncio.wait_for(early, 10), await asyncio.wait_for(late, 10)

    early, late = asyncio.run(both())
    revision = store.get(job.id).revision
    assert late == [("cancelled", revision)]
    assert early[-1] == ("cancelled", revision)
    assert asyncio.run(follow(revision)) == [("cancelled", revision)], "an end is said to whoever asks"


def test_who_follows_an_erased_job_hears_of_it(made: Service) -> None:
    store = made.open()
    job = store.add(made.job()).job

    async def follow() -> None:
        async for _ in store.events(job.id):
            await asyncio.to_thread(store.erase, job.id)

    with pytest.raises(NoJobError):
        asyncio.run(asyncio.wait_for(follow(), 10))


def test_jobs_of_another_data_folder_are_another_services(made: Service, tmp_path: Path) -> None:
    store = made.open()
    store.add(made.job())
    assert made.backend.url is None or other_service(made, tmp_path).list().jobs == []


def other_service(made: Service, tmp_path: Path) -> JobStore:
    from stills.service.jobs import open_jobs

    store = open_jobs(tmp_path / "other", made.backend.url)
    made._opened.append(store)
    return store


def made_elsewhere(made: Service) -> JobStore:
    """A replica on another machine, of which nothing can be seen from here."""
    store = made.open(lease_s=30)
    store._runs._place = elsewhere()
    return store


def this_but_ended() -> Any:
    """A process of this machine that is not there any more."""
    from dataclasses import replace

    from stills.jobs.store.place import this_place

    return replace(this_place(), pid=2**22 + 1, started="1")


def test_a_job_is_plain_data() -> None:
    job = Job("0" * 32, "", "queued", "people", {}, "x", None, 0.0)
    assert hash(job.id)
    with pytest.raises(AttributeError):
        job.state = "done"  # type: ignore[misc]
