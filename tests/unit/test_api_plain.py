"""Which frames are taken out with no choosing: known from the packets, exact however long frames are shown."""

from __future__ import annotations

import io
import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scan_samples import film
from stills.api.plain import planned_pts
from stills.media.packets import PacketIndex
from stills.render.documents import Lazy, to_json, write_json
from stills.settings import load_settings
from stills.settings_model import KeyframesSettings

TICKS = 1000  # a second, in scan_samples


def packets_at(pts: list[int]) -> PacketIndex:
    count = len(pts)
    return PacketIndex(
        pts=np.array(pts, np.int64),
        dts=np.array(pts, np.int64),
        duration=np.full(count, 40, np.int64),
        size=np.full(count, 1000, np.int32),
        key=np.arange(count) % 10 == 0,
        discard=np.zeros(count, bool),
    )


def which(**options: object) -> KeyframesSettings:
    return load_settings(env={}, options=options, section="keyframes").keyframes


def planned(pts: list[int], **options: object) -> list[int]:
    index = packets_at(pts)
    return planned_pts(film(index), index, which(**options)).tolist()


STEADY = list(range(0, 10_000, 40))
VARIABLE = [0, 40, 80, 1990, 2030, 3999, 4000, 9000, 9010]


def test_all_is_every_frame_in_order_of_time() -> None:
    shuffled = [STEADY[at ^ 1] for at in range(len(STEADY))]
    assert planned(shuffled, all=True) == STEADY


def test_seconds_take_the_first_frame_at_or_after_each_multiple() -> None:
    assert planned(STEADY, every="2s") == [0, 2000, 4000, 6000, 8000]
    assert planned(VARIABLE, every="2s") == [0, 2030, 4000, 9000]
    assert planned(STEADY, every="0.1s") == [at for at in STEADY if at % 100 < 40]


def test_frames_take_each_nth() -> None:
    assert planned(STEADY, every="10f") == STEADY[::10]
    assert planned(VARIABLE, every="3f") == [0, 1990, 4000]


def test_a_range_counts_from_where_it_begins() -> None:
    assert planned(STEADY, every="2s", start="0:01", end=6) == [1000, 3000, 5000]
    assert planned(STEADY, every="10f", start=1, end=2) == [1000, 1400, 1800]
    assert planned(STEADY, all=True, start=1, end=1.1) == [1000, 1040, 1080]
    assert planned(STEADY, all=True, start=99) == []


@given(
    gaps=st.lists(st.integers(1, 5000), min_size=1, max_size=60),
    step=st.fractions(Fraction(1, 100), Fraction(20), max_denominator=100),
)
def test_no_multiple_is_missed_and_no_frame_is_for_nothing(gaps: list[int], step: Fraction) -> None:
    pts = np.cumsum([0, *gaps]).tolist()
    taken = planned(pts, every=f"{float(step):.2f}s")
    ticks = Fraction(f"{float(step):.2f}") * TICKS
    wanted = {next(p for p in pts if p >= k * ticks) for k in range(int(pts[-1] // ticks) + 1)}
    assert taken == sorted(wanted)


def test_a_long_list_is_written_as_it_is_made_and_reads_as_any_other() -> None:
    made: list[int] = []

    def make(number: int) -> dict[str, object]:
        made.append(number)
        return {"number": number, "name": f"\udcff{number}"}

    file = io.BytesIO()
    lazy = Lazy(range(5000), make)
    write_json(file, {"frames": lazy, "none": Lazy([], make)})
    assert len(lazy) == len(made) == 5000
    plain = {"frames": [{"number": n, "name": f"\udcff{n}"} for n in range(5000)], "none": []}
    assert file.getvalue() == to_json(plain) == (json.dumps(plain, indent=2) + "\n").encode()


def test_nothing_is_said_of_a_number_that_json_cannot_hold() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(io.BytesIO(), {"frames": Lazy([1], lambda _: {"score": float("nan")})})
