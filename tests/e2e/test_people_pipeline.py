"""The whole way on small films with real faces: joining, resuming, spilling, cancelling, forgetting."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module, resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import stills
from media_factory import Movie, make
from stills.cancel import CancelToken
from stills.errors import CancelledError
from stills.index.index import Index
from stills.settings import Settings, change_settings
from stills.types import Progress
from timing import in_time

pytestmark = pytest.mark.slow

RATE = 25
LENGTH = 250
"""Frames of the small film."""
LONGER = 300
"""Frames of one that can be stopped in the middle."""


@cache
def pictures() -> tuple[np.ndarray, np.ndarray]:
    from skimage.data import astronaut, coffee

    return astronaut(), coffee()


def paint_story(number: int, width: int, height: int) -> np.ndarray:
    """Shots of one woman, panned this way and that, mirrored and not; one shows nobody. Cuts fall on no key frame."""
    (portrait, coffee), t = pictures(), number % 63
    shot = (number // 63) % 4
    if shot == 2:
        return np.ascontiguousarray(coffee[20 : 20 + height, t : t + width])
    left, top = (50 + t // 2, 10) if shot != 3 else (80 - t // 2, 20)
    view = portrait[top : top + height, left : left + width]
    return np.ascontiguousarray(view[:, ::-1] if shot == 1 else view)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 s, 352×288, a key frame each second."""
    movie = Movie(width=352, height=288, frames=LENGTH, gop=25, options=(("sc_threshold", "0"),), picture=paint_story)
    return make(tmp_path_factory.mktemp("story") / "story.mp4", movie)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def given(cache: Path, **options: Any) -> Settings:
    return change_settings(stills.load_settings(), **{"cache_dir": cache, "segment_seconds": 2, **options})


@pytest.fixture(scope="module")
def whole(film: Path, shared: Path) -> Index:
    return stills.scan(film, settings=given(shared, segment_seconds=600))


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: Settings) -> None:
        raise AssertionError("a worker process was started")

    monkeypatch.setattr(import_module("stills.scan.workers"), "start_workers", refuse)


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the segments that workers were given from now on."""
    numbers: list[int] = []
    pool = import_module("stills.media.sandbox").Pool
    run = pool.run

    def counted(self: Any, tasks: Any, **rest: Any) -> Any:
        tasks = list(tasks)
        numbers.extend(t.args[0].segment.number for t in tasks if t.function.endswith(":scan_part"))
        return run(self, tasks, **rest)

    monkeypatch.setattr(pool, "run", counted)
    return numbers


def tables(index: Index) -> dict[str, bytes]:
    assert index.folder is not None
    return {f.name: f.read_bytes() for f in sorted(Path(index.folder).glob("*.parquet"))}


def shots(index: Index) -> list[tuple[float, float, str]]:
    return [(s.start, s.end, s.transition_in) for s in index.shot_list()]


def test_the_story_is_found(whole: Index):
    # Frames that no other needs are not decoded, so a cut on one is seen a frame late.
    assert [s.start * RATE for s in whole.shot_list()] == pytest.approx([0, 63, 126, 189], abs=2)
    (person,) = stills.people(whole).people
    assert person.screen_time == pytest.approx((LENGTH - 63) / RATE, abs=0.1)
    assert np.array(person.spans) * RATE == pytest.approx(np.array([(0, 126), (189, LENGTH)]), abs=2)
    assert whole.report.coverage == 1.0
    assert not whole.partial


def test_segments_give_what_one_piece_gives(film: Path, whole: Index, tmp_path: Path):
    index = stills.scan(film, settings=given(tmp_path))
    assert shots(index) == shots(whole)
    assert index.frames["pts"] == whole.frames["pts"]
    np.testing.assert_array_equal(index.frames["luma"], whole.frames["luma"])
    one, other = stills.people(whole), stills.people(index)
    assert [len(p.tracks) for p in other.people] == [len(p.tracks) for p in one.people] == [3]
    assert [p.spans for p in other.people] == [p.spans for p in one.people]


def test_a_scan_of_every_frame_gives_the_same_tracks_in_pieces_and_in_one(film: Path, tmp_path: Path):
    rows = []
    for seconds in (2, 600):
        index = stills.scan(film, settings=given(tmp_path / str(seconds), segment_seconds=seconds, effort="exhaustive"))
        assert index.report.frames_analysed == LENGTH
        rows.append(index.faces.select(["pts", "x", "y", "width", "height", "score", "track", "in_transition"]))
    assert rows[0] == rows[1]


def test_one_worker_or_two_give_equal_files(film: Path, tmp_path: Path):
    one, two = (stills.scan(film, settings=given(tmp_path / str(n), workers=n)) for n in (1, 2))
    assert tables(one) == tables(two)


def test_the_second_call_starts_no_process(film: Path, shared: Path, whole: Index, no_workers: None):
    again = stills.scan(film, settings=given(shared, segment_seconds=600))
    assert again.report.cached
    assert tables(again) == tables(whole)
    assert stills.is_scanned(film, settings=given(shared, segment_seconds=600))


def test_saving_needs_no_second_decoding(film: Path, shared: Path, whole: Index, no_workers: None, tmp_path: Path):
    result = stills.people(film, settings=given(shared, segment_seconds=600))
    files = result.save(tmp_path / "out")
    assert [f.suffix for f in files] == [".jpg", ".json"]


def test_what_is_saved_is_as_published(film: Path, shared: Path, whole: Index, tmp_path: Path):
    seen: list[Progress] = []
    result = stills.people(whole, settings=given(shared), per_person=3, format="png")
    files = result.save(tmp_path / "out", on_progress=seen.append)
    document = json.loads(files[-1].read_text())
    schema = json.loads((resources.files("stills.render") / "schemas" / "people.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    (person,) = document["people"]
    named = [person["still"], *person["further"]] if "further" in person else [person["still"]]
    for still in named:
        with Image.open(files[-1].parent / still["file"]) as picture:
            assert picture.size == (352, 288)
    assert len([f for f in files if f.suffix == ".png"]) == 3
    assert seen[-1].fraction == 1.0


def test_pictures_are_the_same_from_the_spill_and_decoded(film: Path, tmp_path: Path):
    settings = given(tmp_path)
    index = stills.scan(film, settings=settings)
    pts = sorted(p.pts for p in (stills.people(index).people[0].still, *stills.people(index).people[0].runners_up))
    with stills.Scanner(settings) as scanner:
        kept = {p: scanner.pictures(index, pts)[p].copy() for p in pts}
        spill = list((Path(index.folder or "") / "spill").glob("*.raw"))
        assert spill
        for file in spill:
            file.unlink()
        decoded = scanner.pictures(index, pts)
        for p in pts:
            np.testing.assert_array_equal(kept[p], decoded[p])


def test_progress_goes_on_and_ends_at_the_end(film: Path, tmp_path: Path):
    seen: list[Progress] = []
    index = stills.scan(film, settings=given(tmp_path), on_progress=seen.append)
    positions = [p.position for p in seen]
    assert positions == sorted(positions)
    assert positions[-1] == pytest.approx(index.video.duration, abs=1e-3)
    assert {(p.stage, p.path) for p in seen} == {("scan", str(film))}


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long enough to be stopped in the middle: 12 s, a key frame each second."""
    movie = Movie(width=352, height=288, frames=LONGER, gop=25, picture=paint_story)
    return make(tmp_path_factory.mktemp("long") / "long.mp4", movie)


def cancel_when(token: CancelToken, reached: Callable[[Progress], bool], at: list[float]) -> Callable[[Progress], None]:
    def progressed(progress: Progress) -> None:
        if reached(progress) and not token.cancelled:
            at.append(time.monotonic())
            token.cancel()

    return progressed


def test_cancelling_stops_at_once_and_loses_no_finished_segment(long_film: Path, tmp_path: Path, scanned: list[int]):
    settings = given(tmp_path, effort="exhaustive", workers=1)
    token, at = CancelToken(), list[float]()
    with pytest.raises(CancelledError):
        stills.scan(
            long_film, settings=settings, cancel=token, on_progress=cancel_when(token, lambda p: p.position > 5, at)
        )
    assert in_time(at[0], 2.0)
    finished = {int(f.stem) for f in tmp_path.rglob("segments/*.json")}
    assert finished
    assert not list(tmp_path.rglob("meta.json"))
    before = set(scanned)
    assert finished < before
    scanned.clear()
    index = stills.scan(long_film, settings=settings)
    assert set(scanned) == before - finished
    assert len(index.frames) == LONGER
    fresh = stills.scan(long_film, settings=change_settings(settings, cache_dir=tmp_path / "fresh"))
    assert tables(index) == tables(fresh)


def test_a_token_can_be_used_from_another_thread(long_film: Path, tmp_path: Path):
    token, started = CancelToken(), threading.Event()

    def stop() -> None:
        started.wait(60)
        token.cancel()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(CancelledError):
        stills.people(
            long_film,
            settings=given(tmp_path, effort="exhaustive"),
            cancel=token,
            on_progress=lambda p: started.set(),
        )
    thread.join(10)
    assert not thread.is_alive()


def test_a_token_used_before_starts_nothing(film: Path, tmp_path: Path):
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        stills.scan(film, settings=given(tmp_path), cancel=token)
    assert not list(tmp_path.rglob("*.parquet"))


def test_dropped_embeddings_are_gone_and_people_are_not(film: Path, tmp_path: Path):
    settings = given(tmp_path)
    before = stills.people(film, settings=settings, embeddings=False)
    (file,) = tmp_path.rglob("faces.parquet")
    assert pq.read_table(file)["embedding"].null_count == len(before.index.faces)
    again = stills.people(film, settings=settings)
    assert again.scan.cached
    assert again.people == before.people


def test_faces_that_are_measured_again_keep_what_else_was_known_of_them(film: Path, tmp_path: Path):
    settings = given(tmp_path, segment_seconds=600, effort="fast")
    stills.scan(film, layers={"expression"}, settings=settings)
    index = stills.scan(film, layers={"age"}, settings=settings)
    assert index.layers >= {"faces", "expression", "age"}


def test_forgetting_leaves_nothing(film: Path, tmp_path: Path):
    settings = given(tmp_path / "cache")
    stills.people(film, settings=settings).save(tmp_path / "out")
    erased = stills.forget(film, out=tmp_path / "out", settings=settings)
    assert len(erased) == 2
    assert not list((tmp_path / "cache").rglob("*.parquet"))
    assert not list((tmp_path / "cache").rglob("*.raw"))
    assert not list((tmp_path / "out").rglob("people.json"))
    assert film.exists()


def test_forgetting_spares_the_users_files_and_knows_films_that_are_gone(film: Path, tmp_path: Path):
    settings = given(tmp_path / "cache")
    gone = tmp_path / "gone.mp4"
    gone.write_bytes(film.read_bytes())
    out = tmp_path / "out"
    stills.people(gone, settings=settings).save(out)
    (out / "gone" / "notes.json").write_text("{}")
    (out / "gone" / "people" / "mine.jpg").write_bytes(b"mine")
    gone.unlink()
    assert len(stills.forget(gone, out=out, settings=settings)) == 2
    left = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert left == ["gone/notes.json", "gone/people/mine.jpg"]
    assert not list((tmp_path / "cache").rglob("*.parquet"))


def test_the_sample_film_has_three_people_in_ten_shots(sample_film: Path, tmp_path: Path):
    result = stills.people(sample_film, settings=given(tmp_path, segment_seconds=30))
    assert len(result.shots) == 10
    assert [s.transition_in for s in result.shots].count("dissolve") == 1
    borders = [2, 7, 9.4, 11.04, 12.56, 15.56, 17.96, 20.96]
    starts = [s.start for s in result.shots]
    assert all(any(abs(b - s) < 0.05 for s in starts) for b in borders)
    collins, driver, passer_by = result.people
    assert collins.screen_time == pytest.approx(11.0, abs=0.3)
    assert driver.screen_time == pytest.approx(7.8, abs=0.3)
    assert passer_by.screen_time < 1.0
    beside = (17.96, 20.96)
    assert all(any(a <= beside[0] + 0.2 and b >= beside[1] - 0.2 for a, b in p.spans) for p in (collins, driver))


def test_little_effort_finds_the_two_who_stay(sample_film: Path, tmp_path: Path):
    result = stills.people(sample_film, settings=given(tmp_path, effort="fast", segment_seconds=30))
    assert result.scan.effort == "fast"
    assert result.scan.frames_decoded < 0.5 * (result.scan.frames_total or 0)
    assert len(result.people) in {2, 3}
    assert all(p.screen_time > 5 for p in result.people[:2])
    assert all(a.end == b.start for a, b in pairwise(result.shots))
