"""The shots of a video as a document and as files: ``OUT/<stem>/shots.json`` and timelines beside it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from stills._version import __version__
from stills.errors import UsageError
from stills.files import atomic_write, ensure_folder, move, remove_file, staging
from stills.render.results import Document, files_beside, scan_values, video_values
from stills.render.timelines import FORMATS, ShotList
from stills.render.timelines.shotlist import ShotRow, frame_spans
from stills.types import Fallback, ScanReport, VideoInfo

SHOTS_SCHEMA = "stills/shots/1"

_SECONDS = 6


def shot_list(  # noqa: PLR0917 - a document is made of what its parts are
    info: VideoInfo,
    shots: Sequence[ShotRow],
    report: ScanReport,
    models: Mapping[str, Any],
    settings: Mapping[str, Any],
    fallbacks: Sequence[Fallback],
    *,
    warnings: Sequence[str] = (),
    partial: bool = False,
) -> ShotList:
    """The shots with their document, schema ``stills/shots/1`` (:func:`shots_schema`), ready for every format.

    ``settings`` and ``models`` are taken as they are and must be JSON values; ``warnings`` are added to those of
    ``info``. The document's ``files`` are empty until it is written.
    """
    document: Document = {
        "schema": SHOTS_SCHEMA,
        "generator": f"stills {__version__}",
        "video": video_values(info),
        "settings": copy.deepcopy(dict(settings)),
        "models": copy.deepcopy(dict(models)),
        "scan": scan_values(report),
        "fallbacks": [{"code": f.code, "message": f.message} for f in fallbacks],
        "warnings": list(dict.fromkeys([*info.warnings, *warnings])),
        "partial": partial,
        "files": [],
        "shots": [],
    }
    listed = ShotList(info, tuple(shots), document)
    even = info.frame_rate is not None and not info.variable_frame_rate
    for row, (first, last) in zip(listed.shots, frame_spans(listed), strict=True):
        document["shots"].append({
            "number": row.number,
            "start": _time(row.start),
            "end": _time(row.end),
            "length": _time(row.end - row.start),
            "start_pts": row.start_pts,
            "end_pts": row.end_pts,
            "start_frame": first if even else None,
            "end_frame": last if even else None,
            "transition_in": row.transition_in,
            "transition": [_time(row.transition_start), _time(row.transition_end)],
        })  # fmt: skip
    return listed


def shots_schema() -> Document:
    """The published JSON Schema (draft 2020-12) of ``shots.json``."""
    text = resources.files("stills.render").joinpath("schemas/shots.schema.json").read_text(encoding="utf-8")
    schema: Document = json.loads(text)
    return schema


def check_formats(formats: Sequence[str]) -> list[str]:
    """``formats`` each once, ``json`` last: it is always written. Raises ``UsageError`` for one that there is not."""
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"shots cannot be written as {name!r}", remedy=f"choose among {', '.join(FORMATS)}")
    return [*(name for name in dict.fromkeys(formats) if name != "json"), "json"]


def write_shots(out_dir: Path, stem: str, shots: ShotList, formats: Sequence[str] = ("json",)) -> list[Path]:
    """Write ``OUT/<stem>/shots.json`` and the timelines of ``formats``; the paths, the JSON last.

    ``shots.json`` is always written: it names the other files, which is how a later call knows that they are ours.
    Everything is prepared before the first old file is touched, and the JSON goes first and comes last: where it is,
    the files that it names are complete. Timelines of an earlier call that this one does not write are removed. Raises
    ``UsageError`` for an unknown format, :class:`stills.errors.OutputError` where a file cannot be written.
    """
    chosen = [FORMATS[name] for name in check_formats(formats)]
    document = {**shots.document, "files": [sink.file for sink in chosen[:-1]]}
    shots = ShotList(shots.video, shots.shots, document)
    folder = ensure_folder(out_dir / stem)
    main = folder / chosen[-1].file
    with staging(folder) as stage:
        prepared = [atomic_write(stage / sink.file, sink.render(shots)) for sink in chosen]
        stale = [name for name in files_beside(main) if name not in document["files"]]
        remove_file(main)
        for name in stale:
            remove_file(folder / name)
        return [move(path, folder / path.name) for path in prepared]


def _time(seconds: float) -> float:
    return round(float(seconds), _SECONDS)
