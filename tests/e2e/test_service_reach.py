"""The whole way out and in: a video that the service fetches, and a webhook that it sends, through a real server."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import standardwebhooks

from http_server import Server
from http_server import serving as serving_files
from media_factory import Movie, make
from service_samples import EMPTY, files
from service_server import RunningServer, eventually, serving
from stills.service import webhooks
from stills.service.auth import new_token, new_webhook_secret
from webhook_receiver import Receiver

pytestmark = pytest.mark.slow
SECRET = new_webhook_secret()
TOKEN = new_token()
SIGNED = "X-Signature=s3cret-of-the-film"
HOOK = "/hooks/t0ps3cret"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("elsewhere")
    make(folder / "film.mp4", Movie(width=160, height=120, frames=25, b_frames=0))
    (folder / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nfilm.mp4\n")
    with serving_files(folder) as server:
        server.locations["/away"] = "http://127.0.0.1:9/film.mp4"
        yield server


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, elsewhere: Server, receiver: Receiver) -> Iterator[RunningServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(webhooks, "_ASK_S", 0.05)
        with serving(
            tmp_path_factory.mktemp("service"), token=TOKEN, tokens_text=f"web {TOKEN}", private_sources=True,
            sources=(f"http://{elsewhere.host}/",), webhooks=(f"127.0.0.1:{receiver.port}",), webhook_secret=SECRET,
        ) as one:  # fmt: skip
            yield one


def test_a_video_is_fetched_and_its_end_is_told(
    server: RunningServer, elsewhere: Server, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "stills")
    hook = f"http://127.0.0.1:{receiver.port}{HOOK}"
    asked = {"source": elsewhere.url(f"/film.mp4?{SIGNED}"), "recipe": "keyframes", "webhook": hook}
    job = server.client.post("/v1/jobs", json=asked).raise_for_status().json()
    done = server.finished(job)
    assert (done["source"], done["name"]) == (elsewhere.url("/film.mp4?…"), "film.mp4")
    assert server.client.get(job["links"]["result"]).is_success
    receiver.wait_for(1)
    headers, body = receiver.got[-1]
    message = standardwebhooks.Webhook(SECRET).verify(body, headers)
    assert (message["type"], message["data"]["id"]) == ("job.done", job["id"])
    eventually(lambda: "was told" in caplog.text)
    for secret in (SIGNED, HOOK, TOKEN, SECRET):
        assert secret not in caplog.text + body.decode() + str(done)
    server.client.delete(job["links"]["self"]).raise_for_status()
    eventually(lambda: files(server.store.data) <= EMPTY)


@pytest.mark.parametrize(
    ("path", "code"),
    [("/away", "download"), ("/missing.mp4", "download"), ("/list.mp4", "not-a-video"), ("/empty", "download")],
)
def test_what_is_no_film_fails_its_job_and_leaves_nothing(
    server: RunningServer, elsewhere: Server, path: str, code: str
) -> None:
    before = elsewhere.asked["/film.mp4"]
    job = server.client.post("/v1/jobs", json={"source": elsewhere.url(path)}).raise_for_status().json()
    failed = server.finished(job, "failed")
    assert failed["error"]["code"] == code
    assert str(server.store.data) not in str(failed)
    assert elsewhere.asked["/film.mp4"] == before, "what a list names was fetched"
    server.client.delete(job["links"]["self"]).raise_for_status()
    eventually(lambda: files(server.store.data) <= EMPTY)


@pytest.mark.parametrize(
    "asked",
    [
        {"source": "http://127.0.0.1:9/film.mp4"},
        {"source": "http://169.254.169.254/latest/meta-data/"},
        {"source": "file:///etc/passwd"},
        {"source": "/etc/passwd"},
        {"source": "FILM", "webhook": "https://evil.example/"},
        {"source": "FILM", "webhook": "http://169.254.169.254/"},
    ],
)
def test_what_is_not_allowed_is_refused_at_once(
    server: RunningServer, elsewhere: Server, asked: dict[str, str]
) -> None:
    before = elsewhere.asked.total()
    answer = server.client.post(
        "/v1/jobs", json={**asked, "source": asked["source"].replace("FILM", elsewhere.url("/film.mp4"))}
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "address-refused"
    assert answer.json()["remedy"]
    assert elsewhere.asked.total() == before
