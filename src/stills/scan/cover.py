"""The picture embedded as a cover: decoded with care, and measured as a frame of the video would be."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.errors import InputError, LimitError
from stills.index.schema import QUALITY_PARTS
from stills.media.cover import Cover, cover
from stills.scan.images import decode_image
from stills.vision.align import align_face
from stills.vision.expression import expression_chip, mean_expression
from stills.vision.pictures import ArrayPictures
from stills.vision.quality import face_quality, quick_quality
from stills.vision.signals import SignalMeter

if TYPE_CHECKING:
    from stills.media.source import PathLike
    from stills.scan.faces import Vision
    from stills.types import Box

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
"""What a cover may be, whatever it calls itself: what containers are known to carry."""

MAX_COVER_PIXELS = 1 << 26
"""Largest cover that is decoded, in pixels: 8192 × 8192, which takes 200 MB."""

DETECT_SIDE = 640
"""Longer side, in pixels, of the picture that the detector sees; posters have large faces."""

_JSON_DIGITS = 5


@dataclass(frozen=True, slots=True)
class CoverReading:
    """``values`` are for ``Index.cover``: ``None`` where there is no cover, or none that can be read (``warnings``)."""

    values: dict[str, Any] | None
    warnings: tuple[str, ...] = ()


def cover_picture(path: PathLike, *, max_pixels: int = MAX_COVER_PIXELS) -> NDArray[np.uint8] | None:
    """The cover picture in ``path``, upright: RGB (height, width, 3).

    ``None`` where there is none, or where it is damaged, too large or of a strange format (:func:`measure_cover` warns
    of that). It is foreign data: call this where decoding may fail, in a worker. Raises what opening ``path`` raises.
    """
    found = cover(path)
    if found is None:
        return None
    try:
        return _decode(found, max_pixels)
    except (InputError, LimitError):
        return None


def measure_cover(path: PathLike, vision: Vision | None, *, max_pixels: int = MAX_COVER_PIXELS) -> CoverReading:
    """What the cover picture in ``path`` shows: signals, and faces and their expression where ``vision`` has models.

    The values are JSON: ``width``, ``height``, ``signals`` (columns of ``frames`` by name), ``hash``, ``colors`` and
    ``thumb`` (base64), ``faces`` (with ``box`` in pixels and the measured columns of ``faces``), and ``expression``,
    the mean of all faces as in ``frames``. Raises what opening ``path`` raises, and ``ModelError``.
    """
    found = cover(path)
    if found is None:
        return CoverReading(None)
    try:
        rgb = _decode(found, max_pixels)
    except (InputError, LimitError) as error:
        return CoverReading(None, (f"the cover picture is left out: {error.message}",))
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    values: dict[str, Any] = {"width": bgr.shape[1], "height": bgr.shape[0], **_signals(bgr)}
    values["faces"], values["expression"] = ([], None) if vision is None else _faces(bgr, vision)
    return CoverReading(values)


def _decode(found: Cover, max_pixels: int) -> NDArray[np.uint8]:
    """The picture, whole and upright. Raises ``InputError`` and ``LimitError`` where it cannot be shown."""
    limit = min(max_pixels, MAX_COVER_PIXELS)
    return decode_image(found.data, max_pixels=limit, keep_pixels=None, formats=FORMATS).rgb


def _signals(bgr: NDArray[np.uint8]) -> dict[str, Any]:
    meter = SignalMeter()
    meter.add(ArrayPictures(bgr))
    columns = meter.finish([])
    packed = {
        "hash": int(columns.pop("hash")[0]),
        "colors": base64.b64encode(columns.pop("colors")[0].tobytes()).decode(),
        "thumb": base64.b64encode(meter.thumbs[0].tobytes()).decode(),
    }
    return {"signals": {name: _plain(values[0]) for name, values in columns.items()}, **packed}


def _plain(value: Any) -> Any:
    """A NumPy scalar or short array as JSON."""
    value = value.tolist()
    if isinstance(value, list):
        return [round(v, _JSON_DIGITS) for v in value]
    return value if isinstance(value, bool) else round(float(value), _JSON_DIGITS)


def _faces(bgr: NDArray[np.uint8], vision: Vision) -> tuple[list[dict[str, Any]], list[float] | None]:
    height, width = bgr.shape[:2]
    scale = min(1.0, DETECT_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    back = np.array([width / size[0], height / size[1]], np.float32)
    faces, chips, areas = [], [], []
    for d in vision.detector.detect(small):
        points = np.asarray(d.landmarks * back, np.float32)
        box: Box = (d.box[0] * back[0], d.box[1] * back[1], d.box[2] * back[0], d.box[3] * back[1])
        if np.hypot(*(points[1] - points[0])) < 2.0 or box[2] <= 0 or box[3] <= 0:
            continue
        chip = align_face(bgr, points)
        quick = quick_quality(box=box, landmarks=points, score=d.score, chip=chip, frame_size=(width, height))
        mesh = vision.landmarker.fit(bgr, points)
        quality = face_quality(quick, mesh)
        row = {"score": d.score, "quality": quality.value, "presence": mesh.presence}
        row |= {name: getattr(mesh, name) for name in ("yaw", "pitch", "roll", "eyes_open", "mouth_open", "smile")}
        row |= {f"quality_{name}": quality.parts[name] for name in QUALITY_PARTS if name in quality.parts}
        faces.append(
            {"box": [round(float(v), 2) for v in box], **{n: round(float(v), _JSON_DIGITS) for n, v in row.items()}}
        )
        if vision.expression is not None:
            chips.append(expression_chip(bgr, box, points))
            areas.append(box[2] * box[3])
    if vision.expression is None or not chips:
        return faces, None
    mean = mean_expression(vision.expression.classify(np.stack(chips)), np.array(areas))
    return faces, None if mean is None else [round(float(v), _JSON_DIGITS) for v in mean]
