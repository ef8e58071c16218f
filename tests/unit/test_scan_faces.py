"""Collecting faces, with models that know the made-up people: who is followed, measured, kept and told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pytest

from index_samples import identity
from render_samples import video
from stills.scan.faces import FaceCollector, Vision
from stills.scan.parameters import ScanParameters
from stills.scan.patches import FaceRow
from stills.vision.attributes import FaceCrop
from stills.vision.detect import Detection
from stills.vision.expression import EMOTIONS
from stills.vision.landmarks import FaceMesh
from stills.vision.transitions import ShotChange

WIDTH, HEIGHT = 640, 360
INFO = video(width=WIDTH, height=HEIGHT, coded_width=WIDTH, coded_height=HEIGHT)
FIVE = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
FRAME_BYTES = WIDTH * HEIGHT * 1.5


@dataclass(frozen=True)
class Someone:
    """Person ``person``, a square of ``size`` pixels at ``x``: painted in a grey that names the person."""

    person: int
    x: float
    size: float = 80.0
    y: float = 100.0


@dataclass(eq=False)
class MadeUpFrame:
    """A frame as the collector sees it."""

    time: float
    people: Sequence[Someone]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def pts(self) -> int:
        return round(self.time * 1000)

    def small_bgr(self, width: int, height: int) -> tuple[MadeUpFrame, int, int]:
        return self, width, height

    def small_luma(self, width: int, height: int) -> np.ndarray:
        """With bars that take a tenth of the picture at the top and at the bottom."""
        picture = np.random.default_rng(self.pts).integers(60, 200, (height, width), np.uint8)
        picture[: height // 10] = picture[-(height // 10) :] = 4
        return picture

    def crop_luma(self, left: int, top: int, width: int, height: int) -> np.ndarray:
        picture = np.random.default_rng(self.pts).integers(0, 4, (height, width), np.uint8)
        for s in self.people:
            x, y = int(s.x - left), int(s.y - top)
            picture[max(0, y) : max(0, int(y + s.size)), max(0, x) : max(0, int(x + s.size))] = 40 + 20 * s.person
        return picture

    def crop_bgr(self, left: int, top: int, width: int, height: int) -> np.ndarray:
        return np.repeat(self.crop_luma(left, top, width, height)[..., None], 3, axis=2)


class MadeUpModels:
    """Detector, embedder and landmarker; counts what it is asked."""

    def __init__(self) -> None:
        self.sides: list[int] = []
        self.meshes = 0
        self.embedded = 0
        self.asked: list[FaceCrop] = []

    gives = ("age", "gender")

    def measure(self, faces: Sequence[FaceCrop]) -> dict[str, np.ndarray]:
        """The age tells which person it is."""
        self.asked += faces
        grey = np.array([f.bgr[f.bgr.shape[0] // 2, f.bgr.shape[1] // 2, 0] for f in faces], float)
        age = np.stack([np.rint((grey - 40) / 20) * 10, np.full(len(faces), 5.0)], axis=1)
        return {"age": age.astype(np.float32), "gender": np.full((len(faces), 2), 0.5, np.float32)}

    def detect(self, picture: tuple[MadeUpFrame, int, int]) -> list[Detection]:
        frame, width, height = picture
        self.sides.append(max(width, height))
        scale = width / frame.width
        found = []
        for s in frame.people:
            box = (s.x * scale, s.y * scale, s.size * scale, s.size * scale)
            points = (np.array([s.x, s.y], np.float32) + FIVE * s.size) * scale
            found.append(Detection(box, points.astype(np.float32), 0.9))
        return found

    def fit(self, bgr: np.ndarray, points: np.ndarray) -> FaceMesh:
        self.meshes += 1
        return FaceMesh(np.zeros((478, 3), np.float32), 0.99, 0, 0, 0, 0.9, 0.1, 0.2, {})

    def classify(self, chips: np.ndarray) -> np.ndarray:
        """Person 1 is happy, all others are neutral."""
        happy = np.rint((chips[:, 30:34, 30:34].reshape(len(chips), -1).mean(axis=1) - 40) / 20) == 1
        return np.where(happy[:, None], np.eye(7)[EMOTIONS.index("happy")], np.eye(7)[6]).astype(np.float32)

    def embed(self, chips: np.ndarray) -> np.ndarray:
        self.embedded += len(chips)
        grey = chips[:, 52:60, 52:60].reshape(len(chips), -1).mean(axis=1)
        people = np.rint((grey - 40) / 20).astype(int)
        return np.stack([identity(int(p), noise=0.2, seed=i) for i, p in enumerate(people)])


@dataclass
class Collected:
    rows: list[FaceRow]
    held: dict[int, Any]
    models: MadeUpModels
    expressions: dict[int, np.ndarray] = field(default_factory=dict)
    bars: dict[int, tuple[float, ...]] = field(default_factory=dict)
    tracks: dict[int, tuple[float, float]] = field(init=False)

    def __post_init__(self) -> None:
        times: dict[int, list[float]] = {}
        for row in self.rows:
            times.setdefault(row.track, []).append(row.time)
        self.tracks = {number: (t[0], t[-1]) for number, t in times.items()}


def collect(
    people: Callable[[float], Sequence[Someone]],
    seconds: float = 6.0,
    *,
    changes: Sequence[ShotChange] = (),
    sudden: Sequence[float] = (),
    hold: float = 20 * FRAME_BYTES,
    expression: bool = False,
    asked: tuple[str, ...] = (),
    **parameters: Any,
) -> Collected:
    """Look each quarter second; the picture changes at the ``sudden`` seconds."""
    models = MadeUpModels()
    vision = Vision(*cast(Any, (models,) * (5 if expression else 4)))
    vision = replace(vision, attributes=cast(Any, (models,) if asked else ()), asked=cast(Any, asked))
    collector = FaceCollector(INFO, ScanParameters(**parameters), vision, int(hold))
    for i in range(round(seconds * 4)):
        time = i / 4
        if time in sudden:
            collector.picture_changed()
        found = collector.look(cast(Any, MadeUpFrame(time, people(time))))
        assert found == len(people(time))
    held = collector.finish(changes)
    return Collected(collector.rows, held, models, collector.expressions, collector.bars)


def test_one_face_is_one_track_measured_now_and_then():
    c = collect(lambda t: [Someone(1, 100 + 10 * t)])
    assert c.tracks == {0: (0.0, 5.75)}
    assert len(c.rows) == 24
    measured = [r for r in c.rows if r.mesh is not None]
    embedded = [r for r in c.rows if r.embedding is not None]
    assert 1 <= len(measured) == c.models.meshes <= ScanParameters().mesh_faces
    assert 2 <= len(embedded) == c.models.embedded <= ScanParameters().embedding_faces


def test_rows_are_in_pixels_of_the_frame_whatever_the_detector_saw():
    c = collect(lambda t: [Someone(1, 200.0, size=90.0)], 1.0, detect_side=320, follow_side=160)
    assert set(c.models.sides) == {160, 320}
    for row in c.rows:
        assert row.box == pytest.approx((200, 100, 90, 90), abs=0.01)
        np.testing.assert_allclose(row.landmarks, [200, 100] + FIVE * 90, atol=0.01)


def test_a_cut_ends_a_track_though_the_next_face_is_at_the_same_place():
    cut = ShotChange("cut", 3.0, 3.0, 1.0)
    c = collect(lambda t: [Someone(1 if t < 3 else 2, 100)], changes=[cut], sudden=[3.0])
    assert c.tracks == {0: (0.0, 2.75), 1: (3.0, 5.75)}
    for row in c.rows:
        if row.embedding is not None:
            assert row.embedding @ identity(1 if row.time < 3 else 2) > 0.9


def test_a_cut_nobody_saw_is_seen_by_the_faces():
    c = collect(lambda t: [Someone(1 if t < 3 else 2, 100)])
    assert len(c.tracks) == 2
    assert c.tracks[0][1] == pytest.approx(3.0, abs=1.0)


def test_faces_in_a_dissolve_are_marked_and_not_measured():
    dissolve = ShotChange("dissolve", 2.4, 3.6, 1.0)
    c = collect(lambda t: [Someone(1, 100)], changes=[dissolve])
    inside = [r for r in c.rows if 2.4 < r.time < 3.6]
    assert inside
    assert all(r.in_transition for r in inside)
    assert all(r.mesh is None and r.embedding is None for r in inside)
    assert not any(r.in_transition for r in c.rows if r not in inside)
    assert c.tracks == {0: (0.0, 2.75), 1: (3.0, 5.75)}


def test_two_who_change_places_unseen_are_told_apart_by_who_they_are():
    c = collect(lambda t: [Someone(1 if t < 3 else 2, 100), Someone(2 if t < 3 else 1, 400)])
    assert len(c.tracks) == 4
    for number in c.tracks:
        vectors = np.array([r.embedding for r in c.rows if r.track == number and r.embedding is not None])
        assert len(vectors)
        assert (vectors @ vectors.T).min() > 0.9, "a track is one person's"


def test_two_faces_in_a_frame_have_two_tracks():
    c = collect(lambda t: [Someone(1, 100), Someone(2, 400)])
    assert set(c.tracks) == {0, 1}
    assert all(len({r.track for r in c.rows if r.time == t}) == 2 for t in {r.time for r in c.rows})


def test_a_face_seen_once_is_measured():
    c = collect(lambda t: [Someone(3, 100)] if t == 2.0 else [])
    (row,) = c.rows
    assert row.mesh is not None
    assert row.embedding is not None
    assert list(c.held) == [2000]


@pytest.mark.parametrize("x", [-500.0, 900.0])
def test_a_face_outside_of_the_frame_is_none(x: float):
    assert collect(lambda t: [Someone(1, x)], 1.0).rows == []


def test_a_face_too_small_to_tell_is_none():
    assert collect(lambda t: [Someone(1, 100, size=3)], 1.0).rows == []


def test_a_face_at_the_edge_is_measured_from_what_is_there():
    (row,) = collect(lambda t: [Someone(1, -20)], 0.25).rows
    assert row.embedding is not None


def test_the_best_frame_of_each_track_is_held():
    c = collect(lambda t: [Someone(1, 100, size=60 + 20 * (t == 3)), Someone(2, 400, size=60 + 20 * (t == 5))])
    assert {3000, 5000} <= set(c.held)


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_held_frames_are_bounded_and_measured_all_the_same(frames: int):
    c = collect(lambda t: [Someone(1, 100), Someone(2, 400)], 12.0, hold=frames * FRAME_BYTES)
    assert len(c.held) <= frames
    plenty = collect(lambda t: [Someone(1, 100), Someone(2, 400)], 12.0)
    for a, b in zip(c.rows, plenty.rows, strict=True):
        assert (a.pts, a.track, a.quality) == (b.pts, b.track, b.quality)
        assert (a.embedding is None) == (b.embedding is None)


def test_long_takes_are_measured_as_little_as_short_ones():
    long = collect(lambda t: [Someone(1, 100)], 60.0)
    assert long.models.meshes <= ScanParameters().mesh_faces
    assert len(long.tracks) == 1


def test_small_faces_keep_the_detector_at_the_large_picture():
    small = collect(lambda t: [Someone(1, 100, size=30)], 3.0, detect_side=640, follow_side=320)
    assert set(small.models.sides) == {640}
    large = collect(lambda t: [Someone(1, 100, size=200)], 3.0, detect_side=640, follow_side=320)
    assert large.models.sides[0] == 640
    assert large.models.sides.count(320) > len(large.models.sides) / 2


def test_nobody_there():
    c = collect(lambda t: [])
    assert (c.rows, c.held) == ([], {})


def test_expressions_are_of_frames_weighted_by_the_size_of_faces_and_there_only_where_asked():
    def people(time: float) -> list[Someone]:
        return [Someone(1, 100, 120), *([Someone(2, 400, 60)] if time >= 1 else [])] if time < 4 else []

    assert not collect(people).expressions
    c = collect(people, expression=True)
    assert set(c.expressions) == {round(i / 4 * 1000) for i in range(16)}
    happy = EMOTIONS.index("happy")
    assert c.expressions[500][happy] == 1
    assert c.expressions[2000][happy] == pytest.approx(120**2 / (120**2 + 60**2))
    assert all(e.sum() == pytest.approx(1) for e in c.expressions.values())


def test_with_expression_every_second_of_a_face_has_a_mesh():
    plain, wanted = (collect(lambda t: [Someone(1, 100 + 10 * t)], expression=e, mesh_faces=2) for e in (False, True))
    assert {int(r.time) for r in wanted.rows if r.mesh is not None} == set(range(6))
    assert plain.models.meshes <= 2
    assert plain.models.embedded == wanted.models.embedded  # who is who costs as much as before


def test_attributes_are_of_the_faces_that_are_embedded_and_only_those_asked_for():
    c = collect(lambda t: [Someone(1, 100), Someone(3, 400)], asked=("age",))
    embedded = [r for r in c.rows if r.embedding is not None]
    assert embedded
    assert len(embedded) == len(c.models.asked)
    assert all(set(r.attributes) == ({"age"} if r.embedding is not None else set()) for r in c.rows)
    by_track = {r.track: float(r.attributes["age"][0]) for r in embedded}
    assert sorted(by_track.values()) == [10.0, 30.0]
    assert all(crop.mesh is not None for crop in c.models.asked)
    assert all(r.mesh is not None for r in embedded)


def test_nothing_is_inferred_where_nothing_is_asked():
    c = collect(lambda t: [Someone(1, 100)])
    assert not c.models.asked
    assert not any(r.attributes for r in c.rows)


def test_the_face_lies_in_its_crop_where_the_box_says():
    c = collect(lambda t: [Someone(2, 200, size=120)], asked=("gender",))
    for crop in c.models.asked:
        x, y, w, h = (round(v) for v in crop.box)
        assert np.all(crop.bgr[y + 2 : y + h - 2, x + 2 : x + w - 2] == 80)
        assert np.all((crop.landmarks >= crop.box[:2]) & (crop.landmarks <= (x + w, y + h)))


def test_black_edges_are_noted_of_every_look():
    c = collect(lambda t: [Someone(1, 100)], seconds=2.0)
    assert sorted(c.bars) == [0, 250, 500, 750, 1000, 1250, 1500, 1750]
    assert all(b == pytest.approx((0.1, 0.1, 0, 0), abs=0.006) for b in c.bars.values())
