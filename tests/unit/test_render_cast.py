"""The cast as JSON and files: keeps to its schema, names its files, adds up what was inferred; none of it is a fact."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from PIL import Image

from cast_samples import (
    ALL,
    actor,
    age,
    cast,
    cast_selection,
    ethnicity,
    everybody,
    frames,
    gender,
    posters,
    unknown,
)
from render_samples import picture, report, video
from stills.errors import CancelledError, UsageError
from stills.render.cast import cast_document, cast_schema, write_cast
from stills.render.distribution import AGE_BANDS, UNKNOWN, age_deviation, covered, label_shares, label_sums
from stills.render.metadata import read_metadata
from stills.render.pictures import OutputOptions
from stills.types import Poster

DRAWN = (picture(100, 150, 3), None)


def check(document: object) -> None:
    Draft202012Validator.check_schema(cast_schema())
    Draft202012Validator(cast_schema()).validate(document)


def saved(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "film" / "cast.json").read_text())
    return document


def test_the_document_keeps_to_the_schema_and_says_what_is_known() -> None:
    document = cast()
    check(document)
    assert document["schema"] == "stills/cast/1"
    one = document["people"][0]
    assert (one["appearances"], one["longest"], one["total_area"]) == (2, 40.0, 2.8)
    assert list(one["attributes"]) == ["age", "gender", "ethnicity"]  # in one order; emotion was never inferred
    assert one["attributes"]["age"] == {
        "value": 34.2, "confidence": 0.6, "spread": 4.1, "faces": 7, "probabilities": {}, "reason": None,
        "inferred": True, "model": "age",
    }  # fmt: skip
    assert one["attributes"]["gender"]["probabilities"] == {"female": 0.93, "male": 0.07}
    third = document["people"][2]["attributes"]
    assert (third["age"]["value"], third["age"]["reason"]) == (None, "too few good faces")
    assert document["together"]["ids"] == [1, 2, 3]
    assert document["together"]["seconds"][0] == [70.0, 11.0, 0.0]
    assert document["together"]["seconds"][1][0] == 11.0
    assert document["dropped"] == {"people with too few faces": 2}
    assert document["annotated"] is None


def test_posters_are_named_as_given_and_strangers_stay() -> None:
    first, second = cast()["posters"]
    assert (first["file"], first["path"], first["picture"]) == ("poster.jpg", "art/poster.jpg", None)
    known, stranger = first["faces"]
    assert (known["person"], known["distance"], known["bbox"]) == (2, 0.31, [50.0, 60.0, 80.0, 100.0])
    assert known["area"] == pytest.approx(1 / 30, abs=1e-6)
    assert (stranger["person"], stranger["nearest"], stranger["distance"]) == (None, 1, 0.82)
    assert stranger["attributes"]["gender"]["value"] == "male"
    assert (second["error"], second["width"], second["faces"]) == ("is not a picture", 0, [])


def test_every_attribute_is_marked_as_inferred_and_names_its_model() -> None:
    estimates = [e for one in cast()["people"] for e in one["attributes"].values()]
    assert all(estimate["inferred"] is True and estimate["model"] for estimate in estimates)
    assert cast()["people"][0]["attributes"]["ethnicity"]["model"] == "sface"
    with pytest.raises(UsageError, match="no attributes model called 'oracle'"):
        cast(settings={"attributes_model": "oracle"})


def test_nobody_nothing_and_no_attributes_are_valid_too() -> None:
    for people in ([], [actor(1, [(1.0, 2.0)], None)]):
        document = cast(people=people, shown=(), settings={"attributes": ()}, dropped={})
        check(document)
        assert document["summary"]["attributes"] == {}
        assert all(one["attributes"] == {} for one in document["people"])
    empty = cast_document(video(duration=0.0), cast_selection([]), report(), {}, {}, [])
    check(empty)
    assert empty["summary"]["median_screen_time"] is None
    assert empty["together"] == {"ids": [], "seconds": []}


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("posters"),
        lambda d: d.pop("summary"),
        lambda d: d["people"][0].pop("appearances"),
        lambda d: d["people"][0]["attributes"]["gender"].update(inferred=False),
        lambda d: d["people"][0]["attributes"]["gender"].update(value=1),
        lambda d: d["people"][0]["attributes"]["age"].update(value="70+"),
        lambda d: d["people"][0]["attributes"]["age"].pop("faces"),
        lambda d: d["people"][0]["attributes"]["age"].update(confidence=1.2),
        lambda d: d["posters"][0].update(picture="/etc/passwd"),
        lambda d: d["posters"][0]["faces"][0].update(person=0),
        lambda d: d["posters"][0]["faces"][0].update(distance=2.5),
        lambda d: d["together"].pop("ids"),
        lambda d: d.update(annotated="/annotated.mp4"),
        lambda d: d.update(schema="stills/people/1"),
    ],
)
def test_the_schema_refuses_what_is_wrong(change: Callable[[dict[str, Any]], object]) -> None:
    document = cast()
    change(document)
    assert not Draft202012Validator(cast_schema()).is_valid(document)


def test_files_are_where_the_json_says(tmp_path: Path) -> None:
    document = cast()
    before = json.dumps(document)
    steps: list[tuple[int, int]] = []
    clip = b"a video, as far as this test knows"
    paths = write_cast(
        tmp_path, "film", document, frames(document), DRAWN,
        video=lambda path: path.write_bytes(clip) and None, on_picture=lambda *step: steps.append(step),
    )  # fmt: skip
    assert json.dumps(document) == before
    written = saved(tmp_path)
    check(written)
    folder = tmp_path / "film"
    names = ["annotated.mp4", "person_01.jpg", "person_02.jpg", "person_03.jpg", "poster_1.jpg"]
    assert written["files"] == [f"cast/{name}" for name in names]
    assert sorted(path.name for path in paths[:-1]) == names
    assert paths[-1] == folder / "cast.json"
    assert (folder / written["annotated"]).read_bytes() == clip
    assert [poster["picture"] for poster in written["posters"]] == ["cast/poster_1.jpg", None]
    with Image.open(folder / "cast" / "poster_1.jpg") as poster:
        assert poster.size == (100, 150)
    about = read_metadata(folder / "cast" / "poster_1.jpg")
    assert about is not None
    assert (about.source, about.time, about.description) == ("poster.jpg", None, "Faces found on poster.jpg")
    assert written["people"][1]["still"]["file"] == "cast/person_02.jpg"
    assert steps == [(n, 5) for n in range(1, 6)]


def test_another_run_replaces_what_it_no_longer_has(tmp_path: Path) -> None:
    document = cast()
    write_cast(tmp_path, "film", document, frames(document), DRAWN, video=lambda path: path.write_bytes(b"1") and None)
    (tmp_path / "film" / "cast" / "mine.txt").write_text("mine")
    less = cast(people=everybody()[:1], shown=())
    write_cast(tmp_path, "film", less, frames(less))
    assert sorted(p.name for p in (tmp_path / "film" / "cast").iterdir()) == ["mine.txt", "person_01.jpg"]
    assert saved(tmp_path)["annotated"] is None


def test_a_video_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    document = cast()
    write_cast(tmp_path, "film", document, frames(document), DRAWN)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        write_cast(tmp_path, "film", cast(people=everybody()[:1]), frames(document), DRAWN, video=fail)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_what_the_video_says_becomes_a_warning_and_its_name_can_be_chosen(tmp_path: Path) -> None:
    def make(path: Path) -> Sequence[str]:
        path.write_bytes(b"video")
        return ["the sound could not be kept"]

    document = cast(shown=()) | {"annotated": "hidden.mp4"}
    write_cast(tmp_path, "film", document, frames(document), video=make)
    assert saved(tmp_path)["annotated"] == "cast/hidden.mp4"
    assert saved(tmp_path)["warnings"] == ["the sound could not be kept"]


def test_posters_keep_their_names_whatever_the_template_says(tmp_path: Path) -> None:
    document = cast(people=everybody()[:2])
    options = OutputOptions(name_template="poster_{number}", format="png")
    write_cast(tmp_path, "film", document, frames(document), DRAWN, options)
    written = saved(tmp_path)
    assert written["posters"][0]["picture"] == "cast/poster_1.png"
    assert [p["still"]["file"] for p in written["people"]] == ["cast/poster_1-2.png", "cast/poster_2-2.png"]


def test_drawn_posters_must_be_those_of_the_document(tmp_path: Path) -> None:
    document = cast()
    for drawn in (DRAWN[:1], (*DRAWN, None)):
        with pytest.raises(ValueError, match=r"shorter|longer"):
            write_cast(tmp_path, "film", document, frames(document), drawn)


def test_posters_are_asked_for_one_after_another(tmp_path: Path) -> None:
    asked: list[int] = []
    written: list[int] = []

    def draw() -> Iterator[Any]:
        for number, poster in enumerate(document["posters"]):
            asked.append(len(written))
            yield None if poster["error"] else picture(40, 60, number)

    document = cast(people=everybody()[:1], shown=[posters()[0]] * 3)
    write_cast(
        tmp_path, "film", document, frames(document), draw(), on_picture=lambda done, total: written.append(total)
    )
    assert asked == [1, 2, 3]  # after the still; each when the one before was written
    assert written == [4] * 4


def test_the_summary_adds_up() -> None:
    summary = cast()["summary"]
    assert (summary["people"], summary["faces"], summary["screen_time"]) == (3, 120, 100.0)
    assert summary["median_screen_time"] == 20.0
    assert summary["anyone_on_screen"] == 89.0  # 1–40, 50–60 and 100–140
    assert (summary["posters"], summary["posters_unreadable"]) == (2, 1)
    assert (summary["poster_faces"], summary["poster_people"], summary["poster_strangers"]) == (2, 1, 1)
    genders = summary["attributes"]["gender"]
    assert list(genders) == ["female", "male", "unknown"]
    assert genders["female"]["screen_time"] == pytest.approx(70 * 0.93 + 20 * 0.2)
    assert genders["unknown"] == {"people": 1.0, "screen_time": 10.0, "poster_faces": 0.0, "poster_area": 0.0}
    # On the poster is person 2, who is known from the film, and a stranger, who is known from the poster alone.
    assert genders["male"]["poster_faces"] == pytest.approx(0.8 + 0.9)
    assert genders["male"]["poster_area"] == pytest.approx(0.8 / 30 + 0.9 * 0.02, abs=1e-6)
    assert list(summary["attributes"]) == list(ALL)
    assert list(summary["attributes"]["emotion"]) == [UNKNOWN]  # asked for, and never known
    for sums in summary["attributes"].values():
        assert sum(row["people"] for row in sums.values()) == pytest.approx(3, abs=0.01)
        assert sum(row["screen_time"] for row in sums.values()) == pytest.approx(100, abs=0.001)


def test_an_age_is_spread_over_the_bands_as_its_confidence_says() -> None:
    assert age_deviation(0.6827) == pytest.approx(5.0, abs=0.01)  # 68 % of a normal distribution is within one
    assert age_deviation(0.0) < 30
    assert age_deviation(1.0) > 1
    sure = label_shares({"value": 35.0, "confidence": 0.98})
    assert sure["30–39"] > 0.95
    vague = label_shares({"value": 35.0, "confidence": 0.3})
    assert 0.2 < vague["30–39"] < 0.5
    assert label_shares({"value": 95.0, "confidence": 0.9})["70 and over"] > 0.99
    assert label_shares({"value": 0.3, "confidence": 0.9})["under 10"] > 0.99


@given(st.floats(0, 120), st.floats(0, 1))
def test_shares_always_add_up_to_one(years: float, confidence: float) -> None:
    shares = label_shares({"value": years, "confidence": confidence})
    assert list(shares) == [name for _, name in AGE_BANDS]
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) >= 0


def test_labels_without_probabilities_leave_the_rest_unknown() -> None:
    assert label_shares({"value": "male", "confidence": 0.7, "probabilities": {}}) == {"male": 0.7, UNKNOWN: 1 - 0.7}
    assert label_shares(None) == {UNKNOWN: 1.0}
    assert label_shares({"value": None, "confidence": 0.4, "probabilities": {"a": 1.0}}) == {UNKNOWN: 1.0}


def test_bands_and_labels_keep_their_order() -> None:
    people = cast(people=[actor(1, [(0.0, 9.0)], ethnicity=ethnicity(), age=age(70.0), gender=unknown())])["people"]
    assert list(label_sums(people, [], "ethnicity")) == ["white", "black", "asian", "indian", "other"]
    assert list(label_sums(people, [], "age")) == [name for _, name in AGE_BANDS]
    people += cast(people=[actor(2, [(0.0, 9.0)], gender=gender())])["people"]
    assert list(label_sums(people, [], "gender")) == ["female", "male", UNKNOWN]


def test_time_that_several_share_is_covered_once() -> None:
    assert covered([(0, 10), (5, 12), (6, 7), (20, 21)]) == 13
    assert covered([]) == 0


def test_a_poster_from_a_url_or_with_odd_letters_is_only_a_name() -> None:
    odd = (Poster("..\\..\\a/b/<x>.jpg", 10, 10), *posters()[:1])
    document = cast(shown=odd)
    check(document)
    assert document["posters"][0]["file"] == "<x>.jpg"
