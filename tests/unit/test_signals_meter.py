"""The meter of a run of frames, and the candidates that are chosen from what it measured."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from stills.errors import UsageError
from stills.index.goodness import goodness
from stills.index.schema import SIGNALS
from stills.vision.candidates import choose_candidates
from stills.vision.events import find_flashes, frames_in_transition
from stills.vision.motion import FlowMeter, normal_flow
from stills.vision.pictures import ArrayPictures
from stills.vision.signals import MEASURE_INTERVAL, SignalMeter
from stills.vision.transitions import ShotChange, find_changes

RATE = 25


def texture(seed: int = 0, width: int = 640, height: int = 360) -> np.ndarray:
    """A colourful picture with structure at all scales, larger than a frame."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for scale in (4, 8, 20, 50):
        part = rng.normal(0, 1, (height // scale + 2, width // scale + 2, 3)).astype(np.float32)
        total += cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(125 + 30 * total, 0, 255).astype(np.uint8)


def run(pictures, times=None) -> SignalMeter:
    meter = SignalMeter()
    for at, picture in enumerate(pictures):
        meter.add(ArrayPictures(np.ascontiguousarray(picture), at / RATE if times is None else times[at]))
    return meter


def test_all_columns_of_the_layer_are_there_in_one_length():
    columns = run([texture(1)] * 3 + [texture(2)] * 70).finish([ShotChange("cut", 0.12, 0.12, 1.0)])
    assert set(columns) == {*SIGNALS, "luma", "contrast"} - {"thumb"}
    assert {len(column) for column in columns.values()} == {73}
    assert columns["hash"].dtype == np.uint64
    assert columns["colors"].shape == (73, 64)
    assert columns["bars"].shape == (73, 4)
    for name in ("flat", "black", "flash", "in_transition"):
        assert columns[name].dtype == bool


def test_no_frames_are_no_rows():
    columns = SignalMeter().finish([])
    assert set(columns) == {*SIGNALS, "luma", "contrast"} - {"thumb"}
    assert {len(column) for column in columns.values()} == {0}


def test_the_first_frame_has_no_past():
    columns = run([texture(1)]).finish([])
    assert [columns[n][0] for n in ("similarity", "local_change", "histogram_change", "motion", "novelty")] == [
        1,
        0,
        0,
        0,
        1,
    ]


def test_equal_frames_are_still_and_nothing_new():
    columns = run([texture(1)] * 12).finish([])
    assert (columns["similarity"] == 1).all()
    assert not columns["motion"].any()
    assert not columns["local_change"].any()
    assert columns["novelty"][0] == 1
    assert columns["novelty"][-1] < 1e-3


def test_luma_contrast_and_thumbs_are_of_every_frame():
    pictures = [np.full((90, 160, 3), level, np.uint8) for level in range(0, 250, 5)]
    meter = run(pictures)
    columns = meter.finish([])
    assert columns["luma"] == pytest.approx(np.arange(0, 250, 5), abs=0.6)
    assert columns["flat"].all()
    assert columns["black"].tolist() == [level < 20 for level in range(0, 250, 5)]
    assert meter.thumbs.shape == (50, 36, 64)


@pytest.mark.parametrize(("rate", "step"), [(25, 4), (50, 2), (10, 4)])
def test_motion_is_in_picture_widths_a_second(rate, step):
    wide = texture(3, width=1200)
    times = [at / rate for at in range(30)]
    columns = run([wide[:, step * at : step * at + 640] for at in range(30)], times).finish([])
    assert np.median(columns["motion"]) == pytest.approx(step * rate / 640, rel=0.35)


def test_motion_uses_real_time():
    wide = texture(3, width=1200)
    gaps = np.tile([0.02, 0.06], 15)  # the camera moves evenly, the frames come unevenly
    times = np.cumsum(gaps)
    columns = run([wide[:, round(t * 200) : round(t * 200) + 640] for t in times], times).finish([])
    even, odd = columns["motion"][4::2], columns["motion"][5::2]
    assert np.median(even) == pytest.approx(200 / 640, rel=0.5)
    assert np.median(odd) == pytest.approx(200 / 640, rel=0.5)


def test_the_first_frame_of_a_shot_moves_as_the_next():
    change = [ShotChange("cut", 0.4, 0.4, 1.0)]
    columns = run([texture(1)] * 10 + [texture(2)] * 10).finish(change)
    assert columns["motion"][10] == columns["motion"][11] == 0
    assert columns["similarity"][10] < 0.6


def test_flow_is_the_shift():
    wide = cv2.cvtColor(texture(5), cv2.COLOR_BGR2GRAY)[:200]
    before, after = wide[4:94, 4:164], wide[4:94, 7:167]
    assert FlowMeter().length(before, after) == pytest.approx(3 / 160, rel=0.25)
    assert FlowMeter().length(before, before) < 0.0005
    assert FlowMeter().length(before[:10], after[:10]) == 0.0
    assert normal_flow(1.0, np.zeros((1, 5), np.uint8)) == 0.0


def test_measured_frames_come_often_and_where_the_picture_changes():
    meter = run([texture(1)] * 26 + [texture(2)] * 24)
    measured = np.flatnonzero(meter.measured)
    assert np.diff(meter.times[measured]).max() <= MEASURE_INTERVAL + 1 / RATE
    assert 26 in measured
    assert len(measured) < 16


def test_what_was_not_measured_takes_the_nearest_of_its_shot():
    blurred, sharp = cv2.GaussianBlur(texture(1), (0, 0), 6), texture(2)
    # The cut is not sudden enough for itself only if the pictures are alike; here it is, so both sides are their own.
    columns = run([blurred] * 13 + [sharp] * 13).finish([ShotChange("cut", 0.52, 0.52, 1.0)])
    assert np.ptp(columns["sharpness"][:13]) == 0
    assert np.ptp(columns["sharpness"][13:]) == 0
    assert columns["sharpness"][13] > columns["sharpness"][12] + 0.3


def test_a_flash_is_brighter_than_both_sides():
    picture = (texture(1) // 2).astype(np.uint8)
    lit = np.clip(picture.astype(int) + 120, 0, 255).astype(np.uint8)
    columns = run([picture] * 10 + [lit] * 2 + [picture] * 10).finish([])
    assert np.flatnonzero(columns["flash"]).tolist() == [10, 11]


def test_a_light_that_stays_is_no_flash():
    luma = np.array([60.0] * 10 + [140.0] * 30, np.float32)
    assert not find_flashes(luma, np.arange(40) / RATE, np.zeros(40, np.intp)).any()
    luma = np.linspace(20, 220, 40).astype(np.float32)
    assert not find_flashes(luma, np.arange(40) / RATE, np.zeros(40, np.intp)).any()
    # a bright shot of two frames is a shot
    luma = np.array([60.0] * 5 + [140.0] * 2 + [60.0] * 5, np.float32)
    shots = np.array([0] * 5 + [1] * 2 + [2] * 5)
    assert not find_flashes(luma, np.arange(12) / RATE, shots).any()


def test_frames_of_a_dissolve_and_blends_at_a_cut_are_in_transition():
    a, b = texture(1).astype(np.float32), texture(2).astype(np.float32)
    shares = [0.0] * 25 + list(np.linspace(0.05, 0.95, 19)) + [1.0] * 25
    dissolve = [((1 - s) * a + s * b).astype(np.uint8) for s in shares]
    meter = run(dissolve)
    inside = meter.finish(find_changes(meter.thumbs, meter.times))["in_transition"]
    assert inside[28:41].all()
    assert not inside[:23].any()
    assert not inside[46:].any()
    blend = [a] * 8 + [(a + b) / 2] + [b] * 8
    meter = run([p.astype(np.uint8) for p in blend])
    for cut in (8, 9):  # whichever side the blend counts to
        change = [ShotChange("cut", cut / RATE, cut / RATE, 1.0)]
        assert np.flatnonzero(frames_in_transition(meter.thumbs, meter.times, change)).tolist() == [8]


def test_frames_out_of_order_are_refused():
    with pytest.raises(UsageError, match="order"):
        run([texture(1)] * 2, times=[1.0, 1.0])


def test_a_video_may_change_its_size_on_the_way():
    columns = run([texture(1)] * 4 + [texture(1, 320, 180)] * 4).finish([])
    assert len(columns["luma"]) == 8


def test_goodness_puts_the_clean_frame_first():
    names = ("astronaut", "coffee", "chelsea", "rocket")
    parts = [cv2.resize(getattr(data, n)()[:300, :420, ::-1], (480, 270)) for n in names]
    clean = np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])])
    rng = np.random.default_rng(0)
    noisy = np.clip(clean + rng.normal(0, 15, clean.shape[:2])[..., None], 0, 255).astype(np.uint8)
    spoilt = {
        "blurred": cv2.GaussianBlur(clean, (0, 0), 4),
        "smeared": cv2.blur(clean, (25, 1)),
        "dark": clean // 6,
        "burnt": cv2.convertScaleAbs(clean, alpha=2.2, beta=90),
        "pale": cv2.convertScaleAbs(clean, alpha=0.15, beta=110),
        "noisy": noisy,
        "black": np.zeros_like(clean),
        "white": np.full_like(clean, 255),
    }
    best = goodness(run([clean]).finish([]))[0]
    for name, picture in spoilt.items():
        assert goodness(run([picture]).finish([]))[0] < best - 0.02, name
    moving = [np.roll(clean, 40 * at, axis=1) for at in range(8)]
    assert goodness(run(moving).finish([]))[3] < best - 0.05


def columns_of(n: int, **given) -> dict[str, np.ndarray]:
    plain = {"in_transition": np.zeros(n, bool), "local_change": np.zeros(n, np.float32)}
    return plain | given


@given(
    n=st.integers(1, 200),
    rate=st.floats(0.5, 60),
    per_second=st.floats(0.1, 5),
    cuts=st.lists(st.floats(0, 60), max_size=8),
    seed=st.integers(0, 99),
)
@settings(max_examples=80, deadline=None)
def test_every_shot_has_a_clean_candidate_and_none_too_many(n, rate, per_second, cuts, seed):
    rng = np.random.default_rng(seed)
    times = np.arange(n) / rate
    columns = columns_of(n, in_transition=rng.random(n) < 0.3)
    good = rng.random(n).astype(np.float32)
    changes = np.sort(np.array(cuts))
    chosen = choose_candidates(columns, times, changes, per_second, good)
    shots = np.searchsorted(changes, times, side="right")
    for shot in np.unique(shots):
        here = shots == shot
        assert (chosen & here).any()
        if (~columns["in_transition"] & here).any():
            assert not (chosen & here & columns["in_transition"]).any()
        assert (chosen & here).sum() <= np.ptp(times[here]) * per_second + 1.001
    assert np.array_equal(chosen, choose_candidates(columns, times, changes, per_second, good))


def test_the_best_of_each_stretch_is_chosen():
    good = np.array([0.1, 0.9, 0.2, 0.3, 0.8, 0.8, 0.1, 0.1], np.float32)
    times = np.arange(8) / 4
    assert np.flatnonzero(choose_candidates(columns_of(8), times, np.array([]), 1, good)).tolist() == [1, 4]
    measured = np.array([1, 0, 1, 0, 0, 0, 0, 1], bool)
    chosen = choose_candidates(columns_of(8), times, np.array([]), 1, good, measured=measured)
    assert np.flatnonzero(chosen).tolist() == [2, 7]


def test_what_a_local_change_settles_to_is_a_candidate():
    change = np.zeros(50, np.float32)
    change[20:24] = 0.3
    good = np.linspace(1, 0, 50).astype(np.float32)
    chosen = choose_candidates(columns_of(50, local_change=change), np.arange(50) / RATE, np.array([]), 0.5, good)
    assert np.flatnonzero(chosen).tolist() == [0, 24]


def test_candidates_have_to_be_some():
    with pytest.raises(UsageError):
        choose_candidates(columns_of(1), np.zeros(1), np.array([]), 0, np.ones(1, np.float32))
    assert len(choose_candidates(columns_of(0), np.zeros(0), np.array([]), 1, np.ones(0, np.float32))) == 0
