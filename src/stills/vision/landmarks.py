"""The mesh of a face, and what it shows: pose, open eyes, open mouth, smile. MediaPipe's Face Landmarker, two graphs.

Pre- and post-processing follow MediaPipe's ``face_landmarks_detector_graph`` and ``face_blendshapes_graph``; only the
region is taken from the detector's five points, as there is no BlazeFace here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.models.session import Session
from stills.vision.align import TEMPLATE_112, similarity_transform, warp_square
from stills.vision.pose import pose_from_five, pose_from_mesh

SIDE = 256
"""Pixels of the square picture that the mesh network sees."""

# The region in units of the 112-pixel alignment template. Medians over 520 faces of films after the region had settled
# on 1.5 times the mesh's own extent, as MediaPipe sets it; turned heads lie to the side of their five points. One pass
# from here puts the points within 0.4 % of the settled region's side (median; 4 % at the 90th percentile).
_CENTRE = (56.0, 71.0)
_REGION = 150.0
_SHIFT_PER_DEGREE = 0.5
_GROWTH_PER_DEGREE = 0.0025
_MAX_YAW = 60.0

# Points of the mesh that the blendshape network takes, and its outputs, in its order (face_blendshapes_graph.cc).
# fmt: off
_SUBSET = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80, 81,
    82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154,
    155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263,
    267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321,
    323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387,
    388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, 478),
])
# fmt: on
# fmt: off
BLENDSHAPES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)
# fmt: on
"""Names of the 52 coefficients; "left" is the person's."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceMesh:
    """What the mesh of a face shows.

    ``points`` is 478 × 3: x, y in pixels of the picture that was given, z on the same scale, less towards the viewer.
    ``presence`` is the network's confidence that this is a face, 0…1. Angles are in degrees, with the signs of
    ``types.Pose``. ``eyes_open``, ``mouth_open`` and ``smile`` are in 0…1. ``blendshapes`` are the 52 coefficients by
    name, 0…1.
    """

    points: NDArray[np.float32]
    presence: float
    yaw: float
    pitch: float
    roll: float
    eyes_open: float
    mouth_open: float
    smile: float
    blendshapes: Mapping[str, float]


class FaceLandmarker:
    """Fits the mesh to a face that a detector found."""

    def __init__(self, mesh: Session, blendshapes: Session) -> None:
        """``mesh`` and ``blendshapes`` are sessions of the catalog's ``landmarks`` and ``blendshapes``."""
        self._mesh = mesh
        self._blendshapes = blendshapes
        self._mesh_input = next(iter(mesh.inputs))
        self._shape_input = next(iter(blendshapes.inputs))

    def fit(self, bgr: NDArray[np.uint8], landmarks: NDArray[Any]) -> FaceMesh:
        """The mesh of the face whose five points (detector's order, pixels of ``bgr``) are ``landmarks``.

        ``bgr`` should hold the face's box and half of it on each side; what is missing is taken as black. Raises
        ``UsageError`` where the five points coincide, ``ModelError`` where the runtime fails.
        """
        if np.shape(landmarks) != (5, 2):
            raise UsageError(f"five points are 5 × 2, not {' × '.join(map(str, np.shape(landmarks)))}")
        matrix = _region(np.asarray(landmarks, np.float64))
        chip = warp_square(bgr, matrix, SIDE)
        rgb = np.multiply(cv2.cvtColor(chip, cv2.COLOR_BGR2RGB)[None], np.float32(1 / 255), dtype=np.float32)
        raw = self._mesh.run({self._mesh_input: rgb})
        outputs = list(raw.values())  # points, presence, tongue out
        found = outputs[0].reshape(-1, 3).astype(np.float64)
        scale = math.hypot(matrix[0, 0], matrix[1, 0])
        back = np.linalg.inv(matrix[:, :2])
        points = np.empty_like(found)
        points[:, :2] = (found[:, :2] - matrix[:, 2]) @ back.T
        points[:, 2] = found[:, 2] / scale
        presence = 1 / (1 + math.exp(-max(-60.0, min(60.0, float(outputs[1].ravel()[0])))))
        subset = points[None, _SUBSET, :2].astype(np.float32)
        values = next(iter(self._blendshapes.run({self._shape_input: subset}).values())).ravel()
        shapes = dict(zip(BLENDSHAPES, (float(v) for v in np.clip(values, 0, 1)), strict=True))
        pose = pose_from_mesh(points)
        return FaceMesh(
            points=points.astype(np.float32),
            presence=presence,
            yaw=pose.yaw,
            pitch=pose.pitch,
            roll=pose.roll,
            eyes_open=eyes_open(shapes, pose.yaw),
            mouth_open=shapes["jawOpen"],
            smile=(shapes["mouthSmileLeft"] + shapes["mouthSmileRight"]) / 2,
            blendshapes=shapes,
        )


def _region(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 2 × 3 matrix from picture pixels to the mesh network's square: eyes level, one and a half faces wide."""
    to_template = similarity_transform(landmarks, TEMPLATE_112)
    yaw = max(-_MAX_YAW, min(_MAX_YAW, pose_from_five(landmarks).yaw))
    centre = (_CENTRE[0] - _SHIFT_PER_DEGREE * yaw, _CENTRE[1])
    scale = SIDE / (_REGION * (1 + _GROWTH_PER_DEGREE * abs(yaw)))
    matrix = to_template * scale
    matrix[:, 2] += SIDE / 2 - scale * np.array(centre)
    return matrix


# Blink coefficients of open eyes lie under 0.3, of closed ones over 0.65 (60 faces of films, by eye).
_BLINK_OPEN, _BLINK_CLOSED = 0.3, 0.65


def eyes_open(shapes: Mapping[str, float], yaw: float = 0.0) -> float:
    """How open the eyes are, 0…1: the less open one counts, as one closed eye spoils a picture.

    The eye farther from the camera counts less the more the head is turned (``yaw`` in degrees), as it is hardly seen.
    """
    openness = {
        side: min(1.0, max(0.0, (_BLINK_CLOSED - shapes[f"eyeBlink{side}"]) / (_BLINK_CLOSED - _BLINK_OPEN)))
        for side in ("Left", "Right")
    }
    far = "Left" if yaw > 0 else "Right"  # a head turned to its left shows its right side
    near = "Right" if yaw > 0 else "Left"
    trust = max(0.0, 1.0 - abs(yaw) / 45.0)
    return min(openness[near], 1.0 - trust * (1.0 - openness[far]))
