"""The ways to cluster: ``python -m benchmarks.regroup FILM OUT [TRUTH]`` groups the tracks of one film by all of them.

The index is in the cache folder, or is made. Each method runs at its own threshold and at :data:`THRESHOLDS`; what
people come out is written to ``OUT`` like ``people.json``, and a JSON list of :class:`Grouping` is printed. With the
film's truth, single faces are grouped as well, as if there were no tracks, and scored.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(13))
"""Cosine similarities tried beside each method's own: 0.2 to 0.8."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """What one method made of a film at one ``threshold``; ``default`` says that it is the method's own.

    ``file`` holds the people, ``seconds`` is what selecting them took from a loaded index, pictures and all else of a
    selection included. ``faces`` and ``faces_f1`` are the number of single faces that were grouped at its own
    threshold, and their BCubed F1.
    """

    method: str
    threshold: float
    default: bool
    file: str
    seconds: float
    faces: int = 0
    faces_f1: float | None = None


def main() -> None:
    """Group the film that the command line names."""
    import stills
    from stills.select.clustering import METHODS

    film, out = sys.argv[1], Path(sys.argv[2])
    truth = json.loads(Path(sys.argv[3]).read_text(encoding="utf-8")) if len(sys.argv) > 3 else None
    out.mkdir(parents=True, exist_ok=True)
    index = stills.scan(film, layers=("faces",))
    done = []
    for method in METHODS:
        group(index, method, None, out)  # imports, and reads columns
        done.append(group(index, method, None, out, truth))
        done += [group(index, method, threshold, out) for threshold in THRESHOLDS]
    print(json.dumps([asdict(one) for one in done]))


def group(
    index: Any, method: Any, threshold: float | None, out: Path, truth: Mapping[str, Any] | None = None
) -> Grouping:
    """Select the people of ``index`` by ``method``, write them, and score single faces where there is a ``truth``."""
    from stills.select.people import PeopleOptions, select_people

    start = time.perf_counter()
    selection = select_people(index, PeopleOptions(cluster=method, similarity=threshold))
    seconds = time.perf_counter() - start
    used = float(selection.settings["similarity"])
    file = out / f"{method}_{'default' if threshold is None else threshold}.json"
    people = [
        {"id": p.id, "still": {"time": p.still.time}, "faces": p.faces, "screen_time": p.screen_time, "spans": p.spans}
        for p in selection.people
    ]
    file.write_text(json.dumps({"people": people}), encoding="utf-8")
    faces, f1 = single_faces(index, method, truth) if truth is not None else (0, None)
    return Grouping(method, used, threshold is None, str(file), seconds, faces, f1)


def single_faces(index: Any, method: Any, truth: Mapping[str, Any]) -> tuple[int, float | None]:
    """How many embedded faces are on screen alone, and the BCubed F1 of grouping them without tracks or constraints."""
    from stills.select.clustering import cluster_tracks
    from stills.select.tracks import FaceColumns

    faces = FaceColumns.of(index)
    rows = faces.embedding_of
    who = [alone_at(truth, float(moment)) for moment in faces.time[rows]]
    known = np.array([name is not None for name in who], bool)
    if not known.any():
        return 0, None
    names = np.unique([name for name in who if name is not None], return_inverse=True)[1]
    vectors = faces.embeddings[known]
    labels = cluster_tracks(method, vectors, np.ones(len(vectors), np.float32))
    return len(vectors), bcubed_f1(labels, names)


def alone_at(truth: Mapping[str, Any], moment: float) -> str | None:
    """The one person whom the truth has on screen at ``moment``; ``None`` for nobody, several, or a dissolve."""
    shots = [shot for shot in truth["shots"] if shot["start"] <= moment < shot["end"]]
    if len(shots) != 1 or len(shots[0]["people"]) != 1:
        return None
    return str(shots[0]["people"][0])


def bcubed_f1(labels: Sequence[int] | NDArray[np.int64], truth: Sequence[int] | NDArray[np.int64]) -> float:
    """BCubed F1 of two partitions of the same things: A. Bagga, B. Baldwin, ACL 1998."""
    found, right = np.unique(labels, return_inverse=True)[1], np.unique(truth, return_inverse=True)[1]
    shared = np.zeros((found.max() + 1, right.max() + 1))
    np.add.at(shared, (found, right), 1)
    both = shared[found, right]
    precision = float(np.mean(both / shared.sum(axis=1)[found]))
    recall = float(np.mean(both / shared.sum(axis=0)[right]))
    return 2 * precision * recall / (precision + recall)


if __name__ == "__main__":
    main()
