"""Pictures made ahead of being asked for: while one is encoded, the next are restored, and missing ones decoded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from stills.scan.pictures import Pictures, Rgb

AHEAD = 3
"""Pictures that are restored before they are asked for."""

_RESTORERS = 2


class PicturesAhead(Mapping[int, Rgb]):
    """``pictures``, asked for in rising order. A context manager: what is under way has ended when it is left.

    Where memory is short nothing is made ahead.
    """

    def __init__(self, pictures: Pictures) -> None:
        """Nothing is made yet."""
        self._pictures = pictures
        self._pts = list(pictures)
        self._ahead = min(AHEAD, pictures.held_bytes // max(1, pictures.picture_bytes) - 2)
        self._restoring: dict[int, Future[Rgb | None]] = {}
        self._decoding: Future[None] | None = None
        self._restorers = ThreadPoolExecutor(_RESTORERS, "stills-restore")
        self._decoder = ThreadPoolExecutor(1, "stills-decode")

    def __enter__(self) -> Self:
        """Begin with the pictures that have to be decoded."""
        missing = next(self._pictures.missing(), None)
        if missing is not None and self._ahead > 0:
            self._decoding = self._decoder.submit(self._pictures.prepare, missing)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        """Wait for what is under way: the workers are others' after this."""
        self._restorers.shutdown(cancel_futures=True)
        self._decoder.shutdown(cancel_futures=True)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._pts)

    def __iter__(self) -> Iterator[int]:
        """The pts, in rising order."""
        return iter(self._pts)

    def __getitem__(self, pts: int) -> Rgb:
        """One picture; raises as that of :class:`Pictures` does."""
        at = bisect_right(self._pts, pts)
        for later in self._pts[at - 1 if at else 0 : at + max(0, self._ahead)]:
            if later not in self._restoring and self._ahead > 0:
                self._restoring[later] = self._restorers.submit(self._pictures.restore, later)
        for gone in [p for p in self._restoring if p < pts]:
            del self._restoring[gone]
        restoring = self._restoring.get(pts)
        restored = None if restoring is None else restoring.result()
        if restored is not None:
            return restored
        if self._decoding is not None:
            decoding, self._decoding = self._decoding, None
            decoding.result()
        return self._pictures[pts]
