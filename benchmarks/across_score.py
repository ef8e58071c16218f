"""Who ``across.json`` says is where, against the truth of the clips: BCubed over moments of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.across_clips import Point
from benchmarks.across_many import bcubed


@dataclass(frozen=True, slots=True)
class AcrossScore:
    """``people`` are in the truth, ``found`` have a moment of their own; ``missed`` moments have nobody."""

    moments: int
    people: int
    found: int
    missed: int
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def score(document: Mapping[str, Any], points: Sequence[Point]) -> AcrossScore:
    """How well people are told apart over all clips. A moment with nobody, or with several, is a person of its own."""
    videos = [str(video["path"]).rpartition("/")[2] for video in document["videos"]]
    spans: dict[str, list[tuple[float, float, int]]] = {}
    for person in document["people"]:
        for one in person["appearances"]:
            spans.setdefault(videos[one["video"]], []).extend((a, b, person["id"]) for a, b in one["spans"])
    labels, missed = [], 0
    for place, point in enumerate(points):
        here = {who for a, b, who in spans.get(point.clip, []) if a <= point.time < b}
        missed += not here
        labels.append(here.pop() if len(here) == 1 else -1 - place)
    found = np.unique(labels, return_inverse=True)[1].reshape(-1)
    truth = np.unique([point.person for point in points], return_inverse=True)[1].reshape(-1)
    precision, recall = bcubed(found, truth)
    own = len({label for label in labels if label >= 0})
    return AcrossScore(len(points), int(truth.max()) + 1, own, missed, precision, recall)
