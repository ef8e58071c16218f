"""Annotated posters: boxes where the faces are, in the colour of their person, and labels that can be read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stills.render.palette import NOBODY, person_color
from stills.render.posters import LEAST_SIDE, annotated_poster
from stills.types import Estimate, Poster, PosterFace

GROUND = 100


def poster(*faces: PosterFace, size: tuple[int, int] = (1000, 1500)) -> Poster:
    return Poster("poster.jpg", *size, faces)


def face(x: float, y: float, person: int | None = None, **more: object) -> PosterFace:
    return PosterFace((x, y, 160.0, 200.0), 0.9, 0.02, person, 0.3, **more)


def plain(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), GROUND, np.uint8)


def share_of(rgb: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float((np.abs(rgb.astype(int) - colour).max(axis=-1) <= 2).mean())


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.4])
def test_a_box_lies_on_its_face_at_any_size(scale: float) -> None:
    size = round(1000 * scale), round(1500 * scale)
    drawn = annotated_poster(plain(*size), poster(face(300, 600, 2)))
    assert drawn.shape == (size[1], size[0], 3)
    assert drawn.dtype == np.uint8
    for x, y in ((300, 700), (460, 700), (380, 600), (380, 800)):  # the middles of its sides
        near = drawn[round(y * scale) - 1 : round(y * scale) + 2, round(x * scale) - 1 : round(x * scale) + 2]
        assert share_of(near, person_color(2)) == 1
    inside = drawn[round(620 * scale) : round(780 * scale), round(320 * scale) : round(440 * scale)]
    assert (inside == GROUND).all()
    far = drawn[: round(400 * scale)]
    assert (far == GROUND).all()


def test_people_and_strangers_differ() -> None:
    drawn = annotated_poster(plain(1000, 1500), poster(face(100, 300, 1), face(400, 300, 2), face(700, 300)))
    for left, colour in ((100, person_color(1)), (400, person_color(2)), (700, NOBODY)):
        assert share_of(drawn[200:510, left - 10 : left + 170], colour) > 0.03
    whole, dashed = drawn[300:501, 260], drawn[300:501, 860]
    assert share_of(whole[None], person_color(1)) == 1
    assert 0.3 < share_of(dashed[None], NOBODY) < 0.8


def test_what_was_given_is_not_drawn_on() -> None:
    rgb = plain(1000, 1500)
    annotated_poster(rgb, poster(face(100, 100, 1)))
    assert (rgb == GROUND).all()


def test_small_posters_are_enlarged() -> None:
    drawn = annotated_poster(plain(48, 60), Poster("p", 48, 60, (PosterFace((10, 15, 20, 30), 0.9, 0.2, 1, 0.2),)))
    assert max(drawn.shape) == LEAST_SIDE
    k = LEAST_SIDE / 60
    assert share_of(drawn[round(30 * k) - 1 : round(30 * k) + 2, round(10 * k) - 1 : round(10 * k) + 2],
                    person_color(1)) == 1  # fmt: skip


def test_a_poster_without_faces_stays_as_it_is() -> None:
    assert (annotated_poster(plain(1000, 1500), poster()) == GROUND).all()


def test_labels_say_who_and_what() -> None:
    """Text is pixels: another text is another picture, and more of it a larger label."""
    told = {"age": Estimate(34.0, 0.5, 0, 1), "gender": Estimate("female", 0.9, 0, 1)}
    bare, named, more = (
        annotated_poster(plain(1000, 1500), poster(one), names=names)
        for one, names in (
            (face(300, 600, 1), None),
            (face(300, 600, 1), {1: "Ada Lovelace"}),
            (face(300, 600, 1, attributes=told), None),
        )
    )
    label = [share_of(drawn[400:600], person_color(1)) for drawn in (bare, named, more)]
    assert label[0] > 0
    assert (bare != named).any()
    assert label[2] > 1.5 * label[0]
    unknown = {"gender": Estimate(None, 0.4, 0, 1, reason="too uncertain")}
    again = annotated_poster(plain(1000, 1500), poster(face(300, 600, 1, attributes=unknown)))
    assert (again == bare).all()


boxes = st.tuples(st.floats(-300, 1200), st.floats(-300, 1700), st.floats(0, 900), st.floats(0, 900))


@settings(deadline=None, max_examples=25)
@given(st.lists(boxes, max_size=8), st.sampled_from([(1000, 1500), (300, 20), (7, 900)]))
def test_faces_may_lie_anywhere(several: list[tuple[float, float, float, float]], size: tuple[int, int]) -> None:
    faces = [PosterFace(box, 0.9, 0.1, n or None, None) for n, box in enumerate(several)]
    drawn = annotated_poster(plain(*size), poster(*faces))
    assert drawn.shape[2] == 3
    assert max(drawn.shape) == max(LEAST_SIDE, *size)


def test_labels_do_not_cover_faces_where_there_is_room() -> None:
    """Two faces in a corner and above each other: the place above is taken or outside."""
    drawn = annotated_poster(plain(1000, 1500), poster(face(2, 2, 1), face(2, 240, 2), face(830, 1290, 3)))
    for x, y in ((2, 2), (2, 240), (830, 1290)):
        assert (drawn[y + 12 : y + 188, x + 12 : x + 148] == GROUND).mean() > 0.95
