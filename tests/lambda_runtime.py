"""AWS Lambda on this machine: its runtime API, and the real runtime interface client with our handler behind it."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from command import SOURCE

HANDLER = "stills.aws.handler.handler"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:stills"
_VERSION = "/2018-06-01/runtime/"

SEAL = """
mount -t tmpfs -o size=512m,mode=1777 tmpfs /tmp &&
mount -t tmpfs -o ro,size=4k,mode=0555 tmpfs /dev/shm &&
mount -o remount,ro,bind / &&
exec "$@"
"""
"""Nothing but 512 MB in /tmp can be written, and there is no shared memory: as in Lambda."""


@cache
def sealing() -> list[str] | None:
    """What goes before a command to have it sealed in; ``None`` where that is not allowed."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    wrapper = [unshare, "--mount", "--", "/bin/sh", "-c", SEAL, "sealed"]
    proof = "! touch /etc/of-a-test 2>/dev/null && ! touch /dev/shm/of-a-test 2>/dev/null && touch /tmp/of-a-test"
    tried = subprocess.run([*wrapper, "/bin/sh", "-c", proof], capture_output=True, check=False)
    return wrapper if tried.returncode == 0 else None


@dataclass(frozen=True)
class Reply:
    """What the function answered, or the error that it ended with."""

    value: Any
    error: dict[str, Any] | None
    seconds: float


class _Api(ThreadingHTTPServer):
    """The endpoints that a runtime polls and answers to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Calls)
        self.waiting: queue.Queue[tuple[str, bytes, float]] = queue.Queue()
        self.replies: dict[str, queue.Queue[tuple[str, bytes]]] = {}
        self.broken: queue.Queue[bytes] = queue.Queue()
        self.closed = False

    def handle_error(self, *_: object) -> None:
        """A client that was killed has nothing to say."""


class _Calls(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Api

    def do_GET(self) -> None:
        while not self.server.closed:
            try:
                name, body, deadline = self.server.waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            self.send_response(200)
            for header, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                "Lambda-Runtime-Aws-Request-Id": name,
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": ARN,
                "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000",
            }.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_error(500)

    def do_POST(self) -> None:
        body = self._body()
        what = self.path.removeprefix(_VERSION).split("/")
        if what[0] == "invocation":
            self.server.replies[what[1]].put((what[2], body))
        else:
            self.server.broken.put(body)
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Function:
    """A deployed function: one environment that is called again and again, as long as it is warm."""

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        memory_mb: int = 2048,
        wrapper: Sequence[str] = (),
        command: Sequence[str] | None = None,
        prefix: str = "",
    ) -> None:
        self._api = _Api()
        threading.Thread(target=self._api.serve_forever, daemon=True).start()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the function
        own = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "stills",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
            "AWS_REGION": "us-east-1",
            **env,
        }
        base = {**os.environ, "PYTHONPATH": str(SOURCE)}
        own = {prefix + name: value for name, value in own.items()}  # an image has an environment of its own
        self.process = subprocess.Popen(
            [*wrapper, *(command or (sys.executable, "-m", "awslambdaric", HANDLER))],
            env={**base, **own}, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def lines(self) -> list[dict[str, Any]]:
        """The answers in the log: they are JSON."""
        found = [line[line.index("{") :] for line in self.log.splitlines() if '"status":' in line]
        return [json.loads(line) for line in found]

    def invoke(self, event: Any, *, timeout: float = 120.0) -> Reply:
        """Call it with ``timeout`` seconds on the clock, and wait for what it says; past that it has timed out."""
        name = str(uuid.uuid4())
        replies = self._api.replies[name] = queue.Queue()
        started = time.monotonic()
        self._api.waiting.put((name, json.dumps(event).encode(), time.time() + timeout))
        while True:
            try:
                kind, body = replies.get(timeout=0.2)
                break
            except queue.Empty:
                waited = time.monotonic() - started
                assert self.process.poll() is None, f"it ended: {self.log}"
                assert self._api.broken.empty(), f"it could not begin: {self._api.broken.get()!r} {self.log}"
                assert waited < timeout, f"Task timed out after {timeout:.2f} seconds: {self.log}"
        seconds = time.monotonic() - started
        said = json.loads(body)
        return Reply(said, None, seconds) if kind == "response" else Reply(None, said, seconds)

    def close(self) -> None:
        self._api.closed = True
        self.process.kill()
        self.process.wait()
        self._api.shutdown()
        self._api.server_close()
        self._log.close()


@contextmanager
def deployed(env: Mapping[str, str], **options: Any) -> Iterator[Function]:
    """A function that is gone afterwards."""
    function = Function(env, **options)
    try:
        yield function
    finally:
        function.close()


def created(bucket: str, key: str) -> dict[str, Any]:
    """The notification of S3 that ``key``, as it is written there, was put into ``bucket``."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": key, "size": 1, "eTag": "0", "sequencer": "0"},
        },
    }
    return {"Records": [record]}


def queued(*bodies: Any) -> dict[str, Any]:
    """A batch of messages; what is no text becomes JSON. Their ids are ``m0``, ``m1``, …"""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": "handle",
                "body": body if isinstance(body, str) else json.dumps(body),
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:films",
            }
            for number, body in enumerate(bodies)
        ]
    }


def models_folder() -> Path:
    """Where this machine has the models."""
    from stills.models.store import models_dir

    return models_dir()
