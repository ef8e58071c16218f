"""Which tracks are faces: one face in one frame is a guess, a track is evidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stills.select.tracks import Tracks

LEAST_SCORE = 0.7
"""Least best detector score of a track."""

LEAST_PRESENCE = 0.5
"""Least best confidence of the landmark mesh that it lies on a face."""


def convincing(tracks: Tracks) -> NDArray[np.bool_]:
    """Which tracks are taken for people (n,)."""
    known = (tracks.weight > 0) | (tracks.person >= 0)
    return np.asarray(known & (tracks.score >= LEAST_SCORE) & (tracks.presence >= LEAST_PRESENCE))
