"""People as a JSON document, and their pictures, on disk: ``OUT/<stem>/people.json`` and ``OUT/<stem>/people/``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stills.render.documents import Document, result_head, scan_values, schema_of, shot_values, to_json, video_values
from stills.render.fit import Rgb
from stills.render.persons import person_values, stage_stills, still_count
from stills.render.pictures import OutputOptions
from stills.render.writing import erase_results, write_result
from stills.types import Fallback, PeopleSelection, ScanReport, VideoInfo

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
        "people": [person_values(person, info.duration) for person in selection.people],
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
    return write_result(
        out_dir,
        stem,
        document,
        lambda stage: stage_stills(stage, document, pictures, options),
        total=still_count(document, options),
        on_picture=on_picture,
    )
