"""``stills serve`` killed amid its jobs: started again on the same data, it ends all of them, and none twice."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import stills
from databases import KINDS, Backend, backend
from hostile_requests import FORM, part
from library_samples import film
from media_factory import Movie, make, moving_picture
from service_samples import EMPTY, QUICK, files
from service_server import LONG, ServerProcess, eventually, serving_process
from stills.service.jobs import open_jobs

pytestmark = pytest.mark.slow
JOBS = 10
AT_ONCE = 2


@pytest.fixture(params=KINDS)
def behind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with backend(request.param, tmp_path / "home") as made:
        yield made


@contextmanager
def served(home: Path, url: str | None = None) -> Iterator[ServerProcess]:
    database = () if url is None else ("--database", url)
    env = {"STILLS_SCAN__SEGMENT_SECONDS": str(QUICK["segment_seconds"])}
    with serving_process(home, "--at-once", str(AT_ONCE), *database, env=env) as server:
        yield server


def jobs_of(server: ServerProcess) -> dict[str, Any]:
    found = server.client.get("/v1/jobs", params={"limit": 200}).raise_for_status().json()["jobs"]
    return {job["id"]: job for job in found}


def result_of(server: ServerProcess, job: Any) -> tuple[Any, ...]:
    """All that there is of a job that is done: when it ended, its document, its pictures."""
    paths = (job["links"]["result"], *(one["url"] for one in job["artifacts"]))
    return job["finished"], *(server.client.get(path).raise_for_status().content for path in paths)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {f"{n}.mp4": film(folder / f"{n}.mp4", n, frames=100) for n in range(JOBS)}


@pytest.fixture(scope="module")
def picks(films: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """What is found in each where nobody is killed."""
    options = {**QUICK, "cache_dir": tmp_path_factory.mktemp("cache")}
    found = {name: stills.keyframes(path, **options).to_json() for name, path in films.items()}
    return {name: [frame["pts"] for frame in document["frames"]] for name, document in found.items()}


def test_killed_with_ten_jobs_all_end_and_none_twice(
    behind: Backend, films: dict[str, Path], picks: dict[str, list[int]], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with served(home, behind.url) as server:
        sent = {server.upload(path, name=name, recipe="keyframes")["id"]: name for name, path in films.items()}
        with half_sent(server):
            eventually(lambda: sum(job["state"] == "done" for job in jobs_of(server).values()) >= 2)
            before = {one: result_of(server, job) for one, job in jobs_of(server).items() if job["state"] == "done"}
            family = psutil.Process(server.process.pid).children(recursive=True)
            server.process.kill()
            server.process.wait(LONG)
    assert len(before) < JOBS, "it was killed too late to tell anything"
    psutil.wait_procs(family, LONG)
    assert not [one for one in family if one.is_running()], "who worked for it has ended with it"

    with served(home, behind.url) as server:
        ended = {one: server.finished(job) for one, job in jobs_of(server).items()}
        assert {one: job["name"] for one, job in ended.items()} == sent
        after = {one: result_of(server, job) for one, job in ended.items()}
        assert {one: after[one] for one in before} == before, "what was done is left as it is"
        for one, job in ended.items():
            document = json.loads(after[one][1])
            assert document["video"]["path"] == job["name"] == sent[one]
            assert [frame["pts"] for frame in document["frames"]] == picks[job["name"]]
        server.process.terminate()
        assert server.process.wait(LONG) == 0

    store = open_jobs(behind.out.parent / "data", behind.url, settings=stills.load_settings(env={}))
    try:
        assert sum(usage.jobs for usage in store.usage()) == JOBS
        assert sum(usage.finished for usage in store.usage()) == JOBS
        assert sum(job.attempts for job in store.list().jobs) <= JOBS + AT_ONCE, (
            "only what was under way was begun again"
        )
        for job in store.list().jobs:
            store.erase(job.id)
        store.bury()
        store.erase_marked()
        store.remove_strays(0)
        assert files(store.data) == EMPTY, "half an upload and half a result are gone"
    finally:
        store.close()


@contextmanager
def half_sent(server: ServerProcess) -> Iterator[None]:
    """With an upload of which more is to come."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        told = f"Host: {host}:{port}\r\nContent-Type: {FORM.decode()}\r\nContent-Length: 900000\r\n\r\n"
        connection.sendall(b"POST /v1/jobs HTTP/1.1\r\n" + told.encode() + part(b"file", bytes(600_000), b"half.mp4"))
        yield


def test_what_is_cancelled_is_worked_on_no_more(tmp_path: Path) -> None:
    still = moving_picture(7, 320, 180)
    rolled = Movie(width=320, height=180, frames=3000, gop=50, picture=lambda n, *_: np.roll(still, 2 * n, axis=1))
    long = make(tmp_path / "long.mp4", rolled)
    with serving_process(tmp_path, "--at-once", "1") as server:
        job = server.upload(long, recipe="people")
        scanning = next(now for _, _, now in server.events(job) if now["progress"]["stage"] in {"scan", "done"})
        assert scanning["state"] == "running", "it was cancelled too late to tell anything"
        workers = psutil.Process(server.process.pid).children(recursive=True)
        cancelled = server.client.post(f"{job['links']['self']}/cancel").raise_for_status().json()
        assert cancelled["state"] == "cancelled"
        eventually(lambda: idle(workers))
        server.client.delete(job["links"]["self"]).raise_for_status()
        eventually(lambda: files(tmp_path / "data") == EMPTY)


def idle(processes: list[psutil.Process]) -> bool:
    """Whether they did next to nothing for half a second."""
    return sum(process.cpu_percent(0.25) for process in processes if process.is_running()) < 10.0
