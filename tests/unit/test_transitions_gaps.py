"""Films with gaps of years between two frames: what is looked for in them takes as long as their frames do."""

import numpy as np
import pytest

from stills.vision.gradual import _on_grid


@pytest.mark.parametrize("step", [0.1, 0.2, 0.04, 0.48])
@pytest.mark.parametrize("start", [0.0, 1 / 3, 17.25, 9431.87])
def test_frames_on_the_grid_are_those_that_counting_finds(start: float, step: float) -> None:
    chance = np.random.default_rng(6)
    for times in (
        start + np.arange(100) / 25,
        start + np.arange(100) * 1001 / 30000,
        start + np.sort(chance.random(80) * 30),
        start + np.repeat([0.0, 0.013, 2.511, 90.007], 3),
        np.array([start]),
    ):
        grid = np.arange(times[0], times[-1], step) if len(times) > 1 else times
        counted = np.unique(np.searchsorted(times, grid))
        found = _on_grid(times, step)
        # Where a frame and a point of the grid are the same time but for rounding, either may be first.
        only = np.setxor1d(found, counted)
        assert len(only) <= 1 + len(times) // 20, only
        off = (times[only] - start) / step
        assert np.all((np.abs(off - np.rint(off)) < 1e-6) | (only == len(times) - 1) | (np.isin(only - 1, only)))


def test_a_gap_of_years_is_no_more_work() -> None:
    times = np.array([0.0, 0.04, 0.08, 1e9, 1e9 + 0.04])
    assert _on_grid(times, 0.1).tolist() == [0, 3]
