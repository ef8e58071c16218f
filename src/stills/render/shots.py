"""The shots of a video as a document and as files: ``OUT/<stem>/shots.json`` and timelines beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stills.errors import UsageError
from stills.files import atomic_write, ensure_folder, move, staging
from stills.render.documents import result_head, time_value
from stills.render.timelines import FORMATS, ShotList
from stills.render.timelines.shotlist import ShotRow, frame_spans
from stills.render.writing import replace_files
from stills.types import Fallback, ScanReport, VideoInfo

_RECIPE = "shots"


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
    """The shots with their document, schema ``stills/shots/1``, ready for every format.

    ``settings`` and ``models`` are taken as they are and must be JSON values; ``warnings`` are added to those of
    ``info``. The document's ``files`` are empty until it is written.
    """
    head = result_head(_RECIPE, info, report, models, settings, fallbacks, warnings=warnings, partial=partial)
    document = {**head, "files": [], "shots": []}
    listed = ShotList(info, tuple(shots), document)
    even = info.frame_rate is not None and not info.variable_frame_rate
    for row, (first, last) in zip(listed.shots, frame_spans(listed), strict=True):
        document["shots"].append({
            "number": row.number,
            "start": time_value(row.start),
            "end": time_value(row.end),
            "length": time_value(row.end - row.start),
            "start_pts": row.start_pts,
            "end_pts": row.end_pts,
            "start_frame": first if even else None,
            "end_frame": last if even else None,
            "transition_in": row.transition_in,
            "transition": [time_value(row.transition_start), time_value(row.transition_end)],
        })  # fmt: skip
    return listed


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
    with staging(folder) as stage:
        *others, main = [atomic_write(stage / sink.file, sink.render(shots)) for sink in chosen]
        return replace_files(folder, document, main, lambda: [move(path, folder / path.name) for path in others])
