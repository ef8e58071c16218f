"""Which frame is the portrait: pure selections from made-up indexes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stills
from index_samples import face, identity, make_index
from stills.errors import StrictError, UsageError
from stills.index.index import Index
from stills.index.schema import QUALITY_PARTS
from stills.select.portrait import PREFERENCES, WEIGHTS, PortraitOptions, select_portrait
from stills.types import COVER_PTS
from stills.types_portrait import PortraitSelection

WHO = identity(1)
PARTS = tuple(part for part in WEIGHTS if part != "size")
shares = st.floats(0.0, 1.0)


def measured(time: float, side: float = 90.0, *, left: float = 200.0, **changes: Any) -> dict[str, Any]:
    """A measured face of ``side`` × 1.2 ``side`` pixels in 640 × 360; ``side`` 90 is a quarter of the shorter side."""
    number = changes.pop("track", round(time * 10))
    return face(number, time, WHO, x=left, y=100.0, width=side, height=1.2 * side, **changes)


def parts(**values: float) -> dict[str, float]:
    return {f"quality_{name}": value for name, value in values.items()}


def chosen(index: Index, **options: Any) -> PortraitSelection:
    return select_portrait(index, PortraitOptions(**options))


def time_of(selection: PortraitSelection) -> float:
    assert selection.frame is not None
    return selection.frame.time


def on_cover(side: float = 200.0, **changes: Any) -> dict[str, Any]:
    row = face(0, 0.0, WHO)
    values = {
        name: row[name] for name in ("score", "presence", "yaw", "pitch", "roll", "eyes_open", "smile", "quality")
    }
    values |= {f"quality_{part}": row[f"quality_{part}"] for part in QUALITY_PARTS}
    return {"box": [100.0, 100.0, side, 1.2 * side], **values, **changes}


def cover(*faces: Mapping[str, Any]) -> dict[str, Any]:
    return {"width": 600, "height": 900, "faces": list(faces)}


def test_the_larger_face_wins_and_the_reasons_make_the_score() -> None:
    selection = chosen(make_index([measured(1.0, 60), measured(3.0, 120), measured(5.0, 80)]))
    assert time_of(selection) == 3.0
    assert selection.qualified
    assert selection.reason is None
    assert not selection.fallbacks
    frame = selection.frame
    assert frame is not None
    assert frame.box == pytest.approx((200, 100, 120, 144))
    assert set(frame.reasons) == {"size", "quality", *PARTS}
    assert frame.score == pytest.approx(frame.reasons["size"] * frame.reasons["quality"], abs=2e-4)
    assert frame.reasons["size"] == pytest.approx(1 - 2.718281828 ** -(120 / 360 / 0.25), abs=1e-4)
    assert frame.reasons["quality"] == pytest.approx(0.8, abs=1e-4)
    assert [pick.time for pick in selection.runners_up] == [5.0, 1.0]


def test_a_good_face_wins_against_a_larger_blurred_one() -> None:
    blurred = measured(1.0, 110, **parts(sharpness=0.05, pose=0.5))
    assert time_of(chosen(make_index([blurred, measured(3.0, 95)]))) == 3.0


def test_a_frame_is_judged_by_its_largest_face() -> None:
    """The small good one beside it does not make up for a large one with closed eyes."""
    crowd = [measured(1.0, 120, eyes_open=0.0, **parts(eyes=0.0), track=1), measured(1.0, 60, left=400, track=2)]
    selection = chosen(make_index([*crowd, measured(3.0, 60)]))
    assert time_of(selection) == 3.0
    assert selection.dropped["eyes_closed"] == 1
    both = chosen(make_index([measured(1.0, 60, track=1), measured(1.0, 120, left=400, track=2)]))
    assert both.frame is not None
    assert [box[2] for box in both.frame.faces] == [120, 60]


@pytest.mark.parametrize(
    ("spoiled", "kind", "says"),
    [
        ({"side": 30}, "small", "8% of the shorter side; 12% is wanted"),
        ({"eyes_open": 0.1}, "eyes_closed", "eyes closed"),
        ({"in_transition": True}, "in_transition", "dissolve"),
        ({"presence": 0.2, "score": 0.9}, "unsure", "turned away"),
        ({"score": 0.65}, "unsure", "turned away"),
        (parts(sharpness=0.02, exposure=0.1, pose=0.1), "poor", "quality of 0.12; 0.5 is wanted"),
    ],
)
def test_what_does_not_qualify_is_taken_only_for_want_of_better(spoiled: dict[str, Any], kind: str, says: str) -> None:
    bad = measured(1.0, **{"side": 120, **spoiled})
    good = measured(4.0, 60, **parts(sharpness=0.5))
    both = chosen(make_index([bad, good]))
    assert (time_of(both), both.qualified, both.dropped[kind]) == (4.0, True, 1)
    assert not both.runners_up
    alone = chosen(make_index([bad]))
    assert (time_of(alone), alone.qualified) == (1.0, False)
    assert [f.code for f in alone.fallbacks] == ["no-qualifying-face"]
    assert says in alone.fallbacks[0].message
    skipped = chosen(make_index([bad]), if_none="skip")
    assert (skipped.frame, skipped.qualified, skipped.fallbacks) == (None, False, ())
    assert skipped.reason is not None
    assert says in skipped.reason
    assert [pick.time for pick in skipped.runners_up] == [1.0]


def test_a_face_that_was_not_measured_never_qualifies() -> None:
    seen = face(0, 1.0, x=200.0, width=150.0, height=180.0, quality_eyes=None)
    selection = chosen(make_index([seen, measured(3.0, 60)]))
    assert time_of(selection) == 3.0
    alone = chosen(make_index([seen]))
    assert (time_of(alone), alone.qualified, alone.dropped["unmeasured"]) == (1.0, False, 1)
    assert alone.frame is not None
    assert "eyes" not in alone.frame.reasons


def test_what_is_hardly_a_face_is_none() -> None:
    hardly = [measured(1.0, 200, presence=0.1, score=0.7), face(3, 2.0, width=200.0, height=200.0, score=0.7)]
    selection = chosen(make_index(hardly))
    assert selection.frame is None
    assert "no face was found" in str(selection.reason)
    assert not selection.fallbacks
    assert time_of(chosen(make_index([*hardly, measured(5.0, 60)]))) == 5.0


def test_without_any_face_there_is_no_portrait_and_a_reason() -> None:
    for options in ({}, {"if_none": "skip"}):
        selection = chosen(make_index([]), **options)
        assert (selection.frame, selection.runners_up, selection.qualified) == (None, (), False)
        assert selection.reason == "no face was found in the frames that were looked at"


def test_runners_up_are_of_other_moments() -> None:
    rows = [measured(time, 90 + time) for time in (1.0, 1.4, 1.8, 4.0, 4.5, 7.0)]
    selection = chosen(make_index(rows), runners_up=2)
    assert [time_of(selection), *(pick.time for pick in selection.runners_up)] == [7.0, 4.5, 1.8]
    assert not chosen(make_index(rows), runners_up=0).runners_up


def test_sizes_are_shares_of_the_picture_or_pixels() -> None:
    index = make_index([measured(1.0, 60)])
    assert chosen(index, min_face="16%").qualified
    assert not chosen(index, min_face="17%").qualified
    assert chosen(index, min_face="60").qualified
    assert not chosen(index, min_face="61").qualified


@given(st.sampled_from([0.5, 2.0, 3.0, 6.0]), st.floats(45, 200))
def test_the_answer_is_the_same_at_any_resolution(scale: float, side: float) -> None:
    rows = [measured(1.0, side), measured(4.0, 45)]
    larger = [{**r, **{name: r[name] * scale for name in ("x", "y", "width", "height")}} for r in rows]
    index = make_index(rows)
    big = replace(make_index(larger), video=replace(index.video, width=round(640 * scale), height=round(360 * scale)))
    a, b = chosen(index), chosen(big)
    assert a.frame is not None
    assert b.frame is not None
    assert (a.frame.pts, a.qualified) == (b.frame.pts, b.qualified)
    assert a.frame.score == pytest.approx(b.frame.score, abs=1e-4)


@given(
    st.fixed_dictionaries(dict.fromkeys(PARTS, shares)),
    st.sampled_from(PARTS),
    st.floats(0.0, 1.0),
    st.dictionaries(st.sampled_from([*WEIGHTS]), st.floats(0.0, 3.0)),
)
def test_a_better_part_never_lowers_the_score(
    values: dict[str, float], part: str, more: float, weights: dict[str, float]
) -> None:
    better = {**values, part: values[part] + (1.0 - values[part]) * more}
    scores = []
    for one in (values, better):
        selection = chosen(make_index([measured(1.0, 90, **parts(**one))]), weights=weights)
        assert selection.frame is not None
        assert 0.0 <= selection.frame.score <= 1.0
        assert all(0.0 <= value <= 1.0 for value in selection.frame.reasons.values())
        scores.append((selection.frame.score, selection.qualified))
    assert scores[1] >= scores[0]


@given(st.floats(5, 300), st.floats(1.0, 2.0))
def test_a_larger_face_never_lowers_the_score(side: float, growth: float) -> None:
    small, large = (chosen(make_index([measured(1.0, s)])) for s in (side, side * growth))
    assert small.frame is not None
    assert large.frame is not None
    assert (large.qualified, large.frame.score) >= (small.qualified, small.frame.score)


@given(shares, shares, st.floats(-1.0, 1.0), st.sampled_from(["smile", "eyes", "frontal"]))
def test_a_preference_pulls_the_way_it_says(low: float, high: float, prefer: float, name: str) -> None:
    low, high = sorted((low, high))
    key = {"smile": "smile", "eyes": "eyes_open", "frontal": "quality_pose"}[name]
    weights = {"pose": 0.0}  # what is preferred counts by itself here
    scores = []
    for value in (low, high):
        selection = chosen(make_index([measured(1.0, 90, **{key: value})]), prefer={name: prefer}, weights=weights)
        assert selection.frame is not None
        scores.append(selection.frame.score)
        assert selection.frame.reasons[f"prefer_{name}"] == pytest.approx(value, abs=1e-4)
    assert scores[1] >= scores[0] if prefer >= 0 else scores[1] <= scores[0]


def test_preferences_choose_among_like_frames() -> None:
    smiling = measured(1.0, 90, smile=0.9)
    earnest = measured(4.0, 90, smile=0.1)
    beside = [measured(7.0, 90, smile=0.2, track=70), measured(7.0, 80, left=420, track=71)]
    middle = measured(9.0, 90, left=275.0, smile=0.2)
    index = make_index([smiling, earnest, *beside, middle])
    assert time_of(chosen(index, prefer={"smile": 0.5})) == 1.0
    assert time_of(chosen(index, prefer={"smile": -0.5})) == 4.0
    assert time_of(chosen(index, prefer={"centred": 1.0})) == 9.0
    alone = chosen(index, prefer={"alone": 1.0}, runners_up=5)
    assert alone.runners_up[-1].time == 7.0
    assert alone.frame is not None
    assert alone.frame.reasons["preference"] == 1.0


def test_nothing_is_preferred_by_default() -> None:
    index = make_index([measured(1.0, 90, smile=0.9, left=10), measured(4.0, 91, smile=0.0)])
    assert time_of(chosen(index)) == 4.0


def test_weights_say_what_counts() -> None:
    large = measured(1.0, 150, **parts(sharpness=0.4))
    sharp = measured(4.0, 80, **parts(sharpness=1.0))
    assert time_of(chosen(make_index([large, sharp]))) == 1.0
    assert time_of(chosen(make_index([large, sharp]), weights={"size": 0.0})) == 4.0
    only = chosen(make_index([large, sharp]), weights=dict.fromkeys(PARTS, 0.0))
    assert only.frame is not None
    assert (only.frame.time, only.frame.reasons["quality"]) == (1.0, 1.0)


def test_the_cover_is_one_of_the_frames_and_has_a_size_of_its_own() -> None:
    rows = [measured(1.0, 90)]
    selection = chosen(make_index(rows, cover=cover(on_cover(300))))
    assert selection.frame is not None
    assert (selection.frame.pts, selection.frame.box) == (COVER_PTS, (100.0, 100.0, 300.0, 360.0))
    assert [pick.time for pick in selection.runners_up] == [1.0]
    assert time_of(chosen(make_index(rows, cover=cover(on_cover(300))), cover=False)) == 1.0
    # 90 pixels are a quarter of the frame's shorter side, 120 a fifth of the cover's.
    assert time_of(chosen(make_index(rows, cover=cover(on_cover(120))))) == 1.0
    assert time_of(chosen(make_index(rows, cover=cover()))) == 1.0
    only = chosen(make_index([], cover=cover(on_cover(50))))
    assert only.frame is not None
    assert (only.frame.pts, only.qualified) == (COVER_PTS, False)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"weights": {"charm": 1}}, "charm"),
        ({"weights": {"size": -1}}, "negative"),
        ({"prefer": {"young": 1}}, "centred"),
        ({"prefer": {"smile": 1.5}}, "-1…1"),
        ({"min_face": "big"}, "shorter side"),
        ({"runners_up": -1}, "runners-up"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        select_portrait(make_index([]), PortraitOptions(**options))


def test_all_preferences_are_known() -> None:
    index = make_index([measured(1.0)])
    selection = chosen(index, prefer=dict.fromkeys(PREFERENCES, 0.1))
    assert selection.frame is not None
    assert {f"prefer_{name}" for name in PREFERENCES} <= set(selection.frame.reasons)


def test_the_api_selects_from_an_index_and_says_what_it_did(tmp_path: Any) -> None:
    settings = stills.load_settings(env={})
    result = stills.portrait(make_index([measured(1.0, 30)]), settings=settings)
    assert (result.qualified, result.steps) == (False, ())
    assert [f.code for f in result.fallbacks] == ["no-qualifying-face"]
    assert stills.portrait(make_index([measured(1.0, 30)]), settings=settings, min_face="20").qualified
    with pytest.raises(StrictError, match="no face qualifies"):
        stills.portrait(make_index([measured(1.0, 30)]), settings=settings, strict=True)
    with pytest.raises(UsageError, match="no faces"):
        stills.portrait(make_index([], layers=frozenset({"signals"})), settings=settings)
    for wrong in ({"prefer": {"charm": 1}}, {"weights": {"charm": 1}}, {"if_none": "guess"}, {"lossless": True}):
        with pytest.raises(UsageError):
            stills.portrait("no such film.mp4", settings=settings, **wrong)


def test_the_effort_of_a_portrait_is_its_own() -> None:
    settings = stills.load_settings(env={}, options={"effort": "exhaustive"})
    index = make_index([measured(1.0)])
    assert stills.portrait(index, settings=settings).settings.scan.effort == "fast"
    assert stills.portrait(index, settings=settings, effort="balanced").settings.scan.effort == "balanced"
    assert stills.people(index, settings=settings).settings.scan.effort == "exhaustive"
