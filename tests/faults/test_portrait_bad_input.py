"""The real command where there is no portrait, or nothing to look at: exit codes, clear lines, no half results."""

from __future__ import annotations

import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import portrait_films as films
from command import leftovers, one_clear_line, stills
from face_samples import portrait
from films import empty_film
from media_factory import Movie, make, make_sound

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {"STILLS_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}


def sound_with_cover(path: Path, picture: bytes) -> Path:
    """A song with a cover: no video."""
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44100)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 400, 400, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        container.start_encoding()
        packet = av.Packet(picture)
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = cover, 0, 0, True
        container.mux(packet)
        tone = np.sin(np.arange(44100) * 0.05).astype(np.float32)[None]
        for start in range(0, tone.shape[1], 1024):
            part = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, start : start + 1024]), "fltp", "mono")
            part.sample_rate, part.pts = 44100, start
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def test_nobody_is_exit_code_4_and_null_with_the_reason(tmp_path: Path, env: dict[str, str]) -> None:
    empty = empty_film(tmp_path / "empty.mp4")
    for options in ([], ["--if-none", "skip"]):
        done = stills("portrait", empty, "-o", tmp_path / "out", *options, env=env)
        assert done.code == 4
        assert "no portrait: no face was found" in done.out
        document = json.loads((tmp_path / "out" / "empty" / "portrait.json").read_text())
        assert (document["frame"], document["files"]) == (None, [])
        assert "no face was found" in document["reason"]
        assert (tmp_path / "out" / "report.html").exists()


def test_a_small_face_is_said_skipped_or_an_error(tmp_path: Path, env: dict[str, str]) -> None:
    small, out = films.small(tmp_path / "small.mp4"), tmp_path / "out"
    best = stills("portrait", small, "-o", out, "--json", env=env)
    assert best.code == 0
    assert best.of(small, "fallback")["code"] == "no-qualifying-face"
    event = best.of(small, "result")
    assert (event["found"], event["qualified"]) == (True, False)
    assert (out / "small" / "portrait" / "portrait.jpg").stat().st_size
    skipped = stills("portrait", small, "-o", out, "--json", "--if-none", "skip", env=env)
    assert skipped.code == 4
    assert "no face qualifies" in skipped.of(small, "result")["reason"]
    assert not (out / "small" / "portrait" / "portrait.jpg").exists()
    strict = stills("portrait", small, "-o", out, "--strict", env=env)
    assert strict.code == 1
    assert "--strict" in strict.errors[0]
    both = stills("portrait", small, empty_film(tmp_path / "empty.mp4"), "-o", out, "--explain", env=env)
    assert both.code == 0
    assert "key frames: " in both.out
    assert "size 0." in both.out


def test_sound_is_no_video_whatever_its_cover(tmp_path: Path, env: dict[str, str]) -> None:
    paths = [make_sound(tmp_path / "sound.m4a"), sound_with_cover(tmp_path / "song.m4a", films.cover_of_her())]
    done = stills("portrait", *paths, "-o", tmp_path / "out", env=env)
    assert done.code == 1
    assert len(done.errors) == 2
    assert all(one_clear_line(line) for line in done.errors)
    assert not leftovers(tmp_path)
    assert not list((tmp_path / "out").glob("*/portrait.json"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"this is no picture at all", "the cover picture is left out"),
        (films.cover_of_her()[:3000], "the cover picture is left out"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 2000, "the cover picture is left out"),
    ],
)
def test_a_cover_that_is_no_picture_is_left_out_and_said(
    tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, data: bytes, says: str
) -> None:
    path = films.with_cover(tmp_path / "film.mp4", monkeypatch, data)
    done = stills("portrait", path, "-o", tmp_path / "out", env=env)
    assert done.code == 4, done.err
    assert any(says in line for line in done.lines)
    document = json.loads((tmp_path / "out" / "film" / "portrait.json").read_text())
    assert any(says in warning for warning in document["warnings"])
    assert [step["step"] for step in document["scan"]["steps"]] == ["key-frames", "scenes"]


def test_a_cover_without_a_face_is_looked_at_and_passed_over(
    tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = io.BytesIO()
    Image.fromarray(films.nobody(0)).save(data, "PNG")
    path = films.with_cover(tmp_path / "film.mp4", monkeypatch, data.getvalue())
    done = stills("portrait", path, "-o", tmp_path / "out", "--json", env=env)
    assert done.code == 4
    assert [step["step"] for step in done.of(path, "result")["steps"]] == ["cover", "key-frames", "scenes"]


def test_damaged_files_fail_alone(tmp_path: Path, env: dict[str, str]) -> None:
    good = films.on_key_frames(tmp_path / "good.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(good.read_bytes()[: good.stat().st_size // 2])  # its index is at the end, and gone
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(np.random.default_rng(1).bytes(50_000))
    empty = tmp_path / "zero.mp4"
    empty.touch()
    spoiled = tmp_path / "spoiled.mkv"
    her = Movie(width=320, height=240, frames=100, gop=10, picture=lambda n, w, h: films.view(portrait(), 1.4, n * 0.1))
    whole = make(tmp_path / "whole.mkv", her)
    data = bytearray(whole.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = np.random.default_rng(2).bytes(4000)
    spoiled.write_bytes(bytes(data))
    gone = tmp_path / "gone.mp4"
    done = stills("portrait", cut, noise, empty, gone, spoiled, good, "-o", tmp_path / "out", "--json", env=env)
    assert done.code == 3
    assert all(done.of(path, "error", "result")["event"] == "error" for path in (cut, noise, empty, gone))
    assert done.of(good, "result")["qualified"]
    assert done.of(spoiled, "result")["found"]
    assert all(one_clear_line(line) for line in done.lines)
    assert not leftovers(tmp_path)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    path = films.small(tmp_path / "film.mp4")
    fresh = {"STILLS_CACHE_DIR": str(tmp_path / "cache")}
    done = stills("portrait", path, "-o", tmp_path / "out", "--dry-run", env=fresh)
    assert done.code == 0
    assert "would scan" in done.out
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "out").exists()


def test_a_batch_of_portraits(tmp_path: Path, env: dict[str, str]) -> None:
    films.on_key_frames(tmp_path / "a.mp4")
    empty_film(tmp_path / "b.mp4")
    (tmp_path / "films.csv").write_text("id,trailer,posters\nann,a.mp4,\nbob,b.mp4,\n")
    out = tmp_path / "out"
    done = stills("batch", tmp_path / "films.csv", "-o", out, "--recipe", "portrait", "--prefer", "smile=0.5", env=env)
    assert done.code == 0, done.err
    assert (out / "ann" / "portrait" / "portrait.jpg").stat().st_size
    frames = [json.loads(line) for line in (out / "tables" / "frames.jsonl").read_text().splitlines()]
    assert [(row["film"], row["recipe"], row["file"]) for row in frames] == [
        ("ann", "portrait", "ann/portrait/portrait.jpg")
    ]
    wrong = stills("batch", tmp_path / "films.csv", "-o", out, "--recipe", "people", "--prefer", "smile=0.5", env=env)
    assert wrong.code == 2
    assert "--recipe" in wrong.err
