"""Made-up frames with signals and tiny pictures, for selections that look at whole frames."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from index_samples import TICKS, make_index
from stills.index.index import Index
from stills.index.schema import EMOTIONS, FRAMES, THUMB_SIZE
from stills.vision.phash import perceptual_hashes


def picture(seed: int, *, shift: int = 0) -> np.ndarray:
    """A tiny picture, 36 × 64, of subject ``seed``; ``shift`` moves it sideways by pixels."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 220, (6, 10)).astype(np.uint8)
    big = cv2.resize(coarse, THUMB_SIZE, interpolation=cv2.INTER_CUBIC)
    return np.roll(big, shift, axis=1)


def hues(seed: int) -> bytes:
    """A colour histogram of subject ``seed``."""
    cells = np.random.default_rng(1000 + seed).random(64) ** 4
    return np.rint(255 * np.sqrt(cells / cells.max())).astype(np.uint8).tobytes()


def expression(**shares: float) -> list[float]:
    """Probabilities of emotions; what is left is neutral."""
    values = dict.fromkeys(EMOTIONS, 0.0) | shares
    values["neutral"] += 1.0 - sum(values.values())
    return [values[name] for name in EMOTIONS]


def frame(time: float, subject: int, *, shift: int = 0, **changes: Any) -> dict[str, Any]:
    """A good frame of ``subject``: sharp, well lit, colourful."""
    thumb = picture(subject, shift=shift)
    row = {
        "pts": round(time * TICKS),
        "time": time,
        "is_key": False,
        "analysed": True,
        "luma": 110.0,
        "contrast": 50.0,
        "change": 0.1,
        "in_transition": False,
        "sharpness": 0.7,
        "noise": 1.0,
        "exposure": 0.95,
        "shadows": 0.01,
        "highlights": 0.01,
        "colorfulness": 35.0,
        "motion": 0.01,
        "similarity": 0.95,
        "histogram_change": 0.02,
        "local_change": 0.02,
        "novelty": 0.2,
        "text": 0.0,
        "detail": 0.6,
        "flat": False,
        "black": False,
        "flash": False,
        "bars": [0.0] * 4,
        "hash": int(perceptual_hashes(thumb[None])[0]),
        "colors": hues(subject),
        "thumb": thumb.tobytes(),
        "expression": None,
    }
    return {**row, **changes}


def frames(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows of ``frames`` in order of time."""
    return pa.Table.from_pylist(sorted(rows, key=lambda r: r["pts"]), schema=FRAMES)


def film(
    rows: Sequence[dict[str, Any]],
    faces: Iterable[dict[str, Any]] = (),
    *,
    duration: float = 60.0,
    layers: Iterable[str] = ("signals", "faces", "expression"),
    **changes: Any,
) -> Index:
    """An index of these frames and faces, 640 × 360."""
    return make_index(faces, duration=duration, frames=frames(rows), layers=frozenset(layers), **changes)


def cover(subject: int, faces: Sequence[dict[str, Any]] = (), **changes: Any) -> dict[str, Any]:
    """What was measured of a cover picture of ``subject``, 600 × 900."""
    row = frame(0.0, subject)
    signals = {k: v for k, v in row.items() if k not in {"pts", "time", "hash", "colors", "thumb", "expression"}}
    return {
        "width": 600,
        "height": 900,
        "signals": signals | changes,
        "hash": row["hash"],
        "colors": base64.b64encode(row["colors"]).decode(),
        "thumb": base64.b64encode(row["thumb"]).decode(),
        "faces": list(faces),
        "expression": None,
    }
