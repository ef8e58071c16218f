"""What plain extraction runs in the worker processes: decode some frames, and write their pictures where it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from stills.files import output_error
from stills.media.decode import DecodePlan, decode
from stills.media.sandbox import report
from stills.render.fit import fit
from stills.render.metadata import PictureMetadata
from stills.render.names import base_name
from stills.render.pictures import OutputOptions, encode
from stills.types import VideoInfo

if TYPE_CHECKING:
    from stills.media.packets import PacketIndex

Row: TypeAlias = tuple[int, int, int]
"""pts, width and height of a picture that was written."""


@dataclass(frozen=True, slots=True)
class PlainTask:
    """Some frames to take out: the pictures' names by pts, in rising order, in the folder ``stage``."""

    path: str
    video: VideoInfo
    packets: PacketIndex
    names: Mapping[int, str]
    stage: str
    options: OutputOptions
    threads: int
    device: str


def write_frames(task: PlainTask) -> list[Row]:
    """Write the task's frames; those that cannot be decoded are missing. Reports the pts of each that is done.

    The folder is private to one run and swept as a whole, so files are written into it as they are.
    """
    options = task.options
    source = base_name(task.video.path)
    plan = DecodePlan(times=tuple(task.names), threads=task.threads, device="cuda" if task.device == "cuda" else "cpu")
    rows: list[Row] = []
    report(None)
    for frame in decode(task.path, task.video, plan, task.packets):
        picture = frame.picture16() if options.bit_depth == 16 else frame.picture()
        fitted, transform = fit(picture, options.fit, options.fit_mode, None)
        about = PictureMetadata(source, frame.time, frame.pts)
        data = encode(
            fitted, options.format, options.quality, about, compression=options.compression, lossless=options.lossless
        )
        path = Path(task.stage, task.names[frame.pts])
        try:
            path.write_bytes(data)
        except OSError as error:
            raise output_error(error, path) from error
        rows.append((frame.pts, transform.width, transform.height))
        report(frame.pts)
    return rows
