"""What is said of a person from what models say of single faces: weights, confidence, unknowns. All made up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_samples import face, identity, make_index, track
from stills.errors import IndexFormatError, UsageError
from stills.index.index import Index
from stills.index.pictures import PictureFace
from stills.select.attributes import (
    OTHER_TRACK,
    TRAITS,
    AttributeOptions,
    FaceValues,
    effective_faces,
    estimate,
    face_weights,
    picture_estimates,
)
from stills.select.cast import CastOptions, select_cast
from stills.types import Attribute, Estimate

FEMALE, MALE = [0.9, 0.1], [0.1, 0.9]
OPTIONS = AttributeOptions(("age", "gender", "ethnicity", "emotion"))


def of(
    attribute: Attribute,
    values: Sequence[Sequence[float]],
    *,
    weights: Sequence[float] | None = None,
    tracks: Sequence[int] | None = None,
    options: AttributeOptions = OPTIONS,
    model: str = "default",
) -> Estimate:
    """The estimate of faces with ``values``, by default equally good and each of a track of its own."""
    n = len(values)
    return estimate(
        attribute,
        FaceValues(
            np.array(values, np.float64).reshape(n, -1),
            np.array(weights if weights is not None else [1.0] * n),
            np.array(tracks if tracks is not None else range(n), np.int64),
        ),
        model,
        options,
    )


def film(*rows: Mapping[str, Any], layers: Sequence[str] = ("faces", "age", "gender")) -> Index:
    """One person in one shot; ``rows`` change single measured faces."""
    faces = [face(0, float(i), identity(1, noise=0.1, seed=i), **row) for i, row in enumerate(rows)]
    return make_index(faces, layers=frozenset(layers))


def said(index: Index, *attributes: Attribute, **options: Any) -> Mapping[str, Estimate]:
    (person,) = select_cast(index, CastOptions(attributes=attributes, **options)).people
    return person.attributes


# Only what was named


def test_nothing_is_said_that_was_not_named():
    index = film({"age": 40.0, "age_spread": 8.0, "gender": FEMALE})
    assert said(index) == {}
    assert list(said(index, "gender")) == ["gender"]


def test_what_was_not_named_is_not_even_read():
    broken = film({"age": 40.0, "age_spread": 8.0, "gender": [0.2, 0.3, 0.5]})
    assert said(broken, "age")["age"].value == 40.0
    with pytest.raises(IndexFormatError, match="gender has 3 values a face"):
        said(broken, "gender")


def test_an_index_without_the_attribute_is_refused():
    with pytest.raises(UsageError, match="no ethnicity, emotion"):
        said(film({"age": 40.0}), "age", "ethnicity", "emotion")
    with pytest.raises(UsageError, match="no gender"):
        select_cast(make_index([], layers=frozenset({"faces"})), CastOptions(attributes=("gender",)))


# Ages


def test_one_face_has_the_age_and_the_uncertainty_of_the_network():
    age = of("age", [[40.0, 8.0]])
    assert (age.value, age.faces, age.spread, age.reason) == (40.0, 1, 0.0, None)
    assert age.confidence == pytest.approx(math.erf(5 / (8 * math.sqrt(2))), abs=1e-4)
    assert age.probabilities == {}


def test_more_faces_are_surer_but_never_absurdly_so():
    few = of("age", [[40.0, 8.0]] * 3)
    many = of("age", [[40.0, 8.0]] * 3000)
    limit = math.erf(5 / (8 * math.sqrt(OTHER_TRACK) * math.sqrt(2)))
    assert of("age", [[40.0, 8.0]]).confidence < few.confidence < many.confidence <= limit + 1e-4 < 0.6


def test_faces_of_one_track_say_less_than_those_of_several():
    one = of("age", [[40.0, 8.0]] * 6, tracks=[0] * 6)
    three = of("age", [[40.0, 8.0]] * 6, tracks=[0, 0, 1, 1, 2, 2])
    assert of("age", [[40.0, 8.0]]).confidence < one.confidence < three.confidence


def test_a_wild_face_does_not_move_the_age():
    calm, wild = [[v, 8.0] for v in (38, 39, 40, 41, 42)], [[95.0, 8.0]]
    age = of("age", calm + wild)
    assert age.value == pytest.approx(40, abs=2.0)  # the plain mean is 49
    assert age.spread > 15  # and it is said that faces disagree


@pytest.mark.parametrize(
    "odd", [[math.nan, 8.0], [math.inf, 8.0], [-3.0, 8.0], [500.0, 8.0], [40.0, math.nan], [40.0, 0.0], [40.0, -1.0]]
)
def test_values_that_are_no_ages_are_ignored(odd: list[float]):
    assert of("age", [[30.0, 8.0], odd, [32.0, 8.0]]) == of("age", [[30.0, 8.0], [32.0, 8.0]])
    nothing = of("age", [odd])
    assert (nothing.value, nothing.confidence, nothing.faces) == (None, 0.0, 0)
    assert nothing.reason == "no face was measured"


def test_better_faces_count_more():
    assert of("age", [[30.0, 8.0], [34.0, 8.0]], weights=[3.0, 1.0]).value == 31.0
    assert of("age", [[30.0, 8.0], [40.0, 8.0]], weights=[3.0, 1.0]).value == pytest.approx(32.5, abs=0.6)


@given(
    st.lists(st.tuples(st.floats(0, 120), st.floats(0.5, 20), st.floats(0.01, 1), st.integers(0, 3)), min_size=1),
    st.randoms(use_true_random=False),
)
def test_ages_lie_among_those_of_the_faces_in_whatever_order(faces: list[tuple[float, float, float, int]], random: Any):
    def ask(rows: list[tuple[float, float, float, int]]) -> Estimate:
        return of("age", [r[:2] for r in rows], weights=[r[2] for r in rows], tracks=[r[3] for r in rows])

    age = ask(faces)
    assert isinstance(age.value, float)
    assert min(f[0] for f in faces) - 0.05 <= age.value <= max(f[0] for f in faces) + 0.05
    assert 0 < age.confidence <= 1
    assert age.faces == len(faces)
    mixed = list(faces)
    random.shuffle(mixed)
    other = ask(mixed)
    assert other.value == pytest.approx(age.value, abs=0.11)
    assert other.confidence == pytest.approx(age.confidence, abs=2e-4)


# Labels


def test_the_labels_are_those_of_the_model():
    assert of("gender", [FEMALE]).value == "female"
    assert of("ethnicity", [[0.05, 0.05, 0.8, 0.05, 0.05]]).value == "asian"
    seven = of("ethnicity", [[0.02, 0.02, 0.02, 0.02, 0.02, 0.1, 0.8]], model="fairface")
    assert seven.value == "middle eastern"
    assert list(seven.probabilities)[2:4] == ["latino", "east asian"]


def test_one_face_is_as_sure_as_the_network():
    gender = of("gender", [FEMALE])
    assert (gender.confidence, gender.spread, gender.faces) == (0.9, 0.0, 1)
    assert gender.probabilities == {"female": 0.9, "male": 0.1}


def test_agreeing_faces_add_up_as_far_as_they_are_independent():
    one, many = of("gender", [[0.7, 0.3]]), of("gender", [[0.7, 0.3]] * 500)
    bound = 1 / (1 + (0.3 / 0.7) ** (1 / OTHER_TRACK))
    assert one.confidence < many.confidence <= bound + 1e-4 < 0.8


def test_disagreement_is_said():
    gender = of("gender", [FEMALE, FEMALE, FEMALE, MALE], weights=[1, 1, 1, 1])
    assert (gender.value, gender.spread) == ("female", 0.25)
    assert gender.confidence < of("gender", [FEMALE]).confidence


def test_no_single_face_has_a_veto():
    assert of("gender", [FEMALE] * 4 + [[0.0, 1.0]]).value == "female"


def test_emotions_are_shares_of_the_looks_and_do_not_add_up():
    happy, sad = [0.01, 0.01, 0.01, 0.9, 0.05, 0.01, 0.01], [0.01, 0.01, 0.01, 0.05, 0.9, 0.01, 0.01]
    emotion = of("emotion", [happy] * 3 + [sad])
    assert emotion.value == "happy"
    assert emotion.confidence == pytest.approx(0.75 * 0.9 + 0.25 * 0.05)
    assert emotion.spread == 0.25


def test_below_the_certainty_the_answer_is_unknown_and_why():
    torn = of("gender", [FEMALE, MALE])
    assert of("gender", [[0.5, 0.5]]).value == "female"  # 0.5 reaches the default
    assert torn.confidence == pytest.approx(0.5, abs=1e-4)
    strict = AttributeOptions(certainty=0.95)
    unknown = of("gender", [FEMALE], options=strict)
    assert (unknown.value, unknown.confidence) == (None, 0.9)
    assert unknown.reason == "too uncertain: the likeliest, female, has 90%"
    assert unknown.probabilities["female"] == 0.9


@pytest.mark.parametrize("odd", [[math.nan, 0.5], [math.inf, 0.5], [0.0, 0.0], [-1.0, 0.0]])
def test_values_that_are_no_probabilities_are_ignored(odd: list[float]):
    assert of("gender", [FEMALE, odd]) == of("gender", [FEMALE])
    assert of("gender", [odd]).value is None


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 1), st.floats(0.01, 1), st.integers(0, 2)),
        min_size=1,
        max_size=20,
    )
)
def test_probabilities_add_up_and_know_no_order(faces: list[tuple[float, ...]]):
    values = [[a, b, c, 0.0, 0.0] for a, b, c, _, _ in faces]
    result = of("ethnicity", values, weights=[f[3] for f in faces], tracks=[int(f[4]) for f in faces])
    assert sum(result.probabilities.values()) == pytest.approx(1, abs=3e-4)
    assert result.confidence == max(result.probabilities.values())
    assert 0 <= result.spread <= 1
    back = of("ethnicity", values[::-1], weights=[f[3] for f in faces][::-1], tracks=[int(f[4]) for f in faces][::-1])
    assert back.probabilities == pytest.approx(result.probabilities, abs=2e-4)


# How many faces they are worth


@given(st.lists(st.tuples(st.floats(0.001, 1), st.integers(0, 5)), min_size=1, max_size=50))
def test_faces_are_worth_one_at_least_and_never_more_than_they_are(faces: list[tuple[float, int]]):
    weights = np.array([w for w, _ in faces])
    worth = effective_faces(weights / weights.sum(), np.array([t for _, t in faces]))
    assert 1 - 1e-9 <= worth <= min(len(faces), 1 / OTHER_TRACK) + 1e-9


# Which faces count


def traits(**changes: float) -> dict[str, np.ndarray]:
    good = {"score": 0.9, "quality_sharpness": 0.8, "quality_pose": 0.9, "yaw": 10.0, "pitch": -5.0}
    assert set(good) == set(TRAITS)
    return {name: np.array([value]) for name, value in {**good, **changes}.items()}


@pytest.mark.parametrize(
    "fault",
    [
        {"score": 0.69}, {"quality_sharpness": 0.1}, {"yaw": 46.0}, {"yaw": -46.0}, {"pitch": 50.0},
        {"yaw": math.nan}, {"score": math.nan}, {"quality_sharpness": math.nan}, {"quality_pose": math.nan},
    ],
)  # fmt: skip
def test_poor_and_unmeasured_faces_count_nothing(fault: dict[str, float]):
    assert face_weights(traits(**fault), OPTIONS)[0] == 0
    assert face_weights(traits(), OPTIONS)[0] > 0


@pytest.mark.parametrize("better", [{"score": 0.99}, {"quality_sharpness": 0.9}, {"quality_pose": 1.0}])
def test_a_better_face_counts_more(better: dict[str, float]):
    assert face_weights(traits(**better), OPTIONS)[0] > face_weights(traits(), OPTIONS)[0]


def test_limits_include_their_value():
    edge = traits(score=0.7, quality_sharpness=0.15, yaw=45.0, pitch=-45.0)
    assert face_weights(edge, OPTIONS)[0] > 0


def test_limits_are_the_users():
    index = film({"gender": FEMALE, "yaw": 30.0}, {"gender": MALE, "yaw": 0.0}, {"gender": MALE, "score": 0.75})
    assert said(index, "gender")["gender"].faces == 3
    assert said(index, "gender", attribute_max_angle=20)["gender"].faces == 2
    assert said(index, "gender", attribute_min_confidence=0.8)["gender"].faces == 2
    turned = said(index, "gender", attribute_min_sharpness=0.9)["gender"]
    assert (turned.value, turned.faces, turned.probabilities) == (None, 0, {})
    assert turned.reason == "none of 3 measured faces is good enough"
    assert said(index, "gender", attribute_certainty=0.999)["gender"].value is None


# Of a film


def test_persons_are_told_by_their_own_faces():
    rows = [
        *track(0, 1, 0.0, 0.5, gender=FEMALE, age=30.0, age_spread=8.0),
        *track(1, 2, 1.0, 1.5, gender=MALE, age=60.0, age_spread=8.0),
        *track(2, 1, 2.0, 2.5, gender=FEMALE, age=32.0, age_spread=8.0),
    ]
    index = make_index(rows, layers=frozenset({"faces", "age", "gender"}))
    one, two = select_cast(index, CastOptions(attributes=("age", "gender"))).people
    assert (one.attributes["gender"].value, two.attributes["gender"].value) == ("female", "male")
    assert (one.attributes["age"].value, two.attributes["age"].value) == (pytest.approx(31, abs=0.1), 60.0)
    assert one.attributes["gender"].faces == 6


def test_faces_that_do_not_count_say_nothing_and_rows_stay_in_step():
    small = {"width": 24.0, "height": 30.0}
    rows = [
        face(0, 0.0, identity(9), **small, gender=MALE),
        *track(1, 1, 1.0, 1.5, gender=FEMALE),
        *track(2, 2, 1.0, 1.5, x=300.0, gender=MALE),
    ]
    index = make_index(rows, layers=frozenset({"faces", "gender"}))
    people = select_cast(index, CastOptions(attributes=("gender",), min_area=0.01)).people
    assert {p.tracks: p.attributes["gender"].value for p in people} == {(1,): "female", (2,): "male"}


def test_a_person_nobody_measured():
    reason = said(film({}), "age")["age"].reason
    assert reason == "no face was measured"


def test_the_labels_are_those_of_the_model_of_the_index():
    rows = track(0, 1, 0.0, 0.5, ethnicity=[0.0, 0.0, 0.9, 0.02, 0.02, 0.02, 0.04])
    index = make_index(rows, layers=frozenset({"faces", "ethnicity"}), parameters={"attributes_model": "fairface"})
    assert said(index, "ethnicity")["ethnicity"].value == "latino"


# Of a picture


def picture_face(**changes: Any) -> PictureFace:
    values: dict[str, Any] = {
        "box": (10.0, 10.0, 50.0, 60.0),
        "landmarks": np.zeros((5, 2), np.float32),
        "score": 0.9,
        "quality": 0.7,
        "parts": {"sharpness": 0.6, "pose": 0.9},
        "yaw": 5.0,
        "pitch": 3.0,
        "attributes": {"age": np.array([50.0, 9.0], np.float32), "gender": np.array(MALE, np.float32)},
    }
    return PictureFace(**{**values, **changes})


def test_a_face_in_a_picture_is_judged_as_one_of_a_film():
    found = picture_estimates(picture_face(), "default", AttributeOptions(("gender", "age")))
    assert list(found) == ["gender", "age"]
    assert (found["gender"].value, found["gender"].confidence, found["age"].value) == ("male", 0.9, 50.0)


@pytest.mark.parametrize("fault", [{"score": 0.5}, {"yaw": 60.0}, {"yaw": None}, {"parts": {}}])
def test_a_poor_face_in_a_picture_is_unknown(fault: dict[str, Any]):
    found = picture_estimates(picture_face(**fault), "default", AttributeOptions(("gender",)))
    assert found["gender"].value is None
    assert found["gender"].reason == "none of 1 measured faces is good enough"


def test_what_was_not_measured_in_a_picture_is_unknown():
    found = picture_estimates(picture_face(attributes={}), "default", AttributeOptions(("age", "emotion")))
    assert [e.reason for e in found.values()] == ["no face was measured"] * 2


def test_a_picture_read_by_another_model_is_refused():
    five = picture_face(attributes={"ethnicity": np.full(5, 0.2, np.float32)})
    assert picture_estimates(five, "default", AttributeOptions(("ethnicity",)))["ethnicity"].faces == 1
    with pytest.raises(IndexFormatError, match="ethnicity has 5 values a face where the attributes model 'fairface'"):
        picture_estimates(five, "fairface", AttributeOptions(("ethnicity",)))
