"""What the benchmark of people across videos says is what happened."""

import numpy as np
from benchmarks.across_clips import Point
from benchmarks.across_many import bcubed, synthetic
from benchmarks.across_score import score


def document(*people: tuple[int, list[tuple[int, float, float]]]) -> dict:
    return {
        "videos": [{"path": "/films/a.mp4"}, {"path": "/films/b.mp4"}],
        "people": [
            {"id": number, "appearances": [{"video": v, "spans": [[a, b]]} for v, a, b in seen]}
            for number, seen in people
        ],
    }


MOMENTS = [Point("a.mp4", 1.0, "x"), Point("a.mp4", 5.0, "y"), Point("b.mp4", 1.0, "x"), Point("b.mp4", 5.0, "y")]


def test_everybody_right_is_one() -> None:
    told = score(document((1, [(0, 0, 3), (1, 0, 3)]), (2, [(0, 4, 6), (1, 4, 6)])), MOMENTS)
    assert (told.f1, told.people, told.found, told.missed) == (1.0, 2, 2, 0)


def test_parted_people_cost_recall_and_mixed_ones_precision() -> None:
    parted = score(document((1, [(0, 0, 3)]), (3, [(1, 0, 3)]), (2, [(0, 4, 6), (1, 4, 6)])), MOMENTS)
    assert (parted.precision, parted.recall) == (1.0, 0.75)
    mixed = score(document((1, [(0, 0, 6), (1, 0, 6)])), MOMENTS)
    assert (mixed.precision, mixed.recall) == (0.5, 1.0)


def test_moments_with_nobody_or_with_several_are_nobodys() -> None:
    told = score(document((1, [(0, 0, 3), (1, 0, 3)]), (2, [(0, 4, 6)]), (4, [(0, 4, 6)])), MOMENTS)
    assert told.missed == 1
    assert told.precision == 1.0
    assert told.recall == 0.75


def test_bcubed_of_many_is_that_of_few() -> None:
    from benchmarks.regroup import bcubed_f1

    rng = np.random.default_rng(0)
    labels, truth = rng.integers(0, 9, (2, 300))
    precision, recall = bcubed(labels, truth)
    assert np.isclose(2 * precision * recall / (precision + recall), bcubed_f1(labels, truth))


def test_synthetic_tracks_are_like_the_real_ones() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((10, 32))
    owners = np.repeat(np.arange(10), 20)
    real = centres[owners] + 0.2 * rng.standard_normal((200, 32))
    real = (real / np.linalg.norm(real, axis=1, keepdims=True)).astype(np.float32)
    found, truth = synthetic(real, owners, 2000)
    assert found.shape == (2000, 32)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    for vectors, who in ((real, owners), (found, truth)):
        same = vectors[who == 0]
        assert float(np.median(same @ same.T)) > 0.85
    again, _ = synthetic(real, owners, 2000)
    assert (again == found).all()
