"""A real server of the service for tests: uvicorn on a free port, in a thread of the test or in a process of its own.

with serving(tmp_path) as server:                       # options are settings: ttl="1m", upload_limit=1000, …
    job = server.finished(server.upload(film, recipe="people"))
    server.client.get(job["links"]["result"]).json()
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

import stills
from service_samples import QUICK
from stills.service.app import create_app, open_store
from stills.service.context import Context
from stills.service.jobs import JobStore
from stills.service.server import Server, address_of, listen
from stills.settings_model import Settings

LONG = 90.0
"""Seconds that anything may take on a machine that is busy."""
ENDED = ("done", "failed", "cancelled")


@dataclass
class Client:
    """Somebody who asks a server."""

    url: str
    """Without a slash at its end."""
    client: httpx.Client

    def upload(self, video: Path | bytes, *, name: str = "film.mp4", key: str | None = None, **fields: Any) -> Any:
        """A job for an upload; ``options`` may be a mapping. The job's JSON; anything but 202 is an error."""
        answer = self.try_upload(video, name=name, key=key, **fields)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def try_upload(
        self, video: Path | bytes, *, name: str = "film.mp4", key: str | None = None, **fields: Any
    ) -> httpx.Response:
        """The same, whatever is answered."""
        content = video if isinstance(video, bytes) else video.read_bytes()
        data = {one: value if isinstance(value, str) else json.dumps(value) for one, value in fields.items()}
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.client.post("/v1/jobs", files={"file": (name, content)}, data=data, headers=headers)

    def job(self, job: Any) -> Any:
        """The job as it is now."""
        return self.client.get(job["links"]["self"]).raise_for_status().json()

    def finished(self, job: Any, state: str | None = "done") -> Any:
        """The job once it has ended, which has to be in ``state`` (``None``: any)."""
        *_, (_, _, last) = self.events(job)
        assert state in {None, last["state"]}, last
        return last

    def events(self, job: Any, after: int | None = None) -> Iterator[tuple[int, str, Any]]:
        """The events of a job as they come: id, name, job."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        with self.client.stream("GET", job["links"]["events"], headers=headers, timeout=LONG) as answer:
            assert answer.status_code == 200, answer.read()
            event: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if line:
                    event[name] = value
                elif "data" in event:
                    yield int(event["id"]), event["event"], json.loads(event["data"])
                    event = {}


@dataclass
class RunningServer(Client):
    """A server in a thread of this process."""

    settings: Settings
    store: JobStore
    server: Server

    @property
    def context(self) -> Context:
        """What the routes work with."""
        context: Context = self.server.config.app.state.context  # type: ignore[union-attr]
        return context

    def with_token(self, token: str) -> Client:
        """Somebody else who asks it."""
        return Client(self.url, httpx.Client(base_url=self.url, headers=_bearer(token), timeout=LONG))


def eventually(condition: Callable[[], Any]) -> None:
    """Wait until ``condition`` holds, which others see to."""
    until = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < until, condition
        threading.Event().wait(0.02)


@contextmanager
def serving(folder: Path, *, token: str | None = None, **options: Any) -> Iterator[RunningServer]:
    """A server whose data is in ``folder``/data. ``options`` are settings, short names those of the service.

    ``token`` is what the client sends; which there are, ``tokens`` or ``tokens_text`` say.
    """
    given = {**QUICK, "data": str(folder / "data"), "port": 0, "rate": 0, **options}
    settings = stills.load_settings(env={}, options=given, section="service")
    with closing(listen("127.0.0.1", 0)) as listener, closing(open_store(settings)) as store:
        url = address_of(listener).rstrip("/")
        app = create_app(settings, store=store)
        server = Server(app, settings.service)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="server", daemon=True)
        thread.start()
        try:
            with httpx.Client(base_url=url, timeout=LONG, headers=_bearer(token)) as client:
                client.get("/healthz").raise_for_status()  # it is accepted before it is answered
                yield RunningServer(url, client, settings, store, server)
        finally:
            server.stop()
            thread.join(LONG)
            assert not thread.is_alive()


@dataclass
class ServerProcess(Client):
    """``stills serve`` in a process of its own."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    """What it says on standard error; a thread reads it."""


@contextmanager
def serving_process(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[ServerProcess]:
    """``stills serve`` with its data in ``folder``/data; killed at the end if it still runs."""
    command = ["serve", "--port", "0", "--data", str(folder / "data"), "--json", *arguments]
    process = start(command, env=env or {})
    said: list[str] = []
    assert process.stdout is not None
    assert process.stderr is not None
    reader = threading.Thread(target=said.extend, args=(process.stderr,), daemon=True)
    reader.start()
    try:
        line = process.stdout.readline()
        assert line, (process.wait(LONG), said)
        url = json.loads(line)["address"].rstrip("/")
        with httpx.Client(base_url=url, timeout=LONG) as client:
            yield ServerProcess(url, client, process, said)
    finally:
        process.kill()
        process.wait(LONG)
        reader.join(LONG)
        process.stdout.close()
        process.stderr.close()


def start(arguments: Sequence[str], *, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """``stills`` with ``arguments``, its output in pipes."""
    root = Path(stills.__file__).parents[1]
    variables = {**os.environ, "PYTHONPATH": str(root), "STILLS_SERVICE__RATE": "0", **(env or {})}
    return subprocess.Popen(
        [sys.executable, "-m", "stills", *arguments],
        env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}
