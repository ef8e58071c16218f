"""The spill: frames of likely picks, bounded, and never worse than decoding again."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from media_factory import Movie, make
from stills.index.spill import has_spill, read_spill, trim_spill, write_spill
from stills.media.decode import DecodePlan, decode
from stills.media.frame import DecodedFrame
from stills.media.probe import probe


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[int, DecodedFrame]:
    path = make(tmp_path_factory.mktemp("spill") / "film.mp4", Movie(frames=6))
    return {f.pts: f for f in decode(path, probe(path), DecodePlan())}


def test_a_frame_comes_back_to_the_last_bit(tmp_path: Path, frames: dict[int, DecodedFrame]):
    write_spill(tmp_path / "spill", frames)
    for pts, frame in frames.items():
        assert has_spill(tmp_path / "spill", pts)
        kept = read_spill(tmp_path / "spill", pts)
        assert kept is not None
        assert (kept.pts, kept.time) == (frame.pts, frame.time)
        np.testing.assert_array_equal(kept.picture(), frame.picture())


def test_nothing_to_keep_makes_no_folder(tmp_path: Path):
    write_spill(tmp_path / "spill", {})
    assert not (tmp_path / "spill").exists()


def test_what_was_not_kept_is_none(tmp_path: Path):
    assert read_spill(tmp_path / "spill", 7) is None
    assert not has_spill(tmp_path / "spill", 7)


@pytest.mark.parametrize("keep", [0, 5, 0.5, 0.99])
def test_a_cut_off_frame_is_none(tmp_path: Path, frames: dict[int, DecodedFrame], keep: float):
    write_spill(tmp_path, frames)
    file = tmp_path / "0.raw"
    data = file.read_bytes()
    file.write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    assert read_spill(tmp_path, 0) is None


def test_a_frame_that_is_something_else_is_none(tmp_path: Path):
    (tmp_path / "0.raw").write_bytes(b"\x89PNG" + bytes(500))
    assert read_spill(tmp_path, 0) is None


def test_trimming_drops_what_is_no_pick_then_the_worst(tmp_path: Path, frames: dict[int, DecodedFrame]):
    write_spill(tmp_path, frames)
    best_first = list(frames)[1:][::-1]
    three = sum((tmp_path / f"{pts}.raw").stat().st_size for pts in best_first[:3])
    trim_spill(tmp_path, best_first, max_bytes=three)
    assert sorted(int(f.stem) for f in tmp_path.iterdir()) == sorted(best_first[:3])


def test_trimming_leaves_picks_that_fit(tmp_path: Path, frames: dict[int, DecodedFrame]):
    write_spill(tmp_path, frames)
    trim_spill(tmp_path, list(frames))
    assert len(list(tmp_path.iterdir())) == len(frames)


def test_trimming_where_there_is_nothing(tmp_path: Path):
    trim_spill(tmp_path / "none", [1, 2])
    assert not (tmp_path / "none").exists()


def test_a_full_disk_costs_the_spill_and_nothing_else(
    tmp_path: Path, frames: dict[int, DecodedFrame], monkeypatch: pytest.MonkeyPatch
):
    written: list[Path] = []
    write = Path.write_bytes

    def until_full(path: Path, data: bytes) -> int:
        if len(written) == 2:
            write(path, data[:10])
            raise OSError(errno.ENOSPC, "full")
        written.append(path)
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", until_full)
    write_spill(tmp_path, frames)
    assert len(written) == 2
    assert not list(tmp_path.iterdir()), "the room is the tables'"
