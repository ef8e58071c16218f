"""Which worker decodes which picks, what a broken one costs, and how many pictures are held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_factory import Movie, make
from scan_samples import TICK, film, packets
from stills.errors import CorruptVideoError, DecoderCrashError, LimitError, MemoryLimitError, StillsError
from stills.index.index import Index
from stills.index.schema import FACES, FRAMES, SHOTS
from stills.media.probe import probe
from stills.media.sandbox import Task, TaskResult
from stills.scan.pictures import LEAST_SECONDS, Pictures, Rgb, decode_picks, stretches
from stills.scan.worker import decode_pictures
from stills.types import COVER_PTS, ScanReport

FRAMES_TOTAL = 25 * 60
GOP = 50 * TICK
KEYS = list(range(0, FRAMES_TOTAL * TICK, GOP))
VIDEO = film(packets(FRAMES_TOTAL, [key // TICK for key in KEYS]), width=640, height=360)


def index_of() -> Index:
    columns = {name: [None] * len(KEYS) for name in FRAMES.names}
    columns |= {"pts": KEYS, "time": [k / 1000 for k in KEYS], "is_key": [True] * len(KEYS)}
    for name in FRAMES.names:
        if not FRAMES.field(name).nullable and name not in {"pts", "time", "is_key"}:
            columns[name] = [False if pa.types.is_boolean(FRAMES.field(name).type) else 0] * len(KEYS)
    report = ScanReport("balanced", FRAMES_TOTAL, FRAMES_TOTAL, 10, 1.0, 1.0)
    frames = pa.table(columns, schema=FRAMES)
    return Index(
        VIDEO,
        "c",
        frames,
        SHOTS.empty_table(),
        FACES.empty_table(),
        frozenset({"faces"}),
        {"device": "cpu"},
        {},
        report,
    )


class Workers:
    """Answers tasks with pictures that show their pts; some break."""

    def __init__(self, broken: dict[int, StillsError] | None = None) -> None:
        self.broken = broken or {}
        self.runs: list[list[list[int]]] = []

    def __call__(self, tasks: Sequence[Task]) -> Iterator[TaskResult]:
        self.runs.append([list(task.args[2]) if len(task.args) > 2 else [COVER_PTS] for task in tasks])
        for task in reversed(tasks):  # they finish in any order
            if task.function.endswith(":cover_rgb"):
                yield TaskResult(task.key, np.full((3, 3, 3), 7, np.uint8), None)
                continue
            error = next((self.broken[p] for p in task.args[2] if p in self.broken), None)
            if error is not None:
                yield TaskResult(task.key, None, error)
                continue
            kind = np.uint16 if task.args[5] == 16 else np.uint8
            yield TaskResult(task.key, {p: np.full((2, 2, 3), p % 251, kind) for p in task.args[2]}, None)


def decoded(workers: Workers, pts: list[int], *, count: int = 4, bit_depth: int = 8) -> dict[int, Rgb]:
    return decode_picks(workers, index_of(), pts, workers=count, threads=1, bit_depth=bit_depth)


picks = st.lists(st.integers(0, FRAMES_TOTAL - 1), max_size=60, unique=True).map(lambda n: sorted(i * TICK for i in n))


@given(picks, st.lists(st.sampled_from(KEYS), unique=True), st.integers(1, 16))
def test_stretches_are_all_picks_in_order_and_share_no_group(pts: list[int], keys: list[int], parts: int) -> None:
    made = stretches(pts, keys, VIDEO, parts)
    assert [p for part in made for p in part] == pts
    assert all(made)
    assert len(made) <= parts
    groups = [{max((k for k in keys if k <= p), default=-1) for p in part} for part in made]
    assert sum(len(group) for group in groups) == len(set().union(*groups))


def test_stretches_cost_about_the_same() -> None:
    made = stretches([key + 40 * TICK for key in KEYS], KEYS, VIDEO, 4)
    assert [len(part) for part in made] == pytest.approx([len(KEYS) / 4] * 4, abs=1)
    late = stretches([*(key + TICK for key in KEYS[:20]), *(key + 49 * TICK for key in KEYS[20:])], KEYS, VIDEO, 2)
    assert len(late[0]) > len(late[1])


def test_little_is_not_split() -> None:
    near = [KEYS[1] + TICK, KEYS[2] + TICK, KEYS[3] + TICK]
    assert stretches(near, KEYS, VIDEO, 8) == [near]
    assert 3 * TICK / 1000 < LEAST_SECONDS
    assert stretches([], KEYS, VIDEO, 8) == []
    assert stretches(near, [], VIDEO, 8) == [near]


def test_workers_share_the_picks() -> None:
    workers = Workers()
    pts = [key + 30 * TICK for key in KEYS]
    found = decoded(workers, [COVER_PTS, *pts])
    assert len(workers.runs) == 1
    assert len(workers.runs[0]) == 5
    assert sorted(found) == [COVER_PTS, *pts]
    assert all(int(found[p][0, 0, 0]) == p % 251 for p in pts)
    assert found[COVER_PTS].shape == (3, 3, 3)
    assert decoded(workers, pts[:1], bit_depth=16)[pts[0]].dtype == np.uint16


def test_a_frame_that_breaks_its_worker_costs_itself() -> None:
    pts = [key + 30 * TICK for key in KEYS]
    workers = Workers({pts[7]: DecoderCrashError("killed by a signal")})
    found = decoded(workers, pts)
    assert sorted(found) == [p for p in pts if p != pts[7]]
    assert len(workers.runs) == 2
    assert all(len(part) == 1 for part in workers.runs[1])


def test_a_limit_is_not_taken_for_a_broken_frame() -> None:
    with pytest.raises(LimitError):
        decoded(Workers({KEYS[3]: MemoryLimitError("too large")}), KEYS)


@pytest.mark.parametrize("depth", [8, 16])
def test_as_many_are_held_as_fit(depth: int) -> None:
    asked: list[list[int]] = []

    def decode(pts: list[int]) -> dict[int, Rgb]:
        asked.append(pts)
        return {p: np.zeros((1, 1, 3), np.uint8) for p in pts}

    three = 3 * VIDEO.width * VIDEO.height * 3 * depth // 8
    pictures = Pictures(index_of(), list(range(8)), decode, bit_depth=depth, held_bytes=three)
    assert len([pictures[p] for p in pictures]) == 8
    assert asked == [[0, 1, 2], [3, 4, 5], [6, 7]]
    asked.clear()
    few = Pictures(index_of(), [1, 2], decode, bit_depth=depth, held_bytes=0)
    assert few[1].shape == few[2].shape
    assert asked == [[1], [2]]


def test_a_frame_that_cannot_be_decoded_is_tried_once_and_costs_no_other() -> None:
    asked: list[list[int]] = []

    def decode(pts: list[int]) -> dict[int, Rgb]:
        asked.append(pts)
        return {p: np.zeros((1, 1, 3), np.uint8) for p in pts if p not in {1, COVER_PTS}}

    pictures = Pictures(index_of(), [COVER_PTS, 0, 1, 2], decode)
    with pytest.raises(CorruptVideoError, match="the cover picture cannot be decoded any more"):
        pictures[COVER_PTS]
    assert pictures[0].shape == (1, 1, 3)
    for _ in range(2):
        with pytest.raises(CorruptVideoError, match="pts 1 cannot be decoded any more"):
            pictures[1]
    assert pictures[2].shape == (1, 1, 3)
    assert asked == [[COVER_PTS, 0, 1, 2]]
    with pytest.raises(KeyError):
        pictures[3]


@pytest.mark.parametrize(
    ("codec", "pixel_format", "levels"), [("libx264", "yuv420p", 256), ("libx265", "yuv420p10le", 600)]
)
def test_a_worker_decodes_both_depths(tmp_path: Path, codec: str, pixel_format: str, levels: int) -> None:
    options = (("x265-params", "log-level=none"),) if codec == "libx265" else ()
    movie = Movie(
        codec=codec, pixel_format=pixel_format, picture=ramp, frames=10, width=1024, height=64, options=options
    )
    path = str(make(tmp_path / "film.mp4", movie))
    info = probe(path)
    wanted = [info.start_pts, info.pts_at(0.2)]
    eight = decode_pictures(path, info, wanted, 1, "cpu")
    sixteen = decode_pictures(path, info, wanted, 1, "cpu", 16)
    assert list(eight) == list(sixteen) == wanted
    for pts, picture in eight.items():
        assert sixteen[pts].dtype == np.uint16
        assert np.abs(sixteen[pts] / 257 - picture).max() < 3
        if levels == 256:
            assert (sixteen[pts] == picture.astype(np.uint16) * 257).all()
        else:
            assert len(np.unique(sixteen[pts])) > levels
    with pytest.raises(CorruptVideoError):
        decode_pictures(path, replace(info, stream_index=7), wanted, 1, "cpu")


def ramp(index: int, width: int, height: int) -> np.ndarray:
    """A grey gradient."""
    return np.repeat(np.tile(np.linspace(0, 255, width), (height, 1))[..., None], 3, axis=2).astype(np.uint8)
