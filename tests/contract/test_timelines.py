"""What every format of shots promises; a new one is tested by being in the registry."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shot_samples import shot_film
from stills.cli.cmd_shots import FORMATS as OFFERED
from stills.render.timelines import FORMATS, ShotList, TimelineFormat
from stills.render.timelines.shotlist import frame_spans, overlaps

every_format = pytest.mark.parametrize("sink", FORMATS.values(), ids=list(FORMATS))

FILMS = {
    "cuts": lambda: shot_film([2.0, 5.5], duration=9.0, frame_rate=Fraction(25)),
    "one shot": lambda: shot_film([], duration=4.0),
    "no duration": lambda: shot_film([], duration=0.0, frame_rate=None),
    "dissolve": lambda: shot_film([2.5], duration=5.0, dissolves={2.5: (2.0, 3.0)}),
    "dissolves that meet": lambda: shot_film([2.0, 2.4], duration=5.0, dissolves={2.0: (1.6, 2.3), 2.4: (2.2, 2.9)}),
    "variable": lambda: shot_film([1.234567, 1.25], duration=3.0, variable_frame_rate=True),
    "very fast": lambda: shot_film([1.0, 1.0 + 1 / 240], duration=2.0, frame_rate=Fraction(240)),
    "a thousand": lambda: shot_film([n / 10 for n in range(1, 1200)], duration=120.0, frame_rate=Fraction(50)),
    "nasty name": lambda: shot_film([1.0], duration=2.0, path='/films/a --> "b",\n\x1b[2J\udcff;ü.mp4'),
    "no name": lambda: shot_film([1.0], duration=2.0, path="/films/…….mp4"),
    "two days": lambda: shot_film([90000.0], duration=172800.0, frame_rate=Fraction(24000, 1001)),
}


@every_format
@pytest.mark.parametrize("film", FILMS)
def test_any_shots_can_be_written_and_the_same_give_the_same_bytes(sink: TimelineFormat, film: str):
    shots = FILMS[film]()
    written = sink.render(shots)
    assert written == sink.render(shots)
    text = written.decode("utf-8")
    assert text.endswith("\n")
    assert "\x1b" not in text
    assert all(isinstance(note, str) and sink.file in note for note in sink.notes(shots))


@every_format
def test_names_are_plain(sink: TimelineFormat):
    assert sink.name.isalnum()
    assert sink.file == f"shots.{sink.name}"


@every_format
def test_no_shots_are_no_error(sink: TimelineFormat):
    shots = shot_film([], duration=1.0)
    assert sink.render(ShotList(shots.video, (), {**shots.document, "shots": []}))


def test_the_command_offers_all_formats():
    assert set(OFFERED) == set(FORMATS)


@st.composite
def shot_lists(draw: st.DrawFn) -> ShotList:
    duration = draw(st.floats(0.1, 50))
    borders = sorted(set(draw(st.lists(st.floats(0.001, duration * 0.999), max_size=8))))
    gradual = {
        b: (max(0.0, b - draw(st.floats(0, 2))), b + draw(st.floats(0, 2))) for b in borders if draw(st.booleans())
    }
    rate: Any = draw(st.sampled_from([None, Fraction(25), Fraction(30000, 1001), Fraction(1, 2), Fraction(480)]))
    return shot_film(
        borders, duration=duration, dissolves=gradual, frame_rate=rate, variable_frame_rate=draw(st.booleans())
    )


@settings(max_examples=60, deadline=None)
@given(shot_lists())
def test_spans_have_no_gap_and_transitions_fit_into_them(shots: ShotList):
    spans, sides = frame_spans(shots), overlaps(shots)
    assert spans[0][0] == 0
    assert all(start < end for start, end in spans)
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert all(before >= 0 and after >= 0 for before, after in sides)
    for (start, end), (_, after), (before, _) in zip(spans, sides, [*sides[1:], (0, 0)], strict=True):
        assert after + before < end - start
    for sink in FORMATS.values():
        assert sink.render(shots)
