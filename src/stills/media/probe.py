"""What a video is: chosen stream, size and rotation as a viewer sees it, timing, colours, cover pictures.

Everything that packets and headers tell is taken from them; one frame is decoded, because only a frame tells the
display matrix, the cropping and the first time stamp that is really shown.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from stills.addresses import public_name
from stills.errors import CorruptVideoError, LimitError, MemoryLimitError, NotAVideoError
from stills.media.packets import PacketIndex, PacketListBuilder, ReadLog, read_packets, tables_only
from stills.media.source import PathLike, open_source
from stills.media.timing import VFR_FRAMES, duration, frame_rate, is_variable, missing_end
from stills.types import Hdr, VideoInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_PIXELS = 1 << 27
"""Largest coded picture (16384×8192): 8K has a quarter of it; beyond are mostly files made to exhaust memory."""

_REORDER_MARGIN = 32  # packets read beyond those, since the last ones in decode order are not the last ones shown
_PROBE_BYTES = 64 << 20  # a probe reads at most this much of very high bit rates
_FIRST_FRAME_PACKETS = 600  # packets tried for a first frame: broken files may begin with many that do not decode
_MAX_ASPECT = 20  # sample aspect ratios beyond 20:1 are damage, not geometry
_PQ, _HLG, _BT2020_PRIMARIES = 16, 18, 9  # ITU-T H.273 code points
_MATRICES = {0: "rgb", 1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}


@dataclass
class _Findings:
    """What reading the first packets (or all) and decoding one frame gave."""

    packets: PacketIndex
    frame: VideoFrame | None
    complete: bool
    decode_errors: int
    first_error: str | None


def probe(path: PathLike, *, max_pixels: int = MAX_PIXELS) -> VideoInfo:
    """What the video in ``path`` is. Reads the first packets only and decodes one frame: a few milliseconds.

    Raises:
        InputError: the file cannot be read.
        NotAVideoError: there is no video in it.
        CorruptVideoError: no frame can be decoded.
        LimitError: its pictures have more than ``max_pixels``.
    """
    info, _, complete = _probe(path, every_packet=False, max_pixels=max_pixels)
    if info.duration > 0 or complete:
        return info
    return probe_with_packets(path, max_pixels=max_pixels)[0]


def probe_with_packets(path: PathLike, *, max_pixels: int = MAX_PIXELS) -> tuple[VideoInfo, PacketIndex]:
    """As :func:`probe`, with the list of all packets: exact frame count and duration. Reads the whole file once."""
    info, packets, _ = _probe(path, every_packet=True, max_pixels=max_pixels)
    return info, packets


def _probe(path: PathLike, *, every_packet: bool, max_pixels: int) -> tuple[VideoInfo, PacketIndex, bool]:
    name = public_name(os.fspath(path))
    with open_source(path) as container:
        stream = choose_stream(container, name, max_pixels)
        found = _read(container, stream, every_packet)
        if found.frame is None:
            detail = f" ({found.first_error})" if found.first_error else ""
            if not (stream.codec_context.width and stream.codec_context.height):
                detail = " (its header declares no picture size that can be decoded)"
            elif not len(found.packets):
                detail = " (its header is there, its pictures are not)"
            elif not detail and not found.packets.key.any():
                detail = " (it has no key frame to start from)"
            raise CorruptVideoError(
                f"no frame of this video can be decoded{detail}", path=name, remedy="copy or download it again"
            )
        _check_size(found.frame.width, found.frame.height, max_pixels, name)  # headers lie
        return _describe(container, stream, found, found.frame, name), found.packets, found.complete


def choose_stream(container: InputContainer, path: str, max_pixels: int = MAX_PIXELS) -> VideoStream:
    """The real video stream: never a cover picture; of several the one with packets, default, largest, longest, first.

    Raises ``NotAVideoError``, ``CorruptVideoError`` (a stream without a usable decoder) or ``LimitError``.
    """
    real = [stream for stream in container.streams.video if not is_cover(stream)]
    if not real:
        if container.streams.video:
            raise NotAVideoError("there is a cover picture in this file, but no video", path=path)
        if container.streams.audio:
            raise NotAVideoError("there is only sound in this file, no video", path=path)
        raise NotAVideoError("there is no video in this file", path=path)
    # Decoding a stream without a codec context kills the interpreter in PyAV before 18.1 (issue 2344).
    usable = [stream for stream in real if stream.codec_context is not None]
    if not usable:
        raise CorruptVideoError(
            "the video's header is damaged, or no decoder knows its format", path=path, remedy="copy it again"
        )
    stream = max(usable, key=_preference)
    _check_size(stream.codec_context.width, stream.codec_context.height, max_pixels, path)
    return stream


def _check_size(width: int, height: int, max_pixels: int, path: str) -> None:
    if width * height > max_pixels:
        raise LimitError(
            f"its pictures are too large: {width}×{height}, at most {max_pixels} pixels are decoded",
            path=path,
            remedy="allow more with --max-pixels",
        )


def _preference(stream: VideoStream) -> tuple[bool, bool, int, int, int]:
    from av.stream import Disposition

    context = stream.codec_context
    # Fragmented files and streams (flv, ts) declare no frames, but their pixel format was found by reading some.
    return (
        stream.frames > 0 or context.pix_fmt is not None,
        bool(stream.disposition & Disposition.default),
        context.width * context.height,
        stream.duration or 0,
        -stream.index,
    )


def is_cover(stream: VideoStream) -> bool:
    """Whether this "video" stream is an attached picture (cover art) or a strip of thumbnails."""
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _read(container: InputContainer, stream: VideoStream, every_packet: bool) -> _Findings:
    from av import FFmpegError

    stream.codec_context.thread_count = 1
    builder, log = PacketListBuilder(), ReadLog()
    frame: VideoFrame | None = None
    errors, first_error, total = 0, None, 0
    complete = True
    for packet in read_packets(container, stream, log):
        builder.add(packet)
        total += packet.size
        enough = len(builder) >= VFR_FRAMES + _REORDER_MARGIN or total >= _PROBE_BYTES
        if frame is not None and enough and not every_packet:
            complete = False
            break
        if frame is not None and every_packet and tables_only(container, stream):  # no packet is looked into any more
            builder, log = PacketListBuilder(), ReadLog()
            for each in read_packets(container, stream, log):
                builder.add(each)
            break
        if frame is None and len(builder) <= _FIRST_FRAME_PACKETS:
            try:
                frame = next(iter(stream.codec_context.decode(packet)), None)
            except FFmpegError as error:
                errors, first_error = errors + 1, first_error or _reason(error)
            except MemoryError:
                raise MemoryLimitError("not enough memory to decode a frame of this video") from None
    if frame is None:
        try:
            frame = next(iter(stream.codec_context.decode(None)), None)
        except FFmpegError as error:
            errors, first_error = errors + 1, first_error or _reason(error)
    return _Findings(builder.build(), frame, complete, errors + log.errors, first_error or log.first_error)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _describe(
    container: InputContainer, stream: VideoStream, found: _Findings, frame: VideoFrame, path: str
) -> VideoInfo:
    warnings: list[str] = []
    context, packets = stream.codec_context, found.packets
    time_base = stream.time_base or Fraction(1, 90000)
    start = frame_pts(frame)
    start = int(packets.presentation_pts[0]) if start is None and len(packets.presentation_pts) else start or 0
    rotation, mirrored = _orientation(frame, warnings)
    aspect = _aspect(stream.sample_aspect_ratio or context.sample_aspect_ratio, warnings)
    width, height = max(1, round(frame.width * aspect)), frame.height
    if rotation in {90, 270}:
        width, height = height, width
    variable = is_variable(packets.presentation_pts[packets.presentation_pts >= start], found.complete, time_base)
    rate = frame_rate(stream, packets, time_base, variable)
    length = duration(container, stream, packets, complete=found.complete, start=start, rate=rate)
    missing = missing_end(container, stream, packets, start) if found.complete else 0.0
    if missing:
        warnings.append(f"the file ends {missing:.1f} s too early: it was cut off, or its end is damaged")
    hdr: Hdr = "pq" if frame.color_trc == _PQ else "hlg" if frame.color_trc == _HLG else "none"
    if found.decode_errors:
        warnings.append(f"{found.decode_errors} packets at the start cannot be decoded")
    return VideoInfo(
        path=path,
        container=container.format.name,
        codec=context.codec.canonical_name,
        pixel_format=frame.format.name,
        bit_depth=max(component.bits for component in frame.format.components),
        coded_width=frame.width,
        coded_height=frame.height,
        width=width,
        height=height,
        sample_aspect_ratio=aspect,
        rotation=rotation,
        mirrored=mirrored,
        frame_rate=rate,
        variable_frame_rate=variable,
        time_base=time_base,
        start_pts=start,
        duration=length,
        frame_count=len(packets.presentation_pts) if found.complete else stream.frames or None,
        hdr=hdr,
        color_space=_matrix(frame, hdr),
        color_range="full" if frame.color_range == 2 or frame.format.name.startswith("yuvj") else "limited",
        stream_index=stream.index,
        video_streams=sum(not is_cover(each) for each in container.streams.video),
        cover_streams=tuple(each.index for each in container.streams.video if is_cover(each)),
        has_audio=bool(container.streams.audio),
        bit_rate=context.bit_rate or container.bit_rate or None,
        file_size=container.size,
        warnings=tuple(warnings),
        missing_end=missing,
    )


def frame_pts(frame: VideoFrame) -> int | None:
    """When a decoded frame is shown: its pts, or the dts of its packet where the container has no pts."""
    return frame.pts if frame.pts is not None else frame.dts


def _orientation(frame: VideoFrame, warnings: list[str]) -> tuple[int, bool]:
    """Clockwise turn that makes ``frame`` upright, and whether to flip left-right after it.

    The display matrix (ISO/IEC 14496-12, 8.3.2) maps x, y to a·x + c·y, b·x + d·y, with y pointing down.
    """
    try:
        side_data: Any = frame.side_data  # its stub lists other keys than it has
        data = side_data.get("DISPLAYMATRIX")
    except ValueError:
        # PyAV 18.1 knows not all kinds of side data and fails on the list; the rotation alone it tells anyway.
        rotation = round(-frame.rotation / 90) * 90 % 360 if abs(frame.rotation) <= 360 else 0
        return rotation, False
    if data is None:
        return 0, False
    a, b, _, c, d = (int(value) for value in np.frombuffer(data, np.int32)[:5])
    determinant = a * d - b * c
    if determinant == 0:
        warnings.append("the display matrix is senseless and was ignored")
        return 0, False
    mirrored = determinant < 0
    degrees = math.degrees(math.atan2(b, -a if mirrored else a))
    rotation = round(degrees / 90) * 90 % 360
    if abs(degrees - round(degrees / 90) * 90) > 1:
        warnings.append(f"the display matrix turns by {degrees:.0f}°, rounded to {rotation}°")
    return rotation, mirrored


def _aspect(ratio: Fraction | None, warnings: list[str]) -> Fraction:
    if ratio is None or ratio <= 0:
        return Fraction(1)
    if not Fraction(1, _MAX_ASPECT) <= ratio <= _MAX_ASPECT:
        warnings.append(f"the sample aspect ratio {ratio} is senseless and was ignored")
        return Fraction(1)
    return ratio


def _matrix(frame: VideoFrame, hdr: Hdr) -> str:
    """Name of the YUV matrix; where the file does not say, what players take: BT.709 from 720p on, BT.601 below."""
    known = _MATRICES.get(frame.colorspace)
    if frame.format.is_rgb:
        return "rgb"
    if known is not None and known != "rgb":
        return known
    if hdr != "none" or frame.color_primaries == _BT2020_PRIMARIES:
        return "bt2020"
    return "bt709" if frame.width >= 1280 or frame.height > 576 else "bt601"
