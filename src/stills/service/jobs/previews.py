"""Small pictures of single frames of a finished job: kept while its video is here, made from what is left later."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stills.errors import CorruptVideoError, InputError, LimitError
from stills.files import atomic_write, ensure_folder
from stills.index.schema import THUMB_SIZE
from stills.render.pictures import encode

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.index.index import Index
    from stills.render.fit import Rgb
    from stills.scan.scanner import Scanner

WIDTHS = (160, 320, 480, 640, 960, 1280, 1920)
"""What a picture may be wide, in pixels: every size asked for is kept, so there are few."""
KEPT_WIDTH = 960
"""Width of what is kept of frames when the video goes."""
MOST = 400
"""Frames of which a picture is kept, at most; ``MOST_DECODED`` of them are decoded for that."""
MOST_DECODED = 150
_QUALITY = 85

_log = logging.getLogger(__name__)


def width_for(width: int | None) -> int:
    """The width of :data:`WIDTHS` that is made for one that is asked for: the next larger, if there is one."""
    asked = KEPT_WIDTH if width is None else width
    return next((known for known in WIDTHS if known >= asked), WIDTHS[-1])


def frame_file(folder: Path, pts: int, width: int) -> Path:
    """Where the picture of a frame is kept, in the ``folder`` of a job's frames."""
    return folder / f"{pts}-{width}.jpg"


def small(rgb: Rgb, width: int) -> bytes:
    """A picture, no wider than ``width``, as a JPEG."""
    import cv2

    height, wide = rgb.shape[:2]
    if wide > width:
        size = (width, max(1, round(height * width / wide)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return encode(rgb, "jpeg", _QUALITY)


def keep_pictures(folder: Path, scanner: Scanner, index: Index, pts: Iterable[int], cancel: CancelToken | None) -> int:
    """Keep small pictures of the frames at ``pts`` (the most important first) in ``folder``; how many there are.

    A frame that cannot be decoded any more is left out, and logged. Raises ``OutputError``, ``CancelledError``.
    """
    asked = list(dict.fromkeys(pts))
    missing = set(scanner.pictures(index, asked, cancel=cancel).missing())
    wanted, left = [], MOST_DECODED
    for one in asked[:MOST]:
        left -= one in missing
        if one not in missing or left >= 0:
            wanted.append(one)
    wanted.sort()
    count = 0
    ensure_folder(folder)
    pictures = scanner.pictures(index, wanted, cancel=cancel)
    for one in wanted:
        try:
            data = small(pictures[one], KEPT_WIDTH)
        except (CorruptVideoError, InputError, LimitError) as error:
            _log.info("no picture is kept of the frame at pts %d: %s", one, error)
            continue
        atomic_write(frame_file(folder, one, KEPT_WIDTH), data, durable=False)
        if cancel is not None:
            cancel.check()
        count += 1
    return count


def narrower(data: bytes, width: int) -> bytes:
    """A kept picture, made narrower; as it is where it is no wider."""
    import io

    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        if opened.width <= width:
            return data
        return small(np.asarray(opened.convert("RGB")), width)


def rough_picture(index: Index, pts: int, width: int) -> bytes | None:
    """The tiny grey picture that the index has of a candidate, as wide as asked; ``None`` for other frames."""
    import cv2
    import pyarrow.compute as pc

    rows = index.frames.filter(pc.equal(index.frames["pts"], pts))
    thumb = rows["thumb"][0].as_py() if len(rows) else None
    if thumb is None:
        return None
    wide, high = THUMB_SIZE
    luma = np.frombuffer(thumb, np.uint8).reshape(high, wide)
    size = (width, max(1, round(width * index.video.height / index.video.width)))
    grey = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    return encode(np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2)), "jpeg", _QUALITY)
