"""The page in a real Chromium against a real server: a film from choice to deletion, by mouse, keyboard and thumb."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from face_samples import portrait
from media_factory import Movie, make
from page_driver import SMALL, chromium, window
from portrait_films import nobody, view
from service_server import RunningServer, eventually, serving

pytestmark = pytest.mark.slow

LIMIT = 3_000_000
NASTY = "<img src=x onerror=alert(1)> & “film”.mp4"
SHOTS = 30
"""Frames of a shot."""
FAILED = "Failed to load resource"
"""What Chromium's console says of any answer that is an error."""


def _paint(number: int, width: int, height: int) -> np.ndarray:
    """Four shots: her, coffee, her nearer, other coffee."""
    shot, place = divmod(number, SHOTS)
    if shot % 2:
        return np.ascontiguousarray(nobody(place + 40 * shot)[:, :: 1 if shot == 1 else -1])
    return view(portrait(), zoom=1.0 + 0.3 * shot, shift=place / 2)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / NASTY
    return make(path, Movie(width=320, height=240, frames=4 * SHOTS, picture=_paint))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("service"), upload_limit=LIMIT, sources="media.example.org") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def done(server: RunningServer, film: Path) -> dict[str, Any]:
    """A job of people that is done; none of the tests deletes it."""
    job: dict[str, Any] = server.finished(server.upload(film, name=NASTY, recipe="people"))
    eventually(lambda: not server.store.get(job["id"]).has_source)  # erased once pictures were kept of it
    return job


def hash_of(job: dict[str, Any]) -> str:
    return f"#job={job['id']}"


def test_a_film_from_choice_to_deletion(
    server: RunningServer, browser: Browser, film: Path, done: dict[str, Any], record_property: Any
) -> None:
    with window(browser, server.url) as driver:
        page = driver.open().page
        page.locator("[name=recipe][value=keyframes]").check()
        page.get_by_label("How many key frames").fill("6")
        page.locator("#file").set_input_files(film)
        expect(page.locator("#drop-words")).to_contain_text(NASTY)  # as text
        page.get_by_role("button", name="Start").click()

        expect(page).to_have_url(re.compile("#job="))
        expect(page.locator("#job-name")).to_have_text(NASTY)
        driver.title("6 key frames")
        first = page.locator(".frames img").first
        expect(first).to_be_visible()
        page.evaluate("() => document.querySelector('.frames img').decode()")
        marks = page.evaluate(
            "() => Object.fromEntries(performance.getEntriesByType('mark').map((m) => [m.name, m.startTime]))"
        )
        record_property(
            "seconds from the end of the job to its result", (marks["stills-drawn"] - marks["stills-ended"]) / 1000
        )
        assert page.locator(".frames > .frame").count() == 6
        assert page.locator(".chart .area").count() == 5  # the signals
        assert page.locator(".chart .pick-mark").count() == 6

        page.get_by_label("Place in").press("End")
        expect(page.locator(".scrub-time")).to_contain_text("shot 4 of 4")
        page.get_by_role("button", name="Previous").click()
        expect(page.locator(".scrub-words")).to_contain_text("Nearest: Key frame 6")

        with page.expect_download() as one:
            page.locator(".frame").first.get_by_role("button", name="Download").click()
        with Image.open(one.value.path()) as opened:
            assert opened.size == (320, 240)
        with page.expect_download() as archive:
            page.get_by_role("button", name="Download all").click()
        assert {"keyframes.json"} < set(zipfile.ZipFile(archive.value.path()).namelist())

        page.locator("[data-tune='keyframes.target']").fill("3")
        driver.title("3 key frames")
        page.get_by_role("button", name="Reset").click()
        driver.title("6 key frames")

        page.get_by_role("button", name="Delete").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"Delete {NASTY}?")
        dialog.get_by_role("button", name="Keep").click()
        driver.title("6 key frames")
        page.get_by_role("button", name="Delete").click()
        dialog.get_by_role("button", name="Delete").click()
        expect(page.locator("#jobs li")).to_have_count(1)
        expect(page.locator("#jobs li a")).to_have_attribute("href", hash_of(done))
    assert [job["id"] for job in server.client.get("/v1/jobs").json()["jobs"]] == [done["id"]]


def test_sliders_and_other_recipes_answer_at_once(
    server: RunningServer, browser: Browser, done: dict[str, Any]
) -> None:
    with window(browser, server.url, expected=(FAILED,)) as driver:
        page = driver.open(hash_of(done)).page
        driver.title("1 person")
        expect(page.locator(".presence .rail-chart")).to_have_attribute(
            "aria-label", re.compile("Person 1 is on screen from 0:00")
        )
        page.locator("[data-tune='people.per_person']").fill("2")
        expect(page.locator(".person .strip li")).not_to_have_count(0)

        page.get_by_role("button", name="Thumbnails").click()
        driver.title("thumbnails")
        expect(page.locator(".frame .why").first).to_contain_text(".")
        expect(page).to_have_url(re.compile("show=thumbnails"))
        asked: list[str] = []
        page.on("request", lambda r: asked.append(r.post_data or "") if r.url.endswith("/select") else None)
        page.locator("[data-tune='thumbnails.count']").focus()
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        driver.title("2 thumbnails")
        assert '"count":2' in asked[-1].replace(" ", "")
        expect(page.locator(".tune [role=status]")).to_have_text("2 thumbnails")

        page.locator(".frame .chooser input").nth(0).check()
        page.locator(".frame .chooser input").nth(1).check()
        bar = page.get_by_role("region", name="Chosen pictures")
        expect(bar).to_contain_text("2 chosen")
        with page.expect_download() as chosen:
            bar.get_by_role("button", name="Download").click()
            expect(page.get_by_role("dialog")).to_contain_text("the video is gone")  # pictures are as they were kept
            page.get_by_role("button", name="Download these").click()
        with zipfile.ZipFile(chosen.value.path()) as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) == 2
            for name in archive.namelist():
                Image.open(io.BytesIO(archive.read(name))).verify()

        expect(page.get_by_role("button", name="Save this selection")).to_have_count(0)
        expect(page.locator(".notes")).to_contain_text("the video is gone")

        page.reload()  # the address says what was looked at
        expect(page.locator("nav.tabs [aria-current=true]")).to_have_text("Thumbnails")
        page.get_by_role("button", name="Cast").click()
        expect(page.get_by_role("heading", name="Who is on screen when")).to_be_visible()
        page.get_by_role("button", name="Portrait").click()
        driver.title("1 portrait")
        page.locator(".frame .opener").click()
        expect(page.get_by_role("dialog")).to_contain_text("shot")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_names_of_a_cast_stand_at_the_faces_of_posters(
    server: RunningServer, browser: Browser, done: dict[str, Any]
) -> None:
    """The answer is the service's, with a poster put into it: what a hostile name would do is seen, too."""
    with window(browser, server.url) as driver:
        page = driver.page

        def with_poster(route: Any) -> None:
            answer = route.fetch()
            given = answer.json()
            face = {"bbox": [0, 0, 9, 9], "area": 0.2, "attributes": {}}
            faces = [{**face, "person": 1, "distance": 0.2}, {**face, "person": None, "distance": None}]
            poster = {
                "file": "<b>poster</b>.jpg",
                "picture": None,
                "width": 9,
                "height": 9,
                "error": None,
                "faces": faces,
            }
            given["document"]["posters"] = [poster]
            person = given["document"]["people"][0]
            person["attributes"] = {
                "age": {"value": 41.2, "confidence": 0.7, "probabilities": None},
                "<i>": {"value": "<u>", "confidence": 0.9},
            }
            route.fulfill(response=answer, json=given)

        page.route("**/select", with_poster)
        driver.open(f"{hash_of(done)}&show=cast")
        posters = page.get_by_role("region", name="Posters")
        expect(posters).to_contain_text("<b>poster</b>.jpg")
        expect(posters.locator("li li")).to_contain_text(["Person 1", "Nobody of the film"])
        expect(page.locator(".attributes")).to_contain_text("about 41")
        expect(page.locator(".attributes")).to_contain_text("<u>, 90 %")


def test_all_of_it_by_keyboard(server: RunningServer, browser: Browser, film: Path) -> None:
    with window(browser, server.url) as driver:
        page = driver.open().page
        page.locator("[name=recipe]:checked").wait_for()
        page.keyboard.press("Tab")
        assert driver.focused() == "skip"
        page.keyboard.press("Enter")
        assert driver.focused() == "main"
        driver.tab_to("#file")
        page.locator("#file").set_input_files(film)
        driver.tab_to("[name=recipe]:checked")
        page.keyboard.press("ArrowRight")  # from people to thumbnails
        driver.tab_to("[data-option='thumbnails.count']")
        page.keyboard.type("0")  # in place of 5: Tab selects all
        driver.tab_to("#more > summary")
        page.keyboard.press("Enter")
        driver.tab_to("#start", 200)
        page.keyboard.press("Enter")
        assert driver.focused() == page.locator("[data-option='thumbnails.count']").get_attribute("id")  # 0 is none
        expect(page.locator("[data-option='thumbnails.count']")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_text("Give a number from 1 to 100.")).to_be_visible()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("3")
        driver.tab_to("#start", 200)
        page.keyboard.press("Enter")
        driver.title("3 thumbnails")
        assert driver.focused() == "job-name"
        expect(page.locator("#polite")).to_contain_text("Done. 3 thumbnails")

        driver.tab_to("nav.tabs button[data-recipe=keyframes]")
        page.keyboard.press("Enter")
        driver.title("key frame")
        driver.tab_to("[data-tune='mode.differ']")
        page.keyboard.press("ArrowRight")
        driver.tab_to("[data-tune='keyframes.target']")
        page.keyboard.press("Home")
        expect(page.locator("#result-title")).to_have_text("1 key frame")
        driver.tab_to(".scrub")
        page.keyboard.press("End")
        assert "4.8" in str(page.locator(".scrub").get_attribute("aria-valuetext"))
        driver.tab_to(".opener")
        page.keyboard.press("Enter")
        assert driver.focused() == "viewer-close"
        page.keyboard.press("Escape")
        assert "show large" in driver.focused()
        page.keyboard.press("Shift+Tab")
        page.locator(".job-head .danger").focus()
        page.keyboard.press("Enter")
        assert driver.focused() == "confirm-no"
        driver.tab_to("#confirm-yes")
        page.keyboard.press("Enter")
        expect(page.locator("#jobs-title")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_read(server: RunningServer, browser: Browser, done: dict[str, Any], dark: bool) -> None:
    with window(browser, server.url, dark=dark, expected=(FAILED,)) as driver:
        page = driver.open().page
        page.locator("[name=recipe][value=cast]").check()
        page.locator("#more > summary").click()
        page.get_by_role("button", name="Start").click()  # no video: a problem is shown
        expect(page.get_by_role("alert").filter(has_text="No video yet")).to_be_visible()
        assert driver.weak_texts() == []
        driver.open(hash_of(done))
        for recipe, words in (("people", "1 person"), ("keyframes", "key frame"), ("cast", "1 person")):
            page.locator(f"nav.tabs [data-recipe={recipe}]").click()
            driver.title(words)
            assert driver.weak_texts() == []
        page.get_by_role("button", name="Delete").click()
        assert driver.weak_texts() == []
        page.keyboard.press("Escape")
        theme = page.locator("#theme")
        theme.click()
        assert driver.weak_texts() == []
        page.reload()
        expect(theme).to_have_attribute("aria-pressed", str(not dark).lower())
        driver.open("#job=0123456789abcdef0123456789abcdef")
        expect(page.get_by_role("alert").filter(has_text="This job is not there")).to_be_visible()
        assert driver.weak_texts() == []


def test_a_phone_shows_all_of_it(server: RunningServer, browser: Browser, done: dict[str, Any]) -> None:
    with window(browser, server.url, width=360, height=740) as driver:
        page = driver.open().page
        page.locator("#jobs li").first.wait_for()
        page.locator("[name=recipe][value=cast]").check()
        page.locator("#more > summary").click()
        assert not driver.wider()
        assert page.evaluate(SMALL) == []
        driver.open(hash_of(done))
        for recipe in ("people", "thumbnails", "keyframes", "portrait", "cast"):
            page.locator(f"nav.tabs [data-recipe={recipe}]").tap()
            page.locator(".tune").wait_for()
            page.locator(".person, .frame").first.wait_for()
            assert not driver.wider(), recipe
            assert page.evaluate(SMALL) == [], recipe
        page.locator(".opener").first.tap()
        page.get_by_role("dialog").wait_for()
        assert not driver.wider()
        assert page.evaluate(SMALL) == []
