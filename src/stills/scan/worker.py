"""What runs in the worker processes: probing, scanning a segment, decoding picks. Nothing here touches the index."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stills.index.store import SegmentRows
from stills.media.decode import DecodePlan, decode, packets_of
from stills.media.packets import PacketIndex
from stills.media.probe import probe_with_packets
from stills.media.sandbox import report
from stills.media.source import bytes_fetched, file_version
from stills.models import Session, open_session, place
from stills.scan.faces import Vision
from stills.scan.parameters import ScanParameters, attributes_in
from stills.scan.plan import SegmentTask
from stills.scan.segment import CloseLook, scan_segment
from stills.types import Attribute, Layer, VideoInfo
from stills.vision import (
    Stack,
    attribute_stacks,
    make_attributes,
    make_detector,
    make_embedder,
    make_expression,
    make_landmarker,
    stack_of,
)

if TYPE_CHECKING:
    from stills.index.pictures import PictureReading
    from stills.scan.cover import CoverReading
    from stills.vision.attributes import AttributeModel
    from stills.vision.detect import Detector

TRIM_BYTES = 4 << 20
"""Free memory at the end of a worker's heap that it keeps."""

LARGE_BYTES = 256 << 10
"""Blocks from this size, frames among them, are the system's own and go back to it when they are freed."""

LISTED_VIDEOS = 8
"""Videos whose packets a worker keeps: it goes from one to another while several are under way."""

LISTED_PACKETS = 400_000
"""Packets that it keeps of all of them but the newest: at 42 bytes and as much again for what follows, 30 MB."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)


@dataclass(slots=True)
class _Loaded:
    """The models of this process, and what they were loaded for."""

    key: tuple[str, str, float, bool, str, str]
    vision: Vision
    attributes: dict[Stack, AttributeModel] = field(default_factory=dict)


_loaded: list[_Loaded] = []  # at most one: a worker keeps its models between segments
_listed: dict[tuple[object, ...], PacketIndex] = {}  # by path, version of the file, stream; the newest last


def probe_video(path: str, max_pixels: int) -> tuple[VideoInfo, PacketIndex]:
    """Probe ``path`` and list its packets."""
    return probe_with_packets(path, max_pixels=max_pixels)


def scan_part(task: SegmentTask, close: CloseLook | None = None) -> list[SegmentRows]:
    """Measure one segment; reports ``(pts, seconds)`` of the last decoded frame on the way."""
    report((None, task.segment.start_time))
    _settle()
    vision = _vision(task.parameters, task.layers) if "faces" in task.layers else None
    before = bytes_fetched(task.path)
    parts = scan_segment(task, vision, on_frame=lambda pts, time: report((pts, time)), close=close)
    if before is not None:  # what came over the network: parts that nobody looks at were never fetched
        fetched = max(0, (bytes_fetched(task.path) or 0) - before)
        parts[-1] = replace(parts[-1], notes={**parts[-1].notes, "bytes_read": fetched})
    return parts


def measure_cover_picture(
    path: str, parameters: ScanParameters, layers: frozenset[Layer], max_pixels: int
) -> CoverReading:
    """Measure the cover picture in ``path`` with the models of ``layers``."""
    from stills.scan.cover import measure_cover

    vision = _vision(parameters, layers) if "faces" in layers else None
    return measure_cover(path, vision, max_pixels=max_pixels)


def cover_rgb(path: str) -> NDArray[np.uint8] | None:
    """The cover picture in ``path`` (RGB, height × width × 3), if there is one that can be read."""
    from stills.scan.cover import cover_picture

    return cover_picture(path)


def read_picture(
    path: str, parameters: ScanParameters, attributes: Sequence[Attribute], max_pixels: int
) -> PictureReading:
    """The faces of the picture file at ``path``, with the ``attributes`` asked for."""
    from stills.scan.picture_faces import read_faces

    report(0)
    _settle()
    vision = _vision(parameters, frozenset(("faces", *attributes)))
    # Pictures have any size. A graph keeps what it made for each, 2.5 MB in YuNet, so theirs goes with the picture.
    vision = replace(vision, detector=_detector(parameters))
    models = {name: getattr(parameters, name) for name in ("detector", "embedder", "attributes_model")}
    return read_faces(path, vision, max_pixels=max_pixels, models=models, on_step=lambda: report(0))


def picture_rgb(path: str, max_pixels: int, longest: int) -> NDArray[np.uint8]:
    """The picture file at ``path``, upright (RGB, height × width × 3), no side longer than ``longest``."""
    from stills.scan.picture_faces import picture_rgb as decode_rgb

    return decode_rgb(path, max_pixels=max_pixels, longest=longest)


def decode_pictures(  # noqa: PLR0917 - tasks are called by position
    path: str, video: VideoInfo, pts: Sequence[int], threads: int, device: str, bit_depth: int = 8
) -> dict[int, NDArray[np.uint8] | NDArray[np.uint16]]:
    """The upright SDR pictures (RGB, height × width × 3) of the frames at ``pts``; those that fail are missing.

    They have ``bit_depth`` bits a channel: 8 or 16.
    """
    plan = DecodePlan(times=tuple(pts), threads=threads, device="cuda" if device == "cuda" else "cpu")
    pictures: dict[int, NDArray[np.uint8] | NDArray[np.uint16]] = {}
    for frame in decode(path, video, plan, _packets(path, video)):
        pictures[frame.pts] = frame.picture16() if bit_depth == 16 else frame.picture()
        report(frame.pts)
    return pictures


def _packets(path: str, video: VideoInfo) -> PacketIndex:
    """The packets of ``path``, kept for the next pictures of it: listing those of a film takes 0.1 s and more."""
    key = (path, *file_version(path), video.stream_index)
    packets = _listed.pop(key, None)
    if packets is None:
        packets = packets_of(path, video)
    while _listed and (
        len(_listed) >= LISTED_VIDEOS or len(packets) + sum(map(len, _listed.values())) > LISTED_PACKETS
    ):
        del _listed[next(iter(_listed))]
    _listed[key] = packets
    return packets


def _vision(parameters: ScanParameters, layers: Collection[Layer]) -> Vision:
    """The models for ``layers``; they stay loaded."""
    p, score = parameters, parameters.detect_score
    one_size = p.follow_side == p.detect_side
    key = (p.device, p.precision, score, one_size, p.detector, p.embedder)
    if not _loaded or _loaded[0].key != key:
        tells = stack_of("embedder", p.embedder)
        detectors = [_detector(p) for _ in range(1 if one_size else 2)]
        embedder = make_embedder(p.embedder, *_sessions(tells, p))
        landmarker = make_landmarker(_session("landmarks", parameters), _session("blendshapes", parameters))
        _loaded[:] = [_Loaded(key, Vision(detectors[0], detectors[-1], embedder, landmarker))]
    loaded = _loaded[0]
    if "expression" in layers and loaded.vision.expression is None:
        loaded.vision = replace(loaded.vision, expression=make_expression(_session("emotion", p)))
    wanted = attribute_stacks(p.attributes_model, attributes_in(layers))
    for stack in wanted:
        if stack not in loaded.attributes:
            loaded.attributes[stack] = make_attributes(stack, *_sessions(stack, p))
    return replace(
        loaded.vision,
        expression=loaded.vision.expression if "expression" in layers else None,
        attributes=tuple(loaded.attributes[stack] for stack in wanted),
        asked=attributes_in(layers),
    )


def _detector(parameters: ScanParameters) -> Detector:
    p = parameters
    return make_detector(p.detector, *_sessions(stack_of("detector", p.detector), p), score_threshold=p.detect_score)


def _sessions(stack: Stack, parameters: ScanParameters) -> list[Session]:
    return [_session(name, parameters) for name in stack.models]


def _session(name: str, parameters: ScanParameters) -> Session:
    # The parent has recorded what runs elsewhere than asked; here each graph goes where it can run.
    device = place(name, parameters.device).device
    return open_session(name, device=device, precision=parameters.precision, threads=1, checked=True)


@cache
def _settle() -> None:
    """Have this process behave as one of several: one thread, and freed frames go back to the system.

    glibc keeps freed memory; returned at once, a worker is a fifth smaller for 3 % of its time.
    """
    import ctypes
    import os
    import sys

    import cv2

    cv2.setNumThreads(1)  # a worker is one core's work; more threads would fight the other workers
    # OpenVINO keeps what oneDNN makes for each size of input. oneDNN's own copy, of up to 1024 kernels, would outlive
    # the graphs: 30 MB after one poster, and more with every further size. Scans are as fast without.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "0")
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none, and needs none
        if mallopt is not None:
            mallopt(_M_TRIM_THRESHOLD, TRIM_BYTES)
            mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
