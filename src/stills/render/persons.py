"""People in a result, and their stills on disk: what the recipes that tell people apart share."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stills.render.documents import Document, box_value, pick_values, share_value, time_value
from stills.render.fit import Rgb, fit
from stills.render.metadata import PictureMetadata
from stills.render.names import NameGiver, base_name, person_file
from stills.render.pictures import OutputOptions, face_crop, with_depth
from stills.render.writing import encode_all, missing, name_values, recipe_of, write_picture
from stills.types import Box, Person, Pick

_AREA = 6
"""Decimals of a share of the picture: a face of 24 pixels takes 0.0003 of 1080p."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Still:
    """A picture to be written."""

    values: Document
    person: int
    rank: int
    name: str
    crop: str | None


def person_values(person: Person, duration: float) -> Document:
    """What every result says of a person of a video that lasts ``duration`` seconds; no attributes."""
    stills = [_pick(pick) for pick in person.stills]
    return {
        "id": person.id,
        "still": copy.deepcopy(stills[0]),
        "stills": stills,
        "runners_up": [_pick(pick) for pick in person.runners_up],
        "faces": person.faces,
        "tracks": list(person.tracks),
        "screen_time": time_value(person.screen_time),
        "screen_share": share_value(person.screen_time / duration) if duration > 0 else 0.0,
        "spans": [[time_value(start), time_value(end)] for start, end in person.spans],
        "area": area_value(person.area),
        "first_seen": time_value(person.first_seen),
        "last_seen": time_value(person.last_seen),
        "attributes": {},
    }


def area_value(share: float) -> float:
    """A share of a picture."""
    return round(float(share), _AREA)


def still_count(document: Document, options: OutputOptions) -> int:
    """How many files :func:`stage_stills` writes at most."""
    return sum(len(person["stills"]) for person in document["people"]) * (1 + options.crops)


def stage_stills(
    stage: Path, document: Document, pictures: Mapping[int, Rgb], options: OutputOptions, *, taken: Iterable[str] = ()
) -> Iterator[str]:
    """Fit, encode and write every still of ``document`` into ``stage``; complete ``document``; yield the names.

    ``taken`` are names that no still may have. A still whose picture is missing is logged and said under ``fallbacks``.
    """
    source, folder = base_name(document["video"]["path"]), recipe_of(document)

    def stage_one(still: _Still, rgb: Rgb) -> list[str]:
        values = still.values
        box: Box | None = None if values["bbox"] is None else tuple(values["bbox"])
        rgb = with_depth(rgb, options.bit_depth)
        fitted, transform = fit(rgb, options.fit, options.fit_mode, box)
        about = PictureMetadata(source, values["time"], values["pts"], still.person, values["score"])
        write_picture(stage / still.name, fitted, options, about)
        values |= {"file": f"{folder}/{still.name}", "width": transform.width, "height": transform.height}
        if box is None:
            return [still.name]
        values["face"] = box_value(transform.box(box))
        if still.crop is None:
            return [still.name]
        write_picture(stage / still.crop, face_crop(rgb, box), options, about)
        values["crop"] = f"{folder}/{still.crop}"
        return [still.name, still.crop]

    def on_missing(still: _Still) -> None:
        _log.warning(missing(document, f"for person {still.person}", still.values["time"]))

    stills = _named(document, options, taken)
    jobs = ((still.values["pts"], still) for still in stills)
    yield from encode_all(jobs, pictures, stage_one, on_missing, waiting_bytes=options.waiting_bytes)
    for person in document["people"]:
        person["still"] = copy.deepcopy(person["stills"][0])


def _named(document: Document, options: OutputOptions, taken: Iterable[str]) -> list[_Still]:
    """The stills in the order of their frames, each with its names."""
    names = NameGiver(options.format, options.name_template, taken=taken)
    stills: list[_Still] = []
    for person in document["people"]:
        for rank, values in enumerate(person["stills"], 1):
            fields = name_values(document, values, number=len(stills) + 1, rank=rank, person=person["id"])
            name = names.name(person_file(person["id"], rank, options.format), fields)
            crop = names.beside(name, "_face") if options.crops else None
            stills.append(_Still(values, person["id"], rank, name, crop))
    return sorted(stills, key=lambda s: (s.values["pts"], s.person, s.rank))


def _pick(pick: Pick) -> Document:
    return {**pick_values(pick), "crop": pick.crop}
