"""Faces of posters and photos of the corpus: all found, and nothing else."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

import stills
from picture_samples import overlap

ROOT = Path(os.environ.get("STILLS_CORPUS", Path(__file__).parents[2].parent / "shared" / "corpus" / "dev"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "posters").is_dir(), reason="the corpus is not here"),
]


def test_every_face_of_a_poster_is_found_and_nothing_else() -> None:
    truths = sorted((ROOT / "posters").glob("*.truth.json"))
    posters = [next(p for p in path.parent.glob(f"{path.name.partition('.')[0]}.*") if p != path) for path in truths]
    assert posters
    for picture, path in zip(stills.faces(posters), truths, strict=True):
        truth = [face["bbox"] for face in json.loads(path.read_text())]
        assert len(picture.faces) == len(truth), picture.path
        assert all(max(overlap(box, face.box) for face in picture.faces) > 0.5 for box in truth), picture.path


@pytest.mark.parametrize(("kind", "least"), [("utkface", 0.99), ("fer2013", 0.96), ("faceapi", 1.0)])
def test_faces_that_fill_small_pictures_are_found(kind: str, least: float) -> None:
    with (ROOT / "faces" / "labels.csv").open(newline="", encoding="utf-8") as file:
        files = [row["file"] for row in csv.DictReader(file) if row["kind"] == kind]
    some = files[:: max(1, len(files) // 150)]
    found = stills.faces([ROOT / "faces" / name for name in some])
    assert sum(len(picture.faces) == 1 for picture in found) >= least * len(some)
