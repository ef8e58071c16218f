"""Key frames and thumbnails as JSON documents, and their pictures, on disk.

``OUT/<stem>/keyframes.json`` with ``OUT/<stem>/keyframes/keyframe_0001_00-00-12.480.jpg``, and in the same way
``thumbnails.json`` with ``thumbnails/thumbnail_1.jpg``; a contact sheet and an animated preview beside the pictures.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.render.documents import Document, box_value, pick_values, result_head, share_value, shot_values
from stills.render.fit import Rgb, Target, Transform, fit
from stills.render.metadata import PictureMetadata
from stills.render.names import EXTENSIONS, NameGiver, base_name, keyframe_file, thumbnail_file
from stills.render.pictures import OutputOptions, with_depth
from stills.render.writing import encode_all, missing, name_values, recipe_of, shot_number, write_picture, write_result
from stills.types import (
    COVER_PTS,
    Box,
    Fallback,
    KeyframesSelection,
    Pick,
    ScanReport,
    Shot,
    ThumbnailsSelection,
    VideoInfo,
)

KEYFRAMES, THUMBNAILS = "keyframes", "thumbnails"
_FULL_HD = (1920, 1080)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A picture to be written; ``number`` counts from 1 in the order of the document."""

    values: Document
    number: int
    name: str

    @property
    def pts(self) -> int:
        return COVER_PTS if self.values["pts"] is None else int(self.values["pts"])


def keyframes_document(  # noqa: PLR0917 - a document is made of what its parts are
    info: VideoInfo,
    selection: KeyframesSelection,
    report: ScanReport,
    models: Mapping[str, Any],
    settings: Mapping[str, Any],
    fallbacks: Sequence[Fallback],
    *,
    warnings: Sequence[str] = (),
    partial: bool = False,
) -> Document:
    """The result "the frames that differ" as JSON values, schema ``stills/keyframes/1``, frames in order of time.

    ``target`` is taken from ``settings`` (null: none was asked for). ``partial`` says that the video could be read only
    in part; ``warnings`` are added to those of ``info``. A frame's ``file`` is null until it is rendered. Raises
    ``TypeError`` where ``settings`` or ``models`` hold what JSON cannot.
    """
    head = result_head(KEYFRAMES, info, report, models, settings, fallbacks, warnings=warnings, partial=partial)
    return {
        **head,
        "similarity": share_value(selection.similarity),
        "target": settings.get("target"),
        "distinct": selection.distinct,
        "shots": shot_values(selection.shots),
        "frames": _frames(selection.frames, selection.shots),
        "dropped": dict(selection.dropped),
    }


def thumbnails_document(  # noqa: PLR0917 - as above
    info: VideoInfo,
    selection: ThumbnailsSelection,
    report: ScanReport,
    models: Mapping[str, Any],
    settings: Mapping[str, Any],
    fallbacks: Sequence[Fallback],
    *,
    warnings: Sequence[str] = (),
    partial: bool = False,
) -> Document:
    """The result "the frames that make one want to watch" as JSON values, schema ``stills/thumbnails/1``, best first.

    The cover picture of the file has neither time nor pts, and ``"cover": true``. The rest as in
    :func:`keyframes_document`.
    """
    head = result_head(THUMBNAILS, info, report, models, settings, fallbacks, warnings=warnings, partial=partial)
    several = (selection.frames, selection.runners_up)
    frames, runners_up = (_frames(picks, selection.shots) for picks in several)
    for place, frame in enumerate([*frames, *runners_up], 1):
        frame["rank"] = frame["rank"] or place
        frame["cover"] = frame["pts"] is None
    return {
        **head,
        "shots": shot_values(selection.shots),
        "frames": frames,
        "runners_up": runners_up,
        "dropped": dict(selection.dropped),
    }


def write_frames(
    out_dir: Path,
    stem: str,
    document: Document,
    pictures: Mapping[int, Rgb],
    output: OutputOptions | None = None,
    *,
    on_picture: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write the pictures of ``document`` and then its JSON file; returns the paths, the JSON last.

    ``document`` comes from :func:`keyframes_document` or :func:`thumbnails_document` and is not changed; the written
    one names the files, with their size and, where not all of the frame is seen in one, the ``window`` of it that is.
    ``pictures`` maps pts (``COVER_PTS`` for the cover picture) to upright rgb (H, W, 3) of 8 or 16 bits; each is asked
    for once, in rising order. A frame whose picture is missing keeps ``"file": null``, is logged, and is said under
    ``fallbacks`` (``picture-missing``). With ``output.sheet`` and ``output.preview`` there are a contact sheet and an
    animation, too, which the document names under these keys.

    How files come and go, and what is raised, is told in :func:`stills.render.writing.write_result`; also
    ``UsageError`` where a contact sheet would be too large, ``CorruptVideoError`` where no picture at all can be had.
    """
    options = output if output is not None else OutputOptions()
    document = copy.deepcopy(document)
    extras = (options.sheet is not None) + (options.preview is not None) if document["frames"] else 0
    return write_result(
        out_dir,
        stem,
        document,
        lambda stage: _stage(stage, document, pictures, options),
        total=len(document["frames"]) + extras,
        on_picture=on_picture,
    )


def _stage(stage: Path, document: Document, pictures: Mapping[int, Rgb], options: OutputOptions) -> Iterator[str]:
    """Cut, fit, encode and write every frame of ``document`` into ``stage``; complete ``document``; yield the names."""
    recipe, source = recipe_of(document), base_name(document["video"]["path"])

    def stage_one(frame: _Frame, rgb: Rgb) -> list[str]:
        values = frame.values
        shown, transform, window = shaped(rgb, values, options)
        about = PictureMetadata(source, values["time"], values["pts"], None, values["score"])
        write_picture(stage / frame.name, with_depth(shown, options.bit_depth), options, about)
        values |= {"file": f"{recipe}/{frame.name}", "width": transform.width, "height": transform.height}
        if window != (0.0, 0.0, float(rgb.shape[1]), float(rgb.shape[0])):
            values["window"] = box_value(window)
        return [frame.name]

    def on_missing(frame: _Frame) -> None:
        _log.warning(missing(document, f"as number {frame.number}", frame.values["time"]))

    frames = sorted(_named(document, options), key=lambda f: (f.pts, f.number))
    yield from encode_all(
        ((f.pts, f) for f in frames), pictures, stage_one, on_missing, waiting_bytes=options.waiting_bytes
    )
    there = [frame for frame in frames if frame.values["file"] is not None]
    if there and options.sheet is not None:
        yield stage_sheet(stage, document, options)
    if there and options.preview is not None:
        from stills.render.preview import write_preview

        name = f"preview.{options.preview}"
        write_preview(stage / name, (_read(stage / frame.name) for frame in there), options.preview)
        document["preview"] = f"{recipe}/{name}"
        yield name


def shaped(rgb: Rgb, frame: Mapping[str, Any], options: OutputOptions) -> tuple[Rgb, Transform, Box]:
    """``rgb`` cut and fitted as ``options`` ask, keeping the faces of ``frame`` (values of a document) where it can.

    Also how to find things in the result, from pixels of ``rgb``; and the window of ``rgb`` that is seen in it.
    """
    height, width = rgb.shape[:2]
    faces: list[Box] = [(f[0], f[1], f[2], f[3]) for f in frame["faces"]]
    first: list[Box] = [] if frame["bbox"] is None else [tuple(frame["bbox"])]
    x, y, w, h = 0.0, 0.0, float(width), float(height)
    if options.aspect is not None:
        from stills.render.crop import saliency, smart_crop

        weights = None if faces or first else saliency(rgb)
        x, y, w, h = smart_crop((width, height), options.aspect, faces or first, weights)
    part: Rgb = rgb[int(y) : int(y + h), int(x) : int(x + w)]
    focus = next(((f[0] - x, f[1] - y, f[2], f[3]) for f in first or faces), None)
    shown, inner = fit(part, _target(options), options.fit_mode, focus)
    whole = Transform(inner.scale, inner.left + x, inner.top + y, inner.width, inner.height)
    left, top = max(x, whole.left), max(y, whole.top)
    right = min(x + w, whole.left + whole.width / whole.scale)
    bottom = min(y + h, whole.top + whole.height / whole.scale)
    return shown, whole, (left, top, right - left, bottom - top)


def _target(options: OutputOptions) -> Target:
    """The size to fit into; ``1080p`` of another shape than 16:9 is the largest of that shape inside full HD."""
    if options.aspect is None or options.fit != "1080p":
        return options.fit
    across, down = options.aspect
    wide, tall = _FULL_HD if across >= down else (_FULL_HD[1], _FULL_HD[0])
    scale = min(wide / across, tall / down)
    return max(1, round(across * scale)), max(1, round(down * scale))


def _named(document: Document, options: OutputOptions) -> list[_Frame]:
    """The frames of ``document``, each with its name."""
    reserved = [f"sheet.{EXTENSIONS[options.format]}", "preview.webp", "preview.gif"]
    names = NameGiver(options.format, options.name_template, taken=reserved)
    frames = []
    for number, values in enumerate(document["frames"], 1):
        if recipe_of(document) == KEYFRAMES:
            usual = keyframe_file(number, values["time"], options.format)
        else:
            usual = thumbnail_file(number, options.format)
        fields = name_values(document, values, number=number, rank=values["rank"])
        frames.append(_Frame(values, number, names.name(usual, fields)))
    return frames


def stage_sheet(stage: Path, document: Document, options: OutputOptions) -> str:
    """Write the contact sheet of the pictures in ``stage`` that ``document`` names; its name."""
    from stills.render.sheet import caption, chosen, heading_lines, write_sheet

    columns, rows = options.sheet or (1, 1)
    recipe = recipe_of(document)
    there = [frame for frame in document["frames"] if frame["file"] is not None]
    on_it = [there[place] for place in chosen(there, columns * rows)]
    name = f"sheet.{EXTENSIONS[options.format]}"
    write_sheet(
        stage / name,
        (
            (_read(stage / frame["file"].rpartition("/")[2]), caption(frame, ranked=recipe == THUMBNAILS))
            for frame in on_it
        ),
        f"{columns}x{rows}",
        heading=heading_lines(document["video"]),
        picture_format=options.format,
        quality=options.quality,
    )
    document["sheet"] = f"{recipe}/{name}"
    return name


def _read(path: Path) -> NDArray[np.uint8]:
    """A picture that was just written, with 8 bits a channel: none has to be kept in memory for a sheet."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _frames(picks: Sequence[Pick], shots: Sequence[Shot]) -> list[Document]:
    starts = [shot.start for shot in shots]
    frames = []
    for pick in picks:
        values = {**pick_values(pick), "rank": pick.rank, "faces": [box_value(face) for face in pick.faces]}
        if pick.pts == COVER_PTS:
            values |= {"time": None, "pts": None, "shot": None}
        else:
            values["shot"] = shot_number(starts, values["time"]) or None
        frames.append(values)
    return frames
