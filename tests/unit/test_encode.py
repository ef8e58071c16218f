"""Written videos: whole or not there, and what goes in comes out."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stills.errors import OutputError
from stills.media.encode import write_video

RATE = Fraction(30000, 1001)


def ramp(number: int) -> np.ndarray:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[..., 0] = np.linspace(0, 255, 96, dtype=np.uint8)
    picture[..., 1] = np.linspace(0, 255, 64, dtype=np.uint8)[:, None]
    picture[..., 2] = number * 20
    return picture


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with write_video(path, 96, 64, RATE, crf=4, comment="about") as writer:
        for number in range(10):
            writer.write(ramp(number))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert stream.average_rate == RATE
        assert container.metadata["comment"] == "about"
        assert stream.codec_context.pix_fmt == "yuv420p"
    assert [frame.pts * frame.time_base for frame in frames] == [number / RATE for number in range(10)]
    for number, frame in enumerate(frames):
        assert (int(frame.colorspace), int(frame.color_range)) == (1, 1)
        difference = np.abs(frame.to_ndarray(format="rgb24").astype(int) - ramp(number))
        assert difference.mean() < 3
    assert [item.name for item in tmp_path.iterdir()] == ["film.mp4"]


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(number: int) -> np.ndarray:
        raise RuntimeError(f"stop at {number}")

    with pytest.raises(RuntimeError, match="stop"), write_video(tmp_path / "film.mp4", 96, 64, RATE) as writer:
        writer.write(stop(0))
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_is_there_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="at least one frame"), write_video(path, 96, 64, RATE):
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"old"


def test_wrong_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even"), write_video(tmp_path / "film.mp4", 97, 64, RATE):
        pass
    with pytest.raises(ValueError, match="expected"), write_video(tmp_path / "film.mp4", 64, 64, RATE) as writer:
        writer.write(ramp(0))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(OutputError), write_video(tmp_path / "none" / "film.mp4", 96, 64, RATE):
        pass
