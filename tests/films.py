"""Small films for tests that run everything; the face in them is scikit-image's portrait of Eileen Collins."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from stills.media.encode import write_video


def face_film(path: Path, *, seconds: float = 2.0, width: int = 640, height: int = 360, rate: int = 25) -> Path:
    """One shot: a slow pan over the portrait. The face is about 110 pixels wide at 640×360."""
    from skimage.data import astronaut

    portrait = astronaut()
    frames = round(seconds * rate)
    with write_video(path, width, height, Fraction(rate)) as writer:
        for number in range(frames):
            scale = width / 420
            x, y = 235 + 20 * number / frames, 150
            matrix = np.array([[scale, 0, width / 2 - scale * x], [0, scale, height / 2 - scale * y]])
            writer.write(cv2.warpAffine(portrait, matrix, (width, height), borderMode=cv2.BORDER_REFLECT))
    return path


def empty_film(path: Path, *, frames: int = 30) -> Path:
    """Nobody in it: a gradient that moves."""
    with write_video(path, 320, 180, Fraction(25)) as writer:
        for number in range(frames):
            ramp = (np.linspace(0, 200, 320) + number).astype(np.uint8)
            writer.write(np.broadcast_to(ramp[None, :, None], (180, 320, 3)))
    return path
