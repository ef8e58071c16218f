"""Who is on the poster: faces given to people one to one, or to nobody. All from made-up indexes."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index_samples import face, identity, make_index, track
from stills.errors import UsageError
from stills.index.index import Index
from stills.index.pictures import PictureFace, PictureReading
from stills.select.cast import CastOptions, select_cast
from stills.select.posters import assign, default_distance, match_posters, person_vectors
from stills.types import CastSelection, Poster

ANNA, BEN, CLEO = 1, 2, 3


def film() -> Index:
    """Anna (id 1, the longest on screen), Ben (2) and Cleo (3)."""
    rows = [*track(0, ANNA, 0.0, 4.0), *track(1, BEN, 5.0, 7.0), *track(2, CLEO, 8.0, 9.0)]
    return make_index(rows)


def shown(vector: NDArray[np.float32] | None, x: float = 0.0, side: float = 50.0, **changes: Any) -> PictureFace:
    values: dict[str, Any] = {
        "box": (x, 10.0, side, side),
        "landmarks": np.zeros((5, 2), np.float32),
        "score": 0.9,
        "quality": 0.7,
        "parts": {"sharpness": 0.6, "pose": 0.9},
        "yaw": 5.0,
        "pitch": 3.0,
        "embedding": vector,
    }
    return PictureFace(**{**values, **changes})


def poster(*faces: PictureFace, **changes: Any) -> PictureReading:
    return replace(PictureReading("poster.jpg", 400, 600, faces, models={"embedder": "sface"}), **changes)


def near(person: int, cosine: float, other: int = 60) -> NDArray[np.float32]:
    """A face with this similarity to ``person``, else like ``other``."""
    vector = cosine * identity(person) + np.sqrt(1 - cosine**2) * identity(other)
    return np.asarray(vector, np.float32)


def matched(*readings: PictureReading, index: Index | None = None, **options: Any) -> CastSelection:
    where = film() if index is None else index
    return match_posters(where, select_cast(where), readings, **options)


def only(selection: CastSelection) -> Poster:
    (found,) = selection.posters
    return found


def test_faces_get_their_people_and_strangers_stay_strangers():
    found = only(matched(poster(shown(identity(BEN)), shown(identity(ANNA), 100), shown(identity(50), 200))))
    assert [f.person for f in found.faces] == [2, 1, None]
    known, _, stranger = found.faces
    assert known.distance is not None
    assert known.distance < 0.2
    assert known.nearest is None
    assert stranger.distance is not None
    assert stranger.distance > 0.8
    assert stranger.nearest in {1, 2, 3}


def test_nobody_is_on_a_poster_twice():
    better, worse = shown(near(ANNA, 0.95), 0), shown(near(ANNA, 0.8), 100)
    found = only(matched(poster(worse, better)))
    assert [f.person for f in found.faces] == [None, 1]
    assert found.faces[0].nearest == 1  # who it would have been
    assert found.faces[0].distance == pytest.approx(0.2, abs=0.1)


def test_but_on_each_of_several_posters():
    posters = matched(poster(shown(identity(ANNA))), poster(shown(identity(ANNA)), path="b.png")).posters
    assert [p.path for p in posters] == ["poster.jpg", "b.png"]
    assert [f.person for p in posters for f in p.faces] == [1, 1]


def test_the_poster_is_assigned_as_a_whole():
    """The first face is nearest to Anna, but without her the second would be nobody; the first can be Ben as well."""
    vectors = person_vectors(film(), select_cast(film()).people)
    first = 0.72 * vectors[0] + 0.66 * vectors[1]
    second = 0.7 * vectors[0] + np.sqrt(1 - 0.49) * identity(70)
    found = only(matched(poster(shown(first / np.linalg.norm(first)), shown(second.astype(np.float32), 100))))
    assert [f.person for f in found.faces] == [2, 1]


def test_the_largest_distance_is_the_users():
    reading = poster(shown(near(ANNA, 0.7)))
    distance = only(matched(reading, max_distance=2.0)).faces[0].distance
    assert distance is not None
    for largest, person in ((distance + 0.001, 1), (distance - 0.001, None), (0.0, None)):
        found = only(matched(reading, max_distance=largest)).faces[0]
        assert (found.person, found.distance) == (person, distance)
    with pytest.raises(UsageError, match="between 0 and 2"):
        matched(reading, max_distance=2.1)


def test_by_default_it_is_the_middle_of_what_pairs_of_photos_have():
    assert default_distance("sface") == 0.525
    assert matched(poster()).settings["poster_distance"] == 0.525
    assert matched(poster(), max_distance=0.3).settings["poster_distance"] == 0.3


def test_an_embedder_that_nobody_measured_is_said():
    index = replace(film(), parameters={"embedder": "other"})
    reading = poster(shown(identity(ANNA)), models={"embedder": "other"})
    assert "poster-distance-unmeasured" in [f.code for f in matched(reading, index=index).fallbacks]
    given_one = matched(reading, index=index, max_distance=0.5)
    assert "poster-distance-unmeasured" not in [f.code for f in given_one.fallbacks]


def test_faces_are_listed_the_largest_first_with_their_share_of_the_poster():
    found = only(matched(poster(shown(identity(ANNA), 10, 30), shown(identity(BEN), 100, 60), shown(None, 380, 40))))
    assert [f.person for f in found.faces] == [2, 1, None]
    assert [f.area for f in found.faces] == pytest.approx([3600 / 240000, 900 / 240000, 800 / 240000], abs=1e-6)
    assert (found.width, found.height) == (400, 600)


def test_a_face_too_small_to_embed_is_listed():
    odd = [None, np.full(128, np.nan, np.float32), np.zeros(128, np.float32)]
    for vector in odd:
        (found,) = only(matched(poster(shown(vector)))).faces
        assert (found.person, found.distance, found.nearest) == (None, None, None)


def test_boxes_grow_but_areas_do_not():
    found = only(matched(poster(shown(identity(ANNA), 100)), options=CastOptions(box_expansion=0.2)))
    assert found.faces[0].box == (90.0, 0.0, 70.0, 70.0)
    assert found.faces[0].area == pytest.approx(2500 / 240000, abs=1e-6)


def test_unsure_faces_are_left_out_and_counted_where_that_is_asked():
    reading = poster(shown(identity(ANNA)), shown(identity(BEN), 100, score=0.65))
    assert len(only(matched(reading)).faces) == 2
    strict = matched(reading, options=CastOptions(min_confidence=0.7))
    assert len(only(strict).faces) == 1
    assert strict.dropped["poster_faces_unsure"] == 1


def test_attributes_of_faces_are_those_named():
    rows = track(0, ANNA, 0.0, 4.0, gender=[0.9, 0.1])
    index = make_index(rows, layers=frozenset({"faces", "gender"}))
    female = {"gender": np.array([0.8, 0.2], np.float32), "age": np.array([30.0, 8.0], np.float32)}
    reading = poster(shown(identity(ANNA), attributes=female))
    assert only(matched(reading, index=index)).faces[0].attributes == {}
    named = only(matched(reading, index=index, options=CastOptions(attributes=("gender",)))).faces[0].attributes
    assert {k: v.value for k, v in named.items()} == {"gender": "female"}


def test_posters_without_faces_and_unreadable_ones():
    empty, broken = poster(), PictureReading("no.jpg", error="no picture")
    found = matched(empty, broken)
    assert [(p.faces, p.error) for p in found.posters] == [((), None), ((), "no picture")]
    assert found.fallbacks == ()
    assert matched().posters == ()


def test_a_film_without_people():
    found = matched(poster(shown(identity(ANNA))), index=make_index([]))
    (stranger,) = only(found).faces
    assert (stranger.person, stranger.distance, stranger.nearest) == (None, None, None)
    assert found.fallbacks == ()


def test_a_film_whose_embeddings_were_dropped_says_so():
    rows = [face(0, t / 4, presence=0.9, person=1) for t in range(8)]
    found = matched(poster(shown(identity(ANNA))), index=make_index(rows))
    assert [f.code for f in found.fallbacks] == ["posters-unmatched"]
    assert "no face embeddings" in found.fallbacks[0].message
    assert only(found).faces[0].person is None


def test_faces_embedded_by_another_network_cannot_be_compared():
    with pytest.raises(UsageError, match=r"poster\.jpg.*arcface.*sface"):
        matched(poster(shown(identity(ANNA)), models={"embedder": "arcface"}))
    with pytest.raises(UsageError, match="another network"):
        matched(poster(shown(np.ones(512, np.float32) / np.sqrt(512)), models={}))


def test_only_the_people_of_the_cast_are_held_against_it():
    index = film()
    brief = select_cast(index, CastOptions(max_people=1))
    found = only(match_posters(index, brief, [poster(shown(identity(BEN)), shown(identity(ANNA), 100))]))
    assert [f.person for f in found.faces] == [None, 1]


# The assignment

distances = st.integers(0, 4).flatmap(
    lambda n: st.integers(0, 4).flatmap(
        lambda m: st.lists(
            st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.6, 0.9, 1.7, float("nan")]), min_size=m, max_size=m),
            min_size=n,
            max_size=n,
        ).map(lambda rows: np.array(rows, np.float64).reshape(n, m))
    )
)


def worth(distance: NDArray[np.float64], given_to: NDArray[np.int64], largest: float) -> float:
    return sum(largest - distance[row, column] for row, column in enumerate(given_to) if column >= 0)


def best(distance: NDArray[np.float64], largest: float) -> float:
    """The largest worth of any assignment, by trying all."""
    n, m = distance.shape
    gain = np.maximum(0.0, np.nan_to_num(largest - distance, nan=0.0))
    padded = np.zeros((n, m + n))
    padded[:, :m] = gain
    return max((sum(padded[i, c] for i, c in enumerate(p)) for p in permutations(range(m + n), n)), default=0.0)


@given(distances, st.sampled_from([0.0, 0.4, 0.5, 0.6, 1.0]))
def test_the_assignment_is_the_best_and_never_beyond_the_largest_distance(
    distance: NDArray[np.float64], largest: float
):
    found = assign(distance, largest)
    assert found.shape == (len(distance),)
    taken = found[found >= 0]
    assert len(set(taken.tolist())) == len(taken)
    assert all(distance[row, column] <= largest for row, column in enumerate(found) if column >= 0)
    assert worth(distance, found, largest) == pytest.approx(best(distance, largest), abs=1e-6)


@given(distances, st.randoms(use_true_random=False))
def test_the_order_of_faces_and_people_does_not_matter(distance: NDArray[np.float64], random: Any):
    n, m = distance.shape
    rows, columns = random.sample(range(n), n), random.sample(range(m), m)
    mixed = assign(distance[rows][:, columns], 0.55)
    assert worth(distance[rows][:, columns], mixed, 0.55) == pytest.approx(
        worth(distance, assign(distance, 0.55), 0.55), abs=1e-6
    )


def test_a_face_exactly_at_the_largest_distance_is_somebody():
    assert assign(np.array([[0.525]]), 0.525).tolist() == [0]
