"""A real HTTP server on this machine that gives parts of files, and can be told how to misbehave."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class RangeServer:
    """Serves ``files`` by path. ``asked`` are the parts that were asked for, ``given`` the bytes that were sent."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    authorization: list[str | None] = field(default_factory=list)
    given: int = 0
    drops: int = 0
    """So many answers end in the middle."""
    failures: int = 0
    """So many requests are answered by 503."""
    status: int | None = None
    """What every request is answered with."""
    tagged: bool = True
    """Whether files have an entity tag."""
    ranges: bool = True
    versions: dict[str, int] = field(default_factory=dict)
    host: str = ""

    def replace(self, path: str, data: bytes) -> None:
        self.files[path] = data
        self.versions[path] = self.versions.get(path, 0) + 1

    def url(self, path: str, *, user: str = "", query: str = "") -> str:
        return f"http://{user + '@' if user else ''}{self.host}{path}{'?' + query if query else ''}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        self.authorization.append(handler.headers.get("Authorization"))
        tag = f'"v{self.versions.get(path, 0)}"'
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("Range", ""))
        data = self.files.get(path)
        status = self.status
        if status is None and self.failures > 0:
            self.failures -= 1
            status = 503
        if status is None and data is None:
            status = 404
        if status is None and handler.headers.get("If-Match", tag) != tag:
            status = 412
        if status is None and wanted and data is not None and int(wanted[1]) >= len(data) and self.ranges:
            status = 416
        if status is not None or data is None:
            handler.send_response(status or 404)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        start, stop, code = 0, len(data), 200
        if wanted and self.ranges:
            start, stop, code = int(wanted[1]), min(len(data), int(wanted[2]) + 1), 206
            self.asked.append((path, start, stop))
        handler.send_response(code)
        if code == 206:
            handler.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        if self.tagged:
            handler.send_header("ETag", tag)
        handler.send_header("Content-Length", str(stop - start))
        handler.end_headers()
        if self.drops > 0 and stop - start > 1:
            self.drops -= 1
            stop = start + (stop - start) // 2
        self.given += stop - start
        handler.wfile.write(data[start:stop])


@contextmanager
def range_serving(**files: bytes) -> Iterator[RangeServer]:
    """A server of ``files``: ``film`` is at ``/film.mp4``."""
    one = RangeServer({f"/{name}.mp4": data for name, data in files.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client may go away
                one.answer(self)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    one.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
