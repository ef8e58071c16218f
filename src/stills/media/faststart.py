"""Moving the index of an MP4 in front of its pictures, so that it plays while it loads.

FFmpeg does that too (``movflags=+faststart``), but inside one call, with Python's lock held: nobody would hear from a
process that copies gigabytes. Layout of the boxes: ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from stills.errors import CorruptVideoError

CHUNK = 8 << 20
"""Bytes moved at a time."""

_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_OFFSETS = {b"stco": ">u4", b"co64": ">u8"}


class _Box(NamedTuple):
    kind: bytes
    start: int
    body: int
    end: int


def index_first(path: Path, on_step: Callable[[], None]) -> bool:
    """Put the index (``moov``) of the MP4 at ``path`` before its data, in place; ``on_step`` is called on the way.

    False where that was not possible, and nothing was changed: it lies there already, or the offsets of a file of just
    under 4 GiB would not fit any more. Such a file plays all the same. Raises ``CorruptVideoError`` for no MP4,
    ``OSError``. Interrupted, it leaves a file of no use.
    """
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        boxes = list(_boxes(file, 0, size))
        kinds = [box.kind for box in boxes]
        if kinds[:1] != [b"ftyp"] or b"moov" not in kinds or b"mdat" not in kinds:
            raise CorruptVideoError("this is no whole MP4 file", path=str(path))
        index, data = boxes[kinds.index(b"moov")], boxes[0].end
        if index.start < boxes[kinds.index(b"mdat")].start or index.end != size:
            return False
        file.seek(index.start)
        moov = _shifted(bytearray(file.read(index.end - index.start)))
        if moov is None:
            return False
        end = index.start  # what lies before the index moves up by its length: the last of it first
        while end > data:
            start = max(data, end - CHUNK)
            file.seek(start)
            block = file.read(end - start)
            file.seek(start + len(moov))
            file.write(block)
            end = start
            on_step()
        file.seek(data)
        file.write(moov)
    return True


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    while start + 8 <= end:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        body = start + 8
        if size == 1:
            size, body = struct.unpack(">Q", file.read(8))[0], start + 16
        size = size or end - start
        if size < body - start or start + size > end:
            return
        yield _Box(kind, start, body, start + size)
        start += size


def _shifted(moov: bytearray) -> bytes | None:
    """``moov`` with every offset raised by its own length; ``None`` where one does not fit."""
    import numpy as np

    todo = [(0, len(moov))]
    while todo:
        start, end = todo.pop()
        while start + 8 <= end:
            size, kind = struct.unpack_from(">I4s", moov, start)
            if size < 8 or start + size > end:
                return None
            if kind in _PARENTS:
                todo.append((start + 8, start + size))
            elif kind in _OFFSETS:
                count = struct.unpack_from(">I", moov, start + 12)[0]
                table = np.frombuffer(moov, _OFFSETS[kind], count, start + 16)
                if count and int(table.max()) + len(moov) > np.iinfo(table.dtype).max:
                    return None
                table += np.array(len(moov), table.dtype)
            start += size
    return bytes(moov)
