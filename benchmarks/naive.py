"""The naive way: a frame a second, all faces detected and embedded, DBSCAN. What most scripts do.

``python -m benchmarks.naive FILM OUT`` writes ``OUT/eps_<eps>.json`` for several ``eps``, each like ``people.json``.
It uses the same detector and embedder as stills, on all cores, and reads frames with OpenCV. The best frame of a person
is the largest face times its detector score; a sample stands for the second around it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError

EPS = (0.3, 0.4, 0.5, 0.6)
"""Cosine distances tried: 0.4 and 0.5 are what one reads most, the others show that no value helps."""

MIN_SAMPLES = 3
INTERVAL = 1.0
"""Seconds between two frames."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A face in a frame: ``worth`` is its area in pixels times the detector's score."""

    time: float
    worth: float
    embedding: NDArray[np.float32]


def frames(path: str, interval: float = INTERVAL) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Time in seconds and BGR picture of one frame every ``interval`` seconds, by frame number over frame rate."""
    capture = cv2.VideoCapture(path)
    if not capture.isOpened():
        raise BenchmarkError("OpenCV cannot open it", path=path)
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
        step = max(1, round(rate * interval))
        number = 0
        while capture.grab():
            if number % step == 0:
                done, picture = capture.retrieve()
                if done:
                    yield number / rate, np.asarray(picture, np.uint8)
            number += 1
    finally:
        capture.release()


def sightings(path: str) -> list[Sighting]:
    """All faces of the sampled frames of a film."""
    from stills.models.session import open_session
    from stills.vision.align import align_face
    from stills.vision.detect import YuNet
    from stills.vision.embed import SFace

    threads = os.cpu_count() or 1
    detector = YuNet(open_session("yunet", device="cpu", threads=threads))
    embedder = SFace(open_session("sface", device="cpu", threads=threads))
    seen: list[Sighting] = []
    for time, picture in frames(path):
        found = detector.detect(picture)
        if found:
            chips = np.stack([align_face(picture, face.landmarks) for face in found])
            for face, vector in zip(found, embedder.embed(chips), strict=True):
                seen.append(Sighting(time, face.box[2] * face.box[3] * face.score, vector))
    return seen


def people(seen: list[Sighting], labels: list[int]) -> list[dict[str, Any]]:
    """The clusters as ``people.json`` has them; ``labels`` below 0 are DBSCAN's noise and left out."""
    result = []
    for label in sorted(set(labels) - {-1}):
        own = [sighting for sighting, other in zip(seen, labels, strict=True) if other == label]
        best = max(own, key=lambda sighting: sighting.worth)
        times = sorted({sighting.time for sighting in own})
        result.append(
            {
                "id": label + 1,
                "still": {"time": round(best.time, 6)},
                "faces": len(own),
                "screen_time": len(times) * INTERVAL,
                "spans": spans(times),
            }
        )
    return result


def spans(times: list[float]) -> list[list[float]]:
    """Sorted sample times as spans: each stands for the second around it, neighbours are joined."""
    joined: list[list[float]] = []
    for time in times:
        start, end = max(0.0, time - INTERVAL / 2), time + INTERVAL / 2
        if joined and start <= joined[-1][1] + INTERVAL / 4:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    return joined


def cluster(seen: list[Sighting], eps: float) -> list[int]:
    """DBSCAN's label of each sighting."""
    if not seen:
        return []
    from sklearn.cluster import DBSCAN  # type: ignore[import-untyped]

    vectors = np.stack([sighting.embedding for sighting in seen])
    return [int(label) for label in DBSCAN(eps=eps, min_samples=MIN_SAMPLES, metric="cosine").fit_predict(vectors)]


def main() -> None:
    """Find the people of the film that the command line names."""
    film, out = sys.argv[1], Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    seen = sightings(film)
    for eps in EPS:
        found = people(seen, cluster(seen, eps))
        (out / f"eps_{eps}.json").write_text(json.dumps({"people": found}), encoding="utf-8")


if __name__ == "__main__":
    main()
