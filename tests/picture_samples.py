"""Pictures of every kind as files, with a known content: a dark left half, a bright right half, a red stripe on top."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from face_samples import portrait

ORIENTATION = 0x0112


def halves(width: int = 60, height: int = 40) -> np.ndarray:
    """RGB, no two turns of which are alike."""
    rgb = np.full((height, width, 3), 40, np.uint8)
    rgb[:, width // 2 :] = 200
    rgb[: height // 4] = (220, 30, 30)
    return rgb


def lying(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """``rgb`` as a camera stores it that notes this EXIF ``orientation``."""
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(stored[orientation](rgb))


def encoded(picture: Image.Image | np.ndarray, kind: str, *, orientation: int = 1, **options: Any) -> bytes:
    """A file of this kind."""
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    if orientation != 1:
        if kind == "TIFF":
            options["tiffinfo"] = {ORIENTATION: orientation}
        else:
            options["exif"] = Image.Exif()
            options["exif"][ORIENTATION] = orientation
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def write(path: Path, rgb: np.ndarray, kind: str = "PNG", **options: Any) -> Path:
    path.write_bytes(encoded(rgb, kind, **options))
    return path


def woman(scale: float = 1.0) -> np.ndarray:
    """The portrait, RGB; the face is some 90 pixels wide at scale 1."""
    rgb = np.ascontiguousarray(portrait()[..., ::-1])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=method), np.uint8)


def crowd(width: int, height: int, faces: dict[tuple[int, int], float]) -> np.ndarray:
    """RGB: the head and shoulders of the portrait, scaled, with their upper left corners at the places ``faces``."""
    canvas = np.full((height, width, 3), 96, np.uint8)
    for (x, y), scale in faces.items():
        head = woman(scale)[: round(230 * scale), round(110 * scale) : round(330 * scale)]
        head = head[: height - y, : width - x]
        canvas[y : y + head.shape[0], x : x + head.shape[1]] = head
    return canvas


def face_box(x: int, y: int, scale: float) -> tuple[float, float, float, float]:
    """Where the face of :func:`crowd`'s portrait at ``x, y`` lies, about."""
    return x + (177 - 110) * scale, y + 63 * scale, 87 * scale, 110 * scale


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    w = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    h = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0.0, w) * max(0.0, h)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)
