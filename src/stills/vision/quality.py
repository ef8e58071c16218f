"""One number for how good a face is to look at, and what it is made of.

    value = Π partᵂ, a geometric mean with the weights W of ``WEIGHTS``, which add up to 1

A geometric mean, as nothing makes up for a part that fails: a large, well-lit face with closed eyes is no still. Each
part is in 0…1 and only ever raises the value; one that was not measured counts as 1. No part counts as less than
``FLOOR``, so that the others still order the faces of a person who is never seen well.

| part | 1 is | 0 is |
|---|---|---|
| size | all that a 1080p still can show | a dot |
| pose | frontal and upright | turned away |
| sharpness | see ``sharpness`` | blurred |
| exposure | see ``exposure`` | black, burnt out or in fog |
| eyes | open (from the mesh only) | closed |
| visible | wholly inside the frame, and surely a face | cut off by the frame's edge, covered |
| detector | as sure as it gets | at its threshold |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.types import Box, Pose
from stills.vision.align import TEMPLATE_112, similarity_transform
from stills.vision.exposure import exposure
from stills.vision.pose import pose_from_five
from stills.vision.sharpness import sharpness

if TYPE_CHECKING:
    from stills.vision.landmarks import FaceMesh

WEIGHTS: Mapping[str, float] = {
    "size": 0.20,
    "pose": 0.18,
    "sharpness": 0.25,  # what people notice first in a still, and what differs most inside a track
    "exposure": 0.10,
    "eyes": 0.15,
    "visible": 0.07,
    "detector": 0.05,  # mostly repeats the others; it adds coverings by hands, hair and objects
}
"""Weight of each part; they add up to 1."""

FLOOR = 0.02
"""Least value of a part in the mean."""

STILL_SIDE = 1920.0
"""Longer side in pixels of a still at 1080p: pixels of larger frames are of no use to it."""
SIZE_SCALE = 120.0
"""Pixels of a face (square root of its area) in the still at which its size is worth 63 %: head and shoulders."""
YAW_SCALE, PITCH_SCALE, ROLL_SCALE = 32.0, 28.0, 35.0
"""Degrees at which a pose is worth 61 %: up to 30° of yaw both eyes are fully seen; a tilted head disturbs less."""
HEAD_GRID = np.stack(np.meshgrid(np.linspace(12, 100, 8), np.linspace(10, 116, 8)), axis=-1).reshape(-1, 2)
"""Places on a head, forehead to chin, in the 112 × 112 template of the five points."""
EDGE_MARGIN = 0.1
"""Share of the box that should lie between the face and the frame's edge."""
SCORES = (0.5, 0.9)
"""Detector scores that are worth 0 and 1: frontal, uncovered faces get over 0.9."""
SURE = 0.5
"""Mesh presence from which its pose and eyes are believed."""


@dataclass(frozen=True, slots=True)
class Quality:
    """``value`` in 0…1, and the parts it was made of, each in 0…1."""

    value: float
    parts: Mapping[str, float]


def quick_quality(
    *, box: Box, landmarks: NDArray[Any], score: float, chip: NDArray[np.uint8], frame_size: tuple[int, int]
) -> Quality:
    """The quality of a face from what the detector gives, without the mesh: no ``eyes``, and a rough pose.

    ``box`` and the five ``landmarks`` are in pixels of the upright frame, whose width and height are ``frame_size``;
    ``chip`` is the aligned face, 112 × 112, grey or BGR. Some 0.3 ms. The value is an upper bound, but for the pose.
    """
    gray = chip if chip.ndim == 2 else np.asarray(cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY), np.uint8)
    return combine(
        {
            "size": size_part(box, frame_size),
            "pose": pose_part(pose_from_five(landmarks)),
            "sharpness": sharpness(gray),
            "exposure": exposure(gray),
            "visible": min(visible_part(box, frame_size), head_part(landmarks, frame_size)),
            "detector": detector_part(score),
        }
    )


def face_quality(quick: Quality, mesh: FaceMesh) -> Quality:
    """The quality of a face with what its mesh shows: the true pose, the eyes, and whether it is a face at all.

    Where the mesh does not believe in the face (presence under ``SURE``) its pose and eyes mean nothing: the rough pose
    stays, the eyes count as closed.
    """
    believed = mesh.presence >= SURE
    parts = dict(quick.parts)
    if believed:
        parts["pose"] = pose_part(Pose(mesh.yaw, mesh.pitch, mesh.roll))
    parts["eyes"] = mesh.eyes_open if believed else 0.0
    parts["visible"] = parts["visible"] * mesh.presence
    return combine(parts)


def combine(parts: Mapping[str, float]) -> Quality:
    """The weighted geometric mean of ``parts``, named as in ``WEIGHTS``; missing ones count as 1.

    So what is known of a face in part is never worth less than it is once all of it is known.
    """
    logs = sum(WEIGHTS[name] * math.log(min(1.0, max(FLOOR, value))) for name, value in parts.items())
    return Quality(math.exp(logs), {name: float(parts[name]) for name in WEIGHTS if name in parts})


def size_part(box: Box, frame_size: tuple[int, int]) -> float:
    """1 − exp(−pixels/``SIZE_SCALE``): 48 pixels 0.33, 96 0.55, 160 0.74, 240 0.86, 400 0.96."""
    shrink = min(1.0, STILL_SIDE / max(frame_size))
    pixels = math.sqrt(max(0.0, box[2]) * max(0.0, box[3])) * shrink
    return 1.0 - math.exp(-pixels / SIZE_SCALE)


def pose_part(pose: Pose) -> float:
    """A Gaussian of the angles."""
    squares = (pose.yaw / YAW_SCALE) ** 2 + (pose.pitch / PITCH_SCALE) ** 2 + (pose.roll / ROLL_SCALE) ** 2
    return math.exp(-squares / 2)


def visible_part(box: Box, frame_size: tuple[int, int]) -> float:
    """The share of the box and its margin that lies inside the frame, squared: a cut is seen at once."""
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return 0.0
    spans = []
    for start, length, limit in ((x, width, frame_size[0]), (y, height, frame_size[1])):
        margin = EDGE_MARGIN * length
        inside = min(limit, start + length + margin) - max(0.0, start - margin)
        spans.append(max(0.0, inside) / (length + 2 * margin))
    return min(1.0, spans[0] * spans[1]) ** 2


def head_part(landmarks: NDArray[Any], frame_size: tuple[int, int]) -> float:
    """The share of the head, as the five ``landmarks`` place it, that lies inside the frame, squared.

    A detector's box ends at the frame's edge, and its points are guessed where the face is cut off: only the head that
    belongs to the points shows how much is missing.
    """
    matrix = similarity_transform(TEMPLATE_112, landmarks)
    points = HEAD_GRID @ matrix[:, :2].T + matrix[:, 2]
    inside = (points >= 0).all(axis=1) & (points[:, 0] <= frame_size[0]) & (points[:, 1] <= frame_size[1])
    return float(inside.mean()) ** 2


def detector_part(score: float) -> float:
    """The detector's score between ``SCORES``."""
    return min(1.0, max(0.0, (score - SCORES[0]) / (SCORES[1] - SCORES[0])))
