"""Close looks: where their rows go, what is kept of them, and what happens where a place cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_samples import face, faces_table, frames_table, identity, make_index
from stills.errors import CorruptVideoError, DecoderCrashError, MemoryLimitError, StillsError, WorkerError
from stills.index.index import Index
from stills.index.store import SegmentRows
from stills.media.sandbox import Task, TaskResult
from stills.scan.closely import CloseLooks, Place, joined_spans, with_places
from stills.scan.plan import SegmentTask
from stills.scan.scanner import Scanner
from stills.scan.segment import CloseLook
from stills.settings import Settings, change_settings

WHO = identity(1)


def rows_of(*times: float) -> SegmentRows:
    notes = {"frames_decoded": 40, "errors": 0}
    faces = [face(0, time, WHO, quality=0.9) for time in times]
    return SegmentRows(0, frames_table(times), faces_table(faces), notes)


def times_of(index: Index) -> list[float]:
    times: list[float] = index.faces["time"].to_pylist()
    return times


def test_rows_of_a_place_take_the_place_of_those_there_and_of_no_others() -> None:
    index = make_index([face(3, time, WHO, quality=0.2) for time in (1.0, 2.0, 2.5, 4.0)])
    place = Place(1900, 2600, rows_of(1.8, 1.9, 2.2, 2.6), cached=False)
    merged = with_places(index, [place])
    assert times_of(merged) == [1.0, 1.9, 2.2, 4.0]
    assert merged.faces["track"].to_pylist() == [3, 4, 4, 3]
    assert times_of(index) == [1.0, 2.0, 2.5, 4.0]
    assert with_places(index, []) is index
    empty = with_places(make_index([]), [place, replace(place, start=0, end=1850)])
    assert times_of(empty) == [1.8, 1.9, 2.2]
    assert empty.faces["track"].to_pylist() == [1, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 50)), max_size=8))
def test_joined_spans_cover_the_same_and_touch_no_other(given: list[tuple[int, int]]) -> None:
    spans = [(start, start + length) for start, length in given]
    joined = joined_spans(spans)
    inside = {pts for start, end in spans for pts in range(start, end)}
    assert inside == {pts for start, end in joined for pts in range(start, end)}
    assert all(a[1] < b[0] for a, b in pairwise(joined))


@dataclass
class MadeUpWorkers:
    """Answers in the place of workers: rows in the middle of each place, or ``error``."""

    index: Index
    error: StillsError | None = None
    asked: list[tuple[CloseLook, SegmentTask]] = field(default_factory=list)
    workers: int = 2

    def run(self, tasks: Sequence[Task], **_: Any) -> Iterator[TaskResult]:
        for task in tasks:
            if task.function.endswith("probe_video"):
                packets = type("Packets", (), {})()
                yield TaskResult(task.key, (self.index.video, packets), None)
                continue
            work, close = task.args
            self.asked.append((close, work))
            middle = (close.start + close.end) / 2000
            error = self.error if len(self.asked) == 1 else None
            yield TaskResult(task.key, None if error else [rows_of(middle)], error)

    def close(self) -> None:
        """Nothing runs."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return change_settings(Settings(), cache_dir=tmp_path / "cache")


def looks(
    index: Index, settings: Settings, monkeypatch: pytest.MonkeyPatch, error: StillsError | None = None
) -> tuple[CloseLooks, MadeUpWorkers]:
    workers = MadeUpWorkers(index, error)
    scanner = Scanner(settings, workers)  # type: ignore[arg-type]
    monkeypatch.setattr(scanner, "packets", lambda path, cancel=None: (index.video, None))
    monkeypatch.setattr(scanner, "ready_for", lambda *args: ())
    return CloseLooks(scanner, settings), workers


def test_a_place_is_looked_at_once_and_without_embeddings_after_that(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index([])
    one, workers = looks(index, settings, monkeypatch)
    places, warnings = one.look(index, [(2000, 3000), (5000, 6000)], 0.04)
    assert (warnings, [place.cached for place in places]) == ((), [False, False])
    assert [place.rows.faces["time"].to_pylist() for place in places] == [[2.5], [5.5]]
    close, task = workers.asked[0]
    assert (close.start, close.end) == (2000, 3000)
    assert task.segment.start == 1300  # what is around it tells dissolves
    assert task.segment.end == 3700
    assert (task.parameters.decode, task.parameters.sample_interval) == ("all", 0.04)
    again, workers = looks(index, settings, monkeypatch)
    places, _ = again.look(index, [(2000, 3000), (7000, 8000)], 0.04)
    assert [place.cached for place in places] == [True, False]
    assert len(workers.asked) == 1
    assert places[0].rows.faces["embedding"].null_count == len(places[0].rows.faces) == 1
    anew, workers = looks(index, change_settings(settings, resume=False), monkeypatch)
    anew.look(index, [(2000, 3000)], 0.04)
    assert len(workers.asked) == 1


@pytest.mark.parametrize("error", [CorruptVideoError("broken"), DecoderCrashError("killed")])
def test_a_place_that_cannot_be_read_is_said_and_costs_itself(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, error: StillsError
) -> None:
    index = make_index([])
    one, _ = looks(index, settings, monkeypatch, error)
    places, warnings = one.look(index, [(2000, 3000), (5000, 6000)], 0.04)
    assert [place.start for place in places] == [5000]
    assert warnings == (f"2.0–3.0 s could not be looked at closely: {error.message}",)


@pytest.mark.parametrize("error", [MemoryLimitError("too little"), WorkerError("gone")])
def test_what_is_not_about_the_place_is_an_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, error: StillsError
) -> None:
    index = make_index([])
    one, _ = looks(index, settings, monkeypatch, error)
    with pytest.raises(type(error)):
        one.look(index, [(2000, 3000)], 0.04)


def test_a_cache_that_cannot_be_written_costs_no_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    index = make_index([])
    (tmp_path / "cache").write_text("a file is in the way")
    one, _ = looks(index, settings, monkeypatch)
    places, _ = one.look(index, [(2000, 3000)], 0.04)
    assert [place.cached for place in places] == [False]
    assert np.all(places[0].rows.faces["time"].to_numpy() == 2.5)
