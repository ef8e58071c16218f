"""The real command on small films: every option of key frames and thumbnails shows in what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from command import Done, leftovers, stills
from media_factory import Movie, frame_number, make
from stills.render.documents import schema_of

pytestmark = pytest.mark.slow

SHOTS = 6
LENGTH = 40  # frames of a shot


def scene(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """Shots that differ in all: colours, lines, and a bar that moves a little."""
    shot = index // LENGTH
    y, x = np.mgrid[0:height, 0:width]
    angle = shot * 0.9
    waves = np.sin((x * np.cos(angle) + y * np.sin(angle)) / (4.0 + 3 * shot)) * 60
    base = np.random.default_rng(shot).integers(60, 190, 3)
    picture = base + waves[..., None] * np.array([1.0, 0.6, 0.3]) + ((x + 2 * y) * (shot % 3) / 8)[..., None]
    left = 10 + index % LENGTH
    picture[height // 4 : height // 2, left : left + 12] = (240, 240, 30)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keyframes")


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    movie = Movie(width=320, height=180, frames=SHOTS * LENGTH, gop=20, picture=scene)
    return make(folder / "film.mp4", movie)


@pytest.fixture(scope="module")
def counted(folder: Path) -> Path:
    """Each frame shows its number; every third one is shown three times as long."""
    pts, now = [], 0
    for index in range(120):
        pts.append(now)
        now += 512 * (3 if index % 3 == 0 else 1)
    return make(folder / "counted.mp4", Movie(frames=120, pts=pts, gop=10))


@pytest.fixture(scope="module")
def env(folder: Path) -> dict[str, str]:
    return {"STILLS_CACHE_DIR": str(folder / "cache")}


class Asked:
    """One call and what it wrote."""

    def __init__(self, done: Done, out: Path, film: Path, recipe: str) -> None:
        self.done, self.folder = done, out / film.stem
        self.shown = self.folder / recipe
        self.document: dict[str, Any] = json.loads((self.folder / f"{recipe}.json").read_text())

    @property
    def frames(self) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = self.document["frames"]
        return frames

    @property
    def times(self) -> list[float]:
        return [frame["time"] for frame in self.frames]

    def open(self, frame: dict[str, Any]) -> Image.Image:
        return Image.open(self.folder / frame["file"])


def ask(film: Path, out: Path, env: dict[str, str], *options: str, recipe: str = "keyframes") -> Asked:
    done = stills(recipe, film, "-o", out, *options, env=env)
    assert (done.code, done.errors) == (0, []), done.err
    asked = Asked(done, out, film, recipe)
    import jsonschema

    jsonschema.Draft202012Validator(schema_of(recipe)).validate(asked.document)
    listed = {Path(name) for name in asked.document["files"]}
    assert {path.relative_to(asked.folder) for path in asked.shown.iterdir()} == listed
    assert {Path(frame["file"]) for frame in asked.frames} <= listed
    assert not leftovers(out)
    return asked


def test_a_frame_of_each_shot_and_the_report(film: Path, tmp_path: Path, env: dict[str, str]) -> None:
    asked = ask(film, tmp_path, env)
    shots = {int(time * 25) // LENGTH for time in asked.times}
    assert shots == set(range(SHOTS))
    assert asked.times == sorted(asked.times)
    assert (tmp_path / "report.html").exists()
    assert asked.frames[0]["file"].startswith("keyframes/keyframe_0001_00-00-0")


@pytest.mark.parametrize("target", [1, 3, 6])
def test_a_target_is_met_exactly_and_nested(film: Path, tmp_path: Path, env: dict[str, str], target: int) -> None:
    few, more = (ask(film, tmp_path, env, "--target", str(n)) for n in (target, target + 1))
    assert len(few.frames) == target
    assert {f["pts"] for f in few.frames} <= {f["pts"] for f in more.frames}


def test_options_of_choosing(film: Path, tmp_path: Path, env: dict[str, str]) -> None:
    assert len(ask(film, tmp_path, env, "--similarity", "0.2").frames) <= len(ask(film, tmp_path, env).frames)
    ranged = ask(film, tmp_path, env, "--from", "0:01.6", "--to", "4.8")
    assert ranged.times
    assert all(1.6 <= time < 4.8 for time in ranged.times)
    assert np.diff(ask(film, tmp_path, env, "--min-gap", "2").times).min(initial=9) >= 2
    per_shot = ask(film, tmp_path, env, "--per-shot", "1", "--similarity", "1")
    assert len({int(time * 25) // LENGTH for time in per_shot.times}) == len(per_shot.times) == SHOTS
    weighted = ask(film, tmp_path, env, "--weights", "sharpness=1,exposure=0,stillness=0,contrast=0,cleanness=0")
    frame = weighted.frames[0]
    assert frame["score"] == pytest.approx(frame["reasons"]["sharpness"], abs=1e-3)
    for preset in ("screen", "medical"):
        assert ask(film, tmp_path, env, "--preset", preset, "--window", "5").document["settings"]["preset"] == preset


def test_explain_says_why(film: Path, tmp_path: Path, env: dict[str, str]) -> None:
    asked = ask(film, tmp_path, env, "--explain")
    rows = [line for line in asked.done.out.splitlines() if "score" in line]
    assert len(rows) == len(asked.frames)
    for row, frame in zip(rows, asked.frames, strict=True):
        assert f"score {frame['score']:.3f}" in row
        assert all(name in row for name in frame["reasons"])
        assert "shot " in row
    told = stills("keyframes", film, "-o", tmp_path, "--explain", "--json", env=env).of(film, "result")
    assert [frame["pts"] for frame in told["explained"]] == [frame["pts"] for frame in asked.frames]


@pytest.mark.parametrize(
    ("options", "is_like"),
    [
        ("--format png --compression 9", ("PNG", (320, 180))),
        ("--format webp --lossless", ("WEBP", (320, 180))),
        ("--format webp --quality 0", ("WEBP", (320, 180))),
        ("--format avif --quality 50", ("AVIF", (320, 180))),
        ("--quality 30 --fit 160x160 --fit-mode pad", ("JPEG", (160, 160))),
        ("--fit 1080p", ("JPEG", (1920, 1080))),
    ],
)
def test_pictures_are_as_asked(
    film: Path, tmp_path: Path, env: dict[str, str], options: str, is_like: tuple[str, tuple[int, int]]
) -> None:
    for way in (("--target", "2"), ("--every", "4s")):
        asked = ask(film, tmp_path, env, *way, *options.split())
        assert len(asked.frames) >= 2
        for frame in asked.frames:
            with asked.open(frame) as picture:
                assert (picture.format, picture.size) == is_like
                assert (frame["width"], frame["height"]) == picture.size


def test_sixteen_bits(film: Path, tmp_path: Path, env: dict[str, str]) -> None:
    for way in (("--target", "1"), ("--every", "9s")):
        asked = ask(film, tmp_path, env, *way, "--format", "png", "--bit-depth", "16")
        head = (asked.folder / asked.frames[0]["file"]).read_bytes()[:26]
        assert (head[24], head[25]) == (16, 2)  # bits, and colours without alpha: see the PNG specification, 11.2.2


def test_names_and_sheets(film: Path, tmp_path: Path, env: dict[str, str]) -> None:
    for way in (("--target", "4"), ("--every", "2s")):
        asked = ask(film, tmp_path, env, *way, "--name-template", "{stem}-{number:03}-{time}", "--sheet", "2x2")
        assert Path(asked.frames[0]["file"]).name.startswith("film-001-00-00-0")
        with Image.open(asked.folder / asked.document["sheet"]) as sheet:
            assert sheet.width > sheet.height > 100


def test_a_scanned_film_is_not_decoded_again(film: Path, tmp_path: Path, env: dict[str, str]) -> None:
    ask(film, tmp_path, env)
    again = stills("keyframes", film, "-o", tmp_path, "--target", "3", "--json", env=env).of(film, "result")
    assert (again["cached"], again["frames"]) == (True, 3)
    told = stills("keyframes", film, "-o", tmp_path / "new", "--dry-run", "--json", env=env).of(film, "result")
    assert (told["dry_run"], told["cached"], told["out"]) == (True, True, str(tmp_path / "new" / "film"))
    told = stills("keyframes", film, "-o", tmp_path / "new", "--all", "--dry-run", "--json", env=env).of(film, "result")
    assert told["frames"] == SHOTS * LENGTH
    assert not (tmp_path / "new").exists()


def test_all_frames_come_out_once_in_order_and_exact(counted: Path, tmp_path: Path, env: dict[str, str]) -> None:
    asked = ask(counted, tmp_path, env, "--all", "--format", "png")
    assert len(asked.frames) == 120
    for number, frame in enumerate(asked.frames):
        with asked.open(frame) as picture:
            assert frame_number(np.asarray(picture)) == number
        assert frame["score"] is None
        assert Path(frame["file"]).name.startswith(f"keyframe_{number + 1:04}_")
    gaps = np.diff([frame["pts"] for frame in asked.frames])
    assert set(gaps[::3]) == {3 * gaps[1]}


def test_sparse_frames_are_the_first_at_or_after_their_time(counted: Path, tmp_path: Path, env: dict[str, str]) -> None:
    every = {frame["pts"]: frame["time"] for frame in ask(counted, tmp_path, env, "--all").frames}
    asked = ask(counted, tmp_path, env, "--every", "1.5s", "--threads", "2")
    wanted = [min(t for t in every.values() if t >= due) for due in np.arange(0, max(every.values()), 1.5)]
    assert asked.times == wanted
    tenth = ask(counted, tmp_path, env, "--every", "10f", "--from", "1", "--workers", "1")
    assert tenth.times == [t for t in every.values() if t >= 1][::10]


def test_nothing_in_a_range_is_no_error_but_said(film: Path, tmp_path: Path, env: dict[str, str]) -> None:
    for options in ((), ("--every", "1s")):
        done = stills("keyframes", film, "-o", tmp_path, "--from", "1:00", *options, env=env)
        assert (done.code, done.errors) == (4, [])
        assert "9.6 s" in done.out or "9.56" in done.out
        assert not (tmp_path / "film").exists()


def test_thumbnails_of_a_film_without_faces(film: Path, tmp_path: Path, env: dict[str, str]) -> None:
    asked = ask(film, tmp_path, env, "--no-expression", recipe="thumbnails")
    assert [frame["rank"] for frame in asked.frames] == [1, 2, 3, 4, 5]
    assert [Path(frame["file"]).name for frame in asked.frames] == [f"thumbnail_{k}.jpg" for k in range(1, 6)]
    assert len({int(frame["time"] * 25) // LENGTH for frame in asked.frames}) > 1
    options = ("-k", "2", "--aspect", "1:1", "--preview", "gif", "--sheet", "2x1", "--no-cover", "--avoid-edges")
    asked = ask(
        film, tmp_path, env, *options, "--explain", "--weights", "sharpness=2", "--no-expression", recipe="thumbnails"
    )
    assert len(asked.frames) == 2
    with asked.open(asked.frames[0]) as picture:
        assert picture.size == (180, 180)
    with Image.open(asked.folder / asked.document["preview"]) as preview:
        assert preview.format == "GIF"
        assert getattr(preview, "n_frames", 1) > 1
    assert sum("score" in line for line in asked.done.out.splitlines()) == 2
    assert not [name for name in asked.document["files"] if name.endswith("thumbnail_3.jpg")]


def test_thumbnails_with_expressions_on_the_fast_effort(film: Path, tmp_path: Path, env: dict[str, str]) -> None:
    options = ("--effort", "fast", "--emotions", "happy=1,angry=-1", "--preview", "webp", "--cover")
    asked = ask(film, tmp_path, env, *options, recipe="thumbnails")
    assert asked.document["scan"]["effort"] == "fast"
    assert asked.frames
    assert asked.document["settings"]["emotions"] == {"happy": 1.0, "angry": -1.0}


def test_scan_ahead_answers_later(film: Path, tmp_path: Path) -> None:
    env = {"STILLS_CACHE_DIR": str(tmp_path / "cache")}
    assert stills("scan", film, "--layers", "signals", env=env).code == 0
    done = stills("keyframes", film, "-o", tmp_path / "out", "--json", env=env)
    assert done.of(film, "result")["cached"]
