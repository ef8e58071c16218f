"""An index that lacked layers, and the scan that measured them, as one index."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stills.index.goodness import SIGNAL_COLUMNS, goodness
from stills.index.index import Index
from stills.index.schema import ATTRIBUTES, FRAMES
from stills.types import Layer, ScanReport

OF_FACES: frozenset[Layer] = frozenset({"expression", *ATTRIBUTES})
"""Layers that are columns of the faces, or made from them."""


def merge_layers(known: Index, new: Index) -> Index:
    """``known`` with the layers of ``new``, which was made of the same content with the same parameters.

    Where both have a layer, that of ``new`` counts. Frames and shots are those of the side that has the signals or, as
    nobody has, looked for shots: it decoded every frame that the other did. The rows of frames say of both what was
    looked at.
    """
    if known.layers <= new.layers:
        return replace(new, cover=new.cover or known.cover)
    base = min((new, known), key=lambda side: ("signals" not in side.layers, "shots" not in side.layers))
    faces = new if "faces" in new.layers else known
    frames = base.frames if faces is base else _with_looks(base.frames, faces.frames)
    return replace(
        new,
        frames=frames,
        shots=base.shots,
        faces=faces.faces,
        layers=(known.layers if "faces" not in new.layers else known.layers - OF_FACES) | new.layers,
        models={**known.models, **new.models},
        report=_both(known.report, new.report),
        fallbacks=tuple(dict.fromkeys((*known.fallbacks, *new.fallbacks))),
        warnings=tuple(dict.fromkeys((*known.warnings, *new.warnings))),
        partial=known.partial or new.partial,
        cover=new.cover or known.cover,
    )


def likely_picks(index: Index) -> list[int]:
    """The pts of frames that a selection is likely to take, best first: faces and whole frames by turns."""
    faces = index.faces.select(["pts", "quality"]).sort_by([("quality", "descending")])["pts"].to_numpy()
    frames = np.zeros(0, np.int64)
    if "signals" in index.layers:
        rows = index.frames.filter(pc.is_valid(index.frames["thumb"]))
        score = goodness({name: rows[name].to_numpy() for name in SIGNAL_COLUMNS})
        frames = rows["pts"].to_numpy()[np.argsort(-score, kind="stable")]
    return _by_turns(faces, frames)


def _by_turns(first: NDArray[np.int64], second: NDArray[np.int64]) -> list[int]:
    place = np.concatenate([np.arange(len(first)), np.arange(len(second)) + 0.5])
    order = np.argsort(place, kind="stable")
    return list(dict.fromkeys(np.concatenate([first, second])[order].tolist()))


def _with_looks(frames: pa.Table, looked: pa.Table) -> pa.Table:
    """``frames`` with what ``looked`` says of faces: in which of them they were looked for, and their expressions."""
    at = looked.filter(looked["analysed"])
    row = pc.index_in(frames["pts"], at["pts"])
    columns = {"analysed": pc.is_valid(row), "expression": at["expression"].take(row)}
    if not frames["bars"].is_valid().to_pylist().count(True):  # the signals have better ones
        columns["bars"] = at["bars"].take(row)
    for name, values in columns.items():
        frames = frames.set_column(FRAMES.get_field_index(name), FRAMES.field(name), values)
    return frames


def _both(known: ScanReport, new: ScanReport) -> ScanReport:
    """What both scans looked at together."""
    return replace(
        new,
        frames_decoded=max(known.frames_decoded, new.frames_decoded),
        frames_analysed=max(known.frames_analysed, new.frames_analysed),
        coverage=max(known.coverage, new.coverage),
        seconds=round(known.seconds + new.seconds, 3),
    )
