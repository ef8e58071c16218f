"""A library whose workers die or hang, whose database goes away, and whose claims are taken by others."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import stills
from databases import KINDS, Backend, backend
from library_samples import Heard, film, settings
from stills.errors import WorkerError
from stills.jobs.recipes import RECIPES, Work

pytestmark = pytest.mark.slow

RECIPE = "keyframes"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    for number in range(6):
        film(folder / f"film_{number}.mp4", number, frames=150)
    return folder


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with backend(request.param, tmp_path) as found:
        yield found


def family() -> list[psutil.Process]:
    """The fork server, then its workers."""
    servers = [child for child in psutil.Process().children() if child.children()]
    return [*servers, *(worker for server in servers for worker in server.children())]


def once(act: Callable[[], object]) -> Callable[[str], None]:
    """A callback that does ``act`` when the second film begins: then there are workers."""
    started: list[str] = []

    def told(name: str) -> None:
        started.append(name)
        if len(started) == 4:
            act()

    return told


def run(films: Path, out: Path, cache: Path, on_start: Callable[[str], None] | None = None, **options: Any) -> Heard:
    heard = Heard()
    call = {**heard.callbacks, **({} if on_start is None else {"on_start": on_start})}
    given = settings(cache, **{"retry_delay": 0.1, **options})
    heard.result = stills.library(films, out, recipe=RECIPE, settings=given, **call)
    return heard


def test_workers_that_are_killed_cost_nothing(films: Path, tmp_path: Path) -> None:
    def kill() -> None:
        for process in family()[1:]:
            process.kill()

    heard = run(films, tmp_path / "out", tmp_path / "cache", once(kill), retries=3)
    assert heard.result.counts == {"done": 6}


def test_the_process_that_starts_workers_is_killed_and_films_are_tried_again(films: Path, tmp_path: Path) -> None:
    def kill() -> None:
        family()[0].kill()

    heard = run(films, tmp_path / "out", tmp_path / "cache", once(kill), retries=3)
    assert heard.result.counts == {"done": 6}
    assert {outcome.error_class for outcome in heard.outcomes if outcome.status == "again"} <= {"transient"}


def test_a_worker_that_hangs_costs_its_place_only(films: Path, tmp_path: Path) -> None:
    def stop() -> None:
        family()[-1].send_signal(signal.SIGSTOP)

    heard = run(films, tmp_path / "out", tmp_path / "cache", once(stop), frame_timeout=1.5)
    assert sum(heard.result.counts.values()) == 6
    assert heard.result.counts.keys() <= {"done", "partial"}


def test_workers_that_cannot_be_had_end_the_run(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise WorkerError("cannot start worker processes: no more processes", remedy="end some")

    with monkeypatch.context() as patch:
        patch.setattr("stills.jobs.runner.open_runner", none)
        with pytest.raises(WorkerError, match="cannot start"):
            run(films, tmp_path / "out", tmp_path / "cache")
    assert run(films, tmp_path / "out", tmp_path / "cache").result.counts == {"done": 6}


def asking(monkeypatch: pytest.MonkeyPatch, ask: Callable[[Work, Callable[[Work], Any]], Any]) -> None:
    usual = RECIPES[RECIPE]
    changed = dataclasses.replace(usual, ask=lambda work: ask(work, usual.ask))
    monkeypatch.setitem(RECIPES, RECIPE, changed)  # type: ignore[arg-type]


TAKE = "UPDATE videos SET token = token + 1, state = 'pending', ready_tick = 0, run_id = NULL WHERE source LIKE :name"


@pytest.mark.parametrize(
    "by", [TAKE, TAKE.replace("ready_tick = 0", "ready_tick = ready_tick + 3")], ids=["us", "others"]
)
def test_work_on_a_claim_that_was_lost_is_ended_and_nothing_of_it_is_kept(
    by: str, films: Path, database: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[bool] = []
    took = 0.0

    def ask(work: Work, usual: Callable[[Work], Any]) -> Any:
        nonlocal took
        if work.video.endswith("film_3.mp4"):
            tries.append(True)
            if len(tries) == 1:
                database.sql(by, name="%film_3.mp4")
                began = time.monotonic()
                assert work.cancel is not None
                work.cancel.wait(30)
                took = time.monotonic() - began
                work.cancel.check()
        return usual(work)

    asking(monkeypatch, ask)
    options = {"jobs.database": database.url, "jobs.lease": 5}
    heard = run(films, database.out, tmp_path / "cache", **options)
    assert heard.result.counts == {"done": 6}
    assert took < 10
    assert len(tries) == 2
    assert heard.one(films / "film_3.mp4").attempt == 2, "of the first nothing is told"


def test_a_result_that_comes_too_late_is_void(
    films: Path, database: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[bool] = []

    def ask(work: Work, usual: Callable[[Work], Any]) -> Any:
        answer = usual(work)
        if work.video.endswith("film_3.mp4"):
            tries.append(True)
            if len(tries) == 1:
                database.sql(TAKE, name="%film_3.mp4")
        return answer

    asking(monkeypatch, ask)
    heard = run(films, database.out, tmp_path / "cache", **{"jobs.database": database.url})
    assert heard.result.counts == {"done": 6}
    assert len(tries) == 2
    store = database.open(readonly=True)
    (video,) = (video for video in store.videos() if video.source.endswith("film_3.mp4"))
    assert [attempt.ended for attempt in store.attempts(video.id)].count("done") == 1


def test_a_database_that_restarts_is_waited_for(films: Path, tmp_path: Path) -> None:
    with backend("postgresql", tmp_path) as database:
        admin = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stills'"
        heard = run(
            films,
            database.out,
            tmp_path / "cache",
            lambda _: database.sql(admin) and None,
            **{"jobs.database": database.url},
        )
        assert heard.result.counts == {"done": 6}


def test_a_database_that_somebody_locks_is_waited_for(films: Path, tmp_path: Path) -> None:
    import sqlite3

    out, threads = tmp_path / "out", list[threading.Thread]()

    def lock() -> None:
        connection = sqlite3.connect(out / ".stills" / "state.db", isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN IMMEDIATE")

        def release() -> None:
            threading.Event().wait(2.0)
            connection.execute("ROLLBACK")
            connection.close()

        threads.append(threading.Thread(target=release))
        threads[-1].start()

    heard = run(films, out, tmp_path / "cache", once(lock))
    threads[0].join()
    assert heard.result.counts == {"done": 6}


def test_a_run_that_was_taken_for_dead_ends_and_says_so(films: Path, database: Backend, tmp_path: Path) -> None:
    def bury(_: str) -> None:
        database.sql("UPDATE runs SET ended = 'dead'")

    with pytest.raises(stills.StillsError, match="taken for dead"):
        run(films, database.out, tmp_path / "cache", bury, **{"jobs.database": database.url, "jobs.at_once": 1})
    again = run(films, database.out, tmp_path / "cache", **{"jobs.database": database.url, "jobs.lease": 5})
    assert again.result.library.done == 6
