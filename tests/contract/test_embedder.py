"""What every embedder has to do; a new one is a line in ``SESSIONS``."""

import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_samples import FIVE, mirrored_points, portrait
from stills.errors import UsageError
from stills.models import open_session
from stills.models.catalog import WheelMirror, find
from stills.vision import EMBEDDERS, make_detector, make_embedder
from stills.vision.align import align_face

SESSIONS = {"sface": "sface"}
CORPUS = Path(os.environ.get("STILLS_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus" / "dev")


def test_every_embedder_whose_weights_come_in_a_package_is_tested_here():
    """The others are in test_stand_in_models.py."""
    packed = {name for name, stack in EMBEDDERS.items() if isinstance(find(stack.models[0]).mirrors[0], WheelMirror)}
    assert set(SESSIONS) == packed


@pytest.fixture(params=SESSIONS, scope="module")
def embedder(request):
    return make_embedder(request.param, open_session(SESSIONS[request.param], device="cpu"))


@pytest.fixture(scope="module")
def chip():
    return align_face(portrait(), FIVE)


def test_vectors_have_length_one(embedder, chip):
    noise = np.random.default_rng(2).integers(0, 256, chip.shape, np.uint8)
    vectors = embedder.embed(np.stack([chip, noise, np.zeros_like(chip)]))
    assert vectors.shape == (3, embedder.size)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 9])
def test_any_number_of_chips_in_their_order(embedder, chip, count):
    rng = np.random.default_rng(count)
    chips = rng.integers(0, 256, (count, 112, 112, 3), np.uint8)
    if count:
        chips[-1] = chip
    vectors = embedder.embed(chips)
    assert vectors.shape == (count, embedder.size)
    for i in range(count):
        assert vectors[i] @ embedder.embed(chips[i : i + 1])[0] > 0.999


def test_the_same_person_stays_near_when_the_picture_changes(embedder, chip):
    mirrored = align_face(np.ascontiguousarray(portrait()[:, ::-1]), mirrored_points(FIVE, portrait().shape[1]))
    small = cv2.resize(portrait(), (256, 256), interpolation=cv2.INTER_AREA)
    changed = [
        mirrored,
        align_face(small, FIVE / 2),
        cv2.convertScaleAbs(chip, alpha=0.6),
        cv2.GaussianBlur(chip, (0, 0), 1),
    ]
    vectors = embedder.embed(np.stack([chip, *changed]))
    assert (vectors[1:] @ vectors[0]).min() > 0.7


def test_a_chip_that_is_no_face_is_far(embedder, chip):
    noise = np.random.default_rng(2).integers(0, 256, chip.shape, np.uint8)
    vectors = embedder.embed(np.stack([chip, noise]))
    assert vectors[0] @ vectors[1] < 0.4


def test_colours_are_bgr(embedder, chip):
    """A portrait with red and blue exchanged is another picture: the embedder must not mix the orders up itself."""
    vectors = embedder.embed(np.stack([chip, np.ascontiguousarray(chip[..., ::-1])]))
    assert vectors[0] @ vectors[1] < 0.97


@pytest.mark.parametrize("shape", [(112, 112, 3), (1, 96, 112, 3), (1, 112, 112)])
def test_refuses_what_is_no_chip(embedder, shape):
    with pytest.raises(UsageError, match="112"):
        embedder.embed(np.zeros(shape, np.uint8))


@pytest.mark.slow
def test_labelled_pairs_are_told_apart(embedder):
    """300 pairs: no threshold mistakes any. Needs the evaluation corpus."""
    folder = CORPUS / "faces" / "pairs"
    if not folder.is_dir():
        pytest.skip(f"no corpus in {CORPUS}")
    detector = make_detector("yunet", open_session("yunet", device="cpu"))
    with (folder / "pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    vectors = {name: _embed_file(folder / name, detector, embedder) for row in rows for name in _names(row)}
    cosine = np.array([vectors[row["file_x"]] @ vectors[row["file_y"]] for row in rows])
    same = np.array([row["same"] == "1" for row in rows])
    assert cosine[same].min() > 0.55
    assert cosine[~same].max() < 0.40


def _names(row: dict[str, str]) -> tuple[str, str]:
    return row["file_x"], row["file_y"]


_seen: dict[Path, np.ndarray] = {}


def _embed_file(path, detector, embedder):
    if path not in _seen:
        picture = cv2.imread(str(path))
        scale = min(1.0, 640 / max(picture.shape[:2]))
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        face = max(detector.detect(small), key=lambda d: d.box[2] * d.box[3])
        _seen[path] = embedder.embed(align_face(picture, face.landmarks / scale)[None])[0]
    return _seen[path]
