"""The portrait of a video as a JSON document, and its picture: ``portrait.json`` and ``portrait/portrait.jpg``."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stills.render.documents import Document, box_value, pick_values, result_head, shot_values
from stills.render.fit import Rgb
from stills.render.frames import shaped
from stills.render.metadata import PictureMetadata
from stills.render.names import NameGiver, base_name, portrait_file
from stills.render.pictures import OutputOptions, with_depth
from stills.render.writing import encode_all, missing, name_values, shot_number, write_picture, write_result
from stills.types import COVER_PTS, Fallback, Pick, ScanReport, Shot, VideoInfo
from stills.types_portrait import PortraitSelection

PORTRAIT = "portrait"

_log = logging.getLogger(__name__)


def portrait_document(  # noqa: PLR0917 - a document is made of what its parts are
    info: VideoInfo,
    selection: PortraitSelection,
    report: ScanReport,
    models: Mapping[str, Any],
    settings: Mapping[str, Any],
    fallbacks: Sequence[Fallback],
    *,
    warnings: Sequence[str] = (),
    partial: bool = False,
) -> Document:
    """The result "the frame that shows a large face best" as JSON values, schema ``stills/portrait/1``.

    ``frame`` is null where there is none, with the ``reason``. The cover picture of the file has neither time nor pts,
    and ``"cover": true``. ``partial`` says that the video could be read only in part; ``warnings`` are added to those
    of ``info``. The frame's ``file`` is null until it is rendered. Raises ``TypeError`` where ``settings`` or
    ``models`` hold what JSON cannot.
    """
    head = result_head(PORTRAIT, info, report, models, settings, fallbacks, warnings=warnings, partial=partial)
    return {
        **head,
        "frame": None if selection.frame is None else _frame(selection.frame, selection.shots),
        "reason": selection.reason,
        "qualified": selection.qualified,
        "runners_up": [_frame(pick, selection.shots) for pick in selection.runners_up],
        "shots": shot_values(selection.shots),
        "dropped": dict(selection.dropped),
    }


def write_portrait(
    out_dir: Path,
    stem: str,
    document: Document,
    pictures: Mapping[int, Rgb],
    output: OutputOptions | None = None,
    *,
    on_picture: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write the picture of ``document``, if it has a frame, and then its JSON file; returns the paths, the JSON last.

    ``document`` comes from :func:`portrait_document` and is not changed; the written one names the file. ``pictures``
    maps pts (``COVER_PTS`` for the cover picture) to upright rgb (H, W, 3) of 8 or 16 bits. How files come and go, and
    what is raised, is told in :func:`stills.render.writing.write_result`; also ``CorruptVideoError`` where the picture
    cannot be had any more.
    """
    options = output if output is not None else OutputOptions()
    document = copy.deepcopy(document)
    return write_result(
        out_dir,
        stem,
        document,
        lambda stage: _stage(stage, document, pictures, options),
        total=int(document["frame"] is not None),
        on_picture=on_picture,
    )


def _stage(stage: Path, document: Document, pictures: Mapping[int, Rgb], options: OutputOptions) -> Iterator[str]:
    """Fit, encode and write the frame into ``stage``; complete ``document``; yield its name."""
    frame: Document | None = document["frame"]
    if frame is None:
        return
    names = NameGiver(options.format, options.name_template)
    name = names.name(portrait_file(options.format), name_values(document, frame, number=1, rank=1))
    about = PictureMetadata(base_name(document["video"]["path"]), frame["time"], frame["pts"], None, frame["score"])

    def stage_one(values: Document, rgb: Rgb) -> list[str]:
        shown, transform, window = shaped(rgb, values, options)
        write_picture(stage / name, with_depth(shown, options.bit_depth), options, about)
        values |= {"file": f"{PORTRAIT}/{name}", "width": transform.width, "height": transform.height}
        values["face"] = box_value(transform.box((*values["bbox"],)))
        if window != (0.0, 0.0, float(rgb.shape[1]), float(rgb.shape[0])):
            values["window"] = box_value(window)
        return [name]

    def on_missing(values: Document) -> None:
        _log.warning(missing(document, "as the portrait", values["time"]))

    pts = COVER_PTS if frame["pts"] is None else int(frame["pts"])
    yield from encode_all([(pts, frame)], pictures, stage_one, on_missing, waiting_bytes=options.waiting_bytes)


def _frame(pick: Pick, shots: Sequence[Shot]) -> Document:
    cover = pick.pts == COVER_PTS
    values = {**pick_values(pick), "faces": [box_value(face) for face in pick.faces], "cover": cover}
    if cover:
        return values | {"time": None, "pts": None, "shot": None}
    return values | {"shot": shot_number([shot.start for shot in shots], values["time"]) or None}
