"""A real receiver of OTLP over HTTP on this machine: it keeps the spans that it is sent, and can be told to be rude."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Seen:
    """A span as it came over the wire."""

    name: str
    trace: bytes
    span: bytes
    parent: bytes
    begin: int
    """Unix nanoseconds."""
    end: int
    attributes: dict[str, Any]
    links: tuple[bytes, ...]
    """Spans that it is linked to."""
    failed: bool
    said: str
    events: tuple[tuple[str, dict[str, Any]], ...]


@dataclass
class Receiver:
    """What was sent."""

    endpoint: str = ""
    spans: list[Seen] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    hang: threading.Event = field(default_factory=threading.Event)
    """Set it to have requests answered: they wait for it."""

    def named(self, name: str) -> list[Seen]:
        return [span for span in self.spans if span.name == name]

    def take(self, body: bytes) -> None:
        self.raw.append(body)
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            self.resources.append(_values(resource.resource.attributes))
            for scope in resource.scope_spans:
                for one in scope.spans:
                    events = tuple((event.name, _values(event.attributes)) for event in one.events)
                    self.spans.append(
                        Seen(
                            one.name,
                            one.trace_id,
                            one.span_id,
                            one.parent_span_id,
                            one.start_time_unix_nano,
                            one.end_time_unix_nano,
                            _values(one.attributes),
                            tuple(link.span_id for link in one.links),
                            one.status.code == 2,
                            one.status.message,
                            events,
                        )
                    )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def receiving(*, hang: bool = False) -> Iterator[Receiver]:
    """A receiver at a free port; with ``hang``, it takes requests and does not answer."""
    receiver = Receiver()
    if not hang:
        receiver.hang.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.headers.append(dict(self.headers))
            if not receiver.hang.wait(60):
                return
            if self.path == "/v1/traces":
                packed = self.headers.get("Content-Encoding") == "gzip"
                receiver.take(gzip.decompress(body) if packed else body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.hang.set()
        server.shutdown()
        server.server_close()
        thread.join()
