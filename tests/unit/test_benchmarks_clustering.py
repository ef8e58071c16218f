"""What the comparison of ways to cluster computes itself."""

from __future__ import annotations

import json

import pytest
from benchmarks.clustering import does, range_text
from benchmarks.regroup import Grouping, alone_at, bcubed_f1, group

from index_samples import make_index, track
from stills.select.clustering import default_threshold

GOOD = {"people_found": [3, 3], "duplicates": 0, "bcubed_f1": 0.99}
BAD = {**GOOD, "duplicates": 1}


def grouping(threshold: float, *, default: bool = False) -> Grouping:
    return Grouping("dbscan", threshold, default, "", 0.0)


def test_bcubed_of_hand_made_partitions():
    assert bcubed_f1([0, 0, 1, 1], [5, 5, 7, 7]) == 1
    # all in one: every item has half of its group right (P 0.5), and all of its own found (R 1)
    assert bcubed_f1([0, 0, 0, 0], [5, 5, 7, 7]) == pytest.approx(2 * 0.5 / 1.5)
    # each alone: P 1, R 0.5
    assert bcubed_f1([0, 1, 2, 3], [5, 5, 7, 7]) == pytest.approx(2 * 0.5 / 1.5)


def test_who_is_alone_on_screen():
    shots = [
        {"start": 0, "end": 2, "people": ["a"]},
        {"start": 1.5, "end": 3, "people": ["b"]},
        {"start": 3, "end": 4, "people": ["a", "b"]},
        {"start": 4, "end": 5, "people": []},
    ]
    assert [alone_at({"shots": shots}, t) for t in (1.0, 1.7, 2.5, 3.5, 4.5, 9.0)] == ["a", None, "b", None, None, None]


def test_a_threshold_does_if_everybody_is_found_once():
    assert does(GOOD)
    assert not any(map(does, [None, BAD, {**GOOD, "people_found": [2, 3]}, {**GOOD, "bcubed_f1": 0.96}]))


def test_the_range_is_what_does_around_the_default():
    scores = [(0.2, GOOD), (0.3, BAD), (0.4, GOOD), (0.5, GOOD), (0.6, GOOD), (0.7, BAD)]
    listed = [(grouping(t), score) for t, score in scores]
    assert range_text([(grouping(0.45, default=True), GOOD), *listed]) == "0.4 – 0.6"
    assert range_text([(grouping(0.45, default=True), BAD), *listed]) == "none"


def test_grouping_writes_people_and_scores_single_faces(tmp_path):
    rows = [*track(0, 0, 1.0, 3.0), *track(1, 1, 6.0, 8.0)]
    truth = {"shots": [{"start": 0, "end": 5, "people": ["a"]}, {"start": 5, "end": 10, "people": ["b"]}]}
    index = make_index(rows, cuts=(5.0,))
    done = group(index, "chinese-whispers", None, tmp_path, truth)
    assert done.default
    assert done.threshold == default_threshold("chinese-whispers")
    assert done.faces == 6  # three of each track are embedded
    assert done.faces_f1 == 1
    people = json.loads((tmp_path / "chinese-whispers_default.json").read_text())["people"]
    assert len(people) == 2
    assert all(p["still"]["time"] >= 0 and p["spans"] and p["screen_time"] > 0 for p in people)
