"""People as a JSON document, and their pictures, on disk: ``OUT/<stem>/people.json`` and ``OUT/<stem>/people/``."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stills.render.documents import (
    Document,
    box_value,
    pick_values,
    result_head,
    scan_values,
    schema_of,
    share_value,
    shot_values,
    time_value,
    to_json,
    video_values,
)
from stills.render.fit import Rgb, fit
from stills.render.metadata import PictureMetadata
from stills.render.names import NameGiver, base_name, person_file
from stills.render.pictures import OutputOptions, face_crop, with_depth
from stills.render.writing import encode_all, erase_results, missing, name_values, write_picture, write_result
from stills.types import Box, Fallback, PeopleSelection, Person, Pick, ScanReport, VideoInfo

__all__ = [
    "PEOPLE_SCHEMA",
    "Document",
    "erase_results",
    "people_document",
    "people_schema",
    "scan_values",
    "to_json",
    "video_values",
    "write_people",
]

PEOPLE_SCHEMA = "stills/people/1"
_RECIPE = "people"
_AREA = 6

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Still:
    """A picture to be written."""

    values: Document
    person: int
    rank: int
    name: str
    crop: str | None


def people_document(  # noqa: PLR0917 - a document is made of what its parts are
    info: VideoInfo,
    selection: PeopleSelection,
    report: ScanReport,
    models: Mapping[str, Any],
    settings: Mapping[str, Any],
    fallbacks: Sequence[Fallback],
    *,
    warnings: Sequence[str] = (),
    partial: bool = False,
) -> Document:
    """The result "the best frame of every person" as JSON values, schema ``stills/people/1`` (:func:`people_schema`).

    ``partial`` says that the video could be read only in part; ``warnings`` are added to those of ``info``. A still's
    ``file`` is null until it is rendered. Raises ``TypeError`` where ``settings`` or ``models`` hold what JSON cannot.
    """
    head = result_head(_RECIPE, info, report, models, settings, fallbacks, warnings=warnings, partial=partial)
    return {
        **head,
        "shots": shot_values(selection.shots),
        "people": [_person(person, info.duration) for person in selection.people],
        "dropped": dict(selection.dropped),
    }


def people_schema() -> Document:
    """The published JSON Schema (draft 2020-12) of ``people.json``."""
    return schema_of(_RECIPE)


def write_people(
    out_dir: Path,
    stem: str,
    document: Document,
    pictures: Mapping[int, Rgb],
    output: OutputOptions | None = None,
    *,
    on_picture: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write ``OUT/<stem>/people/person_*.jpg`` and then ``OUT/<stem>/people.json``; returns the paths, the JSON last.

    ``document`` comes from :func:`people_document` and is not changed; the written one names the files. ``stem`` must
    be a name of :func:`stills.render.names.folder_names`. ``pictures`` maps the pts of every still to its upright
    rgb frame (H, W, 3); each is asked for once, in rising order, so a mapping may decode as it goes. A still
    whose picture is missing keeps ``"file": null``, is logged, and is said under ``fallbacks`` (``picture-missing``).

    How files come and go, and what is raised, is told in :func:`stills.render.writing.write_result`.
    """
    options = output if output is not None else OutputOptions()
    document = copy.deepcopy(document)
    total = sum(len(person["stills"]) for person in document["people"]) * (1 + options.crops)
    return write_result(
        out_dir,
        stem,
        document,
        lambda stage: _stage(stage, document, pictures, options),
        total=total,
        on_picture=on_picture,
    )


def _stage(stage: Path, document: Document, pictures: Mapping[int, Rgb], options: OutputOptions) -> Iterator[str]:
    """Fit, encode and write every still of ``document`` into ``stage``; complete ``document``; yield the names."""
    source = base_name(document["video"]["path"])

    def stage_one(still: _Still, rgb: Rgb) -> list[str]:
        values = still.values
        box: Box | None = None if values["bbox"] is None else tuple(values["bbox"])
        rgb = with_depth(rgb, options.bit_depth)
        fitted, transform = fit(rgb, options.fit, options.fit_mode, box)
        about = PictureMetadata(source, values["time"], values["pts"], still.person, values["score"])
        write_picture(stage / still.name, fitted, options, about)
        values |= {"file": f"{_RECIPE}/{still.name}", "width": transform.width, "height": transform.height}
        if box is None:
            return [still.name]
        values["face"] = box_value(transform.box(box))
        if still.crop is None:
            return [still.name]
        write_picture(stage / still.crop, face_crop(rgb, box), options, about)
        values["crop"] = f"{_RECIPE}/{still.crop}"
        return [still.name, still.crop]

    def on_missing(still: _Still) -> None:
        _log.warning(missing(document, f"for person {still.person}", still.values["time"]))

    stills = _named(document, options)
    jobs = ((still.values["pts"], still) for still in stills)
    yield from encode_all(jobs, pictures, stage_one, on_missing, waiting_bytes=options.waiting_bytes)
    for person in document["people"]:
        person["still"] = copy.deepcopy(person["stills"][0])


def _named(document: Document, options: OutputOptions) -> list[_Still]:
    """The stills in the order of their frames, each with its names."""
    names = NameGiver(options.format, options.name_template)
    stills: list[_Still] = []
    for person in document["people"]:
        for rank, values in enumerate(person["stills"], 1):
            fields = name_values(document, values, number=len(stills) + 1, rank=rank, person=person["id"])
            name = names.name(person_file(person["id"], rank, options.format), fields)
            crop = names.beside(name, "_face") if options.crops else None
            stills.append(_Still(values, person["id"], rank, name, crop))
    return sorted(stills, key=lambda s: (s.values["pts"], s.person, s.rank))


def _person(person: Person, duration: float) -> Document:
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
        "area": round(person.area, _AREA),
        "first_seen": time_value(person.first_seen),
        "last_seen": time_value(person.last_seen),
        "attributes": {},
    }


def _pick(pick: Pick) -> Document:
    return {**pick_values(pick), "crop": pick.crop}
