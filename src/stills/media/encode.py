"""Writing video: rgb frames in, an MP4 that plays everywhere out. For the sample film and for what stills draws."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from stills.errors import OutputError
from stills.files import move, output_error, staging

_PRESET = "veryfast"
"""x264's: 4 times as fast as its default for files a fifth larger."""
_BT709 = 1
"""Matrix, primaries and transfer in the numbers of ITU-T H.273."""


class VideoWriter:
    """Takes the frames of one video; made by :func:`write_video`."""

    def __init__(
        self, path: Path, container: OutputContainer, *, size: tuple[int, int], rate: Fraction, crf: int
    ) -> None:
        """Use :func:`write_video`."""
        self._path = path
        self._container = container
        width, height = size
        self._shape = (height, width, 3)
        self._time_base = 1 / rate
        self.frames = 0
        """Frames written so far."""
        self._stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": _PRESET})
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.color_range = ColorRange.MPEG
        context.colorspace = context.color_primaries = context.color_trc = _BT709

    def write(self, rgb: NDArray[np.uint8]) -> None:
        """Append a frame: (height, width, 3) rgb. Raises ``ValueError`` for another shape, ``OutputError``."""
        if rgb.shape != self._shape:
            raise ValueError(f"a frame of {self._shape} was expected, not {rgb.shape}")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
        frame.pts, frame.time_base = self.frames, self._time_base
        self._encode(frame)
        self.frames += 1

    def finish(self) -> None:
        """Write what the encoder holds back, and the index. Raises ``OutputError``."""
        if self.frames == 0:
            raise OutputError("a video needs at least one frame", path=str(self._path))
        self._encode(None)
        try:
            self._container.close()  # writes the index, so it can meet a full disk
        except OSError as error:
            raise output_error(error, self._path) from error

    def _encode(self, frame: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except OSError as error:
            raise output_error(error, self._path) from error


@contextmanager
def write_video(
    path: Path, width: int, height: int, rate: Fraction, *, crf: int = 18, comment: str = ""
) -> Iterator[VideoWriter]:
    """Write an H.264 video in an MP4: 4:2:0, 8 bit, BT.709, playable while it loads.

    The file appears under its name when the block ends well, whole; an error leaves nothing behind.

    Args:
        path: Where it goes; a file there is replaced.
        width: Of every frame, in pixels, even.
        height: Of every frame, in pixels, even.
        rate: Frames a second.
        crf: x264's constant quality: 0 is lossless, 18 looks it, 51 is worst.
        comment: Kept in the file.

    Raises:
        ValueError: A side is odd.
        OutputError: The file cannot be written, or no frame was.
    """
    if width % 2 or height % 2:
        raise ValueError(f"4:2:0 video needs even sides, not {width}x{height}")
    with staging(path.parent) as folder:
        temporary = folder.resolve() / "video.mp4"
        try:
            container = av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"})
        except OSError as error:
            raise output_error(error, path) from error
        with container:
            if comment:
                container.metadata["comment"] = comment
            writer = VideoWriter(path, container, size=(width, height), rate=rate, crf=crf)
            yield writer
            writer.finish()
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        move(temporary, path)
