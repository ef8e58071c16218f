"""The picked frames of a video as pictures: from the spill where they were kept, decoded where not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills.errors import CorruptVideoError
from stills.index.index import Index
from stills.index.spill import has_spill, read_spill

DECODED_BYTES = 96 << 20
"""Decoded pictures that are held at a time."""

Decode: TypeAlias = Callable[[list[int]], dict[int, NDArray[np.uint8]]]
"""Decodes the pictures of some pts in one pass; those that fail are missing."""


class Pictures(Mapping[int, NDArray[np.uint8]]):
    """Pictures by pts: restored from the spill, or decoded in a worker, a few at a time."""

    def __init__(self, index: Index, pts: list[int], decode: Decode) -> None:
        """``pts`` in rising order."""
        self._index, self._pts, self._decode_all = index, pts, decode
        self._spill = None if index.folder is None else Path(index.folder) / "spill"
        self._ready: dict[int, NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._pts)

    def __iter__(self) -> Iterator[int]:
        """The pts, in rising order."""
        return iter(self._pts)

    def __getitem__(self, pts: int) -> NDArray[np.uint8]:
        """One picture. Raises ``KeyError`` for a pts that was not announced, ``CorruptVideoError``."""
        if pts not in self._pts:
            raise KeyError(pts)
        kept = None if self._spill is None else read_spill(self._spill, pts)
        if kept is not None:
            return kept.picture()
        if pts not in self._ready:
            self._ready = self._decode(pts)
        return self._ready[pts]

    def _decode(self, pts: int) -> dict[int, NDArray[np.uint8]]:
        """The picture at ``pts`` and the next few that are not in the spill: one pass over the video for all."""
        # The one asked for may be in the spill and damaged.
        later = [p for p in self._pts if p > pts and not (self._spill and has_spill(self._spill, p))]
        wanted = [pts, *later]
        video = self._index.video
        few = max(1, DECODED_BYTES // max(1, video.width * video.height * 3))
        found = self._decode_all(wanted[:few])
        if pts not in found:
            raise CorruptVideoError(
                f"the picked frame at pts {pts} cannot be decoded any more",
                path=video.path,
                remedy="was the file changed? run `stills forget` on it and scan it again",
            )
        return found
