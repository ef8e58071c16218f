"""What the page says when things go wrong: bad files, large ones, tokens, jobs that stop, a service that is gone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from films import empty_film
from page_driver import chromium, window
from service_server import RunningServer, eventually, serving

pytestmark = pytest.mark.slow

TOKEN = "stills_" + "aB3d" * 10
LIMIT = 3_000_000
FAILED = "Failed to load resource"
"""What Chromium's console says of any answer that is an error."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("service")
    with serving(
        folder, token=TOKEN, tokens_text=f"ann {TOKEN}", upload_limit=LIMIT, sources="media.example.org"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def driver(server: RunningServer, browser: Browser) -> Iterator[Any]:
    """A window whose tab has the token."""
    with window(browser, server.url, expected=(FAILED,)) as driver:
        driver.page.add_init_script(f"sessionStorage.setItem('stills-token', {json.dumps(TOKEN)})")
        driver.open()
        driver.page.locator("[name=recipe]:checked").wait_for()
        yield driver


def alert(driver: Any, words: str | re.Pattern[str]) -> Any:
    box = driver.page.locator(".problem[role=alert]").filter(has_text=words)
    expect(box).to_be_visible()
    return box


def test_a_token_is_asked_for_and_kept_in_the_tab(server: RunningServer, browser: Browser) -> None:
    with window(browser, server.url, expected=(FAILED,)) as driver:
        page = driver.open().page
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("This service asks for a token")
        assert driver.focused() == "token"
        page.keyboard.type("stills_wrong")
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("alert")).to_contain_text("This token was not accepted.")
        page.locator("#token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(dialog).to_have_count(0)
        page.locator("[name=recipe]:checked").wait_for()
        assert page.evaluate("() => Object.keys(localStorage)") == []
        page.reload()
        page.locator("[name=recipe]:checked").wait_for()
        expect(dialog).to_have_count(0)
        page.get_by_role("button", name="Forget token").click()
        expect(dialog).to_be_visible()
        page.get_by_role("button", name="Not now").click()
        alert(driver, "A token is needed")


def test_files_that_are_no_videos(driver: Any, tmp_path: Path) -> None:
    page = driver.page
    text = tmp_path / "notes.mp4"
    text.write_text("no video at all " * 100)
    page.locator("#file").set_input_files(text)
    page.locator("#start").click()
    box = alert(driver, re.compile("The job failed|This was not accepted"))
    assert len(box.locator("p").all()) >= 2  # what is wrong, and more


def test_files_that_are_too_large(driver: Any, tmp_path: Path) -> None:
    page = driver.page
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(LIMIT + 1))
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if r.method == "POST" else None)
    page.locator("#file").set_input_files(large)
    alert(driver, "this service takes up to 3.0 MB")
    page.locator("#start").click()
    assert driver.focused() == "file"
    assert sent == []
    small = tmp_path / "small.mp4"
    small.write_bytes(bytes(100))
    problem = {
        "title": "Content Too Large",
        "status": 413,
        "detail": "the video is larger than 3 MB",
        "code": "too-large",
        "remedy": "send less",
    }
    page.route(
        "**/v1/jobs", lambda route: route.fulfill(status=413, json=problem, content_type="application/problem+json")
    )
    page.locator("#file").set_input_files(small)
    page.locator("#start").click()
    box = alert(driver, "This is too large")
    expect(box).to_contain_text("The video is larger than 3 MB.")
    expect(box).to_contain_text("Send less.")
    expect(page.locator("#start")).to_be_visible()  # all is as it was: it can be tried again


def test_addresses_that_are_not_allowed(driver: Any) -> None:
    page = driver.page
    page.get_by_label("or the address of a video").fill("film.mp4")
    page.locator("#start").click()
    expect(page.locator("#address-problem")).to_have_text("An address begins with https:// or s3://.")
    page.get_by_label("or the address of a video").fill("https://elsewhere.example.com/film.mp4")
    page.locator("#start").click()
    alert(driver, "elsewhere.example.com")


def test_nobody_in_the_film_can_be_asked_something_else(server: RunningServer, driver: Any, tmp_path: Path) -> None:
    job = server.finished(server.upload(empty_film(tmp_path / "empty.mp4"), recipe="portrait"))
    eventually(lambda: not server.store.get(job["id"]).has_source)
    driver.open(f"#job={job['id']}")
    page = driver.page
    page.locator("nav.tabs [data-recipe=people]").click()
    expect(page.locator(".answer")).to_contain_text("Nobody was found.")
    page.locator("nav.tabs [data-recipe=keyframes]").click()
    driver.title("key frame")
    with page.expect_download() as one:  # with the token, which a link could not send
        page.locator(".frame").first.get_by_role("button", name="Download").click()
        page.get_by_role("button", name="Download these").click()
    assert one.value.suggested_filename.endswith(".jpg")


def test_frames_that_were_taken_with_no_choosing_have_nothing_to_change(
    server: RunningServer, driver: Any, tmp_path: Path
) -> None:
    asked = {"keyframes": {"every": "10f"}}
    job = server.finished(server.upload(empty_film(tmp_path / "empty.mp4"), recipe="keyframes", options=asked))
    page = driver.open(f"#job={job['id']}").page
    driver.title("3 key frames")
    expect(page.locator("nav.tabs")).to_be_hidden()
    expect(page.locator(".tune")).to_have_count(0)
    page.locator(".frame .pic:not(.loading) img").first.wait_for()
    expect(page.locator(".pic.missing")).to_have_count(0)


def test_events_that_do_not_come_are_asked_for_and_a_lost_service_is_found_again(
    server: RunningServer, driver: Any, tmp_path: Path
) -> None:
    """The job is made up here, so that it lasts exactly as long as the test wants."""
    page = driver.page
    job = server.finished(server.upload(empty_film(tmp_path / "film.mp4"), recipe="keyframes"))
    running = {
        **job,
        "state": "running",
        "finished": None,
        "artifacts": [],
        "progress": {
            **job["progress"],
            "stage": "scan",
            "fraction": 0.5,
            "duration": 2.0,
            "position": 1.0,
            "speed": 2.0,
        },
    }
    here = f"**/v1/jobs/{job['id']}"
    state: dict[str, Any] = {"job": running, "there": True}

    def answer(route: Route) -> None:
        if route.request.method != "GET" or not state["there"]:
            route.abort()
        else:
            route.fulfill(json=state["job"])

    page.route(here, answer)
    page.route(f"{here}/events", lambda route: route.abort())
    driver.open(f"#job={job['id']}")
    expect(page.locator(".progress")).to_contain_text("Looking at the video")
    expect(page.locator(".progress")).to_contain_text("0:01 of 0:02 · 2.0 × real time")
    expect(page).to_have_title(re.compile(r"^4\d % film"))
    state["there"] = False
    expect(page.locator(".link-state")).to_have_text("The service does not answer. Trying again …")
    state["there"] = True
    expect(page.locator(".link-state")).to_have_text("")
    state["job"] = job
    driver.title("key frame")


def test_a_service_that_is_gone_and_comes_back(driver: Any) -> None:
    page = driver.page
    page.route("**/v1/**", lambda route: route.abort())
    page.reload()
    form, jobs = page.locator("#new .problem"), page.locator("#jobs-problem .problem")
    expect(form).to_contain_text("The service does not answer")
    expect(jobs).to_contain_text("The service does not answer")
    page.unroute("**/v1/**")
    form.get_by_role("button", name="Try again").click()
    page.locator("[name=recipe]:checked").wait_for()
    jobs.get_by_role("button", name="Try again").click()
    expect(jobs).to_have_count(0)


def test_a_job_can_be_stopped_and_sending_too(driver: Any, tmp_path: Path) -> None:
    page = driver.page
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(1000))
    page.locator("#file").set_input_files(film)
    page.route(
        "**/v1/jobs", lambda route: None if route.request.method == "POST" else route.continue_()
    )  # never answered
    page.locator("#start").click()
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_focused()
    stop.click()
    expect(page.locator("#start")).to_be_focused()
    expect(page.locator("#polite")).to_have_text("Stopped. Nothing was kept.")
    page.unroute("**/v1/jobs")

    long = empty_film(tmp_path / "long.mp4", frames=1500)
    page.locator("#file").set_input_files(long)
    page.locator("#start").click()
    page.locator(".job-head").get_by_role("button", name="Stop").click()
    alert(driver, "Stopped")
    expect(page.locator("#job .state")).to_have_text("Stopped")


def test_an_unknown_job(driver: Any) -> None:
    driver.open("#job=0123456789abcdef0123456789abcdef")
    alert(driver, "This job is not there").get_by_role("button", name="All jobs").click()
    expect(driver.page.locator("#new-title")).to_be_visible()


def test_files_of_the_page_are_cached_and_only_they_are_served(server: RunningServer) -> None:
    page = server.client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "&quot;upload_limit&quot;: 3000000" in page.text
    named = re.findall(r'(?:href|src)="(page/[^"]+)"', page.text)
    modules = {
        file.name for file in resources.files("stills.service").joinpath("page").iterdir() if file.name.endswith(".js")
    }
    assert {
        name.removeprefix("page/") for name in named if name.endswith(".js")
    } == modules  # loaded at once, not in turn
    for name in named:
        file = server.client.get(f"/{name}")
        assert file.status_code == 200
        again = server.client.get(f"/{name}", headers={"If-None-Match": f'W/"other", {file.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
    for name in ("page/missing.js", "page/..%2fauth.py", "page/__init__.py", "page/"):
        assert server.client.get(f"/{name}").status_code == 404
