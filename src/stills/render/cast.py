"""The cast as a JSON document and its files: ``OUT/<stem>/cast.json`` and ``OUT/<stem>/cast/``.

The folder holds the stills of people (``person_01.jpg``), annotated posters (``poster_1.jpg``) and, where it was asked
for, the annotated video.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stills.render.distribution import cast_summary
from stills.render.documents import (
    Document,
    box_value,
    result_head,
    schema_of,
    share_value,
    shot_values,
    time_value,
)
from stills.render.fit import Rgb
from stills.render.metadata import PictureMetadata
from stills.render.names import EXTENSIONS, base_name
from stills.render.persons import area_value, person_values, stage_stills, still_count
from stills.render.pictures import OutputOptions, with_depth
from stills.render.writing import write_picture, write_result
from stills.types import Attribute, CastSelection, Estimate, Fallback, Poster, PosterFace, ScanReport, VideoInfo
from stills.vision import attribute_stacks

CAST_SCHEMA = "stills/cast/1"
ANNOTATED = "annotated.mp4"
"""Name of the annotated video, where the document gives it no other."""

_RECIPE = "cast"
_ATTRIBUTES: tuple[Attribute, ...] = ("age", "gender", "ethnicity", "emotion")


def cast_document(  # noqa: PLR0917 - a document is made of what its parts are
    info: VideoInfo,
    selection: CastSelection,
    report: ScanReport,
    models: Mapping[str, Any],
    settings: Mapping[str, Any],
    fallbacks: Sequence[Fallback],
    *,
    warnings: Sequence[str] = (),
    partial: bool = False,
) -> Document:
    """The result "who is on screen, for how long, and on the poster" as JSON values (:func:`cast_schema`).

    ``settings`` names the attributes asked for (``attributes``) and what inferred them (``attributes_model``, by
    default ``default``). ``partial`` says that the video could be read only in part; ``warnings`` are added to those of
    ``info``. ``file`` of a still, ``picture`` of a poster and ``annotated`` are null until they are written. Raises
    ``TypeError`` where ``settings`` or ``models`` hold what JSON cannot, ``UsageError`` for an unknown
    ``attributes_model``.
    """
    named = _named_attributes(settings, selection)
    inferring = {name: inferring_models(str(settings.get("attributes_model") or "default"), name) for name in named}
    head = result_head(_RECIPE, info, report, models, settings, fallbacks, warnings=warnings, partial=partial)
    people = [
        {
            **person_values(person, info.duration),
            "appearances": person.appearances,
            "longest": time_value(person.longest),
            "total_area": area_value(person.total_area),
            "attributes": attribute_values(person.attributes, inferring),
        }
        for person in selection.people
    ]
    posters = [_poster(poster, inferring) for poster in selection.posters]
    return {
        **head,
        "shots": shot_values(selection.shots),
        "people": people,
        "together": {
            "ids": [person.id for person in selection.people],
            "seconds": [[time_value(seconds) for seconds in row] for row in selection.together],
        },
        "posters": posters,
        "annotated": None,
        "dropped": dict(selection.dropped),
        "summary": cast_summary(people, posters, named),
    }


def cast_schema() -> Document:
    """The published JSON Schema (draft 2020-12) of ``cast.json``."""
    return schema_of(_RECIPE)


def write_cast(  # noqa: PLR0917 - as write_people, with posters
    out_dir: Path,
    stem: str,
    document: Document,
    pictures: Mapping[int, Rgb],
    posters: Iterable[Rgb | None] | None = None,
    output: OutputOptions | None = None,
    *,
    video: Callable[[Path], Sequence[str] | None] | None = None,
    on_picture: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write ``OUT/<stem>/cast/`` and then ``OUT/<stem>/cast.json``; returns the paths, the JSON last.

    ``document`` comes from :func:`cast_document` and is not changed; the written one names the files. ``pictures`` and
    what else is not said here: as in :func:`stills.render.results.write_people`. ``posters`` are the annotated posters
    as rgb (H, W, 3), one for each of the document's, ``None`` where there is nothing to show (then ``picture`` stays
    null); ``poster_1.jpg`` is the first. They are asked for one after another, so a generator needs memory for one.
    Raises ``ValueError`` where there are more or fewer than in the document.

    ``video`` is called last, with the path that it has to write the annotated video to: named
    ``document["annotated"]``, or else :data:`ANNOTATED`. What it returns is added to ``warnings``; what it raises ends
    the call, and nothing that was there before is touched.
    """
    options = output if output is not None else OutputOptions()
    document = copy.deepcopy(document)
    drawn = 0 if posters is None else sum(poster["error"] is None for poster in document["posters"])
    return write_result(
        out_dir,
        stem,
        document,
        lambda stage: _stage(stage, document, pictures, posters, options, video),
        total=still_count(document, options) + drawn + (video is not None),
        on_picture=on_picture,
    )


def _stage(  # noqa: PLR0917 - the parts of a cast
    stage: Path,
    document: Document,
    pictures: Mapping[int, Rgb],
    posters: Iterable[Rgb | None] | None,
    options: OutputOptions,
    video: Callable[[Path], Sequence[str] | None] | None,
) -> Iterator[str]:
    """Write stills, posters and the video into ``stage``; complete ``document``; yield the names."""
    shown = [] if posters is None else document["posters"]
    names = [f"poster_{number}.{EXTENSIONS[options.format]}" for number, _ in enumerate(shown, 1)]
    yield from stage_stills(stage, document, pictures, options, taken=names)
    for name, values, rgb in zip(names, shown, posters or (), strict=True):
        if rgb is not None:
            about = PictureMetadata(values["file"], None, None, kind="poster")
            write_picture(stage / name, with_depth(rgb, options.bit_depth), options, about)
            values["picture"] = f"{_RECIPE}/{name}"
            yield name
    if video is not None:
        name = base_name(document["annotated"] or ANNOTATED)
        said = video(stage / name) or ()
        document["warnings"] = list(dict.fromkeys([*document["warnings"], *said]))
        document["annotated"] = f"{_RECIPE}/{name}"
        yield name


def _named_attributes(settings: Mapping[str, Any], selection: CastSelection) -> tuple[Attribute, ...]:
    """The attributes that were asked for, in the order in which they are always told."""
    given = {name for one in selection.people for name in one.attributes}
    given |= {name for poster in selection.posters for face in poster.faces for name in face.attributes}
    given |= set(settings.get("attributes") or ())
    return tuple(name for name in _ATTRIBUTES if name in given)


def inferring_models(attributes_model: str, attribute: Attribute) -> str:
    """The catalog's models that infer ``attribute``."""
    return ", ".join(name for stack in attribute_stacks(attributes_model, (attribute,)) for name in stack.models)


def attribute_values(estimates: Mapping[str, Estimate], inferring: Mapping[Attribute, str]) -> Document:
    """``estimates`` as JSON values, each with the models of ``inferring`` that made it; others are left out."""
    return {name: _estimate(estimates[name], model) for name, model in inferring.items() if name in estimates}


def _estimate(estimate: Estimate, model: str) -> Document:
    value = estimate.value
    return {
        "value": value if value is None or isinstance(value, str) else round(float(value), 1),
        "confidence": share_value(estimate.confidence),
        "spread": share_value(estimate.spread),
        "faces": estimate.faces,
        "probabilities": {label: share_value(p) for label, p in estimate.probabilities.items()},
        "reason": estimate.reason,
        "inferred": True,
        "model": model,
    }


def _poster(poster: Poster, inferring: Mapping[Attribute, str]) -> Document:
    return {
        "file": base_name(poster.path),
        "path": poster.path,
        "picture": None,
        "width": poster.width,
        "height": poster.height,
        "error": poster.error,
        "faces": [_face(face, inferring) for face in poster.faces],
    }


def _face(face: PosterFace, inferring: Mapping[Attribute, str]) -> Document:
    return {
        "bbox": box_value(face.box),
        "person": face.person,
        "distance": None if face.distance is None else share_value(face.distance),
        "nearest": face.nearest,
        "area": area_value(face.area),
        "score": share_value(face.score),
        "attributes": attribute_values(face.attributes, inferring),
    }
