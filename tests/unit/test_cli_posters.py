"""Which names on the command line are posters: what shells make of `--poster *.jpg` is understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from stills.cli.posters import posters_among
from stills.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.jpg", "b.PNG", "c.webp", "d[1].jpg", "film.mp4", "poster"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "sub.jpg").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_posters_every_input_is_a_video(folder: Path) -> None:
    assert posters_among(["film.mp4", "a.jpg"], []) == (["film.mp4", "a.jpg"], [])


def test_pictures_behind_an_option_are_posters_too(folder: Path) -> None:
    assert posters_among(["film.mp4", "b.PNG", "c.webp"], ["a.jpg"]) == (["film.mp4"], ["a.jpg", "b.PNG", "c.webp"])
    assert posters_among(["film.mp4"], ["poster"]) == (["film.mp4"], ["poster"])  # whatever it is called


def test_patterns_in_quotes_and_odd_names(folder: Path) -> None:
    assert posters_among(["film.mp4"], ["*.jpg"])[1] == ["a.jpg", "d[1].jpg"]
    assert posters_among(["film.mp4"], ["d[1].jpg"])[1] == ["d[1].jpg"]  # a name that exists is taken as it is


def test_a_poster_counts_once(folder: Path) -> None:
    (folder / "link.jpg").symlink_to("a.jpg")
    assert posters_among(["film.mp4", "a.jpg"], ["a.jpg", "./a.jpg", "link.jpg"])[1] == ["a.jpg"]


@pytest.mark.parametrize(
    ("inputs", "posters", "says"),
    [
        (["film.mp4"], ["e.jpg"], "e.jpg: there is no such poster"),
        (["film.mp4"], ["*.tiff"], "there is no such poster"),
        (["film.mp4", "e.jpg"], ["a.jpg"], "e.jpg: there is no such poster"),
        (["film.mp4"], ["sub.jpg"], "folder"),
        (["film.mp4"], ["https://host/a.jpg"], "stills batch"),
        (["b.PNG"], ["a.jpg"], "no video"),
    ],
)
def test_what_cannot_be_a_poster_is_said(folder: Path, inputs: list[str], posters: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("*", r"\*")):
        posters_among(inputs, posters)
