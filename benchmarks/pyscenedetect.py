"""Shots by PySceneDetect, for comparison: ``python -m benchmarks.pyscenedetect FILM OUT.json DETECTOR[+DETECTOR…]``.

Detectors have their own defaults and the scene manager its own: pictures are made smaller before they are compared.
Frames come by OpenCV, its default and the faster one here: PyAV's took 8.0 s where OpenCV's took 7.2 (``dinner``,
content).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError

WAYS: dict[str, tuple[str, ...]] = {
    "content": ("ContentDetector",),
    "adaptive": ("AdaptiveDetector",),
    "hash": ("HashDetector",),
    "histogram": ("HistogramDetector",),
    "adaptive+threshold": ("AdaptiveDetector", "ThresholdDetector"),
}
"""What is compared, by the names of the detectors' classes. The threshold detector alone finds fades to black only."""

MAIN = ("content", "adaptive")
"""The two that its documentation recommends."""


def shots(path: str, classes: Sequence[str]) -> list[dict[str, float]]:
    """Start and end of every shot of a film, in seconds. Raises ``BenchmarkError`` where it cannot be opened."""
    # untyped here: stubs of the two packages that it wants are not installed
    import scenedetect  # type: ignore[import-untyped,unused-ignore]
    from scenedetect import detectors

    try:
        video = scenedetect.open_video(path, backend="opencv")
    except (OSError, scenedetect.VideoOpenFailure) as error:
        raise BenchmarkError("PySceneDetect cannot open it", path=path) from error
    manager = scenedetect.SceneManager()
    for name in classes:
        manager.add_detector(getattr(detectors, name)())
    manager.detect_scenes(video)
    scenes: list[Any] = manager.get_scene_list(start_in_scene=True)
    return [{"start": start.seconds, "end": end.seconds} for start, end in scenes]


def main() -> None:
    """Find the shots of the film that the command line names."""
    film, out, way = sys.argv[1:]
    found = shots(film, WAYS[way])
    Path(out).write_text(json.dumps({"shots": found}), encoding="utf-8")


if __name__ == "__main__":
    main()
