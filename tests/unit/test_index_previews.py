"""Small pictures of frames that may be picked: how many there is room for, and what is there afterwards."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from index_samples import make_index
from stills.index.previews import FOLDER, PreviewPlan, Previews, PreviewShelf, evenly

VIDEO = make_index([]).video


@dataclass
class Frame:
    """As much of a decoded frame as is looked at."""

    pts: int

    def small_bgr(self, width: int, height: int) -> NDArray[np.uint8]:
        return np.random.default_rng(self.pts).integers(0, 255, (height, width, 3), np.uint8)


def shelf(folder: Path, rate: float, pts: range) -> PreviewShelf:
    made = PreviewShelf(PreviewPlan(str(folder / FOLDER), 320, rate), VIDEO)
    for one in pts:
        frame: Any = Frame(one)
        made.add(frame)
    return made


def test_pictures_are_found_again_and_what_was_not_wanted_is_not_there(tmp_path: Path) -> None:
    shelf(tmp_path, 1e9, range(10)).write([3, 7, 3, 99], 4.0)
    shelf(tmp_path, 1e9, range(10, 20)).write([10], 4.0)
    found = Previews(tmp_path)
    assert set(found.places) == {3, 7, 10}
    picture = found.get(7)
    assert picture is not None
    with Image.open(io.BytesIO(picture)) as opened:
        assert (opened.format, opened.size) == ("JPEG", (320, 180))
    assert found.get(4) is None
    assert Previews(None).get(7) is None


def test_there_are_as_many_as_there_is_room_for_the_first_first(tmp_path: Path) -> None:
    shelf(tmp_path, 1e9, range(10)).write(range(10), 1.0)
    whole = sum(len(Previews(tmp_path).get(pts) or b"") for pts in range(10))
    half = tmp_path / "half"
    shelf(half, whole / 20, range(10)).write([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], 10.0)
    kept = set(Previews(half).places)
    assert 4 <= len(kept) <= 6
    assert {9, 8, 7} <= kept
    assert sum(file.stat().st_size for file in (half / FOLDER).iterdir()) < 0.6 * whole


def test_pictures_are_wider_where_there_is_room_but_never_than_the_video() -> None:
    from dataclasses import replace

    def width(video: Any, megabytes: int) -> int:
        return PreviewPlan.of(Path("x"), video, megabytes << 20).width

    assert width(VIDEO, 96) == 480
    assert width(replace(VIDEO, duration=1800.0), 96) == 320
    assert width(replace(VIDEO, width=200), 96) == 200


def test_what_is_damaged_is_not_there(tmp_path: Path) -> None:
    shelf(tmp_path, 1e9, range(4)).write(range(4), 1.0)
    (file,) = (tmp_path / FOLDER).iterdir()
    found = Previews(tmp_path)
    assert found.get(2)
    file.write_bytes(file.read_bytes()[:100])
    assert found.get(2) is None
    assert Previews(tmp_path).places == {}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is refused to root")
def test_a_folder_that_cannot_be_written_costs_the_pictures_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    shelf(tmp_path, 1e9, range(2)).write([0], 1.0)
    assert Previews(tmp_path).places == {}


def test_a_file_in_the_way_costs_the_pictures_alone(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_bytes(b"")
    shelf(tmp_path, 1e9, range(2)).write([0], 1.0)
    assert Previews(tmp_path).places == {}


@pytest.mark.parametrize("count", [1, 2, 3, 8, 13, 100])
def test_any_beginning_is_spread_evenly(count: int) -> None:
    order = evenly(count)
    assert sorted(order) == list(range(count))
    half = sorted(order[: max(1, count // 2)])
    assert max(np.diff([-1, *half, count])) <= 5
