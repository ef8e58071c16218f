"""The arithmetic of the detectors: anchors, priors, decoding, views, the cascade's boxes. Known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_samples import BOX, POINTS, grey, retinaface, scrfd, session_of, with_red, yolo5, yolo8
from stills.errors import ModelError, UsageError
from stills.vision.detectors import blazeface, mtcnn
from stills.vision.detectors.common import Letterboxed, by_columns, cells, check_shares, detections, sigmoid
from stills.vision.detectors.retinaface import RetinaFace, priors
from stills.vision.detectors.scrfd import Scrfd
from stills.vision.detectors.yolo import YoloFace, expectation


class Recorded:
    """A session that keeps its inputs and answers with what it was given."""

    runtime, device, precision, outputs = "none", "cpu", "f32", ()

    def __init__(self, shape, answer=()):
        self.inputs = {"x": shape}
        self.answer = answer
        self.seen = []

    def run(self, inputs):
        self.seen.append(inputs["x"])
        return {str(i): values for i, values in enumerate(self.answer)}


# what detectors share


def test_cells_go_row_by_row():
    np.testing.assert_array_equal(cells(32, 48, 16), [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]])


def test_outputs_are_told_apart_by_their_columns_and_length():
    outputs = [np.zeros((1, 4, 4)), np.zeros((16, 4)), np.zeros((16, 1)), np.zeros((2, 10))]
    assert [len(o) for o in by_columns(outputs, 4)] == [16, 4]
    assert by_columns(outputs, 7) == []


def test_a_score_is_never_above_one():
    found = detections((np.array([[0, 0, 5, 5]]), np.zeros((1, 5, 2)), np.array([1.0000001])), 0.3)
    assert found[0].score == 1.0


def test_sigmoid_does_not_overflow():
    with np.errstate(all="raise"):
        np.testing.assert_allclose(sigmoid(np.array([-1e9, 0.0, 1e9])), [0, 0.5, 1], atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 1.0, float("nan")])
def test_thresholds_lie_inside_0_to_1(value):
    with pytest.raises(UsageError, match="score_threshold"):
        check_shares(score_threshold=value)


def test_a_graph_that_takes_no_pictures_is_refused():
    with pytest.raises(ModelError, match="batch × 3"):
        Scrfd(Recorded((1, 128, 128, 3)))


# inputs: colours, scale, padding


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Scrfd, lambda v: (v[::-1] - 127.5) / 128),
        (RetinaFace, lambda v: v - [104, 117, 123]),
        (YoloFace, lambda v: v[::-1] / 255),
    ],
)
def test_what_a_network_sees_of_a_colour(kind, expected):
    session = Recorded((1, 3, -1, -1))
    colour = np.array([10, 100, 200])
    picture = np.broadcast_to(colour.astype(np.uint8), (40, 70, 3))
    with pytest.raises(ModelError):
        kind(session).detect(picture)  # no outputs
    blob = session.seen[0]
    assert (blob.shape, blob.dtype) == ((1, 3, 64, 96), np.float32)
    np.testing.assert_allclose(blob[0, :, 39, 69], expected(colour), rtol=1e-5)
    padding = expected(np.array([kind.fill] * 3))
    np.testing.assert_allclose(blob[0, :, 40, 70], padding, rtol=1e-5)
    assert issubclass(kind, Letterboxed)


@pytest.mark.parametrize("factor", [0.5, 2, 3])
def test_a_graph_of_a_fixed_size_sees_the_picture_scaled_alike(tmp_path, factor):
    size = 128, 160
    detector = YoloFace(session_of(yolo5(tmp_path / "g.onnx", size)))
    small = with_red(grey(*size), 48, 40)
    repeated = (
        small[:: round(1 / factor), :: round(1 / factor)] if factor < 1 else small.repeat(factor, 0).repeat(factor, 1)
    )
    (face,) = detector.detect(np.ascontiguousarray(repeated))
    np.testing.assert_allclose(face.box, np.add(BOX, [48, 40, 0, 0]) * factor, atol=0.1)
    np.testing.assert_allclose(face.landmarks, np.add(POINTS, (48, 40)) * factor, atol=0.1)


def test_a_wide_picture_is_not_distorted():
    session = Recorded((1, 3, 64, 64))
    with pytest.raises(ModelError):
        Scrfd(session).detect(np.full((50, 200, 3), 255, np.uint8))
    lit = session.seen[0][0, 0] > 0
    assert lit[:16].all()
    assert not lit[16:].any()


# SCRFD, RetinaFace, YOLO


def test_anchor_centres_of_scrfd_are_corners(tmp_path):
    (face,) = Scrfd(session_of(scrfd(tmp_path / "g.onnx"))).detect(with_red(grey(), 0, 0))
    np.testing.assert_allclose(face.box, BOX, atol=1e-3)


def test_priors_of_retinaface():
    centres, sides = priors(64, 96)
    assert len(centres) == len(sides) == 2 * (8 * 12 + 4 * 6 + 2 * 3)
    np.testing.assert_array_equal(centres[:4], [[4, 4], [4, 4], [12, 4], [12, 4]])
    np.testing.assert_array_equal(sides[:4], [16, 32, 16, 32])
    np.testing.assert_array_equal(centres[-1], [80, 48])
    np.testing.assert_array_equal(sides[-2:], [256, 512])


def test_an_offset_of_nothing_is_the_prior_itself():
    count = len(priors(32, 32)[0])
    boxes, points = np.zeros((1, count, 4), np.float32), np.zeros((1, count, 10), np.float32)
    chances = np.tile(np.array([1, 0], np.float32), (1, count, 1))
    chances[0, 2] = 0.2, 0.8
    (face,) = RetinaFace(Recorded((1, 3, 32, 32), (boxes, chances, points))).detect(grey(32, 32))
    np.testing.assert_allclose(face.box, (12 - 8, 4 - 8, 16, 16), atol=1e-5)
    np.testing.assert_allclose(face.landmarks, np.tile([12, 4], (5, 1)), atol=1e-5)
    assert face.score == pytest.approx(0.8)


def test_a_distance_is_the_mean_of_its_distribution():
    logits = np.full((1, 16), -40.0)
    logits[0, [3, 5]] = 2.0
    assert expectation(logits)[0] == pytest.approx(4.0)
    assert expectation(np.zeros((1, 16)))[0] == pytest.approx(7.5)


def test_the_score_of_yolo5_is_the_product_of_both_chances():
    table = np.zeros((1, 3, 16), np.float32)
    table[0, :, :4] = [[10, 10, 8, 6], [40, 10, 8, 6], [10, 40, 8, 6]]
    table[0, :, 4], table[0, :, 15] = [0.9, 0.9, 0.4], [0.9, 0.4, 0.9]
    (face,) = YoloFace(Recorded((1, 3, 64, 64), (table,)), score_threshold=0.5).detect(grey(64, 64))
    assert face.score == pytest.approx(0.81)
    np.testing.assert_allclose(face.box, (6, 7, 8, 6))


@pytest.mark.parametrize("kind", [Scrfd, RetinaFace, YoloFace, blazeface.BlazeFace])
@pytest.mark.parametrize(
    "answer",
    [
        (),
        (np.zeros((1, 7)),),
        tuple(np.zeros((5, n), np.float32) for n in (1, 4, 10) * 3),
        (np.zeros((1, 80, 3, 3)),) * 3,
    ],
)
def test_another_graph_is_an_error(kind, answer):
    shape = (1, 128, 128, 3) if kind is blazeface.BlazeFace else (1, 3, 64, 64)
    with pytest.raises(ModelError):
        kind(Recorded(shape, answer)).detect(grey(64, 64))


@pytest.mark.parametrize(("kind", "graph"), [(RetinaFace, scrfd), (Scrfd, retinaface), (Scrfd, yolo8)])
def test_graphs_are_not_mistaken_for_one_another(kind, graph, tmp_path):
    with pytest.raises(ModelError):
        kind(session_of(graph(tmp_path / "g.onnx"))).detect(grey())


# BlazeFace


def test_anchors_of_blazeface():
    anchors = blazeface.anchors()
    assert anchors.shape == (896, 2)
    np.testing.assert_allclose(anchors[0], [4 / 128, 4 / 128])
    np.testing.assert_allclose(anchors[[1, 2]], [[4 / 128, 4 / 128], [12 / 128, 4 / 128]])
    np.testing.assert_allclose(anchors[511], [124 / 128, 124 / 128])
    np.testing.assert_allclose(anchors[[512, 517, 518]], np.array([[8, 8], [8, 8], [24, 8]]) / 128)
    np.testing.assert_allclose(anchors[-1], [120 / 128, 120 / 128])


def test_offsets_of_blazeface_are_pixels_from_the_anchor():
    scores, raw = np.full((1, 896, 1), -20.0), np.zeros((1, 896, 16))
    scores[0, 2], raw[0, 2] = 2.0, [3, -1, 20, 10, *range(12)]
    boxes, keys, found = blazeface.decode([raw, scores], 0.5)
    np.testing.assert_allclose(boxes, [[12 + 3 - 10, 4 - 1 - 5, 20, 10]], atol=1e-5)
    np.testing.assert_allclose(keys[0, 0], [12, 5], atol=1e-5)
    np.testing.assert_allclose(keys[0, 5], [22, 15], atol=1e-5)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-2)), rtol=1e-6)


def test_proposals_of_one_face_are_averaged_by_score():
    boxes = np.array([[0, 0, 10, 10], [2, 0, 10, 10], [50, 50, 10, 10]], np.float32)
    keys = np.arange(36, dtype=np.float32).reshape(3, 6, 2)
    scores = np.array([0.9, 0.6, 0.7], np.float32)
    merged, points, best = blazeface.blended(boxes, keys, scores, 0.3)
    np.testing.assert_allclose(merged, [[2 * 0.6 / 1.5, 0, 10, 10], [50, 50, 10, 10]], rtol=1e-5)
    np.testing.assert_allclose(points[0], (keys[0] * 0.9 + keys[1] * 0.6) / 1.5, rtol=1e-5)
    np.testing.assert_allclose(best, [0.9, 0.7])


def test_a_box_without_area_is_blended_with_nothing():
    boxes = np.zeros((2, 4), np.float32)
    assert len(blazeface.blended(boxes, np.zeros((2, 6, 2), np.float32), np.ones(2, np.float32), 0.3)[0]) == 2


@pytest.mark.parametrize("angle", [0, 30, 180])
def test_the_corners_of_the_mouth_lie_along_the_eyes(angle):
    turn = np.exp(1j * np.radians(angle))
    keys = np.zeros((1, 6, 2), np.float32)
    for i, value in enumerate((-50 * turn, 50 * turn, 30j * turn, 80j * turn)):
        keys[0, i] = value.real, value.imag
    points = blazeface.five_points(keys)[0] @ (1, 1j) / turn
    half = 100 * blazeface.MOUTH_HALF
    np.testing.assert_allclose(points, [-50, 50, 30j, -half + 80j, half + 80j], atol=1e-4)
    assert 0.35 < blazeface.MOUTH_HALF < 0.5


SHARE = st.floats(0, 1)


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(60, 600), SHARE, SHARE)
@settings(max_examples=200, deadline=None)
def test_every_small_face_lies_wholly_in_a_view(width, height, least, across, down):
    seen = list(blazeface.views(width, height, least))
    assert seen[0] == (0, 0, max(width, height))
    finest = [view for view in seen if view[2] == seen[-1][2]]
    face = finest[0][2] // 2 - 1
    wide, high = min(face, width), min(face, height)
    x, y = round((width - wide) * across), round((height - high) * down)
    assert any(
        left <= x and x + wide <= left + side and top <= y and y + high <= top + side for left, top, side in finest
    )


def test_the_views_of_a_frame():
    sides = [side for _, _, side in blazeface.views(1280, 720, 240)]
    assert {side: sides.count(side) for side in sides} == {1280: 1, 640: 6, 320: 28}
    assert list(blazeface.views(100, 80, 240)) == [(0, 0, 100)]


# MTCNN


def test_the_pyramid_starts_where_the_smallest_face_is_one_look():
    assert mtcnn.scales(100, 40, 24) == pytest.approx([0.5, 0.5 * 0.709])
    assert mtcnn.scales(19, 500, 20) == []


def test_boxes_are_moved_in_widths_and_heights():
    boxes = np.array([[10, 20, 30, 60]], np.float32)
    offsets = np.array([[0.1, -0.5, 0, 0.25]], np.float32)
    np.testing.assert_allclose(mtcnn.regressed(boxes, offsets), [[12, 0, 30, 70]])


def test_squares_keep_their_middle():
    np.testing.assert_allclose(mtcnn.squared(np.array([[10, 20, 30, 60]], np.float32)), [[0, 20, 40, 60]])
    assert mtcnn.squared(np.empty((0, 4), np.float32)).shape == (0, 4)


def test_a_crop_is_black_outside_of_the_picture():
    picture = np.full((20, 30, 3), 200, np.uint8)
    crop = mtcnn.cropped(picture, np.array([-10, -10, 10, 10], np.float32), 20)
    assert (crop[10:, 10:] == 200).all()
    assert not crop[:10].any()
    assert not crop[:, :10].any()
    assert (mtcnn.cropped(picture, np.array([25, 5, 35, 15], np.float32), 10)[:, :5] == 200).all()
    for box in ([40, 40, 50, 50], [-50, -50, -40, -40], [30, 0, 40, 10]):
        assert not mtcnn.cropped(picture, np.array(box, np.float32), 10).any()


def test_mtcnn_refuses_faces_smaller_than_it_sees():
    session = Recorded((-1, 3, -1, -1))
    with pytest.raises(UsageError, match="from 12 pixels"):
        mtcnn.Mtcnn(session, session, session, smallest=11)
