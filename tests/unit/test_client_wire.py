"""The client against a server that is made up: what is tried again, what errors are, what is believed."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from command import SOURCE
from stills import CancelToken, StillsError
from stills.client import (
    Client,
    IncompleteError,
    NotThereError,
    RemoteBusyError,
    RemoteError,
    RemoteJob,
    RemoteProgress,
    TooLargeError,
    UnauthorizedError,
    UnreachableError,
)
from stills.client.errors import failure
from stills.client.stream import Message, messages
from stills.client.types import RemoteFailure, job_of
from stills.errors import (
    CancelledError,
    CorruptVideoError,
    InputError,
    NothingFoundError,
    SettingsError,
    UsageError,
)

ID = "3f0c9a4be1d84d0f9b7a5d2c6e8f1a20"
URL = "http://server.test"
SECRET = "very-secret"  # noqa: S105 - nobody's
Answer = httpx.Response | Exception
Handler = Callable[[httpx.Request], Answer]


def job(state: str = "queued", **more: Any) -> dict[str, Any]:
    return {"id": ID, "state": state, "recipe": "people", "name": "film.mp4", **more}


def problem(status: int, code: str, detail: str, remedy: str | None = None, **headers: str) -> httpx.Response:
    body = {"status": status, "code": code, "title": "Refused", "detail": detail, "remedy": remedy}
    kind = {"content-type": "application/problem+json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return httpx.Response(status, content=json.dumps(body), headers=kind)


class MadeUp:
    """A server that answers as a test says, one answer after another; it keeps what it was asked."""

    def __init__(self, *answers: Answer | Handler) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer) and not isinstance(answer, httpx.Response):
            answer = answer(request)  # type: ignore[assignment]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, httpx.Response)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.read())

    def client(self, **how: Any) -> Client:
        made = Client(URL, transport=httpx.MockTransport(self), **how)
        made._wire._pause = self.pauses.append  # nobody sleeps in tests
        return made


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"0123456789" * 20_000)
    return path


def form_of(request: httpx.Request) -> dict[str, str]:
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    found = {}
    for part in request.content.split(b"--" + boundary)[1:-1]:
        head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        found[head.partition(b'name="')[2].partition(b'"')[0].decode()] = value.decode("latin-1")
    return found


# What is sent


def test_a_file_is_sent_as_it_is_with_its_length_and_a_key(film: Path) -> None:
    server, told = MadeUp(httpx.Response(202, json=job())), []
    with server.client(token=SECRET) as client:
        made = client.submit(
            film, "keyframes", {"scan": {"effort": "fast"}}, target=3, on_upload=lambda *x: told.append(x)
        )
    assert (made.id, made.state, made.ended) == (ID, "queued", False)
    (request,) = server.asked
    assert request.url == f"{URL}/v1/jobs"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert int(request.headers["content-length"]) == len(request.content)
    assert "transfer-encoding" not in request.headers
    assert len(request.headers["idempotency-key"]) == 32
    form = form_of(request)
    assert form["file"].encode() == film.read_bytes()
    assert form["recipe"] == "keyframes"
    assert json.loads(form["options"]) == {"scan": {"effort": "fast"}, "target": 3}
    assert told[-1] == (200_000, 200_000)
    assert len(told) > 1


def test_the_small_fields_come_before_the_video(film: Path, tmp_path: Path) -> None:
    poster = tmp_path / "poster.jpg"
    poster.write_bytes(b"picture")
    server = MadeUp(httpx.Response(202, json=job()))
    server.client().submit(film, "cast", poster=poster, webhook="https://hooks.example.org/x")
    assert list(form_of(server.asked[0])) == ["recipe", "webhook", "poster", "file"]


def test_an_address_is_sent_as_json() -> None:
    server = MadeUp(httpx.Response(202, json=job()))
    server.client().submit("https://media.example.org/film.mp4", "people", min_face="10%")
    body = json.loads(server.asked[0].content)
    assert (body["source"], body["recipe"]) == ("https://media.example.org/film.mp4", "people")
    assert body["options"] == {"min_face": "10%"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("server.example.org", "no address of a server"),
        ("ftp://server.example.org", "no address of a server"),
        ("http://user:word@server.example.org", "no user and no password"),
        ("http://server.example.org/?x=1", "no address of a server"),
        ("http://server.example.org:port/", "is no address"),
    ],
)
def test_what_is_no_address_is_refused(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        Client(url)
    assert "word" not in str(caught.value).partition(" — ")[0].replace("password", "")


def test_a_token_that_would_break_a_header_is_refused_and_never_shown() -> None:
    with pytest.raises(UsageError) as caught:
        Client(URL, "very secret\r\nX: y")
    assert "very" not in str(caught.value)


def test_what_is_no_id_never_becomes_a_part_of_an_address() -> None:
    server = MadeUp(httpx.Response(200, json=job()))
    with pytest.raises(UsageError, match="no id"):
        server.client().job("../../admin")
    assert not server.asked


def test_a_file_that_cannot_be_sent_says_why(tmp_path: Path) -> None:
    server = MadeUp(httpx.Response(202, json=job()))
    with pytest.raises(InputError, match="no such file — check the name"):
        server.client().submit(tmp_path / "none.mp4")
    with pytest.raises(InputError, match="this is a folder"):
        server.client().submit(tmp_path)
    assert not server.asked


# What is tried again


def test_a_broken_upload_is_sent_again_whole_with_the_same_key(film: Path) -> None:
    server = MadeUp(
        httpx.ConnectError("refused"), httpx.ReadError("reset"), httpx.Response(502), httpx.Response(202, json=job())
    )
    assert server.client().submit(film).id == ID
    assert len(server.asked) == 4
    assert len({request.headers["idempotency-key"] for request in server.asked}) == 1
    assert {form_of(request)["file"] for request in server.asked} == {film.read_text()}
    assert len(server.pauses) == 3
    assert server.pauses == sorted(server.pauses)


def test_a_busy_server_is_asked_again_when_it_says(film: Path) -> None:
    busy = problem(429, "queue-full", "the queue is full", Retry_After="7")
    server = MadeUp(busy, busy, httpx.Response(202, json=job()))
    server.client(gone_for=1).submit(film)
    assert [7 <= pause < 8 for pause in server.pauses] == [True, True]


def test_patience_with_a_busy_server_ends(film: Path) -> None:
    server = MadeUp(problem(429, "queue-full", "the queue is full", "come again later", Retry_After="30"))
    with pytest.raises(RemoteBusyError, match="the queue is full — come again later") as caught:
        server.client(busy_for=10).submit(film)
    assert (caught.value.code, caught.value.retryable, caught.value.retry_after) == ("queue-full", True, 30)
    assert len(server.asked) == 1


def test_a_server_that_is_broken_is_not_waited_for_as_a_busy_one_is(film: Path) -> None:
    broken = problem(503, "state", "its database cannot be used", Retry_After="5")
    server = MadeUp(broken)
    with pytest.raises(RemoteBusyError, match="its database"):
        server.client(gone_for=0, busy_for=600).submit(film)
    assert len(server.asked) == 1
    server = MadeUp(problem(503, "unavailable", "32 uploads are received already", Retry_After="5"), broken)
    with pytest.raises(RemoteBusyError, match="its database"):
        server.client(gone_for=0, busy_for=600).submit(film)
    assert len(server.asked) == 2


def test_a_server_that_is_gone_is_told_with_its_address() -> None:
    server = MadeUp(httpx.ConnectError("[Errno 111] Connection refused"))
    with pytest.raises(UnreachableError) as caught:
        server.client(gone_for=0).job(ID)
    assert str(caught.value) == (
        f"{URL}: no server answers there (Connection refused) — check the address, and whether stills serve runs there"
    )
    assert caught.value.retryable


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_what_would_be_refused_again_is_asked_once(status: int, film: Path) -> None:
    server = MadeUp(problem(status, "refused", "no"))
    with pytest.raises(StillsError):
        server.client().submit(film)
    assert len(server.asked) == 1


def test_a_cancel_ends_the_wait_for_a_busy_server(film: Path) -> None:
    token = CancelToken()

    def busy(request: httpx.Request) -> httpx.Response:
        token.cancel()
        return problem(429, "queue-full", "the queue is full", Retry_After="60")

    with pytest.raises(CancelledError):
        MadeUp(busy).client().submit(film, cancel=token)


def test_a_cancel_ends_an_upload(film: Path) -> None:
    token, server = CancelToken(), MadeUp(httpx.Response(202, json=job()))
    with pytest.raises(CancelledError):
        server.client().submit(film, cancel=token, on_upload=lambda sent, of: token.cancel())


# What is wrong


@pytest.mark.parametrize(
    ("answer", "kind", "code", "said"),
    [
        (problem(401, "unauthorized", "no token"), UnauthorizedError, "unauthorized", "STILLS_REMOTE_TOKEN"),
        (problem(404, "no-job", "there is no such job"), NotThereError, "no-job", "there is no such job"),
        (problem(413, "too-large", "larger than 2 GB"), TooLargeError, "too-large", "larger than 2 GB — ask whoever"),
        (problem(400, "settings", "unknown option", "did you mean target?"), SettingsError, "settings", "mean target"),
        (problem(409, "not-ready", "not done"), RemoteError, "not-ready", "not done"),
        (httpx.Response(413, text="<html>nginx"), TooLargeError, "too-large", "than the server takes"),
        (httpx.Response(404, text="<html>nginx"), NotThereError, "not-found", "check the server's address"),
        (httpx.Response(301, headers={"location": "https://x.test/"}), RemoteError, "remote", "on to https://x.test/"),
        (httpx.Response(500), RemoteError, "remote", "status 500"),
        (httpx.Response(200, text="hello"), RemoteError, "remote", "not how a stills server answers"),
        (httpx.Response(200, json=["hello"]), RemoteError, "remote", "not how a stills server answers"),
        (httpx.Response(200, json={"id": ID, "state": "odd", "recipe": "x"}), RemoteError, "remote", "another form"),
    ],
)
def test_every_refusal_is_an_error_with_code_and_remedy(
    answer: httpx.Response, kind: type[StillsError], code: str, said: str
) -> None:
    with pytest.raises(kind, match="(?i)" + said.replace(".", "[.]")) as caught:
        MadeUp(answer).client(gone_for=0, busy_for=0).job(ID)
    assert caught.value.code == code
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_message_of_a_server_cannot_write_on_the_terminal() -> None:
    with pytest.raises(RemoteError) as caught:
        MadeUp(problem(409, "odd", "a\x1b[31mb\nc")).client().job(ID)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"),
    [("corrupt", CorruptVideoError, 1), ("nothing-found", NothingFoundError, 4), ("newer", RemoteError, 1)],
)
def test_a_job_fails_as_work_here_does(code: str, kind: type[StillsError], exit_code: int) -> None:
    error = failure(RemoteFailure(code, "it did not work", "do this", retryable=True))
    assert isinstance(error, kind)
    assert (error.code, error.exit_code, error.retryable) == (code, exit_code, True)
    assert str(error) == "it did not work — do this"


def test_a_token_is_in_no_error_and_goes_to_nobody_else() -> None:
    server = MadeUp(httpx.Response(302, headers={"location": "http://elsewhere.test/"}))
    with pytest.raises(RemoteError) as caught:
        server.client(token=SECRET).job(ID)
    assert SECRET not in repr(caught.value)
    assert [request.url.host for request in server.asked] == ["server.test"]


# Events


def events(*jobs: dict[str, Any], first: int = 1, tail: str = "") -> httpx.Response:
    text = "".join(
        f"id: {number}\nevent: {one['state'] if one['state'] in {'done', 'failed'} else 'progress'}\n"
        f"data: {json.dumps(one)}\n\n: still there\n\n"
        for number, one in enumerate(jobs, first)
    )
    return httpx.Response(200, text=text + tail, headers={"content-type": "text/event-stream"})


@pytest.mark.parametrize("cancel", [None, CancelToken()])
def test_waiting_follows_the_events(cancel: CancelToken | None) -> None:
    steps = [job("running", progress={"stage": "scan", "fraction": share}) for share in (0.25, 0.5)]
    server = MadeUp(events(*steps, job("done", summary={"found": 2})))
    told: list[RemoteProgress] = []
    done = server.client().wait(a_job(), told.append, cancel=cancel)
    assert (done.state, done.summary) == ("done", {"found": 2})
    assert [(one.stage, one.fraction) for one in told] == [("scan", 0.25), ("scan", 0.5)]


def test_a_connection_that_breaks_is_taken_up_after_the_last_event() -> None:
    server = MadeUp(
        events(job("running"), job("running"), first=4, tail="id: 6\ndata: {"),
        httpx.ConnectError("gone"),
        events(job("done"), first=7),
    )
    heard = [(event.id, event.name) for event in server.client().events(ID)]
    assert heard == [("4", "progress"), ("5", "progress"), ("7", "done")]
    assert [request.headers.get("last-event-id") for request in server.asked] == [None, "5", "5"]


@pytest.mark.parametrize(
    "nothing",
    [
        httpx.Response(200, text="", headers={"content-type": "text/event-stream"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(406),
        httpx.Response(405),
    ],
)
def test_where_no_events_come_the_job_is_asked_for(nothing: httpx.Response) -> None:
    states = iter(["queued", "running", "done"])

    def answer(request: httpx.Request) -> httpx.Response:
        return nothing if request.url.path.endswith("/events") else httpx.Response(200, json=job(next(states)))

    assert MadeUp(answer).client().wait(a_job()).state == "done"


def test_a_job_that_is_erased_meanwhile_is_not_waited_for_for_ever() -> None:
    server = MadeUp(events(job("running")), problem(404, "no-job", "there is no such job"))
    with pytest.raises(NotThereError):
        server.client().wait(a_job())


def test_a_job_that_was_cancelled_or_failed_says_so() -> None:
    gone = MadeUp(events(job("cancelled")))
    with pytest.raises(CancelledError):
        gone.client().wait(a_job())
    why = {"code": "corrupt", "message": "no frame can be decoded", "remedy": None, "retryable": False}
    broken = MadeUp(events(job("failed", error=why)))
    with pytest.raises(CorruptVideoError, match="no frame"):
        broken.client().wait(a_job())


def a_job() -> RemoteJob:
    return job_of(job())


def test_events_are_read_by_the_rules() -> None:
    lines = ["retry: 5", ": hello", "id: 1", "event: progress", "data: a", "data:  b", "", "data", "", "id:2", "data:c"]
    assert list(messages(iter([*lines, "", "event: lost"]))) == [
        Message("1", "progress", "a\n b"),
        Message("1", "message", ""),
        Message("2", "message", "c"),
    ]


# Results


def result_server(
    document: dict[str, Any], files: dict[str, bytes], *, told: dict[str, int] | None = None
) -> tuple[MadeUp, Any]:
    artifacts = [
        {"name": name, "kind": "picture", "bytes": (told or {}).get(name, len(data)), "type": "image/jpeg",
         "url": f"/v1/jobs/{ID}/artifacts/{name}"}
        for name, data in files.items()
    ]  # fmt: skip

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        return httpx.Response(200, json=document) if name == "result" else httpx.Response(200, content=files[name])

    return MadeUp(answer), job_of(job("done", artifacts=artifacts))


DOCUMENT = {"schema": "stills/people/1", "files": ["people/person_01.jpg", "people/person_02.jpg"]}
FILES = {"person_01.jpg": b"one", "person_02.jpg": b"two two"}


def test_a_download_has_every_file_in_its_place(tmp_path: Path) -> None:
    server, done = result_server(DOCUMENT, FILES)
    written = server.client().download(done, tmp_path / "out")
    inside = [path.relative_to(tmp_path / "out").as_posix() for path in written]
    assert inside == ["people/person_01.jpg", "people/person_02.jpg", "people.json"]
    assert [path.read_bytes() for path in written[:2]] == [b"one", b"two two"]
    assert json.loads(written[2].read_text()) == DOCUMENT
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["people", "people.json"]


@pytest.mark.parametrize(
    ("document", "told", "kind"),
    [
        (DOCUMENT, {"person_02.jpg": 6}, IncompleteError),
        (DOCUMENT, {"person_02.jpg": 8}, IncompleteError),
        ({**DOCUMENT, "files": ["people/../../x"]}, {}, RemoteError),
        ({**DOCUMENT, "files": ["/etc/passwd"]}, {}, RemoteError),
        ({**DOCUMENT, "files": ["people/"]}, {}, RemoteError),
        ({**DOCUMENT, "files": ["cast/person_01.jpg"]}, {}, RemoteError),
        ({**DOCUMENT, "files": ["people/other.jpg"]}, {}, RemoteError),
        ({**DOCUMENT, "schema": "stills/../x/1"}, {}, RemoteError),
    ],
)
def test_what_is_not_as_told_leaves_nothing(
    document: dict[str, Any], told: dict[str, int], kind: type[StillsError], tmp_path: Path
) -> None:
    server, done = result_server(document, FILES, told=told)
    with pytest.raises(kind):
        server.client().download(done, tmp_path / "out")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_that_breaks_off_is_fetched_again(tmp_path: Path) -> None:
    server, done = result_server(DOCUMENT, FILES)
    whole, broken = server.answers[0], iter([True])

    def answer(request: httpx.Request) -> Answer:
        if request.url.path.endswith("person_02.jpg") and next(broken, False):
            return httpx.ReadError("reset")
        return whole(request)  # type: ignore[operator,no-any-return]

    server.answers = [answer]
    assert len(server.client().download(done, tmp_path)) == 3


def test_what_a_job_is_asked_afterwards() -> None:
    chosen = {"recipe": "keyframes", "document": {"frames": []}, "pts": [1, 2], "artifacts": []}
    server = MadeUp(httpx.Response(200, json=chosen))
    answer = server.client().select(ID, "keyframes", target=2)
    assert answer.pts == (1, 2)
    assert json.loads(server.asked[0].content) == {"recipe": "keyframes", "options": {"target": 2}, "save": False}


def test_jobs_come_in_pages() -> None:
    server = MadeUp(httpx.Response(200, json={"jobs": [job("done")], "next": "c"}))
    page = server.client().jobs("done", limit=1)
    assert ([one.id for one in page.jobs], page.next) == ([ID], "c")
    assert dict(server.asked[0].url.params) == {"state": "done", "limit": "1"}


def test_a_server_below_a_path_is_asked_there() -> None:
    server = MadeUp(httpx.Response(204))
    client = Client(f"{URL}/stills/", transport=httpx.MockTransport(server))
    client.delete(ID)
    assert server.asked[0].url == f"{URL}/stills/v1/jobs/{ID}"
    assert client._wire.path("/stills/v1/x") == client._wire.path("/v1/x") == f"{URL}/stills/v1/x"


# What it needs


def in_a_new_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(SOURCE)}
    )
    return done.stdout.strip()


def test_the_client_loads_nothing_that_works_on_videos() -> None:
    code = "import sys, stills; stills.Client('http://x'); print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = set(in_a_new_process(code).split())
    assert "httpx" in loaded
    assert not loaded & {"numpy", "av", "cv2", "openvino", "pyarrow", "pydantic", "PIL", "fastapi"}


def test_without_its_extra_it_says_which() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None\nimport stills\n"
        "try: stills.Client('http://x')\nexcept stills.StillsError as error: print(error)"
    )
    assert "pip install 'stills[client]'" in in_a_new_process(code)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between questions."""
    monkeypatch.setattr("stills.client.stream._RETRY_S", 0.001)
    monkeypatch.setattr("stills.client.stream.POLL_S", 0.001)
