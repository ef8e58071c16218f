"""Values as JSON and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from render_samples import report, video
from stills.index.codec import fallbacks_from_json, report_from_json, video_from_json, video_to_json
from stills.types import Fallback

rates = st.fractions(min_value=Fraction(1, 1000), max_value=1000)


videos = st.builds(
    video,
    frame_rate=st.none() | rates,
    time_base=rates,
    sample_aspect_ratio=rates,
    start_pts=st.integers(-(2**62), 2**62),
    path=st.text(),
    warnings=st.lists(st.text()).map(tuple),
    cover_streams=st.lists(st.integers(0, 9)).map(tuple),
)


@given(videos)
def test_a_video_comes_back_as_it_was(info):
    assert video_from_json(json.loads(json.dumps(video_to_json(info)))) == info


def test_fractions_stay_exact():
    row = video_to_json(video(frame_rate=Fraction(30000, 1001)))
    assert row["frame_rate"] == "30000/1001"


@pytest.mark.parametrize("name", ["time_base", "width", "warnings"])
def test_a_video_that_lacks_something_is_refused(name):
    row = video_to_json(video())
    del row[name]
    with pytest.raises(KeyError):
        video_from_json(row)


def test_reports_and_fallbacks():
    assert report_from_json(json.loads(json.dumps(asdict(report())))) == report()
    fallbacks = (Fallback("device", "no GPU"), Fallback("x", "y"))
    assert fallbacks_from_json([asdict(f) for f in fallbacks]) == fallbacks
