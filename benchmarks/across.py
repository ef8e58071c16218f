"""The same people in many videos: 40 clips with people who come back, and very many tracks."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.across_clips import Point, cut, points
from benchmarks.across_score import AcrossScore, score
from benchmarks.bench import Bench
from benchmarks.corpus import load
from benchmarks.errors import BenchmarkError
from benchmarks.measure import python, run
from benchmarks.results import Check, Section, Table

THRESHOLDS = (0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.75)
"""Cosine similarities tried; 0.55 is the default."""

DEFAULT = 0.55
COUNTS = (10_000, 100_000)
PARTS = 4
"""In how many parts the clips are added, where they are not all at once."""


def across(bench: Bench) -> Section:
    """Clips of the films cut by packet copy, `stills people --across` on them, scored over moments of all."""
    if bench.corpus.folder is None:
        raise BenchmarkError("this needs the corpus: the people of one film do not come back in others")
    clips = cut(bench.corpus, bench.work / "clips")
    moments = points(clips)
    cache = os.environ.get("STILLS_CACHE_DIR", str(bench.work / "across-indexes"))
    out, parts = bench.work / "across", bench.work / "across-parts"
    _people(bench, clips, out, cache, "--across")
    whole = score(load(out / "across.json"), moments)
    again = _people(bench, [out], None, cache, "--across")
    size = len(clips) // PARTS
    mixed = [clip for start in range(PARTS) for clip in clips[start::PARTS]]
    for start in range(0, len(mixed), size):
        _people(bench, mixed[start : start + size], parts, cache, "--across")
    grown = score(load(parts / "across.json"), moments)
    rows = [_row("all at once", DEFAULT, whole), _row(f"in {PARTS} parts", DEFAULT, grown)]
    wide = _thresholds(bench, out, cache, moments)
    rows += [_row("all at once", threshold, one) for threshold, one in wide]
    many = [_many(bench, out, count) for count in COUNTS]
    return Section(
        "across",
        "The same people in many videos",
        (
            Table(
                ("40 clips", "similarity", "people", "BCubed precision", "recall", "F1", "moments with nobody"),
                tuple(rows),
                f"{len(moments)} moments of {len(clips)} clips, {whole.people} people:",
            ),
            Table(
                ("tracks", "people", "found", "BCubed F1", "time", "CPU time", "memory", "rules broken"),
                tuple(_many_row(one) for one in many),
                "Synthetic tracks around the real ones:",
            ),
        ),
        _checks(whole, grown, many),
        _remarks(again, many),
        data={"whole": asdict(whole), "grown": asdict(grown), "many": many},
    )


def _people(bench: Bench, inputs: list[Path], out: Path | None, cache: str, *options: str) -> float:
    """Run ``stills people``; the seconds it took."""
    where = [] if out is None else ["-o", str(out)]
    command = python("-m", "stills", "people", *map(str, inputs), *where, "--quiet", *options)
    taken = run(command, env={**bench.code, "STILLS_CACHE_DIR": cache})
    bench.say(f"stills people {' '.join(options)} on {len(inputs)} inputs in {taken.wall:.1f} s")
    return taken.wall


def _thresholds(bench: Bench, out: Path, cache: str, moments: list[Point]) -> list[tuple[float, AcrossScore]]:
    found = []
    for threshold in THRESHOLDS:
        if threshold == DEFAULT:
            continue
        copy = bench.work / "across-threshold"
        shutil.copytree(out, copy)
        command = python("-m", "stills", "who", "rebuild", str(copy), "--across-similarity", str(threshold), "--quiet")
        run(command, env={**bench.code, "STILLS_CACHE_DIR": cache})
        found.append((threshold, score(load(copy / "across.json"), moments)))
        shutil.rmtree(copy)
    return found


def _many(bench: Bench, out: Path, count: int) -> dict[str, Any]:
    taken = run(python("-m", "benchmarks.across_many", str(out), str(count)), env=bench.code)
    many: dict[str, Any] = json.loads(taken.output)
    bench.say(f"{count} tracks in {many['seconds']:.1f} s")
    return many


def _row(how: str, threshold: float, one: AcrossScore) -> tuple[str, ...]:
    shares = (f"{value:.4f}" for value in (one.precision, one.recall, one.f1))
    return (how, f"{threshold:g}", f"{one.found} of {one.people}", *shares, str(one.missed))


def _many_row(one: dict[str, Any]) -> tuple[str, ...]:
    how = " (approximate)" if one["approximate"] else " (exact)"
    return (
        f"{one['tracks']:,}{how}",
        f"{one['people']:,}",
        f"{one['found']:,}",
        f"{one['f1']:.4f}",
        f"{one['seconds']:.1f} s",
        f"{one['cpu']:.1f} s",
        f"{one['peak']:.0f} MB",
        str(one["broken"]),
    )


def _checks(whole: AcrossScore, grown: AcrossScore, many: list[dict[str, Any]]) -> tuple[Check, ...]:
    last = many[-1]
    return (
        Check("people across 40 videos, BCubed F1", f"{whole.f1:.3f}", "≥ 0.95", whole.f1 >= 0.95),
        Check(f"the same, added in {PARTS} parts", f"{grown.f1:.3f}", "≥ 0.95", grown.f1 >= 0.95),
        Check(f"{last['tracks']:,} tracks clustered", f"{last['seconds']:.0f} s", "≤ 60 s", last["seconds"] <= 60),
        Check("memory of that", f"{last['peak'] / 1000:.2f} GB", "≤ 2 GB", last["peak"] <= 2000),
    )


def _remarks(again: float, many: list[dict[str, Any]]) -> tuple[str, ...]:
    one = many[-1]
    return (
        "The clips are 12 of `dinner`, 8 of `gala` and 20 of `long`, cut by packet copy, so with the same people under "
        "other grades and sizes. A moment is every half second at which the truth has one person on screen; one with "
        "nobody found counts as a person of its own.",
        f"Comparing all again with nothing new took {again:.1f} s, start and report included.",
        f"Synthetic: two tracks of one person have a cosine of {one['same']:.2f} (median), and one in a thousand pairs "
        f"of different people {one['different']:.2f} or more. One track in four was seen together with another.",
    )
