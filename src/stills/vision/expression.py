"""What a face expresses: FER mini-XCEPTION, seven emotions.

Arriaga et al., "Real-time Convolutional Neural Networks for Emotion and Gender Classification", 2017, as the project
`fer` publishes it, quantised: a 64 × 64 grey face, scaled to −1…1, gives the probabilities of ``EMOTIONS``.

Measured on labelled pictures whose face the detector found, the likeliest emotion was the right one on 64 % of 741
faces of FER2013 (61 % of 770 where the network is given its pictures uncut; people agree with its labels on some
65 %), 7 of 10 photos and 49 % of 85 frames of acted clips. By emotion: happy 85 %, surprise 80 %, neutral 60 %, disgust
and sad 56 %, angry and fear under 50 %. A happy frame of the photos and clips got more of happiness and surprise than
one that was neither in 95 % of pairs. So it ranks pictures; it does not tell what anybody feels.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.models.session import Session
from stills.types import Box
from stills.vision.align import warp_square
from stills.vision.pose import pose_from_five

SIDE = 64
"""Pixels of the square chip that the network sees."""

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Order of the network's outputs; ``index.schema.EMOTIONS`` is the same."""

BOX_SCALE = 1.0
"""Side of the chip against the square root of the box's area. On the pictures above 0.85 to 1.1 differ by 2 points and
1.2 loses 10; a square as high as the box, as wide faces would have it, loses 5."""

MAX_ROLL = 45.0
"""Degrees by which a face is turned upright at most: the five points of profiles say nonsense."""


class ExpressionModel(Protocol):
    """Says how much of each emotion of ``EMOTIONS`` the faces in chips (see :func:`expression_chip`) show."""

    def classify(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, n × 7, of ``chips``: n × 64 × 64, grey. Raises ``ModelError``, ``UsageError``."""


class MiniXception:
    """The network of the catalog's ``emotion``: 0.35 ms a face, one thread.

    Its graph has a batch of one and quantised activations, which no runtime makes larger: chips run one by one.
    """

    def __init__(self, session: Session) -> None:
        """``session`` is of the catalog's ``emotion``."""
        self._session = session
        self._input = next(iter(session.inputs))

    def classify(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`ExpressionModel`."""
        if chips.ndim != 3 or chips.shape[1:] != (SIDE, SIDE):
            raise UsageError(f"chips are n × {SIDE} × {SIDE}, not {' × '.join(map(str, chips.shape))}")
        values = np.empty((len(chips), len(EMOTIONS)), np.float32)
        scaled = chips.astype(np.float32)[..., None] / np.float32(127.5) - np.float32(1.0)
        for n in range(len(chips)):
            values[n] = next(iter(self._session.run({self._input: scaled[n : n + 1]}).values()))[0]
        total = values.sum(axis=1, keepdims=True)
        return np.asarray(values / np.maximum(total, np.finfo(np.float32).tiny), np.float32)


def expression_chip(
    picture: NDArray[np.uint8], box: Box, landmarks: NDArray[Any], *, shift: float = 0.0, replicate: bool = False
) -> NDArray[np.uint8]:
    """The 64 × 64 grey chip of the face in ``box``: a square about its centre, turned upright.

    ``picture`` is grey (height × width) or BGR; ``box`` and the detector's five ``landmarks`` (5 × 2) are in its
    pixels. ``shift`` moves the face down in the chip by a share of its side. What lies outside of the picture is black,
    with ``replicate`` what its edge shows. Raises ``UsageError`` for a box without area.
    """
    x, y, width, height = box
    if not (width > 0 and height > 0):
        raise UsageError(f"a face's box has an area, unlike {width:g} × {height:g}")
    gray = picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    angle = math.radians(max(-MAX_ROLL, min(MAX_ROLL, pose_from_five(landmarks).roll)))
    scale = SIDE / (BOX_SCALE * math.sqrt(width * height))
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    turn = np.array([[c, s], [-s, c]])  # a roll is clockwise in the picture: this takes it back
    move = np.array([SIDE / 2, SIDE * (0.5 + shift)]) - turn @ (x + width / 2, y + height / 2)
    return warp_square(gray, np.column_stack((turn, move)), SIDE, replicate=replicate)


def mean_expression(values: NDArray[np.float32], areas: NDArray[Any]) -> NDArray[np.float32] | None:
    """The expression of a picture (7,): the mean of its faces' ``values`` (n × 7), weighted by ``areas`` (n,).

    ``None`` for a picture without faces. Nothing of it belongs to any one person, which is why only this is kept.
    """
    weights = np.asarray(areas, np.float64)
    total = weights.sum()
    if not len(values) or total <= 0:
        return None
    return np.asarray(weights @ values / total, np.float32)
