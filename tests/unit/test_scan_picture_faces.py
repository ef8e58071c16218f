"""What is measured of the faces of a picture, and how readings come out of the workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from picture_samples import crowd, face_box, lying, overlap, woman, write
from stills.errors import DecoderCrashError, InputError, LimitError, MemoryLimitError, ModelError
from stills.index.pictures import PictureFace, PictureReading
from stills.index.schema import QUALITY_PARTS
from stills.media.sandbox import TaskResult
from stills.models import open_session
from stills.scan.faces import Vision
from stills.scan.parameters import ScanParameters
from stills.scan.picture_faces import measure_picture, picture_rgb, read_faces
from stills.scan.readings import in_order, reading_of, reading_tasks
from stills.types import Attribute
from stills.vision import make_detector, make_embedder, make_landmarker
from stills.vision.attributes import FaceCrop
from stills.vision.detect import Detection

MODELS = {"detector": "yunet", "embedder": "sface", "attributes_model": "default"}
MANY = 1 << 27


@pytest.fixture(scope="module")
def vision() -> Vision:
    detector = make_detector("yunet", open_session("yunet", device="cpu"))
    return Vision(
        detector,
        detector,
        make_embedder("sface", open_session("sface", device="cpu")),
        make_landmarker(open_session("landmarks", device="cpu"), open_session("blendshapes", device="cpu")),
    )


def cosine(one: PictureFace, other: PictureFace) -> float:
    assert one.embedding is not None
    assert other.embedding is not None
    return float(one.embedding @ other.embedding)


def test_faces_come_largest_first_with_all_that_is_measured(tmp_path: Path, vision: Vision) -> None:
    places = {(60, 40): 0.5, (300, 100): 2.0, (900, 60): 1.0}
    path = str(write(tmp_path / "poster.png", crowd(1300, 700, places)))
    reading = read_faces(path, vision, max_pixels=MANY, models=MODELS)
    assert (reading.path, reading.width, reading.height, reading.error) == (path, 1300, 700, None)
    assert reading.models == MODELS
    scales = [2.0, 1.0, 0.5]
    for face, scale in zip(reading.faces, scales, strict=True):
        (place,) = (at for at, s in places.items() if s == scale)
        assert overlap(face.box, face_box(*place, scale)) > 0.5
        assert face.landmarks.shape == (5, 2)
        assert face.box[0] < face.landmarks[2, 0] < face.box[0] + face.box[2]
        assert set(face.parts) == set(QUALITY_PARTS)
        assert face.yaw is not None
        assert abs(face.yaw) < 30
        assert 0 < face.quality <= 1
        assert face.embedding is not None
        assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-5)
        assert face.attributes == {}
    assert min(cosine(reading.faces[0], other) for other in reading.faces[1:]) > 0.8


def test_boxes_are_those_of_the_whole_picture_upright(
    tmp_path: Path, vision: Vision, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reduced while it is read, and turned."""
    large = crowd(1600, 2400, {(500, 700): 4.0})
    path = str(write(tmp_path / "poster.jpg", lying(large, 6), "JPEG", orientation=6))
    whole = read_faces(path, vision, max_pixels=MANY, models=MODELS)
    monkeypatch.setattr("stills.scan.images.decode_image.__kwdefaults__", {
        "keep_pixels": 500_000, "formats": ("JPEG",)})  # fmt: skip
    reduced = read_faces(path, vision, max_pixels=MANY, models=MODELS)
    for reading in (whole, reduced):
        assert (reading.width, reading.height) == (1600, 2400)
        assert len(reading.faces) == 1
        assert overlap(reading.faces[0].box, face_box(500, 700, 4.0)) > 0.6
    assert overlap(whole.faces[0].box, reduced.faces[0].box) > 0.9
    assert np.abs(whole.faces[0].landmarks - reduced.faces[0].landmarks).max() < 12
    assert cosine(whole.faces[0], reduced.faces[0]) > 0.95


class Brightness:
    """Says how bright a face is, and its box in it, in place of an age; and something that was not asked for."""

    gives: tuple[Attribute, ...] = ("age", "gender")

    def __init__(self) -> None:
        self.crops: list[FaceCrop] = []

    def measure(self, faces: Sequence[FaceCrop]) -> Mapping[Attribute, NDArray[np.float32]]:
        self.crops += faces
        ages = np.array([[face.bgr.mean(), 1.0] for face in faces], np.float32)
        return {"age": ages, "gender": np.full((len(faces), 2), 0.5, np.float32)}


def test_only_attributes_that_were_asked_for_are_kept(vision: Vision) -> None:
    model = Brightness()
    bgr = np.ascontiguousarray(crowd(900, 700, {(40, 30): 0.5, (300, 60): 2.0})[..., ::-1])
    faces = measure_picture(bgr, replace(vision, attributes=(model,), asked=("age",)))
    assert len(faces) == len(model.crops) == 2
    for face, crop in zip(faces, model.crops, strict=True):
        assert face.attributes.keys() == {"age"}
        assert face.attributes["age"].tolist() == pytest.approx([crop.bgr.mean(), 1.0], rel=1e-5)
        assert crop.mesh is not None
        x, y, w, h = crop.box
        assert min(x, y) >= 0.3 * min(w, h) - 2 or x < 3 or y < 3
        assert max(crop.bgr.shape) <= 512
        inside = (crop.landmarks > [x, y]) & (crop.landmarks < [x + w, y + h])
        assert inside.all()


class Says:
    """A detector that says what it was told to."""

    def __init__(self, *detections: Detection) -> None:
        self.detections = detections

    def detect(self, bgr: NDArray[np.uint8]) -> list[Detection]:
        return list(self.detections) if max(bgr.shape) == 512 else []

    def detect_batch(self, pictures: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        return [self.detect(p) for p in pictures]


def test_what_the_mesh_does_not_believe_in_needs_a_sure_detector(vision: Vision) -> None:
    bgr = np.ascontiguousarray(woman()[..., ::-1])
    points = np.array([[330, 420], [370, 420], [350, 440], [335, 460], [365, 460]], np.float32)  # on her suit

    def found(score: float) -> int:
        detector = Says(Detection((310.0, 390.0, 80.0, 100.0), points, score))
        return len(measure_picture(bgr, replace(vision, detector=detector)))

    assert found(0.7) == 0
    assert found(0.9) == 1


def test_what_cannot_be_aligned_or_lies_outside_is_no_face(vision: Vision) -> None:
    bgr = np.ascontiguousarray(woman()[..., ::-1])
    one_point = Detection((100.0, 100.0, 50.0, 50.0), np.full((5, 2), 120, np.float32), 0.95)
    points = np.array([[630, 20], [660, 20], [645, 40], [632, 60], [658, 60]], np.float32)
    outside = Detection((620.0, 5.0, 50.0, 70.0), points, 0.95)
    assert measure_picture(bgr, replace(vision, detector=Says(one_point, outside))) == []


def test_nobody_is_no_face(tmp_path: Path, vision: Vision) -> None:
    path = str(write(tmp_path / "empty.png", np.full((300, 400, 3), 80, np.uint8)))
    steps: list[int] = []
    reading = read_faces(path, vision, max_pixels=MANY, models=MODELS, on_step=lambda: steps.append(1))
    assert (reading.width, reading.faces, reading.error) == (400, (), None)
    assert len(steps) > 2


def test_a_picture_for_drawing_is_as_large_as_asked(tmp_path: Path) -> None:
    path = str(write(tmp_path / "poster.png", woman()))
    assert picture_rgb(path, max_pixels=MANY, longest=300).shape == (300, 300, 3)
    assert (picture_rgb(path, max_pixels=MANY, longest=4000) == woman()).all()
    with pytest.raises(LimitError):
        picture_rgb(path, max_pixels=4096, longest=300)


def test_readings_come_in_the_order_of_the_pictures() -> None:
    paths = ["a", "b", "c", "d"]
    told = [TaskResult(i, PictureReading(paths[i], 1, 1), None) for i in (2, 0, 3, 1)]
    seen: list[int] = []

    def results():
        for one in told:
            seen.append(one.key)
            yield one

    readings = in_order(results(), paths)
    assert next(readings).path == "a"
    assert seen == [2, 0]  # it did not wait for all
    assert [r.path for r in readings] == ["b", "c", "d"]


@pytest.mark.parametrize(
    "error",
    [
        InputError("it is damaged (cut off)", path="a", remedy="copy it again"),
        LimitError("it has 9 × 9 pixels", path="a"),
        MemoryLimitError("it takes more memory than there is", path="a"),
        DecoderCrashError("the decoder died", path="a"),
    ],
)
def test_what_is_wrong_with_a_picture_is_in_its_reading(error: InputError | LimitError) -> None:
    reading = reading_of(TaskResult(0, None, error), "a")
    assert (reading.path, reading.faces, reading.width) == ("a", (), 0)
    assert reading.error is not None
    assert reading.error.startswith(error.message)
    assert error.remedy is None or error.remedy in reading.error


def test_what_is_wrong_with_everything_is_raised() -> None:
    with pytest.raises(ModelError):
        reading_of(TaskResult(0, None, ModelError("the model is broken")), "a")


def test_each_picture_is_a_task_about_its_file() -> None:
    tasks = reading_tasks(["a", "b"], ScanParameters(), ["age"], 99)
    assert [(t.key, t.path, t.args[0], t.args[2:]) for t in tasks] == [
        (0, "a", "a", (("age",), 99)), (1, "b", "b", (("age",), 99)),
    ]  # fmt: skip
