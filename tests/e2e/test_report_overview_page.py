"""The overview of a large report and its pages as a reader's browser shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import cast_samples
from browser import CONTRAST, Browser, complaints
from report_samples import HOSTILE, clone, write
from stills.render.report import FAILURES, build_report

pytestmark = pytest.mark.slow

VIDEOS = 130


@pytest.fixture(scope="module")
def overview(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out put#1")
    write(out, "films/v1.mp4")
    clone(out, "v1", [f"films/{'drama' if n % 2 else 'comedy'}/v{n}.mp4" for n in range(2, VIDEOS)])
    clone(out, "v1", [HOSTILE], duration=5000.0)
    write(out, "nobody.mp4", people=0, partial=True)
    for number in range(3):
        cast_samples.write(out, f"cast {number}.mp4")
    failures = [{"path": HOSTILE + str(n), "message": f"frame {n} is damaged", "remedy": "fetch it"} for n in range(90)]
    (out / FAILURES).parent.mkdir()
    (out / FAILURES).write_text(json.dumps(failures))
    still = {"file": "v1/people/person_01.jpg", "time": 1.0, "score": 0.5, "face": [60, 20, 30, 40]}
    person = {"id": 1, "name": "Ada", "screen_time": 9.0, "appearances": [{"video": 0}, {"video": 1}], "still": still}
    (out / "across.json").write_text(json.dumps({"videos": [{"folder": "v1"}, {"folder": "v77"}], "people": [person]}))
    return build_report(out)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


def shown(browser: Browser) -> list[str]:
    names: list[str] = browser.run("[...document.querySelectorAll('#table tbody th')].map(e => e.textContent)")
    return names


def find(browser: Browser, words: str) -> str:
    """Type into the field; what is said of the hits then."""
    said: str = browser.run(
        f"new Promise(done => {{ const field = document.getElementById('words'); field.value = {json.dumps(words)};"
        " new MutationObserver((_, me) => { me.disconnect(); done(document.getElementById('hits').textContent); })"
        ".observe(document.querySelector('#table tbody'), {childList: true});"
        " field.dispatchEvent(new Event('input')); })"
    )
    return said


def sort_by(browser: Browser, head: str) -> str:
    """Click on a column's head; how it says it is sorted then."""
    said: str = browser.run(
        f"(() => {{ const b = [...document.querySelectorAll('#table button')].find(b => b.textContent === '{head}');"
        " b.click(); return b.parentElement.getAttribute('aria-sort'); })()"
    )
    return said


@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("name", ["report.html", "report/page-0001.html"])
def test_it_fits_every_width_and_nothing_complains(browser: Browser, overview: Path, width: int, name: str) -> None:
    browser.open(overview.parent / name, width=width)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert complaints(browser) == []
    asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [(overview.parent / name).as_uri()]
    sizes = browser.run("Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))")
    assert len(sizes) > 40
    assert min(sizes) > 20


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_in_light_and_dark(browser: Browser, overview: Path, dark: bool) -> None:
    browser.open(overview, width=1280, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    ratios = browser.run(CONTRAST)
    assert len(ratios) > 100
    assert [entry for entry in ratios if entry[0] < 4.5] == []  # WCAG 2.2, 1.4.3, level AA


def test_videos_are_found_by_name_and_folder(browser: Browser, overview: Path) -> None:
    browser.open(overview, width=1280)
    total = VIDEOS - 1 + 5
    assert len(shown(browser)) == 50
    assert browser.run("document.getElementById('hits').textContent") == f"{total} videos"
    assert find(browser, "V77") == f"1 of {total} videos"
    assert shown(browser) == ["v77.mp4"]
    assert find(browser, "drama v1") == f"{len([n for n in range(3, VIDEOS, 2) if str(n)[0] == '1'])} of {total} videos"
    assert find(browser, "<script>") == f"1 of {total} videos"
    assert browser.run("document.querySelectorAll('#table script, #table img[onerror]').length") == 0
    assert find(browser, "no such video") == f"0 of {total} videos"
    assert shown(browser) == []


def test_videos_are_sorted_and_turned_over(browser: Browser, overview: Path) -> None:
    browser.open(overview, width=1280)
    names = [name for name in shown(browser) if name.startswith("v")]
    assert names == [f"v{n}.mp4" for n in range(1, len(names) + 1)]
    assert sort_by(browser, "Length") == "descending"
    assert "alert(1)" in browser.run("document.querySelector('#table tbody a').title")
    assert sort_by(browser, "People") == "descending"
    assert set(shown(browser)[:3]) == {"cast 0.mp4", "cast 1.mp4", "cast 2.mp4"}
    assert sort_by(browser, "People") == "ascending"
    assert shown(browser)[0] == "nobody.mp4"
    assert browser.run("document.querySelectorAll('#table [aria-sort]').length") == 1
    assert sort_by(browser, "Video") == "ascending"
    seen = shown(browser)
    for _ in range(2):
        browser.run("document.getElementById('on').click()")
        seen += shown(browser)
    assert len(seen) == len(set(seen)) == VIDEOS - 1 + 5
    assert browser.run("document.getElementById('on').disabled")
    assert browser.run("document.getElementById('place').textContent") == "101–134 of 134"


def test_a_row_and_a_person_lead_to_the_video_on_its_page(browser: Browser, overview: Path) -> None:
    browser.open(overview, width=1280)
    find(browser, "v77")
    for link in (
        browser.run("document.querySelector('#table tbody a').href"),
        browser.run("[...document.querySelectorAll('.across a')].find(a => a.textContent === 'v77').href"),
    ):
        browser.send("Page.navigate", url=link)
        browser.run("document.readyState === 'complete' || new Promise(done => addEventListener('load', done))")
        assert browser.run("document.querySelector(':target h2').textContent") == "v77.mp4"
    assert browser.run("document.querySelector('.ways a[href]:not([rel])').href") == overview.as_uri()
    picture = browser.run("document.querySelector(':target .still a').href")
    assert picture == (overview.parent / "v77" / "people" / "person_01.jpg").as_uri()


def test_a_screen_reader_finds_its_way(browser: Browser, overview: Path) -> None:
    for name in ("report.html", "report/page-0001.html"):
        browser.open(overview.parent / name, width=390)
        levels = browser.run("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
        names = browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(names) == len(set(names))
        assert browser.run("[...document.images].filter(i => !i.hasAttribute('alt')).length") == 0
    assert browser.run("[...document.querySelectorAll('nav')].map(n => n.getAttribute('aria-label'))") == [
        "Pages", "Videos", "Pages, again",
    ]  # fmt: skip


def test_reasons_open(browser: Browser, overview: Path) -> None:
    browser.open(overview, width=1280)
    closed = browser.run("document.querySelector('.reasons').getBoundingClientRect().height")
    assert browser.run("document.querySelector('.reasons summary b').textContent") == "90"
    browser.run("document.querySelector('.reasons summary').click()")
    assert browser.run("document.querySelector('.reasons').getBoundingClientRect().height") > closed + 500
