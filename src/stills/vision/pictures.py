"""What the measurements of a frame look at: small pictures of it, made only where they are asked for."""

from __future__ import annotations

import math
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError

Picture = NDArray[np.uint8]


class FramePictures(Protocol):
    """A frame of a video as :class:`~stills.vision.signals.SignalMeter` takes it (``media`` has one)."""

    @property
    def time(self) -> float:
        """Seconds from the first frame shown."""
        ...

    @property
    def width(self) -> int:
        """Width of the upright picture at its full size, in pixels."""
        ...

    @property
    def height(self) -> int:
        """Height of the upright picture at its full size, in pixels."""
        ...

    def analysis_luma(self) -> Picture:
        """Upright brightness, uint8 (h, w): the picture by a whole factor, some 320 × 180 in size, never enlarged."""
        ...

    def small_luma(self, width: int, height: int) -> Picture:
        """Upright brightness, uint8 (height, width)."""
        ...

    def small_pictures(self, width: int, height: int) -> tuple[Picture, Picture]:
        """Upright brightness, uint8 (height, width), and rough colours, uint8 BGR (height, width, 3)."""
        ...

    def luma_tiles(self, centres: NDArray[np.float64], side: int, factor: int) -> Picture:
        """Squares of the picture averaged by ``factor``, uint8 (n, side', side'), side' ≤ ``side``.

        ``centres`` (n, 2): x and y as shares of the upright picture.
        """
        ...


class ArrayPictures:
    """The same of a picture that is an array: a cover, a photograph."""

    def __init__(self, bgr: Picture, time: float = 0.0) -> None:
        """``bgr``: uint8 (H, W, 3), or (H, W) for a grey one. Raises ``UsageError`` for anything else, or no pixels."""
        if bgr.dtype != np.uint8 or bgr.ndim not in {2, 3} or not bgr.size:
            raise UsageError(f"a picture of 8-bit samples is needed, not {bgr.shape} of {bgr.dtype}")
        self._bgr = bgr if bgr.ndim == 3 else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_GRAY2BGR), np.uint8)
        self._luma = bgr if bgr.ndim == 2 else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        self._time = time

    @property
    def time(self) -> float:
        """Seconds, as given."""
        return self._time

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self._luma.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self._luma.shape[0])

    def analysis_luma(self) -> Picture:
        """Brightness, averaged by a whole factor to 36,000 pixels or more."""
        factor = max(1, math.floor(math.sqrt(self._luma.size / 36_000)))
        columns, rows = max(1, self.width // factor), max(1, self.height // factor)
        cut = self._luma[: rows * factor, : columns * factor]
        return np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)

    def small_luma(self, width: int, height: int) -> Picture:
        """Brightness at ``width`` × ``height``."""
        return np.asarray(cv2.resize(self._luma, (width, height), interpolation=cv2.INTER_AREA), np.uint8)

    def small_pictures(self, width: int, height: int) -> tuple[Picture, Picture]:
        """Brightness and colours at ``width`` × ``height``."""
        size = (width, height)
        luma = cv2.resize(self._luma, size, interpolation=cv2.INTER_AREA)
        bgr = cv2.resize(self._bgr, size, interpolation=cv2.INTER_AREA)
        return np.asarray(luma, np.uint8), np.asarray(bgr, np.uint8)

    def luma_tiles(self, centres: NDArray[np.float64], side: int, factor: int) -> Picture:
        """Squares around ``centres``, moved inside where they would reach over the edge."""
        factor = max(1, min(factor, self.width, self.height))
        side = min(side, self.width // factor, self.height // factor)
        whole = side * factor
        tiles = np.empty((len(centres), side, side), np.uint8)
        for tile, (x, y) in zip(tiles, centres, strict=True):
            left = int(np.clip(round(x * self.width - whole / 2), 0, self.width - whole))
            top = int(np.clip(round(y * self.height - whole / 2), 0, self.height - whole))
            part = self._luma[top : top + whole, left : left + whole]
            tile[:] = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
        return tiles
