"""What the default attribute networks have in common: chips, both ways round, and probabilities made honest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from stills.vision.align import similarity_transform, warp_square
from stills.vision.attributes import FaceCrop

DLIB_TEMPLATE: NDArray[np.float64] = np.array(
    [[0.2273, 0.2214], [0.7528, 0.2212], [0.4901, 0.5156], [0.2541, 0.7802], [0.7261, 0.7802]]
)
"""Where the detector's five points lie in dlib's face square (0…1) without its padding: fitted, as dlib itself aligns
by 68 or 5 other points."""
DLIB_TEMPLATE.setflags(write=False)

DLIB_PADDING = 0.2
"""Share of the face square that is added on each side, as the Cydral networks were trained."""

DLIB_MEAN: NDArray[np.float32] = np.array([122.782, 117.001, 104.298], np.float32)
"""Red, green, blue: what dlib's ``input_rgb_image`` takes off before it divides by 256."""
DLIB_MEAN.setflags(write=False)

LEAST_PRESENCE = 0.5
"""The mesh's confidence from which its points are believed; it fits no profile."""

_MESH_FIVE = ((33, 133), (362, 263), (4,), (61,), (291,))
"""Points of the mesh (means of each) for the detector's five: corners of the eyes, nose tip, corners of the mouth."""

BATCH = 8
"""Faces a run at most, with their mirror images twice as many: bounds the memory."""


def five_points(face: FaceCrop) -> NDArray[np.float64]:
    """The five points to align a face by, 5 × 2: those of its mesh where that fits, else the detector's.

    Detectors place them by the size at which they saw the face. On 572 faces that YuNet saw at 80 pixels instead of
    160, ages err by 7.6 years instead of 7.2 and 73 % of ethnic labels are right instead of 78 % by its points; by the
    mesh's it is 7.1 years and 79 % at both.
    """
    if face.mesh is None or not face.mesh.presence >= LEAST_PRESENCE:
        return np.asarray(face.landmarks, np.float64)
    points = np.asarray(face.mesh.points, np.float64)
    return np.stack([points[list(index), :2].mean(axis=0) for index in _MESH_FIVE])


def dlib_chip(face: FaceCrop, side: int) -> NDArray[np.uint8]:
    """The ``side`` × ``side`` BGR chip that dlib would cut; the picture's edge goes on where the face leaves it.

    Raises ``UsageError`` where the five points coincide.
    """
    target = (DLIB_TEMPLATE + DLIB_PADDING) * (side / (1 + 2 * DLIB_PADDING))
    return warp_square(face.bgr, similarity_transform(five_points(face), target), side, replicate=True)


def dlib_input(chips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """BGR chips (n × side × side × 3) as dlib's networks want them: RGB planes about zero, n × 3 × side × side."""
    rgb = (chips[..., ::-1].astype(np.float32) - DLIB_MEAN) / np.float32(256)
    return np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))


def both_ways(
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]], inputs: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The mean of what ``run`` gives for ``inputs`` (n × channels × height × width) and for their mirror images.

    A face tells the same in a mirror, a network not quite: the mean errs less, for twice the time.
    """
    values = run(np.concatenate((inputs, inputs[..., ::-1])))
    return np.asarray((values[: len(inputs)] + values[len(inputs) :]) / 2, np.float32)


def batches(faces: Sequence[FaceCrop], size: int) -> Iterator[tuple[slice, Sequence[FaceCrop]]]:
    """``faces`` in parts of up to ``size``, with where each lies."""
    for start in range(0, len(faces), size):
        where = slice(start, min(start + size, len(faces)))
        yield where, faces[where]


def tempered(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """``probabilities`` (n × k) at a ``temperature``: over 1 less sure, under 1 surer; which is likeliest stays.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017. Networks that say 0 get the benefit of 1e-6.
    """
    scaled = np.log(np.maximum(probabilities.astype(np.float64), 1e-6)) / temperature
    odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)
