"""Clusters that hold what must be apart."""

from __future__ import annotations

import numpy as np

from stills.select.clustering.constrained import constrained
from stills.select.clustering.problem import Labels, Problem


def parted(labels: Labels, problem: Problem) -> Labels:
    """``labels`` with each cluster that holds a forbidden pair clustered anew on its own, under the constraints.

    The pair proves that the cluster is several people, so all of it is looked at again: by the constrained method, at
    the problem's threshold. Clusters without such a pair stay as they are.
    """
    a, b = problem.cannot_link[:, 0], problem.cannot_link[:, 1]
    broken = np.unique(labels[a][labels[a] == labels[b]])
    mended = labels.copy()
    for cluster in broken:
        members = np.flatnonzero(labels == cluster)
        mended[members] = mended.max() + 1 + constrained(problem.part(members))
    return mended
