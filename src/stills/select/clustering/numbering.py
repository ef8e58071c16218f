"""Arithmetic of labels: numbering, and noise."""

from __future__ import annotations

import numpy as np

from stills.select.clustering.problem import Labels


def renumbered(labels: Labels) -> Labels:
    """The same partition, numbered 0, 1, … in the order of first members."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return np.asarray(place[inverse.reshape(-1)], np.int64)


def alone(labels: Labels) -> Labels:
    """``labels`` with each -1 (noise) as a cluster of its own: a track is somebody, nobody is lost."""
    noise = labels < 0
    own = labels.copy()
    own[noise] = labels.max(initial=-1) + 1 + np.arange(noise.sum())
    return own
