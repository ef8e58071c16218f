"""The cover picture that a container carries: never taken for the video, but useful as a poster."""

from __future__ import annotations

from dataclasses import dataclass

from stills.media.packets import ReadLog, read_packets
from stills.media.probe import is_cover
from stills.media.source import PathLike, open_source

_FORMATS = {"mjpeg": "jpeg", "png": "png", "webp": "webp", "bmp": "bmp", "gif": "gif", "tiff": "tiff"}


@dataclass(frozen=True, slots=True)
class Cover:
    """An encoded cover picture as it lies in the file; ``format`` is ``"jpeg"``, ``"png"``, … or FFmpeg's name."""

    data: bytes
    format: str


def cover(path: PathLike) -> Cover | None:
    """The first cover picture of the video in ``path``, or ``None``. Nothing is decoded.

    Raises what :func:`stills.media.source.open_source` raises.
    """
    with open_source(path) as container:
        for stream in container.streams.video:
            if not is_cover(stream):
                continue
            codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else "unknown"
            for packet in read_packets(container, stream, ReadLog()):
                if packet.size:
                    return Cover(bytes(packet), _FORMATS.get(codec, codec))
    return None


def cover_picture(path: PathLike) -> bytes | None:
    """The encoded bytes of the first cover picture, or ``None``."""
    found = cover(path)
    return found.data if found is not None else None
