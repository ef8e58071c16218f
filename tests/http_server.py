"""A real HTTP server on this machine for tests of downloads, with every way to misbehave."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class Server:
    """Serves the files of a folder, and paths with a meaning: ``/status/404``, ``/short/NAME``, ``/silent``, …"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self.locations: dict[str, str] = {}  # where paths redirect to
        self.release = threading.Event()
        self.reached = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client may go away
                    outer.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def url(self, path: str, *, user: str = "") -> str:
        return f"http://{user + '@' if user else ''}{self.host}{path}"

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        self.asked[path] += 1
        self.headers[path] = dict(handler.headers.items())
        kind, _, name = path.strip("/").partition("/")
        if path in self.locations:
            handler.send_response(302)
            handler.send_header("Location", self.locations[path])
            handler.end_headers()
        elif kind == "status":
            handler.send_response(int(name))
            if int(name) == 503:
                handler.send_header("Retry-After", "0")
            handler.end_headers()
        elif kind == "flaky" and self.asked[path] == 1:
            handler.send_response(502)
            handler.end_headers()
        elif kind == "moved":
            handler.send_response(302)
            handler.send_header("Location", f"/{name}")
            handler.end_headers()
        elif kind == "out":
            handler.send_response(302)
            handler.send_header("Location", "file:///etc/hostname")
            handler.end_headers()
        elif kind == "silent":
            self.reached.set()
            self.release.wait(60)
        elif kind == "empty":
            self._send(handler, b"")
        elif kind == "rubbish":
            handler.wfile.write(b"\x00\xff no answer at all\r\n\r\n")
        elif kind == "html":
            self._send(handler, b"<!DOCTYPE html><html><body>Not found, sorry</body></html>")
        else:
            self._file(handler, kind, name or kind)

    def _file(self, handler: BaseHTTPRequestHandler, kind: str, name: str) -> None:
        path = self.folder / name
        if not path.is_file():
            handler.send_response(404)
            handler.end_headers()
            return
        data = path.read_bytes()
        if kind == "short":
            self._send(handler, data[: len(data) // 2], length=len(data))
        elif kind == "stalled":
            self._send(handler, data[: len(data) // 2], length=len(data))
            handler.wfile.flush()
            self.reached.set()
            self.release.wait(60)
        elif kind == "endless":
            self._send(handler, data, length=None)
        elif kind == "liar":
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for start in range(0, len(data), 100_000):
                part = data[start : start + 100_000]
                handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            handler.wfile.write(b"0\r\n\r\n")
        elif kind == "gzip":
            handler.send_response(200)
            handler.send_header("Content-Encoding", "gzip")
            handler.end_headers()
            handler.wfile.write(data)
        else:
            self._send(handler, data, length=len(data))

    def _send(self, handler: BaseHTTPRequestHandler, data: bytes, *, length: int | None = -1) -> None:
        handler.send_response(200)
        if length is not None:
            handler.send_header("Content-Length", str(len(data) if length == -1 else length))
        handler.end_headers()
        handler.wfile.write(data)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()
