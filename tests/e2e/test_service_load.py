"""Several uploads at once into a real server: none is lost or mixed up, and it stays small and quick."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import psutil
import pytest

from load_films import load_film, mixed_up, send_all
from service_samples import EMPTY, files
from service_server import LONG, eventually, serving_process

pytestmark = pytest.mark.slow
UPLOADS = 8
SIZE = 3_000_000
MOST_GROWTH = 200e6


def test_uploads_at_once_do_not_mix(tmp_path: Path) -> None:
    films = [load_film(tmp_path / f"{n}.mp4", n, SIZE) for n in range(UPLOADS)]
    with serving_process(tmp_path) as server:
        process = psutil.Process(server.process.pid)
        before, ended, failed = process.memory_full_info().uss, threading.Event(), []

        def ask() -> None:
            """As whoever watches the service does."""
            with httpx.Client(base_url=server.url, timeout=LONG) as client:
                while not ended.wait(0.05):
                    failed.extend(() if client.get("/healthz").status_code == 200 else (1,))

        watching = threading.Thread(target=ask)
        watching.start()
        jobs = send_all(server.url, films, timeout=LONG)
        done = {number: server.finished(job) for number, job in jobs.items()}
        ended.set()
        watching.join()
        assert len({job["id"] for job in done.values()}) == UPLOADS
        assert [one for number, job in done.items() for one in mixed_up(server.client, number, job)] == []
        assert not failed
        assert process.memory_full_info().uss - before <= MOST_GROWTH
        for job in done.values():
            server.client.delete(job["links"]["self"]).raise_for_status()
        eventually(lambda: files(tmp_path / "data") == EMPTY)
