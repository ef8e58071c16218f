"""Attributes of the people of a film, by face and by person: ``python -m benchmarks.attribute_people FILM TRUTH OUT``.

Nobody's age is known, so what is measured is how far answers for one person lie apart, which bounds how right they can
be: the shots of each person are dealt into two halves, and the answer from the faces of one half is compared with that
from the other's; and each single face of the one half with each of the other. ``OUT`` gets ``{attribute: {"faces",
"people", "face", "person"}}``: the means over people of these distances, years for ages, else the share of different
labels. Faces in transitions, and in shots of several people, are left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import stills
from stills.index.index import Index
from stills.select.attributes import AttributeOptions, AttributeReader
from stills.types import Attribute, Estimate

NAMES: tuple[Attribute, ...] = ("age", "gender", "ethnicity")
"""What stays the same over a film; an emotion does not."""


def halves(index: Index, shots: Sequence[Mapping[str, Any]]) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows of ``index.faces`` by person, in two halves, of ``shots`` as the truth has them; people with one shot go."""
    time = index.faces["time"].to_numpy()
    usable = index.faces["age"].is_valid().to_numpy(zero_copy_only=False)
    usable &= ~index.faces["in_transition"].to_numpy(zero_copy_only=False)
    found: dict[str, list[NDArray[np.int64]]] = {}
    for i, shot in enumerate(shots):
        end = shots[i + 1]["start"] if i + 1 < len(shots) else shot["end"]  # a dissolve belongs to the next shot
        rows = np.flatnonzero(usable & (time >= shot["start"]) & (time < min(shot["end"], end)))
        if len(shot["people"]) == 1 and rows.size:
            found.setdefault(shot["people"][0], []).append(rows)
    return {p: (np.concatenate(s[::2]), np.concatenate(s[1::2])) for p, s in found.items() if len(s) > 1}


def apart(attribute: Attribute, one: Estimate, other: Estimate) -> float | None:
    """Years between two ages, or whether two labels differ; ``None`` where one is unknown."""
    if one.value is None or other.value is None:
        return None
    if attribute == "age":
        return abs(float(one.value) - float(other.value))
    return float(one.value != other.value)


def compare(index: Index, shots: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """See the module."""
    reader = AttributeReader(index, AttributeOptions(attributes=NAMES, certainty=0.0))
    people = halves(index, shots)
    result: dict[str, dict[str, float]] = {}
    for attribute in NAMES:
        single: list[float] = []
        together: list[float] = []
        count = 0
        for one, other in people.values():
            alone = [[reader.of(half[i : i + 1])[attribute] for i in range(len(half))] for half in (one, other)]
            pairs = [apart(attribute, a, b) for a in alone[0] for b in alone[1]]
            known = [value for value in pairs if value is not None]
            person = apart(attribute, reader.of(one)[attribute], reader.of(other)[attribute])
            if known and person is not None:
                single.append(float(np.mean(known)))
                together.append(person)
                count += len(one) + len(other)
        face, person_ = (float(np.mean(values)) if values else 0.0 for values in (single, together))
        result[attribute] = {"faces": count, "people": len(together), "face": face, "person": person_}
    return result


def main() -> None:
    """Compare the people of the film that the command line names."""
    film, truth, out = sys.argv[1:4]
    index = stills.scan(film, layers=("faces", *NAMES))
    shots = json.loads(Path(truth).read_text(encoding="utf-8"))["shots"]
    Path(out).write_text(json.dumps(compare(index, shots)), encoding="utf-8")


if __name__ == "__main__":
    main()
