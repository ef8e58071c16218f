"""The former place of what is now in :mod:`stills.select.clustering`."""

from stills.select.clustering.constrained import constrained_clusters
from stills.select.clustering.frail import absorb

__all__ = ["absorb", "constrained_clusters"]
