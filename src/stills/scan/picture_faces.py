"""The faces of a single picture, measured as those of a video are: a poster, a photo. Runs in the workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.index.pictures import PictureFace, PictureReading
from stills.scan.faces import LEAST_EYES
from stills.scan.images import FRAMES, decode_image
from stills.types import Attribute, Box
from stills.vision.align import align_face
from stills.vision.attributes import FaceCrop
from stills.vision.quality import SURE, face_quality, quick_quality
from stills.vision.scales import detect_at_scales

if TYPE_CHECKING:
    from stills.scan.faces import Vision
    from stills.vision.detect import Detection
    from stills.vision.landmarks import FaceMesh
    from stills.vision.quality import Quality

MARGIN = 0.6
"""How much of a face's box is looked at around it, on each side: the mesh wants a half of it where heads are tilted."""

SIDE = 512
"""Longest side of that in pixels: the mesh sees 256, embedding and attributes 224 at most."""

SURE_ALONE = 0.8
"""Detector score from which a face counts that the mesh does not believe in. The mesh fits no profile; those score
over 0.8 (frames of 6 real clips, by eye), while folds and flowers that the detector takes for faces stay below."""


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A face, in pixels of the decoded picture, with what was cut out around it."""

    detection: Detection
    crop: FaceCrop
    mesh: FaceMesh
    quality: Quality
    chip: NDArray[np.uint8]


def read_faces(
    path: str,
    vision: Vision,
    *,
    max_pixels: int,
    models: Mapping[str, str],
    on_step: Callable[[], None] | None = None,
) -> PictureReading:
    """Look at the picture in the file ``path``; ``models`` are the names of what measures it.

    ``max_pixels`` is what a frame of a video may have; see ``images.FRAMES``. ``on_step`` is called now and then, as a
    sign of life. Raises ``InputError`` or ``LimitError`` where it cannot be read, ``ModelError``.
    """
    image = decode_image(path, max_pixels=FRAMES * max_pixels)
    if on_step is not None:
        on_step()
    bgr = np.asarray(cv2.cvtColor(image.rgb, cv2.COLOR_RGB2BGR), np.uint8)
    unit = (image.width / bgr.shape[1], image.height / bgr.shape[0])
    found = measure_picture(bgr, vision, on_step=on_step)
    faces = [_whole(face, unit) for face in found]
    faces.sort(key=lambda face: -face.box[2] * face.box[3])
    return PictureReading(path, image.width, image.height, tuple(faces), warnings=image.warnings, models=dict(models))


def picture_rgb(path: str, *, max_pixels: int, longest: int) -> NDArray[np.uint8]:
    """The picture in the file ``path``, upright, RGB (height, width, 3), no side longer than ``longest``.

    Raises as :func:`read_faces`.
    """
    rgb = decode_image(path, max_pixels=FRAMES * max_pixels).rgb
    height, width = rgb.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def measure_picture(
    bgr: NDArray[np.uint8], vision: Vision, *, on_step: Callable[[], None] | None = None
) -> list[PictureFace]:
    """The faces of a picture (BGR, height × width × 3) with all that ``vision`` measures, the surest first."""
    found: list[_Found] = []
    for detection in detect_at_scales(vision.detector, bgr, on_tile=on_step):
        face = _looked_at(bgr, detection, vision)
        if face is not None:
            found.append(face)
        if on_step is not None:
            on_step()
    if not found:
        return []
    vectors = vision.embedder.embed(np.stack([face.chip for face in found]))
    attributes: list[dict[Attribute, NDArray[np.float32]]] = [{} for _ in found]
    for model in vision.attributes:
        for name, values in model.measure([face.crop for face in found]).items():
            if name in vision.asked:
                for own, value in zip(attributes, values, strict=True):
                    own[name] = value
    return [_face(f, vector, own) for f, vector, own in zip(found, vectors, attributes, strict=True)]


def _looked_at(bgr: NDArray[np.uint8], d: Detection, vision: Vision) -> _Found | None:
    """What is to be seen of a detection; ``None`` where that is no face, or too small to be told from another."""
    if np.hypot(*(d.landmarks[1] - d.landmarks[0])) < LEAST_EYES or (crop := _cut(bgr, d)) is None:
        return None
    mesh = vision.landmarker.fit(crop.bgr, crop.landmarks)
    if mesh.presence < SURE and d.score < SURE_ALONE:
        return None
    chip = align_face(crop.bgr, crop.landmarks)
    size = (bgr.shape[1], bgr.shape[0])
    quick = quick_quality(box=d.box, landmarks=d.landmarks, score=d.score, chip=chip, frame_size=size)
    crop = FaceCrop(crop.bgr, crop.box, crop.landmarks, mesh)
    return _Found(d, crop, mesh, face_quality(quick, mesh), chip)


def _cut(bgr: NDArray[np.uint8], d: Detection) -> FaceCrop | None:
    """The face and what is around it, at most ``SIDE`` large; ``None`` where it lies outside of the picture."""
    x, y, w, h = d.box
    left, top = max(0, int(x - MARGIN * w)), max(0, int(y - MARGIN * h))
    right = min(bgr.shape[1], int(x + (1 + MARGIN) * w) + 1)
    bottom = min(bgr.shape[0], int(y + (1 + MARGIN) * h) + 1)
    if right - left < 2 or bottom - top < 2:
        return None
    part = bgr[top:bottom, left:right]
    scale = min(1.0, SIDE / max(part.shape[:2]))
    if scale < 1.0:
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    box: Box = ((x - left) * scale, (y - top) * scale, w * scale, h * scale)
    points = (d.landmarks - np.array([left, top], np.float32)) * np.float32(scale)
    return FaceCrop(part, box, np.asarray(points, np.float32))


def _face(
    found: _Found, vector: NDArray[np.float32], attributes: Mapping[Attribute, NDArray[np.float32]]
) -> PictureFace:
    d, mesh = found.detection, found.mesh
    return PictureFace(
        box=d.box,
        landmarks=d.landmarks,
        score=float(d.score),
        quality=float(found.quality.value),
        parts=found.quality.parts,
        yaw=mesh.yaw,
        pitch=mesh.pitch,
        embedding=vector,
        attributes=attributes,
    )


def _whole(face: PictureFace, unit: tuple[float, float]) -> PictureFace:
    """``face`` in pixels of the whole picture, of which ``unit`` make one (x, y) of the decoded one."""
    x, y, w, h = face.box
    box: Box = (x * unit[0], y * unit[1], w * unit[0], h * unit[1])
    return replace(face, box=box, landmarks=np.asarray(face.landmarks * np.array(unit, np.float32), np.float32))
