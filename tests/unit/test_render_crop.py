from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from render_samples import ASTRONAUT_FACE, picture
from stills.errors import UsageError
from stills.render.crop import cut, largest, saliency, smart_crop
from stills.types import Box

sizes = st.tuples(st.integers(1, 3000), st.integers(1, 3000))
aspects = st.sampled_from([(16, 9), (9, 16), (1, 1), (4, 5), (21, 9), (999, 1), (1, 999)])
numbers = st.floats(-500, 4000)
boxes = st.tuples(numbers, numbers, st.floats(0.1, 2000), st.floats(0.1, 2000))


def shows(crop: Box, face: Box) -> bool:
    """Whether all of ``face`` is in ``crop``."""
    return all(
        crop[axis] <= face[axis] + 1e-6 and face[axis] + face[axis + 2] <= crop[axis] + crop[axis + 2] + 1e-6
        for axis in (0, 1)
    )


@settings(deadline=None)
@given(sizes, aspects, st.lists(boxes, max_size=4))
def test_it_is_the_largest_crop_of_the_shape_inside_the_picture(
    size: tuple[int, int], aspect: tuple[int, int], faces: list[Box]
) -> None:
    x, y, w, h = smart_crop(size, aspect, faces)
    assert all(v == int(v) for v in (x, y, w, h))
    assert x >= 0
    assert y >= 0
    assert w >= 1
    assert h >= 1
    assert x + w <= size[0]
    assert y + h <= size[1]
    assert w == size[0] or h == size[1]
    assert abs(w - h * aspect[0] / aspect[1]) <= 1 or abs(h - w * aspect[1] / aspect[0]) <= 1


@st.composite
def pictures_with_faces(draw: st.DrawFn) -> tuple[tuple[int, int], list[Box]]:
    width, height = draw(st.tuples(st.integers(20, 2000), st.integers(20, 2000)))
    faces = []
    for _ in range(draw(st.integers(1, 4))):
        w, h = draw(st.floats(1, width)), draw(st.floats(1, height))
        faces.append((draw(st.floats(0, 1)) * (width - w), draw(st.floats(0, 1)) * (height - h), w, h))
    return (width, height), faces


@settings(deadline=None)
@given(pictures_with_faces(), aspects)
def test_all_faces_are_inside_where_they_can_be(
    source: tuple[tuple[int, int], list[Box]], aspect: tuple[int, int]
) -> None:
    size, faces = source
    crop = smart_crop(size, aspect, faces)
    spans = [
        math.ceil(max(f[axis] + f[axis + 2] for f in faces)) - math.floor(min(f[axis] for f in faces))
        for axis in (0, 1)
    ]
    assume(spans[0] <= crop[2] and spans[1] <= crop[3])
    assert all(shows(crop, face) for face in faces)


@settings(deadline=None)
@given(pictures_with_faces(), aspects)
def test_the_largest_face_is_never_given_up(source: tuple[tuple[int, int], list[Box]], aspect: tuple[int, int]) -> None:
    size, faces = source
    main = max(faces, key=lambda f: f[2] * f[3])
    assume(sum(f[2] * f[3] == main[2] * main[3] for f in faces) == 1)
    crop = smart_crop(size, aspect, faces)
    assume(main[2] + 2 <= crop[2] and main[3] + 2 <= crop[3])
    assert shows(crop, main)


@settings(deadline=None)
@given(pictures_with_faces(), aspects, st.randoms())
def test_the_order_of_faces_and_faces_elsewhere_do_not_matter(
    source: tuple[tuple[int, int], list[Box]], aspect: tuple[int, int], random: st.DataObject
) -> None:
    size, faces = source
    shuffled = [*faces, (-100.0, 0.0, 50.0, 50.0), (size[0] + 1.0, 0.0, 9.0, 9.0), (math.nan, 0.0, 1.0, 1.0)]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert smart_crop(size, aspect, shuffled) == smart_crop(size, aspect, faces)


@settings(deadline=None)
@given(st.floats(0, 1780), st.floats(0.5, 1.5))
def test_a_small_move_of_a_face_moves_the_crop_a_little(x: float, step: float) -> None:
    before = smart_crop((1920, 1080), (4, 3), [(x, 300, 140, 160)])
    after = smart_crop((1920, 1080), (4, 3), [(x + step, 300, 140, 160)])
    assert abs(after[0] - before[0]) <= 4


def test_there_is_room_for_hair() -> None:
    face = (200.0, 600.0, 400.0, 500.0)  # low in a tall picture
    _, y, _, h = smart_crop((1080, 1920), (1, 1), [face])
    assert y <= 600 - 0.5 * 500
    assert y + h >= 1100 + 0.2 * 500
    tight = smart_crop((1080, 1920), (16, 9), [face])  # 608 high: the face fits, all of its room does not
    assert shows(tight, face)
    assert tight[1] < 600


def test_one_face_goes_to_a_third_of_a_wide_crop_and_the_middle_of_others() -> None:
    left, right = (560.0, 300.0, 100.0, 130.0), (1260.0, 300.0, 100.0, 130.0)
    x, _, w, _ = smart_crop((1920, 800), (4, 3), [left])
    assert (610 - x) / w == pytest.approx(1 / 3, abs=0.01)
    x, _, w, _ = smart_crop((1920, 800), (4, 3), [right])
    assert (1310 - x) / w == pytest.approx(2 / 3, abs=0.01)
    x, _, w, _ = smart_crop((1920, 1080), (9, 16), [right])
    assert (1310 - x) / w == pytest.approx(1 / 2, abs=0.01)
    x, _, w, _ = smart_crop((1920, 1080), (1, 1), [right])
    assert (1310 - x) / w == pytest.approx(1 / 2, abs=0.01)
    _, y, _, h = smart_crop((1080, 1920), (1, 1), [(500.0, 900.0, 100.0, 100.0)])
    assert (900 + 40 - y) / h == pytest.approx(1 / 3, abs=0.01)


def test_of_faces_too_far_apart_the_larger_ones_stay() -> None:
    large, near, far = (100.0, 300.0, 200.0, 240.0), (400.0, 300.0, 100.0, 120.0), (1700.0, 300.0, 120.0, 150.0)
    crop = smart_crop((1920, 1080), (9, 16), [far, near, large])
    assert shows(crop, large)
    assert shows(crop, near)
    assert not shows(crop, far)


def test_a_face_larger_than_the_crop_is_in_its_middle() -> None:
    x, _, w, _ = smart_crop((1000, 500), (1, 5), [(600.0, 50.0, 300.0, 400.0)])
    assert x + w / 2 == pytest.approx(750, abs=1)


def test_without_faces_it_goes_where_the_detail_is() -> None:
    rgb = np.full((360, 640, 3), 90, np.uint8)
    rgb[100:260, 480:600] = np.random.default_rng(0).integers(0, 255, (160, 120, 3))
    x, _, w, _ = smart_crop((640, 360), (9, 16), [], saliency(rgb))
    assert x <= 485
    assert x + w >= 595
    tall = np.ascontiguousarray(rgb.transpose(1, 0, 2))
    _, y, _, h = smart_crop((360, 640), (1, 1), [], saliency(tall))
    assert y <= 485
    assert y + h >= 595


@pytest.mark.parametrize(
    "weights",
    [None, np.zeros((9, 16), np.float32), np.full((9, 16), np.nan, np.float32), np.ones((9, 16), np.float32),
     np.zeros((0, 0), np.float32), saliency(np.full((90, 160, 3), 7, np.uint8))],
)  # fmt: skip
def test_without_anything_to_go_by_it_is_centred(weights: np.ndarray | None) -> None:
    assert smart_crop((1920, 1080), (1, 1), [], weights) == (420, 0, 1080, 1080)


def test_saliency_adds_up_to_one_and_does_not_depend_on_depth() -> None:
    rgb = picture(300, 200)
    small = saliency(rgb)
    assert max(small.shape) == 96
    assert float(small.sum()) == pytest.approx(1, abs=1e-4)
    assert saliency(rgb.astype(np.uint16) * 257) == pytest.approx(small, abs=1e-4)
    assert saliency(np.zeros((1, 1, 3), np.uint8)) == pytest.approx(1)


def test_a_portrait_keeps_its_head() -> None:
    crop = smart_crop((512, 512), (9, 16), [ASTRONAUT_FACE])
    assert shows(crop, ASTRONAUT_FACE)
    assert crop[2:] == (288, 512)
    assert cut(np.zeros((512, 512, 3), np.uint8), crop).shape == (512, 288, 3)


@pytest.mark.parametrize(("size", "aspect"), [((0, 5), (1, 1)), ((5, 5), (0, 1)), ((5, 5), (1, -1))])
def test_what_has_no_shape_is_refused(size: tuple[int, int], aspect: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="cannot cut"):
        smart_crop(size, aspect)


def test_shapes_that_fit_already_are_kept_whole() -> None:
    assert largest((1920, 1080), (16, 9)) == (1920, 1080)
    assert smart_crop((1920, 1080), (16, 9), [(0.0, 0.0, 10.0, 10.0)]) == (0, 0, 1920, 1080)
