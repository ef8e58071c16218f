"""Pictures of people, as many as there is time for, in the layout that the bucket gets: all in one folder."""

from __future__ import annotations

import copy
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.api.results import output_options
from stills.aws.clock import UPLOAD_S, Clock, Deadline
from stills.aws.place import RESULT
from stills.errors import CancelledError
from stills.files import atomic_write, ensure_folder, move
from stills.render.documents import Document, to_json
from stills.render.results import write_people
from stills.scan.ahead import PicturesAhead
from stills.scan.pictures import Rgb

if TYPE_CHECKING:
    from stills.api.people import PeopleResult
    from stills.scan.scanner import Scanner

PICTURE_S = 0.35
"""Seconds that a picture takes, about: decoded again from its last key frame, fitted, encoded."""

LEFT_OUT = "pictures-left-out"
"""Code of the fallback where there was no time for all pictures."""

_RECIPE = "people"
_NUMBER = re.compile(r"^person_0*(?=[1-9])")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class InTime(Mapping[int, Rgb]):
    """``pictures``, until it is too late: from then on there are none, and ``late`` holds what was asked for."""

    pictures: Mapping[int, Rgb]
    deadline: Deadline
    late: set[int] = field(default_factory=set)

    def __getitem__(self, pts: int) -> Rgb:
        """One picture. Raises ``KeyError`` where it is too late."""
        if not self.deadline.passed:
            try:
                return self.pictures[pts]
            except CancelledError:
                if not self.deadline.passed:
                    raise
        self.late.add(pts)
        raise KeyError(pts)

    def __iter__(self) -> Iterator[int]:
        """All that there would be."""
        return iter(self.pictures)

    def __len__(self) -> int:
        """How many that is."""
        return len(self.pictures)


@dataclass(frozen=True, slots=True)
class Written:
    """The files, the JSON last; the document in it; whether pictures were left out for lack of time."""

    files: list[Path]
    document: Document
    left_out: bool


def write(folder: Path, result: PeopleResult, more: Document, scanner: Scanner, clock: Clock) -> Written:
    """Write the pictures of ``result`` and its JSON, with the values of ``more`` in it, into ``folder``.

    People are in the order of their time on screen, and so are those who get pictures where there is no time for all:
    the others keep their values, without files, and a fallback says so. Raises ``OutputError``, ``CorruptVideoError``.
    """
    document = {**copy.deepcopy(result.to_json()), **more}
    each = max((len(person["stills"]) for person in document["people"]), default=1)
    count = affordable(clock.left(), each)
    shown, hidden = document["people"][:count], document["people"][count:]
    options = output_options(result.settings)
    upload = UPLOAD_S * (1 + each * len(shown) * (1 + options.crops))
    deadline = Deadline(clock.left, upload)
    pts = sorted({still["pts"] for person in shown for still in person["stills"]})
    pictures = scanner.pictures(result.index, pts, bit_depth=result.settings.output.bit_depth, cancel=deadline)
    options = replace(options, waiting_bytes=pictures.held_bytes)
    with PicturesAhead(pictures) as ahead:
        timed = InTime(ahead, deadline)
        paths = write_people(ensure_folder(folder), _RECIPE, {**document, "people": shown}, timed, options)
    return _flat(folder, paths, hidden, timed.late, named=options.name_template is not None)


def affordable(seconds: float, each: int) -> int:
    """For how many people of ``each`` so many pictures ``seconds`` suffice; one at least is tried."""
    return max(1, int(seconds / (each * (PICTURE_S + UPLOAD_S))))


def _flat(folder: Path, paths: list[Path], hidden: list[Document], late: set[int], *, named: bool) -> Written:
    """Put pictures and JSON into one folder, and have the JSON say so.

    Unless they were ``named`` by a template, pictures of person 1 begin with ``person_1``.
    """
    *pictures, listed = paths
    document = json.loads(listed.read_text(encoding="utf-8"))
    document["people"] += hidden

    def flat_name(name: str) -> str:
        name = name.rpartition("/")[2]
        return name if named else _NUMBER.sub("person_", name)

    document["files"] = [flat_name(name) for name in document["files"]]
    without = 0
    for person in document["people"]:
        for still in (person["still"], *person["stills"]):
            for name in ("file", "crop"):
                if isinstance(still.get(name), str):
                    still[name] = flat_name(still[name])
        without += person["still"].get("file") is None
    stills = [still for person in document["people"] for still in person["stills"]]
    untrue = tuple(f"the frame at {still['time']} s," for still in stills if still["pts"] in late)
    if untrue:  # these are not damaged: there was no time for them
        kept = [one for one in document["fallbacks"] if not str(one["message"]).startswith(untrue)]
        document["fallbacks"] = kept
    if left_out := bool(hidden or late):
        said = f"there was no time for the pictures of {without} of {len(document['people'])} people"
        document["fallbacks"].append({"code": LEFT_OUT, "message": said})
        document["partial"] = True
        _log.warning("%s", said)
    flat = ensure_folder(folder / "flat")
    files = [move(path, flat / flat_name(path.name)) for path in pictures]
    return Written([*files, atomic_write(flat / RESULT, to_json(document))], document, left_out)


def pictures_of(document: Mapping[str, Any]) -> list[str]:
    """The names of the pictures of a result, person by person."""
    stills = [still for person in document["people"] for still in person["stills"]]
    return [still[name] for still in stills for name in ("file", "crop") if still.get(name) is not None]
