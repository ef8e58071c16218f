"""Pictures of faces for tests: scikit-image's portrait of Eileen Collins (NASA, public domain), and drawn patterns."""

from functools import cache

import cv2
import numpy as np

FIVE = np.array([[200, 102], [247, 103], [221, 125], [199, 143], [240, 144]], float)
"""Her eyes, nose tip and corners of the mouth."""


@cache
def portrait() -> np.ndarray:
    """BGR, 512 × 512; the face is some 90 pixels wide."""
    from skimage.data import astronaut

    picture = np.ascontiguousarray(astronaut()[..., ::-1])
    picture.setflags(write=False)
    return picture


def mirrored_points(points: np.ndarray, width: int) -> np.ndarray:
    """Five points in the mirrored picture, in the detector's order again."""
    return (np.array([width - 1, 0]) + points * [-1, 1])[[1, 0, 2, 4, 3]]


def pattern(side: int, *, seed: int = 0) -> np.ndarray:
    """Grey shapes with hard edges at places that do not depend on ``side``: the same subject at any resolution."""
    rng = np.random.default_rng(seed)
    big = np.full((side * 4, side * 4), 120, np.uint8)
    for _ in range(60):
        centre, axes = rng.uniform(0, side * 4, 2), rng.uniform(side * 0.1, side * 0.5, 2)
        box = (tuple(centre.tolist()), tuple(axes.tolist()), float(rng.uniform(0, 180)))
        cv2.ellipse(big, box, int(rng.integers(60, 200)), -1)
    return cv2.resize(big, (side, side), interpolation=cv2.INTER_AREA)
