"""Drawing on planes: boxes, plates, the time line; and faces that nobody can make out any more."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from stills.media.color import yuv_to_rgb
from stills.media.upright import YuvPicture, yuv_code
from stills.render.hide import MARGIN, hide
from stills.render.marks import Sizes, draw_box, make_plate, places
from stills.render.painter import Mark, Painter
from stills.render.palette import PEOPLE, ink_on, luminance, person_color
from stills.render.strip import Row
from stills.types import Box

RED = (220, 30, 40)


def canvas(width: int = 640, height: int = 360, level: int = 120) -> YuvPicture:
    return YuvPicture(
        np.full((height, width), level, np.uint8),
        np.full((height // 2, width // 2), 128, np.uint8),
        np.full((height // 2, width // 2), 128, np.uint8),
        width, height, "bt709", False,
    )  # fmt: skip


def rgb(picture: YuvPicture) -> np.ndarray:
    height, width = picture.y.shape
    large = [cv2.resize(p, (width, height), interpolation=cv2.INTER_NEAREST) for p in (picture.u, picture.v)]
    return yuv_to_rgb([picture.y, *large], picture.space, picture.full_range).astype(int)


@dataclass(frozen=True)
class Still:
    """A face that stays where it is."""

    where: Box
    start: float = 0.0
    end: float = 10.0

    def box(self, time: float) -> Box | None:
        return self.where if self.start <= time < self.end else None

    def swept(self, time: float, around: float) -> Box | None:
        return self.box(time)


@pytest.mark.parametrize("space", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full", [False, True])
def test_a_colour_comes_out_as_it_went_in(space: str, full: bool) -> None:
    for colour in (RED, (255, 255, 255), (0, 0, 0), (0, 158, 115)):
        planes = [np.full((2, 2), value, np.uint8) for value in yuv_code(colour, space, full)]
        assert yuv_to_rgb(planes, space, full)[0, 0].astype(int) == pytest.approx(colour, abs=3)


def test_a_box_is_drawn_in_its_colour_on_its_edge_and_nowhere_else() -> None:
    picture = canvas()
    draw_box(picture, (200.0, 100.0, 120.0, 160.0), RED, 4)
    seen = rgb(picture)
    for y, x in ((180, 200), (180, 320), (100, 260), (260, 260)):
        assert seen[y, x] == pytest.approx(RED, abs=12)
    grey = rgb(canvas())[0, 0]
    assert (seen[110:250, 210:310] == grey).all()
    assert (seen[:90] == grey).all()
    assert (seen[:, 330:] == grey).all()


def test_a_box_beyond_the_edge_is_cut_off() -> None:
    picture = canvas()
    draw_box(picture, (-50.0, -50.0, 900.0, 120.0), RED, 4)
    assert rgb(picture)[70, 300] == pytest.approx(RED, abs=12)


def test_a_plate_says_something_in_its_colour_inside_of_the_picture() -> None:
    picture = canvas()
    plate = make_plate(picture, "Person 3 · 34 ± 6 · female", RED, Sizes.of(640, 360))
    assert plate.width % 2 == plate.height % 2 == 0
    for box in ((-20.0, 2.0, 60.0, 80.0), (600.0, 300.0, 80.0, 80.0), (300.0, 150.0, 40.0, 40.0)):
        for left, top, right, bottom in places(box, plate, picture, 2, 340):
            assert left >= 0 <= top
            assert right <= 640
            assert bottom <= 340
    plate.put(picture, 100, 50)
    part = rgb(picture)[50 : 50 + plate.height, 100 : 100 + plate.width]
    assert part[0, 0] == pytest.approx(RED, abs=4)
    ink = np.abs(part - np.array(ink_on(RED))).sum(axis=2).min()
    assert ink < 90  # letters are there
    assert (rgb(picture)[:50] == rgb(canvas())[0, 0]).all()


def test_a_plate_is_cut_to_a_small_picture() -> None:
    picture = canvas(64, 48)
    plate = make_plate(picture, "Person 12 · 34 ± 6 · female · neutral", RED, Sizes.of(64, 48))
    assert plate.width <= 64


@pytest.mark.parametrize("box", [(200.0, 100.0, 90.0, 120.0), (-40.0, -30.0, 90.0, 120.0), (601.5, 301.2, 90.0, 120.0)])
def test_what_is_hidden_cannot_be_told_from_anything_else(box: Box) -> None:
    noise = np.random.default_rng(1).integers(16, 235, (360, 640), np.uint8)
    chroma = np.random.default_rng(2).integers(30, 220, (2, 180, 320), np.uint8)
    picture = YuvPicture(noise.copy(), chroma[0].copy(), chroma[1].copy(), 640, 360, "bt709", False)
    hide(picture, box)
    x, y, width, height = box
    rows = slice(max(0, int(y)), int(min(360, y + height)))
    columns = slice(max(0, int(x)), int(min(640, x + width)))
    after = picture.y[rows, columns]
    detail = cv2.Laplacian(after, cv2.CV_32F)[2:-2, 2:-2]
    assert np.abs(detail).max() <= 4  # nothing but slow ramps is left, in the corners of the box as well
    before = noise[rows, columns].astype(float)
    assert abs(np.corrcoef(before.ravel(), after.ravel().astype(float))[0, 1]) < 0.2
    half = slice(rows.start // 2 + 1, rows.stop // 2), slice(columns.start // 2 + 1, columns.stop // 2)
    assert np.abs(cv2.Laplacian(picture.u[half], cv2.CV_32F)[1:-1, 1:-1]).max() <= 8
    outside = np.ones((360, 640), bool)
    grown = MARGIN + 0.03
    outside[
        max(0, int(y - grown * height)) : int(y + (1 + grown) * height) + 1,
        max(0, int(x - grown * width)) : int(x + (1 + grown) * width) + 1,
    ] = False
    assert (picture.y[outside] == noise[outside]).all()


def test_two_faces_that_differ_in_details_are_hidden_alike() -> None:
    """Details finer than the cells are in no pixel: a checkerboard and its inverse come out the same."""
    board = (np.indices((360, 640)).sum(axis=0) // 4 % 2 * 200 + 20).astype(np.uint8)
    results = []
    for level in (board, 240 - board):
        picture = YuvPicture(
            level.copy(), *(np.full((180, 320), 128, np.uint8) for _ in range(2)), 640, 360, "bt709", False
        )
        hide(picture, (200.0, 100.0, 100.0, 140.0))
        results.append(picture.y[110:230, 210:290].astype(int))
    assert np.abs(results[0] - results[1]).max() <= 6


def test_the_painter_hides_marks_and_draws_the_line() -> None:
    picture = canvas()
    picture.y[:, ::2] = 40
    painter = Painter(
        marks=[Mark(Still((400.0, 100.0, 80.0, 100.0)), "Person 1", RED)],
        hidden=[Still((100.0, 100.0, 80.0, 100.0))],
        rows=[Row("1", RED, [(2.0, 4.0)])],
        duration=10.0,
    )
    painter(picture, 3.0)
    seen = rgb(picture)
    assert np.ptp(picture.y[140:160, 130:150].astype(int)) < 20  # the stripes are gone
    assert np.abs(seen[150, 397:403] - np.array(RED)).sum(axis=1).min() < 110  # two pixels, of which one colour each
    assert np.ptp(picture.y[140:160, 430:450].astype(int)) > 60  # and stay inside of a marked face
    strip = seen[-8:, :]
    red = (np.abs(strip - np.array(RED)).sum(axis=2) < 60).any(axis=0)
    assert red[640 * 25 // 100]
    assert red[640 * 35 // 100]
    assert not red[640 * 60 // 100]
    assert (strip[:, 188:198] > 200).all(axis=2).any()  # the play head at 3 of 10 seconds


def test_nothing_is_drawn_where_nobody_is() -> None:
    picture = canvas()
    Painter(marks=[Mark(Still((400.0, 100.0, 80.0, 100.0), 5.0, 6.0), "Person 1", RED)])(picture, 4.99)
    assert (picture.y == 120).all()


def test_two_plates_do_not_lie_on_each_other() -> None:
    picture = canvas()
    faces = [(200.0, 100.0, 60.0, 70.0), (215.0, 104.0, 60.0, 70.0)]
    painter = Painter(marks=[Mark(Still(f), f"Person {n}", RED) for n, f in enumerate(faces, 1)])
    painter(picture, 1.0)
    plate = make_plate(picture, "Person 1", RED, Sizes.of(640, 360))
    solid = (picture.y[:, 202:206] == picture.code(RED)[0]).all(axis=1)
    assert solid[: 100 - 2].sum() + solid[170:].sum() >= plate.height // 2


def test_a_cut_that_was_seen_late_ends_a_box_in_time() -> None:
    """The scan says 1.12 s, the picture changes at 1.04: from there on, the next shot's box is drawn."""
    first, second = Still((100.0, 100.0, 80.0, 100.0), 0.0, 1.12), Still((400.0, 100.0, 80.0, 100.0), 1.12, 3.0)
    painter = Painter(marks=[Mark(first, "", RED), Mark(second, "", RED)], cuts=[1.12])
    for number in range(20, 30):
        picture = canvas(level=60 if number < 26 else 180)
        ground = picture.y.copy()
        painter(picture, number / 25)
        changed = picture.y != ground
        assert changed[:, :320].any() == (number < 26), number
        assert changed[:, 320:].any() == (number >= 26), number


def test_colours_of_people_are_their_own_and_readable() -> None:
    assert len({person_color(number) for number in range(1, 22)}) == 21
    assert person_color(1) == person_color(22) == PEOPLE[0]
    for number in range(1, 22):
        colour = person_color(number)
        a, b = sorted((luminance(colour), luminance(ink_on(colour))))
        assert (b + 0.05) / (a + 0.05) >= 4.5
