"""Nodes of a Ray cluster that go away in the middle, and clusters that are too small, or not there any more."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import stills
from databases import KINDS, Backend, backend
from library_samples import QUICK, film, settings, start, written
from ray_clusters import Nodes, needs_ray, nodes
from stills.errors import WorkerError, WorkersLostError
from stills.jobs.runner import Task, open_runner
from stills.media.sandbox_tasks import Limits
from stills.settings import Settings, change_settings

pytestmark = [pytest.mark.slow, needs_ray]
FILMS = 12
RECIPE = "keyframes"
SOON = 60.0
SANDBOX, RAY = "faults.sandbox_tasks:", "faults.ray_tasks:"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short films, every one of three segments."""
    folder = tmp_path_factory.mktemp("films")
    for number in range(FILMS):
        film(folder / f"film_{number:02}.mp4", number, frames=150)
    return folder


@pytest.fixture(scope="module")
def whole(films: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one worker of this machine makes of them: results, and the tables of the index, byte for byte."""
    folder = tmp_path_factory.mktemp("whole")
    given = settings(folder / "cache", workers=1)
    result = stills.library(str(films), folder / "out", recipe=RECIPE, settings=given)
    assert result.counts == {"done": FILMS}
    return {"results": written(folder / "out", RECIPE), "tables": tables(folder / "cache")}


@pytest.fixture
def cluster() -> Iterator[Nodes]:
    with nodes(2) as cluster:
        yield cluster


def tables(cache: Path) -> dict[str, str]:
    """Hashes of the tables of all indexes in ``cache``."""
    return {
        path.relative_to(cache).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(cache.glob("index/*/*/*.parquet"))
    }


def on(cluster: Nodes, given: Settings, **options: Any) -> Settings:
    return change_settings(given, runner="ray", ray_address=cluster.address, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_node_is_lost_and_the_results_are_what_they_are(
    films: Path, whole: dict[str, Any], cluster: Nodes, tmp_path: Path, kind: str
) -> None:
    """In the middle of the work; and nothing that was finished is done again."""
    diary = tmp_path / "diary"
    with backend(kind, tmp_path) as database:
        options = {**QUICK, "cache_dir": tmp_path / "cache", "jobs.database": database.url, "jobs.runner": "ray",
                   "jobs.ray_address": cluster.address}  # fmt: skip
        child = start(films, database.out, options, recipe=RECIPE, diary=diary)
        for _ in range(FILMS // 3):
            child.lines("done")
        cluster.kill(cluster.nodes[0])
        said = child.end()
        assert said["counts"] == {"done": FILMS}
        assert written(database.out, RECIPE) == whole["results"]
        assert tables(tmp_path / "cache") == whole["tables"]
        assert max(Counter(diary.read_text().splitlines()).values()) == 1, "a finished segment was done again"
        assert_books_are_right(database)


def assert_books_are_right(database: Backend) -> None:
    store = database.open(readonly=True)
    videos = list(store.videos())
    assert {video.state for video in videos} == {"done"}
    assert [len(store.attempts(video.id)) for video in videos] == [1] * FILMS, "the loss was no failure of any video"
    assert {segment.times for video in videos for segment in store.segments(video.id)} == {1}


def test_without_a_shared_cache_the_tables_are_the_same(
    films: Path, whole: dict[str, Any], cluster: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import stills.jobs.runner.ray_engine as engine
    from stills.jobs.runner.ray_places import Places, places_of

    def elsewhere(task: Task) -> Places:
        places = places_of(task)
        return Places(places.video, None if places.spill is None else (places.spill[0], 1), places.target)

    monkeypatch.setattr(engine, "places_of", elsewhere)
    given = on(cluster, settings(tmp_path / "cache"))
    result = stills.library(str(films), tmp_path / "out", recipe=RECIPE, settings=given)
    assert result.counts == {"done": FILMS}
    assert tables(tmp_path / "cache") == whole["tables"]
    assert written(tmp_path / "out", RECIPE) == whole["results"]
    assert not list((tmp_path / "cache").rglob("spill/*.raw"))


def test_a_new_node_takes_over_where_all_were_lost(cluster: Nodes, tmp_path: Path) -> None:
    with open_runner(on(cluster, settings(tmp_path), workers=2), ("signals",)) as runner:
        began = threading.Event()
        found: list[int] = []

        def work() -> None:
            tasks = [Task(n, SANDBOX + "count_up", (2_000_000,)) for n in range(4)]
            found.extend(r.unwrap() for r in runner.run(tasks, on_progress=lambda *_: began.set()))

        thread = threading.Thread(target=work)
        thread.start()
        assert began.wait(SOON)
        for node in cluster.nodes:
            cluster.kill(node)
        cluster.add()
        thread.join(SOON)
        assert not thread.is_alive()
        assert found == [2_000_000] * 4


def test_a_cluster_that_goes_away_is_one_line_soon(
    cluster: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stills.jobs.runner.ray_engine._LOOK_S", 0.5)
    monkeypatch.setattr("stills.jobs.runner.ray_engine._SILENT", 3)
    runner = open_runner(on(cluster, settings(tmp_path), workers=2), ("signals",))
    try:
        began = threading.Event()
        ended: list[BaseException] = []

        def work() -> None:
            try:
                list(runner.run([Task(0, SANDBOX + "wait_forever")], on_progress=lambda *_: began.set()))
            except WorkerError as error:
                ended.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert began.wait(SOON)
        cluster.kill(cluster.cluster.head_node)
        thread.join(SOON)
        assert [type(error) for error in ended] == [WorkersLostError]
        assert f"the Ray cluster at {cluster.address} does not answer any more" in str(ended[0])
        with pytest.raises(WorkersLostError):
            list(runner.run([Task(1, SANDBOX + "add", (1, 1))]))
    finally:
        runner.close()


def test_a_cluster_without_room_says_what_is_missing(
    cluster: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stills.jobs.runner.ray.pool_limits", lambda *_: Limits(start_s=2.0))
    given = on(cluster, settings(tmp_path), workers=1, threads=3)
    with open_runner(given, ("signals",)) as runner, pytest.raises(WorkerError) as caught:
        list(runner.run([Task(0, SANDBOX + "add", (1, 1))]))
    assert "no worker found a place on the Ray cluster within 2 s: each takes cpus 3" in str(caught.value)
    assert "CPU 2 of 2" in str(caught.value)


def test_as_many_workers_as_the_cluster_has_processors(cluster: Nodes, tmp_path: Path) -> None:
    given = on(cluster, stills.load_settings(env={}, options={"cache_dir": tmp_path}))
    with open_runner(given, ("signals",)) as runner:
        assert runner.workers == 2
        tasks = [Task(n, RAY + "whose") for n in range(8)]
        actors = {result.unwrap()[0] for result in runner.run(tasks)}
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in actors if psutil.pid_exists(pid)], timeout=SOON)
    assert not alive, "a cluster that was there before stays, our actors do not"
