"""Many processes at one store, and what becomes of it when they are killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from databases import KINDS, Backend, backend
from faults.store_tasks import rows

TASKS = Path(__file__).with_name("store_tasks.py")

pytestmark = pytest.mark.slow


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with backend(request.param, tmp_path) as made:
        made.out.mkdir()
        yield made


@contextmanager
def workers(database: Backend, task: str, number: int, videos: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that wait at the start; all gone afterwards."""
    command = [sys.executable, str(TASKS), task, str(database.out), database.url or "", str(videos)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    started = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(number)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def go(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    assert line, f"the process ended early: {process.stderr.read()}"
    said: dict[str, Any] = json.loads(line)
    return said


def test_many_claimers_of_a_new_store_share_the_work_and_never_a_video(database: Backend) -> None:
    with workers(database, "drain", 4, 60) as processes:
        go(processes)  # all of them make the database, at once
        done = []
        for process in processes:
            while "end" not in (said := heard(process)):
                done.append((said["video"], said["token"]))
            assert process.wait() == 0
    assert len(done) == 60
    assert {token for _, token in done} == {1}
    store = database.open()
    assert {result.video for result in store.results()} == {video for video, _ in done}
    assert {attempt.ended for video, _ in done for attempt in store.attempts(video)} == {"done"}


def test_of_many_that_begin_at_once_one_does_and_the_others_name_it(database: Backend) -> None:
    with workers(database, "begin", 4, 0) as processes:
        go(processes)
        said = [heard(process) for process in processes]
        (first,) = [process for process, what in zip(processes, said, strict=True) if "run" in what]
        others = [what["busy"] for what in said if "busy" in what]
        assert len(others) == 3
        assert all(f"(process {first.pid} on " in text for text in others)


def test_what_a_killed_process_held_comes_back_at_once_with_higher_tokens(database: Backend) -> None:
    with workers(database, "hold", 1, 3) as (process,):
        go([process])
        held = heard(process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        store = database.open()
        assert store.active_run() is None
        run = store.begin_run("after")
        assert [d.what for d in store.add_videos(run, rows(3))] == ["resume"] * 3
        claims = store.claim(run, limit=9)
        assert {str(c.video): c.token for c in claims} == {video: token + 1 for video, token in held["tokens"].items()}
        assert [c.failures for c in claims] == [0, 0, 0]
        assert [s.times for s in store.segments(claims[0].video)] == [1]
        assert [a.ended for a in store.attempts(claims[0].video)] == ["lost", "running"]


def test_a_process_that_comes_back_after_its_lease_is_fenced_off(database: Backend) -> None:
    with workers(database, "hold", 1, 2) as (process,):
        go([process])
        run_id = heard(process)["run"]
        store = database.open()
        database.pass_time(61)
        run = store.active_run()  # it lives, but its leases have run out
        assert run is not None
        assert run.id == run_id
        (taken,) = store.claim(run)
        store.finish(taken, "done", {"by": "another"})
        go([process])
        said = [heard(process), heard(process)]
        assert {"fenced": taken.video} in said
        assert [what for what in said if "finished" in what]
        assert {r.result.get("by") for r in store.results()} == {"another", None}


def test_kills_at_random_moments_lose_nothing_that_was_finished_and_finish_nothing_twice(database: Backend) -> None:
    videos, seen = 90, []
    moments = random.Random(5)
    for _ in range(3):
        with workers(database, "drain", 2, videos) as processes:
            go(processes)
            for _ in range(moments.randint(1, 6)):
                if "end" in (said := heard(processes[0])):  # the other one was faster
                    break
                seen.append(said)
            for process in processes:
                process.kill()
    with workers(database, "drain", 2, videos) as processes:
        go(processes)
        for process in processes:
            while "end" not in (said := heard(process)):
                seen.append(said)
    store = database.open()
    results = {result.video: result.result["token"] for result in store.results()}
    assert len(results) == videos
    assert {said["video"]: said["token"] for said in seen}.items() <= results.items()
    for video, token in results.items():
        ends = [attempt.ended for attempt in store.attempts(video)]
        assert ends == ["lost"] * (token - 1) + ["done"]
