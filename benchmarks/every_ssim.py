"""The reference scripts' way to key frames: structural similarity of every frame to a history of kept ones.

``python -m benchmarks.every_ssim FILM OUT.json SECONDS HEIGHT WAY THRESHOLD…``: every frame of the first SECONDS is
compared with the last ten that were kept, grey and HEIGHT pixels high (0: full size), and kept where none of them is as
similar as THRESHOLD. WAY is ``skimage``, scikit-image's function as such scripts call it, or ``opencv``, the same
formula in floats of 32 bits with OpenCV's box filter.

THRESHOLD ``guess:N`` stands for the one from which N frames would be kept if each were compared with the one before
only: that is how a threshold is guessed for a wanted number. It needs a pass of its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.naive import frames

HISTORY = 10
"""Frames kept that a new one is compared with."""

_WINDOW = 7
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Grey = NDArray[np.uint8]
Similarity = Callable[[Grey, Grey], float]


def by_skimage(a: Grey, b: Grey) -> float:
    """scikit-image's structural similarity, with its defaults."""
    from skimage.metrics import structural_similarity

    return float(structural_similarity(a, b))  # type: ignore[no-untyped-call]


def by_opencv(a: Grey, b: Grey) -> float:
    """The same formula: means and variances in windows of 7 × 7 (Wang et al. 2004, uniform weights)."""
    size = (_WINDOW, _WINDOW)
    x, y = a.astype(np.float32), b.astype(np.float32)
    mean_x, mean_y = cv2.blur(x, size), cv2.blur(y, size)
    variances = cv2.blur(x * x, size) - mean_x * mean_x + cv2.blur(y * y, size) - mean_y * mean_y
    covariance = cv2.blur(x * y, size) - mean_x * mean_y
    above = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    return float(np.mean(above / ((mean_x * mean_x + mean_y * mean_y + _C1) * (variances + _C2))))


WAYS: dict[str, Similarity] = {"skimage": by_skimage, "opencv": by_opencv}


def greys(path: str, seconds: float, height: int) -> Iterator[tuple[float, Grey]]:
    """Time and grey picture of every frame of the first ``seconds``."""
    for when, picture in frames(path, 1e-9):
        if when >= seconds:
            return
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        if height:
            grey = cv2.resize(
                grey, (round(grey.shape[1] * height / grey.shape[0]), height), interpolation=cv2.INTER_AREA
            )
        yield when, np.asarray(grey, np.uint8)


def keep(pictures: Iterable[tuple[float, Grey]], similar: Similarity, threshold: float) -> tuple[list[float], int, int]:
    """Times of the frames kept, frames seen, comparisons made: the newest of the history first, as the likeliest."""
    history: deque[Grey] = deque(maxlen=HISTORY)
    times, seen, comparisons = [], 0, 0
    for when, grey in pictures:
        seen += 1
        for kept in reversed(history):
            comparisons += 1
            if similar(grey, kept) >= threshold:
                break
        else:
            history.append(grey)
            times.append(when)
    return times, seen, comparisons


def neighbours(pictures: Iterable[tuple[float, Grey]], similar: Similarity) -> list[float]:
    """The similarity of every frame to the one before, least first."""
    alike: list[float] = []
    before: Grey | None = None
    for _, grey in pictures:
        if before is not None:
            alike.append(similar(grey, before))
        before = grey
    return sorted(alike)


def guess(alike: Sequence[float], wanted: int) -> float:
    """The threshold that ``wanted`` - 1 frames do not reach with the frame before: the first one is always kept."""
    return alike[min(wanted - 1, len(alike) - 1)] if alike else 1.0


def main() -> None:
    """Keep frames of the film that the command line names, once for each threshold."""
    film, out, seconds, height, way, *thresholds = sys.argv[1:]
    similar = WAYS[way]
    wanted = {text: int(text.removeprefix("guess:")) for text in thresholds if text.startswith("guess:")}
    # small pictures are kept for all the passes; at full size there is one pass, and no memory for all
    small = list(greys(film, float(seconds), int(height))) if int(height) else None
    alike = neighbours(small or greys(film, float(seconds), int(height)), similar) if wanted else []
    results = []
    for text in thresholds:
        start = time.perf_counter()
        threshold = guess(alike, wanted[text]) if text in wanted else float(text)
        times, seen, comparisons = keep(small or greys(film, float(seconds), int(height)), similar, threshold)
        results.append(
            {
                "threshold": threshold,
                "wanted": wanted.get(text),
                "frames": [{"time": round(when, 6)} for when in times],
                "seen": seen,
                "comparisons": comparisons,
                "seconds": time.perf_counter() - start,
            }
        )
    Path(out).write_text(json.dumps({"results": results}), encoding="utf-8")


if __name__ == "__main__":
    main()
