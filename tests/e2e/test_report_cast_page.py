"""The cast in the report as a reader's browser shows it: Chromium, wide and narrow, light and dark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from browser import CONTRAST, Browser, complaints
from cast_samples import actor, age, cast, ethnicity, everybody, gender, unknown, write
from report_samples import HOSTILE
from stills.media.encode import write_video
from stills.render.report import build_report
from stills.types import Estimate

pytestmark = pytest.mark.slow

FILMS = ("Dinner.mp4", f"{HOSTILE}", "a-name-without-any-blank-" * 4 + ".mp4")


def clip(path: Path) -> None:
    with write_video(path, 320, 180, Fraction(25)) as writer:
        for number in range(25):
            writer.write(np.full((180, 320, 3), number * 10, np.uint8))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out put#1")
    moods = {"angry": 0.1, "disgust": 0.05, "fear": 0.05, "happy": 0.6, "sad": 0.05, "surprise": 0.05, "neutral": 0.1}
    crowd = [
        actor(n, [(5.0 * n, 5.0 * n + 12), (150.0 + n, 153.0 + n)], age=age(10.0 + 5 * n, 0.3 + n / 40),
              gender=gender(n / 20), ethnicity=ethnicity(0.2 + n / 25), emotion=Estimate("happy", 0.6, 0.1, 4, moods))
        for n in range(1, 16)
    ]  # fmt: skip
    crowd[2] = actor(3, [(15.0, 27.0)], age=age(None, reason=HOSTILE), gender=unknown(HOSTILE))
    write(out, FILMS[0], cast(FILMS[0], crowd), video=clip)
    write(out, FILMS[1], cast(FILMS[1], everybody(), dropped={HOSTILE: 3}))
    write(out, FILMS[2], cast(FILMS[2], [], ()))
    return build_report(out)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2000])
def test_it_fits_every_width(browser: Browser, results: Path, width: int) -> None:
    browser.open(results, width=width)
    assert browser.run("document.documentElement.scrollWidth") <= width
    wide = browser.run(  # what scrolls in a box of its own may be wider than it
        "[...document.querySelectorAll('main *:not(svg *)')].filter(e => !e.closest('.wide > *, .plot > *')"
        " && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []
    bars = browser.run(
        "[...document.querySelectorAll('.plot .of svg[height]')].map(e => e.getBoundingClientRect().width)"
    )
    assert len(bars) > 40
    assert min(bars) >= 24


def test_words_are_not_torn(browser: Browser, results: Path) -> None:
    """Labels of plots and attributes stand on one line: in columns that are too narrow they would break anywhere."""
    browser.open(results, width=390)
    torn = browser.run(
        "[...document.querySelectorAll('.plot tbody th, .attributes summary > span, .attributes .plain > span,"
        " .recipe > a')].filter(e => { const r = document.createRange(); r.selectNodeContents(e);"
        " const tops = [...r.getClientRects()].filter(b => b.width > 0).map(b => Math.round(b.top));"
        " return new Set(tops).size > 1 && e.checkVisibility(); }).map(e => e.textContent)"
    )
    assert torn == []


def test_nothing_is_asked_for_before_the_video_is_played_and_then_it_plays(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    sizes = browser.run("Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))")
    assert min(sizes) >= 100
    asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [results.as_uri()]
    assert complaints(browser) == []
    played = browser.run(
        "(() => { const v = document.querySelector('video'); v.muted = true; v.preload = 'auto'; v.load();"
        " return new Promise((done, fail) => { v.onloadeddata = () => done([v.videoWidth, v.duration]);"
        " v.onerror = () => fail(new Error(v.error.message)); }); })()"
    )
    assert played == [320, pytest.approx(1.0, abs=0.1)]


def test_nothing_hostile_runs(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    assert browser.run("document.title") == "stills report"
    assert browser.run("document.scripts.length") == 1
    assert browser.run("document.querySelectorAll('[onerror], [style]').length") == 0


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_in_light_and_dark(browser: Browser, results: Path, dark: bool) -> None:
    browser.open(results, width=1280, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (max(json.loads(ground.replace("rgb(", "[").replace(")", "]"))) < 60) == dark
    ratios = browser.run(CONTRAST)
    assert len(ratios) > 500
    assert [entry for entry in ratios if entry[0] < 4.5] == []  # WCAG 2.2, 1.4.3, level AA
    heat = browser.run(
        "[...new Set([...document.querySelectorAll('.heat td')].map(e => getComputedStyle(e).backgroundColor))]"
    )
    assert len(heat) >= 4


def test_a_screen_reader_finds_its_way(browser: Browser, results: Path) -> None:
    browser.open(results, width=390)
    levels = browser.run("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels)), levels
    assert browser.run("[...document.images].filter(i => !i.alt).length") == 0
    names = browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(names) == len(set(names))
    assert browser.run("[...document.querySelectorAll('main table')].filter(t => !t.caption?.textContent).length") == 0
    assert (
        browser.run("[...document.querySelectorAll('main th')].filter(t => !t.scope || !t.textContent.trim()).length")
        == 0
    )
    assert browser.run("document.querySelector('video').getAttribute('aria-label')") == "Video with marked faces"
    lines = browser.run("[...document.querySelectorAll('svg[role=img]')].map(s => s.getAttribute('aria-label'))")
    assert "Age 34 ± 6 (likely 28–40)" in lines


def test_boxes_that_scroll_can_be_reached_by_keyboard(browser: Browser, results: Path) -> None:
    browser.open(results, width=320)
    stuck = browser.run(
        "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth"
        " && !(e.tabIndex === 0 && e.getAttribute('aria-label'))).length"
    )
    assert stuck == 0


def test_plots_are_to_scale(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    rail, fill, said = browser.run(
        "(() => { const rows = [...document.querySelectorAll('.plot tbody tr')];"
        " const row = rows.find(r => r.cells[0].textContent === 'Male');"
        " const at = s => row.querySelector(s).getBoundingClientRect().width;"
        " return [at('.rail'), at('.fill'), row.cells[2].textContent]; })()"
    )
    assert fill / rail * 100 == pytest.approx(float(said.split()[0]), abs=0.6)


def test_posters_and_the_table_lead_to_people(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    browser.run("document.querySelector('.poster a[href^=\"#\"]').click()")
    assert browser.run("document.querySelector(':target h3').textContent") == "Person 2"
    browser.run("document.querySelector('.films a').click()")
    assert browser.run("document.querySelector(':target h2').textContent").startswith(("Dinner", 'a"', "a-name"))
