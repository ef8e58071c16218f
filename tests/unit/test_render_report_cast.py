"""The cast in the report: what was inferred is never shown as a fact, and nothing hostile gets out of its words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from cast_samples import actor, age, cast, everybody, gender, posters, unknown, write
from report_samples import HOSTILE, Page
from report_samples import write as write_people
from stills.render.distribution import UNKNOWN
from stills.render.documents import to_json
from stills.render.report import build_report, report_page
from stills.render.view_attributes import attribute_views, attribute_words
from stills.render.view_distribution import RESAMPLES, shares_of_films
from stills.types import Estimate, Poster, PosterFace


def page(out: Path) -> Page:
    return Page(build_report(out).read_text(encoding="utf-8"))


def change(out: Path, edit: Callable[[dict[str, Any]], object], name: str = "film") -> None:
    result = out / name / "cast.json"
    document = json.loads(result.read_text())
    edit(document)
    result.write_bytes(to_json(document))


def clip(path: Path) -> None:
    path.write_bytes(b"a video, as far as the report knows")


def test_everything_of_a_person_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    got = page(tmp_path)
    assert [a["id"] for a in got.all("article") if "id" in a] == ["v1-1-p1", "v1-1-p2", "v1-1-p3"]
    for words in (
        "The cast: 3 people", "Left out: 2 people with too few faces.", "Person 1 70.0 s on screen, 31 % of the video",
        "Longest in one shot 40.0 s", "Area over time 2.80 s of a full picture", "Faces analysed 40",
        "At least one of them on screen for 89.0 s (40 % of the video); half of them for 20.0 s or more; "
        "2 posters with 2 faces, 1 of people of the video",
    ):  # fmt: skip
        assert words in got.text


def test_what_was_inferred_comes_with_its_uncertainty_and_a_warning(tmp_path: Path) -> None:
    write(tmp_path)
    got = page(tmp_path)
    for words in (
        "Age 34 ± 6 (likely 28–40)", "from 7 faces, 4.1 years apart", "Gender female, 93 %",
        "from 7 faces, 5.0 % disagree", "Ethnicity white, 60 %", "Age unknown too few good faces; from 7 faces",
    ):  # fmt: skip
        assert words in got.text
    assert got.text.count("Inferred by models, not facts about anyone") == 3
    assert {a.get("id") for _, a in got.elements} >= {"inferred"}
    assert "They are not facts about anyone" in got.text
    assert "Its model card" in got.text
    assert "docs/models.md" in got.text


def test_ethnicity_is_spoken_of_only_where_it_was_asked_for(tmp_path: Path) -> None:
    people = [actor(1, [(1.0, 9.0)], gender=gender()), actor(2, [(1.0, 9.0)], gender=unknown())]
    write(tmp_path, document=cast(people=people, shown=(), settings={"attributes": ("gender",)}))
    got = page(tmp_path)
    assert "Inferred by models" in got.text
    assert "thnic" not in got.text
    assert "Genders in this page are guesses" in got.text
    assert "Age" not in got.text


def test_without_attributes_nothing_is_inferred_and_nothing_said_of_it(tmp_path: Path) -> None:
    people = [replace(one, attributes={}) for one in everybody()]
    write(tmp_path, document=cast(people=people, settings={"attributes": ()}, shown=()))
    text = page(tmp_path).text
    assert "nferred" not in text
    assert "The cast: 3 people" in text


def test_distributions_are_tables_with_unknown_as_a_row_of_its_own(tmp_path: Path) -> None:
    write(tmp_path)
    got = page(tmp_path)
    female, male = 70 * 0.93 + 20 * 0.2, 70 * 0.07 + 20 * 0.8
    assert f"Female {female:.0f} % {female:.1f} s" in got.text
    assert f"Male {male:.0f} % {male:.1f} s" in got.text
    assert "Unknown 10 % 10.0 s 0 %" in got.text
    assert "share of the area of faces on posters" in got.text
    bars = [a for a in got.all("rect") if a.get("class") == "fill"]
    assert f"{female:.2f}".rstrip("0") + "%" in {a["width"] for a in bars}


def test_who_shares_the_screen_is_a_table(tmp_path: Path) -> None:
    write(tmp_path)
    got = page(tmp_path)
    cells = [a for a in got.all("td") if str(a.get("class", "")).startswith("h") and "title" in a]
    assert len(cells) == 9
    assert cells[0]["class"] == "h0 own"
    assert cells[1] == {"class": "h5", "title": "Person 1 with Person 2: 11.0 s"}
    assert cells[2]["class"] == "h0"
    heads = [a.get("title") for a in got.all("th") if str(a.get("title", "")).startswith("Person")]
    assert heads == ["Person 1", "Person 2", "Person 3"]


def test_people_who_never_meet_need_no_table(tmp_path: Path) -> None:
    write(tmp_path, document=cast(people=[actor(1, [(1.0, 2.0)]), actor(2, [(3.0, 4.0)])], shown=()))
    got = page(tmp_path)
    assert "Nobody is on screen together with anybody else." in got.text
    assert not [a for a in got.all("table") if a.get("class") == "heat"]


def test_no_model_is_ever_certain(tmp_path: Path) -> None:
    sure = Estimate("male", 1.0, 0.0, 9, {"female": 0.0, "male": 1.0})
    write(tmp_path, document=cast(people=[actor(1, [(1.0, 2.0)], gender=sure)], shown=()))
    text = page(tmp_path).text
    assert "Gender male, over 99 %" in text
    assert "from 9 faces that agree" in text


def test_what_was_left_out_is_said_in_words(tmp_path: Path) -> None:
    write(tmp_path, document=cast(dropped={"faces_outside": 1, "few_faces": 2, "brief": 0, "odd_reason": 3}))
    said = "Left out: 1 face in letterbox bars, 2 people with too few faces, 3 odd reason."
    assert said in page(tmp_path).text


def test_many_people_make_no_page_of_numbers(tmp_path: Path) -> None:
    crowd = [actor(n, [(n * 1.0, n + 2.5)]) for n in range(1, 41)]
    write(tmp_path, document=cast(people=crowd, shown=()))
    got = page(tmp_path)
    assert "The 12 longest on screen; cast.json has all 40." in got.text
    assert "The 30 longest on screen; 10 more follow below." in got.text
    assert len([a for a in got.all("td") if "Person" in str(a.get("title"))]) == 12 * 12


def test_posters_say_who_is_on_them(tmp_path: Path) -> None:
    write(tmp_path)
    got = page(tmp_path)
    assert "poster.jpg 400 × 600 · 2 faces" in got.text
    assert "Person 2 0.31 3.3 % Stranger 0.82 to person 1 2.0 %" in got.text
    assert "Could not be read: is not a picture broken.png" in got.text
    assert "Inferred from the poster: gender male, 90 %" in [a.get("title") for a in got.all("tr")]
    assert "Poster 1 with its faces marked" in [a.get("alt") for a in got.all("img")]
    assert "#v1-1-p2" in [a.get("href") for a in got.all("a")]
    (tmp_path / "film" / "cast" / "poster_1.jpg").unlink()
    assert page(tmp_path).text.count("The picture is not there") == 1


def test_a_face_without_distance_or_on_a_film_with_nobody(tmp_path: Path) -> None:
    lone = Poster("p.jpg", 10, 10, (PosterFace((1.0, 1.0, 3.0, 3.0), 0.9, 0.09),))
    write(tmp_path, document=cast(people=[], shown=(lone,), settings={"attributes": ()}))
    text = page(tmp_path).text
    assert "Stranger – 9.0 %" in text
    assert "Nobody was found in this video. Left out: 2 people with too few faces." in text


def test_the_annotated_video_plays_beside_the_page_and_nothing_else_may(tmp_path: Path) -> None:
    write(tmp_path)
    before = page(tmp_path)
    assert before.all("video") == []
    assert "media-src" not in str(before.all("meta")[1]["content"])
    assert "This page loads nothing; its pictures" in before.text
    write(tmp_path, video=clip)
    got = page(tmp_path)
    (video,) = got.all("video")
    assert (video["src"], video["preload"]) == ("film/cast/annotated.mp4", "none")
    assert str(video["poster"]).startswith("data:image/jpeg")
    assert "media-src 'self' file:; " in str(got.all("meta")[1]["content"])
    assert "default-src 'none'" in str(got.all("meta")[1]["content"])
    for elsewhere in ("../../secret.mp4", "/etc/passwd", "https://host/x.mp4", 3):
        change(tmp_path, lambda d, file=elsewhere: d.update(annotated=file))
        assert page(tmp_path).all("video") == []


@pytest.mark.parametrize(
    ("blur", "says"),
    [("all", "All faces are hidden"), ("others", "everyone without a number"), ("1,3", "people 1,3 are hidden")],
)
def test_a_video_with_hidden_faces_shows_none_before_it_plays(tmp_path: Path, blur: str, says: str) -> None:
    write(tmp_path, document=cast(settings={"blur": blur}), video=clip)
    got = page(tmp_path)
    assert "poster" not in got.all("video")[0]
    assert says in got.text


def test_hostile_names_labels_and_reasons_are_only_text(tmp_path: Path) -> None:
    nasty = Estimate(HOSTILE, 0.8, 0.1, 3, {HOSTILE: 0.8, "b": 0.2})
    people = [
        actor(1, [(1.0, 9.0)], gender=nasty, age=Estimate(None, 0.0, 0.0, 0, {}, HOSTILE)),
        actor(2, [(1.0, 9.0)], gender=nasty),
    ]
    shown = (Poster(HOSTILE, 10, 10, (), error=HOSTILE), replace(posters()[0], path=f"/{HOSTILE}"))
    for name in (HOSTILE, "b.mp4"):
        write(tmp_path, name, cast(name, people, shown, dropped={HOSTILE: 2}), video=clip)
    for result in tmp_path.glob("*/cast.json"):
        document = json.loads(result.read_text())
        document["settings"]["blur"] = HOSTILE
        document["people"][1]["attributes"][HOSTILE] = document["people"][1]["attributes"]["gender"]
        document["people"][1]["attributes"]["x"] = HOSTILE
        document["summary"]["attributes"][HOSTILE] = document["summary"]["attributes"]["gender"]
        result.write_bytes(to_json(document))
    got = page(tmp_path)
    assert len(got.all("script")) == 1
    assert not any(name.startswith("on") for _, attributes in got.elements for name in attributes)
    assert not any(attributes.get("src") == "x" for _, attributes in got.elements)
    assert "49" not in got.text
    assert got.text.count("<script>alert(1)</script>") >= 20
    assert "\u202e" not in build_report(tmp_path).read_text()


def test_nothing_is_loaded_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    for name in ("film.mp4", HOSTILE, "100 % & more#1?.mp4"):
        write(tmp_path, name, cast(name), video=clip)
    got = page(tmp_path)
    targets = {a.get("id") for _, a in got.elements}
    files = 0
    for tag, attributes in got.elements:
        assert tag in ("a", "link", "use", "video") or (attributes.get("src") or "data:").startswith("data:")
        for href in filter(None, (attributes.get("href"), attributes.get("src"))):
            if href.startswith("data:"):
                continue
            if href.startswith("#"):
                assert href[1:] in targets, href
                continue
            parts = urlsplit(href)
            assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
            assert (tmp_path / unquote(parts.path)).is_file(), href
            files += 1
    assert files == 3 * (1 + 3 * 2 + 1 + 2)  # each: JSON, three stills twice, a poster, the video and its link


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d.pop("summary"),
        lambda d: d.update(summary=3),
        lambda d: d["summary"].update(attributes={"age": {"x": 1}}),
        lambda d: d.update(posters=[3]),
        lambda d: d["posters"][0].update(faces=None),
        lambda d: d.update(together=None),
        lambda d: d["people"][0].update(attributes=3),
        lambda d: d["people"][0]["attributes"]["age"].update(confidence="much"),
        lambda d: d["people"][0]["attributes"]["age"].pop("faces"),
        lambda d: d.update(people=None),
    ],
)
def test_a_damaged_cast_is_named_and_the_others_shown(tmp_path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    write(tmp_path, "film.mp4")
    write(tmp_path, "good.mp4", cast("good.mp4"))
    change(tmp_path, edit)
    text = page(tmp_path).text
    assert "film/cast.json : the result is damaged" in text
    assert "good.mp4" in text
    assert "Person 3" in text


def test_a_matrix_that_does_not_fit_is_left_out(tmp_path: Path) -> None:
    write(tmp_path)
    change(tmp_path, lambda d: d["together"].update(seconds=[[1.0]]))
    text = page(tmp_path).text
    assert "Who shares the screen" not in text
    assert "Person 3" in text


def test_the_same_people_found_twice_are_counted_once(tmp_path: Path) -> None:
    write(tmp_path)
    write_people(tmp_path)
    got = page(tmp_path)
    assert "2 people people.json" in got.text
    assert "5 people" not in got.text


def test_several_films_get_an_overview(tmp_path: Path) -> None:
    write(tmp_path, "a.mp4", cast("a.mp4"))
    assert "All films" not in page(tmp_path).text
    write(tmp_path, "b.mp4", cast("b.mp4", people=[], shown=(), settings={"attributes": ()}))
    write(tmp_path, "c.mp4", cast("c.mp4", people=everybody()[:1], shown=()))
    got = page(tmp_path)
    for words in (
        "All films", "Films 3", "People 4", "People per film 1 (median)", "Screen time of a person 45.0 s (median)",
        "Posters 2 with 2 faces, 1 of their film's people", "nobody 1 1 1 2 0 3 1",
        "a.mp4 3:45 3 20.0 s 40 % 2 1", "b.mp4 3:45 0 – 0 % – –", "c.mp4 3:45 1 70.0 s 31 % – –",
        "percentile bootstrap over films", "Of 2 films only: the intervals are too narrow.",
    ):  # fmt: skip
        assert words in got.text
    assert {"#v1", "#v2", "#v3"} <= {a.get("href") for a in got.all("a")}
    assert len([a for a in got.all("line") if a.get("class") == "whisker"]) > 10
    assert report_page(tmp_path) == report_page(tmp_path)


def sums(**seconds: float) -> dict[str, dict[str, float]]:
    return {
        label: {"people": 1.0, "screen_time": time, "poster_faces": 0.0, "poster_area": 0.0}
        for label, time in seconds.items()
    }


def test_shares_over_films_are_ratios_of_sums_with_intervals() -> None:
    films = [sums(unknown=1.0, female=9.0), sums(female=10.0, male=20.0), sums(male=60.0)]
    got = shares_of_films(films)
    assert got is not None
    assert got.labels == ["female", "male", UNKNOWN]
    assert got.screen == pytest.approx([0.19, 0.8, 0.01])
    assert all(low <= share <= high for low, share, high in zip(got.low, got.screen, got.high, strict=True))
    assert got.posters is None
    assert got == shares_of_films(films)
    assert shares_of_films([sums(), sums(female=0.0)]) is None


def test_intervals_are_as_wide_as_the_theory_says() -> None:
    """Of films of equal length the ratio is a mean, and its interval close to the normal one."""
    random = np.random.default_rng(1)
    shares = random.uniform(0.2, 0.8, 200)
    got = shares_of_films([sums(female=100 * s, male=100 * (1 - s)) for s in shares])
    assert got is not None
    half = 1.96 * shares.std() / np.sqrt(len(shares))
    assert got.high[0] - got.low[0] == pytest.approx(2 * half, rel=0.1)
    alike = shares_of_films([sums(female=3.0, male=1.0)] * 20)
    assert alike is not None
    assert (alike.low[0], alike.high[0]) == pytest.approx((0.75, 0.75))
    assert RESAMPLES >= 1000


def test_ages_are_told_as_ranges_and_never_below_zero() -> None:
    (young,) = attribute_views({"age": cast(people=[actor(1, [(0.0, 1.0)], age=age(3.0, 0.4))])["people"][0][
        "attributes"]["age"]})  # fmt: skip
    assert young.said == "3 ± 10 (likely 0–13)"
    assert young.within is not None
    assert young.within[0] == 0
    assert attribute_words({}) == ""
