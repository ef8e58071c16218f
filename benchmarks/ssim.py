"""The reference scripts' way to key frames, on a stretch of a film: its cost, what it keeps, what guessing misses."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy import number
from benchmarks.bench import Bench
from benchmarks.corpus import Film, load
from benchmarks.measure import Run, python, run
from benchmarks.results import Check, Section, Table

THRESHOLD = 0.95
WANTED = (5, 10, 20, 40, 80)
"""Numbers of key frames that one may want."""

GUESS_HEIGHT = 180
"""Pixels that pictures are high where thresholds are guessed: full size would take hours, and changes little."""

OURS = "**stills**"


def ssim(bench: Bench) -> Section:
    """Time and shots covered on the first seconds of a film; the numbers that guessed thresholds give on all of it."""
    (film,) = bench.corpus.films("gala")
    seconds = 20.0 if bench.full else 4.0
    folder = Path(tempfile.mkdtemp(prefix="ssim-", dir=bench.work))
    indexes = folder / "indexes"
    ours = bench.recipe(film, "keyframes", cache=indexes)
    decode = bench.decode(film)
    duration = float(ours.document["video"]["duration"])
    share = min(1.0, seconds / duration)
    truth = _stretch(film, seconds, folder)
    first = {"frames": [frame for frame in ours.frames if frame["time"] < seconds]}
    rows = [(OURS, "–", f"{ours.run.wall * share:.1f}", f"{ours.run.wall / decode.wall:.2f}", "–",
             *_cells(bench, truth, folder, OURS, first["frames"]))]  # fmt: skip
    data: dict[str, Any] = {"decode": decode.wall, "stills": ours.run.wall}
    ratios = {}
    for way in ("skimage", "opencv"):
        taken, (result,) = _every(bench, film, folder, way, [str(THRESHOLD)], seconds=seconds)
        ratios[way] = taken.wall / (decode.wall * share)
        each = f"{1000 * result['seconds'] / max(1, result['comparisons']):.0f}"
        rows.append((f"every frame, {way}", f"{THRESHOLD}", f"{taken.wall:.1f}", f"{ratios[way]:.0f}", each,
                     *_cells(bench, truth, folder, way, result["frames"])))  # fmt: skip
        data[way] = {"wall": taken.wall, "comparisons": result["comparisons"], "kept": len(result["frames"])}
        bench.say(f"{film.name}: {seconds:.0f} s frame by frame with {way} in {taken.wall:.0f} s")
    columns = (
        "way", "threshold", f"wall for {seconds:.0f} s of video, s", "× plain decode", "ms a comparison", "kept",
        "shots", "shots with one", "extra a shot", "in a transition",
    )  # fmt: skip
    tables = [Table(columns, tuple(rows), f"**{film.name}**, its first {seconds:.0f} s:")]
    guesses, exact, worst = _guesses(bench, film, folder, indexes)
    tables.append(guesses)
    own = ours.run.wall / decode.wall
    least = min(ratios.values()) / own
    checks = (
        Check("time of SSIM of every frame, in times of ours", f"{least:.0f} ×", "> 1", least > 1),
        Check("wanted numbers that `--target` gives exactly", f"{exact} of {len(WANTED)}", "all", exact == len(WANTED)),
    )
    remarks = (
        "Every frame is compared with the last ten kept, at full size in grey, and kept where none is as similar "
        "as the threshold: with scikit-image's function, as such scripts do, and with the same formula in OpenCV. It "
        "was run on a part only; × is against the same part of a plain decode, and for stills that of the whole film, "
        "process start and pictures included (its seconds are scaled).",
        "A guessed threshold is the one from which as many frames as wanted are less similar to the frame before. "
        f"Pictures are {GUESS_HEIGHT} pixels high for that, all of the film is used, and the guess misses by a "
        f"factor of up to {worst:.1f}.",
    )
    data["guesses"] = {"worst": worst}
    return Section("ssim", "The reference scripts' way", tuple(tables), checks, remarks, data=data)


def _every(
    bench: Bench, film: Film, folder: Path, way: str, thresholds: Sequence[str], *, seconds: float, height: int = 0
) -> tuple[Run, list[dict[str, Any]]]:
    out = folder / f"{way}.json"
    command = python(
        "-m", "benchmarks.every_ssim", str(film.path), str(out), f"{seconds}", f"{height}", way, *thresholds
    )
    taken = run(command, env=bench.code)
    results: list[dict[str, Any]] = load(out)["results"]
    return taken, results


def _guesses(bench: Bench, film: Film, folder: Path, indexes: Path) -> tuple[Table, int, float]:
    """The numbers that guessed thresholds give, and ``--target``; how many of ours are exact; their worst factor."""
    thresholds = [f"guess:{wanted}" for wanted in WANTED]
    _, results = _every(bench, film, folder, "opencv", thresholds, seconds=1e9, height=GUESS_HEIGHT)
    rows, exact, worst = [], 0, 1.0
    for wanted, result in zip(WANTED, results, strict=True):
        kept = len(result["frames"])
        ours = len(bench.recipe(film, "keyframes", "--target", str(wanted), cache=indexes).frames)
        exact += ours == wanted
        factor = max(kept, wanted) / max(1, min(kept, wanted))
        worst = max(worst, factor)
        rows.append((str(wanted), f"{result['threshold']:.3f}", str(kept), f"{factor:.1f}", str(ours)))
    columns = ("wanted", "guessed threshold", "kept by it", "off by a factor of", "`stills keyframes --target`")
    return Table(columns, tuple(rows), f"**{film.name}**, as many as wanted:"), exact, worst


def _stretch(film: Film, seconds: float, folder: Path) -> Film:
    """The film with the truth of its first ``seconds``: shots that begin in them, the last one cut off there."""
    if film.truth is None:
        return film
    truth = load(film.truth)
    shots = [{**shot, "end": min(shot["end"], seconds)} for shot in truth["shots"] if shot["start"] < seconds - 0.5]
    path = folder / "stretch.truth.json"
    path.write_text(json.dumps({**truth, "shots": shots, "duration": seconds}), encoding="utf-8")
    return Film(film.name, film.path, path)


def _cells(bench: Bench, film: Film, folder: Path, way: str, frames: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    path = folder / "frames.json"
    path.write_text(json.dumps({"frames": list(frames)}), encoding="utf-8")
    score = bench.corpus.score("keyframes", film, path)
    if score is None:
        return (str(len(frames)), "–", "–", "–", "–")
    values = (number(score[key]) for key in ("shots_covered", "redundancy", "bad"))
    return (str(len(frames)), str(score["shots"]), *values)
