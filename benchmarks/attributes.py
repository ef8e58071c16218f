"""Attributes of labelled faces: how right they are, for whom, and whether they are as sure as they may be."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.attribute_fit import Fitted, fit_age, fit_emotion, fit_gender, fit_temperature, to_fit
from benchmarks.attribute_tables import (
    Labelled,
    by_clip,
    by_group,
    calibration,
    certainty,
    confusion,
    labelled,
    of,
    persons,
)
from benchmarks.bench import Bench
from benchmarks.corpus import load
from benchmarks.errors import BenchmarkError
from benchmarks.measure import python, run
from benchmarks.results import Check, Section, Table
from stills.index.schema import labels_of
from stills.types import Attribute

COLUMNS = ("file", "age", "gender", "ethnicity", "emotion")


def attributes(bench: Bench) -> Section:
    """Score the labelled faces of the corpus. Raises ``BenchmarkError`` without a corpus or its scorers."""
    if bench.corpus.folder is None or bench.corpus.scorers is None:
        raise BenchmarkError("there are no labelled faces", remedy="set STILLS_CORPUS and STILLS_EVAL")
    labels = bench.corpus.folder / "faces" / "labels.csv"
    folder = Path(tempfile.mkdtemp(prefix="attributes-", dir=bench.work))
    measured = folder / "faces.json"
    taken = run(python("-m", "benchmarks.attribute_faces", str(labels), str(measured)), env=bench.code)
    with labels.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    bench.say(f"{len(rows)} labelled files in {taken.wall:.0f} s")
    found = json.loads(measured.read_text(encoding="utf-8"))
    files = labelled(rows, found)
    result = folder / "result.csv"
    write_answers(files, result)
    score = json.loads(run(python(str(bench.corpus.scorers / "score_attributes.py"), str(labels), str(result))).output)
    films, clips = _films(bench, folder), by_clip(rows, found)
    tables = (
        _scored(score), persons(films, clips), by_group(files), confusion(files, "ethnicity"),
        confusion(files, "emotion"), calibration(files),
        certainty(files), _constants(files),
    )  # fmt: skip
    remarks = (
        "Faces are single pictures: 200 × 200 crops with age, gender and ethnic label (UTKFace), 48 × 48 grey ones "
        "with an emotion (FER2013), a few photos, and acted clips, of which nine frames are read and their mean "
        "counts. A file without a face counts as missed, as does contempt, which no model here knows.",
        "Constants of calibration were fitted on the half of the files whose name has an even CRC-32; “the other half” "
        "is the rest. Ages and labels themselves are as the networks give them. The ethnicity head came with a "
        "temperature that was fitted on these crops, both halves; its weights have not seen them.",
        "Nobody's age or label is known in the films: shown is how far answers from different shots of one person lie "
        "apart, of each two faces, and of all faces of one half of the shots against the other half.",
        "FER2013's labels are noisy: people agree with some 65 % of them.",
    )
    checks, data = (*_checks(score), *_person_checks(films, clips)), {"score": score, "films": films, "clips": clips}
    return Section("attributes", "Attributes of faces", tables, checks, remarks, data=data)


def write_answers(files: Sequence[Labelled], path: Path) -> None:
    """The answers as a table with the columns of the labels; empty where there is no face."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        names: tuple[Attribute, ...] = ("gender", "ethnicity", "emotion")
        for f in files:
            years = "" if f.values is None else f"{f.values['age'][0]:.2f}"
            writer.writerow([f.labels["file"], years, *(f.label(name) for name in names)])


def _scored(score: Mapping[str, Any]) -> Table:
    age, adults = score["age"], score["gender_18_plus"]
    rows = [
        ("age, MAE in years", str(age["n"]), f"{age['mae']:.2f}"),
        ("age, MAE in years, 18 to 60", str(age["n_18_60"]), f"{age['mae_18_60']:.2f}"),
        ("gender", str(score["gender"]["n"]), f"{score['gender']['accuracy']:.1%}"),
        ("gender, from 18", str(adults["n"]), f"{adults['accuracy']:.1%}"),
    ]
    for name in ("ethnicity", "emotion"):
        rows.append((name, str(score[name]["n"]), f"{score[name]['accuracy']:.1%}"))
        rows.append((f"{name}, macro F1", str(score[name]["n"]), f"{score[name]['macro_f1']:.2f}"))
    return Table(("attribute", "files", "measured"), tuple(rows), "All files (`score_attributes.py`):")


def _checks(score: Mapping[str, Any]) -> tuple[Check, ...]:
    age, adults = score["age"], score["gender_18_plus"]["accuracy"]
    ethnicity, emotion = score["ethnicity"]["accuracy"], score["emotion"]["accuracy"]
    return (
        Check("age of faces, MAE", f"{age['mae']:.2f} years", "≤ 7.5", age["mae"] <= 7.5),
        Check("age of faces, MAE, 18 to 60", f"{age['mae_18_60']:.2f} years", "≤ 8", age["mae_18_60"] <= 8),
        Check("gender of faces, from 18", f"{adults:.1%}", "≥ 94 %", adults >= 0.94),
        Check("ethnicity of faces, five labels", f"{ethnicity:.1%}", "≥ 75 %", ethnicity >= 0.75),
        Check("emotion of faces", f"{emotion:.1%}", "≥ 60 %", emotion >= 0.60),
    )


def _films(bench: Bench, folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """What :mod:`benchmarks.attribute_people` finds in the films."""
    found = {}
    for film in bench.corpus.films("dinner", "gala"):
        out = folder / f"{film.name}.json"
        command = python("-m", "benchmarks.attribute_people", str(film.path), str(film.truth), str(out))
        run(command, env={**bench.code, "STILLS_CACHE_DIR": str(folder / "indexes")})
        found[film.name] = load(out)
    return found


def _person_checks(films: Mapping[str, Any], clips: Mapping[str, Any]) -> tuple[Check, ...]:
    checks = []
    for attribute in ("age", "gender", "ethnicity"):
        values = [film[attribute] for film in films.values()]
        face, person = (float(np.mean([value[key] for value in values])) for key in ("face", "person"))
        name, unit = f"{attribute} of a person, from shot to shot", " years" if attribute == "age" else ""
        checks.append(Check(name, f"{person:.2f}{unit}", f"≤ {face:.2f}, of a face", person <= face))
    emotion = clips["emotion"]
    face, person = float(emotion["face"]), float(emotion["person"])
    checks.append(Check("emotion of an acted clip", f"{person:.0%}", f"≥ {face:.0%}, of a face", person >= face))
    return tuple(checks)


def _constants(files: Sequence[Labelled]) -> Table:
    """What the fit on one half gives, beside what the code has."""
    found: list[Fitted] = []
    faces = of(files, "age", kind="utkface")
    truth = np.array([float(f.labels["age"]) for f in faces])
    found += fit_age(_values(faces, "age"), truth, _half(faces))
    faces = of(files, "gender", kind="utkface")
    found += fit_gender(_values(faces, "gender"), _truth(faces, "gender"), _half(faces))
    faces = of(files, "ethnicity")
    name = "ethnicity: temperature beside the head's own"
    found += fit_temperature(name, _values(faces, "ethnicity"), _truth(faces, "ethnicity"), _half(faces))
    faces = of(files, "emotion", kind="fer2013")
    found += fit_emotion(
        _values(faces, "network"), _values(faces, "muscles"), _truth(faces, "emotion"), _half(faces)
    )  # fmt: skip
    rows = tuple((f.name, f"{f.value:.2f}", f"{f.fitted:.2f}", f"{f.other:.2f}") for f in found)
    columns = ("constant", "in the code", "fitted on one half", "the other half would want")
    return Table(columns, rows, "Constants of calibration:")


def _values(files: Sequence[Labelled], name: str) -> np.ndarray[Any, Any]:
    return np.array([f.values[name] for f in files if f.values is not None])


def _truth(files: Sequence[Labelled], attribute: Attribute) -> np.ndarray[Any, Any]:
    return np.array([labels_of("default", attribute).index(f.labels[attribute]) for f in files])


def _half(files: Sequence[Labelled]) -> np.ndarray[Any, Any]:
    return np.array([to_fit(f.labels["file"]) for f in files])
