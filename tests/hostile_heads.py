"""Requests whose first lines are wrong: paths that want to leave, methods, headers, hosts, ranges; no HTTP at all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from hostile_requests import Attack, Reply, Target, head, talk


def _all(*statuses: int | None) -> frozenset[int | None]:
    return frozenset(statuses)


def heads() -> Mapping[str, Attack]:
    """Requests whose first lines are wrong, and paths that want to leave."""
    job = b"/v1/jobs/" + b"0" * 32
    paths = {
        "up": b"/../../../etc/passwd",
        "up-2": b"/v1/jobs/../../../etc/passwd",
        "up-3": b"/page/../../../../etc/passwd",
        "percent": b"/page/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "percent-2": b"/page/..%2f..%2f..%2fetc/passwd",
        "percent-3": b"/page/%252e%252e%252fetc/passwd",
        "back": b"/page/..\\..\\etc\\passwd",
        "slashes": b"//etc/passwd",
        "nul": b"/page/%00",
        "nul-2": job + b"%00",
        "utf8": b"/v1/jobs/%ff%fe",
        "overlong": b"/page/%c0%ae%c0%ae/",
        "long": b"/v1/jobs/" + b"a" * 60_000,
        "query": b"/v1/jobs?limit=99999999999999999999999",
        "query-2": b"/v1/jobs?cursor=%27%3BDROP+TABLE+service_jobs--",
        "query-3": b"/v1/jobs?state=done%00",
        "query-4": b"/v1/jobs?limit=" + b"9" * 5000,
        "query-5": b"/v1/jobs?" + b"&".join([b"limit=1"] * 5000),
        "upper": job.upper().replace(b"/V1/JOBS", b"/v1/jobs") + b"A",
        "digits": b"/v1/jobs/" + "٠".encode() * 32,
        "pts": job + b"/frames/999999999999999999999999999999.jpg",
        "pts-2": job + b"/frames/-1.jpg?width=99999",
        "absolute": b"http://127.0.0.1/v1/jobs/x",
        "wrong-escape": b"/v1/jobs/%zz",
        "star": b"*",
    }
    methods = (b"FOO", b"TRACE", b"CONNECT", b"PATCH", b"PUT", b"get", b"PROPFIND", b"X" * 5000)
    headers = {
        "many": tuple(b"X-%d: y" % n for n in range(5000)),
        "long": (b"X: " + b"y" * (1 << 20),),
        "nul": (b"X: a\0b",),
        "no-colon": (b"no colon",),
        "folded": (b"X: a\r\n b",),
        "blank-name": (b" X: y",),
        "two-hosts": (b"Host: x",),
        "websocket": (
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Key: eHh4",
            b"Sec-WebSocket-Version: 13",
        ),
        "h2c": (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
        "forwarded": (b"X-Forwarded-For: " + b"1.2.3.4, " * 5000 + b"x", b"X-Forwarded-Proto: gopher"),
        "forwarded-2": (b'Forwarded: for="[::1]:x";host=evil', b"X-Forwarded-Host: evil", b"X-Original-URL: /metrics"),
        "bearer": (b"Authorization: Bearer " + b"x" * 50_000,),
        "basic": (b"Authorization: Basic \xff\xfe",),
        "range": (b"Range: bytes=" + b",".join(b"%d-%d" % (n, n) for n in range(2000)),),
        "override": (b"X-HTTP-Method-Override: DELETE",),
        "etag": (b"If-None-Match: " + b'"x",' * 5000,),
        "accept": (b"Accept: " + b"a/b;q=0.1," * 2000,),
        "cookie": (b"Cookie: " + b"a=b;" * 9000,),
    }
    raw = {
        "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "http09": b"GET /healthz\r\n\r\n",
        "http3": b"GET /healthz HTTP/3.0\r\n\r\n",
        "nothing": b"\r\n" * 5000,
        "zeros": bytes(5000),
        "line": b"GET " + b"/" * 500_000,
        "no-host": b"GET /v1/jobs HTTP/1.1\r\n\r\n",
        "bytes": bytes(range(256)) * 10,
        "smuggle": b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nTransfer-Encoding : chunked\r\n"
        b"\r\n0\r\n\r\nG",
    }
    fine = _all(None, 200, 400, 404, 405, 414, 421, 422, 431, 501, 505)
    return {
        **{f"path-{name}": Attack(partial(_get, path=path), fine) for name, path in paths.items()},
        **{f"method-{name[:9].decode()}": Attack(partial(_method, method=name), _all(400, 405)) for name in methods},
        **{f"header-{name}": Attack(partial(_get, headers=one), fine) for name, one in headers.items()},
        **{f"raw-{name}": Attack(partial(_raw, data=data), fine) for name, data in raw.items()},
        **{f"host-{n}": Attack(partial(_host, host=host), _all(400, 421)) for n, host in enumerate(_STRANGERS)},
        **{f"origin-{n}": Attack(partial(_origin, origin=one), _all(403)) for n, one in enumerate(_SITES)},
        **{f"range-{n}": Attack(partial(_range, asked=one), _all(200, 206, 416)) for n, one in enumerate(_RANGES)},
        "artifact-up": Attack(partial(_of_done, path=b"/artifacts/..%2f..%2f..%2fetc%2fpasswd"), _all(404)),
        "artifact-root": Attack(partial(_of_done, path=b"/artifacts/%2fetc%2fpasswd"), _all(404)),
        "artifact-nul": Attack(partial(_of_done, path=b"/artifacts/keyframes.json%00.jpg"), _all(404, 422)),
        "artifact-long": Attack(partial(_of_done, path=b"/artifacts/" + b"x" * 30_000), _all(404, 422)),
        "frame-far": Attack(partial(_of_done, path=b"/frames/99999999999999999999.jpg"), _all(404, 422)),
    }


_STRANGERS = (
    b"evil.example.org",
    b"169.254.169.254",
    b"localhost.evil.example.org",
    b"127.0.0.1.nip.io",
    b"",
    b"a b",
    b"\xff",
)
_SITES = (
    b"https://evil.example.org",
    b"null",
    b"http://localhost.evil.example.org",
    b"file://",
    b"\xff",
    b"http://127.0.0.1:1",
)
_RANGES = (
    b"bytes=0-",
    b"bytes=-0",
    b"bytes=99999999999999999999-",
    b"bytes=5-2",
    b"bytes=" + b"0-0," * 3000 + b"1-1",
    b"x=0-1",
    b"bytes=-99999999999999999",
    b"bytes=a-b",
    b"\xff",
)


def _get(target: Target, path: bytes = b"/v1/jobs", headers: tuple[bytes, ...] = ()) -> Reply | None:
    return talk(target, head(target, b"GET", path, *headers))


def _method(target: Target, method: bytes) -> Reply | None:
    return talk(target, head(target, method, b"/v1/jobs"))


def _raw(target: Target, data: bytes) -> Reply | None:
    return talk(target, data, end=True)


def _host(target: Target, host: bytes) -> Reply | None:
    return talk(target, b"GET /v1/jobs HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")


def _origin(target: Target, origin: bytes) -> Reply | None:
    return talk(target, head(target, b"POST", b"/v1/jobs/%s/cancel" % _id(target), b"Origin: " + origin))


def _range(target: Target, asked: bytes) -> Reply | None:
    return _of_done(target, b"/result", b"Range: " + asked)


def _of_done(target: Target, path: bytes, *headers: bytes) -> Reply | None:
    return talk(target, head(target, b"GET", b"/v1/jobs/" + _id(target) + path, *headers))


def _id(target: Target) -> bytes:
    done: Mapping[str, Any] = target.done
    return bytes(done["id"].encode())
