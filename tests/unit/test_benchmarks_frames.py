"""The benchmark of shots, key frames and thumbnails judges as it claims."""

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from benchmarks import every_ssim, keyframes, measure, planted, shots, turns
from benchmarks.corpus import Film
from benchmarks.ssim import _stretch

from stills.media.encode import write_video

pytestmark = pytest.mark.slow


def _picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (36, 64), np.uint8)


def test_turns_are_reversed_every_second_time():
    order: list[str] = []

    def step(name: str) -> measure.Run:
        order.append(name)
        return measure.Run(2.0 if name == "b" else 1.0, 0.5, "")

    runs = turns.take_turns({"a": lambda: step("a"), "b": lambda: step("b")}, 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert turns.against(runs, "b", "a").median == 2.0
    assert turns.time_cells(runs, "a", "a")[2] == "1"


def test_a_target_beyond_what_differs_is_exact_with_all_of_it():
    # 4 frames differ: the third target gave one too few
    assert keyframes.Targets([1, 2, 2, 4, 4, 4], distinct=4, nested=True).exact == 5


def test_clips_are_counted_together():
    one = {"truth": 3, "predicted": 3, "found": 3}
    none = {"truth": 0, "predicted": 1, "found": 0}
    pooled = shots.pool([one, none])
    assert (pooled["precision"], pooled["recall"]) == (0.75, 1.0)
    assert pooled["f1"] == pytest.approx(6 / 7)
    assert shots.pool([{"truth": 0, "predicted": 0, "found": 0}])["f1"] is None


@pytest.mark.parametrize("way", every_ssim.WAYS)
def test_frames_like_any_kept_one_are_left_out(way: str):
    a, b = _picture(1), _picture(2)
    pictures = [(n / 10, picture) for n, picture in enumerate([a, a, b, a, b])]
    times, seen, comparisons = every_ssim.keep(pictures, every_ssim.WAYS[way], 0.95)
    assert (times, seen) == ([0.0, 0.2], 5)
    assert comparisons == 1 + 1 + 2 + 1  # the newest kept one first


def test_the_history_forgets():
    pictures = [(float(n), _picture(n % (every_ssim.HISTORY + 1))) for n in range(2 * (every_ssim.HISTORY + 1))]
    assert len(every_ssim.keep(pictures, every_ssim.by_opencv, 0.95)[0]) == len(pictures)


def test_both_ways_to_ssim_agree():
    a = planted._picture("astronaut")[..., 0]
    b = np.clip(a.astype(int) + np.random.default_rng(0).integers(-20, 20, a.shape), 0, 255).astype(np.uint8)
    assert every_ssim.by_opencv(a, b) == pytest.approx(every_ssim.by_skimage(a, b), abs=0.01)


def test_a_guess_would_keep_as_many_as_wanted():
    alike = [0.1, 0.5, 0.9, 0.99, 0.999]
    for wanted in (1, 2, 4, 5):
        threshold = every_ssim.guess(alike, wanted)
        assert 1 + sum(value < threshold for value in alike) == wanted


def test_a_stretch_has_the_shots_that_begin_in_it(tmp_path: Path):
    truth = tmp_path / "film.truth.json"
    listed = [{"start": 0.0, "end": 3.0}, {"start": 3.0, "end": 9.0}, {"start": 9.0, "end": 12.0}]
    truth.write_text(json.dumps({"fps": 25, "shots": listed, "duration": 12.0}), encoding="utf-8")
    cut = _stretch(Film("film", tmp_path / "film.mp4", truth), 5.0, tmp_path)
    assert cut.truth is not None
    said = json.loads(cut.truth.read_text(encoding="utf-8"))
    assert [(shot["start"], shot["end"]) for shot in said["shots"]] == [(0.0, 3.0), (3.0, 5.0)]


def test_a_planted_film_is_what_it_says(tmp_path: Path):
    film = planted.spoiled_film(tmp_path / "film.mp4", 3)
    assert [part.kind for part in film.parts].count(planted.CLEAN) == len(planted.PICTURES)
    assert {"black", "blurred", "overexposed", "subtitles", "dissolve"} <= {part.kind for part in film.parts}
    ends = [part.end for part in film.parts]
    assert [part.start for part in film.parts] == [0.0, *ends[:-1]]
    assert film.at(0.5).kind == "black"
    assert film.at(ends[-1] + 1) == film.parts[-1]
    lumas = {}
    for time, picture in every_ssim.greys(str(film.path), 99.0, 0):
        lumas.setdefault(film.at(time).kind, []).append(float(picture.mean()))
    assert max(lumas["black"]) < 20 < min(lumas["blurred"])
    assert min(lumas["white"]) > 235


def test_pyscenedetect_is_asked_rightly(tmp_path: Path):
    path, out = tmp_path / "film.mp4", tmp_path / "shots.json"
    with write_video(path, 64, 36, Fraction(25)) as writer:
        for colour in ((200, 30, 30), (20, 40, 220)):
            for _ in range(50):
                writer.write(np.full((36, 64, 3), colour, np.uint8))
    for way in ("content", "adaptive"):
        measure.run([sys.executable, "-m", "benchmarks.pyscenedetect", str(path), str(out), way])
        assert json.loads(out.read_text(encoding="utf-8")) == {
            "shots": [{"start": 0.0, "end": 2.0}, {"start": 2.0, "end": 4.0}]
        }
