"""Parts of a file that were read, kept in memory up to a bound: what was not used longest goes first."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict


class Extents:
    """Pieces of a file by where they begin; none overlaps another. Those to ``keep`` have a bound of their own."""

    def __init__(self, most: int, most_kept: int) -> None:
        """Hold up to ``most`` bytes of pieces, and ``most_kept`` bytes of those to keep."""
        self._starts: list[int] = []
        self._pools: tuple[OrderedDict[int, bytes], OrderedDict[int, bytes]] = (OrderedDict(), OrderedDict())
        self._bounds = (most, most_kept)
        self._held = [0, 0]

    @property
    def held(self) -> int:
        """Bytes that are held."""
        return sum(self._held)

    def find(self, position: int) -> tuple[int, bytes] | None:
        """The piece with the byte at ``position``, and where it begins."""
        at = bisect_right(self._starts, position) - 1
        if at < 0:
            return None
        start = self._starts[at]
        for pool in self._pools:
            piece = pool.get(start)
            if piece is not None:
                if position >= start + len(piece):
                    return None
                pool.move_to_end(start)
                return start, piece
        return None

    def next_start(self, position: int) -> int | None:
        """Where the first piece behind ``position`` begins."""
        at = bisect_right(self._starts, position)
        return self._starts[at] if at < len(self._starts) else None

    def add(self, start: int, piece: bytes, *, keep: bool = False) -> None:
        """Hold ``piece``, which overlaps none; others may have to go, never this one."""
        insort(self._starts, start)
        self._pools[keep][start] = piece
        self._held[keep] += len(piece)
        pool = self._pools[keep]
        while self._held[keep] > self._bounds[keep] and len(pool) > 1:
            gone, old = pool.popitem(last=False)
            self._held[keep] -= len(old)
            self._starts.remove(gone)
