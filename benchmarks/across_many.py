"""Very many tracks: ``python -m benchmarks.across_many OUT COUNT`` clusters some around a gallery's.

People are drawn from the normal distribution that the real people's means have, shrunk towards a round one (a few
people say little of 128 dimensions); their tracks from the one that real tracks have around their person's mean. How
many tracks somebody has falls off as a power law, a person of twenty on average. One track in four was seen together
with somebody else's. Prints a JSON object of :class:`Many`.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

EACH = 20
"""Tracks of a person, on average."""

_FALL = 0.8  # exponent of the power law
_SHRINK = 0.9
"""With 0.9 synthetic people are as alike as real ones: cosines of 0.10 on average, 0.39 for one pair in a thousand;
the real ones have 0.09 ± 0.09."""


@dataclass(frozen=True, slots=True)
class Many:
    """How long it took (seconds of wall and CPU time), the largest memory (MB), and how right it was."""

    tracks: int
    people: int
    found: int
    seconds: float
    cpu: float
    peak: float
    precision: float
    recall: float
    f1: float
    broken: int
    same: float
    different: float
    approximate: bool


def main() -> None:
    """Cluster what the command line asks for."""
    from stills.jobs.across.cluster import cluster
    from stills.jobs.across.neighbours import EXACT_MOST, can_approximate
    from stills.jobs.across.rules import rules_of
    from stills.jobs.across.update import across_threshold

    out, count = Path(sys.argv[1]), int(sys.argv[2])
    vectors, truth = synthetic(*real_tracks(out), count)
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, count, (2, count // 4))
    pairs = [(int(i), int(j)) for i, j in zip(a, b, strict=True) if truth[i] != truth[j]]
    start, busy = time.perf_counter(), time.process_time()
    labels = cluster(vectors, np.ones(count, np.float32), rules_of(count, pairs), across_threshold("sface"))
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    precision, recall = bcubed(labels, truth)
    some = rng.integers(0, count, (2, 200_000))
    cosine = np.einsum("ij,ij->i", vectors[some[0]], vectors[some[1]])
    alike = truth[some[0]] == truth[some[1]]
    done = Many(
        tracks=count,
        people=len(np.unique(truth)),
        found=int(labels.max()) + 1,
        seconds=seconds,
        cpu=cpu,
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall),
        broken=sum(bool(labels[i] == labels[j]) for i, j in pairs),
        same=float(np.median(cosine[alike & (some[0] != some[1])])),
        different=float(np.quantile(cosine[~alike], 0.999)),
        approximate=count > EXACT_MOST and can_approximate(),
    )
    print(json.dumps(asdict(done)))


def real_tracks(out: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The embeddings of the tracks in the gallery of ``out``, and whose they are."""
    from stills.index.gallery import load_gallery

    gallery = load_gallery(out)
    return gallery.vectors(), gallery.column("identity")


def synthetic(
    vectors: NDArray[np.float32], owners: NDArray[np.int64], count: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """``count`` unit vectors around people like the real ones, and whose they are."""
    rng = np.random.default_rng(seed)
    _, place = np.unique(owners, return_inverse=True)
    sums = np.zeros((place.max() + 1, vectors.shape[1]))
    np.add.at(sums, place, vectors)
    means = sums / np.bincount(place)[:, None]
    people = max(2, count // EACH)
    share = 1.0 / np.arange(1, people + 1) ** _FALL
    truth = rng.choice(people, count, p=share / share.sum())
    centres = means.mean(axis=0) + _drawn(means - means.mean(axis=0), people, rng, _SHRINK)
    found = centres[truth] + _drawn(vectors - means[place], count, rng, 0.1)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32), truth


def _drawn(values: NDArray[np.float64], count: int, rng: np.random.Generator, shrink: float) -> NDArray[np.float64]:
    """``count`` draws from the normal distribution of ``values`` (n, d; mean 0), shrunk to a round one."""
    d = values.shape[1]
    covariance = values.T @ values / max(1, len(values) - 1)
    covariance = (1 - shrink) * covariance + shrink * np.eye(d) * np.trace(covariance) / d
    return rng.standard_normal((count, d)) @ np.linalg.cholesky(covariance + 1e-9 * np.eye(d)).T


def bcubed(labels: NDArray[np.int64], truth: NDArray[np.int64]) -> tuple[float, float]:
    """BCubed precision and recall without a table of all clusters by all people (A. Bagga, B. Baldwin, ACL 1998)."""
    keys, place, both = np.unique(labels * (int(truth.max()) + 1) + truth, return_inverse=True, return_counts=True)
    del keys
    shared = both[place.reshape(-1)]
    own, right = np.bincount(labels)[labels], np.bincount(truth)[truth]
    return float(np.mean(shared / own)), float(np.mean(shared / right))


if __name__ == "__main__":
    main()
