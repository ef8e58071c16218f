"""Small pictures of all frames that a selection may pick, made while a video is scanned: they outlive it.

They lie with the index, those of a part of the video in one ZIP file named by the pts of its first frame. A picture is
a JPEG named by its pts. Like the spill they are a convenience: what is missing or damaged is not there.
"""

from __future__ import annotations

import io
import os
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stills.errors import OutputError
from stills.files import atomic_write, ensure_folder

if TYPE_CHECKING:
    from stills.media.frame import DecodedFrame
    from stills.types import VideoInfo

FOLDER = "previews"
"""In the folder of an index."""

WIDTHS = (320, 480)
"""Width of pictures in pixels: the larger where there is room for it."""

_ROOMY = 80_000
"""Bytes a second of video from which there is: four frames a second of 480 × 270 take 60,000."""

_QUALITY = 75


@dataclass(frozen=True, slots=True)
class PreviewPlan:
    """Where pictures go, how wide they are, and how many bytes a second of video may take."""

    folder: str
    width: int
    rate: float

    @classmethod
    def of(cls, folder: Path, video: VideoInfo, most_bytes: int) -> PreviewPlan:
        """That of a whole ``video`` whose pictures may take ``most_bytes``; ``folder`` is that of its index."""
        rate = most_bytes / max(video.duration, 1.0)
        width = WIDTHS[1] if rate >= _ROOMY else WIDTHS[0]
        return cls(str(folder / FOLDER), min(width, video.width), rate)


class PreviewShelf:
    """Pictures of frames of one part of a video, until it is known which of them are wanted."""

    def __init__(self, plan: PreviewPlan, video: VideoInfo) -> None:
        """Nothing is kept yet."""
        self._plan = plan
        self._size = plan.width, max(1, round(plan.width * video.height / video.width))
        self._held: dict[int, bytes] = {}

    def add(self, frame: DecodedFrame) -> None:
        """Keep a picture of ``frame``."""
        import cv2

        made, data = cv2.imencode(".jpg", frame.small_bgr(*self._size), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if made:
            self._held[frame.pts] = data.tobytes()

    def write(self, wanted: Sequence[int], seconds: float) -> None:
        """Write those of ``wanted`` (the most important first) for which there is room in ``seconds`` of video.

        A full disk costs the pictures, not the scan.
        """
        left = self._plan.rate * max(seconds, 1.0)
        chosen: dict[int, bytes] = {}
        for pts in wanted:
            data = self._held.get(pts)
            if data is not None and pts not in chosen and len(data) <= left:
                chosen[pts] = data
                left -= len(data)
        if not chosen:
            return
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for pts in sorted(chosen):
                archive.writestr(zipfile.ZipInfo(f"{pts}.jpg"), chosen[pts])
        try:
            folder = ensure_folder(Path(self._plan.folder))
            atomic_write(folder / f"{min(chosen)}.zip", packed.getvalue(), durable=False)
        except (OSError, OutputError):
            return


class Previews:
    """The pictures of one index; ``folder`` is that of the index. Safe to use from any thread."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        """Nothing is read before it is asked for."""
        self._folder = None if folder is None else Path(folder) / FOLDER
        self._lock = threading.Lock()
        self._places: Mapping[int, Path] | None = None

    @property
    def places(self) -> Mapping[int, Path]:
        """In which file the picture of each frame is, by its pts."""
        with self._lock:
            if self._places is None:
                self._places = {} if self._folder is None else _places(self._folder)
            return self._places

    def get(self, pts: int) -> bytes | None:
        """The JPEG of the frame at ``pts``, or ``None`` where there is none."""
        file = self.places.get(pts)
        if file is None:
            return None
        try:
            with zipfile.ZipFile(file) as archive:
                return archive.read(f"{pts}.jpg")
        except (OSError, KeyError, zipfile.BadZipFile):
            return None


def _places(folder: Path) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for file in sorted(folder.glob("*.zip")):
        try:
            with zipfile.ZipFile(file) as archive:
                found.update((int(name.removesuffix(".jpg")), file) for name in archive.namelist())
        except (OSError, ValueError, zipfile.BadZipFile):
            continue
    return found


def evenly(count: int) -> list[int]:
    """0…``count`` - 1 so that any beginning of it is spread over all: halves first, then quarters."""
    bits = max(1, (count - 1).bit_length())
    order = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits))
    return [number for number in order if number < count]
