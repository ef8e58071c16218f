"""Tiny pictures as text: the ends of segments travel in JSON, and hours of film must not fill the parent's memory."""

from __future__ import annotations

import base64
import zlib

import numpy as np
from numpy.typing import NDArray

from stills.vision.transitions import THUMB_SIZE


def pack_thumbs(thumbs: NDArray[np.uint8]) -> str:
    """``thumbs`` (n, height, width) as text. Neighbours are alike, so differences in time compress well."""
    change = thumbs.copy()
    change[1:] -= thumbs[:-1]  # wraps around, and back
    return base64.b64encode(zlib.compress(change.tobytes(), 1)).decode("ascii")


def unpack_thumbs(text: str) -> NDArray[np.uint8]:
    """The inverse of :func:`pack_thumbs`."""
    width, height = THUMB_SIZE
    change = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(-1, height, width)
    return np.cumsum(change, axis=0, dtype=np.uint8)
