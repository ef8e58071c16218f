"""Films in which one place holds the portrait; the face is scikit-image's picture of Eileen Collins."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import media_factory
from face_samples import portrait
from media_factory import Movie, make
from planted import blinking

SIZE = (320, 240)
CUT = 50
"""Frames of a shot."""

NO_CUTS = (("sc_threshold", "0"),)
"""So that key frames are where they are asked for, and nowhere else."""


def view(picture: np.ndarray, zoom: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """RGB at ``SIZE``: the face is about 70 pixels wide at ``zoom`` 1, moved by ``shift`` pixels."""
    scale = zoom * SIZE[0] / 420
    matrix = np.array([[scale, 0, SIZE[0] / 2 - scale * 222 + shift], [0, scale, SIZE[1] / 2 - scale * 130]])
    return cv2.warpAffine(picture[..., ::-1], matrix, SIZE, borderMode=cv2.BORDER_REFLECT)


@cache
def _coffee() -> np.ndarray:
    from skimage.data import coffee

    picture: np.ndarray = coffee()
    return picture


def nobody(number: int) -> np.ndarray:
    """A cup of coffee, panned."""
    left = number % 100
    return np.ascontiguousarray(_coffee()[60 : 60 + SIZE[1], left : left + SIZE[0]])


def _film(path: Path, paint: Callable[[int], np.ndarray], frames: int, gop: int, *, cover: bool = False) -> Path:
    movie = Movie(
        width=SIZE[0], height=SIZE[1], frames=frames, gop=gop, options=NO_CUTS,
        picture=lambda number, width, height: paint(number), cover=cover,
    )  # fmt: skip
    return make(path, movie)


def with_cover(path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> Path:
    """Nobody in the film; ``data`` is its cover picture."""
    monkeypatch.setattr(media_factory, "jpeg", lambda: data)
    return _film(path, nobody, 30, 10, cover=True)


def cover_of_her(side: int = 400) -> bytes:
    data = io.BytesIO()
    # head and shoulders
    Image.fromarray(portrait()[:300, 80:380, ::-1]).resize((side, side)).save(data, "JPEG", quality=95)
    return data.getvalue()


def on_key_frames(path: Path) -> Path:
    """Two shots of her, the second closer, each with key frames."""
    return _film(path, lambda n: view(portrait(), 1.0 if n < CUT else 1.6, n % CUT * 0.3), 2 * CUT, 10)


def between_key_frames(path: Path) -> Path:
    """She is in the second of three shots, from 0.8 to 2 s; key frames are at 0, 2.4, 4.8 and 7.2 s."""
    return _film(path, lambda n: view(portrait(), 1.5, n * 0.2) if 20 <= n < 50 else nobody(n), 200, 60)


def blinks(path: Path) -> Path:
    """Her eyes are closed on every key frame and for a fifth of a second after it."""
    return _film(path, lambda n: view(blinking() if n % 25 < 5 else portrait(), 1.5, n * 0.1), 3 * CUT, 25)


def dissolves(path: Path) -> Path:
    """She is large and dissolves into a cup of coffee, which takes a second; a key frame lies in it. Then she is small.

    The dissolve lasts from 1.6 to 2.6 s; key frames are at 2 and 4 s.
    """

    def paint(number: int) -> np.ndarray:
        if number >= 2 * CUT - 10:
            return view(portrait(), 1.0, (number - 2 * CUT) * 0.2)
        share = np.clip((number - 40) / 25, 0.0, 1.0)
        mixed = (1 - share) * view(portrait(), 2.2) + share * nobody(20)
        return np.rint(mixed).astype(np.uint8)

    return _film(path, lambda n: nobody(20) if n < 5 else paint(n), 3 * CUT, 50)


def small(path: Path) -> Path:
    """Her face is a tenth of the picture's height."""
    return _film(path, lambda n: view(portrait(), 0.33, n * 0.1), CUT, 25)
