"""The detectors side by side: faces found, faces too many, time, and how far their points lie from the default's."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench import Bench
from benchmarks.corpus import Film, load
from benchmarks.measure import python, run
from benchmarks.results import Check, Section, Table
from benchmarks.stats import paired
from stills.errors import ModelFetchError
from stills.models import model_path
from stills.vision import DETECTORS

DEFAULT = "yunet"

KINDS = {"utkface": "UTKFace", "fer2013": "FER2013"}
"""Sets of pictures of one face each."""

Row = Mapping[str, Any]


def detectors(bench: Bench) -> Section:
    """Every detector whose weights can be had, on frames of films with one person or none, and on pictures of faces."""
    names, missing = available()
    folder = Path(tempfile.mkdtemp(prefix="detectors-", dir=bench.work))
    tables, checks, data = [], [], {}
    for film in [film for film in bench.corpus.films("dinner", "gala") if film.truth is not None]:
        rows = _look(bench, folder / f"{film.name}.json", names, *_film(film, 1.0 if bench.full else 5.0))
        note = f"**{film.name}**, {len(rows)} frames at 1280 × 720 (those in dissolves left out):"
        tables.append(Table(FILM_COLUMNS, tuple(film_cells(rows, name) for name in names), note))
        checks += [_check(film, rows, name) for name in names]
        data[film.name] = rows
    if bench.corpus.folder is not None and bench.full:
        labels = bench.corpus.folder / "faces" / "labels.csv"
        rows = _look(bench, folder / "faces.json", names, str(labels))
        tables.append(face_table(rows, names))
        data["faces"] = rows
    remarks = [
        "One thread, on the CPU. Found: frames with one person in which a face was found; too many: faces beyond the "
        "people there are, one person's frames and those without anybody. Each detector at its own least score: "
        "BlazeFace's was chosen with these films (not with the pictures of one face), the others are their authors'.",
        "× YuNet: the median of the ratios on each frame, which other work on the machine changes little. Points: the "
        "median distance to those that YuNet gives the same face, in distances of the eyes.",
    ]
    if missing:
        remarks.append(f"Not measured, as their weights could not be fetched here: {', '.join(missing)}.")
    return Section("detectors", "Detectors", tuple(tables), tuple(checks), tuple(remarks), data=data)


FILM_COLUMNS = (
    "detector",
    "least score",
    "found",
    "too many",
    "ms a frame",
    "× YuNet",
    "points: eyes, nose",
    "points: mouth",
)


def available() -> tuple[list[str], list[str]]:
    """The detectors whose weights are here or can be fetched, and the others."""
    here, missing = [], []
    for name, stack in DETECTORS.items():
        try:
            for model in stack.models:
                model_path(model)
            here.append(name)
        except ModelFetchError:
            missing.append(name)
    return here, missing


def film_cells(rows: Sequence[Row], name: str) -> tuple[str, ...]:
    """A detector's line in the table of a film."""
    found, alone, extra = tally(rows, name)
    near = [row for row in (offsets(row, name) for row in rows) if row is not None]
    eyes, mouth = (
        f"{statistics.median(values):.2f}" if near else "–" for values in zip(*near or [(0.0, 0.0)], strict=True)
    )
    seconds = [row["found"][name]["seconds"] for row in rows]
    share = f"{found} of {alone}"
    ms = f"{1000 * statistics.median(seconds):.0f}" if seconds else "–"
    base = [row["found"][DEFAULT]["seconds"] for row in rows]
    times = f"{paired(seconds, base).median:.1f}" if seconds else "–"
    return (name, f"{DETECTORS[name].score}", share, str(extra), ms, times, eyes, mouth)


def tally(rows: Sequence[Row], name: str) -> tuple[int, int, int]:
    """Frames with one person in which ``name`` found a face, all of those, and the faces too many in all frames."""
    counts = [(row["people"], len(row["found"][name]["faces"])) for row in rows]
    alone = [faces for people, faces in counts if people == 1]
    extra = sum(max(0, faces - people) for people, faces in counts)
    return sum(faces > 0 for faces in alone), len(alone), extra


def offsets(row: Row, name: str) -> tuple[float, float] | None:
    """Mean distance of eyes and nose, and of the mouth's corners, to the default's; ``None`` without the same face."""
    ours, theirs = row["found"][DEFAULT]["faces"], row["found"][name]["faces"]
    if not ours or not theirs:
        return None
    points, other = np.array(ours[0]["points"]), np.array(theirs[0]["points"])
    eyes = float(np.hypot(*(points[1] - points[0])))
    far = np.hypot(*(other - points).T) / max(eyes, 1e-6)
    if np.median(far) > 1:  # another face
        return None
    return float(far[:3].mean()), float(far[3:].mean())


def face_table(rows: Sequence[Row], names: Sequence[str]) -> Table:
    """How many of the pictures of one face each detector finds one in."""
    lines = []
    for name in names:
        cells = [name]
        for kind in KINDS:
            faces = [bool(row["found"][name]["faces"]) for row in rows if row["source"] == kind]
            cells.append(f"{sum(faces)} of {len(faces)}")
        lines.append(tuple(cells))
    note = "Pictures of one face, found (FER2013's 48 × 48 pixels are enlarged four times, with a border):"
    return Table(("detector", *KINDS.values()), tuple(lines), note)


def _check(film: Film, rows: Sequence[Row], name: str) -> Check:
    found, alone, _ = tally(rows, name)
    return Check(f"faces found, {film.name}, {name}", f"{found} of {alone}", "≥ 95 %", found >= 0.95 * alone)


def _film(film: Film, step: float) -> tuple[str, ...]:
    return str(film.path), str(film.truth), f"{step}"


def _look(bench: Bench, out: Path, names: Sequence[str], *source: str) -> list[Row]:
    run(python("-m", "benchmarks.detect_faces", str(out), ",".join(names), *source), env=bench.code)
    rows: list[Row] = load(out)["rows"]
    return rows
