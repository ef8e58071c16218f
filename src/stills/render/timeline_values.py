"""The signals of a video as a few hundred numbers: what a result carries for the report's time line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stills.index.memo import remembered

if TYPE_CHECKING:
    import pyarrow as pa

    from stills.index.index import Index

MAX_SAMPLES = 600
"""Of each signal: twice what a time line is wide in pixels on a phone."""

PEAKS = ("change", "novelty", "motion")
"""Signals whose largest value in a step counts: a cut is one frame long."""

MEANS = ("sharpness", "luma")
"""Signals whose mean over a step counts."""

COLUMNS = ("time", *PEAKS, *MEANS)
"""Columns of ``frames`` that :func:`timeline` reads."""

_DECIMALS = {"luma": 1}
_SIZE = 32 * MAX_SAMPLES * len((*PEAKS, *MEANS))
"""Bytes of memory that the values take, about."""


def timeline(frames: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The optional member ``timeline`` of a result, as JSON values: ``{"step": seconds, "motion": […], …}``.

    ``frames`` maps :data:`COLUMNS` to arrays of one length, ``time`` rising; a column may be missing, or have NaN
    where it was not measured. Sample ``i`` of a signal stands for the seconds from ``i * step`` to ``(i + 1) * step``:
    the largest value there for :data:`PEAKS`, the mean for :data:`MEANS`, null where there was no frame. There are at
    most :data:`MAX_SAMPLES`, fewer for short videos. Units are those of the index (``luma`` 0…255, ``motion`` picture
    widths a second, others 0…1), rounded. A signal without any value is left out; without frames, so are all.

    ``people_document`` and its kind take no index: whoever builds a document adds
    ``document["timeline"] = index_timeline(index)``; the report shows it where it is there.
    """
    times = np.asarray(frames["time"], np.float64)
    if len(times) == 0:
        return {"step": 0.0}
    gap = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    span = max(float(times[-1]), 0.0) + max(gap, 1e-6)
    count = min(MAX_SAMPLES, len(times))
    step = span / count
    place = np.clip((times / step).astype(np.int64), 0, count - 1)
    out: dict[str, Any] = {"step": round(step, 6)}
    for name in (*PEAKS, *MEANS):
        if name not in frames:
            continue
        values = np.asarray(frames[name], np.float64)
        measured = np.isfinite(values)
        if measured.any():
            samples = _sampled(values[measured], place[measured], count, peaks=name in PEAKS)
            digits = _DECIMALS.get(name, 3)
            out[name] = [round(float(v), digits) if np.isfinite(v) else None for v in samples]
    return out


def index_timeline(index: Index) -> dict[str, Any]:
    """:func:`timeline` of an index's frames."""
    return remembered(index, "timeline", lambda: _timeline(index.frames), lambda _: _SIZE)


def _timeline(table: pa.Table) -> dict[str, Any]:
    return timeline({name: table[name].to_numpy() for name in COLUMNS if name in table.column_names})


def _sampled(values: NDArray[np.float64], place: NDArray[np.int64], count: int, *, peaks: bool) -> NDArray[np.float64]:
    """The largest or mean of the ``values`` at each of ``count`` places; NaN where there is none."""
    numbers = np.bincount(place, minlength=count)
    if peaks:
        out = np.full(count, -np.inf)
        np.maximum.at(out, place, values)
    else:
        out = np.bincount(place, weights=values, minlength=count) / np.maximum(numbers, 1)
    out[numbers == 0] = np.nan
    return out
