"""Workers on a Ray cluster that are killed, refused, cancelled; and what is left behind, which is nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from ray_clusters import needs_ray
from stills.cancel import CancelToken
from stills.errors import CancelledError, DecoderCrashError, InputError, StillsError, UsageError, WorkerError
from stills.jobs.runner import Runner, Task, open_runner
from stills.settings import Settings, change_settings, load_settings

pytestmark = [pytest.mark.slow, needs_ray]
SANDBOX, RAY = "faults.sandbox_tasks:", "faults.ray_tasks:"
SOON = 60.0
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return change_settings(load_settings(env={}), runner="ray", workers=2)


@pytest.fixture(scope="module")
def runner(settings: Settings) -> Iterator[Runner]:
    runner = open_runner(settings, ("signals",))
    yield runner
    runner.close()


def call(runner: Runner, function: str, *args: object, path: str | None = None) -> Any:
    (result,) = runner.run([Task("key", function, args, path)])
    return result


def numbers(runner: Runner) -> list[int]:
    return sorted(result.unwrap() for result in runner.run(Task(n, SANDBOX + "add", (n, 0)) for n in range(8)))


def test_a_worker_that_is_killed_costs_nothing_but_time(runner: Runner, tmp_path: Path) -> None:
    tasks = [Task("bad", RAY + "kill_actor_once", (str(tmp_path / "marker"),)),
             *(Task(n, SANDBOX + "add", (n, n)) for n in range(8))]  # fmt: skip
    results = {result.key: result.unwrap() for result in runner.run(tasks)}
    assert results == {"bad": "done", **{n: 2 * n for n in range(8)}}


def test_a_task_that_kills_its_worker_each_time_is_to_blame(runner: Runner) -> None:
    tasks = [Task("bad", RAY + "kill_actor", (), "film.mp4"), *(Task(n, SANDBOX + "add", (n, n)) for n in range(8))]
    results = {result.key: result for result in runner.run(tasks)}
    error = results.pop("bad").error
    assert type(error) is DecoderCrashError
    assert (error.path, error.message) == ("film.mp4", "ended its worker's process 3 times")
    assert all(result.ok for result in results.values())
    assert numbers(runner) == list(range(8)), "and the runner serves on"


def test_a_crash_costs_the_process_in_the_sandbox_not_the_actor(settings: Settings) -> None:
    with open_runner(change_settings(settings, workers=1), ("signals",)) as alone:
        actor, process = call(alone, RAY + "whose").unwrap()
        assert call(alone, RAY + "whose").unwrap() == (actor, process), "it stays, with the models that it loaded"
        assert type(call(alone, SANDBOX + "segfault").error) is DecoderCrashError
        after, other = call(alone, RAY + "whose").unwrap()
    assert after == actor
    assert other != process


def test_large_results_come_whole_and_can_be_written(runner: Runner) -> None:
    value = call(runner, SANDBOX + "ramp", 5 << 20).unwrap()
    assert np.array_equal(value["array"], np.arange(5 << 20, dtype=np.uint8))
    value["array"][0] = 7


def test_workers_are_where_we_are(runner: Runner) -> None:
    assert call(runner, RAY + "folder").unwrap() == os.getcwd()
    assert call(runner, RAY + "environment", "OMP_NUM_THREADS").unwrap() == os.environ.get("OMP_NUM_THREADS")


def test_a_file_that_the_node_cannot_see(runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "film.mp4").touch()
    monkeypatch.chdir(tmp_path)  # the workers stay where they are
    result = call(runner, SANDBOX + "add", 1, 1, path="film.mp4")
    assert type(result.error) is InputError
    assert str(result.error).startswith("film.mp4: this file cannot be seen on node ")


def test_arguments_and_results_that_do_not_pickle(runner: Runner) -> None:
    lock = threading.Lock()
    assert "do not pickle" in str(call(runner, SANDBOX + "add", lock, 1).error)
    assert type(call(runner, SANDBOX + "unpicklable").error) is WorkerError
    assert numbers(runner) == list(range(8))


def test_one_that_is_cancelled_gives_its_workers_back(runner: Runner) -> None:
    before = {call(runner, RAY + "whose").unwrap()[0] for _ in range(8)}
    token = CancelToken()
    endless = [Task(n, SANDBOX + "wait_forever") for n in range(2)]
    with pytest.raises(CancelledError):
        list(runner.run(endless, on_progress=lambda *_: token.cancel(), cancel=token))
    assert numbers(runner) == list(range(8))
    after = {result.unwrap()[0] for result in runner.run(Task(n, RAY + "whose") for n in range(8))}
    assert before & after, "the actors are those that were there"


def test_a_second_cluster_is_refused(runner: Runner, settings: Settings) -> None:
    with pytest.raises(UsageError, match="one only"):
        open_runner(change_settings(settings, ray_address="127.0.0.1:6379"), ("signals",))


def test_other_versions_on_a_node_are_one_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import stills.jobs.runner.ray_engine as engine

    here = engine.versions()
    monkeypatch.setattr(engine, "versions", lambda: {**here, "stills": "9.9"})
    with open_runner(settings, ("signals",)) as other, pytest.raises(WorkerError) as caught:
        numbers(other)
    assert f"has stills {here['stills']} instead of 9.9" in str(caught.value)
    assert "same versions on every node" in str(caught.value)


def test_workers_that_cannot_be_started_end_the_run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stills.jobs.runner.ray.PRELOAD", ("no_such_module",))
    with open_runner(settings, ("signals",)) as other, pytest.raises(StillsError, match="no_such_module"):
        numbers(other)


SCRIPT = f"""
import os, sys
from stills.jobs.runner import Task, open_runner
from stills.settings import change_settings, load_settings
settings = change_settings(load_settings(env={{}}), runner="ray", workers=2)
with open_runner(settings, ("signals",)) as runner:
    print([r.unwrap() for r in runner.run([Task(0, "{SANDBOX}add", (1, 1))])], flush=True)
    if len(sys.argv) > 1:
        def told(key, value):
            print("waiting", flush=True)
        for result in runner.run([Task(n, "{SANDBOX}wait_forever") for n in range(2)], on_progress=told):
            print(result)
"""


def started(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
    )  # fmt: skip


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name is short enough for sockets in it."""
    with tempfile.TemporaryDirectory(prefix="rt-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def test_it_is_quiet_and_leaves_nothing(short: Path) -> None:
    with started(short) as process:
        printed, said = process.communicate(timeout=SOON)
    assert (printed, said, process.returncode) == ("[2]\n", "", 0)
    assert [path.name for path in short.iterdir()] == ["script.py"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_everything_ends_with_the_process_that_asked(short: Path, number: signal.Signals) -> None:
    with started(short, "wait") as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["[2]\n", "waiting\n"]
        below = psutil.Process(process.pid).children(recursive=True)
        assert len(below) > 6, "Ray's own processes, actors, servers, workers"
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        process.communicate(timeout=SOON)
    assert process.returncode != 0
    _, alive = psutil.wait_procs(below, timeout=SOON)
    assert not alive
    assert [path.name for path in short.iterdir()] == ["script.py"], "the guard, which is among them, removed the rest"
