"""The client against a real server: a video's way there and its results' way back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import stills
from films import face_film
from service_server import LONG, RunningServer, serving
from stills.client import NotThereError, RemoteError, RemoteProgress, TooLargeError, UnauthorizedError
from stills.errors import CancelledError, NotAVideoError, SettingsError

pytestmark = pytest.mark.slow

TOKEN = "ann-0123456789abcdef0123456789abcdef"  # noqa: S105 - of a server that lives for a moment


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_film(tmp_path_factory.mktemp("film") / "film.mp4", seconds=1.0, width=320, height=180)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("service")
    with serving(folder, token=TOKEN, tokens_text=f"ann {TOKEN}", upload_limit=1_000_000) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[stills.Client]:
    with stills.Client(server.url, TOKEN) as made:
        yield made
        for job in made.jobs().jobs:
            made.delete(job)


def test_from_a_video_to_its_results(client: stills.Client, film: Path, tmp_path: Path) -> None:
    assert {"people", "cast", "keyframes", "thumbnails", "portrait"} <= {one.name for one in client.recipes()}
    told: list[RemoteProgress] = []
    sent: list[tuple[int, int]] = []
    job = client.submit(
        film, "people", {"output": {"fit": "160x90"}}, runners_up=0, on_upload=lambda *n: sent.append(n)
    )
    assert (job.state in {"queued", "running"}, job.name, job.recipe) == (True, "film.mp4", "people")
    assert sent[-1] == (film.stat().st_size,) * 2
    done = client.wait(job, told.append)
    assert (done.state, done.summary["found"]) == ("done", 1)
    assert done.created is not None
    assert done.finished is not None
    assert done.created < done.finished
    assert {one.stage for one in told} <= {"queued", "probe", "scan", "select", "render", "done"}

    *pictures, listed = client.download(done, tmp_path / "out")
    document = json.loads(listed.read_text())
    assert document == client.result(done)
    assert (listed.name, document["settings"]["runners_up"]) == ("people.json", 0)
    assert [path.relative_to(tmp_path / "out").as_posix() for path in pictures] == document["files"]
    assert [path.stat().st_size for path in pictures] == [one.bytes for one in done.artifacts if one.kind == "picture"]

    chosen = client.select(done, "keyframes", target=2)
    assert (chosen.recipe, len(chosen.document["frames"])) == ("keyframes", 2)
    assert [one.id for one in client.jobs("done").jobs] == [done.id]

    client.delete(done)
    with pytest.raises(NotThereError) as caught:
        client.job(done.id)
    assert caught.value.code == "no-job"


def test_the_same_key_is_the_same_job(client: stills.Client, film: Path) -> None:
    first = client.submit(film, "keyframes", idempotency_key="film-1")
    assert client.submit(film, "keyframes", idempotency_key="film-1").id == first.id
    with pytest.raises(RemoteError) as caught:
        client.submit(film, "people", idempotency_key="film-1")
    assert caught.value.code == "idempotency-conflict"
    assert len(client.jobs().jobs) == 1


def test_what_the_server_refuses_is_an_error_of_its_kind(client: stills.Client, film: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="tarject") as caught:
        client.submit(film, "keyframes", tarject=3)
    assert caught.value.remedy is not None
    with pytest.raises(RemoteError):
        client.submit("https://media.example.org/film.mp4")
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(30_000_000)
    with pytest.raises(TooLargeError, match="larger than 1 MB"):
        client.submit(large)
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(NotAVideoError):
        client.wait(client.submit(text))


@pytest.mark.parametrize("token", [None, "other"])
def test_without_the_right_token_nothing_is_sent_twice(server: RunningServer, film: Path, token: str | None) -> None:
    with stills.Client(server.url, token) as stranger, pytest.raises(UnauthorizedError, match="STILLS_REMOTE_TOKEN"):
        stranger.submit(film)


def test_a_cancelled_job_says_so(client: stills.Client, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stills.service.jobs.work.ready", lambda at: False)  # it is queued until it is cancelled
    job = client.submit(film)
    assert client.cancel(job).state in {"cancelled", "done"}


def test_who_waits_in_silence_can_stop_at_once() -> None:
    """A server that says nothing for minutes: the wait ends by its caller's cancel, not by the server."""
    token, reached, release = stills.CancelToken(), threading.Event(), threading.Event()

    class Silent(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            if self.path.endswith("/events"):
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(b"retry: 2000\n\n")
                self.wfile.flush()
                reached.set()
                release.wait(LONG)
                return
            body = json.dumps({"id": "0" * 32, "state": "queued", "recipe": "people"}).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    serving_thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving_thread.start()
    stopper = threading.Thread(target=lambda: (reached.wait(LONG), token.cancel()))
    stopper.start()
    try:
        with stills.Client(f"http://127.0.0.1:{server.server_address[1]}") as client, pytest.raises(CancelledError):
            client.wait("0" * 32, cancel=token)
        assert not release.is_set()
    finally:
        release.set()
        stopper.join(LONG)
        server.shutdown()
        server.server_close()
        serving_thread.join(LONG)
