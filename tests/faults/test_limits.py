"""Limits that work: memory of all processes, time of a video and of a frame, retries; and interrupted extraction."""

from __future__ import annotations

import json
import re
import signal
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from command import Done, Running, leftovers, stills
from media_factory import Movie, make

pytestmark = pytest.mark.slow

SECONDS = 60
SHORT = {"STILLS_SCAN__SEGMENT_SECONDS": "2"}


@lru_cache(maxsize=1)
def grain(shot: int, width: int, height: int) -> NDArray[np.uint8]:
    rough = np.random.default_rng(shot).integers(0, 255, (height // 8, width // 8, 3))
    return np.kron(rough, np.ones((8, 8, 1))).astype(np.uint8)


def scene(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """A shot of two seconds after another, with much to encode."""
    return np.asarray(np.roll(grain(index // 50, width, height), index % 50, axis=1))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    movie = Movie(width=640, height=360, frames=25 * SECONDS, gop=50, picture=scene, options=(("preset", "ultrafast"),))
    return make(tmp_path_factory.mktemp("film") / "film.mp4", movie)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third of it, for what does not depend on the length."""
    movie = Movie(width=640, height=360, frames=25 * 20, gop=50, picture=scene, options=(("preset", "ultrafast"),))
    return make(tmp_path_factory.mktemp("film") / "film.mp4", movie)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {**SHORT, "STILLS_CACHE_DIR": str(tmp_path / "cache")}


def frames(out: Path, recipe: str = "keyframes") -> list[dict[str, Any]]:
    document = json.loads((out / "film" / f"{recipe}.json").read_text())
    listed: list[dict[str, Any]] = document["frames"]
    assert all((out / "film" / frame["file"]).stat().st_size for frame in listed)
    return listed


def proportional(family: list[psutil.Process]) -> int:
    """Bytes of all processes together, shared pages counted once."""
    total = 0
    for process in family:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


@pytest.mark.skipif(not hasattr(psutil.Process().memory_full_info(), "pss"), reason="the system does not tell")
@pytest.mark.parametrize("options", [(), ("--every", "5f")], ids=["chosen", "plain"])
def test_memory_of_all_processes_is_held(
    film: Path, env: dict[str, str], tmp_path: Path, options: tuple[str, ...]
) -> None:
    running = Running("keyframes", film, "-o", tmp_path / "out", "--max-memory", "300", *options, env=env)
    peak = 0
    ended = threading.Event()
    # Adding up shares of pages locks the memory of whom is looked at: looking without a pause would stop it.
    while running.process.poll() is None and not ended.wait(0.05):
        peak = max(peak, proportional(running.family()))
    done = running.end()
    assert done.code == 0, done.err
    assert 0 < peak <= 300e6
    assert frames(tmp_path / "out")


def test_too_little_memory_is_refused_with_a_figure_that_does(short: Path, env: dict[str, str], tmp_path: Path) -> None:
    refused = stills("keyframes", short, "-o", tmp_path / "out", "--max-memory", "128", env=env)
    assert refused.code == 1
    (line,) = refused.errors
    named = re.search(r"--max-memory (\d+)", line)
    assert named is not None
    # For any video, before this one is known; then the video may say its own.
    again = stills("keyframes", short, "-o", tmp_path / "out", "--max-memory", named[1], env=env)
    if again.code != 0:
        named = re.search(r"--max-memory (\d+)", again.errors[0])
        assert named is not None
        again = stills("keyframes", short, "-o", tmp_path / "out", "--max-memory", named[1], env=env)
    assert again.code == 0, again.err


def cut_short(*arguments: str | Path, first: int, env: dict[str, str]) -> Done:
    """A run that had time for something, but not for all: a busy machine needs more of it until something is done."""
    for seconds in (first, 4 * first, 16 * first):
        done = stills(*arguments, "--video-timeout", str(seconds), "--json", env=env)
        if done.code != 1:
            break
        assert f"stopped after {seconds} s (--video-timeout)" in done.err
    assert done.code == 0, done.err
    return done


def test_the_time_of_a_video_keeps_what_is_finished(film: Path, env: dict[str, str], tmp_path: Path) -> None:
    done = cut_short("keyframes", film, "-o", tmp_path / "out", "--all", "--format", "png", first=6, env=env)
    told = done.of(film, "result")
    assert told["partial"]
    assert any("--video-timeout" in warning for warning in told["warnings"])
    assert 0 < len(frames(tmp_path / "out")) < 25 * SECONDS
    assert json.loads((tmp_path / "out" / "film" / "keyframes.json").read_text())["partial"]


def test_the_time_of_a_scan_keeps_what_is_finished(film: Path, env: dict[str, str], tmp_path: Path) -> None:
    slow = ("--effort", "exhaustive", "--no-expression")
    done = cut_short("thumbnails", film, "-o", tmp_path / "out", *slow, first=4, env=env)
    told = done.of(film, "result")
    assert told["partial"]
    assert any("--video-timeout" in warning for warning in told["warnings"])
    assert frames(tmp_path / "out", "thumbnails")


def workers(running: Running) -> list[psutil.Process]:
    """Those that were forked by the fork server."""
    (server,) = psutil.Process(running.process.pid).children()
    return server.children()


def test_a_worker_that_hangs_costs_its_place_only(short: Path, env: dict[str, str], tmp_path: Path) -> None:
    options = ("--frame-timeout", "2", "--effort", "exhaustive", "--no-expression")
    running = Running("thumbnails", short, "-o", tmp_path / "out", *options, env=env)
    running.until("scan", beyond=2.0)
    workers(running)[0].suspend()
    done = running.end()
    assert done.code == 0, done.err
    told = done.of(short, "result")
    assert told["partial"]
    assert any("no progress for 2 s" in warning for warning in told["warnings"])
    assert frames(tmp_path / "out", "thumbnails")


def test_a_worker_that_is_killed_costs_nothing(film: Path, env: dict[str, str], tmp_path: Path) -> None:
    slow = ("--all", "--format", "png", "--to", "5", "--retry-delay", "0.1")
    running = Running("keyframes", film, "-o", tmp_path / "out", *slow, env=env)
    running.until("render", beyond=0.5)
    workers(running)[0].kill()
    done = running.end()
    assert done.code == 0, done.err
    assert not done.of(film, "result")["partial"]
    assert len(frames(tmp_path / "out")) == 125


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_extraction_leaves_what_was_there(
    film: Path, env: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    assert stills("keyframes", film, "-o", out, "--every", "20s", env=env).code == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    running = Running("keyframes", film, "-o", out, "--all", "--format", "png", env=env)
    running.until("render", beyond=0.5)
    family = running.family()
    running.signal(number)
    done = running.end()
    assert done.code == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert not psutil.wait_procs(family, timeout=10)[1]
    assert {path: path.read_bytes() for path in before} == before
    if number == signal.SIGINT:
        assert {path for path in out.rglob("*") if path.is_file()} == set(before)
    assert stills("keyframes", film, "-o", out, "--every", "20s", env=env).code == 0
    assert not leftovers(out)
    assert {path for path in out.rglob("*") if path.is_file()} == set(before)


def test_threads_change_nothing_that_is_seen(short: Path, tmp_path: Path) -> None:
    taken = []
    for threads in ("1", "3"):
        env = {**SHORT, "STILLS_CACHE_DIR": str(tmp_path / f"cache{threads}")}
        out = tmp_path / f"out{threads}"
        options = ("--target", "5", "--threads", threads, "--from", "3", "--to", "17")
        assert stills("keyframes", short, "-o", out, *options, env=env).code == 0
        taken.append([(f["pts"], f["score"], (out / "film" / f["file"]).read_bytes()) for f in frames(out)])
    assert taken[0] == taken[1]
    assert len(taken[0]) == 5
