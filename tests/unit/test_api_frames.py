"""Key frames and thumbnails through the API: which layers they need, and what is refused before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import stills
from index_samples import face, identity, make_index
from stills.errors import SettingsError, UsageError
from stills.index.index import Index


@pytest.fixture
def index() -> Index:
    """Faces were looked for, and nothing else."""
    return make_index([face(0, 1.0, identity(1))], duration=9.0)


def test_an_index_that_lacks_a_layer_is_refused_with_what_to_scan(index: Index) -> None:
    with pytest.raises(UsageError, match=r'no signals.*layers=\{"faces", "signals"\}'):
        stills.keyframes(index)
    with pytest.raises(UsageError, match=r"no expression and no signals"):
        stills.thumbnails(index)
    with pytest.raises(UsageError, match=r"the index has no signals"):
        stills.thumbnails(index, expression=False)
    assert stills.people(index).people


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"target": 0}, "target"),
        ({"all": True, "target": 3}, "contradict"),
        ({"every": "2s", "similarity": 0.9}, "contradict"),
        ({"start": "1:00", "end": 30}, "not before"),
        ({"similarity": 1.5}, "similarity"),
        ({"weights": {"charm": 1}}, "charm"),
        ({"lossless": True}, "lossless"),
        ({"bit_depth": 16}, "png"),
        ({"format": "bmp"}, "format"),
        ({"taget": 3}, "target"),
    ],
)
def test_a_wrong_call_is_refused_before_the_video_is_looked_at(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        stills.keyframes("no such film.mp4", **options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"count": 0}, "count"),
        ({"emotions": {"joy": 1}}, "joy"),
        ({"weights": {"charm": 1}}, "charm"),
        ({"aspect": "wide"}, "16:9"),
        ({"aspect": "9:16", "fit": "1920x1080"}, "9:16"),
        ({"preview": "png"}, "preview"),
    ],
)
def test_the_same_for_thumbnails(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        stills.thumbnails("no such film.mp4", **options)


def test_similarity_means_the_recipe_that_is_asked(tmp_path: Path, index: Index) -> None:
    settings = stills.load_settings(env={}, options={"people.similarity": 0.4, "keyframes.similarity": 0.8})
    assert stills.people(index, settings=settings, similarity=0.3).settings.people.similarity == 0.3
    assert stills.people(index, settings=settings, similarity=0.3).settings.keyframes.similarity == 0.8
    with pytest.raises(SettingsError, match=r"people\.similarity or keyframes\.similarity"):
        stills.scan(tmp_path / "film.mp4", settings=settings, similarity=0.3)
