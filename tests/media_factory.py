"""Odd little videos, made on the spot with PyAV's own encoders: tests carry no binaries."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from PIL import Image

FULL_RANGE = 2


@dataclass(frozen=True)
class Movie:
    """How to make a video. ``pts`` are in ticks of 1/``timescale``; by default one frame each 1/25 s."""

    width: int = 128
    height: int = 96
    frames: int = 50
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    timescale: int = 12800
    pts: Sequence[int] | None = None
    gop: int = 12
    b_frames: int = 2
    options: tuple[tuple[str, str], ...] = ()
    rotation: int = 0  # clockwise, to make it upright
    mirrored: bool = False
    aspect: Fraction | None = None
    transfer: int | None = None  # H.273: 16 PQ, 18 HLG
    matrix: int | None = None
    full_range: bool = False
    sound: bool = False
    cover: bool = False
    container_options: tuple[tuple[str, str], ...] = ()
    picture: Callable[[int, int, int], np.ndarray] | None = None


def moving_picture(index: int, width: int, height: int) -> np.ndarray:
    """RGB (height, width, 3): a gradient, a bright square that moves, and the frame's number as a bar pattern."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 255 // width, y * 255 // height, (x + y) * 127 // (width + height) + 40], -1).astype(
        np.uint8
    )
    size = max(4, height // 4)
    left = (index * 3) % max(1, width - size)
    picture[height // 3 : height // 3 + size, left : left + size] = (230, 200, 60)
    for bit in range(8):
        picture[-max(2, height // 8) :, bit * width // 8 : (bit + 1) * width // 8] = 235 if index >> bit & 1 else 20
    return picture


def frame_number(rgb: np.ndarray) -> int:
    """The number that :func:`moving_picture` painted into an upright picture."""
    height, width = rgb.shape[:2]
    strip = rgb[-max(2, height // 8) + 1 :].mean(axis=(0, 2))
    cells = [strip[bit * width // 8 + width // 32 : (bit + 1) * width // 8 - width // 32].mean() for bit in range(8)]
    return sum(1 << bit for bit, level in enumerate(cells) if level > 127)


def make(path: Path, movie: Movie | None = None) -> Path:
    """Encode ``movie`` to ``path`` (its suffix chooses the container)."""
    movie = movie or Movie()
    with av.open(str(path), "w", options=dict(movie.container_options)) as container:
        cover = _add_cover(container) if movie.cover else None
        stream = container.add_stream(movie.codec, rate=25, options=dict(movie.options))
        stream.width, stream.height, stream.pix_fmt = movie.width, movie.height, movie.pixel_format
        context = stream.codec_context
        context.time_base = Fraction(1, movie.timescale)
        context.thread_count = 1
        if movie.codec not in {"gif", "ffv1", "rawvideo", "png", "mjpeg"}:
            context.gop_size, context.max_b_frames = movie.gop, movie.b_frames
        if movie.aspect:
            context.sample_aspect_ratio = movie.aspect
        if movie.rotation or movie.mirrored:
            stream.set_display_rotation(-movie.rotation, hflip=movie.mirrored)
        context.color_range = FULL_RANGE if movie.full_range else 1
        if movie.transfer:
            context.color_trc, context.color_primaries = movie.transfer, 9
        if movie.matrix:
            context.colorspace = movie.matrix
        sound = container.add_stream("aac", rate=44100) if movie.sound else None
        if cover is not None:
            _write_cover(container, cover)
        _write_frames(container, stream, movie)
        if sound is not None:
            _write_sound(container, sound, movie.frames / 25)
    if movie.codec == "libsvtav1" and hasattr(os, "sched_setscheduler"):
        # Where root encodes, SVT-AV1 puts the thread into the real-time class and leaves it there: what runs in it, and
        # in all processes that it starts, would keep everything else from running, for minutes.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def make_sound(path: Path) -> Path:
    """A file with one second of sound and no video."""
    with av.open(str(path), "w") as container:
        _write_sound(container, container.add_stream("aac", rate=44100), 1.0)
    return path


def jpeg(width: int = 32, height: int = 24) -> bytes:
    """A small JPEG picture."""
    buffer = io.BytesIO()
    Image.fromarray(moving_picture(0, width, height)).save(buffer, "JPEG")
    return buffer.getvalue()


def _write_frames(container, stream, movie: Movie) -> None:
    paint = movie.picture or moving_picture
    step = movie.timescale // 25
    times = movie.pts if movie.pts is not None else [index * step for index in range(movie.frames)]
    for index, pts in enumerate(times):
        painted = _as_coded(paint, index, movie)
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(painted), format="rgb24")
        frame = rgb.reformat(
            format=movie.pixel_format,
            dst_colorspace={1: 1, 9: 9}.get(movie.matrix or 6, 5),
            src_color_range=FULL_RANGE,
            dst_color_range=FULL_RANGE if movie.full_range else 1,
        )
        frame.pts, frame.time_base = pts, Fraction(1, movie.timescale)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _as_coded(paint: Callable[[int, int, int], np.ndarray], index: int, movie: Movie) -> np.ndarray:
    """The upright painting, turned and flipped back to how a decoder gives it."""
    if movie.rotation in {90, 270}:
        upright = paint(index, movie.height, movie.width)
    else:
        upright = paint(index, movie.width, movie.height)
    flipped = upright[:, ::-1] if movie.mirrored else upright
    return np.rot90(flipped, movie.rotation // 90)


def _add_cover(container):
    stream = container.add_stream("mjpeg", rate=1)
    stream.width, stream.height, stream.pix_fmt = 32, 24, "yuvj420p"
    stream.disposition = Disposition.attached_pic
    return stream


def _write_cover(container, stream) -> None:
    container.start_encoding()
    packet = av.Packet(jpeg())
    packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, 0, 0, True
    packet.time_base = Fraction(1, 90000)
    container.mux(packet)


def _write_sound(container, stream, seconds: float) -> None:
    samples = np.sin(np.arange(int(44100 * seconds)) * 0.05).astype(np.float32)[None]
    for start in range(0, samples.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, start : start + 1024]), "fltp", "mono")
        frame.sample_rate, frame.pts = 44100, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
