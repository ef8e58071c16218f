"""A library whose every process is killed again and again: nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command import leftovers
from databases import KINDS, Backend, backend
from library_samples import QUICK, film, start, written

pytestmark = pytest.mark.slow

FILMS = 40
KILLS = 10
RECIPE = "keyframes"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short films, every one of three segments."""
    folder = tmp_path_factory.mktemp("films")
    for number in range(FILMS):
        film(folder / f"film_{number:02}.mp4", number, frames=150)
    return folder


@pytest.fixture(scope="module")
def whole(films: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], float]:
    """What a run gives that nobody disturbs, and how long it takes."""
    folder = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    said = start(films, folder / "out", {**QUICK, "cache_dir": folder / "cache"}, recipe=RECIPE).end()
    assert said["counts"] == {"done": FILMS}
    return written(folder / "out", RECIPE), time.monotonic() - began


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with backend(request.param, tmp_path) as found:
        yield found


def test_killed_at_ten_moments_it_ends_as_if_nothing_had_been(
    films: Path, whole: tuple[dict[str, Any], float], database: Backend, tmp_path: Path
) -> None:
    expected, seconds = whole
    moments = random.Random(5)
    cache, diary = tmp_path / "cache", tmp_path / "diary"
    options = {**QUICK, "cache_dir": cache, "jobs.database": database.url}
    killed = 0
    for number in range(KILLS):
        child = start(films, database.out, options, recipe=RECIPE, diary=diary)
        if number % 4:  # most often there is something to be lost; else it may be starting still
            child.lines("start")
        child.work_for(moments.uniform(0, seconds / KILLS if number % 4 else 2.0))
        killed += child.kill()
        assert not half_written(database.out)
    child = start(films, database.out, options, recipe=RECIPE, diary=diary)
    said = child.end()
    assert killed == KILLS, "some were through before they could be killed"
    assert sum(said["counts"].values()) == FILMS
    assert said["counts"].keys() <= {"done", "kept"}
    assert written(database.out, RECIPE) == expected
    assert not leftovers(database.out, cache)
    segments = Counter(diary.read_text().splitlines())
    assert max(segments.values()) == 1, "a finished segment was done again"
    assert_books_are_right(database)


def half_written(out: Path) -> list[Path]:
    """Results that name pictures which are not there."""
    missing = []
    for path in out.glob(f"*/{RECIPE}.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        missing += [name for name in document["files"] if not (path.parent / name).stat().st_size]
    return missing


def assert_books_are_right(database: Backend) -> None:
    """Every film was finished once, and no segment more often."""
    store = database.open(readonly=True)
    videos = list(store.videos())
    assert len(videos) == FILMS
    assert {video.state for video in videos} == {"done"}
    recorded = 0
    for video in videos:
        ended = [attempt.ended for attempt in store.attempts(video.id)]
        assert ended.count("done") == 1
        assert ended[-1] == "done"
        segments = store.segments(video.id)
        recorded += len(segments)
        assert {segment.times for segment in segments} <= {1}
        assert [segment.number for segment in segments] == sorted({segment.number for segment in segments})
    # A kill between the rows of a segment and the record of it loses the record; each kill, that of what was under way.
    assert recorded >= 3 * FILMS - KILLS * 3
