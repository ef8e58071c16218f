"""The benchmark of detectors counts faces, and finds those without weights."""

import numpy as np
import pytest
from benchmarks import detect_faces, detectors

from stills.errors import ModelFetchError

POINTS = [[0, 0], [10, 0], [5, 5], [1, 10], [9, 10]]


def face(shift: float = 0.0) -> dict:
    return {"score": 0.9, "box": [0, 0, 20, 20], "points": np.add(POINTS, (shift, 0)).tolist()}


def row(people: int, **found: list[dict]) -> dict:
    return {"source": "1.0", "people": people, "found": {k: {"seconds": 0.01, "faces": v} for k, v in found.items()}}


def test_faces_are_counted_against_the_people_there():
    rows = [
        row(1, yunet=[face()], mtcnn=[face(), face()]),
        row(1, yunet=[face()], mtcnn=[]),
        row(0, yunet=[], mtcnn=[face()]),
    ]
    assert detectors.tally(rows, "yunet") == (2, 2, 0)
    assert detectors.tally(rows, "mtcnn") == (1, 2, 2)


def test_points_are_compared_in_distances_of_the_eyes():
    other = face()
    other["points"][3:] = [[1, 12], [9, 12]]
    assert detectors.offsets(row(1, yunet=[face()], mtcnn=[face(1)]), "mtcnn") == pytest.approx((0.1, 0.1))
    assert detectors.offsets(row(1, yunet=[face()], mtcnn=[other]), "mtcnn") == pytest.approx((0.0, 0.2))
    assert detectors.offsets(row(1, yunet=[face()], mtcnn=[face(500)]), "mtcnn") is None
    assert detectors.offsets(row(1, yunet=[], mtcnn=[face()]), "mtcnn") is None


def test_a_line_of_the_table():
    line = detectors.film_cells([row(1, yunet=[face()], mtcnn=[face(1)])], "mtcnn")
    assert line == ("mtcnn", "0.7", "1 of 1", "0", "10", "1.0", "0.10", "0.10")
    assert detectors.film_cells([row(0, yunet=[], mtcnn=[])], "mtcnn")[6:] == ("–", "–")


def test_detectors_without_weights_are_named(monkeypatch: pytest.MonkeyPatch):
    def path(name: str) -> None:
        if name == "scrfd":
            raise ModelFetchError("no network")

    monkeypatch.setattr(detectors, "model_path", path)
    here, missing = detectors.available()
    assert missing == ["scrfd"]
    assert {"yunet", "mtcnn", "scrfd-small"} <= set(here)


def test_small_pictures_are_enlarged_and_videos_left_out(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.full((48, 48, 3), 9, np.uint8))
    cv2.imwrite(str(tmp_path / "b.png"), np.full((200, 100, 3), 9, np.uint8))
    (tmp_path / "c.mp4").write_bytes(b"")
    labels = tmp_path / "labels.csv"
    labels.write_text("file,kind\na.png,small\nb.png,large\nc.mp4,film\n", encoding="utf-8")
    shown = [(kind, people, picture.shape) for kind, people, picture in detect_faces.pictures(labels)]
    assert shown == [("small", 1, (288, 288, 3)), ("large", 1, (200, 100, 3))]
