from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from render_samples import picture
from stills.errors import UsageError
from stills.render.lettering import cut_to, drawable, font
from stills.render.sheet import caption, chosen, heading_lines, parse_grid, sheet, write_sheet

WIDE = [(picture(160, 90, n), f"0:0{n}.0") for n in range(6)]
COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40)]


def plain(colour: tuple[int, int, int], width: int = 320, height: int = 180) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


def extent(got: NDArray[np.uint8], colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Where ``colour`` is: x, y, width, height."""
    y, x = np.nonzero((np.abs(got.astype(int) - colour) <= 2).all(axis=-1))
    return int(x.min()), int(y.min()), int(x.max() - x.min() + 1), int(y.max() - y.min() + 1)


def test_cells_are_equal_and_margins_even() -> None:
    got = sheet(((plain(c), "0:01.0") for c in COLOURS), 2, 2, width=800)
    assert got.shape[1] == 800
    places = [extent(got, colour) for colour in COLOURS]
    assert len({(w, h) for _, _, w, h in places}) == 1
    assert places[0][2] / places[0][3] == pytest.approx(16 / 9, abs=0.01)
    left, right = places[0][0], 800 - (places[1][0] + places[1][2])
    assert abs(left - right) <= 1
    assert places[0][1] == left  # above as beside
    assert places[0][0] == places[2][0]
    assert places[0][1] == places[1][1] < places[2][1]


def test_captions_and_headings_are_drawn_and_only_there() -> None:
    bare = sheet([(rgb, "") for rgb, _ in WIDE], 3, 2)
    said = sheet(WIDE, 3, 2)
    assert said.shape == bare.shape
    rows = np.flatnonzero((said != bare).any(axis=(1, 2)))
    cell = extent(sheet([(plain(COLOURS[0]), "")] * 6, 3, 2), COLOURS[0])
    assert rows.min() > cell[1]
    differs = (said != bare).any(axis=-1)
    assert differs.sum() > 6 * 50
    headed = sheet(WIDE, 3, 2, heading=("film.mp4", "3:45"))
    assert headed.shape[0] > said.shape[0]
    assert np.array_equal(headed[-400:], said[-400:])
    assert headed[:100].max() > 200


@settings(deadline=None, max_examples=40)  # pictures are drawn, on machines of any speed
@given(st.integers(100, 2500), st.integers(1, 30), st.integers(1, 40))
def test_captions_can_be_read_at_any_size(width: int, columns: int, count: int) -> None:
    black = np.zeros((9, 16, 3), np.uint8)
    got = sheet([(black, "8:88:88.8")] * min(count, columns), columns, 1, width=width)
    bright = (got > 200).all(axis=-1)
    letters = np.flatnonzero(bright.any(axis=1))
    assert letters.max() - letters.min() + 1 >= 9  # pixels a digit is high
    assert cut_to("8:88:88.8", 13, 112) == "8:88:88.8"


def test_other_shapes_are_letterboxed_never_stretched() -> None:
    pictures = [(plain(COLOURS[0]), ""), (plain(COLOURS[1], 100, 400), ""), (plain(COLOURS[2]), "")]
    got = sheet(pictures, 3, 1, width=1000)
    first, tall, last = (extent(got, colour) for colour in COLOURS[:3])
    assert first[2:] == last[2:]
    assert tall[3] == first[3]
    assert tall[2] == pytest.approx(first[3] / 4, abs=1)
    assert tall[0] + tall[2] / 2 == pytest.approx((first[0] + first[2] + last[0]) / 2, abs=1)


def test_upright_pictures_make_upright_cells_and_odd_ones_do_not_explode() -> None:
    got = sheet([(plain(COLOURS[0], 90, 160), "")] * 4, 4, 1, width=800)
    _, _, w, h = extent(got[:, :200], COLOURS[0])
    assert h / w == pytest.approx(16 / 9, abs=0.02)
    assert sheet([(plain(COLOURS[0], 1, 4000), "x")], 1, 1, width=300).shape[0] < 1000
    assert sheet([(plain(COLOURS[0], 4000, 1), "x")], 1, 1, width=300).shape[0] > 100
    assert sheet([(plain(COLOURS[0], 1, 1), "x")], 2, 2).shape[2] == 3


def test_fewer_pictures_make_fewer_rows_of_the_same_cells() -> None:
    full = sheet([(plain(COLOURS[0]), "")] * 20, 4, 5)
    five = sheet([(plain(COLOURS[0]), "")] * 5, 4, 5)
    one = sheet([(plain(COLOURS[0]), "")], 4, 5)
    assert five.shape[1] == full.shape[1] == 1920
    assert five.shape[0] < full.shape[0] / 2
    assert one.shape[1] < 600
    assert extent(one, COLOURS[0])[2:] == (extent(full[:, :490], COLOURS[0])[2], extent(full[:300], COLOURS[0])[3])


def test_no_more_is_asked_for_than_there_are_cells() -> None:
    asked = []

    def stream() -> Iterator[tuple[NDArray[np.uint8], str]]:
        for n in range(100):
            asked.append(n)
            yield WIDE[n % 6]

    assert np.array_equal(sheet(stream(), 3, 2), sheet(WIDE, 3, 2))
    assert asked == list(range(6))


def test_sixteen_bits_look_the_same() -> None:
    deep = [(rgb.astype(np.uint16) * 257, words) for rgb, words in WIDE]
    assert np.array_equal(sheet(deep, 3, 2), sheet(WIDE, 3, 2))


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(UsageError, match="no picture"):
        sheet([], 4, 5)
    with pytest.raises(UsageError, match="0x5"):
        sheet(WIDE, 0, 5)
    with pytest.raises(UsageError, match="larger than 100 megapixels"):
        sheet(WIDE, 1, 1, width=20_000)
    with pytest.raises(UsageError, match="larger than 100 megapixels"):
        sheet([(plain(COLOURS[0], 10, 30), "")] * 1000, 5, 200, width=2000)
    for text in ("4", "0x3", "x", "4x5x6", "²x3", "-1x2", "4x"):
        with pytest.raises(UsageError, match="COLUMNSxROWS"):
            parse_grid(text)
    assert parse_grid("4×5") == (4, 5)


@given(st.integers(1, 60), st.integers(1, 60))
def test_frames_are_spread_over_the_sheet(count: int, cells: int) -> None:
    got = chosen([{"time": n} for n in range(count)], cells)
    assert got == sorted(set(got))
    assert len(got) == min(count, cells)
    if 1 < cells < count:
        assert (got[0], got[-1]) == (0, count - 1)
        gaps = np.diff(got)
        assert gaps.max() - gaps.min() <= 1


def test_the_best_ranked_go_onto_the_sheet_in_order_of_time() -> None:
    frames = [{"rank": rank} for rank in (5, 1, 4, 2, 3)]
    assert chosen(frames, 3) == [1, 3, 4]
    assert chosen([*frames, {"rank": None}], 2) == [0, 5]


def test_the_head_says_what_the_video_is() -> None:
    values = {"path": "/a/b/film.mp4", "duration": 3725.4, "width": 1920, "height": 1080, "frame_rate": 23.976024}
    assert heading_lines(values) == ("film.mp4", "1:02:05  ·  1920 x 1080  ·  23.976 fps")
    assert "about 30 fps" in heading_lines(values | {"frame_rate": 30.0, "variable_frame_rate": True})[1]
    assert heading_lines(values | {"frame_rate": None})[1].endswith("1080")
    assert caption({"time": 72.48, "rank": 3}) == "1:12.5"
    assert caption({"time": 72.48, "rank": 3}, ranked=True) == "3  ·  1:12.5"
    assert caption({"time": None, "cover": True}) == "Cover"


def test_names_become_letters_that_can_be_drawn() -> None:
    assert drawable("Café Übel – ß × №1.mp4") == "Cafe Ubel - ss x No1.mp4"
    assert drawable("恋.mp4") == "?.mp4"
    assert drawable("a\n\u202eb\udcff") == "a\\n\\u202eb\\udcff"
    text = "a rather long name of a film.mp4"
    for width in (5, 40, 100, 150):
        got = cut_to(text, 20, width)
        assert font(20).getlength(got) <= width
        assert got == "" or got.endswith("…")
    assert cut_to(text, 20, 1000) == text


def test_it_is_written_whole(tmp_path: Path) -> None:
    path = write_sheet(tmp_path / "sheet.jpg", WIDE, "3x2", heading=("a" * 500, "b"))
    with Image.open(path) as got:
        got.load()
        assert (got.format, got.width) == ("JPEG", 1920)
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.jpg"]
