"""Estimates of time and space: from earlier results of the same kind, or from what was measured elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stills.jobs.library.estimate import Estimator, estimator
from stills.jobs.library.folders import folder_key
from stills.jobs.library.keys import settings_key
from stills.jobs.store import Store, VideoRow, open_store
from stills.settings import Settings, change_settings, load_settings

MB = 1_000_000


@pytest.fixture
def settings() -> Settings:
    return load_settings(env={}, options={"workers": 2})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        yield opened


def video(duration: float = 540.0, width: int = 1920, height: int = 1080) -> Any:
    return SimpleNamespace(duration=duration, width=width, height=height, frame_rate=25)


def done(store: Store, out: Path, settings: Settings, *, recipe: str = "people", number: int = 4) -> None:
    """Videos of 100 s, one after another, each in 5 s and of 2 MB."""
    run = store.begin_run("stills people films -o out")
    key = settings_key(recipe, settings)
    store.add_videos(run, [VideoRow(f"/films/{i}.mp4", recipe, settings=key) for i in range(number)])
    for claim in store.claim(run, limit=number):
        name = Path(claim.source).stem
        store.take_folders({folder_key(claim.source): (name, name)})
        (out / name / recipe).mkdir(parents=True)
        (out / name / recipe / "person_01.jpg").write_bytes(bytes(2 * MB - 1000))
        (out / name / f"{recipe}.json").write_bytes(bytes(1000))
        store.finish(claim, "done", {"found": 1, "duration": 100.0}, seconds=5.0)
    store.end_run(run)


def test_without_results_it_goes_by_what_was_measured(settings: Settings, tmp_path: Path) -> None:
    guesses = estimator(None, tmp_path, "people", settings)
    assert guesses.speed is None
    assert guesses.guess(video(), measured=False).seconds == pytest.approx(20.0)
    assert guesses.guess(video(), measured=True).seconds == pytest.approx(2.0)
    assert guesses.guess(video(width=1280, height=720), measured=False).seconds == pytest.approx(14.46, abs=0.01)


def test_more_workers_and_less_effort_take_less(settings: Settings) -> None:
    balanced = Estimator("people", settings).guess(video(), measured=False).seconds
    more = Estimator("people", change_settings(settings, workers=8)).guess(video(), measured=False).seconds
    fast = Estimator("people", change_settings(settings, effort="fast")).guess(video(), measured=False).seconds
    assert more == pytest.approx(balanced / 4)
    assert fast < balanced / 2


@pytest.mark.parametrize(
    ("recipe", "options", "pictures"),
    [
        ("portrait", {}, 1),
        ("thumbnails", {"count": 7}, 7),
        ("people", {"per_person": 2}, 16),
        ("keyframes", {"target": 5}, 5),
        ("keyframes", {}, 91),
        ("keyframes", {"every": "10s"}, 54),
        ("keyframes", {"every": "50f"}, 270),
        ("keyframes", {"all": True}, 13500),
    ],
)
def test_space_is_pictures_times_their_size(
    settings: Settings, recipe: str, options: dict[str, Any], pictures: int
) -> None:
    chosen = change_settings(settings, recipe, **options)
    size = Estimator(recipe, chosen).guess(video(), measured=False).size
    assert size == pytest.approx(pictures * 1920 * 1080 * 0.2 + 20_000, rel=1e-6)


def test_space_depends_on_format_and_size(settings: Settings) -> None:
    def size(**options: Any) -> int:
        return Estimator("portrait", change_settings(settings, **options)).guess(video(), measured=False).size

    assert size(fit="1280x720") < size() < size(format="png") < size(format="png", bit_depth=16)
    assert size(format="webp") < size(format="webp", lossless=True)


def test_with_results_it_goes_by_those(settings: Settings, store: Store, tmp_path: Path) -> None:
    done(store, tmp_path, settings)
    guesses = estimator(store, tmp_path, "people", settings)
    assert guesses.results == 4
    guess = guesses.guess(video(), measured=False)
    assert guess.size == 2 * MB
    # All four ended within a moment of each other, so they were under way at once: 400 s of video in some 5 s.
    assert guesses.speed == pytest.approx(80.0, rel=0.2)
    assert guess.seconds == pytest.approx(540 / guesses.speed)


def test_results_of_other_settings_and_recipes_say_nothing(settings: Settings, store: Store, tmp_path: Path) -> None:
    done(store, tmp_path, settings)
    assert estimator(store, tmp_path, "keyframes", settings).results == 0
    assert estimator(store, tmp_path, "people", change_settings(settings, effort="exhaustive")).results == 0


def test_results_that_were_removed_leave_the_speed(settings: Settings, store: Store, tmp_path: Path) -> None:
    done(store, tmp_path, settings, number=1)
    (tmp_path / "0" / "people.json").unlink()
    (tmp_path / "0" / "people" / "person_01.jpg").unlink()
    guesses = estimator(store, tmp_path, "people", settings)
    assert guesses.speed is not None
    assert guesses.size is None
