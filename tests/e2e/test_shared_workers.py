"""Scanners in threads over one runner: what each finds is what it finds alone, whatever the limits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import stills
from films import face_film
from media_factory import Movie, make
from stills.cancel import CancelToken
from stills.errors import CancelledError, StillsError
from stills.index.index import Index
from stills.jobs.runner import Runner, open_runner
from stills.scan.sharing import SharedWorkers
from stills.settings import Settings, change_settings

pytestmark = pytest.mark.slow
SOON = 120.0


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A long one of many segments, and short ones: with faces, without, broken."""
    folder = tmp_path_factory.mktemp("films")
    broken = folder / "broken.mp4"
    broken.write_bytes(make(folder / "whole.mp4", Movie(frames=50)).read_bytes()[:3000])
    return [
        face_film(folder / "long.mp4", seconds=12),
        face_film(folder / "short.mp4", seconds=2),
        make(folder / "empty.mp4", Movie(frames=60)),
        broken,
    ]


def given(cache: Path, **options: Any) -> Settings:
    return change_settings(stills.load_settings(), cache_dir=cache, segment_seconds=2, workers=2, **options)


def side_by_side(calls: list[Callable[[], Any]]) -> list[Any]:
    """What each call gave or raised, all in threads of their own."""
    outcomes: list[Any] = [None] * len(calls)

    def make_call(number: int) -> None:
        try:
            outcomes[number] = calls[number]()
        except StillsError as error:
            outcomes[number] = error

    threads = [threading.Thread(target=make_call, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive()
    return outcomes


def same(one: Any, other: Any) -> bool:
    if isinstance(one, StillsError):
        return type(one) is type(other) and one.message == other.message
    return (one.frames, one.shots, one.faces) == (other.frames, other.shots, other.faces)


@pytest.mark.parametrize("limited", [False, True])
def test_what_threads_find_is_what_each_finds_alone(films: list[Path], tmp_path: Path, *, limited: bool):
    # What earlier tests left in this process counts, too: it is more than the command itself ever has.
    most = 1200 + psutil.Process().memory_info().rss // (1 << 20) if limited else None
    alone: list[Any] = []
    for film in films:
        try:
            alone.append(stills.scan(film, settings=given(tmp_path / "alone")))
        except StillsError as error:
            alone.append(error)
    assert [type(one) is Index for one in alone] == [True, True, True, False]
    settings = given(tmp_path / "together", max_memory=most)
    runner: Runner = open_runner(settings)
    try:
        shared = SharedWorkers(runner, settings)

        def scan_and_decode(film: Path) -> tuple[Index, dict[int, np.ndarray]]:
            with stills.Scanner(settings, shared) as scanner:
                index = stills.scan(film, scanner=scanner, settings=settings)
                some = index.frames["pts"].to_pylist()[::40]
                pictures = scanner.decode(index, some)
                assert sorted(pictures) == some
                return index, pictures

        together = side_by_side([lambda film=film: scan_and_decode(film) for film in films])
    finally:
        runner.close()
    for one, found in zip(alone, together, strict=True):
        index = found[0] if isinstance(found, tuple) else found
        assert same(one, index), found


def test_cancelling_one_video_leaves_the_other(films: list[Path], tmp_path: Path):
    settings = given(tmp_path, effort="exhaustive")
    runner = open_runner(settings)
    token = CancelToken()
    try:
        shared = SharedWorkers(runner, settings)

        def scan(film: Path, **options: Any) -> Index:
            with stills.Scanner(settings, shared) as scanner:
                return scanner.scan(str(film), **options)

        lost, found = side_by_side(
            [
                lambda: scan(films[0], cancel=token, on_progress=lambda _: token.cancel()),
                lambda: scan(films[1]),
            ]
        )
        assert type(lost) is CancelledError
        assert len(found.faces)
        assert len(scan(films[0]).faces), "the runner serves on"
    finally:
        runner.close()
