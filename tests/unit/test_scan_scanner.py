"""What the scanner does with what its workers give, fail at, or never give: a made-up pool stands at the border."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index_samples import face, faces_table, frames_table, identity
from scan_samples import TICK, film, packets
from stills.cancel import CancelToken
from stills.errors import (
    CancelledError,
    CorruptVideoError,
    DecoderCrashError,
    DecoderKilledError,
    MemoryLimitError,
    ModelError,
    StillsError,
    WorkerError,
)
from stills.index.store import SegmentRows
from stills.media.packets import PacketIndex
from stills.media.sandbox import Task, TaskResult
from stills.models import place
from stills.scan.plan import Segment, SegmentTask
from stills.scan.scanner import Scanner
from stills.scan.thumbs import pack_thumbs
from stills.scan.watch import OutOfTimeError
from stills.settings import Settings, change_settings
from stills.types import Progress
from stills.vision.transitions import THUMB_SIZE

SECONDS = 12
INDEX = packets(25 * SECONDS, list(range(0, 25 * SECONDS, 25)))
VIDEO = film(INDEX, width=640, height=360)

NONE = pack_thumbs(np.zeros((0, *THUMB_SIZE[::-1]), np.uint8))
"""No tiny pictures."""


def bounds(segment: Segment) -> tuple[int, int]:
    return segment.start or 0, int(INDEX.end_pts) if segment.end is None else segment.end


def rows(segment: Segment) -> SegmentRows:
    """A face each fifth of a second, a person for all of it."""
    start, end = bounds(segment)
    times = [p / 1000 for p in range(start, end, 5 * TICK)]
    notes = {
        "layers": ["faces"],
        "frames_decoded": (end - start) // TICK,
        "errors": 0,
        "first_error": None,
        "changes": [],
        "context": {"head": NONE, "tail": NONE, "head_times": [], "tail_times": []},
    }
    faces = [face(0, t, identity(1, noise=0.2, seed=round(t * 1000))) for t in times]
    return SegmentRows(segment.number, frames_table(times), faces_table(faces), notes)


@dataclass
class MadeUpPool:
    """Runs every task here and now; ``behave`` may raise or answer in the place of a worker."""

    behave: Callable[[Segment], SegmentRows] = rows
    backwards: bool = False
    progress: bool = True
    last: Callable[[Segment], Any] = lambda segment: None
    scanned: list[Segment] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    closed: bool = False
    workers: int = 2

    def run(
        self,
        tasks: Sequence[Task],
        *,
        on_progress: Callable[[Any, Any], None] | None = None,
        cancel: CancelToken | None = None,
    ) -> Iterator[TaskResult]:
        for task in reversed(tasks) if self.backwards else tasks:
            if cancel is not None:
                cancel.check()
            self.calls.append(task.function.partition(":")[2])
            yield self._answer(task, on_progress)

    def _answer(self, task: Task, on_progress: Callable[[Any, Any], None] | None) -> TaskResult:
        if self.calls[-1] == "probe_video":
            return TaskResult(task.key, (replace(VIDEO, path=str(task.path)), INDEX), None)
        if self.calls[-1] == "decode_pictures":
            return TaskResult(task.key, {p: np.full((2, 2, 3), p % 251, np.uint8) for p in task.args[2]}, None)
        (work,) = task.args
        assert isinstance(work, SegmentTask)
        segment = work.segment
        self.scanned.append(segment)
        if on_progress is not None and self.progress:
            for time in np.linspace(segment.start_time, segment.end_time, 5, endpoint=False):
                on_progress(task.key, (round(time * 1000), float(time)))
        try:
            return TaskResult(task.key, [self.behave(segment)], None)
        except StillsError as error:
            return TaskResult(task.key, None, error, last_progress=self.last(segment))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return change_settings(Settings(), cache_dir=tmp_path / "cache", segment_seconds=3)


@pytest.fixture
def video(tmp_path: Path) -> str:
    """A file with something in it: the made-up pool says what it is."""
    path = tmp_path / "film.mp4"
    path.write_bytes(b"made up" * 100)
    return str(path)


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are not needed here, so they need not be here."""
    monkeypatch.setattr("stills.models.model_path", Path)
    monkeypatch.setattr("stills.models.model_hashes", lambda names: dict.fromkeys(names, "0" * 64))


Make = Callable[..., tuple[Scanner, MadeUpPool]]


@pytest.fixture
def make(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Make:
    def made(pool: MadeUpPool | None = None, **options: Any) -> tuple[Scanner, MadeUpPool]:
        scanner, pool = Scanner(change_settings(settings, **options)), pool or MadeUpPool()
        monkeypatch.setattr(scanner, "_workers", lambda: pool)
        return scanner, pool

    return made


def test_a_scan_is_its_segments_put_together(make: Make, video: str):
    scanner, pool = make()
    index = scanner.scan(video)
    assert len(pool.scanned) == 4
    assert len(index.frames) == SECONDS * 5
    assert set(index.faces["track"].to_pylist()) == {0}, "one person, one shot, one track, over all borders"
    assert index.frames["pts"].to_pylist() == list(range(0, SECONDS * 1000, 5 * TICK))
    assert index.report.frames_decoded == SECONDS * 25
    assert index.report.coverage == 1.0
    assert not index.partial
    assert not index.report.cached


def test_who_finishes_first_does_not_matter(make: Make, video: str, tmp_path: Path):
    one = make()[0].scan(video)
    other = make(MadeUpPool(backwards=True), cache_dir=tmp_path / "other")[0].scan(video)
    assert (one.frames, one.shots, one.faces) == (other.frames, other.shots, other.faces)


def test_the_second_call_asks_no_worker(make: Make, video: str):
    scanner, pool = make()
    first = scanner.scan(video)
    before = list(pool.calls)
    again = scanner.scan(video)
    assert pool.calls == before
    assert again.report.cached
    assert again.faces == first.faces


def test_the_second_call_finds_a_renamed_video(make: Make, video: str, tmp_path: Path):
    scanner, pool = make()
    scanner.scan(video)
    renamed = str(Path(video).rename(tmp_path / "other name.mkv"))
    index = scanner.scan(renamed)
    assert index.report.cached
    assert index.video.path == renamed
    assert len(pool.scanned) == 4


def test_more_effort_than_asked_serves_too_and_less_does_not(make: Make, video: str):
    make(effort="balanced")[0].scan(video)
    assert make(effort="fast")[0].scan(video).report.effort == "balanced"
    scanner, pool = make(effort="exhaustive")
    assert scanner.scan(video).report.effort == "exhaustive"
    assert pool.scanned


def test_without_resume_everything_is_done_again(make: Make, video: str):
    make()[0].scan(video)
    scanner, pool = make(resume=False)
    assert not scanner.scan(video).report.cached
    assert len(pool.scanned) == 4


def test_a_damaged_index_is_made_again(make: Make, video: str, caplog: pytest.LogCaptureFixture):
    index = make()[0].scan(video)
    assert index.folder is not None
    (Path(index.folder) / "faces.parquet").write_bytes(b"no table")
    scanner, pool = make()
    again = scanner.scan(video)
    assert len(pool.scanned) == 4
    assert again.faces == index.faces
    assert "scanned again" in caplog.text


def test_finished_segments_are_not_done_again(make: Make, video: str):
    def until_third(segment: Segment) -> SegmentRows:
        if segment.number == 2:
            raise WorkerError("the power went")
        return rows(segment)

    whole = make(cache_dir=Path(video).parent / "whole")[0].scan(video)
    with pytest.raises(WorkerError):
        make(MadeUpPool(until_third))[0].scan(video)
    scanner, pool = make()
    assert scanner.find("x", ("faces",)) is None
    index = scanner.scan(video)
    assert [s.number for s in pool.scanned] == [2, 3]
    assert (index.frames, index.shots, index.faces) == (whole.frames, whole.shots, whole.faces)
    assert not list(Path(video).parent.rglob("segments/*"))


def test_cancelling_keeps_what_was_finished(make: Make, video: str):
    token = CancelToken()

    def until_second(segment: Segment) -> SegmentRows:
        if segment.number == 1:
            token.cancel()
        return rows(segment)

    with pytest.raises(CancelledError):
        make(MadeUpPool(until_second))[0].scan(video, cancel=token)
    scanner, pool = make()
    scanner.scan(video)
    assert [s.number for s in pool.scanned] == [2, 3]


def crash_at(place: int, *, times: int = 1_000_000) -> Callable[[Segment], SegmentRows]:
    """A decoder that dies on the frame at ``place``, the first ``times`` times."""
    left = [times]

    def behave(segment: Segment) -> SegmentRows:
        start, end = bounds(segment)
        if start <= place < end and left[0]:
            left[0] -= 1
            raise DecoderCrashError("killed by SIGSEGV")
        return rows(segment)

    return behave


def before(place: int) -> Callable[[Segment], Any]:
    """What a worker last said before it died there: nothing, or the frame before."""

    def last(segment: Segment) -> Any:
        start, _ = bounds(segment)
        return (None, segment.start_time) if place - TICK < start else (place - TICK, (place - TICK) / 1000)

    return last


@pytest.mark.parametrize("retries", [1, 2, 4])
@pytest.mark.parametrize("seconds", [3.4, 4.0, 5.96, 6.0])
def test_where_a_decoder_dies_only_the_group_around_is_lost(make: Make, video: str, retries: int, seconds: float):
    place = round(seconds * 1000)
    scanner, _ = make(MadeUpPool(crash_at(place), last=before(place)), retries=retries)
    index = scanner.scan(video)
    assert index.partial
    assert any("the decoder failed near" in w for w in index.warnings)
    pts = index.frames["pts"].to_pylist()
    assert pts == sorted(set(pts)), "in order of time, each once"
    assert place not in pts
    lost = set(range(0, SECONDS * 1000, 5 * TICK)) - set(pts)
    assert all(abs(p - place) <= 1000 for p in lost)
    assert index.faces["pts"].to_pylist() == pts
    assert index.report.coverage > 0.9


def test_two_bad_places_in_one_segment_are_both_cut_out_in_order(make: Make, video: str):
    places = (3400, 5400)

    def behave(segment: Segment) -> SegmentRows:
        for bad in places:
            crash_at(bad)(segment)
        return rows(segment)

    def last(segment: Segment) -> Any:
        start, end = bounds(segment)
        return before(next(p for p in places if start <= p < end))(segment)

    index = make(MadeUpPool(behave, last=last), retries=3)[0].scan(video)
    pts = index.frames["pts"].to_pylist()
    assert pts == sorted(set(pts))
    assert {3200, 4000, 5200, 6000} <= set(pts)


def test_a_worker_that_somebody_killed_costs_nothing(make: Make, video: str):
    left = [1, 1]

    def behave(segment: Segment) -> SegmentRows:
        if segment.number in {1, 3} and left:
            left.pop()
            raise DecoderKilledError("the decoder crashed with SIGKILL")
        return rows(segment)

    whole = make(cache_dir=Path(video).parent / "whole")[0].scan(video)
    index = make(MadeUpPool(behave, last=before(4000)), retries=1)[0].scan(video)
    assert not index.partial
    assert (index.frames, index.faces) == (whole.frames, whole.faces)


def test_without_retries_a_bad_segment_is_left_out_and_said(make: Make, video: str):
    index = make(MadeUpPool(crash_at(4000), last=before(4000)), retries=0)[0].scan(video)
    assert index.partial
    assert any("were not looked at" in w for w in index.warnings)
    assert index.report.coverage < 0.9


def test_a_partial_index_is_kept_as_partial(make: Make, video: str):
    make(MadeUpPool(crash_at(4000), last=before(4000)))[0].scan(video)
    again = make()[0].scan(video)
    assert again.report.cached
    assert again.partial
    assert again.warnings


@pytest.mark.parametrize("error", [CorruptVideoError("no key frame"), MemoryLimitError("4096 MB")])
def test_a_video_of_which_nothing_can_be_looked_at_fails_and_leaves_nothing(
    make: Make, video: str, error: StillsError, tmp_path: Path
):
    def behave(segment: Segment) -> SegmentRows:
        raise error

    with pytest.raises(type(error)):
        make(MadeUpPool(behave))[0].scan(video)
    assert not list(tmp_path.rglob("meta.json"))


def test_a_video_without_a_decodable_frame_fails(make: Make, video: str):
    def behave(segment: Segment) -> SegmentRows:
        full = rows(segment)
        notes = {**full.notes, "frames_decoded": 0, "errors": 3, "first_error": "Invalid data"}
        return replace(full, frames=full.frames[:0], faces=full.faces[:0], notes=notes)

    with pytest.raises(CorruptVideoError, match="Invalid data"):
        make(MadeUpPool(behave))[0].scan(video)


def test_packets_that_could_not_be_decoded_are_told(make: Make, video: str):
    def behave(segment: Segment) -> SegmentRows:
        full = rows(segment)
        broken = {"errors": 2, "first_error": "bad slice"} if segment.number == 1 else {}
        return replace(full, notes={**full.notes, **broken})

    index = make(MadeUpPool(behave))[0].scan(video)
    assert index.partial
    assert index.warnings == ("2 packets could not be decoded (bad slice)",)


def test_out_of_time_gives_what_there_is_and_goes_on_later(
    make: Make, video: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def slow(segment: Segment) -> SegmentRows:
        clock[0] += 4
        return rows(segment)

    index = make(MadeUpPool(slow), video_timeout=6)[0].scan(video)
    assert index.partial
    assert "6 s" in index.warnings[0]
    assert index.report.coverage == pytest.approx(0.55, abs=0.06)
    assert not list(tmp_path.rglob("meta.json")), "what is not whole is not kept as an index"
    scanner, pool = make()
    assert not scanner.scan(video).partial
    assert [s.number for s in pool.scanned] == [2, 3]


def test_out_of_time_before_anything_was_finished_is_not_the_videos_fault(
    make: Make, video: str, monkeypatch: pytest.MonkeyPatch
):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def hopeless(_: Segment) -> SegmentRows:
        clock[0] += 7
        raise DecoderCrashError("killed")

    with pytest.raises(OutOfTimeError, match="stopped after 6 s") as caught:
        make(MadeUpPool(hopeless), video_timeout=6)[0].scan(video)
    assert caught.value.path == video
    assert (caught.value.code, isinstance(caught.value, CorruptVideoError)) == ("timeout", False)


@pytest.mark.parametrize("backwards", [False, True])
def test_progress_never_goes_back_and_stays_inside_the_video(make: Make, video: str, backwards: bool):
    seen: list[Progress] = []
    make(MadeUpPool(backwards=backwards))[0].scan(video, on_progress=seen.append)
    assert seen
    positions = [p.position for p in seen]
    assert positions == sorted(positions)
    assert positions[-1] == pytest.approx(SECONDS)
    assert all(p.duration == SECONDS and p.path == video and 0 <= p.fraction <= 1 for p in seen)


def test_pictures_come_from_the_spill_or_from_one_pass(make: Make, video: str):
    scanner, pool = make()
    index = scanner.scan(video)
    pictures = scanner.pictures(index, [2000, 400, 400, 1000])
    assert list(pictures) == [400, 1000, 2000]
    assert {p: int(pictures[p][0, 0, 0]) for p in pictures} == {p: p % 251 for p in (400, 1000, 2000)}
    assert pool.calls.count("decode_pictures") == 1
    with pytest.raises(KeyError):
        pictures[7]


def test_a_picture_that_is_gone_is_said(make: Make, video: str):
    scanner, pool = make()
    index = scanner.scan(video)
    pool._answer = lambda task, on_progress: TaskResult(task.key, {}, None)  # type: ignore[method-assign]
    with pytest.raises(CorruptVideoError, match="cannot be decoded any more"):
        scanner.pictures(index, [400])[400]


def test_a_missing_model_is_said_before_any_work(make: Make, video: str, monkeypatch: pytest.MonkeyPatch):
    def gone(name: str) -> Path:
        raise ModelError(f"{name} cannot be had")

    monkeypatch.setattr("stills.models.model_path", gone)
    scanner, pool = make()
    with pytest.raises(ModelError):
        scanner.scan(video)
    assert not pool.scanned


def test_models_run_where_they_are_placed(make: Make, video: str):
    assert make()[0].scan(video).parameters["device"] == place("yunet", "auto").device


def test_packets_are_what_the_plan_tests_say():
    assert isinstance(INDEX, PacketIndex)
    assert pytest.approx(SECONDS) == VIDEO.duration
