"""Choosing thumbnails from made-up indexes: what ranks first, what never gets in, and what is said."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from index_samples import face, identity
from stills.errors import UsageError
from stills.select.thumbnail_parts import WEIGHTS
from stills.select.thumbnails import ThumbnailsOptions, select_thumbnails
from stills.types import COVER_PTS, ThumbnailsSelection
from thumbnail_samples import cover, expression, film, frame

SMILING = expression(happy=0.8)
GLUM = expression(sad=0.8)


def person(time: float, track: int, **changes: Any) -> dict[str, Any]:
    """A large measured face, the person as many as the track."""
    return face(track, time, identity(track), **{"x": 260.0, "y": 80.0, "width": 110.0, "height": 140.0, **changes})


def times(selection: ThumbnailsSelection) -> list[float]:
    return [p.time for p in selection.frames]


def clean_frames(count: int = 8) -> list[dict[str, Any]]:
    """One a shot of five seconds, each of another subject."""
    return [frame(5.0 * i + 2.0, i) for i in range(count)]


PLANTED: dict[str, dict[str, Any]] = {
    "black leader": {"luma": 3.0, "contrast": 1.0, "black": True, "exposure": 0.0, "sharpness": 0.0, "detail": 0.0},
    "flat": {"luma": 200.0, "contrast": 0.5, "flat": True, "sharpness": 0.0, "detail": 0.0},
    "blurred": {"sharpness": 0.08},
    "overexposed": {"exposure": 0.1, "highlights": 0.5, "luma": 235.0},
    "burnt out, but for a white ground's sake called well exposed": {"highlights": 0.6, "exposure": 0.8, "luma": 215.0},
    "underexposed": {"exposure": 0.05, "shadows": 0.8, "luma": 16.0, "contrast": 20.0},
    "half-dissolve": {"in_transition": True},
    "flash": {"flash": True},
    "subtitles on black": {"luma": 8.0, "contrast": 22.0, "text": 0.03, "detail": 0.05, "exposure": 0.3},
    "page of text": {"luma": 210.0, "text": 0.45},
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_spoiled_frame_never_gets_in_while_there_is_a_clean_one(fault: str):
    """However vivid it is, and though there are fewer clean frames than asked for."""
    bad = [frame(5.0 * i + 3.0, 20 + i, colorfulness=90.0, **PLANTED[fault]) for i in range(2)]
    clean = [frame(20.0 + 5.0 * i, 3 + i % 3) for i in range(8)]  # of three subjects
    found = select_thumbnails(film([*clean, *bad]), ThumbnailsOptions(count=5))
    assert len(found.frames) == 3
    assert min(times(found)) >= 20.0
    assert [f.code for f in found.fallbacks] == ["fewer-frames"]
    assert found.dropped["flawed_or_spoiled"] == 2
    assert not {p.time for p in found.runners_up} & {r["time"] for r in bad}


def test_a_transition_of_the_shots_counts_as_one():
    from index_samples import shots_table
    from stills.types import Shot

    shots = shots_table([Shot(0.0, 30.0), Shot(30.0, 60.0, "dissolve")])
    shots = shots.set_column(4, "transition_end", [[0.0, 31.0]])
    found = select_thumbnails(film([frame(5.0, 1), frame(30.5, 2), frame(40.0, 3)], shots=shots))
    assert sorted(times(found)) == [5.0, 40.0]


def test_closed_eyes_never_get_in_while_there_are_open_ones():
    rows = [frame(5.0 * i + 2.0, i, expression=SMILING) for i in range(8)]
    blink = {1, 4, 6}
    faces = [person(r["time"], i, eyes_open=0.0 if i in blink else 0.9, smile=0.9) for i, r in enumerate(rows)]
    found = select_thumbnails(film(rows, faces))
    assert len(found.frames) == 5
    assert not {rows[i]["time"] for i in blink} & set(times(found))


def test_frames_beside_closed_eyes_in_which_nobody_looked_are_left_out_as_well():
    rows = [frame(5.0 * i + 2.0, i, expression=SMILING) for i in range(3)]
    rows += [frame(12.2, 2, shift=9), frame(12.4, 2, shift=30, analysed=False)]
    faces = [person(2.0, 0), person(7.0, 1), person(12.0, 2, eyes_open=0.0), face(2, 12.2, x=260.0, width=110.0)]
    assert sorted(times(select_thumbnails(film(rows, faces)))) == [2.0, 7.0]


def test_the_happy_rank_before_all_others_then_the_surprised():
    moods = [GLUM, SMILING, expression(angry=0.9), expression(surprise=0.8), expression(), expression(happy=0.6)]
    rows = [frame(5.0 * i + 2.0, i, expression=m, sharpness=0.7 - 0.05 * (i == 1)) for i, m in enumerate(moods)]
    faces = [person(r["time"], i) for i, r in enumerate(rows)]
    found = select_thumbnails(film(rows, faces), ThumbnailsOptions(count=6))
    assert times(found)[:3] == [7.0, 27.0, 17.0]
    assert [p.rank for p in found.frames] == [1, 2, 3, 4, 5, 6]
    assert [p.score for p in found.frames] == sorted((p.score for p in found.frames), reverse=True)


def test_which_emotions_are_wanted_is_a_setting():
    rows = [frame(2.0, 0, expression=SMILING), frame(7.0, 1, expression=GLUM)]
    faces = [person(r["time"], i) for i, r in enumerate(rows)]
    index = film(rows, faces)
    assert times(select_thumbnails(index))[0] == 2.0
    assert times(select_thumbnails(index, ThumbnailsOptions(emotions={"sad": 1.0})))[0] == 7.0
    avoiding = select_thumbnails(index, ThumbnailsOptions(emotions={"happy": -1.0}))
    assert times(avoiding)[0] == 7.0
    assert all(0 <= v <= 1 for p in avoiding.frames for v in p.reasons.values())
    without = select_thumbnails(index, ThumbnailsOptions(expression=False))
    assert "expression" not in without.frames[0].reasons


def test_a_face_ranks_before_a_view_and_a_large_one_before_a_small_one():
    rows = [frame(2.0, 0), frame(7.0, 1), frame(12.0, 2)]
    faces = [person(7.0, 0, width=24.0, height=30.0), person(12.0, 1)]
    found = select_thumbnails(film(rows, faces, layers=("signals", "faces")))
    assert times(found) == [12.0, 7.0, 2.0]
    assert found.frames[0].faces == ((260.0, 80.0, 110.0, 140.0),)
    assert found.frames[2].reasons["faces"] == 0.0
    assert "eyes" not in found.frames[2].reasons


def test_frames_whose_faces_were_measured_come_first():
    rows = [frame(2.0, 0), frame(2.5, 1, analysed=False), frame(3.0, 2)]
    faces = [person(2.0, 0), face(0, 3.0, x=260.0, width=110.0, height=140.0)]
    found = select_thumbnails(film(rows, faces), ThumbnailsOptions(count=1))
    assert times(found) == [2.0]


def test_faces_of_a_frame_nobody_looked_at_are_those_just_beside_it():
    rows = [frame(2.0, 0, thumb=None), frame(2.25, 1, analysed=False), frame(4.0, 2, analysed=False)]
    faces = [face(0, 2.0, x=250.0, score=0.95)]
    found = {p.time: p.faces for p in select_thumbnails(film(rows, faces)).frames}
    assert [b[0] for b in found[2.25]] == [250.0]
    assert found[4.0] == ()


@pytest.mark.parametrize("layers", [("signals",), ("signals", "faces"), ("signals", "faces", "expression")])
def test_no_faces_at_all_works(layers: tuple[str, ...]):
    rows = clean_frames()
    rows[3]["sharpness"] = 0.95
    found = select_thumbnails(film(rows, layers=layers))
    assert len(found.frames) == 5
    assert times(found)[0] == rows[3]["time"]
    assert not found.fallbacks
    assert set(found.frames[0].reasons) == set(WEIGHTS) - {"faces", "expression", "eyes", "smile"}
    assert found.frames[0].score == pytest.approx(
        sum(WEIGHTS[n] * v for n, v in found.frames[0].reasons.items())
        / sum(WEIGHTS[n] for n in found.frames[0].reasons),
        abs=2e-3,
    )


def test_near_duplicates_never_share_the_list():
    """One subject in thirty frames of many shots, nearly equal; five others."""
    alike = [frame(0.5 + 1.5 * i, 0, sharpness=0.95) for i in range(30)]
    others = [frame(46.0 + 2 * i, 1 + i) for i in range(5)]
    found = select_thumbnails(film([*alike, *others], cuts=[1.5 * i for i in range(1, 30)]))
    assert sum(t < 46 for t in times(found)) == 1
    assert len(found.frames) == 5


def test_equal_frames_are_given_once_and_said():
    found = select_thumbnails(film([frame(float(i), 3) for i in range(10)]))
    assert len(found.frames) == 1
    assert found.fallbacks[0].code == "fewer-frames"
    assert "only one clean frame is" in found.fallbacks[0].message
    assert found.dropped["near_duplicates"] == 9


def test_moments_of_one_long_take_are_taken_where_there_is_nothing_else():
    """A camera that moves slowly: its frames are alike, but no one would call them the same."""
    found = select_thumbnails(film([frame(2.0 * i, 3, shift=2 * i) for i in range(15)]))
    assert len(found.frames) == 5
    assert not found.fallbacks


def test_shots_and_people_are_spread():
    rows = [frame(1.0 + i, i, sharpness=0.80) for i in range(8)]  # one shot, one person
    rows += [frame(30.0 + 10 * i, 10 + i, sharpness=0.72) for i in range(3)]
    faces = [person(r["time"], 0) for r in rows[:8]] + [person(r["time"], 1 + i) for i, r in enumerate(rows[8:])]
    found = select_thumbnails(film(rows, faces, cuts=[20.0, 35.0, 45.0]), ThumbnailsOptions(count=4))
    assert {t for t in times(found) if t >= 30} == {30.0, 40.0, 50.0}


def test_only_spoiled_frames_give_the_least_bad_and_say_so():
    rows = [frame(2.0, 0, **PLANTED["black leader"]), frame(4.0, 1, in_transition=True), frame(6.0, 2, sharpness=0.02)]
    found = select_thumbnails(film(rows))
    assert times(found) == [6.0]
    assert [f.code for f in found.fallbacks] == ["spoiled-frames"]
    assert "blurred" in found.fallbacks[0].message
    found = select_thumbnails(film(rows[:2]))
    assert [f.code for f in found.fallbacks] == ["spoiled-frames"]
    assert times(found)[0] == 4.0


def test_a_soft_and_dark_film_has_thumbnails_as_well():
    rows = [frame(5.0 * i + 2.0, i, sharpness=0.12, exposure=0.2, luma=40.0) for i in range(8)]
    found = select_thumbnails(film(rows))
    assert len(found.frames) == 5
    assert not found.fallbacks


def test_a_white_ground_is_no_fault_behind_a_face_or_where_it_is_usual():
    rows = [frame(5.0 * i + 2.0, i, highlights=0.6 if i == 3 else 0.0) for i in range(5)]
    assert 17.0 not in times(select_thumbnails(film(rows)))
    assert 17.0 in times(select_thumbnails(film(rows, [person(17.0, 0)])))
    assert len(select_thumbnails(film([{**r, "highlights": 0.6} for r in rows])).frames) == 5


def test_the_cover_is_judged_like_a_frame():
    lively = {"box": [150, 100, 300, 380], "score": 0.95, "quality": 0.9, "presence": 0.99, "eyes_open": 1.0}
    lively |= {"smile": 0.9, "quality_sharpness": 0.9, "quality_exposure": 1.0, "quality_visible": 1.0}
    lively |= {"quality_pose": 1.0}
    index = film(clean_frames(), cover=cover(50, [lively]) | {"expression": SMILING})
    found = select_thumbnails(index)
    assert found.frames[0].pts == COVER_PTS
    assert found.frames[0].time == 0.0
    assert found.frames[0].faces == ((150.0, 100.0, 300.0, 380.0),)
    assert COVER_PTS not in {p.pts for p in select_thumbnails(index, ThumbnailsOptions(cover=False)).frames}
    dull = select_thumbnails(film(clean_frames(), cover=cover(50, sharpness=0.05)))
    assert COVER_PTS not in {p.pts for p in dull.frames}
    blinking = select_thumbnails(film(clean_frames(), cover=cover(50, [lively | {"eyes_open": 0.0}])))
    assert COVER_PTS not in {p.pts for p in blinking.frames}


def test_a_cover_that_is_a_frame_of_the_film_is_not_given_twice():
    found = select_thumbnails(film(clean_frames(), cover=cover(3)), ThumbnailsOptions(count=8))
    assert len(found.frames) == 8
    assert (COVER_PTS in {p.pts for p in found.frames}) != (17.0 in times(found))


def test_edges_are_avoided_where_asked():
    """Ten minutes: a logo, half a minute of white titles on black, and a minute and a half of credits."""
    rows = [frame(1.0, 900, sharpness=1.0, colorfulness=90.0)]
    rows += [frame(3.0 + 2 * i, 800 + i, luma=15.0, text=0.05) for i in range(15)]
    rows += [frame(40.0 + 10.0 * i, i) for i in range(46)]
    rows += [frame(520.0 + 2 * i, 700 + i, luma=60.0, text=0.1, sharpness=0.95) for i in range(40)]
    index = film(rows, duration=600.0)
    assert times(select_thumbnails(index, ThumbnailsOptions(count=1))) == [1.0]
    found = select_thumbnails(index, ThumbnailsOptions(avoid_edges=True, count=20))
    assert min(times(found)) >= 34
    assert max(times(found)) < 520
    assert found.dropped["edges"] > 40


@pytest.mark.parametrize("duration", [0.04, 1.0, 8.0])
def test_short_videos_without_edges_still_have_thumbnails(duration: float):
    rows = [frame(duration * i / 10, i) for i in range(10)]
    found = select_thumbnails(film(rows, duration=duration), ThumbnailsOptions(avoid_edges=True, count=3))
    assert len(found.frames) == 3
    found = select_thumbnails(film(rows[:1], duration=duration), ThumbnailsOptions(avoid_edges=True, count=1))
    assert len(found.frames) == 1
    assert [f.code for f in found.fallbacks] == ["edges-used"]


def test_an_upright_crop_prefers_frames_whose_faces_fit_in_it():
    rows = [frame(2.0, 0), frame(7.0, 1)]
    faces = [
        person(2.0, 0, x=20.0),
        person(2.0, 1, x=500.0),
        person(7.0, 2, x=200.0),
        person(7.0, 3, x=290.0, width=80),
    ]
    index = film(rows, faces)
    narrow = {
        p.time: p.reasons["composition"] for p in select_thumbnails(index, ThumbnailsOptions(aspect="9:16")).frames
    }
    wide = {p.time: p.reasons["composition"] for p in select_thumbnails(index, ThumbnailsOptions(aspect="16:9")).frames}
    assert narrow[2.0] < 0.5 * wide[2.0]
    assert narrow[7.0] == pytest.approx(wide[7.0], rel=0.05)


def test_weights_are_taken_and_unknown_names_refused():
    rows = [frame(2.0, 0, colorfulness=90.0, sharpness=0.5), frame(7.0, 1, colorfulness=5.0, sharpness=0.9)]
    only = dict.fromkeys(WEIGHTS, 0.0)
    assert times(select_thumbnails(film(rows), ThumbnailsOptions(weights=only | {"color": 1.0})))[0] == 2.0
    sharp = select_thumbnails(film(rows), ThumbnailsOptions(weights=only | {"sharpness": 2.0}))
    assert times(sharp)[0] == 7.0
    assert sharp.frames[0].score == pytest.approx(0.9)
    assert sharp.settings["weights"]["sharpness"] == 2.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {"sharpnes": 1.0}}, "sharpnes"),
        ({"weights": {"faces": -1.0}}, "0 or more"),
        ({"weights": dict.fromkeys(WEIGHTS, 0.0)}, "not all 0"),
        ({"emotions": {"joy": 1.0}}, "joy"),
        ({"count": 0}, "at least one"),
        ({"aspect": "wide"}, "aspect"),
        ({"aspect": "4:0"}, "aspect"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str):
    with pytest.raises(UsageError, match=message):
        select_thumbnails(film(clean_frames()), ThumbnailsOptions(**options))


def test_an_index_without_signals_is_refused_and_one_without_frames_has_none():
    with pytest.raises(UsageError, match="signals"):
        select_thumbnails(film(clean_frames(), layers=("faces",)))
    found = select_thumbnails(film([]))
    assert found.frames == ()
    assert [f.code for f in found.fallbacks] == ["fewer-frames"]


def test_runners_up_are_no_spoiled_frames_and_no_duplicates_of_the_chosen():
    found = select_thumbnails(film(clean_frames(9)), ThumbnailsOptions(count=3, runners_up=4))
    assert len(found.frames) == 3
    assert len(found.runners_up) == 4
    assert not {p.pts for p in found.frames} & {p.pts for p in found.runners_up}


def _long_film() -> tuple[list[dict[str, Any]], Iterable[dict[str, Any]], list[float]]:
    """Half an hour at 25 frames a second: 400 shots of 20 people, a tiny picture each half second."""
    rng = np.random.default_rng(5)
    cuts = np.cumsum(rng.uniform(2.0, 7.0, 400))
    cuts = cuts[cuts < 1790]
    shot_of = np.searchsorted(cuts, np.arange(45000) / 25)
    rows, faces = [], []
    subjects = [frame(0.0, s) for s in range(420)]
    for i in range(45000):
        t, shot = i / 25, int(shot_of[i])
        row = {**subjects[shot], "pts": round(t * 1000), "time": t, "analysed": i % 12 == 0}
        if i % 12:
            row["thumb"] = None
        elif shot % 5:
            row["expression"] = SMILING if shot % 7 == 0 else GLUM
            made = person(t, 0) if i % 24 == 0 else face(0, t, width=90.0)
            faces.append(made | {"track": shot, "embedding": identity(shot % 20, noise=0.3, seed=i).tolist()})
        rows.append(row)
    return rows, faces, cuts.tolist()


def test_half_an_hour_is_answered_at_once():
    rows, faces, cuts = _long_film()
    index = film(rows, faces, duration=1800.0, cuts=cuts)
    select_thumbnails(index)
    spent = []
    for _ in range(5):
        start = clock.process_time()
        found = select_thumbnails(index)
        spent.append(clock.process_time() - start)
    assert len(found.frames) == 5
    assert min(spent) < 0.15  # measured 0.026 on a machine with nothing else to do
