"""Fetching what clients name: where connections go, where redirects may lead, and what becomes of bad servers."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import stills
from http_server import Server, serving
from stills.cancel import CancelToken
from stills.errors import (
    CancelledError,
    DownloadError,
    DownloadInterruptedError,
    OutputError,
    SettingsError,
    StillsError,
)
from stills.service.places import RefusedAddressError
from stills.service.sources import SourceTooLargeError, check_source, make_fetch
from stills.settings import Settings
from tls_server import tls_serving

DATA = bytes(range(256)) * 4096
SECRET = "s3cret"  # noqa: S105 - it opens nothing


def settings(*sources: str, **options: object) -> Settings:
    usual = {"service.sources": sources, "service.private_sources": True, "download_timeout": 20.0}
    return stills.load_settings(env={}, options={**usual, **options})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(DATA)
    with serving(folder) as one:
        yield one


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "job").mkdir()
    return tmp_path / "job" / "video"


def fetch(found: Settings, address: str, target: Path, token: CancelToken | None = None, **more: object) -> list[int]:
    """The bytes that were told on the way."""
    told: list[int] = []
    call = make_fetch(found, **more)  # type: ignore[arg-type]
    call(address, target, token or CancelToken(), lambda here, of: told.append(here))
    return told


def at(server: Server, **options: object) -> Settings:
    return settings(f"http://{server.host}/", **options)


def test_nothing_is_fetched_unless_the_settings_say_so() -> None:
    with pytest.raises(RefusedAddressError, match="upload"):
        check_source("https://media.example.org/x", settings())
    with pytest.raises(RefusedAddressError, match=r"https://evil\.example") as caught:
        check_source(f"https://evil.example/{SECRET}?{SECRET}", settings("media.example.org"))
    assert SECRET not in str(caught.value)
    check_source("https://media.example.org/x", settings("media.example.org"))


@pytest.mark.parametrize(
    "entry", ["https://x", "ftp://x/", "*", "*.", "a/b", "https://u@x/", "s3://bucket/films", "a b"]
)
def test_a_list_that_means_nothing_is_refused(entry: str) -> None:
    with pytest.raises(SettingsError):
        settings(entry)


# Where connections go


class Names:
    """A resolver that says what it is told to say, each time the next."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0)


def test_the_connection_goes_to_the_address_that_was_looked_at(server: Server, target: Path) -> None:
    port = int(server.host.rpartition(":")[2])
    names = Names(["127.0.0.1"])  # a second question would find nothing
    found = settings(f"http://media.example.org:{port}/")
    told = fetch(found, f"http://media.example.org:{port}/film.mp4?{SECRET}", target, resolve=names)
    assert target.read_bytes() == DATA
    assert (told[-1], names.asked) == (len(DATA), ["media.example.org"])
    assert server.headers["/film.mp4"]["Host"] == f"media.example.org:{port}"
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["10.0.0.1", "93.184.216.34"],
        ["::ffff:127.0.0.1"],
        ["fe80::1%lo"],
    ],
)
def test_a_name_that_leads_inside_is_not_connected_to(server: Server, target: Path, answer: list[str]) -> None:
    port = int(server.host.rpartition(":")[2])
    found = settings(f"http://media.example.org:{port}/", **{"service.private_sources": False})
    with pytest.raises(DownloadError, match=r"private address|this machine only") as caught:
        fetch(found, f"http://media.example.org:{port}/film.mp4?{SECRET}", target, resolve=Names(answer))
    assert not caught.value.retryable
    assert not set(answer) & set(str(caught.value).split()), "where the name leads is nobody's business"
    assert SECRET not in str(caught.value)
    assert not server.asked
    assert not target.exists()


def test_an_address_on_the_list_is_still_looked_at(server: Server, target: Path) -> None:
    with pytest.raises(DownloadError, match="is a private address"):
        fetch(at(server, **{"service.private_sources": False}), server.url("/film.mp4"), target)
    with pytest.raises(DownloadError, match="no address of a server"):
        fetch(settings("169.254.169.254"), "http://169.254.169.254/latest/meta-data/", target)
    assert not server.asked


def test_the_next_address_is_tried_where_one_does_not_answer(server: Server, target: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.2", 0))  # bound, and nobody listens
        port = int(server.host.rpartition(":")[2])
        found = settings(f"http://media.example.org:{port}/")
        names = Names(["127.0.0.2", "127.0.0.1"])
        fetch(found, f"http://media.example.org:{port}/film.mp4", target, resolve=names)
    assert target.read_bytes() == DATA


def test_the_certificate_is_that_of_the_name(tmp_path: Path, target: Path) -> None:
    with tls_serving(tmp_path, "media.example.org", DATA) as server:
        found = settings(f"https://media.example.org:{server.port}/", f"https://other.example:{server.port}/")

        def get(name: str, context: ssl.SSLContext | None) -> None:
            fetch(found, f"https://{name}:{server.port}/x", target, resolve=Names(["127.0.0.1"]), context=context)

        get("media.example.org", server.trusted)
        assert target.read_bytes() == DATA
        assert server.names == ["media.example.org"]
        target.unlink()
        for name, context in (("other.example", server.trusted), ("media.example.org", None)):
            with pytest.raises(DownloadError, match="certificate is not valid") as caught:
                get(name, context)
            assert not caught.value.retryable
            assert not target.exists()


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://evil.example/", "nothing is fetched from http://evil"),
        ("http://169.254.169.254/latest", "nothing is fetched from"),
        ("file:///etc/hostname", "begins with none of"),
        ("gopher://{host}/", "begins with none of"),
        ("http://u:p@{host}/film.mp4", "user or password"),
        ("http://{host}\\@evil.example/", "backslash"),
        ("//evil.example/film.mp4", "nothing is fetched from http://evil"),
        ("http://2130706433/", "not plain"),
        ("s3://bucket/film.mp4", "not HTTPS"),
        ("/again/film.mp4", "more than 5 times"),
        ("", "more than 5 times"),
    ],
)
def test_redirects_lead_nowhere_else(server: Server, target: Path, location: str, says: str) -> None:
    server.locations["/again/film.mp4"] = location.format(host=server.host)
    with pytest.raises(DownloadError, match=says) as caught:
        fetch(settings(f"http://{server.host}/", "s3://bucket/"), server.url("/again/film.mp4"), target)
    assert not caught.value.retryable
    assert not target.exists()
    assert server.asked.total() <= 6


def test_redirects_in_the_list_are_followed_and_looked_at_anew(server: Server, target: Path) -> None:
    port = int(server.host.rpartition(":")[2])
    found = settings(f"http://media.example.org:{port}/", f"http://cdn.example:{port}/")
    server.locations["/first"] = f"http://cdn.example:{port}/moved/film.mp4#x"
    names = Names(["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1"])
    fetch(found, f"http://media.example.org:{port}/first", target, resolve=names)
    assert names.asked == ["media.example.org", "cdn.example", "cdn.example"]
    assert target.read_bytes() == DATA
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    with pytest.raises(DownloadError, match="no address of a server"):
        fetch(found, f"http://media.example.org:{port}/first", target.with_name("other"), resolve=names)


# Bad servers


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/status/404", DownloadError), ("/status/403", DownloadError), ("/status/206", DownloadError),
        ("/status/204", DownloadError), ("/status/503", DownloadInterruptedError),
        ("/short/film.mp4", DownloadInterruptedError),
        ("/empty", DownloadError), ("/gzip/film.mp4", DownloadError), ("/rubbish", DownloadInterruptedError),
    ],
)  # fmt: skip
def test_what_is_no_file_leaves_nothing(server: Server, target: Path, path: str, kind: type[StillsError]) -> None:
    with pytest.raises(kind) as caught:
        fetch(at(server), server.url(f"{path}?{SECRET}"), target)
    assert caught.value.retryable == (kind is DownloadInterruptedError)
    assert SECRET not in str(caught.value)
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize("path", ["/film.mp4", "/endless/film.mp4", "/liar/film.mp4"])
def test_no_more_is_taken_than_is_allowed(server: Server, target: Path, path: str) -> None:
    told: list[int] = []
    with pytest.raises(SourceTooLargeError, match="larger than"):
        make_fetch(at(server, **{"service.upload_limit": "300KB"}))(
            server.url(path), target, CancelToken(), lambda here, of: told.append(here)
        )
    assert max(told, default=0) <= 300_000
    assert not target.exists()
    assert len(fetch(at(server, **{"service.upload_limit": len(DATA)}), server.url("/film.mp4"), target)) > 1


@pytest.mark.parametrize("path", ["/silent", "/stalled/film.mp4"])
def test_a_server_that_falls_silent_is_given_up(server: Server, target: Path, path: str) -> None:
    with pytest.raises(DownloadInterruptedError, match="does not answer"):
        fetch(at(server, download_timeout=0.2), server.url(path), target)
    with pytest.raises(DownloadInterruptedError, match=r"longer than 0\.3 s"):
        fetch(at(server, **{"service.fetch_timeout": 0.3}), server.url(path), target)
    assert not target.exists()


def test_a_cancel_ends_it(server: Server, target: Path) -> None:
    token, ended = CancelToken(), []

    def run() -> None:
        try:
            fetch(at(server, download_timeout=600), server.url("/stalled/film.mp4"), target, token)
        except CancelledError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert server.reached.wait(30)
    token.cancel()
    thread.join(30)
    assert not thread.is_alive()
    assert len(ended) == 1
    assert not target.exists()


def test_a_resolver_that_does_not_answer_is_not_waited_for(target: Path) -> None:
    token, asked, answer = CancelToken(), threading.Event(), threading.Event()

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.set()
        token.cancel()
        answer.wait(60)
        return ["127.0.0.1"]

    with pytest.raises(CancelledError):
        fetch(settings("media.example.org"), "https://media.example.org/x", target, token, resolve=resolve)
    answer.set()
    assert asked.is_set()


def test_a_name_that_is_not_there(target: Path) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    with pytest.raises(DownloadError, match="no such host"):
        fetch(settings("media.example.org"), "https://media.example.org/x", target, resolve=resolve)


def test_no_file_that_is_there_is_written_over(server: Server, target: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    target.symlink_to(precious)
    with pytest.raises(OutputError):
        fetch(at(server), server.url("/film.mp4"), target)
    assert precious.read_text() == "mine"
    assert target.is_symlink()


def test_proxies_of_the_environment_are_not_asked(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    fetch(at(server), server.url("/film.mp4"), target)
    assert target.read_bytes() == DATA


@pytest.mark.slow
def test_a_bucket_is_read_below_its_prefix_only(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from s3_server import s3_serving

    with s3_serving() as store:
        for name, value in store.environment().items():
            monkeypatch.setenv(name, value)
        film = store.put("films", "in/a film.mp4".replace(" ", "_"), DATA)
        secret, empty = store.put("films", "secret.mp4", DATA), store.put("films", "in/empty", b"")
        found = settings("s3://films/in/")
        monkeypatch.setattr("stills.service.sources._PART", 300_000)
        told = fetch(found, film, target)
        assert target.read_bytes() == DATA
        assert (told[0], told[-1]) == (300_000, len(DATA))
        store.reset()
        with pytest.raises(RefusedAddressError):
            fetch(found, secret, target.with_name("b"))
        assert store.asked == 0
        with pytest.raises(SourceTooLargeError):
            fetch(settings("s3://films/in/", **{"service.upload_limit": 1000}), film, target.with_name("c"))
        for address in (empty, "s3://films/in/missing"):
            with pytest.raises(DownloadError):
                fetch(found, address, target.with_name("d"))
        assert [one.name for one in target.parent.iterdir()] == ["video"]
