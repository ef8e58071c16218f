"""The ways to cluster on real clips.

``python -m benchmarks.regroup_real FOLDER`` prints a JSON list of :class:`Judged`; FOLDER holds clips with
``*.truth.json``. Two things are known of their tracks without anybody having labelled them: what photos of named people
say of who is on screen, and that faces in one frame are different people.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.corpus import load
from benchmarks.real import Faces, name_of, present
from benchmarks.regroup import bcubed_f1
from stills.types import ClusterMethod


@dataclass(frozen=True, slots=True)
class Judged:
    """What a method makes of all clips: ``named`` tracks, the ``people`` they are of, and their BCubed F1.

    ``joined`` of ``pairs`` seen in one frame share a person where the method is not told that they must not.
    """

    method: str
    named: int
    people: int
    f1: float
    groups: int
    pairs: int
    joined: int


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """The tracks of a clip that count, their names by photo where they have one, and pairs seen in one frame."""

    vectors: NDArray[np.float32]
    weights: NDArray[np.float32]
    names: list[str | None]
    pairs: list[tuple[int, int]]


def main() -> None:
    """Judge the clips of the folder that the command line names."""
    from stills.select.clustering import METHODS

    faces = Faces.load()
    clips = [read_clip(path, faces) for path in sorted(Path(sys.argv[1]).glob("*.truth.json"))]
    print(json.dumps([asdict(judge(method, clips)) for method in METHODS]))


def read_clip(truth_path: Path, faces: Faces) -> Clip:
    """The tracks of the clip that a truth is about."""
    import stills
    from stills.select.evidence import convincing
    from stills.select.people import PeopleOptions
    from stills.select.tracks import FaceColumns, build_tracks, seen_together

    truth, folder = load(truth_path), truth_path.parent
    photos = {name: faces.reference(folder / where) for name, where in truth["references"].items()}
    columns = FaceColumns.of(stills.scan(str(folder / truth["video"]), layers=("faces",)))
    tracks = build_tracks(columns)
    members = np.flatnonzero(convincing(tracks) & (tracks.size >= PeopleOptions().min_face))
    place = {int(track): i for i, track in enumerate(members)}
    names = [
        name_of(tracks.vector[t], photos, _present(truth, columns.time[tracks.rows[t]]))[0] if photos else None
        for t in members
    ]
    together = [(place[a], place[b]) for a, b in seen_together(columns, tracks) if a in place and b in place]
    return Clip(tracks.vector[members], tracks.weight[members], names, together)


def _present(truth: Mapping[str, Any], times: NDArray[np.float64]) -> set[str]:
    return present(truth, float(np.median(times)))


def judge(method: ClusterMethod, clips: list[Clip]) -> Judged:
    """Group the tracks of each clip: with the pairs for the named, without them to see whether they would be joined."""
    from stills.select.clustering import cluster_tracks

    labels: list[int] = []
    names: list[str] = []
    joined, groups = 0, 0
    for number, clip in enumerate(clips):
        told = cluster_tracks(method, clip.vectors, clip.weights, clip.pairs)
        free = cluster_tracks(method, clip.vectors, clip.weights)
        joined += sum(bool(free[a] == free[b]) for a, b in clip.pairs)
        for label, name in zip(told, clip.names, strict=True):
            if name is not None:
                labels.append(groups + int(label))
                names.append(f"{number} {name}")
        groups += int(told.max(initial=-1)) + 1
    numbers = np.unique(names, return_inverse=True)[1]
    pairs = sum(len(clip.pairs) for clip in clips)
    return Judged(method, len(names), len(set(names)), bcubed_f1(labels, numbers), groups, pairs, joined)


if __name__ == "__main__":
    main()
