"""Portraits of small films with a real face: each step finds what the one before cannot, and none does more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import portrait_films as films
import stills
from films import empty_film
from stills.cancel import CancelToken
from stills.errors import CancelledError
from stills.render.documents import schema_of
from stills.settings import Settings, change_settings
from stills.types import COVER_PTS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scanner():
    with stills.Scanner(stills.load_settings()) as one:
        yield one


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return change_settings(stills.load_settings(), cache_dir=tmp_path / "cache")


def steps(result: stills.PortraitResult) -> list[tuple[str, bool]]:
    return [(step.step, step.qualified) for step in result.steps]


def test_a_cover_with_a_face_is_the_portrait_and_no_frame_is_decoded(tmp_path, settings, scanner, monkeypatch):
    path = films.with_cover(tmp_path / "film.mp4", monkeypatch, films.cover_of_her())
    result = stills.portrait(path, settings=settings, scanner=scanner)
    assert steps(result) == [("cover", True)]
    assert (result.scan.frames_decoded, result.scan.coverage) == (0, 0.0)
    assert result.frame is not None
    assert result.frame.pts == COVER_PTS
    files = result.save(tmp_path / "out")
    with Image.open(files[0]) as image:
        assert image.size == (400, 400)
    document = json.loads(files[-1].read_text())
    assert document["frame"] == document["frame"] | {"cover": True, "time": None, "pts": None}
    assert document["scan"]["steps"][0]["step"] == "cover"
    # Without the cover, there is nobody.
    other = stills.portrait(path, settings=settings, scanner=scanner, cover=False)
    assert steps(other) == [("key-frames", False), ("scenes", False)]
    assert other.frame is None


def test_a_cover_that_does_not_qualify_is_only_the_last_resort(tmp_path, settings, scanner, monkeypatch):
    path = films.with_cover(tmp_path / "film.mp4", monkeypatch, films.cover_of_her())
    result = stills.portrait(path, settings=settings, scanner=scanner, min_face="90%")
    assert steps(result) == [("cover", False), ("key-frames", False), ("scenes", False)]
    assert result.frame is not None
    assert (result.frame.pts, result.qualified) == (COVER_PTS, False)


def test_key_frames_are_enough_where_one_qualifies(tmp_path, settings, scanner):
    path = films.on_key_frames(tmp_path / "film.mp4")
    result = stills.portrait(path, settings=settings, scanner=scanner)
    assert steps(result) == [("key-frames", True), ("near-best", True)]
    assert not result.fallbacks
    assert result.frame is not None
    assert result.frame.time >= 2.0  # the closer shot
    assert result.scan.frames_decoded < 80
    files = result.save(tmp_path / "out")
    with Image.open(files[0]) as image:
        assert image.size == films.SIZE
    again = stills.portrait(path, settings=settings, scanner=scanner)
    assert (again.frame, again.scan.cached) == (result.frame, True)
    assert all(step.cached for step in again.steps)
    # What a close look adds says nothing of who it is.
    near = again.index.faces.filter(again.index.faces["pts"].to_numpy() == result.frame.pts)
    assert near["embedding"].null_count == len(near) > 0


def test_an_index_of_more_effort_answers_at_once(tmp_path, settings, scanner):
    path = films.on_key_frames(tmp_path / "film.mp4")
    everything = stills.portrait(path, settings=settings, scanner=scanner, effort="balanced")
    assert [(s.step, s.cached) for s in everything.steps] == [("everything", False)]
    quick = stills.portrait(path, settings=settings, scanner=scanner)
    assert [(s.step, s.cached) for s in quick.steps] == [("everything", True)]
    assert quick.frame == everything.frame
    assert quick.settings.scan.effort == "fast"
    assert stills.people(path, settings=settings, scanner=scanner).scan.cached
    anew = stills.portrait(path, settings=settings, scanner=scanner, resume=False)
    assert [(s.step, s.cached) for s in anew.steps] == [("key-frames", False), ("near-best", False)]


def test_a_shot_between_key_frames_is_found_by_its_cut(tmp_path, settings, scanner):
    result = stills.portrait(films.between_key_frames(tmp_path / "film.mp4"), settings=settings, scanner=scanner)
    assert steps(result)[:2] == [("key-frames", False), ("scenes", True)]
    assert result.frame is not None
    assert 0.8 <= result.frame.time < 2.0
    assert result.qualified


def test_closed_eyes_on_all_key_frames_are_got_round(tmp_path, settings, scanner):
    result = stills.portrait(films.blinks(tmp_path / "film.mp4"), settings=settings, scanner=scanner)
    assert steps(result)[0] == ("key-frames", False)
    assert steps(result)[-1] == ("near-best", True)
    assert result.frame is not None
    assert result.frame.reasons["eyes"] > 0.5
    assert round(result.frame.time * 25) % 25 >= 5


def test_a_key_frame_in_a_dissolve_is_no_portrait(tmp_path, settings, scanner):
    path = films.dissolves(tmp_path / "film.mp4")
    result = stills.portrait(path, settings=settings, scanner=scanner)
    first = stills.Scanner(change_settings(settings, effort="fast"))
    keys = first.scan(str(path), quick=True)
    with_face = sorted(set(keys.faces["time"].to_pylist()))
    assert with_face[0] == pytest.approx(2.0)  # the key frame in the dissolve does show her
    assert result.frame is not None
    assert result.qualified
    assert not 1.6 <= result.frame.time <= 2.6


def test_a_small_face_is_the_best_there_is_or_skipped(tmp_path, settings, scanner):
    path = films.small(tmp_path / "film.mp4")
    best = stills.portrait(path, settings=settings, scanner=scanner)
    assert (best.qualified, [f.code for f in best.fallbacks]) == (False, ["no-qualifying-face"])
    assert best.frame is not None
    assert "shorter side" in best.fallbacks[0].message
    skipped = stills.portrait(path, settings=settings, scanner=scanner, if_none="skip")
    assert (skipped.frame, skipped.fallbacks) == (None, ())
    assert "no face qualifies" in str(skipped.reason)
    assert [path.name for path in skipped.save(tmp_path / "out")] == ["portrait.json"]
    smaller = stills.portrait(path, settings=settings, scanner=scanner, min_face="5%")
    assert smaller.qualified


def test_nobody_is_nobody(tmp_path, settings, scanner):
    result = stills.portrait(empty_film(tmp_path / "empty.mp4"), settings=settings, scanner=scanner)
    assert result.frame is None
    assert "no face" in str(result.reason)
    document = result.to_json()
    assert document["frame"] is None
    assert set(schema_of("portrait")["required"]) <= set(document)


def test_it_can_be_cancelled(tmp_path, settings, scanner):
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        stills.portrait(films.small(tmp_path / "film.mp4"), settings=settings, scanner=scanner, cancel=token)
