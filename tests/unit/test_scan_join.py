"""Segments put together: one after the other, as if nobody had cut the video."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from index_samples import face, faces_table, frames_table, identity
from render_samples import video
from stills.index.schema import FACES, FRAMES, SHOTS
from stills.index.store import SegmentRows
from stills.scan.join import join_segments
from stills.scan.parameters import CONTEXT, ScanParameters
from stills.scan.thumbs import pack_thumbs, unpack_thumbs
from stills.vision.transitions import THUMB_SIZE, ShotChange, find_changes

STEP = 0.2
PARAMETERS = ScanParameters()
SPARSE = ScanParameters(decode="sparse")


def thumb(scene: int) -> np.ndarray:
    """A picture of scene ``scene``, coarse enough for a dissolve."""
    rng = np.random.default_rng(scene)
    return np.repeat(np.repeat(rng.integers(40, 215, (6, 8), np.uint8), 6, axis=0), 8, axis=1)


def part(
    number: int,
    start: float,
    end: float,
    rows: Sequence[dict[str, Any]] = (),
    *,
    thumbs: np.ndarray | None = None,
    changes: Sequence[ShotChange] = (),
    scene: int = 0,
) -> SegmentRows:
    """A segment from ``start`` to ``end`` with ten frames a second."""
    times = np.arange(round(start * 10), round(end * 10)) / 10
    pictures = np.repeat(thumb(scene)[None], len(times), axis=0) if thumbs is None else thumbs
    near_start, near_end = times <= start + CONTEXT, times >= times[-1] - CONTEXT
    notes = {
        "frames_decoded": len(times),
        "errors": 0,
        "first_error": None,
        "changes": [[c.kind, c.start, c.end, c.strength] for c in changes],
        "context": {
            "head": pack_thumbs(pictures[near_start]),
            "head_times": times[near_start].tolist(),
            "tail": pack_thumbs(pictures[near_end]),
            "tail_times": times[near_end].tolist(),
        },
    }
    return SegmentRows(number, frames_table(times.tolist()), faces_table(rows), notes)


def cut(time: float) -> ShotChange:
    return ShotChange("cut", time, time, 1.0)


def walk(track: int, start: float, end: float, *, x: float = 100.0, person: int = 1, **changes: Any):
    """A face that stands still, seen each 0.2 s; every second sight carries an embedding."""
    times = np.arange(round(start / STEP), round(end / STEP)) * STEP
    return [
        face(track, float(t), identity(person, noise=0.3, seed=i) if i % 2 == 0 else None, x=x, **changes)
        for i, t in enumerate(times)
    ]


def tracks(parts: Sequence[SegmentRows], duration: float, parameters: ScanParameters = PARAMETERS) -> dict[int, Any]:
    """First and last time of each track."""
    _, _, faces = join_segments(video(duration=duration), parts, parameters, {"faces"})
    found: dict[int, list[float]] = {}
    for row in faces.to_pylist():
        found.setdefault(row["track"], []).append(round(row["time"], 6))
    return {number: (times[0], times[-1]) for number, times in found.items()}


def test_one_segment_stays_as_it_is():
    parts = [part(0, 0, 10, walk(0, 1, 9), changes=[cut(5.0)])]
    frames, shots, faces = join_segments(video(duration=10.0), parts, PARAMETERS, {"faces"})
    assert frames == parts[0].frames
    assert [(s["start"], s["end"]) for s in shots.to_pylist()] == [(0.0, 5.0), (5.0, 10.0)]
    assert (frames.schema, shots.schema, faces.schema) == (FRAMES, SHOTS, FACES)
    assert faces["track"].to_pylist() == [0] * 20 + [1] * 20


def test_a_face_that_goes_on_over_the_border_is_one_track():
    assert tracks([part(0, 0, 5, walk(0, 1, 5)), part(1, 5, 10, walk(0, 5, 9))], 10.0) == {0: (1.0, 8.8)}


def test_over_two_borders_too():
    parts = [part(i, 5 * i, 5 * i + 5, walk(0, 5 * i, 5 * i + 5)) for i in range(3)]
    assert tracks(parts, 15.0) == {0: (0.0, 14.8)}


def test_others_beside_keep_their_own():
    before = [*walk(0, 0, 5), *walk(1, 2, 5, x=400.0, person=2)]
    after = [*walk(0, 5, 8, x=400.0, person=2), *walk(1, 5, 8)]
    assert tracks([part(0, 0, 5, before), part(1, 5, 10, after)], 10.0) == {0: (0.0, 7.8), 1: (2.0, 7.8)}


def test_another_person_at_the_same_place_is_another_track():
    parts = [part(0, 0, 5, walk(0, 1, 5)), part(1, 5, 10, walk(0, 5, 9, person=2))]
    assert tracks(parts, 10.0) == {0: (1.0, 4.8), 1: (5.0, 8.8)}


def test_a_face_that_comes_back_much_later_is_another_track():
    assert len(tracks([part(0, 0, 5, walk(0, 1, 3)), part(1, 5, 10, walk(0, 7, 9))], 10.0)) == 2


def test_a_cut_on_the_border_separates():
    parts = [part(0, 0, 5, walk(0, 1, 5), scene=1), part(1, 5, 10, walk(0, 5, 9), scene=2)]
    _, shots, _ = join_segments(video(duration=10.0), parts, PARAMETERS, {"faces"})
    assert [(s["start"], s["transition_in"]) for s in shots.to_pylist()] == [(0.0, "none"), (5.0, "cut")]
    assert len(tracks(parts, 10.0)) == 2


def test_a_cut_on_the_border_of_sparse_segments_separates():
    parts = [part(0, 0, 5, walk(0, 1, 5), scene=1), part(1, 5, 10, walk(0, 5, 9), scene=2)]
    assert len(tracks(parts, 10.0, SPARSE)) == 2
    same = [part(0, 0, 5, walk(0, 1, 5)), part(1, 5, 10, walk(0, 5, 9))]
    assert tracks(same, 10.0, SPARSE) == {0: (1.0, 8.8)}


@pytest.mark.parametrize("middle", [4.6, 4.9, 5.0, 5.2])
def test_a_dissolve_over_the_border_is_found_as_if_there_were_none(middle: float):
    times = np.arange(0, 100) / 10
    share = np.clip((times - middle) / 1.0 + 0.5, 0, 1)[:, None, None]
    pictures = (thumb(1) * (1 - share) + thumb(2) * share).astype(np.uint8)
    whole = find_changes(pictures, times)
    assert [c.kind for c in whole] == ["dissolve"]
    parts = [
        part(i, 5 * i, 5 * i + 5, thumbs=half, changes=find_changes(half, seconds))
        for i, (half, seconds) in enumerate(((pictures[:50], times[:50]), (pictures[50:], times[50:])))
    ]
    _, shots, _ = join_segments(video(duration=10.0), parts, PARAMETERS, {"faces"})
    (_, second) = shots.to_pylist()
    assert second["transition_in"] == "dissolve"
    assert second["start"] == pytest.approx(whole[0].time, abs=0.11)
    assert second["transition_start"] < second["start"] < second["transition_end"]


def test_faces_in_a_dissolve_over_the_border_are_known_to_be_in_it():
    times = np.arange(0, 100) / 10
    share = np.clip((times - 5.0) / 1.6 + 0.5, 0, 1)[:, None, None]
    pictures = (thumb(1) * (1 - share) + thumb(2) * share).astype(np.uint8)
    parts = [
        part(0, 0, 5, walk(0, 3, 5), thumbs=pictures[:50]),
        part(1, 5, 10, walk(0, 5, 7, person=2), thumbs=pictures[50:]),
    ]
    _, shots, faces = join_segments(video(duration=10.0), parts, PARAMETERS, {"faces"})
    dissolve = shots.to_pylist()[1]
    assert dissolve["transition_in"] == "dissolve"
    for row in faces.to_pylist():
        inside = dissolve["transition_start"] < row["time"] < dissolve["transition_end"]
        assert row["in_transition"] == inside, row["time"]


def test_tracks_are_numbered_as_they_appear_and_end_with_their_shot():
    parts = [
        part(0, 0, 5, [*walk(1, 0, 2), *walk(0, 1, 5, x=400.0, person=2)], changes=[cut(3.0)]),
        part(1, 5, 10, walk(0, 6, 9, person=3), changes=[cut(8.0)]),
    ]
    found = tracks(parts, 10.0)
    assert list(found) == list(range(5))
    assert [first for first, _ in found.values()] == sorted(first for first, _ in found.values())
    borders = [0.0, 3.0, 8.0, 10.0]
    assert all(sum(a <= first and last < b for a, b in pairwise(borders)) == 1 for first, last in found.values())


def test_segments_without_frames_or_faces_do_no_harm():
    none = pack_thumbs(np.zeros((0, *THUMB_SIZE[::-1]), np.uint8))
    nothing = SegmentRows(
        1,
        FRAMES.empty_table(),
        FACES.empty_table(),
        {"changes": [], "context": {"head": none, "tail": none, "head_times": [], "tail_times": []}},
    )
    parts = [part(0, 0, 5, walk(0, 1, 5)), nothing, part(2, 6, 10)]
    frames, shots, faces = join_segments(video(duration=10.0), parts, PARAMETERS, {"faces"})
    assert (len(frames), len(shots), len(faces)) == (90, 1, 20)


def test_no_segment_at_all():
    frames, shots, faces = join_segments(video(duration=3.0), [], PARAMETERS, {"faces"})
    assert (len(frames), len(faces)) == (0, 0)
    assert [(s["start"], s["end"]) for s in shots.to_pylist()] == [(0.0, 3.0)]


def test_thumbs_have_the_size_that_joining_expects():
    assert thumb(0).shape == THUMB_SIZE[::-1]


def test_thumbs_come_back_from_text_as_they_were():
    pictures = np.random.default_rng(1).integers(0, 256, (7, *THUMB_SIZE[::-1]), np.uint8)
    assert np.array_equal(unpack_thumbs(pack_thumbs(pictures)), pictures)
    assert len(pack_thumbs(np.repeat(pictures[:1], 60, axis=0))) < 2 * len(pack_thumbs(pictures[:1]))
