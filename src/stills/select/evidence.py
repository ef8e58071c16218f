"""Which tracks are faces, and which people are people: one face in one frame is a guess, a track is evidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stills.index.index import Index
from stills.select.tracks import Tracks

LEAST_SCORES = (0.8, 0.78, 0.7)
"""Least best detector score of a track of one, two, and three or more faces. Fists and folds of cloth that pass for a
face once or twice stay below 0.78 in the development clips, and their mesh is no help: it believes in anything."""

LEAST_PRESENCE = 0.5
"""Least best confidence of the landmark mesh that it lies on a face. It fails on profiles."""

PROFILE_FACES, PROFILE_SCORE = 3, 0.85
"""Faces and best detector score from which a track that the mesh denies is a profile all the same."""

ALONE_FACES, ALONE_QUALITY = 5, 0.35
"""Faces and best quality from which somebody who is only seen in profile is a person."""

LEAST_VISIBLE = 0.5
"""Least ``visible`` part of somebody's best face: a chin below the frame's edge has no owner to be told."""


SCALE = 0.6
"""Least score of the detector (YuNet) on whose scale the scores here are."""


def convincing(tracks: Tracks, index: Index) -> NDArray[np.bool_]:
    """Which of the ``tracks`` of ``index`` are taken for faces (n,).

    Detectors have scales of their own, which are brought to that of YuNet by their ends (the least score, and 1): that
    is a guess about what lies between, and was not measured.
    """
    score, floor = tracks.score, float(index.parameters.get("detect_score", SCALE))
    if floor != SCALE:
        score = np.asarray(1.0 - (1.0 - score) * (1.0 - SCALE) / (1.0 - floor), np.float32)
    known = (tracks.weight > 0) | (tracks.person >= 0)
    count = np.array([len(r) for r in tracks.rows], np.int64)
    least = np.array(LEAST_SCORES)[np.clip(count, 1, len(LEAST_SCORES)) - 1]
    return np.asarray(known & (score >= least) & (_seen_by_mesh(tracks) | _profile(score, count)))


def is_person(tracks: Tracks, own: NDArray[np.int64]) -> bool:
    """Whether the tracks ``own`` together are a person of their own."""
    if tracks.visible[own].max() < LEAST_VISIBLE:
        return False
    if _seen_by_mesh(tracks)[own].any():
        return True
    faces = sum(len(tracks.rows[t]) for t in own)
    return faces >= ALONE_FACES and bool(tracks.quality[own].max() >= ALONE_QUALITY)


def frail(tracks: Tracks, own: NDArray[np.int64]) -> bool:
    """Whether ``own`` are so turned away or cut off that an embedding says little about them."""
    return bool(tracks.visible[own].max() < LEAST_VISIBLE or not _seen_by_mesh(tracks)[own].any())


def _seen_by_mesh(tracks: Tracks) -> NDArray[np.bool_]:
    return np.asarray(tracks.presence >= LEAST_PRESENCE)


def _profile(score: NDArray[np.float32], count: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray((count >= PROFILE_FACES) & (score >= PROFILE_SCORE))
