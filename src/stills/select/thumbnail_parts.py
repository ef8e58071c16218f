"""What makes a thumbnail engaging, in parts of 0…1, and what rules a frame out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.index.goodness import spoiled
from stills.index.index import Index
from stills.index.schema import EMOTIONS
from stills.select.composition import detail_place, kept_by_crop, room_for_title, subject_place, title_cover
from stills.select.thumbnail_candidates import Candidates

Floats = NDArray[np.float64]

WEIGHTS: Mapping[str, float] = {
    "faces": 0.20,  # people look at people first
    "expression": 0.17,
    "eyes": 0.08,
    "smile": 0.10,  # of the mesh, which errs otherwise than the emotion network does
    "sharpness": 0.13,
    "exposure": 0.09,
    "color": 0.07,
    "composition": 0.07,
    "title": 0.03,
    "cleanness": 0.06,
}
"""Parts of the score and their weights. Without any face in the video the first four are left out."""

LATE_PARTS = ("composition", "title")
"""Parts that look at tiny pictures: computed for the frames that could win only."""

FACE_PARTS = ("faces", "expression", "eyes", "smile")

CLEAN, UNSURE, FLAWED, SPOILED = range(4)
"""Tiers: a frame of a later one is never taken while there is one of an earlier one. Unsure: nobody saw whether the
eyes are open. Flawed: eyes closed, blurred, badly exposed, nothing but text. Spoiled: black, a blend, a flash."""

_FACE_SCALE = 0.16  # side of a face against the picture's shorter side at which its size is worth 63 %
_HUGE = (0.8, 1.4)  # the same from which a face is too near, and from which nothing is left of it
_VIVID = 30.0  # colourfulness worth 63 %
_TEXT, _NOISE = (0.03, 0.25), (3.0, 15.0)  # share of text, grey levels of noise: harmless, ruinous
_EYES_CLOSED = 0.25  # of eyes_open; it is 0 where a blink coefficient says closed, and laughing eyes have over 0.4
# Blurred and badly exposed are what is bad by itself and clearly worse than the better frames of this video: a soft or
# dark film has thumbnails as well, as long as anything is to be seen. (Bad below, share of the 80th percentile, bad
# below in any video.)
_BLURRED, _UNEXPOSED = (0.30, 0.45, 0.04), (0.35, 0.5, 0.05)
# White that other frames do not have, unless it is the ground of a well-lit face: burnt out rather than meant. (Share
# of the picture, how many times what the video usually has, exposure of the face.)
_BURNT, _BURNT_TIMES, _LIT_FACE = 0.4, 2.5, 0.6
# Words on a dark ground: the picture is dark, and text is much of what little detail there is. On drawn subtitles,
# titles and credits on black, text is 0.02 to 0.10 of the picture and a third of its detail or more; in photos, under
# 0.06 of the picture and a twentieth of its detail.
_TITLE_LUMA, _TITLE_TEXT, _TITLE_DETAIL, _TITLE_SHARE = 60.0, 0.005, 0.25, 0.2
_PAGE_TEXT = 0.3
_EYES_SIZE = 0.06  # of the picture's shorter side: nobody sees the eyes of smaller faces in a thumbnail
_DARK, _FAINT = 14.0, 16.0  # mean and deviation of the luma of a picture of nothing


def emotion_weights(emotions: Mapping[str, float]) -> Floats:
    """The weights in the order of ``EMOTIONS`` (7,). Raises ``UsageError`` for a name that is none."""
    unknown = sorted(set(emotions) - set(EMOTIONS))
    if unknown:
        raise UsageError(f"there is no emotion called {unknown[0]!r}", remedy=f"known: {', '.join(EMOTIONS)}")
    return np.array([emotions.get(name, 0.0) for name in EMOTIONS], np.float64)


def part_weights(changes: Mapping[str, float]) -> dict[str, float]:
    """``WEIGHTS`` with ``changes``. Raises ``UsageError`` for unknown names, and where nothing is left to count."""
    unknown = sorted(set(changes) - set(WEIGHTS))
    if unknown:
        raise UsageError(f"there is no part called {unknown[0]!r}", remedy=f"known: {', '.join(WEIGHTS)}")
    weights = {**WEIGHTS, **changes}
    if any(not 0 <= w < float("inf") for w in weights.values()) or not sum(weights.values()):
        raise UsageError("the weights of a score are 0 or more, and not all 0")
    return weights


def early_parts(c: Candidates, emotions: Floats | None) -> dict[str, Floats]:
    """The parts that the tables alone give, each (n,); ``emotions`` as of :func:`emotion_weights`, ``None`` for none.

    Those of faces are 0 in frames without any.
    """
    f, n = c.faces, len(c)
    main = f.main
    has = has_faces(c)
    side = _side(c)
    size = (1.0 - np.exp(-side / _FACE_SCALE)) * (1.0 - _ramp(side, *_HUGE))
    value = size * _known(f.values["quality_visible"], 1.0) * (0.4 + 0.6 * _known(f.values["quality_pose"], 1.0))
    missing = np.ones(n)
    np.multiply.at(missing, f.of[main], 1.0 - 0.85 * value[main])  # a second face adds, but less than the first
    seen = main & f.measured
    eyes = _by_candidate(c, f.values["eyes_open"], seen, 0.5)
    worst = np.ones(n)
    np.minimum.at(worst, f.of[seen], f.values["eyes_open"][seen])
    whole = c.columns["sharpness"]
    face_sharp = _by_candidate(c, _known(f.values["quality_sharpness"], 0.0), main, 0.0)
    face_light = _by_candidate(c, _known(f.values["quality_exposure"], 1.0), main, 0.0)
    still_text = _ramp(c.columns["text"], *_TEXT)
    parts = {
        "faces": 1.0 - missing,
        "eyes": np.where(has, 0.5 * (eyes + np.minimum(worst, eyes)), 0.0),
        "smile": np.where(has, _by_candidate(c, _known(f.values["smile"], 0.0), seen, 0.0), 0.0),
        "sharpness": np.where(has, 0.7 * face_sharp + 0.3 * whole, whole),
        "exposure": np.where(has, 0.5 * face_light + 0.5 * c.columns["exposure"], c.columns["exposure"]),
        "color": 1.0 - np.exp(-c.columns["colorfulness"] / _VIVID),
        "cleanness": (1.0 - still_text) * (1.0 - 0.5 * _ramp(c.columns["noise"], *_NOISE)),
    }
    if emotions is not None:
        low, high = min(0.0, float(emotions.min())), max(0.0, float(emotions.max()))
        wanted = (np.nan_to_num(c.expression) @ emotions - low) / (high - low) if high > low else np.zeros(n)
        parts["expression"] = np.where(has & np.isfinite(c.expression[:, 0]), wanted, 0.0)
    return {name: np.clip(values, 0.0, 1.0) for name, values in parts.items()}


def late_parts(
    c: Candidates, index: Index, which: NDArray[np.int64], aspect: float | None
) -> tuple[dict[str, Floats], NDArray[np.uint8]]:
    """``LATE_PARTS`` of the candidates ``which``, each (m,), and their tiny pictures (m, 36, 64).

    ``aspect`` (width / height) is what the picture will be cut to: faces that cannot all stay in it count against it.
    """
    thumbs, known = c.thumbs(index, which)
    place = np.full(len(c), -1, np.int64)
    place[which] = np.arange(len(which))
    f = c.faces
    at = place[f.of]
    mine = (at >= 0) & f.main
    at, share = at[mine], f.share[mine]
    area = share[:, 2] * share[:, 3]
    total = np.bincount(at, area, len(which))
    has = total > 0
    divisor = np.where(has, total, 1.0)
    # The eyes, at two fifths of a box, are what is looked at.
    x = np.bincount(at, area * (share[:, 0] + share[:, 2] / 2), len(which)) / divisor
    y = np.bincount(at, area * (share[:, 1] + 0.4 * share[:, 3]), len(which)) / divisor
    composition = np.where(has, subject_place(x, y), np.where(known, detail_place(thumbs), 0.5))
    if aspect is not None:
        composition = composition * _kept(c, which, at, share, aspect)
    covered = np.stack([np.bincount(at, p, len(which)) for p in title_cover(share).T], axis=1).astype(np.float64)
    title = np.where(known, room_for_title(thumbs, covered), 0.5)
    return {"composition": composition, "title": title}, thumbs


def tiers(c: Candidates, parts: Mapping[str, Floats]) -> NDArray[np.int64]:
    """The tier of each candidate (n,)."""
    f, columns, has = c.faces, c.columns, has_faces(c)
    bad = spoiled(columns)
    seen = f.main & f.measured
    measured = np.bincount(f.of[seen], minlength=len(c)) > 0
    # The largest face's eyes, or those of half of all: in a group somebody always looks down.
    area = np.where(f.main & (_side(c) >= _EYES_SIZE), f.share[:, 2] * f.share[:, 3], 0.0)
    shut = np.bincount(f.of, area * (f.eyes_near < _EYES_CLOSED), len(c))
    closed = (shut > 0) & (shut >= 0.5 * np.bincount(f.of, area, len(c)))
    light = parts["exposure"]
    sharp = columns["sharpness"]
    flawed = (
        closed
        | (~has & (nothing_but_text(columns) | nothing_at_all(columns)))
        | _low(sharp, sharp[~bad & ~has], _BLURRED) & ~has
        | _low(parts["sharpness"], parts["sharpness"][~bad & has], _BLURRED) & has
        | _low(light, light[~bad], _UNEXPOSED)
        | _burnt(c, bad)
    )
    tier = np.where(has & ~measured, UNSURE, CLEAN)
    tier = np.where(flawed, FLAWED, tier)
    return np.asarray(np.where(bad, SPOILED, tier), np.int64)


def nothing_but_text(columns: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Which frames are subtitles, titles or credits on a dark ground, or pages of text (n,)."""
    text, detail = columns["text"], columns["detail"]
    few = (text >= _TITLE_TEXT) & (detail <= _TITLE_DETAIL) & (text >= _TITLE_SHARE * detail)
    return np.asarray((columns["luma"] < _TITLE_LUMA) & few | (text >= _PAGE_TEXT))


def nothing_at_all(columns: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Which frames are so dark and faint that there is nothing to be seen (n,)."""
    return np.asarray((columns["luma"] < _DARK) & (columns["contrast"] < _FAINT))


def has_faces(c: Candidates) -> NDArray[np.bool_]:
    """Which candidates show a face (n,)."""
    return np.asarray(np.bincount(c.faces.of, minlength=len(c)) > 0)


def _side(c: Candidates) -> Floats:
    """The side of each face's square against the picture's shorter side, from its area and the picture's shape."""
    shape = c.shape[c.faces.of]
    area = np.maximum(c.faces.share[:, 2] * c.faces.share[:, 3], 0.0)
    return np.asarray(np.sqrt(area * np.maximum(shape, 1.0 / shape)), np.float64)


def _low(values: Floats, good: Floats, bounds: tuple[float, float, float]) -> NDArray[np.bool_]:
    bad, share, hopeless = bounds
    usual = float(np.percentile(good, 80)) if len(good) else 0.0
    return np.asarray(values < max(hopeless, min(bad, share * usual)))


def _burnt(c: Candidates, bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    white = c.columns["highlights"]
    usual = float(np.percentile(white[~bad], 80)) if not bad.all() else 0.0
    lit = _by_candidate(c, _known(c.faces.values["quality_exposure"], 0.0), c.faces.main, 0.0) >= _LIT_FACE
    return np.asarray((white > max(_BURNT, _BURNT_TIMES * usual)) & ~lit)


def _by_candidate(c: Candidates, values: Floats, which: NDArray[np.bool_], otherwise: float) -> Floats:
    """The mean of ``values`` over the faces ``which`` of each candidate, weighted by their area."""
    area = (c.faces.share[:, 2] * c.faces.share[:, 3])[which]
    of = c.faces.of[which]
    total = np.bincount(of, area, len(c))
    mean = np.bincount(of, area * values[which], len(c)) / np.where(total > 0, total, 1.0)
    return np.asarray(np.where(total > 0, mean, otherwise), np.float64)


def _kept(c: Candidates, which: NDArray[np.int64], at: NDArray[np.int64], share: Floats, aspect: float) -> Floats:
    """How much of the main faces a crop to ``aspect`` can keep (m,): 1 where they all fit, or there are none."""
    low, high = np.full((len(which), 2), np.inf), np.full((len(which), 2), -np.inf)
    np.minimum.at(low, at, share[:, :2])
    np.maximum.at(high, at, share[:, :2] + share[:, 2:])
    has = np.isfinite(low[:, 0])
    low[~has], high[~has] = 0.0, 0.0
    shape = c.shape[which]
    across = kept_by_crop(high[:, 0] - low[:, 0], np.minimum(1.0, aspect / shape))
    return across * kept_by_crop(high[:, 1] - low[:, 1], np.minimum(1.0, shape / aspect))


def _known(values: Floats, otherwise: float) -> Floats:
    return np.nan_to_num(values, nan=otherwise)


def _ramp(values: Any, zero: float, one: float) -> Floats:
    return np.asarray(np.clip((values - zero) / (one - zero), 0.0, 1.0), np.float64)
