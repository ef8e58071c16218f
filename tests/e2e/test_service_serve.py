"""``stills serve`` as a process: how it starts, what it says, how it ends."""

from __future__ import annotations

import functools
import json
import re
import signal
import socket
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from media_factory import Movie, make, moving_picture
from service_server import LONG, ServerProcess, serving_process, start
from stills.service.jobs import open_jobs

pytestmark = pytest.mark.slow
TOKEN = "token-of-a-client-that-is-secret"  # noqa: S105 - of this test


def rolled(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """A picture that moves, quickly made."""
    return np.roll(_still(width, height), 2 * index, axis=1)


@functools.cache
def _still(width: int, height: int) -> NDArray[np.uint8]:
    return moving_picture(7, width, height)


def ended(process: Any) -> tuple[int, str]:
    """Exit code and standard error of a process that is to end by itself."""
    _, said = process.communicate(timeout=LONG)
    return process.returncode, said


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        code, said = ended(start(["serve", "--port", port, "--data", str(tmp_path / "data")]))
    assert code == 2
    assert said == (
        f"error: the service cannot listen at 127.0.0.1 port {port}: another program listens there "
        "— name another --port\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    code, said = ended(start(["serve", "--port", "0", "--data", str(tmp_path / "file" / "data")]))
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("error: ")
    assert "--data" in said
    assert "--out" not in said


def test_nobody_is_let_in_from_elsewhere_without_a_token(tmp_path: Path) -> None:
    command = ["serve", "--host", "0.0.0.0", "--port", "0", "--data", str(tmp_path / "data")]
    code, said = ended(start(command))
    assert (code, said.count("\n")) == (2, 1)
    assert "--no-auth" in said


def test_the_end_gives_work_back_and_says_so_to_nobody_for_ever(tmp_path: Path) -> None:
    film = make(tmp_path / "film.mp4", Movie(width=320, height=180, frames=2500, gop=50, picture=rolled))
    tokens = {"STILLS_SERVICE__TOKENS_TEXT": f"me {TOKEN}"}
    arguments = ("--log-level", "info", "--workers", "1")
    with serving_process(tmp_path, *arguments, env=tokens) as server:
        server.client.headers["Authorization"] = f"Bearer {TOKEN}"
        job = server.upload(film, options={"scan": {"effort": "exhaustive"}})
        heard: list[str] = []
        scanning = threading.Event()

        def follow() -> None:
            for _, name, one in server.events(job):
                heard.append(name)
                if one["progress"]["stage"] == "scan":
                    scanning.set()
            heard.append("the end")

        thread = threading.Thread(target=follow)
        thread.start()
        assert scanning.wait(LONG)
        assert server.client.get(f"/v1/jobs?cursor={TOKEN}").status_code == 422
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(LONG) == 0
        thread.join(LONG)
    assert set(heard[:-1]) == {"progress"}
    assert heard[-1] == "the end"
    said = "".join(server.said)
    assert TOKEN not in said
    assert re.search(r"127\.0\.0\.1 me POST /v1/jobs 202 \d+\.\d{3} s, \d{5,} bytes in, \d+ out\n", said)
    assert "GET /v1/jobs 422" in said
    assert "healthz" not in said
    with closing(open_jobs(tmp_path / "data")) as store:
        assert [one.state for one in store.list().jobs] == ["queued"]


def test_control_c_is_an_interruption(tmp_path: Path) -> None:
    with serving_process(tmp_path) as server:
        assert server.client.get("/healthz").json()["status"] == "ok"
        page = server.client.get("/")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(LONG) == 130
        assert refuses(server)
    assert "".join(server.said).startswith("error: interrupted")


def refuses(server: ServerProcess) -> bool:
    """Whether nobody answers any more."""
    try:
        httpx.get(f"{server.url}/healthz", timeout=LONG)
    except httpx.ConnectError:
        return True
    return False


def test_programs_are_told_where_it_is(tmp_path: Path) -> None:
    process = start(["serve", "--port", "0", "--data", str(tmp_path / "data"), "--json", "--base-path", "/stills"])
    try:
        assert process.stdout is not None
        event = json.loads(process.stdout.readline())
        assert event["event"] == "serving"
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/stills/", event["address"])
        assert httpx.get(f"{event['address']}healthz", timeout=LONG).status_code == 200
    finally:
        process.kill()
        process.communicate(timeout=LONG)
