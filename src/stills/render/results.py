"""Results as JSON documents, and their pictures, on disk: ``OUT/<stem>/people.json`` and ``OUT/<stem>/people/``."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills._version import __version__
from stills.errors import printable
from stills.files import atomic_write, ensure_folder, move, remove_file, staging, sweep
from stills.render.fit import fit
from stills.render.metadata import PictureMetadata
from stills.render.names import base_name, crop_file, person_file
from stills.render.pictures import OutputOptions, encode, face_crop
from stills.types import Box, Fallback, PeopleSelection, Person, Pick, ScanReport, VideoInfo

Document: TypeAlias = dict[str, Any]
"""A result as JSON values."""

PEOPLE_SCHEMA = "stills/people/1"
_RECIPE = "people"
_ENCODERS = 2
"""Pictures that are encoded at once."""

_SECONDS = 6
_SHARE = 4
"""Decimals of scores and shares: a hundredth of a percent is beyond what any of them can tell."""
_PIXELS = 1
_AREA = 6

_OURS = re.compile(r"person_\d{2,}(_\d+)?(_face)?\.(jpg|png|webp)")
"""Names that only :func:`write_people` gives; other files in its folder are the user's."""

_log = logging.getLogger(__name__)


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

    ``settings`` and ``models`` are taken as they are and must be JSON values. ``partial`` says that the video could be
    read only in part; ``warnings`` are added to those of ``info``. A still's ``file`` is null until it is rendered.
    """
    return {
        "schema": PEOPLE_SCHEMA,
        "generator": f"stills {__version__}",
        "video": video_values(info),
        "settings": copy.deepcopy(dict(settings)),
        "models": copy.deepcopy(dict(models)),
        "scan": scan_values(report),
        "fallbacks": [{"code": f.code, "message": f.message} for f in fallbacks],
        "warnings": list(dict.fromkeys([*info.warnings, *warnings])),
        "partial": partial,
        "shots": [
            {"start": _time(s.start), "end": _time(s.end), "transition_in": s.transition_in} for s in selection.shots
        ],
        "people": [_person(person, info.duration) for person in selection.people],
        "dropped": dict(selection.dropped),
    }


def video_values(info: VideoInfo) -> Document:
    """The ``video`` part that all results share."""
    rate = info.frame_rate
    return {
        "path": info.path,
        "duration": _time(info.duration),
        "width": info.width,
        "height": info.height,
        "rotation": info.rotation,
        "frame_rate": None if rate is None else round(float(rate), 6),
        "frame_rate_exact": None if rate is None else f"{rate.numerator}/{rate.denominator}",
        "variable_frame_rate": info.variable_frame_rate,
        "codec": info.codec,
        "hdr": info.hdr,
        "container": info.container,
        "bit_depth": info.bit_depth,
        "bit_rate": info.bit_rate,
        "file_size": info.file_size,
        "time_base": f"{info.time_base.numerator}/{info.time_base.denominator}",
        "start_pts": info.start_pts,
        "has_audio": info.has_audio,
        "has_cover_art": info.has_cover_art,
    }


def scan_values(report: ScanReport) -> Document:
    """The ``scan`` part that all results share: how much was looked at."""
    return {
        "effort": report.effort,
        "frames_total": report.frames_total,
        "frames_decoded": report.frames_decoded,
        "frames_analysed": report.frames_analysed,
        "coverage": round(report.coverage, _SHARE),
        "seconds": round(report.seconds, 3),
        "cached": report.cached,
    }


def people_schema() -> Document:
    """The published JSON Schema (draft 2020-12) of ``people.json``."""
    text = resources.files("stills.render").joinpath("schemas/people.schema.json").read_text(encoding="utf-8")
    schema: Document = json.loads(text)
    return schema


def to_json(document: Document) -> bytes:
    """``document`` as UTF-8 JSON, one key a line; the same document gives the same bytes.

    Raises ``ValueError`` for a number that is not finite. A file name that is not valid Unicode is kept by escapes.
    """
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    return text.encode("utf-8", "backslashreplace")  # \udcff is at once Python's and JSON's escape of a lone surrogate


def write_people(
    out_dir: Path,
    stem: str,
    document: Document,
    pictures: Mapping[int, NDArray[np.uint8]],
    output: OutputOptions | None = None,
    *,
    on_picture: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write ``OUT/<stem>/people/person_*.jpg`` and then ``OUT/<stem>/people.json``; returns the paths, the JSON last.

    ``document`` comes from :func:`people_document` and is not changed; the written one names the files. ``stem`` must
    be a name of :func:`stills.render.names.folder_names`. ``pictures`` maps the pts of every still to its upright
    rgb frame (H, W, 3); each is asked for once, in rising order, so a mapping may decode as it goes. A still
    whose picture is missing keeps ``"file": null``, is logged, and is said under ``fallbacks`` (``picture-missing``).

    Everything is prepared before the first old file is touched, and the JSON goes first and comes last: where it is,
    its pictures are complete. Pictures of an earlier run that this one does not have are removed.
    ``on_picture`` is called with how many pictures are prepared, and of how many; what it raises (a cancel) ends the
    call. Raises :class:`stills.errors.OutputError` where a file cannot be written.
    """
    options = output if output is not None else OutputOptions()
    document = copy.deepcopy(document)
    folder = ensure_folder(out_dir / stem)
    shown = ensure_folder(folder / _RECIPE)
    target = folder / f"{_RECIPE}.json"
    with staging(folder) as stage:
        names: list[str] = []
        total = sum(len(person["stills"]) for person in document["people"]) * (1 + options.crops)
        for name in _stage_pictures(stage, document, pictures, options):
            names.append(name)
            if on_picture is not None:
                on_picture(len(names), total)
        prepared = atomic_write(stage / target.name, to_json(document))
        remove_file(target)
        written = [move(stage / name, shown / name) for name in names]
        for old in shown.iterdir():
            if _OURS.fullmatch(old.name) and old.name not in names:
                remove_file(old)
        written.append(move(prepared, target))
    return written


def erase_results(folder: Path) -> None:
    """Remove the results in ``OUT/<stem>`` with their pictures, and the folders that are empty then.

    Files that stills did not write stay where they are. Raises ``OutputError`` where something cannot be removed.
    """
    for document in folder.glob("*.json"):
        if not _is_ours(document):
            continue
        for name in files_beside(document):
            remove_file(folder / name)
        remove_file(document)
        pictures = folder / document.stem
        if not pictures.is_dir():
            continue
        sweep(pictures)
        for picture in pictures.iterdir():
            if _OURS.fullmatch(picture.name):
                remove_file(picture)
        with contextlib.suppress(OSError):  # the user's own files are in it
            pictures.rmdir()
    sweep(folder)
    with contextlib.suppress(OSError):
        folder.rmdir()


def files_beside(path: Path) -> list[str]:
    """Names of the files that a result of stills says were written beside it: ``shots.edl`` for ``shots.json``.

    Only names that begin like its own: a result that somebody changed must not make us remove other files.
    """
    named = _read_ours(path).get("files")
    ours = re.compile(re.escape(path.stem) + r"\.(?!json$)[a-z0-9]+")
    return [name for name in named if isinstance(name, str) and ours.fullmatch(name)] if isinstance(named, list) else []


def _is_ours(path: Path) -> bool:
    """Whether a JSON file is a result of stills."""
    return bool(_read_ours(path))


def _read_ours(path: Path) -> Document:
    """A result of stills; empty where the file is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    ours = isinstance(document, dict) and str(document.get("schema", "")).startswith("stills/")
    return document if ours else {}


def _stage_pictures(
    stage: Path, document: Document, pictures: Mapping[int, NDArray[np.uint8]], options: OutputOptions
) -> Iterator[str]:
    """Fit, encode and write every still of ``document`` into ``stage``; complete ``document``; yield the names."""
    stills = sorted(
        (still["pts"], person["id"], rank, still)
        for person in document["people"]
        for rank, still in enumerate(person["stills"], 1)
    )
    source = base_name(document["video"]["path"])

    def stage_one(job: tuple[int, int, int, Document], rgb: NDArray[np.uint8]) -> list[str]:
        pts, person, rank, still = job
        box: Box | None = None if still["bbox"] is None else tuple(still["bbox"])
        fitted, transform = fit(rgb, options.fit, options.fit_mode, box)
        about = PictureMetadata(source, still["time"], pts, person, still["score"])
        names = [person_file(person, rank, options.format)]
        atomic_write(stage / names[0], encode(fitted, options.format, options.quality, about))
        still |= {"file": f"{_RECIPE}/{names[0]}", "width": transform.width, "height": transform.height}
        if box is not None:
            still["face"] = [round(v, _PIXELS) for v in transform.box(box)]
            if options.crops:
                names.append(crop_file(person, rank, options.format))
                atomic_write(stage / names[1], encode(face_crop(rgb, box), options.format, options.quality, about))
                still["crop"] = f"{_RECIPE}/{names[1]}"
        return names

    with ThreadPoolExecutor(_ENCODERS) as threads:
        running: deque[Future[list[str]]] = deque()
        rgb: NDArray[np.uint8] | None = None
        current: int | None = None
        for job in stills:
            if job[0] != current:
                current, rgb = job[0], pictures.get(job[0])
            if rgb is None:
                message = f"the frame at {job[3]['time']} s, chosen for person {job[1]}, could not be decoded"
                _log.warning("%s: %s", printable(document["video"]["path"]), message)
                document["fallbacks"].append({"code": "picture-missing", "message": message})
                continue
            running.append(threads.submit(stage_one, job, rgb))
            if len(running) > _ENCODERS:  # large frames are not to pile up
                yield from running.popleft().result()
        for last in running:
            yield from last.result()
    for person in document["people"]:
        person["still"] = copy.deepcopy(person["stills"][0])


def _person(person: Person, duration: float) -> Document:
    stills = [_pick(pick) for pick in person.stills]
    return {
        "id": person.id,
        "still": copy.deepcopy(stills[0]),
        "stills": stills,
        "runners_up": [_pick(pick) for pick in person.runners_up],
        "faces": person.faces,
        "tracks": list(person.tracks),
        "screen_time": _time(person.screen_time),
        "screen_share": round(person.screen_time / duration, _SHARE) if duration > 0 else 0.0,
        "spans": [[_time(start), _time(end)] for start, end in person.spans],
        "area": round(person.area, _AREA),
        "first_seen": _time(person.first_seen),
        "last_seen": _time(person.last_seen),
        "attributes": {},
    }


def _pick(pick: Pick) -> Document:
    return {
        "file": pick.file,
        "time": _time(pick.time),
        "pts": pick.pts,
        "score": round(pick.score, _SHARE),
        "reasons": {name: round(value, _SHARE) for name, value in pick.reasons.items()},
        "bbox": None if pick.box is None else [round(v, _PIXELS) for v in pick.box],
        "crop": pick.crop,
    }


def _time(seconds: float) -> float:
    return round(float(seconds), _SECONDS)
