"""The figures that people selection has to reach on the evaluation corpus. Left out where the corpus is not there."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import stills
from stills import PeopleResult
from stills.models import open_session
from stills.scan.scanner import Scanner
from stills.settings import change_settings
from stills.vision import make_detector, make_embedder
from stills.vision.align import align_face

SHARED = Path(__file__).parents[3] / "shared"
CORPUS = Path(os.environ.get("STILLS_CORPUS") or SHARED / "corpus" / "dev")
EVAL = Path(os.environ.get("STILLS_EVAL") or SHARED / "eval")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CORPUS / "films").is_dir() or not EVAL.is_dir(), reason="the corpus is not here"),
]

LONG = 1.0
"""Seconds on screen from which a person has to be found. The faces of all named people are larger than 40 pixels."""

REFERENCE = 0.42
"""Cosine to a person's reference photos from which a face is taken for that person's."""


def real_clips() -> list[str]:
    return sorted(p.name for p in (CORPUS / "real").glob("*.m*") if p.suffix in {".mp4", ".mov"})


def truth(path: Path) -> Any:
    return json.loads(path.with_suffix(".truth.json").read_text())


@pytest.fixture(scope="module")
def score() -> Iterator[Callable[[str, Path, Path], dict[str, Any]]]:
    """The scorers beside the corpus: name, video and result to figures."""
    sys.path.insert(0, str(EVAL))

    def scored(name: str, video: Path, result: Path) -> dict[str, Any]:
        figures: dict[str, Any] = importlib.import_module(f"score_{name}").score(
            str(video.with_suffix(".truth.json")), str(result)
        )
        return figures

    yield scored
    sys.path.remove(str(EVAL))


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., PeopleResult]]:
    """People of a video by effort; each is scanned once."""
    settings = change_settings(stills.load_settings(), cache_dir=tmp_path_factory.mktemp("cache"))
    with Scanner(settings) as scanner:

        @cache
        def people(video: Path, effort: str = "balanced") -> PeopleResult:
            return stills.people(video, settings=change_settings(settings, effort=effort), scanner=scanner)

        yield people


def written(result: PeopleResult, folder: Path) -> Path:
    path = folder / "people.json"
    path.write_text(json.dumps(result.to_json()))
    return path


@pytest.mark.parametrize("name", ["dinner", "gala"])
def test_everybody_of_a_film_is_found_once_and_timed(
    name: str, look: Callable[..., PeopleResult], score: Callable[..., dict[str, Any]], tmp_path: Path
):
    video = CORPUS / "films" / f"{name}.mp4"
    figures = score("people", video, written(look(video), tmp_path))
    assert figures["bcubed_f1"] >= 0.97, figures
    assert figures["coverage"] >= 0.93, figures
    assert figures["missing"] == [], figures
    assert figures["duplicates"] <= 1, figures
    assert figures["strangers"] == figures["outside"] == 0, figures
    assert figures["screen_time_error"] <= 0.10, figures


@pytest.mark.parametrize("name", ["dinner", "gala"])
def test_the_shots_of_a_film_are_found(
    name: str, look: Callable[..., PeopleResult], score: Callable[..., dict[str, Any]], tmp_path: Path
):
    video = CORPUS / "films" / f"{name}.mp4"
    figures = score("shots", video, written(look(video), tmp_path))
    assert figures["f1"] >= 0.95, figures


@pytest.mark.parametrize("name", ["dinner", "gala"])
def test_little_effort_finds_nine_in_ten(
    name: str, look: Callable[..., PeopleResult], score: Callable[..., dict[str, Any]], tmp_path: Path
):
    video = CORPUS / "films" / f"{name}.mp4"
    figures = score("people", video, written(look(video, "fast"), tmp_path))
    found, wanted = figures["people_found"]
    assert found >= 0.9 * wanted, figures
    assert figures["strangers"] == 0, figures


def test_who_appears_once_in_half_an_hour_is_found(
    look: Callable[..., PeopleResult], score: Callable[..., dict[str, Any]], tmp_path: Path
):
    video = tmp_path / "long.mp4"
    subprocess.run([sys.executable, CORPUS / "films" / "make_long.py", video], check=True, capture_output=True)
    (tmp_path / "long.truth.json").symlink_to(CORPUS / "films" / "long.truth.json")
    figures = score("people", video, written(look(video), tmp_path))
    assert figures["missing"] == [], figures
    assert figures["strangers"] == 0, figures
    assert figures["bcubed_f1"] >= 0.97, figures
    assert figures["duplicates"] <= 1, figures


class Witness:
    """Knows named people from their reference photos."""

    def __init__(self) -> None:
        self._detector = make_detector("yunet", open_session("yunet", device="cpu"), score_threshold=0.6)
        self._embedder = make_embedder("sface", open_session("sface", device="cpu"))

    def vector(self, folder: Path) -> np.ndarray:
        """The mean embedding of the largest faces of the photos in ``folder``."""
        vectors = []
        for file in sorted(folder.iterdir()):
            bgr = cv2.imread(str(file))
            assert bgr is not None, file
            scale = min(1.0, 960 / max(bgr.shape[:2]))
            small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            found = self._detector.detect(np.asarray(small, np.uint8))
            if found:
                largest = max(found, key=lambda d: d.box[2] * d.box[3])
                chip = align_face(np.asarray(small, np.uint8), largest.landmarks)
                vectors.append(self._embedder.embed(chip[None])[0])
        assert vectors, f"no face in {folder.name}"
        mean = np.mean(vectors, axis=0)
        return np.asarray(mean / np.linalg.norm(mean))


@pytest.fixture(scope="module")
def witness() -> Witness:
    return Witness()


def person_vectors(result: PeopleResult) -> dict[int, np.ndarray]:
    """The mean embedding of each person."""
    faces = result.index.faces
    vectors = {}
    tracks = faces["track"].to_numpy()
    embeddings = faces["embedding"].to_pylist()
    for person in result.people:
        own = [e for t, e in zip(tracks, embeddings, strict=True) if t in person.tracks and e is not None]
        mean = np.mean(own, axis=0)
        vectors[person.id] = mean / np.linalg.norm(mean)
    return vectors


def shown(shots: list[dict[str, Any]], name: str) -> float:
    """Seconds in which ``name`` is clearly seen."""
    return float(sum(s["end"] - s["start"] for s in shots if name in s["people"]))


@pytest.mark.parametrize("clip", real_clips())
def test_every_named_person_of_a_real_clip_is_found(clip: str, look: Callable[..., PeopleResult], witness: Witness):
    video = CORPUS / "real" / clip
    facts = truth(video)
    references = {n: f for n, f in facts.get("references", {}).items() if shown(facts["shots"], n) >= LONG}
    if not references:
        pytest.skip("nobody with reference photos")
    result = look(video)
    vectors = person_vectors(result)
    missing = {}
    for name, folder in references.items():
        known = witness.vector(CORPUS / "real" / folder)
        near = {number: float(v @ known) for number, v in vectors.items()}
        if not near or max(near.values()) < REFERENCE:
            missing[name] = near
    assert not missing


@pytest.mark.parametrize("clip", real_clips())
def test_nobody_of_a_real_clip_is_two_people_in_one_shot(clip: str, look: Callable[..., PeopleResult]):
    """Who is clearly seen in a shot looks like nobody else in it, but for people who stand side by side."""
    facts = truth(CORPUS / "real" / clip)
    result = look(CORPUS / "real" / clip)
    vectors = person_vectors(result)
    track, pts = (result.index.faces[name].to_numpy() for name in ("track", "pts"))
    frames = {p.id: set(pts[np.isin(track, p.tracks)].tolist()) for p in result.people}
    for shot in facts["shots"]:
        start, end = shot["start"], shot["end"]
        here = [p.id for p in result.people if sum(max(0, min(b, end) - max(a, start)) for a, b in p.spans) >= LONG]
        for a, b in combinations(here, 2):
            assert vectors[a] @ vectors[b] < REFERENCE or frames[a] & frames[b], (start, a, b)


@pytest.mark.parametrize("clip", real_clips())
def test_the_cuts_of_a_real_clip_are_found(
    clip: str, look: Callable[..., PeopleResult], score: Callable[..., dict[str, Any]], tmp_path: Path
):
    video = CORPUS / "real" / clip
    figures = score("shots", video, written(look(video), tmp_path))
    assert len(figures["missed"]) == 0, figures
    assert figures["predicted"] - figures["found"] <= 1, figures
