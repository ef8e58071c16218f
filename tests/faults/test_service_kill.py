"""A replica that is killed at any moment: the next one ends all jobs, and what was done is not done again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from command import environment
from databases import KINDS
from library_samples import film
from service_samples import EMPTY, QUICK, Service, files, service

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parents[1]
JOBS = 10


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def made(kind: str, tmp_path: Path) -> Iterator[Service]:
    with service(kind, tmp_path) as one:
        yield one


class Child:
    """A replica in a process group of its own."""

    def __init__(self, made: Service) -> None:
        given = {
            "data": str(made.data),
            "url": made.backend.url,
            "options": QUICK,
            "limits": {"at_once": 3, "active_per_owner": 100, "lease_s": 20},
        }
        self.process = subprocess.Popen(
            [sys.executable, str(TESTS / "service_child.py"), json.dumps(given)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env=environment(PYTHONPATH=os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])),
        )  # fmt: skip

    def done(self, count: int) -> None:
        """Wait until so many jobs are done."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("done ") and int(line.split()[1]) >= count:
                return
        raise AssertionError("it ended before")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def stop(self) -> None:
        out, _ = self.process.communicate("", timeout=60)
        assert out.endswith("stopped\n")


def test_killed_during_ten_jobs_all_end_and_none_twice(made: Service, kind: str, tmp_path: Path) -> None:
    store = made.open(active_per_owner=100)
    jobs = []
    for number in range(JOBS):
        path = film(tmp_path / f"{number}.mp4", number, frames=60)
        new = made.job(path, name=f"{number}.mp4", webhook="https://h/", recipe="keyframes")
        jobs.append(store.add(new).job)
    finished: dict[str, tuple[float | None, bytes]] = {}
    with ExitStack() as stack:
        for count in (2, 6) if kind == "sqlite" else (4,):
            child = Child(made)
            stack.callback(child.kill)
            child.done(count)
            child.kill()
            for job in store.list(state="done").jobs:
                now = job.finished_at, store.result_path(job).read_bytes()
                assert finished.setdefault(job.id, now) == now, "what was done is left as it is"
        assert len(finished) < JOBS, "it was killed too late to tell anything"
        last = Child(made)
        stack.callback(last.kill)
        last.done(JOBS)
        ended = [store.get(job.id) for job in jobs]
        last.stop()
    assert {job.state for job in ended} == {"done"}
    for job in ended:
        now = job.finished_at, store.result_path(job).read_bytes()
        assert finished.setdefault(job.id, now) == now
        assert json.loads(now[1])["video"]["path"] == job.name
    sent = made.backend.sql("SELECT COUNT(*) FROM service_deliveries GROUP BY job_number")
    assert [row[0] for row in sent] == [1] * JOBS
    assert sum(usage.finished for usage in store.usage()) == JOBS
    assert sum(job.attempts for job in ended) <= JOBS + 2 * 3, "only what was under way was begun again"
    for job in ended:
        store.erase(job.id)
    store.bury()
    store.erase_marked()
    store.remove_strays(0)
    assert files(made.data) == EMPTY
