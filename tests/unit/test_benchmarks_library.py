"""The tiny videos of a library are videos, each one of its own; a run over them is measured; what grows is said."""

import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import psutil
import pytest
from benchmarks import library_many
from benchmarks.errors import BenchmarkError
from benchmarks.library_many import First, Part
from benchmarks.library_watch import Watch
from benchmarks.measure import python
from benchmarks.stats import Spread

from command import environment
from stills.media.source import content_id

STORE = {"per_video_ms": 4.0, "per_video_cpu_ms": 3.5, "rate_last_over_first": 0.98}


def test_tiny_videos_can_be_played_and_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_many, "_FOLDER", 3)
    library_many.make_library(tmp_path / "in", 5)
    videos = sorted((tmp_path / "in").rglob("*.mp4"))
    assert [str(video.relative_to(tmp_path / "in")) for video in videos] == [
        "000/tiny00000.mp4", "000/tiny00001.mp4", "000/tiny00002.mp4", "001/tiny00003.mp4", "001/tiny00004.mp4",
    ]  # fmt: skip
    assert len({content_id(str(video)) for video in videos}) == 5
    for video in videos:
        with av.open(str(video)) as opened:
            assert len(list(opened.decode(video=0))) == 4
        assert time.time() - video.stat().st_mtime > 60, "not waited for as if it were still being copied"


def _said(**changed: Any) -> dict[str, Any]:
    first = First([Part(100, 4.0, 3.0, 100.0, 200.0)] * 10, 2.0, 5.0, 210.0, 220.0, [0.6] * 10, "PSS")
    return {
        "first": replace(first, **changed),
        "status": Spread(0.5, 0.4, 0.6, 7),
        "status_cpu": 0.45,
        "again": {"seconds": 1.0, "first": 0.6},
        "state_bytes": 1_000_000,
        "report_bytes": 1_000_000,
        "index_bytes": 40_000_000,
        "output_bytes": 40_000_000,
    }


def test_what_stays_flat_meets_its_targets() -> None:
    section = library_many._section(1000, _said(), STORE)
    assert [check.met for check in section.checks] == [True] * 7
    assert len(section.tables[0].rows) == 10
    assert section.tables[0].rows[-1] == ("901–1000", "4.0", "25.0", "30.0", "100", "200", "0.60")
    json.dumps(section.to_json())


@pytest.mark.parametrize(
    ("last", "missed"),
    [
        (Part(100, 4.6, 3.0, 100.0, 200.0), ["videos a second, last 100 of 1000 videos against first"]),
        (Part(100, 4.0, 3.6, 100.0, 200.0), ["videos for a second of CPU, last 100 of 1000 videos against first"]),
        (Part(100, 4.0, 3.0, 112.0, 212.0), ["memory of the first process, last 100 of 1000 videos against first"]),
        (Part(100, 4.0, 3.0, 100.0, 222.0), ["memory of all processes, last 100 of 1000 videos against first"]),
    ],
)
def test_what_grows_misses_its_target(last: Part, missed: list[str]) -> None:
    parts = [*_said()["first"].parts[:-1], last]
    section = library_many._section(1000, _said(parts=parts), STORE)
    assert [check.name for check in section.checks if not check.met] == missed


def test_a_slow_status_misses_its_target() -> None:
    said = {**_said(status=[1.2] * 10), "status": Spread(1.1, 1.0, 1.2, 7)}
    assert [check.met for check in library_many._section(1000, said, STORE).checks[-2:]] == [False, False]


def test_a_status_that_fails_is_no_time(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="stills status ended with"):
        library_many._status(tmp_path, environment())


def test_memory_and_time_of_a_child_are_seen() -> None:
    code = "import os\nfor number in range(3_000_000): number += 1\nprint('ready', flush=True)\nos.read(0, 1)"
    with subprocess.Popen(python("-c", code), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        watch = Watch(psutil.Process(process.pid), every_s=0.01)
        try:
            deadline = time.monotonic() + 10
            while len(watch.samples) < 3 and time.monotonic() < deadline:
                process.poll()
            assert watch.cpu() > 0
            assert watch.last.parent > 1
            assert watch.last.family >= watch.last.parent
        finally:
            watch.stop()
            process.stdin.close()


@pytest.mark.slow
def test_a_library_is_measured(tmp_path: Path) -> None:
    said = library_many.measure(tmp_path, 20, environment(), lambda text: None)
    first = said["first"]
    assert [part.videos for part in first.parts] == [1, *[2] * 9]
    assert all(part.seconds >= 0 and part.family >= part.parent >= 0 for part in first.parts)
    assert len(first.status) == 10
    assert said["again"]["first"] <= said["again"]["seconds"]
    assert 0 < said["status_cpu"] < 10
    assert said["state_bytes"] > 0
    assert said["index_bytes"] > 20 * 1000
