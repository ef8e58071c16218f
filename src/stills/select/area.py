"""The active picture, what share of it a face takes, and which faces count: before any track is built of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stills.index.index import Index
from stills.letterbox import shot_bars
from stills.select.tracks import FaceColumns
from stills.types import Box

LIT_LUMA, LIT_CONTRAST = 20.0, 6.0
"""Least mean and standard deviation of the luma, grey levels, of a frame in which bars can be told from darkness."""


@dataclass(frozen=True, slots=True)
class FaceRules:
    """Which faces count: areas as shares of the active picture, ``min_confidence`` of the detector."""

    min_area: float = 0.0
    max_area: float = 1.0
    min_confidence: float = 0.0
    outside: Literal["drop", "keep"] = "drop"


@dataclass(frozen=True, slots=True)
class Counted:
    """Which faces count (n,), and how many do not, by the first reason: outside, small, large, unsure.

    ``gone`` (n,) are those that are there for certain but not meant (outside, too small, too large). A person is not
    counted as on screen then, while an unsure face is bridged inside a track, as one that the detector missed.
    """

    keep: NDArray[np.bool_]
    gone: NDArray[np.bool_]
    dropped: Mapping[str, int]


def active_pictures(index: Index) -> tuple[NDArray[np.float64], bool]:
    """The active picture of each shot, (shots, 4): x, y, width, height in pixels; and whether bars are known at all.

    Letterbox and pillarbox bars are taken off as far as they hold throughout the shot (see
    :func:`stills.letterbox.shot_bars`). Where no bars were measured the whole picture is active.
    """
    width, height = float(index.video.width), float(index.video.height)
    count = len(index.shots)
    frames = index.frames.filter(index.frames["bars"].is_valid())
    if not len(frames) or not count:
        return np.tile([0.0, 0.0, width, height], (max(count, 1), 1)), False
    flat = frames["bars"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    shots = shot_of(index, frames["time"].to_numpy())
    bright = (frames["luma"].to_numpy() >= LIT_LUMA) & (frames["contrast"].to_numpy() >= LIT_CONTRAST)
    lit = bright & ~_blended(index, frames["time"].to_numpy())
    bars = shot_bars(np.asarray(flat, np.float32).reshape(-1, 4), lit, shots, count).astype(np.float64)
    top, bottom, left, right = np.clip(np.nan_to_num(bars), 0.0, 0.49).T
    x, y = left * width, top * height
    return np.stack([x, y, width * (1 - right) - x, height * (1 - bottom) - y], axis=1), True


def _blended(index: Index, times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of ``times`` (n,) lie in a dissolve or fade, where the pictures of two shots, and their bars, are mixed."""
    out = np.zeros(len(times), bool)
    for start, end in zip(*(index.shots[f"transition_{name}"].to_pylist() for name in ("start", "end")), strict=True):
        if end > start:
            out |= (times >= start) & (times <= end)
    return out


def shot_of(index: Index, times: NDArray[np.float64]) -> NDArray[np.intp]:
    """The shot in which each of ``times`` (seconds) lies."""
    starts = index.shots["start"].to_numpy()
    return np.clip(np.searchsorted(starts, times, side="right") - 1, 0, max(0, len(starts) - 1))


def picture_shares(index: Index, faces: FaceColumns) -> NDArray[np.float64]:
    """The share of the whole picture that the box of each face takes, (n,)."""
    box = faces.box.astype(np.float64)
    return np.asarray(box[:, 2] * box[:, 3] / float(index.video.width * index.video.height))


def active_shares(index: Index, faces: FaceColumns, active: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of its shot's active picture that the box of each face takes, (n,): of the box inside the picture."""
    left, top, width, height = faces.box.astype(np.float64).T
    inside_x = np.minimum(left + width, index.video.width) - np.maximum(left, 0.0)
    inside_y = np.minimum(top + height, index.video.height) - np.maximum(top, 0.0)
    here = active[shot_of(index, faces.time)]
    inside = np.maximum(inside_x, 0.0) * np.maximum(inside_y, 0.0)
    return np.asarray(np.minimum(1.0, inside / (here[:, 2] * here[:, 3])), np.float64)


def count_faces(
    index: Index, faces: FaceColumns, active: NDArray[np.float64], shares: NDArray[np.float64], rules: FaceRules
) -> Counted:
    """Which ``faces`` count by ``rules``; ``shares`` are :func:`active_shares`."""
    here = active[shot_of(index, faces.time)]
    x, y = (faces.box[:, i].astype(np.float64) + faces.box[:, i + 2] / 2 for i in (0, 1))
    inside = (x >= here[:, 0]) & (x <= here[:, 0] + here[:, 2]) & (y >= here[:, 1]) & (y <= here[:, 1] + here[:, 3])
    reasons = {
        "faces_outside": ~inside & (rules.outside == "drop"),
        "faces_small": shares < rules.min_area,
        "faces_large": shares > rules.max_area,
        "faces_unsure": faces.score < rules.min_confidence,
    }
    keep = np.ones(len(faces.time), bool)
    dropped, gone = {}, np.zeros(len(keep), bool)
    for name, bad in reasons.items():
        first = keep & bad
        dropped[name] = int(first.sum())
        keep &= ~bad
        if name != "faces_unsure":
            gone |= first
    return Counted(keep, gone, dropped)


def expanded(box: Box, share: float, size: tuple[float, float]) -> Box:
    """``box`` larger by ``share`` of itself on each side, cut at the borders of the picture of ``size``.

    With a ``share`` of 0 it is left as it is.
    """
    if share <= 0:
        return box
    x, y, w, h = box
    left, top = max(0.0, x - share * w), max(0.0, y - share * h)
    right, bottom = min(size[0], x + w + share * w), min(size[1], y + h + share * h)
    return left, top, max(0.0, right - left), max(0.0, bottom - top)
