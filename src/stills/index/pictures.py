"""What was measured of a single picture, such as a poster: its faces, as an index holds those of a video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stills.types import Attribute, Box


@dataclass(frozen=True, slots=True, eq=False)
class PictureFace:
    """A face in a picture. ``box`` and ``landmarks`` (5 × 2) are in pixels of the upright picture.

    ``quality`` is in 0…1 with its ``parts`` by name (as ``index.schema.QUALITY_PARTS``); ``yaw`` and ``pitch`` are in
    degrees where the mesh was fitted. ``embedding`` has unit length, ``None`` where the face is too small to embed.
    ``attributes`` are those asked for, as the columns of ``faces`` hold them (``age`` with its spread: two values).
    """

    box: Box
    landmarks: NDArray[np.float32]
    score: float
    quality: float
    parts: Mapping[str, float] = field(default_factory=dict)
    yaw: float | None = None
    pitch: float | None = None
    embedding: NDArray[np.float32] | None = None
    attributes: Mapping[Attribute, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class PictureReading:
    """A picture that was looked at: its size upright, and its faces, the largest first.

    ``error`` says why it could not be read (then it has no size); ``warnings`` what is odd about it. ``models`` are the
    names of what measured it: ``detector``, ``embedder``, ``attributes_model``.
    """

    path: str
    width: int = 0
    height: int = 0
    faces: tuple[PictureFace, ...] = ()
    error: str | None = None
    warnings: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
