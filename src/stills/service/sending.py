"""Sending what lies on the disk: whole or a range of it, and archives that are made while they are sent."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from stills.errors import StillsError
from stills.service.jobs import NoJobError
from stills.service.pools import Pool
from stills.service.problems import ProblemError

if TYPE_CHECKING:
    from typing_extensions import Buffer

PIECE_BYTES = 256 * 1024
"""What is read and sent at a time."""
CACHED = "private, no-cache"
"""Browsers keep it, and ask each time whether it still holds: an erased job is gone."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def json_response(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``document`` as JSON. Large ones take a while: call this in a thread."""
    body = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    return Response(body, status, dict(headers or {}), "application/json")


class _Open:
    """A file that is being sent, open: what happens to its name does not matter any more."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        known = os.fstat(self._file.fileno())
        self.size = known.st_size
        self.etag = f'"{known.st_size:x}-{known.st_mtime_ns:x}-{known.st_ino:x}"'

    def read(self, start: int, count: int) -> bytes:
        return os.pread(self._file.fileno(), count, start)

    def close(self) -> None:
        self._file.close()


async def send_file(
    request: Request, pool: Pool, path: Path, media_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A file, or the range of it that is asked for; nothing of it where the client has it already.

    Raises ``NoJobError`` where it was erased meanwhile, ``ProblemError`` (416).
    """
    try:
        file = await pool.run(_Open, path)
    except FileNotFoundError as error:
        raise NoJobError("there is no such job") from error
    except OSError as error:
        raise StillsError(f"a file cannot be read: {error.strerror}", path=str(path)) from error
    said = {"ETag": file.etag, "Cache-Control": CACHED, "Accept-Ranges": "bytes", **(headers or {})}
    if _has(request.headers.get("if-none-match", ""), file.etag):
        file.close()
        return Response(status_code=304, headers=said)
    asked = request.headers.get("range")
    if asked is not None and request.headers.get("if-range", file.etag) != file.etag:
        asked = None
    try:
        part = None if asked is None else range_of(asked, file.size)
    except ProblemError:
        file.close()
        raise
    start, end = (0, file.size) if part is None else part
    if part is not None:
        said["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    said["Content-Length"] = str(end - start)
    body = _pieces(pool, file, start, end)
    return StreamingResponse(body, 200 if part is None else 206, said, media_type)


async def _pieces(pool: Pool, file: _Open, start: int, end: int) -> AsyncIterator[bytes]:
    with closing(file):
        while start < end:
            piece = await pool.run(file.read, start, min(PIECE_BYTES, end - start))
            if not piece:
                raise StillsError("a file became shorter while it was sent")
            start += len(piece)
            yield piece


def range_of(asked: str, size: int) -> tuple[int, int] | None:
    """Where a range begins, and where it ends (the byte after it); ``None`` for all, as for ranges that we do not do.

    Raises ``ProblemError`` (416).
    """
    match = _RANGE.fullmatch(asked.replace(" ", ""))
    if match is None or match.group(0) == "bytes=-":
        return None  # several ranges, or another unit: to send all is right by RFC 9110
    first, last = match.groups()
    if first:
        start, end = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < int(first):
            return None
    else:
        start, end = max(0, size - int(last)), size
    if start >= end:
        raise ProblemError(
            416,
            f"the file has {size} bytes: nothing of it is in that range",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end


def _has(asked: str, etag: str) -> bool:
    return asked.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in asked.split(",")}


def disposition(name: str, *, download: bool) -> str:
    """``Content-Disposition`` for a file called ``name``, whatever is in that (RFC 6266)."""
    how = "attachment" if download else "inline"
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\%' else "_" for letter in name
    )
    text = f'{how}; filename="{plain}"'
    return text if plain == name else f"{text}; filename*=UTF-8''{quote(name, safe='')}"


class _Sink(io.RawIOBase):
    """Where an archive is written to: what was written since it was asked last. There is no going back in it."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        self._held.append(bytes(data))
        return len(self._held[-1])

    def take(self) -> bytes:
        data, self._held = b"".join(self._held), []
        return data


def archive(files: Sequence[tuple[str, Callable[[], Path]]]) -> Iterator[bytes]:
    """A ZIP of ``files`` (their names in it, and where they are), stored as they are, piece by piece.

    Raises what says where they are, and ``OSError``.
    """
    sink = _Sink()
    with zipfile.ZipFile(cast(BinaryIO, sink), "w", zipfile.ZIP_STORED, allowZip64=True) as made:
        for name, find in files:
            path = find()
            entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            with path.open("rb") as file, made.open(entry, "w") as target:
                while piece := file.read(PIECE_BYTES):
                    target.write(piece)
                    yield sink.take()
    yield sink.take()


async def in_thread(pool: Pool, made: Iterator[bytes]) -> AsyncIterator[bytes]:
    """What ``made`` gives, made in a thread; closed when whoever wants it went away."""
    try:
        while (piece := await pool.run(next, made, None)) is not None:
            if piece:
                yield piece
    finally:
        close = getattr(made, "close", None)
        if close is not None:
            close()
