"""A detected face, and the picture around it that is kept while it may still be measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stills.types import Box
from stills.vision.quality import Quality

if TYPE_CHECKING:
    from stills.media.decode import DecodedFrame
    from stills.types import Attribute
    from stills.vision.landmarks import FaceMesh

PATCH_MARGIN = 0.35
"""How much of a face's box is kept around it, on each side: the mesh wants a quarter, more where it is tilted."""

PATCH_SIDE = 320
"""Longest side of a kept patch in pixels; the mesh sees 256 and the embedding 112."""

SMOOTH_SHRINK = 0.6
"""Reduction from which single pixels would be skipped, so that a patch has to be averaged."""


@dataclass(slots=True)
class FaceRow:
    """A detected face and what became of it. Pixels are those of the upright frame."""

    pts: int
    time: float
    box: Box
    landmarks: NDArray[np.float32]
    score: float
    track: int
    quality: Quality
    in_transition: bool = False
    mesh: FaceMesh | None = None
    embedding: NDArray[np.float32] | None = None
    attributes: dict[Attribute, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(slots=True)
class Patch:
    """The picture around a face: pixels, and where they lie in the frame."""

    bgr: NDArray[np.uint8]
    scale: float
    left: float
    top: float

    def locate(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points of the frame in pixels of the patch."""
        return ((points - np.array([self.left, self.top], np.float32)) * self.scale).astype(np.float32)


@dataclass(slots=True)
class Kept:
    """A face that may be measured: its frame, or, where frames took too much memory, the patch cut out of it."""

    row: FaceRow
    area: tuple[int, int, int, int]
    frame: DecodedFrame | None
    patch: Patch | None = None

    def cut(self) -> Patch:
        """The patch, cut now or before."""
        if self.patch is None:
            assert self.frame is not None  # noqa: S101 - let_go() cuts before it drops the frame
            self.patch = cut_patch(self.frame, self.area)
        return self.patch

    def let_go(self) -> None:
        """Drop the frame."""
        self.cut()
        self.frame = None


def around(frame: DecodedFrame, box: Box) -> tuple[int, int, int, int] | None:
    """The region around a face that is looked at: left, top, width, height; ``None`` where it is not in the frame."""
    x, y, w, h = box
    left, top = max(0, int(x - PATCH_MARGIN * w)), max(0, int(y - PATCH_MARGIN * h))
    right = min(frame.width, int(x + (1 + PATCH_MARGIN) * w) + 1)
    bottom = min(frame.height, int(y + (1 + PATCH_MARGIN) * h) + 1)
    return None if right <= left or bottom <= top else (left, top, right - left, bottom - top)


def cut_patch(frame: DecodedFrame, area: tuple[int, int, int, int]) -> Patch:
    """Cut the patch of a face, at most ``PATCH_SIDE`` large."""
    import cv2

    left, top, width, height = area
    patch = frame.crop_bgr(left, top, width, height)
    scale = min(1.0, PATCH_SIDE / max(width, height))
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Averaging by a fraction costs ten times as much as looking between pixels, and under a half it shows.
        method = cv2.INTER_AREA if scale <= SMOOTH_SHRINK else cv2.INTER_LINEAR
        patch = np.asarray(cv2.resize(patch, size, interpolation=method), np.uint8)
    return Patch(patch, scale, float(left), float(top))
