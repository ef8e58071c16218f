"""A film of good moments and planted bad ones, from pictures that come with scikit-image; who wants thumbnails of it
has to take the good ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from face_samples import FIVE, portrait
from stills.media.encode import write_video

RATE = 25
SIZE = (640, 360)


@dataclass(frozen=True)
class Part:
    """Seconds ``start`` to ``end`` show ``what``; ``good`` parts of one ``what`` are duplicates of each other."""

    start: float
    end: float
    what: str
    good: bool


@cache
def blinking() -> np.ndarray:
    """The portrait (BGR) with closed eyes: lids of skin, lashes along their lower edge."""
    picture = portrait().copy()
    for x, y in FIVE[:2]:
        skin = picture[int(y) + 12 : int(y) + 18, int(x) - 8 : int(x) + 8].reshape(-1, 3).mean(axis=0)
        lid = np.zeros(picture.shape[:2], np.float32)
        cv2.ellipse(lid, ((float(x), float(y)), (26.0, 16.0), 0.0), 1.0, -1)
        lid = cv2.GaussianBlur(lid, (0, 0), 1.5)[..., None]
        picture = (picture * (1 - lid) + skin * lid).astype(np.uint8)
        cv2.ellipse(picture, (int(x), int(y) + 2), (11, 4), 0, 15, 165, (45, 40, 60), 2, cv2.LINE_AA)
    return picture


def _view(picture: np.ndarray, t: float, x: float, y: float, width: float) -> np.ndarray:
    """RGB at ``SIZE``: ``width`` pixels of the BGR ``picture`` around x, y, slowly panned with ``t`` (0…1)."""
    scale = SIZE[0] / width
    matrix = np.array([[scale, 0, SIZE[0] / 2 - scale * (x + 8 * t)], [0, scale, SIZE[1] / 2 - scale * y]])
    return cv2.warpAffine(picture[..., ::-1], matrix, SIZE, borderMode=cv2.BORDER_REFLECT)


@cache
def _photo(name: str) -> np.ndarray:
    """BGR."""
    import skimage.data

    return np.ascontiguousarray(getattr(skimage.data, name)()[..., ::-1])


def _subtitles(_: float) -> np.ndarray:
    page = Image.new("RGB", SIZE)
    ImageDraw.Draw(page).text((190, 300), "What are you doing here?", font=ImageFont.load_default(20))
    return np.asarray(page)


def _woman(t: float) -> np.ndarray:
    return _view(portrait(), t, 225, 140, 420)


def _coffee(t: float) -> np.ndarray:
    return _view(_photo("coffee"), t, 300, 200, 520)


def _cat(t: float) -> np.ndarray:
    return _view(_photo("chelsea"), t, 225, 140, 400)


_PAINTERS: dict[str, Callable[[float], np.ndarray]] = {
    "woman": _woman,
    "woman, mirrored and cold": lambda t: _view(portrait(), t, 190, 160, 480)[:, ::-1] * np.array([0.7, 0.85, 1.0]),
    "coffee": _coffee,
    "cat": _cat,
    "helmet": lambda t: _view(portrait(), t, 330, 390, 260),
    "black": lambda t: np.zeros((SIZE[1], SIZE[0], 3)),
    "blurred": lambda t: cv2.blur(cv2.blur(_woman(t)[:, ::-1], (15, 15)), (15, 15)),
    "overexposed": lambda t: np.clip(_woman(t) * 2.2 + 60, 0, 255),
    "eyes closed": lambda t: _view(blinking(), t, 215, 135, 330),
    "dissolve": lambda t: (1 - t) * _coffee(t) + t * _cat(t),
    "subtitles on black": _subtitles,
}

_STORY = (
    ("black", 1.6),
    ("woman", 2.0),
    ("blurred", 2.0),
    ("coffee", 2.0),
    ("dissolve", 1.0),
    ("cat", 2.0),
    ("subtitles on black", 2.0),
    ("woman", 2.0),
    ("overexposed", 2.0),
    ("woman, mirrored and cold", 2.0),
    ("eyes closed", 2.0),
    ("helmet", 2.0),
    ("black", 1.0),
    ("woman", 2.0),
)
GOOD = ("woman", "woman, mirrored and cold", "coffee", "cat", "helmet")


def planted_film(path: Path) -> tuple[Part, ...]:
    """Write the film to ``path``; what it shows, in order."""
    parts, start = [], 0
    with write_video(path, *SIZE, Fraction(RATE)) as writer:
        for what, seconds in _STORY:
            frames = round(seconds * RATE)
            for i in range(frames):
                picture = np.rint(_PAINTERS[what]((i + 0.5) / frames)).astype(np.uint8)
                writer.write(np.ascontiguousarray(picture))
            parts.append(Part(start / RATE, (start + frames) / RATE, what, what in GOOD))
            start += frames
    return tuple(parts)


def part_at(parts: tuple[Part, ...], time: float) -> Part:
    """What is shown at ``time``."""
    return next(p for p in parts if p.start - 1e-6 <= time < p.end - 1e-6)
