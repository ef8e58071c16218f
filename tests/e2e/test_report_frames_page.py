"""The report's frames and time line as a reader's browser shows them: Chromium, wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browser import CONTRAST, Browser, complaints
from render_samples import REASONS, picture, report, selection, video
from stills.render.report import build_report
from stills.render.results import people_document, to_json
from stills.render.timeline_values import timeline

pytestmark = pytest.mark.slow

HOSTILE = "a\"><script>document.title='broken in'</script><img src=x onerror=alert(1)>.mkv"
DURATION = 225.25


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out put#1")
    times = np.arange(0, DURATION, 0.04)
    signals = timeline({
        "time": times, "change": np.abs(np.sin(times / 9)), "novelty": np.abs(np.sin(times / 5)),
        "motion": np.abs(np.sin(times)) / 4, "sharpness": np.cos(times / 30) ** 2, "luma": 90 + 60 * np.sin(times / 40),
    })  # fmt: skip
    for name, stem in (("Dinner.mp4", "Dinner"), (HOSTILE, "hostile")):
        base = people_document(video(name), selection(shots=30), report(), {}, {}, [])
        common = {key: base[key] for key in base if key not in ("people", "dropped", "schema")}
        for recipe, count in (("keyframes", 24), ("thumbnails", 5)):
            (out / stem / recipe).mkdir(parents=True)
            frames = []
            for n in range(count):
                file = f"{recipe}/{n}.jpg"
                Image.fromarray(picture(320, 180, n)).save(out / stem / file)
                seconds = None if (recipe, n) == ("thumbnails", 4) else DURATION * (n + 0.5) / count
                frames.append(
                    {
                        "file": file,
                        "time": seconds,
                        "score": 0.9 - n / 50,
                        "rank": n + 1,
                        "reasons": REASONS,
                        "faces": [],
                    }
                )
            document = {"schema": f"stills/{recipe}/1", **common, "frames": frames, "timeline": signals}
            (out / stem / f"{recipe}.json").write_bytes(to_json(document))
        (out / stem / "shots.json").write_bytes(to_json({"schema": "stills/shots/1", **common, "files": []}))
    return build_report(out)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2000])
def test_it_fits_every_width(browser: Browser, results: Path, width: int) -> None:
    browser.open(results, width=width)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.run("document.documentElement.scrollWidth") <= width
    wide = browser.run(
        "[...document.querySelectorAll('main *:not(svg *):not(.wide *):not(.visually-hidden)')].filter(e =>"
        " e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.outerHTML)"
    )
    assert wide == []
    words = browser.run(
        "[...document.querySelectorAll('.chart > text')].filter(t => t.getBoundingClientRect().right >"
        " t.closest('.signals').getBoundingClientRect().right).map(t => t.textContent)"
    )
    assert words == []


def test_it_shows_without_complaints_and_nothing_hostile_runs(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    sizes = browser.run("Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))")
    assert len(sizes) == 2 * (24 + 5)
    assert min(sizes) >= 300
    assert complaints(browser) == []
    assert browser.run("document.title") == "stills report"
    assert browser.run("document.scripts.length") == 1


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_in_light_and_dark(browser: Browser, results: Path, dark: bool) -> None:
    browser.open(results, width=1280, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    ratios = browser.run(CONTRAST)
    assert len(ratios) > 500
    assert [entry for entry in ratios if entry[0] < 4.5] == []


def test_marks_are_to_scale_and_lead_to_their_frames(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    rail, marks = browser.run(
        "(() => { const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.right]; };"
        " const chart = document.querySelector('#v1 .chart');"
        " return [box(chart.querySelector('.well')), [...chart.querySelectorAll('path.mark')].map(box)]; })()"
    )
    assert len(marks) == 24
    for number, (left, right) in enumerate(marks):
        assert (left + right) / 2 - rail[0] == pytest.approx((rail[1] - rail[0]) * (number + 0.5) / 24, abs=1)
    words = browser.run("document.querySelectorAll('#v1 .chart a title')[2].textContent")
    assert words == "Key frame 3 at 0:23.5, score 0.86"
    href = browser.run("document.querySelectorAll('#v1 .chart a')[2].getAttribute('href')")
    browser.run(f"location.hash = {href!r}")
    assert "Key frame 3" in browser.run("document.querySelector(':target h4').textContent")


def test_the_pointer_gets_the_values_and_the_keyboard_the_reasons(browser: Browser, results: Path) -> None:
    browser.open(results, width=1280)
    got = browser.run(
        "(() => { const well = document.querySelector('#v1 .area').getBoundingClientRect(); window.scrollTo(0, 0);"
        " const at = document.elementFromPoint(well.left + well.width / 2 + 4, well.top + well.height / 2);"
        " return at.querySelector('title').textContent; })()"
    )
    assert got.startswith("1:5")
    for name in ("Novelty", "Change", "Motion", "Sharpness", "Brightness"):
        assert name in got
    browser.run("document.querySelector('.frame summary').focus()")
    browser.press("Enter")
    assert browser.run("document.querySelector('.frame details').open")
    assert browser.run("document.querySelector('.frame .parts').checkVisibility()")


def test_a_screen_reader_finds_its_way(browser: Browser, results: Path) -> None:
    browser.open(results, width=390)
    levels = browser.run("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert browser.run("[...document.images].filter(i => !i.alt).length") == 0
    names = browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(names) == len(set(names))
    label = browser.run("document.querySelector('.chart').getAttribute('aria-label')")
    assert "24 key frames at 0:04.7, 0:14.1" in label
    assert "and 16 more" in label
