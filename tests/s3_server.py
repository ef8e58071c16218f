"""A server that speaks S3's protocol (moto's) on this machine, which counts the bytes that it gives away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

KEY = "AKIAEXAMPLEKEY"
SECRET = "s3cr3t-of-the-bucket"  # noqa: S105 - it opens nothing


class S3Server:
    """Buckets in memory. ``given`` are the bytes of all answers to GET, ``asked`` how many there were."""

    def __init__(self) -> None:
        import boto3
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.given = 0
        self.asked = 0
        self.refused: set[str] = set()
        self.most: int | None = None  # bytes of answers to GET after which it falls silent to who asks for parts
        self._over = threading.Event()
        self._lock = threading.Lock()
        app: Callable[..., Iterable[bytes]] = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._counted(app), threaded=True)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )

    def environment(self) -> dict[str, str]:
        """Where the platform's own chain of credentials finds what it needs."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def put(self, bucket: str, key: str, data: bytes) -> str:
        """Store an object, and the bucket where need be; its address."""
        if bucket not in {b["Name"] for b in self.client.list_buckets()["Buckets"]}:
            self.client.create_bucket(Bucket=bucket)
        self.client.put_object(Bucket=bucket, Key=key, Body=data)
        return f"s3://{bucket}/{key}"

    def get(self, bucket: str, key: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return data

    def keys(self, bucket: str) -> list[str]:
        return [item["Key"] for item in self.client.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def reset(self) -> None:
        self.given = self.asked = 0

    def go_on(self) -> None:
        """Answer what it was silent to, and all that comes."""
        self.most = None
        over, self._over = self._over, threading.Event()
        over.set()

    def close(self) -> None:
        self.go_on()
        self.client.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _counted(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            if environ["PATH_INFO"].strip("/").partition("/")[0] in self.refused:
                start_response("403 Forbidden", [("Content-Type", "application/xml")])
                return (
                    []
                    if environ["REQUEST_METHOD"] == "HEAD"
                    else [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]
                )
            if "HTTP_RANGE" in environ and self.most is not None and self.given > self.most:
                self._over.wait()
            parts = list(app(environ, start_response))
            if environ["REQUEST_METHOD"] == "GET":
                with self._lock:
                    self.asked += 1
                    self.given += sum(map(len, parts))
            return parts

        return answer


@contextmanager
def s3_serving() -> Iterator[S3Server]:
    server = S3Server()
    try:
        yield server
    finally:
        server.close()
