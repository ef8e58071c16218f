"""Requests that keep to no rule: bodies, names and headers as no client sends them, from a socket of our own."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import io
import itertools
import json
import select
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from canary import Canary

LONG = 90.0
BOUNDARY = b"xXxBOUNDARYxXx"
FORM = b"multipart/form-data; boundary=" + BOUNDARY


@dataclass(frozen=True)
class Target:
    """Whom to attack, and with what."""

    host: str
    port: int
    canary: Canary
    film: bytes
    """A film in which there is nothing wrong."""
    upload_limit: int
    idle_s: float
    """Seconds after which a body that stalls is dropped."""
    done: Mapping[str, Any]
    """A job that is done."""


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, where it is JSON; else an empty object."""
        with contextlib.suppress(ValueError):
            return json.loads(self.body)
        return {}


@dataclass(frozen=True)
class Attack:
    """Something that is sent, and what may be answered; ``None``: the connection ends without an answer."""

    send: Callable[[Target], Reply | None]
    allowed: frozenset[int | None]


def talk(
    target: Target, data: bytes | Iterable[bytes], *, end: bool = False, pace_s: float | None = None
) -> Reply | None:
    """Send ``data`` (pieces, as they come) and say what is answered. ``end``: nothing more comes, and that is said.

    With ``pace_s`` so long passes between two pieces, and what is answered meanwhile ends the sending.
    """
    with socket.create_connection((target.host, target.port), timeout=LONG) as connection:
        with contextlib.suppress(ConnectionError):  # it need not read all of it
            for piece in (data,) if isinstance(data, bytes) else data:
                connection.sendall(piece)
                if pace_s is not None and select.select([connection], [], [], pace_s)[0]:
                    break
            if end:
                connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        try:
            answer.begin()
            body = answer.read()
        except (ConnectionError, http.client.HTTPException):
            return None
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)


def leave(target: Target, data: bytes) -> None:
    """Send ``data`` and go away, without listening."""
    with socket.create_connection((target.host, target.port), timeout=LONG) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        connection.sendall(data)


def head(target: Target, method: bytes, path: bytes, *headers: bytes, version: bytes = b"1.1") -> bytes:
    """The beginning of a request; its body follows."""
    host = f"Host: {target.host}:{target.port}".encode()
    return b"\r\n".join((method + b" " + path + b" HTTP/" + version, host, *headers, b"", b""))


def part(name: bytes, content: bytes, filename: bytes | None = None, *headers: bytes) -> bytes:
    """A part of a form, from its boundary on."""
    said = b'form-data; name="' + name + b'"' + (b"" if filename is None else b'; filename="' + filename + b'"')
    lines = b"--" + BOUNDARY, b"Content-Disposition: " + said, *headers, b"", content
    return b"\r\n".join(lines) + b"\r\n"


END = b"--" + BOUNDARY + b"--\r\n"
RECIPE = part(b"recipe", b"keyframes")


def post(target: Target, body: bytes, content_type: bytes = FORM, *headers: bytes, path: bytes = b"/v1/jobs") -> bytes:
    """A whole request with a body."""
    told = b"Content-Type: " + content_type, b"Content-Length: %d" % len(body)
    return head(target, b"POST", path, *told, *headers) + body


def upload(name: bytes, content: bytes, *, content_type: bytes = b"video/mp4", recipe: str = "keyframes") -> bytes:
    """A form with a file."""
    return part(b"recipe", recipe.encode()) + part(b"file", content, name, b"Content-Type: " + content_type) + END


def _all(*statuses: int | None) -> frozenset[int | None]:
    return frozenset(statuses)


TAKEN, BAD = _all(202), _all(400)


def names(canary: Canary) -> Mapping[str, Attack]:
    """Names of files that want to be paths, addresses, options or headers. The film is a good one, and is done."""
    text, url = str(canary.text), canary.url
    given = {
        "up": b"../../../../owned.mp4", "root": b"/etc/passwd", "canary": text.encode(), "back": b"..\\..\\owned.mp4",
        "drive": b"C:\\Windows\\owned.mp4", "device": b"CON", "device-2": b"nul.mp4", "nul": b"a\0b.mp4", "dot": b".",
        "dots": b"..", "none": b"", "blank": b" ", "tab": b"\t", "long": b"x" * 4096 + b".mp4", "dash": b"-i",
        "bidi": "\u202egpm.mp4".encode(), "picture": "🎬 映画.mp4".encode(), "bytes": b"\xff\xfe.mp4",
        "percent": b"%2e%2e%2fowned", "shell": b"$(touch owned);`touch owned`", "quotes": b'\\"a\\"',
        "page": b"<script>alert(1)</script>.mp4",
        "file-url": f"file://{text}".encode(), "subfile": f"subfile,,start,0,end,64,,:{text}".encode(),
        "concat": f"concat:{text}|{text}".encode(), "address": f"{url}/film.mp4".encode(), "pipe": b"|cat /etc/passwd",
        "pattern": f"{canary.folder}/picture%04d.jpg".encode(), "pattern-2": b"picture%04d.jpg", "glob": b"*.jpg",
        "state": b".stills", "result": b"keyframes.json", "escape": b"\x1b[31mred.mp4", "semicolon": b"a;b=c.mp4",
        "s3": b"s3://bucket/film.mp4", "format": b"%s%n{0}{x}", "sql": b"'; DROP TABLE service_jobs;--",
    }  # fmt: skip
    attacks = {name: partial(_send_name, given=one) for name, one in given.items()}
    lines = b"film.mp4\r\nX-Owned: 1\r\n\r\n<script>"
    return {
        **{f"name-{name}": Attack(send, TAKEN) for name, send in attacks.items()},
        "name-nul": Attack(attacks["nul"], _all(202, 400)),
        "name-lines": Attack(partial(_send_name, given=lines), _all(202, 400)),
        "name-star": Attack(_send_star, TAKEN),
    }


def _send_name(target: Target, given: bytes) -> Reply | None:
    return talk(target, post(target, upload(given, target.film)))


def _send_star(target: Target) -> Reply | None:
    said = b"Content-Disposition: form-data; name=\"file\"; filename=a.mp4; filename*=UTF-8''..%2F..%2Fowned.mp4"
    file = b"\r\n".join((b"--" + BOUNDARY, said, b"", target.film)) + b"\r\n"
    return talk(target, post(target, RECIPE + file + END))


def forms() -> Mapping[str, Attack]:
    """Forms that are none."""
    film = part(b"file", b"film", b"a.mp4")
    nested = b"multipart/mixed; boundary=inner"
    inner = b"--inner\r\nContent-Disposition: file; filename=a\r\n\r\nx\r\n--inner--"
    unnamed = b"--" + BOUNDARY + b"\r\nContent-Disposition: form-data\r\n\r\nx\r\n"
    bare = b"--" + BOUNDARY + b"\r\n\r\nx\r\n"
    many = b"".join(part(b"f%d" % n, b"") for n in range(10_000))
    headers = (b"X-%d: y" % n for n in range(20_000))
    bodies: dict[str, tuple[bytes, frozenset[int | None]]] = {
        "empty": (b"", BAD),
        "only-end": (END, _all(400, 422)),
        "no-file": (RECIPE + END, _all(422)),
        "no-end": (RECIPE + film, BAD),
        "half-end": (RECIPE + film + END[:-6], BAD),
        "in-header": (RECIPE + b"--" + BOUNDARY + b"\r\nContent-Dispo", BAD),
        "in-part": (RECIPE + film[:-5], BAD),
        "preamble": (b"x" * (1 << 20) + b"\r\n" + RECIPE + film + END, _all(202, 400, 413)),
        "epilogue": (RECIPE + film + END + b"x" * (1 << 19), _all(202, 400, 413)),
        "line-feeds": ((RECIPE + film + END).replace(b"\r\n", b"\n"), BAD),
        "other-boundary": ((RECIPE + film + END).replace(BOUNDARY, b"other"), BAD),
        "two-files": (film + film + END, _all(422)),
        "two-recipes": (RECIPE + RECIPE + film + END, _all(422)),
        "unknown-field": (part(b"path", b"/etc/passwd") + film + END, _all(422)),
        "poster": (RECIPE + film + part(b"poster", b"x", b"../p.jpg") + END, _all(202, 422)),
        "file-as-field": (part(b"file", b"x") + END, _all(202, 422)),
        "field-as-file": (part(b"recipe", b"keyframes", b"../x") + film + END, _all(202, 422)),
        "giant-field": (part(b"options", b'{"a":"' + b"x" * (1 << 20) + b'"}') + film + END, _all(413)),
        "many-fields": (many + film + END, _all(422)),
        "no-name": (unnamed + film + END, BAD),
        "no-disposition": (bare + film + END, BAD),
        "long-name": (part(b"n" * 200_000, b"x") + film + END, _all(400, 413, 422)),
        "many-headers": (part(b"file", b"x", b"a", *headers) + END, _all(202, 400, 413)),
        "long-header": (part(b"file", b"x", b"a", b"X: " + b"y" * (1 << 20)) + END, _all(202, 400, 413)),
        "bad-header": (part(b"file", b"x", b"a", b"X\0Y: z", b": z") + END, _all(202, 400)),
        "nested": (part(b"file", inner, b"a", b"Content-Type: " + nested) + END, TAKEN),
        "base64": (part(b"file", b"Li4v", b"a", b"Content-Transfer-Encoding: base64") + END, TAKEN),
        "latin": (part(b"recipe", b"keyfr\xe4mes") + film + END, _all(422)),
        "recipe-path": (part(b"recipe", b"../../keyframes") + film + END, _all(422)),
    }
    types = {
        "no-boundary": b"multipart/form-data", "no-boundary-2": b"multipart/form-data; boundary=",
        "long-boundary": b"multipart/form-data; boundary=" + b"x" * 5000, "mixed": FORM.replace(b"form-data", b"mixed"),
        "text": b"text/plain", "urlencoded": b"application/x-www-form-urlencoded", "json": b"application/json",
        "video": b"video/mp4", "none": b"", "garbage": b"\xff;;;=,", "two-boundaries": FORM + b"; boundary=other",
        "xml": b'application/xml; charset="', "long-type": b"multipart/form-data; x=" + b"y" * 30_000,
    }  # fmt: skip
    whole = RECIPE + film + END
    return {
        **{f"form-{name}": Attack(partial(_send_form, body=body), allowed) for name, (body, allowed) in bodies.items()},
        **{
            f"type-{name}": Attack(partial(_send_form, body=whole, content_type=one), _all(202, 400, 415, 431))
            for name, one in types.items()
        },
    }


def _send_form(target: Target, body: bytes, content_type: bytes = FORM) -> Reply | None:
    return talk(target, post(target, body, content_type))


def lengths() -> Mapping[str, Attack]:
    """Bodies that are longer, shorter, slower or other than they say; clients that go away."""
    gone: frozenset[int | None] = _all(None)
    extended = b"5;" + b"x" * 200_000 + b"\r\nhello\r\n0\r\n\r\n"
    return {
        "length-short": Attack(partial(_with_length, told=b"200"), BAD),
        "length-long": Attack(partial(_with_length, told=b"999999", end=True), _all(None, 400)),
        "length-minus": Attack(partial(_with_length, told=b"-1"), BAD),
        "length-word": Attack(partial(_with_length, told=b"1e3"), BAD),
        "length-plus": Attack(partial(_with_length, told=b"+10"), BAD),
        "length-huge": Attack(partial(_with_length, told=b"9" * 18), _all(413)),
        "length-beyond": Attack(partial(_with_length, told=b"9" * 40), _all(400, 413)),
        "length-two": Attack(partial(_with_length, told=b"20\r\nContent-Length: 30"), BAD),
        "length-and-chunks": Attack(partial(_with_length, told=b"20\r\nTransfer-Encoding: chunked"), BAD),
        "too-large": Attack(partial(_too_large, chunked=False), _all(413)),
        "too-large-chunks": Attack(partial(_too_large, chunked=True), _all(413)),
        "chunks": Attack(_chunks, TAKEN),
        "chunk-huge": Attack(partial(_chunk, raw=b"ffffffffffffffff0\r\nx"), _all(None, 400, 413)),
        "chunk-minus": Attack(partial(_chunk, raw=b"-5\r\nhello\r\n0\r\n\r\n"), _all(None, 400)),
        "chunk-word": Attack(partial(_chunk, raw=b"zz\r\nhello\r\n0\r\n\r\n"), _all(None, 400)),
        "chunk-extension": Attack(partial(_chunk, raw=extended), _all(None, 400)),
        "encoding-unknown": Attack(partial(_coded, coding=b"Transfer-Encoding: gzip"), _all(400, 501)),
        "gzip-bomb": Attack(partial(_coded, coding=b"Content-Encoding: gzip"), _all(400, 415)),
        "deflate": Attack(partial(_coded, coding=b"Content-Encoding: deflate"), _all(400, 415)),
        "expects": Attack(_expects, _all(202, 100)),
        "stalls": Attack(_stalls, _all(408)),
        "drips": Attack(_drips, _all(408)),
        "gone-in-head": Attack(partial(_leave, share=None), gone),
        "gone-in-body": Attack(partial(_leave, share=0.5), gone),
        "gone-at-end": Attack(partial(_leave, share=1.0), gone),
        "half-closed": Attack(_half_closed, _all(None, 400)),
    }  # fmt: skip


def _with_length(target: Target, told: bytes, *, end: bool = False) -> Reply | None:
    start = head(target, b"POST", b"/v1/jobs", b"Content-Type: " + FORM, b"Content-Length: " + told)
    return talk(target, start + upload(b"a.mp4", b"film"), end=end)


def _too_large(target: Target, *, chunked: bool) -> Reply | None:
    size = target.upload_limit + (3 << 20)
    told = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    piece = bytes(1 << 16)

    def sent() -> Iterable[bytes]:
        yield head(target, b"POST", b"/v1/jobs", b"Content-Type: " + FORM, told)
        for number in range(size // len(piece)):
            data = part(b"file", b"", b"a.mp4")[:-2] if number == 0 else piece
            yield b"%x\r\n%s\r\n" % (len(data), data) if chunked else data

    return talk(target, sent())


def _chunks(target: Target) -> Reply | None:
    body = io.BytesIO(upload(b"chunks.mp4", target.film))
    start = head(target, b"POST", b"/v1/jobs", b"Content-Type: " + FORM, b"Transfer-Encoding: chunked")
    pieces = iter(lambda: body.read(7), b"")
    return talk(
        target, start + b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\nX-Late: 1\r\n\r\n"
    )


def _chunk(target: Target, raw: bytes) -> Reply | None:
    start = head(target, b"POST", b"/v1/jobs", b"Content-Type: " + FORM, b"Transfer-Encoding: chunked")
    return talk(target, start + raw, end=True)


def _coded(target: Target, coding: bytes) -> Reply | None:
    packed = gzip.compress(upload(b"a.mp4", bytes(64 << 20)))
    start = head(target, b"POST", b"/v1/jobs", b"Content-Type: " + FORM, coding, b"Content-Length: %d" % len(packed))
    return talk(target, start + packed)


def _expects(target: Target) -> Reply | None:
    body = upload(b"expects.mp4", target.film)
    length = b"Content-Length: %d" % len(body)
    return talk(
        target, head(target, b"POST", b"/v1/jobs", b"Content-Type: " + FORM, length, b"Expect: 100-continue") + body
    )


def _stalls(target: Target) -> Reply | None:
    start = head(target, b"POST", b"/v1/jobs", b"Content-Type: " + FORM, b"Content-Length: 100000")
    return talk(target, start + part(b"file", bytes(2000), b"a.mp4"))


def _drips(target: Target) -> Reply | None:
    """A byte now and then, until it is refused."""
    start = head(target, b"POST", b"/v1/jobs", b"Content-Type: " + FORM, b"Content-Length: 100000")
    drops = itertools.repeat(b"x", 50)
    return talk(target, itertools.chain((start, part(b"file", b"", b"a.mp4")[:-2]), drops), pace_s=target.idle_s / 5)


def _leave(target: Target, share: float | None) -> None:
    request = post(target, upload(b"gone.mp4", target.film))
    leave(target, request[:40] if share is None else request[: int(len(request) * share)])


def _half_closed(target: Target) -> Reply | None:
    request = post(target, upload(b"gone.mp4", target.film))
    return talk(target, request[: len(request) // 2], end=True)
