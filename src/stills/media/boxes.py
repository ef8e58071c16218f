"""The boxes that an MP4 or MOV file consists of (ISO/IEC 14496-12, 4.2): where samples lie, and where tables do."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

_KINDS = frozenset({
    b"ftyp", b"styp", b"moov", b"moof", b"mfra", b"mdat", b"free", b"skip", b"wide", b"sidx", b"ssix", b"emsg", b"uuid",
    b"pdin", b"meta", b"prft", b"udta", b"pnot",
})  # fmt: skip
"""Boxes that stand at the top of a file."""

_HEADER = 16


@dataclass(frozen=True, slots=True)
class Box:
    """A box from ``start`` up to before ``end``; ``body`` is where its content begins, ``kind`` its four letters."""

    start: int
    body: int
    end: int
    kind: bytes


class Layout:
    """The boxes at the top of a file, looked up as far as they are asked for."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        """``read(start, stop)`` gives bytes of the file, ``size`` is its length."""
        self._read, self._size = read, size
        self._boxes: list[Box] = []
        self._starts: list[int] = []

    @classmethod
    def of(cls, head: bytes, read: Callable[[int, int], bytes], size: int) -> Layout | None:
        """The layout of the file that begins with ``head``; ``None`` where it is none of this kind."""
        return cls(read, size) if head[4:8] in _KINDS else None

    def box_at(self, position: int) -> Box:
        """The box with the byte at ``position``. What is no box is taken for one of the kind ``b""`` up to the end."""
        while not self._boxes or self._boxes[-1].end <= position:
            box = self._parse(self._boxes[-1].end if self._boxes else 0)
            self._boxes.append(box)
            self._starts.append(box.start)
        return self._boxes[bisect_right(self._starts, position) - 1]

    def _parse(self, start: int) -> Box:
        head = self._read(start, min(start + _HEADER, self._size))
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        body = 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = self._size - start
        if kind not in _KINDS or size < body:
            return Box(start, start, max(self._size, start + 1), b"")
        return Box(start, start + body, start + size, kind)
