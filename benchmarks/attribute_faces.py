"""What stills thinks of labelled faces: ``python -m benchmarks.attribute_faces LABELS OUT`` writes it as JSON.

Pictures are read as posters are, with faces looked for at several sizes; of a clip nine moments are. The largest face
counts. Each file gets ``{"file", "faces": [{"age": [years, spread], "gender": […], …, "network", "muscles"}]}``:
probabilities by face, and the two parts of the emotion, which :mod:`benchmarks.attribute_fit` weighs.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.media.decode import DecodePlan, decode
from stills.media.probe import probe_with_packets
from stills.models import open_session
from stills.scan.images import decode_image
from stills.vision import attribute_stacks, make_attributes, make_detector, make_landmarker
from stills.vision.attributes import AttributeModel, FaceCrop
from stills.vision.attributes.emotion import FerEmotion, muscles
from stills.vision.detect import Detector
from stills.vision.landmarks import FaceLandmarker
from stills.vision.scales import detect_at_scales

MOMENTS = 9
"""Frames of a clip that are read, spread evenly, without its ends."""

MAX_PIXELS = 100_000_000


def pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The picture in a file, or the moments of a clip: BGR."""
    if path.suffix.lower() not in {".mp4", ".webm", ".mkv", ".mov", ".avi"}:
        yield np.ascontiguousarray(decode_image(path, max_pixels=MAX_PIXELS).rgb[..., ::-1])
        return
    info, packets = probe_with_packets(path)
    shown = packets.presentation_pts
    wanted = sorted({int(shown[len(shown) * (i + 1) // (MOMENTS + 1)]) for i in range(MOMENTS)})
    for frame in decode(path, info, DecodePlan(times=tuple(wanted)), packets):
        yield np.ascontiguousarray(frame.picture()[..., ::-1])


def largest_face(bgr: NDArray[np.uint8], detector: Detector, landmarker: FaceLandmarker) -> FaceCrop | None:
    """The largest face of a picture with its mesh."""
    found = detect_at_scales(detector, bgr)
    if not found:
        return None
    face = max(found, key=lambda d: d.box[2] * d.box[3])
    return FaceCrop(bgr, face.box, face.landmarks, landmarker.fit(bgr, face.landmarks))


def measured(faces: list[FaceCrop], models: list[AttributeModel]) -> list[dict[str, Any]]:
    """The values of each face by attribute, and the parts of its emotion."""
    values: list[dict[str, Any]] = [{} for _ in faces]
    for model in models:
        for attribute, rows in model.measure(faces).items():
            for value, row in zip(values, rows, strict=True):
                value[attribute] = [float(v) for v in row]
        if isinstance(model, FerEmotion):
            bare = model.measure([FaceCrop(face.bgr, face.box, face.landmarks) for face in faces])["emotion"]
            for value, face, network in zip(values, faces, bare, strict=True):
                assert face.mesh is not None
                value["network"] = [float(v) for v in network]
                value["muscles"] = [float(v) for v in muscles(face.mesh.blendshapes)]
    return values


def main() -> None:
    """Read the files that LABELS names and write what is thought of them to OUT."""
    labels, out = Path(sys.argv[1]), Path(sys.argv[2])
    with labels.open(newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    detector = make_detector("yunet", open_session("yunet"))
    landmarker = make_landmarker(open_session("landmarks"), open_session("blendshapes"))
    models = [
        make_attributes(stack, *(open_session(name) for name in stack.models))
        for stack in attribute_stacks("default", ("age", "gender", "ethnicity", "emotion"))
    ]
    written = []
    for name in names:
        faces = [largest_face(picture, detector, landmarker) for picture in pictures(labels.parent / name)]
        written.append({"file": name, "faces": measured([face for face in faces if face is not None], models)})
    out.write_text(json.dumps(written), encoding="utf-8")


if __name__ == "__main__":
    main()
