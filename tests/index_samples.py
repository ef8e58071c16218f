"""Made-up indexes: films of which the tests know who is in them, with no picture ever decoded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from render_samples import report, video
from stills.index.index import Index
from stills.index.schema import FACES, FRAMES, QUALITY_PARTS, SHOTS
from stills.types import Shot

TICKS = 1000
"""Ticks of made-up films a second."""

EMBEDDING_SIZE = 128


def identity(number: int, *, noise: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    """An embedding of person ``number``: orthogonal to the others', and ``noise`` away (its length beside 1)."""
    vector = np.zeros(EMBEDDING_SIZE)
    vector[number] = 1.0
    away = np.random.default_rng([number, seed]).standard_normal(EMBEDDING_SIZE)
    vector += noise * away / np.linalg.norm(away)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def face(track: int, time: float, vector: NDArray[np.float32] | None = None, **changes: Any) -> dict[str, Any]:
    """A row of ``faces``: with ``vector``, a measured one."""
    measured = vector is not None
    row: dict[str, Any] = {
        "pts": round(time * TICKS),
        "time": time,
        "x": 100.0,
        "y": 80.0,
        "width": 60.0,
        "height": 80.0,
        "landmarks": [120.0, 110.0, 140.0, 110.0, 130.0, 120.0, 122.0, 140.0, 138.0, 140.0],
        "score": 0.9,
        "track": track,
        "in_transition": False,
        "quality": 0.8,
        **{f"quality_{name}": 0.8 for name in QUALITY_PARTS},
        "measured": measured,
        "presence": 0.99 if measured else None,
        "yaw": 1.0 if measured else None,
        "pitch": 2.0 if measured else None,
        "roll": 3.0 if measured else None,
        "eyes_open": 0.9 if measured else None,
        "mouth_open": 0.1 if measured else None,
        "smile": 0.2 if measured else None,
        "person": None,
        "embedding": None if vector is None else vector.tolist(),
    }
    return {**row, **changes}


def faces_table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows of ``faces`` in order of time."""
    return pa.Table.from_pylist(sorted(rows, key=lambda r: r["pts"]), schema=FACES)


def frames_table(times: Iterable[float], bars: Sequence[float] = (0.0, 0.0, 0.0, 0.0)) -> pa.Table:
    """Analysed frames at ``times``, with ``bars`` (top, bottom, left, right, as shares of the picture)."""
    rows = [
        {
            "pts": round(t * TICKS),
            "time": t,
            "is_key": not place,
            "analysed": True,
            "luma": 120.0,
            "contrast": 40.0,
            "change": 0.1,
            "bars": list(bars),
        }
        for place, t in enumerate(times)
    ]
    return pa.Table.from_pylist(rows, schema=FRAMES)


def shots_table(shots: Iterable[Shot]) -> pa.Table:
    """Rows of ``shots``, all transitions at once."""
    rows = [
        {
            "start": s.start,
            "end": s.end,
            "transition_in": s.transition_in,
            "transition_start": s.start,
            "transition_end": s.start,
        }
        for s in shots
    ]
    return pa.Table.from_pylist(rows, schema=SHOTS)


def make_index(
    rows: Iterable[dict[str, Any]],
    *,
    duration: float = 10.0,
    cuts: Sequence[float] = (),
    analysed: Iterable[float] | None = None,
    bars: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
    **changes: Any,
) -> Index:
    """An index of a film of ``duration`` seconds, 640×360, with faces ``rows``; every quarter second was analysed.

    ``bars`` are the letterbox of all frames: top, bottom, left, right, as shares of the picture.
    """
    borders = [0.0, *cuts, duration]
    shots = [Shot(a, b, "cut" if a else "none") for a, b in pairwise(borders)]
    times = [i * 0.25 for i in range(int(duration * 4))] if analysed is None else list(analysed)
    values: dict[str, Any] = {
        "video": video(
            width=640,
            height=360,
            coded_width=640,
            coded_height=360,
            duration=duration,
            time_base=Fraction(1, TICKS),
            start_pts=0,
        ),
        "content": "0" * 32,
        "frames": frames_table(times, bars),
        "shots": shots_table(shots),
        "faces": faces_table(rows),
        "layers": frozenset({"faces"}),
        "parameters": {"effort": "balanced", "sample_interval": 0.25, "device": "cpu"},
        "models": {"yunet": "0" * 64},
        "report": report(),
    }
    return Index(**{**values, **changes})


def track(
    number: int, person: int, start: float, end: float, *, noise: float = 0.3, step: float = 0.25, **changes: Any
) -> list[dict[str, Any]]:
    """The faces of one track, one each ``step`` seconds; the first three carry embeddings of ``person``."""
    count = round((end - start) / step) + 1
    return [
        face(
            number, start + i * step, identity(person, noise=noise, seed=100 * number + i) if i < 3 else None, **changes
        )
        for i in range(count)
    ]
