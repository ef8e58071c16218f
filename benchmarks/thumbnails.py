"""Thumbnails: spoiled frames planted between clean ones must not be chosen, and happy faces come first."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.corpus import Film
from benchmarks.planted import CLEAN, COPIES, PICTURES, Part, Planted, emotion_films, spoiled_film
from benchmarks.results import Check, Section, Table

COUNT = 5
"""How many thumbnails are asked for: there are more clean shots than that."""

EFFORTS = ("balanced", "fast")


def thumbnails(bench: Bench) -> Section:
    """What is among the first five of films with planted parts, and which emotion is the first of acted ones."""
    folder = Path(tempfile.mkdtemp(prefix="planted-", dir=bench.work))
    seeds = range(6 if bench.full else 2)
    films = [spoiled_film(folder / f"planted_{seed}.mp4", seed) for seed in seeds]
    rows, planted, repeated, data = [], 0, 0, {}
    for film in films:
        for effort in EFFORTS:
            chosen = _chosen(bench, film, effort)
            wrong = Counter(part.kind for part in chosen if part.kind not in {CLEAN, COPIES})
            twice = sum(n - 1 for n in Counter(part.name for part in chosen).values())
            planted += sum(wrong.values())
            repeated += twice
            shown = ", ".join(f"{n} {kind}" for kind, n in wrong.items()) or "none"
            rows.append((film.name, effort, str(len(chosen)), shown, str(twice)))
            data[f"{film.name} {effort}"] = [[part.kind, part.name] for part in chosen]
    columns = ("film", "effort", "thumbnails", "planted ones among them", "same shot twice")
    tables = [Table(columns, tuple(rows), f"`stills thumbnails -k {COUNT}` where {len(PICTURES)} shots are clean:")]
    checks = [
        Check(f"planted frames among the first {COUNT}", str(planted), "0", planted == 0),
        Check(f"the same shot twice among the first {COUNT}", str(repeated), "0", repeated == 0),
    ]
    if bench.corpus.folder is not None:
        table, check, more = _emotions(bench, bench.corpus.folder / "faces", folder)
        tables.append(table)
        checks.append(check)
        data |= more
    remark = (
        "Films are made from openly licensed pictures: a black leader, blurred, overexposed, underexposed and white "
        "parts, subtitles on black, a second of dissolve, copies of clean shots, in an order and strength of its own."
    )
    return Section("thumbnails", "Thumbnails", tuple(tables), tuple(checks), (remark,), data=data)


def _chosen(bench: Bench, film: Planted, effort: str) -> list[Part]:
    """The part of each thumbnail, best first."""
    options = ("-k", str(COUNT), "--effort", effort)
    result = bench.recipe(Film(film.name.replace(" ", "_"), film.path), "thumbnails", *options)
    times = [frame["time"] for frame in sorted(result.frames, key=lambda frame: int(frame["rank"]))]
    return [film.at(time) for time in times]


def _emotions(bench: Bench, faces: Path, folder: Path) -> tuple[Table, Check, dict[str, Any]]:
    films = emotion_films(faces, folder)
    rows, happy, data = [], 0, {}
    for film in films:
        emotions = [part.name for part in _chosen(bench, film, "balanced")]
        happy += emotions[:1] == ["happy"]
        rows.append((film.name, str(len(film.parts)), _listed(emotions)))
        data[film.name] = emotions
    note = "Acted emotions, one after the other; thumbnails, best first:"
    table = Table(("who", "emotions", "chosen"), tuple(rows), note)
    check = Check("happy face first, acted emotions", f"{happy} of {len(films)}", "all", happy == len(films))
    return table, check, data


def _listed(emotions: Sequence[str]) -> str:
    return ", ".join(emotions)
