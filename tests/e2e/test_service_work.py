"""Jobs of the service done for real: workers, films, files; on SQLite, and where two replicas share it, PostgreSQL."""

from __future__ import annotations

import functools
import io
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from databases import KINDS
from films import empty_film, face_film
from library_samples import film
from media_factory import Movie, make, moving_picture
from service_samples import EMPTY, Service, files, quick_settings, service
from stills.cancel import CancelToken
from stills.errors import DownloadError, NothingFoundError, SettingsError, UsageError
from stills.render.documents import schema_of
from stills.service.jobs import (
    Answers,
    Job,
    JobRunner,
    JobStore,
    NewJob,
    NoJobError,
    NoPictureError,
    NotReadyError,
)
from stills.service.jobs.crew import Crew
from timing import in_time

pytestmark = pytest.mark.slow
LONG = 90.0


def rolled(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """A picture that moves, quickly made."""
    return np.roll(_still(width, height), 2 * index, axis=1)


@functools.cache
def _still(width: int, height: int) -> NDArray[np.uint8]:
    return moving_picture(7, width, height)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {
        "faces": face_film(folder / "faces.mp4", seconds=4),
        "empty": empty_film(folder / "empty.mp4", frames=60),
        "long": make(folder / "long.mp4", Movie(width=256, height=144, frames=2000, gop=50, picture=rolled)),
    }


class Lasting(Crew):
    """Workers that outlive the replicas that have them: to start some takes longer than most of what they do here."""

    def close(self) -> None:
        """Stay."""

    def end(self) -> None:
        super().close()


@pytest.fixture(scope="module")
def workers() -> Iterator[Lasting]:
    crew = Lasting(quick_settings())
    yield crew
    crew.end()


@pytest.fixture(autouse=True)
def one_crew(workers: Lasting, monkeypatch: pytest.MonkeyPatch) -> None:
    """All replicas of this module have the same workers."""
    monkeypatch.setattr("stills.service.jobs.runner.Crew", lambda _: workers)


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    with service(request.param, tmp_path) as one:
        yield one


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Service]:
    with service("sqlite", tmp_path) as one:
        yield one


class Replica:
    """A store with somebody who works."""

    def __init__(self, made: Service, *, fetch: Any = None, options: dict[str, Any] | None = None, **limits: Any):
        self.settings = quick_settings(**(options or {}))
        self.store = made.open(self.settings, **limits)
        self.runner = JobRunner(self.store, self.settings, fetch=fetch)
        self.answers = Answers(self.store, self.settings, self.runner)

    def __enter__(self) -> Replica:
        self.runner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.stop()

    def ended(self, job: Job | str) -> Job:
        name = job if isinstance(job, str) else job.id
        *_, last = self.store.watch(name, timeout_s=LONG)
        assert last.job.ended, last
        return last.job

    def tidied(self, job: Job | str) -> Job:
        """Once nobody holds it any more: what is not needed is gone then."""
        name = self.ended(job).id
        return until(lambda: found if not (found := self.store.get(name)).has_source else None)


def until(look: Callable[[], Any], seconds: float = LONG) -> Any:
    """What ``look`` finds, as soon as it finds something."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came"
        pause.wait(0.02)
    return found


def size(picture: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture)) as opened:
        return opened.size


def test_a_film_becomes_a_result_that_can_be_asked(made: Service, films: dict[str, Path]) -> None:
    with Replica(made) as here:
        job = here.store.add(made.job(films["faces"], name="../../etc/passwd", options={"per_person": 2})).job
        seen = [(event.id, event.job.progress.stage) for event in here.store.watch(job.id, timeout_s=LONG)]
        assert seen == sorted(seen, key=lambda one: one[0])
        assert len(seen) > 2
        assert seen[-1][1] == "done"
        job = here.tidied(job)
        assert (job.state, job.error, job.attempts, job.summary["found"]) == ("done", None, 1, 1)
        assert job.summary["duration"] == pytest.approx(4, abs=0.1)

        document = here.answers.result(job)
        jsonschema.validate(document, schema_of("people"))
        assert document["video"]["path"] == "../../etc/passwd"
        assert sorted(document["files"]) == sorted(one.file for one in job.artifacts if one.kind == "picture")
        for one in job.artifacts[1:]:
            assert size(here.store.artifact_path(job, one).read_bytes()) == (640, 360)
        assert str(made.data) not in json.dumps(document)

        assert not (here.store.folders.job(job.id) / "video").exists()
        for recipe in ("people", "keyframes", "thumbnails", "portrait", "cast"):
            answer = here.answers.select(job, recipe)
            jsonschema.validate(answer.document, schema_of(recipe))
            for pts in answer.pts:
                picture = here.answers.frame(job, pts)
                assert not picture.rough, (recipe, pts)
                assert size(picture.data) == (640, 360)
        assert len(here.answers.select(job, "keyframes", {"target": 3}).document["frames"]) == 3
        assert here.answers.timeline(job)["step"] > 0
        here.store.erase(job.id)
        assert files(made.data) == EMPTY


def test_a_selection_starts_no_decoder_and_is_quick(alone: Service, films: dict[str, Path]) -> None:
    with Replica(alone) as here:
        job = here.tidied(here.store.add(alone.job(films["faces"])).job)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    answers = Answers(here.store, here.settings)
    took = []
    for number in range(40):
        options = {"target": 1 + number % 8} if number % 2 else {"similarity": 0.5 + number / 100}
        start = time.thread_time()  # what others do on this machine does not count
        answers.select(job, "keyframes", options)
        took.append(time.thread_time() - start)
    assert statistics.quantiles(took, n=20)[-1] < 0.15
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    again = answers.select(job, "people", {"min_face": "3%"})
    assert answers.select(job, "people", {"min_face": "3%"}) is again


def test_what_cannot_be_asked_is_said(alone: Service, films: dict[str, Path]) -> None:
    with Replica(alone) as here:
        job = here.tidied(here.store.add(alone.job(films["faces"])).job)
        every = here.tidied(here.store.add(alone.job(films["empty"], recipe="keyframes", options={"every": "1s"})).job)
        waiting = here.store.add(alone.job(films["faces"])).job
        assert every.summary["found"] == 3
        with pytest.raises(UsageError, match="has no age"):
            here.answers.select(job, "cast", {"attributes": "age"})
        with pytest.raises(SettingsError):
            here.answers.select(job, "people", {"per_person": 0})
        with pytest.raises(SettingsError):
            here.answers.select(job, "people", {"models_dir": "/tmp"})
        with pytest.raises(UsageError):
            here.answers.select(job, "keyframes", {"all": True})
        for one in (waiting, every):
            with pytest.raises(NotReadyError):
                here.answers.select(one, "people")
        for pts in (-5, 10**12):
            with pytest.raises(NoPictureError):
                here.answers.frame(job, pts)


def test_pictures_are_as_wide_as_asked_and_no_frame_is_without_one(alone: Service, films: dict[str, Path]) -> None:
    with Replica(alone) as here:
        job = here.tidied(here.store.add(alone.job(films["faces"])).job)
        chosen = set(here.answers.select(job, "people").pts)
        every = here.answers.select(job, "keyframes", {"similarity": 1.0}).pts
        assert set(every) - chosen
        grid = [("keyframes", {"target": n}) for n in (1, 7, 40, 200)] + [("thumbnails", {"count": n}) for n in (1, 30)]
        grid += [("keyframes", {"similarity": s}) for s in (0.3, 0.8, 0.99)] + [("people", {"per_person": 20})]
        shown = set(every).union(*(here.answers.select(job, recipe, asked).pts for recipe, asked in grid))
        assert shown > set(every) - {0}
        for pts in sorted(shown):
            picture = here.answers.frame(job, pts, 200)
            assert size(picture.data) == (320, 180)
            assert not picture.rough, pts
        assert here.answers.frame(job, every[0], 200) == here.answers.frame(job, every[0], 320)


def saved(
    here: Replica, job: Job, recipe: str, options: dict[str, Any]
) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """The JSON and the sizes of the pictures of a selection that is saved; all of it where the job says it is."""
    before = here.store.get(job.id).artifacts
    artifacts = here.answers.save(job, recipe, options)
    now = here.store.get(job.id)
    assert now.artifacts == (*before, *artifacts)
    assert len({one.name for one in now.artifacts}) == len({one.file for one in now.artifacts}) == len(now.artifacts)
    document = json.loads(here.store.artifact_path(now, artifacts[0]).read_text(encoding="utf-8"))
    jsonschema.validate(document, schema_of(recipe))
    home = artifacts[0].file.rpartition("/")[0]
    assert sorted(document["files"]) == sorted(one.file.removeprefix(f"{home}/") for one in artifacts[1:])
    return document, [size(here.store.artifact_path(now, one).read_bytes()) for one in artifacts[1:]]


def test_selections_are_saved_as_they_were_kept_where_the_video_is_gone(alone: Service, films: dict[str, Path]) -> None:
    with Replica(alone) as here:
        job = here.tidied(here.store.add(alone.job(films["faces"])).job)
        for _ in range(2):  # names are not taken twice
            document, sizes = saved(here, job, "keyframes", {"similarity": 1.0, "fit": "64x36"})
            assert len(sizes) == len(document["frames"]) > 5
            assert set(sizes) <= {(640, 360), (480, 270)}
            assert {one["code"] for one in document["fallbacks"]} >= {"small-pictures"}
            (here.store.folders.job(job.id) / "video").write_bytes(b"about to go")  # what is not kept is not looked at
        document, sizes = saved(here, job, "people", {"per_person": 2})
        assert [one["file"] for one in document["people"][0]["stills"]] == document["files"]
        assert document["people"][0]["still"]["file"] == document["files"][0]
        assert here.store.result_path(here.store.get(job.id)).name == "people.json"
        here.store.erase(job.id)
        with pytest.raises(NoJobError):
            here.answers.save(job, "keyframes", {})
        assert files(alone.data) == EMPTY


def test_kept_videos_give_any_frame_as_it_is(alone: Service, films: dict[str, Path]) -> None:
    with Replica(alone, keep_sources=True) as here:
        job = here.ended(here.store.add(alone.job(films["faces"])).job)
        for pts in here.answers.select(job, "keyframes", {"similarity": 1.0}).pts[:5]:
            assert not here.answers.frame(job, pts).rough
        document, sizes = saved(here, job, "keyframes", {"target": 3, "fit": "64x36"})
        assert sizes == [(64, 36)] * len(document["frames"])
        assert not {one["code"] for one in document["fallbacks"]} & {"small-pictures"}
        assert (here.store.folders.job(job.id) / "video").is_file()
        here.store.erase(job.id)
        assert until(lambda: files(alone.data) == EMPTY)


def test_work_on_a_cancelled_job_stops_within_two_seconds(alone: Service, films: dict[str, Path]) -> None:
    with Replica(alone) as here, Replica(alone, at_once=1) as other:
        jobs = [here.store.add(alone.job(films["long"], owner=str(number))).job for number in range(3)]
        scanning = until(lambda: [one for one in map(here.store.get, (job.id for job in jobs)) if scans(one)])
        start = time.monotonic()
        for job, store in zip(jobs, (here.store, other.store, other.store), strict=True):
            assert store.cancel(job.id).state == "cancelled"
        until(lambda: here.runner.busy + other.runner.busy == 0)
        assert in_time(start, 2.0)
        assert scanning
        for job in jobs:
            here.store.erase(job.id)
        until(lambda: files(alone.data) == EMPTY)
        job = here.ended(here.store.add(alone.job(films["faces"])).job)
        assert job.state == "done", "workers go on for others"


def scans(job: Job) -> bool:
    return job.state == "running" and job.progress.stage == "scan" and job.progress.position > 0


def test_a_job_that_is_erased_while_it_is_worked_on_leaves_nothing(alone: Service, films: dict[str, Path]) -> None:
    with Replica(alone) as here:
        job = here.store.add(alone.job(films["long"])).job
        until(lambda: scans(here.store.get(job.id)))
        start = time.monotonic()
        here.store.erase(job.id)
        with pytest.raises(NoJobError):
            here.store.get(job.id)
        until(lambda: files(alone.data) == EMPTY)
        assert in_time(start, 2.0)


def test_two_replicas_share_the_work_and_do_nothing_twice(made: Service, tmp_path: Path) -> None:
    with ExitStack() as stack:
        replicas = [stack.enter_context(Replica(made)) for _ in range(2)]
        jobs = []
        for number in range(6):
            path = film(tmp_path / f"{number}.mp4", number)
            new = made.job(path, recipe="keyframes", name=f"{number}.mp4", webhook="https://h/", owner=str(number % 3))
            jobs.append(replicas[number % 2].store.add(new).job)
        ended = [replicas[number % 2].ended(job) for number, job in enumerate(jobs)]
        assert [(job.state, job.error) for job in ended] == [("done", None)] * 6
        assert {job.attempts for job in ended} == {1}
        for job in ended:
            document = replicas[0].answers.result(replicas[0].store.get(job.id))
            assert document["video"]["path"] == job.name
    assert [row[0] for row in made.backend.sql("SELECT COUNT(*) FROM service_deliveries GROUP BY job_number")] == [
        1
    ] * 6
    runs = made.backend.sql("SELECT COUNT(DISTINCT id) FROM runs")
    assert runs == [(2,)]
    assert sum(usage.finished for usage in replicas[0].store.usage()) == 6


def test_a_stopped_service_goes_on_where_it_was(alone: Service, films: dict[str, Path]) -> None:
    first = Replica(alone)
    with first:
        job = first.store.add(alone.job(films["long"])).job
        until(lambda: any("/segments/" in name for name in files(alone.data)))
        start = time.monotonic()
    assert time.monotonic() - start < 10
    assert (first.store.get(job.id).state, first.store.get(job.id).attempts) == ("queued", 0)
    kept = [name for name in files(alone.data) if "/segments/" in name]
    assert kept, "finished segments stay"
    with Replica(alone) as second:
        assert second.ended(job.id).state == "done"


def test_a_job_goes_with_everything_when_its_time_is_over(alone: Service, films: dict[str, Path]) -> None:
    with Replica(alone, ttl_s=3600) as here:
        job = here.tidied(here.store.add(alone.job(films["faces"])).job)
        assert len(files(alone.data)) > 10
        alone.pass_time(3601)
        until(lambda: files(alone.data) == EMPTY)
        with pytest.raises(NoJobError):
            here.store.get(job.id)


def test_posters_are_matched_named_and_erased(alone: Service, films: dict[str, Path], tmp_path: Path) -> None:
    with Replica(alone) as here:
        job = here.tidied(here.store.add(alone.job(films["faces"])).job)
        face = tmp_path / "face.jpg"
        face.write_bytes(here.answers.frame(job, here.answers.select(job, "people").pts[0]).data)
        new = alone.job(
            films["faces"],
            recipe="cast",
            posters=[alone.upload(face), alone.upload(b"no picture at all")],
            poster_names=["../../Poster of it.jpg", "torn.png"],
        )
        cast = here.store.add(new).job
        assert cast.posters == ("../../Poster of it.jpg", "torn.png")
        cast = here.tidied(cast)
        document = here.answers.result(cast)
        jsonschema.validate(document, schema_of("cast"))
        shown, torn = document["posters"]
        assert (shown["path"], torn["path"]) == cast.posters
        assert [one["person"] for one in shown["faces"]] == [document["people"][0]["id"]]
        assert torn["error"]
        assert str(alone.data) not in json.dumps(document)
        assert [one.name for one in cast.artifacts if "poster" in one.name] == ["poster_1.jpg"]
        assert not (here.store.folders.job(cast.id) / "posters").exists()
        for one in (job, cast):
            here.store.erase(one.id)
        assert files(alone.data) == EMPTY


def test_one_owners_second_upload_is_answered_from_the_index_anothers_is_not(
    alone: Service, films: dict[str, Path]
) -> None:
    with Replica(alone, at_once=1) as here:
        owners = ("ann", "ann", "bob")
        jobs = [here.tidied(here.store.add(alone.job(films["faces"], owner=o)).job) for o in owners]
        cached = [here.answers.result(job)["scan"]["cached"] for job in jobs]
        assert cached == [False, True, False]
        here.store.erase(jobs[0].id)
        assert here.answers.select(jobs[1], "people").pts


def test_broken_films_fail_for_good_and_say_why_without_paths(alone: Service, films: dict[str, Path]) -> None:
    whole = films["faces"].read_bytes()
    with Replica(alone) as here:
        added = {
            "not-a-video": here.store.add(alone.job(b"#EXTM3U\nfile:///etc/passwd\n")).job,
            "corrupt": here.store.add(alone.job(whole[: len(whole) // 50])).job,
        }
        for code, one in added.items():
            job = here.ended(one)
            assert (job.state, job.attempts) == ("failed", 1)
            assert job.error is not None
            assert job.error.code == code
            assert str(alone.data) not in repr(job)
            with pytest.raises(NotReadyError):
                here.store.result_path(job)
            here.store.erase(job.id)
        until(lambda: files(alone.data) == EMPTY)


def test_nobody_in_the_film_is_a_result_too(alone: Service, films: dict[str, Path]) -> None:
    with Replica(alone) as here:
        people = here.ended(here.store.add(alone.job(films["empty"])).job)
        assert (people.state, people.summary["found"]) == ("done", 0)
        assert here.answers.result(people)["people"] == []
        new = alone.job(films["empty"], recipe="portrait", options={"if_none": "skip"})
        portrait = here.ended(here.store.add(new).job)
        assert portrait.state == "done"
        assert portrait.summary["found"] == 0


def test_a_result_may_not_have_too_many_pictures(alone: Service, films: dict[str, Path]) -> None:
    with Replica(alone, pictures=10) as here:
        job = here.ended(here.store.add(alone.job(films["empty"], recipe="keyframes", options={"all": True})).job)
        assert job.error is not None
        assert (job.state, job.error.code) == ("failed", "usage")
        assert "60 pictures" in job.error.message


def test_an_address_is_fetched_by_whom_the_service_trusts(alone: Service, films: dict[str, Path]) -> None:
    asked = []

    def fetch(address: str, target: Path, cancel: CancelToken, on_bytes: Callable[[int, int | None], None]) -> None:
        asked.append(address)
        if "gone" in address:
            raise DownloadError("the server says 404", path=address, remedy="check it")
        target.write_bytes(films["faces"].read_bytes())
        on_bytes(10, 20)

    with Replica(alone, fetch=fetch) as here:
        good = NewJob("people", address="https://host/film.mp4?sig=secret", name="film.mp4")
        job = here.tidied(here.store.add(good).job)
        assert (job.state, job.source) == ("done", "https://host/film.mp4?…")
        assert asked == ["https://host/film.mp4?sig=secret"]
        bad = here.ended(here.store.add(NewJob("people", address="https://host/gone?sig=secret")).job)
        assert bad.error is not None
        assert (bad.error.code, bad.error.remedy) == ("download", "check it")
        assert "secret" not in repr(bad) + json.dumps(here.answers.result(job))


def test_a_job_that_costs_the_service_too_often_is_given_up(alone: Service, films: dict[str, Path]) -> None:
    store = alone.open()
    job = store.add(alone.job(films["faces"])).job
    alone.backend.sql("UPDATE service_jobs SET lost = 4, state = 'running'")
    with Replica(alone) as here:
        ended = here.ended(job)
        assert ended.error is not None
        assert (ended.state, ended.error.code) == ("failed", "crashes")


def test_a_service_without_workers_says_so_and_keeps_its_jobs(
    alone: Service, films: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from stills.errors import WorkerError
    from stills.service.jobs import crew

    def none(*_: Any) -> Any:
        raise WorkerError("no process can be started")

    real = crew.open_runner
    monkeypatch.setattr("stills.service.jobs.runner.Crew", Crew)
    monkeypatch.setattr(crew, "open_runner", none)
    with Replica(alone) as here:
        job = here.store.add(alone.job(films["faces"])).job
        until(lambda: here.runner.problem and "no process" in here.runner.problem)
        until(lambda: here.store.get(job.id).state == "queued")
        monkeypatch.setattr(crew, "open_runner", real)
        alone.pass_time(10)
        assert here.ended(job).state == "done"
        assert here.runner.problem is None


def test_recipes_that_find_nothing_have_no_file(alone: Service) -> None:
    store: JobStore = alone.open()
    run = store.begin_run("test")
    store.add(alone.job())
    held = store.claim(run)
    assert held is not None
    from stills.service.jobs.work import Done

    store.finish(held, Done(None, (), {"found": 0}, None))
    with pytest.raises(NothingFoundError):
        store.result_path(store.get(held.job.id))
