"""Odd videos: key frames and thumbnails of them are clear, and right."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from command import Done, leftovers, one_clear_line, stills
from media_factory import Movie, make, moving_picture

pytestmark = pytest.mark.slow

Paint = Callable[[int, int, int], NDArray[np.uint8]]


def still(index: int, width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(moving_picture(7, width, height), np.uint8)


def black(index: int, width: int, height: int) -> NDArray[np.uint8]:
    return np.zeros((height, width, 3), np.uint8)


def one_pixel(path: Path) -> Path:
    """No common codec of 4:2:0 has pictures of 1×1; FFV1 does."""
    return make(path, Movie(width=1, height=1, frames=5, codec="ffv1", pixel_format="yuv444p", picture=black))


def long_sound(path: Path) -> Path:
    """A second of video, four of sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        sound = container.add_stream("aac", rate=44100)
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(moving_picture(index, 128, 96), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        tone = np.sin(np.arange(44100 * 4) * 0.05).astype(np.float32)[None]
        for start in range(0, tone.shape[1], 1024):
            part = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, start : start + 1024]), "fltp", "mono")
            part.sample_rate, part.pts = 44100, start
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def unordered(path: Path) -> Path:
    """Packets whose times go back now and then: what concatenated and badly cut recordings have."""
    plain = make(path.with_suffix(".mkv"), Movie(frames=60, codec="mjpeg", pixel_format="yuvj420p", full_range=True))
    with av.open(str(plain)) as source, av.open(str(path), "w", format="nut") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            packet.stream = stream
            # The time of decoding has to rise; that of showing goes back by four frames after every twentieth.
            packet.pts = packet.dts + (160 if number % 20 < 10 else 0)
            target.mux(packet)
    return path


MADE: dict[str, Callable[[Path], Path]] = {
    "one-frame.mp4": lambda path: make(path, Movie(frames=1)),
    "two-equal.mp4": lambda path: make(path, Movie(frames=2, picture=still)),
    "black.mp4": lambda path: make(path, Movie(frames=60, picture=black)),
    "1x1.mkv": one_pixel,
    "static.mp4": lambda path: make(path, Movie(frames=100, picture=still)),
    "thousand-fps.mkv": lambda path: make(path, Movie(frames=200, timescale=1000, pts=range(200))),
    "variable.mkv": lambda path: make(path, Movie(frames=40, timescale=1000, pts=[at * at for at in range(40)])),
    "drops.mp4": lambda path: make(
        path, Movie(frames=40, pts=[512 * (at + 50 * (at > 10) + 200 * (at > 30)) for at in range(40)])
    ),
    "no-times.avi": lambda path: make(path, Movie(frames=50, codec="mpeg4")),
    "unordered.nut": unordered,
    "long-sound.mp4": long_sound,
    "tiny.mp4": lambda path: make(path, Movie(width=16, height=16, frames=30)),
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("odd")
    return {name: write(folder / name) for name, write in MADE.items()}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {"STILLS_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}


def ask(recipe: str, video: Path, out: Path, env: dict[str, str], *options: str) -> tuple[Done, list[dict[str, Any]]]:
    done = stills(recipe, video, "-o", out, *options, env=env)
    assert done.code == 0, done.err
    assert all(one_clear_line(line) for line in done.lines)
    assert not leftovers(out)
    document = json.loads((out / video.stem / f"{recipe}.json").read_text())
    frames: list[dict[str, Any]] = document["frames"]
    for frame in frames:
        assert (out / video.stem / frame["file"]).stat().st_size
        assert 0 <= frame["time"] <= document["video"]["duration"]
    return done, frames


@pytest.mark.parametrize("name", MADE)
def test_key_frames_of_odd_videos(name: str, videos: dict[str, Path], env: dict[str, str], tmp_path: Path) -> None:
    _, frames = ask("keyframes", videos[name], tmp_path, env)
    assert len(frames) >= 1
    if name in {"one-frame.mp4", "two-equal.mp4", "black.mp4", "static.mp4", "1x1.mkv"}:
        assert len(frames) == 1
    assert [f["time"] for f in frames] == sorted({f["time"] for f in frames})


@pytest.mark.parametrize("name", MADE)
def test_every_frame_of_odd_videos(name: str, videos: dict[str, Path], env: dict[str, str], tmp_path: Path) -> None:
    done, frames = ask("keyframes", videos[name], tmp_path, env, "--all", "--json")
    told = done.of(videos[name], "result")
    told_frames = {
        "one-frame.mp4": 1, "two-equal.mp4": 2, "black.mp4": 60, "1x1.mkv": 5, "static.mp4": 100, "drops.mp4": 40,
        "thousand-fps.mkv": 200, "variable.mkv": 40, "no-times.avi": 50, "long-sound.mp4": 25, "tiny.mp4": 30,
    }  # fmt: skip
    if name in told_frames:
        assert (len(frames), told["partial"]) == (told_frames[name], False)
    else:  # some frames have the time of another
        assert 0 < len(frames) <= 60
    assert len({f["pts"] for f in frames}) == len(frames)


@pytest.mark.parametrize("name", MADE)
def test_thumbnails_of_odd_videos(name: str, videos: dict[str, Path], env: dict[str, str], tmp_path: Path) -> None:
    _, frames = ask("thumbnails", videos[name], tmp_path, env, "--no-expression", "-k", "2")
    assert 1 <= len(frames) <= 2
    assert name not in {"one-frame.mp4", "two-equal.mp4", "black.mp4", "static.mp4", "1x1.mkv"} or len(frames) == 1


def test_a_target_that_cannot_be_met_is_said(videos: dict[str, Path], env: dict[str, str], tmp_path: Path) -> None:
    done, frames = ask("keyframes", videos["static.mp4"], tmp_path, env, "--target", "50")
    assert len(frames) == 1
    assert any("50" in line for line in done.lines if line.startswith("note: "))
    strict = stills("keyframes", videos["static.mp4"], "-o", tmp_path, "--target", "50", "--strict", env=env)
    assert strict.code == 1
    assert "50" in strict.errors[0]


def test_what_is_no_video_is_refused(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "text.mp4").write_text("nothing to see here")
    for recipe in ("keyframes", "thumbnails"):
        for options in ((), ("--all",)) if recipe == "keyframes" else ((),):
            done = stills(recipe, tmp_path / "text.mp4", tmp_path / "gone.mp4", "-o", tmp_path / "o", *options, env=env)
            assert done.code == 1
            assert len(done.errors) == 2
            assert all(one_clear_line(line) for line in done.errors)


def test_a_truncated_video_gives_what_is_there(tmp_path: Path, env: dict[str, str]) -> None:
    whole = make(tmp_path / "whole.mkv", Movie(width=320, height=180, frames=400, gop=25))
    data = whole.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) // 2])
    for options in ((), ("--every", "10f")):
        done, frames = ask("keyframes", cut, tmp_path / "out", env, *options, "--json")
        assert frames
        assert done.of(cut, "result")["partial"]
