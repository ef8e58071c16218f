"""How new a picture is: against the last frames that were themselves new."""

from __future__ import annotations

from collections import deque
from typing import Any

import cv2
import numpy as np

from stills.vision.ssim import WINDOW, SsimPicture, ssim_map

HISTORY = 8
"""Distinct frames that are remembered."""

DISTINCT = 0.1
"""Novelty from which a frame is remembered as distinct."""


class NoveltyMeter:
    """1 − the largest SSIM to any of the last :data:`HISTORY` distinct frames."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._seen: deque[SsimPicture] = deque(maxlen=HISTORY)
        self._stack: SsimPicture | None = None

    def add(self, picture: SsimPicture) -> float:
        """The novelty of ``picture`` (all of one size), 0…1; 1 for the first."""
        novelty = 1.0 if self._stack is None else 1.0 - self._largest(picture, self._stack)
        if novelty >= DISTINCT:
            self._seen.append(picture)
            self._stack = SsimPicture(
                *(
                    np.vstack([getattr(p, name) for p in self._seen])
                    for name in ("luma", "mean", "mean_square", "variance")
                )
            )
        return novelty

    def _largest(self, picture: SsimPicture, stack: SsimPicture) -> float:
        """The pictures are compared one above the other, in one go; windows over their borders are left out."""
        n = len(self._seen)
        repeated: list[Any] = [
            cv2.repeat(part, n, 1) for part in (picture.luma, picture.mean, picture.mean_square, picture.variance)
        ]
        rows, columns = picture.luma.shape
        edge = WINDOW // 2
        maps = ssim_map(SsimPicture(*repeated), stack).reshape(n, rows, columns)[:, edge:-edge, edge:-edge]
        return float(np.clip(maps.reshape(n, -1).mean(axis=1).max(), 0.0, 1.0))
