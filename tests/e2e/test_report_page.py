"""The report as a reader's browser shows it: Chromium, wide and narrow, light and dark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from browser import CONTRAST, Browser, complaints
from render_samples import ASTRONAUT_FACE, person, pick, report, selection, video
from stills.render.names import folder_names
from stills.render.pictures import OutputOptions
from stills.render.report import FAILURES, build_report
from stills.render.results import people_document, write_people
from stills.types import Box, Fallback

HOSTILE = "a\"><script>document.title='broken in'</script><img src=x onerror=alert(1)> {{ 7 }} %41#?.mkv"
LONG = "a-name-without-any-blank-" * 4 + ".mp4"


def scene(seed: int, x: int, scale: float) -> tuple[NDArray[np.uint8], Box]:
    """The astronaut, tinted, before a blurred ground of herself; and where her face is."""
    portrait = astronaut()
    ground = cv2.GaussianBlur(cv2.resize(portrait, (1280, 720)), (0, 0), 20)
    tint = np.random.default_rng(seed).uniform(0.75, 1.1, 3)
    front = np.clip(cv2.resize(portrait, None, fx=scale, fy=scale) * tint, 0, 255).astype(np.uint8)
    height, width = front.shape[:2]
    ground[720 - height :, x : x + width] = front
    left, top, w, h = (v * scale for v in ASTRONAUT_FACE)
    return ground.astype(np.uint8), (x + left, 720 - height + top, w, h)


def film(out: Path, name: str, people: int, *, notes: tuple[Fallback, ...] = ()) -> None:
    everyone, frames = [], {}
    for number in range(1, people + 1):
        rgb, box = scene(number, 90 * number, 1.3 - 0.15 * number)
        still = pick(20.0 * number, 0.9 - 0.1 * number, box)
        frames[still.pts] = rgb
        spans = [(20.0 * number - 2, 20.0 * number + 3), (100.0 + number, 110.0 + 3 * number)]
        everyone.append(person(number, spans, [still], [pick(101.0 + number, 0.4, box)]))
    doc = people_document(video(name), selection(*everyone, shots=40), report(), {}, {}, notes)
    write_people(out, folder_names([name], str)[0], doc, frames, OutputOptions(crops=True))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out put#1")
    film(out, "films/Dinner.mp4", 4)
    film(out, HOSTILE, 1, notes=(Fallback("sampled", HOSTILE),))
    film(out, LONG, 1)
    film(out, "empty.mp4", 0)
    (out / FAILURES).parent.mkdir()
    failure = {"path": HOSTILE, "message": "no frame of it can be decoded", "remedy": "fetch it again"}
    (out / FAILURES).write_text(json.dumps([failure]))
    build_report(out)
    return out / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2000])
def test_it_fits_every_width(browser: Browser, results: Path, width: int) -> None:
    browser.open(results, width=width)
    assert browser.run("document.documentElement.scrollWidth") <= width
    wide = browser.run(
        "[...document.querySelectorAll('main *:not(svg *)')].filter(e => e.getBoundingClientRect().right >"
        " document.documentElement.clientWidth + 1).map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []
    rows = browser.run("[...document.querySelectorAll('.person')].map(e => getComputedStyle(e).display)")
    assert rows == ["grid"] * 6


def test_all_pictures_show_and_nothing_else_is_asked_for(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    sizes = browser.run("Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))")
    assert len(sizes) == 6 * 2 + 4  # a still and a face each, and the row of faces of the film with several people
    assert min(sizes) >= 100
    asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    assert [url for url in asked if url.startswith("file:")] == [results.as_uri()]
    assert complaints(browser) == []


def test_nothing_hostile_runs_and_scripts_that_get_in_could_not(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    assert browser.run("document.title") == "stills report"
    assert browser.run("document.scripts.length") == 1
    assert browser.run("document.querySelectorAll('[onerror]').length") == 0
    browser.run("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x onerror=\"name = 1\">')")
    browser.run(
        "(() => { const s = document.createElement('script'); s.text = 'name = 2'; document.body.append(s); })()"
    )
    assert browser.run("window.name") == ""


def test_every_link_to_a_file_opens_it(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    links = browser.run("[...document.links].map(a => a.href).filter(h => !h.includes('report.html'))")
    assert len(links) == 6 * 3 + 4
    assert all(link.startswith(results.parent.as_uri() + "/") for link in links)
    picture = next(link for link in links if link.endswith(".jpg") and "%2541%23" in link)
    browser.send("Page.navigate", url=picture)
    assert browser.run("document.images[0].decode().then(() => document.images[0].naturalWidth)") == 1280


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_in_light_and_dark(browser: Browser, results: Path, dark: bool) -> None:
    browser.open(results, width=1280, dark=dark)
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (max(json.loads(ground.replace("rgb(", "[").replace(")", "]"))) < 60) == dark
    ratios = browser.run(CONTRAST)
    assert len(ratios) > 100
    assert [entry for entry in ratios if entry[0] < 4.5] == []  # WCAG 2.2, 1.4.3, level AA


def test_colours_can_be_switched_by_keyboard(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    light = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "skip"
    browser.press("Tab")
    assert browser.run("document.activeElement.id") == "theme"
    assert browser.run("document.activeElement.getAttribute('aria-pressed')") == "false"
    browser.press("Enter")
    assert browser.run("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert browser.run("getComputedStyle(document.body).backgroundColor") != light
    browser.press(" ")
    assert browser.run("getComputedStyle(document.body).backgroundColor") == light


def test_a_screen_reader_finds_its_way(browser: Browser, results: Path) -> None:
    browser.open(results, width=390)
    levels = browser.run("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert browser.run("[...document.images].filter(i => !i.alt).length") == 0
    names = browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(names) == len(set(names))
    lines = browser.run("[...document.querySelectorAll('svg[role=img]')].map(s => s.getAttribute('aria-label'))")
    assert "Person 1 is on screen from 0:18.0 to 0:23.0, 1:41.0 to 1:53.0" in lines


def test_time_lines_are_to_scale(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    rail, spans, mark = browser.run(
        "(() => { const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.right]; };"
        " const line = document.querySelector('#v1-1-p1 .timeline, .person .timeline');"
        " return [box(line.querySelector('.rail')), [...line.querySelectorAll('.span')].map(box),"
        " box(line.querySelector('.mark'))]; })()"
    )
    scale = (rail[1] - rail[0]) / 225.25
    for (left, right), (start, end) in zip(spans, [(18, 23), (101, 113)], strict=True):
        assert left - rail[0] == pytest.approx(start * scale, abs=1)
        assert right - rail[0] == pytest.approx(end * scale, abs=1)
    assert sum(mark) / 2 - rail[0] == pytest.approx(20 * scale, abs=1)
    titles = browser.run("[...document.querySelectorAll('.span title')].map(t => t.textContent)")
    assert "0:18.0 – 0:23.0 (5.0 s)" in titles


def test_faces_lead_to_their_rows(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    browser.run("document.querySelectorAll('.faces a')[3].click()")
    assert browser.run("document.querySelector(':target h3').textContent") == "Person 4"
