"""Real clips: named people against their reference photos, and nobody twice in one shot."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.bench import Bench, Result
from benchmarks.corpus import Film, load
from benchmarks.errors import BenchmarkError
from benchmarks.naive import frames
from benchmarks.quality import overlap
from benchmarks.results import Check, Section, Table

LIKE_PHOTO = 0.363
"""Least cosine of a face in a clip and the mean of a person's photos to be them: OpenCV's threshold for SFace."""

ALIKE = 0.475
"""Least cosine of two faces of one clip to be one person: midway between SFace's 0.361 and 0.589 (see DESIGN)."""

LEAST_FACE = 40
"""Pixels, and …"""
LEAST_SECONDS = 1.0
"""… seconds from which a named person must be found."""

LOOK = 0.125
"""Seconds between two frames in which named people are looked for to learn how large and long they are seen."""

IN_SHOT = 0.2
"""Seconds of a shot that somebody must be seen in it to count there: the ends of spans are not exact to the frame."""

Vector = NDArray[np.float32]
Person = Mapping[str, Any]


@dataclass(slots=True)
class Faces:
    """Detector and embedder, and the photos that were read so far."""

    detector: Any
    embedder: Any
    photos: dict[Path, Vector] = field(default_factory=dict)

    @classmethod
    def load(cls) -> Faces:
        """The models that stills uses, here only to tell who is who."""
        from stills.models.session import open_session
        from stills.vision.detect import YuNet
        from stills.vision.embed import SFace

        threads = os.cpu_count() or 1
        yunet = open_session("yunet", device="cpu", threads=threads)
        return cls(YuNet(yunet), SFace(open_session("sface", device="cpu", precision="f32", threads=threads)))

    def find(self, picture: NDArray[np.uint8]) -> list[tuple[tuple[float, ...], Vector]]:
        """Box (xywh) and embedding of every face of a BGR picture."""
        from stills.vision.align import align_face

        found = self.detector.detect(picture)
        if not found:
            return []
        chips = np.stack([align_face(picture, face.landmarks) for face in found])
        return [(face.box, vector) for face, vector in zip(found, self.embedder.embed(chips), strict=True)]

    def reference(self, folder: Path) -> Vector:
        """The unit mean of the largest faces of the photos in ``folder``. Raises ``BenchmarkError`` without any."""
        if folder not in self.photos:
            vectors = []
            for file in sorted(folder.iterdir()):
                faces = self.find(read(file))
                if faces:
                    vectors.append(max(faces, key=lambda face: face[0][2] * face[0][3])[1])
            if not vectors:
                raise BenchmarkError("no photo shows a face", path=str(folder))
            mean = np.mean(vectors, axis=0)
            self.photos[folder] = np.asarray(mean / np.linalg.norm(mean), np.float32)
        return self.photos[folder]

    def of_still(self, result: Result, person: Person) -> Vector | None:
        """The embedding of the face that a person's still was chosen for; ``None`` where it is not found again."""
        still = person["still"]
        box = still.get("face") or still["bbox"]
        faces = self.find(read(result.path.parent / still["file"]))
        near = [(iou(box, face), vector) for face, vector in faces]
        best = max(near, key=lambda pair: pair[0], default=None)
        return best[1] if best is not None and best[0] > 0.2 else None


def real(bench: Bench) -> Section:
    """Each clip: who should be found, who is, how many are predicted, who is there twice."""
    clips = bench.corpus.clips()
    if not clips:
        return Section("real", "Real clips", (), (), ("Not measured: there is no corpus here.",))
    faces = Faces.load()
    rows, data = [], {}
    due, found_due, twice_in_shot = 0, 0, 0
    for clip in clips:
        outcome = judge(bench, clip, faces)
        data[clip.name] = outcome
        due += len(outcome["due"])
        found_due += len(set(outcome["due"]) & set(outcome["found"]))
        twice_in_shot += outcome["twice_in_shot"]
        named = f"{len(outcome['found'])} of {len(outcome['named'])}" if outcome["named"] else "–"
        of_due = (
            f"{len(set(outcome['due']) & set(outcome['found']))} of {len(outcome['due'])}" if outcome["named"] else "–"
        )
        counts = (
            outcome["seen"],
            outcome["predicted"],
            outcome["twice_in_shot"],
            outcome["twice"],
            outcome["strangers"],
        )
        rows.append((clip.name, named, of_due, *map(str, counts)))
    columns = (
        "clip", "named, found", f"≥ {LEAST_FACE} px for ≥ {LEAST_SECONDS:.0f} s, found", "people in truth", "predicted",
        "twice in a shot", "twice in the clip", "strangers",
    )  # fmt: skip
    large = f"real clips: named people, face ≥ {LEAST_FACE} px for ≥ {LEAST_SECONDS:.0f} s"
    checks = (
        Check(large, f"{found_due} of {due}", "all", found_due == due),
        Check("real clips: people who are there twice in one shot", str(twice_in_shot), "0", twice_in_shot == 0),
    )
    remarks = (
        "Named people have reference photos. A predicted person is the named one whose photos it is most like, at a "
        f"cosine ≥ {LIKE_PHOTO}, if the truth has that one on screen at the time of the still. Two of them in one clip "
        f"are one person if both have that name, or neither has one and their cosine is ≥ {ALIKE}.",
        f"Who has a face of {LEAST_FACE} px for a second was measured, not read from the truth: frames every {LOOK} s, "
        "faces of that width and likeness. A face turned away does not count, so this is a lower bound.",
        "Strangers have their still where the truth shows nobody. Extras in the background are not in the truth, so "
        "more people than it has can be predicted rightly.",
    )
    return Section("real", "Real clips", (Table(columns, tuple(rows)),), checks, remarks, data=data)


def judge(bench: Bench, clip: Film, faces: Faces) -> dict[str, Any]:
    """Who of the truth is found in a clip, and who twice."""
    if clip.truth is None:
        raise BenchmarkError("a clip needs a truth", path=str(clip.path))
    truth = load(clip.truth)
    folder = clip.truth.parent
    photos = {name: faces.reference(folder / where) for name, where in truth["references"].items()}
    named = sorted(set(photos) & set(truth["people"]))
    seconds = large_seconds(clip, faces, photos)
    result = bench.kept(clip)
    vectors = [faces.of_still(result, person) for person in result.people]
    names = [
        name_of(vector, photos, present(truth, person["still"]["time"]))
        for vector, person in zip(vectors, result.people, strict=True)
    ]
    counts = Counter(name for name, _ in names if name is not None)
    alike = same_people([name for name, _ in names], vectors)
    shots = [[shot["start"], shot["end"]] for shot in truth["shots"]]
    in_shot = {
        pair
        for pair in alike
        if any(all(overlap(result.people[i]["spans"], [shot]) >= IN_SHOT for i in pair) for shot in shots)
    }
    return {
        "named": named,
        "due": [name for name in named if seconds[name] >= LEAST_SECONDS],
        "large_seconds": seconds,
        "found": sorted(set(counts) & set(named)),
        "likeness": [[name, round(cosine, 3)] for name, cosine in names],
        "seen": len(truth["people"]),
        "predicted": len(result.people),
        "twice": len(alike),
        "twice_in_shot": len(in_shot),
        "strangers": sum(not present(truth, person["still"]["time"]) for person in result.people),
    }


def large_seconds(clip: Film, faces: Faces, photos: Mapping[str, Vector]) -> dict[str, float]:
    """Seconds in which each named person has a face of at least :data:`LEAST_FACE` pixels."""
    seconds = dict.fromkeys(photos, 0.0)
    if not photos:
        return seconds
    for _, picture in frames(str(clip.path), LOOK):
        large = [vector for box, vector in faces.find(picture) if box[2] >= LEAST_FACE]
        for name in {name_of(vector, photos, photos)[0] for vector in large} - {None}:
            seconds[str(name)] += LOOK
    return seconds


def name_of(
    vector: Vector | None, photos: Mapping[str, Vector], there: Mapping[str, Any] | set[str]
) -> tuple[str | None, float]:
    """The name whose photos are most like ``vector``, if like enough and among ``there``; and how like."""
    if vector is None or not photos:
        return None, 0.0
    name = max(photos, key=lambda known: float(photos[known] @ vector))
    cosine = float(photos[name] @ vector)
    return (name if cosine >= LIKE_PHOTO and name in there else None), cosine


def same_people(names: Sequence[str | None], vectors: Sequence[Vector | None]) -> set[tuple[int, int]]:
    """Pairs of predicted people who are one person: by name, or by face where neither has a name."""
    pairs = set()
    for j in range(len(names)):
        for i in range(j):
            a, b = vectors[i], vectors[j]
            unnamed = names[i] is None and names[j] is None
            like = unnamed and a is not None and b is not None and float(a @ b) >= ALIKE
            if like or (names[i] is not None and names[i] == names[j]):
                pairs.add((i, j))
    return pairs


def present(truth: Mapping[str, Any], time: float) -> set[str]:
    """Everybody whom the truth has on screen at ``time``, partly seen or clearly."""
    return {
        name
        for shot in truth["shots"]
        if shot["start"] <= time < shot["end"]
        for name in (*shot["people"], *shot.get("partly", []))
    }


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (xywh)."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared) if shared else 0.0


def read(file: Path) -> NDArray[np.uint8]:
    """A picture file as BGR. Raises ``BenchmarkError``."""
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if picture is None:
        raise BenchmarkError("the picture cannot be read", path=str(file))
    return np.asarray(picture, np.uint8)
