"""From which cosine similarity on tracks are one person, by method and by embedder.

With SFace (:data:`SFACE`), reasoned from what a method compares and from SFace's :data:`MARKS`; nothing was fitted to
films but the first:

- ``constrained`` compares weighted means, in which the noise of single tracks averages out. 0.45 was measured on real
  clips with small, turned faces: people were told apart without an error at 0.44 to 0.46 (see the page on concepts).
- ``agglomerative`` compares means of similarities, and these are lower than similarities of means: the mean vector of
  a large cluster whose members agree by s has the length √s, so two such clusters have s times the similarity of their
  means. Pairs of photos of one person agree by 0.78 on average, tracks by 0.9, so 0.45 becomes 0.35 to 0.41. It is
  0.40, as single tracks have nothing to average: different people reach 0.36.
- ``chinese-whispers`` compares pairs, and a few wrong ones are outvoted: the middle of the marks.
- ``dbscan`` compares pairs too, but one wrong one joins two people, while of many right ones any is enough: three
  quarters of the way to the mark that all pairs of one person reach.
- ``hdbscan`` lets densities decide between the marks: the threshold is their middle, the doubt half their distance.

With another embedder it is the threshold at the same place between that one's marks. Those without marks get SFace's,
and :func:`is_measured` says so: they are trained on angular margins too, and the table of thresholds for two photos
that DeepFace tuned on LFW has 0.41 for SFace between 0.32 for one ArcFace and 0.45 for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stills.errors import UsageError
from stills.types import ClusterMethod


@dataclass(frozen=True, slots=True)
class Marks:
    """Cosine similarities of pairs of photos: ``different`` people have no more, the ``same`` person has no less."""

    different: float
    same: float


MARKS: Mapping[str, Marks] = {"sface": Marks(different=0.361, same=0.589)}
"""By embedder, as measured: SFace on 300 labelled pairs of photos of celebrities, 38 of them of one person."""

SFACE: Mapping[ClusterMethod, float] = {
    "constrained": 0.45,
    "chinese-whispers": 0.475,
    "dbscan": 0.53,
    "hdbscan": 0.475,
    "agglomerative": 0.40,
}
"""Cosine similarity by method, with SFace."""

FRAIL = 0.32
"""From which somebody seen only in profile or cut off, compared by means, is who is clearly the most similar; SFace."""


def is_measured(embedder: str) -> bool:
    """Whether thresholds for ``embedder`` come from measured marks; else they are those of SFace."""
    return embedder in MARKS


def default_threshold(method: ClusterMethod, embedder: str = "sface") -> float:
    """The cosine similarity from which ``method`` takes tracks for one person. Raises ``UsageError`` for no method."""
    if method not in SFACE:
        raise UsageError(f"there is no clustering method {method!r}", remedy=f"known: {', '.join(SFACE)}")
    return _moved(SFACE[method], embedder)


def frail_threshold(method: ClusterMethod, threshold: float, embedder: str = "sface") -> float:
    """:data:`FRAIL` for ``embedder``, as much higher or lower as ``threshold`` is than the default of ``method``."""
    return _moved(FRAIL, embedder) * threshold / default_threshold(method, embedder)


def doubt(embedder: str = "sface") -> float:
    """Half the distance of the marks: how far from their middle a pair may still be one person or two."""
    marks = MARKS.get(embedder, MARKS["sface"])
    return (marks.same - marks.different) / 2


def _moved(similarity: float, embedder: str) -> float:
    """A similarity of SFace's at the same place between the marks of ``embedder``."""
    old, new = MARKS["sface"], MARKS.get(embedder, MARKS["sface"])
    if new == old:
        return similarity
    share = (similarity - old.different) / (old.same - old.different)
    return round(new.different + share * (new.same - new.different), 3)
