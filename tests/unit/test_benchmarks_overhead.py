"""What a library costs is measured beside the tasks of workers: there are none where the indexes are there."""

from pathlib import Path

import pytest
from benchmarks.library_cost import measure
from benchmarks.library_many import make_library

from stills.media.sandbox import Pool

pytestmark = pytest.mark.slow


def test_known_videos_have_no_tasks_and_every_video_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "run", Pool.run)  # what the clock puts in its place goes with the test
    make_library(tmp_path / "in", 4)
    said = measure(tmp_path / "in", tmp_path)
    assert said["new"]["videos"] == said["known"]["videos"] == 3  # since the first
    assert said["new"]["tasks_ms"] > 0 == said["known"]["tasks_ms"]
    assert 0 < said["known"]["cpu_ms"] < said["new"]["cpu_ms"]
