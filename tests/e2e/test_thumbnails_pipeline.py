"""Thumbnails of real films, the whole way: planted faults stay out, happy moments rank first, any film has some."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import stills
from films import empty_film
from planted import GOOD, Part, part_at, planted_film
from stills.media.encode import write_video
from stills.settings import Settings, change_settings
from stills.types import Effort

CORPUS = Path(os.environ.get("STILLS_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus" / "dev")
FACES = CORPUS / "faces"

pytestmark = pytest.mark.slow


def given(cache: Path, effort: Effort = "balanced") -> Settings:
    return change_settings(stills.load_settings(), cache_dir=cache, effort=effort)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Part, ...]]:
    path = tmp_path_factory.mktemp("planted") / "planted.mp4"
    return path, planted_film(path)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_planted_faults_and_duplicates_never_get_in(film: tuple[Path, tuple[Part, ...]], cache: Path, effort: Effort):
    path, parts = film
    result = stills.thumbnails(path, settings=given(cache, effort))
    shown = [part_at(parts, p.time).what for p in result.frames]
    assert len(set(shown)) == len(shown)
    if effort == "fast":  # it sees a frame or two of each shot, and may miss what begins in a dissolve
        assert set(GOOD) - {"cat"} <= set(shown) <= set(GOOD)
    else:
        assert set(shown) == set(GOOD)
        assert not result.fallbacks
    assert "woman" in shown[0]  # a smiling face is more engaging than coffee
    with_face = {part_at(parts, p.time).what for p in result.frames if p.faces}
    assert with_face - {"cat", "helmet"} == {"woman", "woman, mirrored and cold"}


def test_asked_for_more_than_there_is_it_says_so_and_gives_no_faults(film: tuple[Path, tuple[Part, ...]], cache: Path):
    path, parts = film
    result = stills.thumbnails(path, settings=given(cache), count=60)
    assert 5 <= len(result.frames) < 60
    assert all(part_at(parts, p.time).good for p in (*result.frames, *result.selection.runners_up))
    assert "fewer-frames" in {f.code for f in result.fallbacks}


def test_a_film_without_anybody_has_thumbnails(tmp_path: Path):
    result = stills.thumbnails(empty_film(tmp_path / "empty.mp4"), settings=given(tmp_path / "cache"))
    assert result.frames
    assert all(p.faces == () for p in result.frames)


def _moods() -> list[tuple[str, list[np.ndarray]]]:
    """Emotion by label, and a second or two of pictures (RGB) of each."""
    found = []
    with (FACES / "labels.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["kind"] in {"mead", "faceapi"} and r["emotion"]]
    for row in rows:
        path = FACES / row["file"]
        if path.suffix == ".mp4":
            with av.open(str(path)) as container:
                pictures = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
            third = len(pictures) // 3  # acted clips begin and end neutral
            found.append((row["emotion"], pictures[third : third + 40]))
        else:
            picture = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
            found.append((row["emotion"], [picture] * 30))
    return found


def _fitted(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    canvas = np.full((height, width, 3), 90, np.uint8)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return canvas


def _mood_film(path: Path, moods: Sequence[tuple[str, list[np.ndarray]]]) -> Iterator[tuple[float, str]]:
    """Write them one after the other; where each begins, and what it is."""
    frames = 0
    with write_video(path, 640, 480, Fraction(25)) as writer:
        for emotion, pictures in moods:
            yield frames / 25, emotion
            for picture in pictures:
                writer.write(_fitted(picture, 640, 480))
            frames += len(pictures)
    yield frames / 25, ""


@pytest.mark.skipif(not FACES.is_dir(), reason="the corpus is not here")
@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_the_happy_clips_rank_first(tmp_path: Path, effort: Effort):
    path = tmp_path / "moods.mp4"
    starts = list(_mood_film(path, _moods()))
    result = stills.thumbnails(path, settings=given(tmp_path / "cache", effort), count=8)
    spans = [(a[0], b[0], a[1]) for a, b in pairwise(starts)]
    shown = [next(e for a, b, e in spans if a <= p.time < b) for p in result.frames]
    assert shown[:2] == ["happy", "happy"]
    assert shown.count("happy") >= 3
    others = [i for i, emotion in enumerate(shown) if emotion not in {"happy", "surprise"}]
    assert others
    assert max(i for i, emotion in enumerate(shown) if emotion == "happy") < min(others)
