"""Made-up indexes for key frames: tiny pictures made by the tests, measured as a scan would, with no video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from index_samples import TICKS, make_index
from stills.index.index import Index
from stills.index.schema import FRAMES, SHOTS, THUMB_SIZE
from stills.vision.colors import color_counts, packed_counts
from stills.vision.phash import perceptual_hashes

Picture = NDArray[np.uint8]


def scene(seed: int, *, shift: float = 0.0, size: tuple[int, int] = (256, 144)) -> Picture:
    """A picture of soft blobs, another for each ``seed``; ``shift`` moves the camera by that share of its width."""
    width, height = size
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(20, 235, (5, 16)).astype(np.float32)
    wide = cv2.resize(coarse, (2 * width, height), interpolation=cv2.INTER_CUBIC)
    left = round(shift * width)
    return np.clip(wide[:, left : left + width], 0, 255).astype(np.uint8)


def noisy(picture: Picture, sigma: float, seed: int) -> Picture:
    """``picture`` with white noise of ``sigma`` grey levels."""
    noise = np.random.default_rng(seed).normal(0.0, sigma, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def keyframes_index(
    pictures: Sequence[Picture],
    *,
    per_second: float = 2.0,
    cuts: Sequence[int] = (),
    gradual: Mapping[int, tuple[float, float]] | None = None,
    times: Sequence[float] | None = None,
    columns: Mapping[str, Sequence[Any]] | None = None,
    thumbs: bool = True,
    **changes: Any,
) -> Index:
    """An index of a film that shows grey ``pictures``, every one a candidate, with shots that begin at ``cuts`` (rows).

    ``gradual`` says when the transition into a cut's row begins and ends, in seconds; ``columns`` replace measurements.
    """
    at = [i / per_second for i in range(len(pictures))] if times is None else list(times)
    tiny = [cv2.resize(p, THUMB_SIZE, interpolation=cv2.INTER_AREA) for p in pictures]
    stack = np.stack(tiny)
    colors = packed_counts(color_counts(np.repeat(stack[..., None], 3, axis=3)))
    duration = at[-1] + ((at[-1] - at[-2]) if len(at) > 1 else 1.0 / per_second)
    plain = {
        "is_key": False, "analysed": False, "change": 0.1, "in_transition": False, "sharpness": 0.6, "noise": 1.0,
        "exposure": 0.8, "shadows": 0.0, "highlights": 0.0, "colorfulness": 0.0, "motion": 0.02, "similarity": 0.9,
        "histogram_change": 0.0, "local_change": 0.0, "novelty": 0.1, "text": 0.0, "detail": 0.5, "flat": False,
        "black": False, "flash": False,
    }  # fmt: skip
    values: dict[str, Any] = {name: [value] * len(at) for name, value in plain.items()}
    values |= {
        "pts": [round(t * TICKS) for t in at],
        "time": at,
        "luma": stack.mean(axis=(1, 2)),
        "contrast": stack.std(axis=(1, 2)),
        "hash": perceptual_hashes(stack),
        "colors": pa.array([c.tobytes() for c in colors], pa.binary(64)),
        "thumb": pa.array([p.tobytes() if thumbs else None for p in stack], pa.binary()),
        **(columns or {}),
    }
    absent = {f.name: pa.nulls(len(at), f.type) for f in FRAMES if f.name not in values}
    borders = [0.0, *(at[c] for c in cuts), duration]
    shots = []
    for place, (start, end) in enumerate(pairwise(borders)):
        mixed = (gradual or {}).get(cuts[place - 1]) if place else None
        kind = "none" if not place else "dissolve" if mixed else "cut"
        first, last = mixed or (start, start)
        shots.append(
            {"start": start, "end": end, "transition_in": kind, "transition_start": first, "transition_end": last}
        )
    return make_index(
        [],
        duration=duration,
        **{
            "frames": pa.table({**values, **absent}, schema=FRAMES),
            "shots": pa.Table.from_pylist(shots, schema=SHOTS),
            "layers": frozenset({"signals"}),
            **changes,
        },
    )


def film(shots: Sequence[tuple[int, int]], *, per_second: float = 10.0, noise: float = 2.0, **changes: Any) -> Index:
    """Shots of ``(scene, frames)``, one after the other, cut hard; nothing moves but the noise."""
    pictures, cuts = [], []
    for number, frames in shots:
        if pictures:
            cuts.append(len(pictures))
        pictures += [noisy(scene(number), noise, len(pictures) + i) for i in range(frames)]
    return keyframes_index(pictures, per_second=per_second, cuts=cuts, **changes)
