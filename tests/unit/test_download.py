"""Downloads from a real server on this machine: bounded, tried again, stopped at once, and discreet."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from http_server import Server, serving
from stills.cancel import CancelToken
from stills.errors import (
    CancelledError,
    DownloadError,
    DownloadInterruptedError,
    LimitError,
    OutputError,
    StillsError,
)
from stills.jobs.addresses import clean, is_address, local_path, shown
from stills.jobs.download import fetch, unsupported

DATA = bytes(range(256)) * 4096
SECRET = "s3cret"  # noqa: S105 - it opens nothing


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(DATA)
    with serving(folder) as one:
        yield one


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads"


def get(address: str, folder: Path, **options: object) -> Path:
    usual = {"max_bytes": 10_000_000, "timeout": 20.0, "retries": 0, "retry_delay": 0.0}
    return fetch(address, folder, **{**usual, **options})  # type: ignore[arg-type]


def test_a_file_arrives_whole_under_its_name(server: Server, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    path = get(server.url("/film.mp4?token=1#x"), target, on_bytes=lambda *seen: told.append(seen))
    assert path == target / "film.mp4"
    assert path.read_bytes() == DATA
    assert told[-1] == (len(DATA), len(DATA))
    assert get(server.url("/endless/film.mp4"), target / "b").read_bytes() == DATA
    assert get(server.url("/moved/film.mp4"), target / "c").read_bytes() == DATA


def test_a_name_of_the_server_never_becomes_a_path(server: Server, target: Path) -> None:
    (server.folder / "..%2f..%2fevil").write_bytes(b"x")
    with pytest.raises(DownloadError):
        get(server.url("/%2e%2e%2f%2e%2e%2fevil"), target)
    assert get(server.url("/html/..%2f..%2fevil"), target).parent == target


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/gone.mp4", "the file is not there (404"),
        ("/status/410", "the file is gone (410"),
        ("/status/403", "the server refuses access (403"),
        ("/status/401", "wants a user and password"),
        ("/status/418", "the server refused (418"),
        ("/out", "or to something that is not HTTP (302 Found)"),
    ],
)
def test_what_is_not_there_is_asked_for_once(path: str, says: str, server: Server, target: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        get(server.url(path), target, retries=3)
    assert says in str(caught.value)
    assert not caught.value.retryable
    assert server.asked[path] == 1
    assert list(target.iterdir()) == []


def test_what_may_pass_is_tried_again(server: Server, target: Path) -> None:
    assert get(server.url("/flaky/film.mp4"), target, retries=1).read_bytes() == DATA
    for path in ("/status/503", "/short/film.mp4"):
        with pytest.raises(DownloadInterruptedError) as caught:
            get(server.url(path), target / "b", retries=2)
        assert caught.value.retryable
        assert server.asked[path] == 3
    assert "after 524288 of 1048576 bytes" in str(caught.value)
    assert list((target / "b").iterdir()) == []


def test_a_server_that_is_not_there(target: Path) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with pytest.raises(DownloadInterruptedError, match="refuses connections"):
        get(f"http://127.0.0.1:{port}/film.mp4", target)
    with pytest.raises(DownloadError, match="host"):
        get("http://no-such-host.invalid/film.mp4", target)


def test_a_file_that_is_too_large_is_not_fetched(server: Server, target: Path) -> None:
    for path in ("/film.mp4", "/endless/film.mp4"):  # one says so, the other has to be measured
        with pytest.raises(LimitError, match="--max-download"):
            get(server.url(path), target, max_bytes=1_000_000)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("path", ["/silent", "/stalled/film.mp4"])
def test_a_server_that_says_nothing_is_given_up(path: str, server: Server, target: Path) -> None:
    with pytest.raises(DownloadInterruptedError, match=r"no byte came for|does not answer"):
        get(server.url(path), target, timeout=0.3)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("path", ["/silent", "/stalled/film.mp4"])
def test_a_cancel_is_seen_at_once(path: str, server: Server, target: Path) -> None:
    token = CancelToken()

    def cancel() -> None:
        server.reached.wait(20)
        token.cancel()

    threading.Thread(target=cancel, daemon=True).start()
    started = time.monotonic()
    with pytest.raises(CancelledError):
        get(server.url(path), target, timeout=50.0, cancel=token)
    assert time.monotonic() - started < 15
    assert list(target.iterdir()) == []


def test_a_cancel_ends_the_pause_between_tries(server: Server, target: Path) -> None:
    token = CancelToken()
    threading.Timer(0.2, token.cancel).start()
    with pytest.raises(CancelledError):
        get(server.url("/status/500"), target, retries=5, retry_delay=3000.0, cancel=token)


def test_what_cannot_be_written_is_an_error_of_the_output(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        get(server.url("/film.mp4"), tmp_path / "file" / "below")
    (tmp_path / "full" / "film.mp4").mkdir(parents=True)
    with pytest.raises(OutputError):
        get(server.url("/film.mp4"), tmp_path / "full")


def test_a_password_goes_to_its_server_and_nowhere_else(
    server: Server, target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "stills")
    get(server.url("/moved/film.mp4", user=f"me:{SECRET}"), target)
    assert server.headers["/moved/film.mp4"]["Authorization"] == "Basic bWU6czNjcmV0"
    assert "Authorization" not in server.headers["/film.mp4"]
    said = [caplog.text]
    for path in ("/gone", "/status/500", "/short/film.mp4", "/silent"):
        with pytest.raises(StillsError) as caught:
            get(server.url(f"{path}?sig={SECRET}", user=f"me:{SECRET}"), target, timeout=0.3, retries=1)
        said.append(str(caught.value))
        assert server.host in said[-1]
    assert not any(SECRET in text for text in [*said, caplog.text])


def test_addresses_are_shown_without_what_is_secret() -> None:
    assert shown(f"https://me:{SECRET}@host:8080/a/b.mp4?X={SECRET}#f") == "https://host:8080/a/b.mp4?…"
    assert shown(f"s3://key:p@{SECRET}@bucket/film.mp4") == "s3://bucket/film.mp4"
    assert shown("films/a?b#c.mp4") == "films/a?b#c.mp4"
    assert SECRET not in clean(f"could not open 'https://me:{SECRET}@host/a?x={SECRET}', tried http://h/?{SECRET}")
    assert [is_address(text) for text in ("https://x/y", "C:\\films\\a.mp4", "a:b", "memory://x", "/a//b")] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert local_path("file://localhost/a%20b") == "/a b"
    assert local_path("https://host/a") is None


def test_stores_that_fsspec_knows(target: Path) -> None:
    import fsspec

    with fsspec.open("memory://bucket/film.mp4", "wb") as file:
        file.write(DATA)
    assert get("memory://bucket/film.mp4", target).read_bytes() == DATA
    with pytest.raises(DownloadError, match="not there"):
        get("memory://bucket/gone.mp4", target)
    with pytest.raises(LimitError):
        get("memory://bucket/film.mp4", target / "b", max_bytes=10)
    assert unsupported("memory://bucket/film.mp4") is None
    assert unsupported("https://host/film.mp4") is None
    assert "no valid address" in str(unsupported("https:///film.mp4"))
    assert "no valid address" in str(unsupported("https://host:port/film.mp4"))
    assert "nothing that can be fetched" in str(unsupported("nonsense://x"))


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "stills[remote]" in str(unsupported("s3://bucket/film.mp4"))
    assert unsupported("https://host/film.mp4") is None
