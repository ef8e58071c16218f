"""Runs detectors over the frames of a film, or over pictures of one face each, in a process of its own.

``python -m benchmarks.detect_faces OUT DETECTOR,DETECTOR… FILM TRUTH STEP`` looks at a frame each STEP seconds;
``python -m benchmarks.detect_faces OUT DETECTOR,DETECTOR… LABELS`` at the pictures that a ``labels.csv`` names. OUT
gets a list of rows: where it is from, how many people there are, and for each detector the seconds and the faces.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from stills.models import open_session
from stills.vision import make_detector, stack_of
from stills.vision.detect import Detector

LONGER_SIDE = 1280
"""Pixels of a frame's longer side: what both films can give."""

SMALL, ENLARGED = 64, 4
"""Pictures under this side (FER2013's 48 × 48) are enlarged this often, with a border: they are cut at the face."""


def frames(film: Path, truth: Path, step: float) -> Iterator[tuple[str, int, NDArray[np.uint8]]]:
    """A frame each ``step`` seconds outside of dissolves: its time, the people in it, and itself (BGR)."""
    shots = json.loads(truth.read_text(encoding="utf-8"))["shots"]
    due = step / 2
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            if frame.time is None or frame.time < due:
                continue
            due += step
            here = [shot for shot in shots if shot["start"] <= frame.time < shot["end"]]
            if len(here) == 1:
                scale = min(1.0, LONGER_SIDE / max(frame.width, frame.height))
                small = frame.reformat(round(frame.width * scale), round(frame.height * scale), "bgr24")
                yield f"{frame.time:.2f}", len(here[0]["people"]), np.asarray(small.to_ndarray(), np.uint8)


def pictures(labels: Path) -> Iterator[tuple[str, int, NDArray[np.uint8]]]:
    """Each still picture of ``labels.csv``: its kind, 1, and itself (BGR)."""
    with labels.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        picture = cv2.imread(str(labels.parent / row["file"]), cv2.IMREAD_COLOR)
        if picture is None:  # the acted clips are videos
            continue
        if max(picture.shape) < SMALL:
            picture = cv2.resize(picture, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
            edge = picture.shape[0] // 4
            picture = cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
        yield row["kind"], 1, np.asarray(picture, np.uint8)


def look(detectors: Mapping[str, Detector], picture: NDArray[np.uint8]) -> dict[str, Any]:
    """What each detector finds in a picture, and in how many seconds."""
    found = {}
    for name, detector in detectors.items():
        start = time.perf_counter()
        faces = detector.detect(picture)
        seconds = time.perf_counter() - start
        rows = [{"score": f.score, "box": f.box, "points": f.landmarks.tolist()} for f in faces]
        found[name] = {"seconds": seconds, "faces": rows}
    return found


def main() -> None:
    """Look at what the command line names."""
    out, names, *source = sys.argv[1:]
    detectors = {
        name: make_detector(name, *(open_session(m, device="cpu") for m in stack_of("detector", name).models))
        for name in names.split(",")
    }
    path, *film = source
    shown = frames(Path(path), Path(film[0]), float(film[1])) if film else pictures(Path(path))
    rows = [{"source": where, "people": people, "found": look(detectors, p)} for where, people, p in shown]
    Path(out).write_text(json.dumps({"rows": rows}), encoding="utf-8")


if __name__ == "__main__":
    main()
