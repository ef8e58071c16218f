"""Errors of attributes by group: who the models are worse for has to be said as loudly as how good they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.attribute_fit import calibration_error, to_fit
from benchmarks.results import Table
from stills.index.schema import labels_of
from stills.types import Attribute

BANDS = ((0, 3), (3, 10), (10, 18), (18, 30), (30, 45), (45, 60), (60, 120))
"""Years of the age bands, the end not included."""

CERTAINTIES = (0.0, 0.5, 0.7, 0.9)
FEW = 10
"""Faces below which a figure of a group is not shown."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A file of the corpus: its ``labels`` (empty where unknown), the ``values`` by attribute, ``None`` without a face.

    Of a clip the values are the mean over its faces.
    """

    labels: Mapping[str, str]
    values: Mapping[str, NDArray[np.float64]] | None

    def label(self, attribute: Attribute) -> str:
        """The likeliest label; empty without a face."""
        if self.values is None:
            return ""
        return labels_of("default", attribute)[int(self.values[attribute].argmax())]

    def groups(self) -> list[tuple[str, str]]:
        """The groups that it is in: kind and name."""
        found = [("gender", self.labels["gender"]), ("ethnic label", self.labels["ethnicity"])]
        if self.labels["age"]:
            years = float(self.labels["age"])
            low, high = next(b for b in BANDS if b[0] <= years < b[1])
            found.insert(0, ("age", f"{low}–{high - 1}" if high < 120 else f"{low} and more"))
        return [(kind, name) for kind, name in found if name]


def labelled(rows: Iterable[Mapping[str, str]], measured: Iterable[Mapping[str, Any]]) -> list[Labelled]:
    """``rows`` of labels with what was ``measured`` of their files."""
    faces = {entry["file"]: entry["faces"] for entry in measured}
    return [Labelled(row, _mean(faces[row["file"]])) for row in rows]


def of(files: Iterable[Labelled], attribute: Attribute, *, kind: str | None = None) -> list[Labelled]:
    """Those with a label that the models know, and a face."""
    known = labels_of("default", attribute)
    return [
        f
        for f in files
        if f.values is not None
        and (f.labels[attribute] in known if known else f.labels[attribute])
        and kind in (None, f.labels["kind"])
    ]


def by_group(files: Sequence[Labelled]) -> Table:
    """Age error, gender and ethnicity right, by age band, gender and ethnic label."""
    groups: dict[tuple[str, str], list[Labelled]] = {}
    for f in of(files, "age"):
        for group in [*f.groups(), ("all", "")]:
            groups.setdefault(group, []).append(f)
    order = [("all", ""), *sorted((g for g in groups if g[0] != "all"), key=_rank)]
    rows = []
    for group in order:
        members = groups[group]
        if len(members) < FEW:
            continue
        off = np.array([f.values["age"][0] - float(f.labels["age"]) for f in members if f.values is not None])
        rows.append((
            " ".join(group).strip(), str(len(members)), f"{np.abs(off).mean():.1f}", f"{off.mean():+.1f}",
            _percent(_right(members, "gender")), _percent(_right(members, "ethnicity")),
        ))  # fmt: skip
    columns = ("group", "faces", "age MAE, years", "bias, years", "gender right", "ethnicity right")
    return Table(columns, tuple(rows), "By group (UTKFace; groups are the labels of the data):")


def confusion(files: Sequence[Labelled], attribute: Attribute) -> Table:
    """How often each label was answered with which, in percent of the label's files."""
    labels = labels_of("default", attribute)
    rows = []
    for truth in labels:
        members = [f for f in files if f.labels[attribute] == truth]
        answers = [f.label(attribute) for f in members]
        shares = [f"{100 * answers.count(a) / max(1, len(answers)):.0f}" for a in (*labels, "")]
        rows.append((f"**{truth}**", str(len(members)), *shares))
    return Table((attribute, "files", *labels, "no face"), tuple(rows), f"{attribute.capitalize()}, % of each label:")


def by_clip(rows: Iterable[Mapping[str, str]], measured: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Right answers of acted clips by attribute: the share of single faces, and of clips by their faces' mean."""
    faces = {entry["file"]: entry["faces"] for entry in measured}
    found: dict[str, Any] = {}
    clips = [row for row in rows if row["kind"] == "mead" and faces[row["file"]]]
    names: tuple[Attribute, ...] = ("gender", "emotion")
    for attribute in names:
        known = labels_of("default", attribute)
        alone, together = [], []
        for row in clips:
            if row[attribute] in known:
                values = np.array([face[attribute] for face in faces[row["file"]]])
                truth = known.index(row[attribute])
                alone.append(float((values.argmax(axis=1) == truth).mean()))
                together.append(float(values.mean(axis=0).argmax() == truth))
        if alone:
            found[attribute] = {"clips": len(alone), "face": np.mean(alone), "person": np.mean(together)}
    return found


def persons(films: Mapping[str, Mapping[str, Mapping[str, float]]], clips: Mapping[str, Any]) -> Table:
    """By face and by person: how far apart in ``films``, how often right in acted ``clips``."""
    rows = []
    for film, values in films.items():
        for attribute, value in values.items():
            what = "years apart" if attribute == "age" else "% that differ"
            factor, digits = (1.0, 1) if attribute == "age" else (100.0, 0)
            cells = (f"{factor * value[key]:.{digits}f}" for key in ("face", "person"))
            rows.append((film, f"{value['people']:.0f} people", f"{attribute}, {what}", *cells))
    for attribute, value in clips.items():
        cells = (f"{100 * value[key]:.0f}" for key in ("face", "person"))
        rows.append(("acted clips", f"{value['clips']} clips", f"{attribute}, % right", *cells))
    columns = ("film", "of", "what", "by single faces", "by person")
    return Table(columns, tuple(rows), "A person's faces together, against one face:")


def calibration(files: Sequence[Labelled]) -> Table:
    """Whether the models are as often right as they say, on the half that no constant was fitted on."""
    rows = []
    for attribute, kind in (("gender", "utkface"), ("ethnicity", "utkface"), ("emotion", "fer2013")):
        members = [f for f in of(files, attribute, kind=kind) if not to_fit(f.labels["file"])]  # type: ignore[arg-type]
        confidence, right = _confidence(members, attribute)  # type: ignore[arg-type]
        rows.append((
            attribute, str(len(members)), _percent(confidence.mean()), _percent(right.mean()),
            f"{calibration_error(confidence, right):.3f}",
        ))  # fmt: skip
    members = [f for f in of(files, "age") if not to_fit(f.labels["file"])]
    off = np.array([
        abs(f.values["age"][0] - float(f.labels["age"])) / f.values["age"][1] for f in members if f.values is not None
    ])  # fmt: skip
    for times, share in ((1, 0.683), (2, 0.954)):
        name = f"age, within {times} × its spread"
        rows.append((name, str(len(off)), _percent(share), _percent((off < times).mean()), "–"))
    note = "Said and right, on the other half (ECE: expected calibration error, 10 bins):"
    return Table(("attribute", "faces", "said", "right", "ECE"), tuple(rows), note)


def certainty(files: Sequence[Labelled]) -> Table:
    """What leaving out uncertain answers does: the share that is answered and the share of those that is right."""
    rows = []
    for attribute in ("gender", "ethnicity", "emotion"):
        confidence, right = _confidence(of(files, attribute), attribute)
        cells = []
        for least in CERTAINTIES:
            said = confidence >= least
            cells.append(f"{_percent(said.mean())}, {_percent(right[said].mean())}" if said.any() else "0, –")
        rows.append((attribute, *cells))
    columns = ("attribute", *(f"from {least:.1f}" for least in CERTAINTIES))
    return Table(columns, tuple(rows), "Single faces, by the least confidence: % answered, and % of those right:")


def _mean(faces: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, NDArray[np.float64]] | None:
    if not faces:
        return None
    return {name: np.mean([face[name] for face in faces], axis=0) for name in faces[0]}


def _confidence(files: Sequence[Labelled], attribute: Attribute) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    confidence = np.array([f.values[attribute].max() for f in files if f.values is not None])
    return confidence, np.array([f.label(attribute) == f.labels[attribute] for f in files])


def _right(files: Sequence[Labelled], attribute: Attribute) -> float:
    known = [f for f in files if f.labels[attribute]]
    return float(np.mean([f.label(attribute) == f.labels[attribute] for f in known])) if known else float("nan")


def _percent(share: Any) -> str:
    return f"{100 * float(share):.0f} %" if np.isfinite(share) else "–"


_ORDER: Mapping[str, Callable[[str], float]] = {
    "age": lambda name: float(name.split("–")[0].split()[0]),
    "gender": lambda name: 0.0,
    "ethnic label": lambda name: float(labels_of("default", "ethnicity").index(name)),
}


def _rank(group: tuple[str, str]) -> tuple[int, float, str]:
    kind, name = group
    return list(_ORDER).index(kind), _ORDER[kind](name), name
