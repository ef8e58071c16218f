"""Key frames by similarity: what counts as new, which of its near-equals is kept, what is never kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keyframe_samples import film, keyframes_index, noisy, scene
from stills.errors import NothingFoundError, UsageError
from stills.index.schema import FRAMES, SHOTS
from stills.select.keyframes import KeyframesOptions, explain, select_keyframes

SHAKE = 0.012
"""Share of the width by which a hand-held camera sways."""


def times(selection):
    return [pick.time for pick in selection.frames]


def shots_of(selection):
    return [next(i for i, s in enumerate(selection.shots) if s.start <= t < s.end) for t in times(selection)]


def test_each_shot_gives_one_frame_away_from_its_cuts():
    index = film([(0, 30), (1, 20), (2, 3), (3, 25), (4, 1), (5, 30)])
    selection = select_keyframes(index)
    assert shots_of(selection) == [0, 1, 2, 3, 4, 5]
    for pick in selection.frames:
        shot = selection.shots[shots_of(selection)[selection.frames.index(pick)]]
        if shot.end - shot.start > 1:
            edges = [shot.start] * (shot.start > 0) + [shot.end - 0.1] * (shot.end < selection.shots[-1].end)
            assert all(abs(pick.time - edge) >= 0.2 - 1e-9 for edge in edges)
    assert selection.similarity == 0.95
    assert selection.dropped["near_cut"] == 2 + 4 + 0 + 4 + 0 + 2


def test_the_best_of_near_equals_is_kept_not_the_first():
    sharp = [0.3] * 40
    sharp[17] = 0.9
    selection = select_keyframes(film([(1, 40)], columns={"sharpness": sharp}))
    assert times(selection) == [1.7]
    assert selection.frames[0].reasons["sharpness"] == pytest.approx(0.9)
    assert selection.frames[0].reasons["novelty"] == 1.0
    assert selection.dropped == {"similar": 39}


def test_weights_change_which_is_best():
    sharp, lit = [0.5] * 40, [0.5] * 40
    sharp[10], lit[30] = 0.9, 0.9
    index = film([(1, 40)], columns={"sharpness": sharp, "exposure": lit})
    assert times(select_keyframes(index)) == [1.0]
    assert times(select_keyframes(index, KeyframesOptions(weights={"exposure": 2.0, "sharpness": 0.0}))) == [3.0]


def test_a_pan_gives_more_frames_the_finer_the_similarity():
    pictures = [scene(3, shift=i / 60) for i in range(60)]
    index = keyframes_index(pictures, per_second=10)
    counts = [len(select_keyframes(index, KeyframesOptions(similarity=s)).frames) for s in (0.0, 0.5, 0.95, 0.99, 1.0)]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert 3 <= counts[2] <= 20
    assert counts[4] == select_keyframes(index).distinct


@pytest.mark.parametrize("change", ["flicker", "shake"])
def test_flicker_and_shake_are_no_news(change):
    rng = np.random.default_rng(5)
    pictures = []
    for i in range(60):
        picture = scene(4, shift=0.3 + (rng.uniform(-SHAKE, SHAKE) if change == "shake" else 0.0))
        gain = rng.uniform(0.8, 1.0) if change == "flicker" else 1.0
        pictures.append(noisy((picture * gain).astype(np.uint8), 2.0, i))
    assert len(select_keyframes(keyframes_index(pictures, per_second=10)).frames) == 1


def test_shots_cut_back_and_forth_to_the_same_takes_are_kept_once():
    index = film([(1, 20), (2, 20)] * 4)
    selection = select_keyframes(index)
    assert len(selection.frames) == 2
    assert selection.dropped["repeated"] > 0


def test_a_shot_that_comes_back_after_the_window_is_new_again():
    shots = [(1, 20), *((10 + i, 30) for i in range(7)), (1, 20)]
    assert len(select_keyframes(film(shots), KeyframesOptions(window=15.0)).frames) == 9
    assert len(select_keyframes(film(shots), KeyframesOptions(window=60.0)).frames) == 8


def test_the_same_place_a_moment_later_is_a_new_shot():
    """A camera that comes back to somebody who has moved meanwhile shows something new."""
    pictures = []
    for i in range(60):
        picture = scene(1).copy()
        head = 60 if i < 20 else 84
        picture[40:100, head : head + 40] = 220
        pictures.append(noisy(scene(2) if 20 <= i < 40 else picture, 2.0, i))
    selection = select_keyframes(keyframes_index(pictures, per_second=10, cuts=[20, 40]))
    assert shots_of(selection) == [0, 1, 2]


@pytest.mark.parametrize("seconds", [20, 600])
def test_a_static_noisy_video_has_one_frame_however_long(seconds):
    pictures = [noisy(scene(7), 6.0, i) for i in range(2 * seconds)]
    index = keyframes_index(pictures, per_second=2)
    selection = select_keyframes(index)
    assert len(selection.frames) == selection.distinct == 1


def test_what_loops_is_kept_once_per_phase():
    pictures = [noisy(scene(8, shift=0.9 * (i % 10) / 10), 1.0, i) for i in range(300)]
    selection = select_keyframes(keyframes_index(pictures, per_second=4))
    assert len(selection.frames) <= 10


def test_dissolves_are_left_alone():
    a, b = scene(1), scene(2)
    share = np.clip((np.arange(60) - 20) / 20, 0, 1)
    pictures = [noisy((a * (1 - s) + b * s).astype(np.uint8), 1.0, i) for i, s in enumerate(share)]
    index = keyframes_index(pictures, per_second=10, cuts=[30], gradual={30: (2.0, 4.0)})
    selection = select_keyframes(index)
    assert shots_of(selection) == [0, 1]
    assert not any(1.9 < t < 4.1 for t in times(selection))


def test_black_and_flat_frames_are_kept_only_where_there_is_nothing_else():
    dull = [False] * 10 + [True] * 10 + [False] * 20
    pictures = [np.zeros((36, 64), np.uint8) if d else noisy(scene(1), 1.0, i) for i, d in enumerate(dull)]
    selection = select_keyframes(keyframes_index(pictures, columns={"black": dull}))
    assert len(selection.frames) == 1
    assert selection.dropped["black"] == 10
    assert not selection.fallbacks

    black = keyframes_index(
        [noisy(np.zeros((36, 64), np.uint8), 1.0, i) for i in range(40)], columns={"black": [True] * 40}
    )
    for options in (KeyframesOptions(), KeyframesOptions(target=5)):
        selection = select_keyframes(black, options)
        assert len(selection.frames) == 1
        assert "only-spoiled" in [f.code for f in selection.fallbacks]


def test_a_flash_is_not_the_best_frame():
    flash = [False] * 20
    flash[9] = True
    sharp = [0.4] * 20
    sharp[9] = 1.0
    assert times(select_keyframes(film([(1, 20)], columns={"flash": flash, "sharpness": sharp}))) != [0.9]


@pytest.mark.parametrize("count", [1, 2])
def test_one_frame_and_two_equal_frames(count):
    index = keyframes_index([scene(1)] * count)
    for options in (KeyframesOptions(), KeyframesOptions(target=3)):
        selection = select_keyframes(index, options)
        assert len(selection.frames) == 1
        assert selection.frames[0].rank == 1


def test_variable_frame_rate_and_a_range():
    rng = np.random.default_rng(1)
    at = np.cumsum(rng.uniform(0.02, 0.4, 90)).round(3).tolist()
    pictures = [noisy(scene(i // 30), 1.0, i) for i in range(90)]
    index = keyframes_index(pictures, times=at, cuts=[30, 60])
    assert shots_of(select_keyframes(index)) == [0, 1, 2]
    part = select_keyframes(index, KeyframesOptions(start=at[32], end=at[40]))
    assert shots_of(part) == [1]
    assert at[32] <= times(part)[0] < at[40]


def test_margins_at_cuts_follow_the_slowest_part_where_the_frame_rate_varies():
    at = np.concatenate([np.arange(30) / 30, 1 + np.arange(20) / 10]).tolist()
    sharp = [0.5] * 50
    sharp[28] = sharp[27] = 0.9  # two and three frames before the cut, a tenth of a second
    index = keyframes_index([scene(int(t)) for t in at], times=at, cuts=[30], columns={"sharpness": sharp})
    assert times(select_keyframes(index))[0] == at[27]
    varying = replace(index, video=replace(index.video, variable_frame_rate=True))
    assert times(select_keyframes(varying))[0] < 0.8


def test_a_quick_pan_is_not_worth_ten_frames_a_second():
    pictures = [scene(3, shift=0.9 * min(1, max(0, (i - 20) / 10))) for i in range(50)]
    selection = select_keyframes(keyframes_index(pictures, per_second=10))
    assert 2 <= len(selection.frames) <= 7  # the pan takes a second


def test_without_pictures_hashes_are_compared_and_that_is_said():
    index = film([(1, 40), (2, 40), (3, 40)], thumbs=False)
    selection = select_keyframes(index)
    assert shots_of(selection) == [0, 1, 2]
    assert [f.code for f in selection.fallbacks] == ["coarse-comparison"]


def test_at_most_so_many_of_a_shot_and_so_near():
    pictures = [scene(i // 30, shift=(i % 30) / 30) for i in range(90)]
    index = keyframes_index(pictures, per_second=10, cuts=[30, 60])
    free = select_keyframes(index)
    capped = select_keyframes(index, KeyframesOptions(per_shot=2))
    assert np.bincount(shots_of(capped)).tolist() == [2, 2, 2]
    assert len(free.frames) - len(capped.frames) == capped.dropped["per_shot"]
    spread = select_keyframes(index, KeyframesOptions(min_gap=1.0))
    assert min(np.diff(times(spread))) >= 1.0
    assert spread.dropped["min_gap"] > 0


def test_explanations_account_for_all_candidates():
    index = film([(1, 30), (2, 30), (1, 30)])
    selection = select_keyframes(index)
    explained = explain(index, selection)
    assert [e.pts for e in explained] == [p.pts for p in selection.frames]
    assert [e.shot for e in explained] == [1, 2]
    assert explained[0].nearest is None
    assert explained[1].nearest == explained[0].time
    assert 0.0 <= explained[1].similarity < 0.9
    assert all(e.first <= e.time <= e.last for e in explained)
    assert [e.stands_for for e in explained] == [28 - 1, 26 - 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "opera"}, "film, screen, medical"),
        ({"target": 3, "similarity": 0.9}, "leave one of them out"),
        ({"target": 0}, "target must be 1 or more"),
        ({"per_shot": -1}, "per_shot must be 1 or more"),
        ({"min_gap": -0.5}, "min_gap must be 0 or more"),
        ({"min_gap": float("nan")}, "min_gap must be 0 or more"),
        ({"similarity": 1.5}, "between 0 and 1"),
        ({"window": 0.0}, "more than 0 seconds"),
        ({"start": 5.0, "end": 5.0}, "before end"),
        ({"weights": {"beauty": 1.0}}, "sharpness, exposure, stillness, contrast, cleanness"),
        ({"weights": {"sharpness": -1.0}}, "0 or more"),
        (
            {"weights": dict.fromkeys(("sharpness", "exposure", "stillness", "contrast", "cleanness"), 0.0)},
            "more than 0",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        KeyframesOptions(**options)


def test_nothing_to_choose_from():
    with pytest.raises(NothingFoundError, match=r"ends at 2\.900 s, before the start asked for \(60 s\)"):
        select_keyframes(film([(1, 30)]), KeyframesOptions(start=60.0))
    with pytest.raises(NothingFoundError, match=r"no frame lies between 1\.01 s and 1\.02 s"):
        select_keyframes(film([(1, 30)]), KeyframesOptions(start=1.01, end=1.02))
    with pytest.raises(NothingFoundError, match="could be looked at"):
        select_keyframes(film([(1, 30)], frames=FRAMES.empty_table()))
    with pytest.raises(UsageError, match="signals"):
        select_keyframes(film([(1, 30)], layers=frozenset({"faces"})))


def test_an_index_without_shots_is_one_shot():
    index = replace(film([(1, 30)]), shots=SHOTS.empty_table())
    assert len(select_keyframes(index).frames) == 1
