"""The service over HTTP: what is refused, what breaks off, and that nothing of it stays. Nothing is scanned here."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from service_openapi import Described
from service_samples import EMPTY, do, files
from service_server import LONG, Client, RunningServer, eventually, serving
from stills.service.problems import ProblemError
from stills.service.sending import disposition, range_of
from stills.service.views import flat, nested

pytestmark = pytest.mark.slow
LIMIT = 300_000
OWN, OTHER, READER, METER, ADMIN = (f"{name}-".ljust(24, "o") for name in ("own", "other", "read", "meter", "adm"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One whose jobs stay queued: nobody works."""
    patch = pytest.MonkeyPatch()
    patch.setattr("stills.service.jobs.runner.JobRunner._claim", lambda _: None)
    patch.setattr("stills.service.uploads.LINGER_S", 0.2)
    folder = tmp_path_factory.mktemp("service")
    with serving(folder, upload_limit=LIMIT, upload_idle=0.3, uploads_at_once=2) as running:
        yield running
    patch.undo()


@pytest.fixture(scope="module")
def described(server: RunningServer) -> Described:
    return Described(server.client.get("/openapi.json").raise_for_status().json())


@pytest.fixture
def clean(server: RunningServer) -> Iterator[None]:
    """Nothing is left of what was refused."""
    yield
    eventually(lambda: files(server.store.data) == EMPTY)
    assert server.store.list().jobs == []


def connect(server: RunningServer) -> socket.socket:
    host, _, port = server.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=LONG)


def upload_head(server: RunningServer, *headers: str) -> bytes:
    lines = [
        "POST /v1/jobs HTTP/1.1",
        f"Host: {server.url[7:]}",
        "Content-Type: multipart/form-data; boundary=b",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f.mp4"\r\n\r\n'


def all_of(connection: socket.socket) -> tuple[int, Any]:
    """The status of the answer, and its body; the connection has to end."""
    data = b""
    while piece := connection.recv(65536):
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def test_a_length_that_is_too_large_is_refused_before_the_body(server: RunningServer, clean: None) -> None:
    with closing(connect(server)) as connection:
        connection.sendall(upload_head(server, "Content-Length: 999999999", "Expect: 100-continue"))
        status, problem = all_of(connection)
    assert (status, problem["code"]) == (413, "too-large")


def test_what_grows_too_large_is_refused_while_it_comes(server: RunningServer, clean: None) -> None:
    with closing(connect(server)) as connection:
        connection.sendall(upload_head(server, "Transfer-Encoding: chunked") + chunk(PART))
        for _ in range(10):
            connection.sendall(chunk(bytes(LIMIT // 5)))
        status, problem = all_of(connection)  # the body has not ended, nor will it
    assert (status, problem["status"], problem["code"]) == (413, 413, "too-large")


@pytest.mark.parametrize("drip", [b"", b"xxxx"])
def test_a_body_that_stalls_is_dropped(server: RunningServer, clean: None, drip: bytes) -> None:
    with closing(connect(server)) as connection:
        connection.sendall(upload_head(server, "Content-Length: 100000") + PART + drip)
        status, problem = all_of(connection)
    assert (status, problem["code"]) == (408, "timeout")


def test_a_client_that_goes_away_leaves_nothing(server: RunningServer, clean: None) -> None:
    with closing(connect(server)) as connection:
        connection.sendall(upload_head(server, "Content-Length: 300000") + PART + bytes(270_000))
        eventually(lambda: any((server.store.data / "uploads").iterdir()))


def test_only_so_many_uploads_at_once(server: RunningServer, clean: None) -> None:
    with server.context.uploads.one(), server.context.uploads.one():
        third = server.try_upload(b"content")
        assert (third.status_code, third.json()["code"]) == (503, "unavailable")
        assert int(third.headers["retry-after"]) > 0
        assert server.client.get("/healthz").status_code == 200
    assert server.client.delete(server.upload(b"content")["links"]["self"]).status_code == 204


def test_a_full_disk_is_told(
    server: RunningServer, described: Described, clean: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("stills.service.forms.os.write", full)
    answer = described.check(server.try_upload(b"content"))
    assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")
    assert str(server.store.data) not in answer.text


def test_jobs_that_are_wrong_are_refused(server: RunningServer, described: Described, clean: None) -> None:
    def refused(answer: httpx.Response) -> tuple[int, str]:
        problem = described.check(answer).json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["status"] == answer.status_code
        return answer.status_code, problem["code"]

    def form(content: bytes = b"x", **fields: Any) -> tuple[int, str]:
        return refused(server.try_upload(content, **fields))

    def sent(body: Any, kind: str = "application/json") -> tuple[int, str]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return refused(server.client.post("/v1/jobs", content=content, headers={"Content-Type": kind}))

    assert form(b"") == (422, "not-a-video")
    assert form(recipe="films") == (422, "invalid-request")
    assert form(options="{") == (400, "invalid-request")
    assert form(options="[]") == (422, "invalid-request")
    assert form(options='{"a": ' * 99999) == (413, "too-large")
    assert form(options="[" * 60000) == (400, "invalid-request")
    assert form(options='{"keyframes": {"start": NaN}}') == (400, "invalid-request")
    assert form(options='{"output": {"name_template": "\\ud800"}}') == (422, "invalid-request")
    assert form(recipe="keyframes", options='{"keyframes": {"target": 0}}') == (422, "settings")
    assert form(recipe="keyframes", options='{"jobs": {"database": "sqlite://"}}') == (422, "settings")
    assert form(recipe="keyframes", options='{"models_dir": "/etc"}') == (422, "settings")
    assert form(webhook="https://hooks.example.org/x") == (422, "address-refused")
    assert sent({"source": "https://media.example.org/film.mp4"}) == (422, "address-refused")
    assert sent({"source": "file:///etc/passwd"}) == (422, "address-refused")
    assert sent({}) == (422, "invalid-request")
    assert sent(b"\xff{") == (400, "invalid-request")
    assert sent(b'"' + bytes(300_000)) == (413, "too-large")
    assert sent(b"x", "text/plain") == (415, "unsupported-media-type")
    assert sent(b"x", "multipart/form-data") == (400, "invalid-request")
    assert sent(b"--b--\r\n", "multipart/form-data; boundary=b") == (422, "invalid-request")


def test_what_there_is_not_is_told_as_a_problem(server: RunningServer, clean: None) -> None:
    missing = server.client.get("/v2/jobs?secret=1")
    assert (missing.status_code, missing.json()["code"], missing.json()["instance"]) == (404, "not-found", "/v2/jobs")
    wrong = server.client.patch("/v1/jobs")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method-not-allowed")
    assert wrong.headers["allow"] == "GET, POST"
    with closing(connect(server)) as connection:
        connection.sendall(b"this is no HTTP\r\n\r\n")
        assert all_of(connection)[0] == 400


def test_a_head_that_never_ends_is_not_waited_for(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stills.service.protocol.HEAD_S", 0.2)
    for begun in (b"", b"GET /healthz HTTP/1.1\r\nX: "):
        with closing(connect(server)) as connection:
            connection.sendall(begun)
            assert connection.recv(1) == b""


def test_who_takes_nothing_of_an_answer_is_left(
    server: RunningServer, clean: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stills.service.protocol.DEAF_S", 0.2)
    job = server.upload(b"content")
    held = server.store.claim(server.store.begin_run("a test"))
    assert held is not None
    do(server.store, held, picture=os.urandom(20_000_000))
    picture = next(one for one in server.job(job)["artifacts"] if one["kind"] == "picture")
    connections = server.server.server_state.connections
    with closing(connect(server)) as connection:
        connection.sendall(f"GET {picture['url']} HTTP/1.1\r\nHost: {server.url[7:]}\r\n\r\n".encode())
        eventually(lambda: server.context.metrics.under_way._value.get() == 1)
        eventually(lambda: server.context.metrics.under_way._value.get() == 0)
    assert len(connections) <= 1
    assert len(server.client.get(picture["url"]).content) == picture["bytes"]
    server.client.delete(job["links"]["self"])


def test_a_bug_is_told_without_what_it_was(
    server: RunningServer, described: Described, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(server.store, "list", broken)
    answer = described.check(server.client.get("/v1/jobs"))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_queued_job_is_cancelled_and_erased(server: RunningServer, described: Described, clean: None) -> None:
    job = server.upload(b"content")
    home = job["links"]["self"]
    for link in ("result", "archive", "timeline"):
        early = described.check(server.client.get(job["links"][link]))
        assert (early.status_code, early.json()["code"]) == (409, "not-ready")
    assert described.check(server.client.post(job["links"]["select"], json={})).status_code == 409
    assert described.check(server.client.post(f"{home}/cancel")).json()["state"] == "cancelled"
    assert [name for _, name, _ in server.events(job)] == ["cancelled"]
    assert described.check(server.client.delete(home)).status_code == 204


def test_a_stream_of_events_lives_and_ends_with_its_job(
    server: RunningServer, clean: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stills.service.events.HEARTBEAT_S", 0.05)
    job = server.upload(b"content")
    with server.client.stream("GET", job["links"]["events"]) as left:
        assert left.headers["content-type"].startswith("text/event-stream")
        lines = left.iter_lines()
        while next(lines) != ": still there":
            pass
    eventually(lambda: not server.store.hub._hearers)  # who goes away is not told anything any more
    with server.client.stream("GET", job["links"]["events"]) as erased:
        lines = erased.iter_lines()
        while next(lines) != "event: progress":
            pass
        server.client.delete(job["links"]["self"])
        assert "event: done" not in list(lines)


def test_clients_see_their_own_jobs_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stills.service.jobs.runner.JobRunner._claim", lambda _: None)
    tokens = f"own {OWN}; other {OTHER}; own {READER} read; boss {ADMIN} admin; monitor {METER} metrics"
    with serving(tmp_path, token=OWN, tokens_text=tokens) as server:
        job = server.upload(b"content")
        home = job["links"]["self"]
        others: dict[str, Client] = {one: server.with_token(one) for one in (OTHER, READER, ADMIN, METER, "x" * 24)}
        for method, path in (("GET", home), ("GET", f"{home}/events"), ("DELETE", home), ("POST", f"{home}/cancel")):
            assert others[OTHER].client.request(method, path).status_code == 404
        assert others[OTHER].client.get("/v1/jobs").json()["jobs"] == []
        assert others[READER].client.get(home).json()["id"] == job["id"]
        for method, path in (("DELETE", home), ("POST", "/v1/jobs")):
            refused = others[READER].client.request(method, path)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert [one["id"] for one in others[ADMIN].client.get("/v1/jobs").json()["jobs"]] == [job["id"]]
        assert server.client.get("/metrics").status_code == 403
        paths = server.client.get("/openapi.json").json()["paths"]
        assert {path for path, one in paths.items() if not one[next(iter(one))]["security"]} == {"/healthz", "/readyz"}
        assert [others[one].client.get("/metrics").status_code for one in (ADMIN, METER, READER)] == [200, 200, 403]
        assert others[METER].client.get(home).status_code == 403
        for one in (others["x" * 24].client, httpx.Client(base_url=server.url)):
            unknown = one.get("/v1/jobs")
            assert (unknown.status_code, unknown.json()["code"]) == (401, "unauthorized")
            assert unknown.headers["www-authenticate"].startswith("Bearer")
            assert one.get("/healthz").status_code == one.get("/readyz").status_code // 200 * 200 or 503
            assert one.post("/v1/jobs", files={"file": ("f", bytes(2_000_000))}).status_code == 401
            one.close()
        for one in others.values():
            one.client.close()


def test_a_proxy_may_have_it_below_a_path(tmp_path: Path) -> None:
    with serving(tmp_path, base_path="/stills") as server:
        for path in ("/stills/v1/jobs", "/v1/jobs"):
            assert server.client.get(path).status_code == 200
        assert server.client.get("/openapi.json").json()["servers"] == [{"url": "/stills"}]
        links = server.upload(b"content")["links"]
        assert links["self"].startswith("/stills/v1/jobs/")
        assert server.client.get(links["self"]).status_code == 200


def test_the_document_is_whole(described: Described) -> None:
    operations = [
        (method, path, one) for path, methods in described.document["paths"].items() for method, one in methods.items()
    ]
    names = [one["operationId"] for _, _, one in operations]
    assert described.document["openapi"].startswith("3.1")
    assert len(names) == len(set(names)) >= 17
    for method, path, one in operations:
        assert one["tags"], path
        assert one["summary"], path
        assert one["description"], path
        assert one["security"] == []  # nobody has to say who they are
        for status, answer in one["responses"].items():
            for kind, content in answer.get("content", {}).items():
                schema = content["schema"]
                if kind.endswith("json"):
                    sample = example_of(described, content)
                    assert sample is not None, (method, path, status)
                    described.check_value(sample, schema)
        for kind, content in one.get("requestBody", {}).get("content", {}).items():
            sample = example_of(described, content)
            assert sample is not None or kind == "multipart/form-data"
            described.check_value(sample or {"file": "x"}, content["schema"])


def example_of(described: Described, content: Any) -> Any:
    """The example of a body: its own, or that of its schema."""
    if "example" in content:
        return content["example"]
    schema = content["schema"]
    if "$ref" in schema:
        schema = described.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return next(iter(schema.get("examples", [])), None)


def test_schemas_are_schemas(described: Described) -> None:
    for schema in described.document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_metric_is_in_the_docs(server: RunningServer) -> None:
    page = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    assert not [one.name for one in server.context.metrics.described if f"`{one.name}`" not in page]


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-999", (90, 100)),
        ("bytes=-30", (70, 100)),
        ("bytes=-300", (0, 100)),
        ("bytes=20-10", None),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("lines=1-2", None),
    ],
)
def test_ranges(asked: str, part: tuple[int, int] | None) -> None:
    assert range_of(asked, 100) == part


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_ranges_outside(asked: str) -> None:
    with pytest.raises(ProblemError) as caught:
        range_of(asked, 100)
    assert caught.value.headers == {"Content-Range": "bytes */100"}


def test_names_in_headers() -> None:
    assert disposition("a.jpg", download=False) == 'inline; filename="a.jpg"'
    told = disposition('ä"\r\n;%.jpg', download=True)
    assert told == "attachment; filename=\"____;_.jpg\"; filename*=UTF-8''%C3%A4%22%0D%0A%3B%25.jpg"


def test_options_in_sections_are_the_same_as_flat_ones() -> None:
    tree = {"keyframes": {"target": 3, "weights": {"faces": 2.0}}, "scan": {"effort": "fast"}, "strict": True}
    assert flat(tree) == {
        "keyframes.target": 3, "keyframes.weights": {"faces": 2.0}, "scan.effort": "fast", "strict": True,
    }  # fmt: skip
    assert nested(flat(tree)) == tree
