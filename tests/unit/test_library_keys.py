"""A result is made again where what it depends on has changed, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from stills.jobs.library.keys import models_key, settings_key
from stills.settings import load_settings


def key(recipe: str = "people", **options: Any) -> str:
    return settings_key(recipe, load_settings(env={}, options=options, section=recipe))


@pytest.mark.parametrize(
    "option",
    [
        {"per_person": 2}, {"effort": "fast"}, {"format": "png"}, {"fit": "1080p"}, {"detector": "scrfd"},
        {"strict": True}, {"embeddings": False}, {"video_timeout": 5}, {"segment_seconds": 5}, {"precision": "f32"},
    ],
    ids=str,
)  # fmt: skip
def test_what_changes_the_result_changes_the_key(option: dict[str, Any]) -> None:
    assert key(**option) != key()


@pytest.mark.parametrize(
    "option",
    [
        {"workers": 3}, {"threads": 2}, {"max_memory": 2000}, {"retries": 4}, {"resume": False}, {"jobs.settle": 1},
        {"jobs.at_once": 2}, {"thumbnails.count": 9}, {"cache_dir": "/elsewhere"}, {"frame_timeout": 5},
    ],
    ids=str,
)  # fmt: skip
def test_what_only_says_how_does_not(option: dict[str, Any]) -> None:
    assert key(**option) == key()


def test_recipes_have_their_own_and_what_they_build_on() -> None:
    assert key("keyframes") != key("people")
    assert key("cast", **{"people.max_people": 3}) != key("cast")
    assert key("keyframes", **{"people.max_people": 3}) == key("keyframes")
    assert key("portrait", **{"scan.effort": "fast"}) == key("portrait"), "it has an effort of its own"
    assert key("portrait", effort="balanced") != key("portrait")


def test_a_default_that_is_said_is_no_other_key() -> None:
    assert key(per_person=1, effort="balanced") == key()


def test_models_are_known_by_what_they_are() -> None:
    settings = load_settings(env={})
    assert models_key(frozenset(), settings) == ""
    assert models_key(frozenset({"signals"}), settings) == ""
    faces = models_key(frozenset({"faces"}), settings)
    assert faces
    assert models_key(frozenset({"faces", "age"}), settings) != faces
    assert models_key(frozenset({"faces"}), load_settings(env={}, options={"effort": "fast"})) == faces
