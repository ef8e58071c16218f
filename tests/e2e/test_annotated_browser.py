"""The annotated video in a real browser: it plays, with sound, the right way up, and shows what was drawn."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from browser import Browser
from media_factory import Movie, make
from stills.media.probe import probe
from stills.media.reencode import reencode
from stills.media.upright import YuvPicture

pytestmark = pytest.mark.slow

PAGE = '<!doctype html><title>t</title><video id=v muted preload=auto src="data:video/mp4;base64,DATA"></video>'
"""The film lies in the page: pixels of another file may not be looked at."""
LOADED = """
new Promise((done, fail) => {
  const v = document.getElementById("v");
  const give = () => done({width: v.videoWidth, height: v.videoHeight, duration: v.duration,
                           sound: v.webkitAudioDecodedByteCount});
  v.onerror = () => done({error: v.error.message});
  if (v.readyState >= 3) { give(); } else { v.oncanplay = give; }
})
"""
SEEN = """
new Promise((done, fail) => {
  const v = document.getElementById("v");
  v.onseeked = () => { try { look(); } catch (e) { fail(e); } };
  const look = () => {
    const c = document.createElement("canvas");
    [c.width, c.height] = [v.videoWidth, v.videoHeight];
    const g = c.getContext("2d");
    g.drawImage(v, 0, 0);
    const at = (x, y) => [...g.getImageData(x, y, 1, 1).data].slice(0, 3);
    done({time: v.currentTime, marked: at(16, 16), other: at(c.width - 16, 16)});
  };
  v.currentTime = TIME;
})
"""
PLAYED = """
new Promise((done) => {
  const v = document.getElementById("v");
  v.currentTime = 0;
  v.onended = () => done({time: v.currentTime, sound: v.webkitAudioDecodedByteCount, error: v.error});
  v.play();
})
"""
GREEN = (0, 200, 40)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@dataclass(frozen=True)
class Case:
    movie: Movie
    suffix: str = "mp4"


CASES = {
    "plain": Case(Movie(frames=40, width=160, height=120, sound=True)),
    "turned": Case(Movie(frames=40, width=160, height=120, rotation=90, sound=True)),
    "odd": Case(Movie(frames=40, width=161, height=121, pixel_format="yuv444p", sound=True), "mkv"),
    "deep": Case(Movie(frames=40, width=160, height=120, pixel_format="yuv420p10le", sound=True)),
    "full range": Case(Movie(frames=40, width=160, height=120, full_range=True, sound=True)),
    "wide": Case(Movie(frames=40, width=160, height=120, aspect=Fraction(4, 3), sound=True)),
    "variable": Case(
        Movie(width=160, height=120, timescale=30000, pts=[n * n * 40 for n in range(36)], sound=True, frames=36)
    ),
    "stream": Case(Movie(frames=40, width=160, height=120, sound=True, timescale=90000), "ts"),
}


def paint(picture: YuvPicture, time: float) -> None:
    """A green square from one second on."""
    if time >= 1.0:
        y, u, v = picture.code(GREEN)
        picture.y[:32, :32], picture.u[:16, :16], picture.v[:16, :16] = y, u, v


@pytest.mark.parametrize("name", CASES)
def test_it_plays(browser: Browser, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    source = make(tmp_path / f"source.{case.suffix}", case.movie)
    info = probe(source)
    reencode(source, info, tmp_path / "film.mp4", paint)
    page = tmp_path / "page.html"
    page.write_text(PAGE.replace("DATA", base64.b64encode((tmp_path / "film.mp4").read_bytes()).decode()))
    browser.open(page, width=800)
    loaded: dict[str, Any] = browser.run(LOADED)
    assert "error" not in loaded, loaded
    assert (loaded["width"], loaded["height"]) == (info.width + info.width % 2, info.height + info.height % 2)
    assert loaded["duration"] >= info.duration - 0.01
    begins = float((probe(tmp_path / "film.mp4").start_pts) * probe(tmp_path / "film.mp4").time_base)
    for time in (0.5, 1.3):
        seen = browser.run(SEEN.replace("TIME", str(begins + time)))
        green = all(abs(a - b) < 14 for a, b in zip(seen["marked"], GREEN, strict=True))
        assert green == (time >= 1.0), seen
        assert seen["other"][1] < 150
    played = browser.run(PLAYED)
    assert played["error"] is None
    assert played["time"] == pytest.approx(loaded["duration"], abs=0.1)
    assert played["sound"] > 0
