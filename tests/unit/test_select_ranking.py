"""The order in which frames are kept is that of the plain definition, however much of it is asked for at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from index_samples import make_index
from keyframe_samples import film
from stills.index.memo import Memo, remembered
from stills.select.keyframes import KeyframesOptions, select_keyframes
from stills.select.ranking import Ranker, _worth

COUNT = 400


@dataclass(frozen=True)
class Given:
    """Views whose similarities are given: the same to the last bit, in whatever company they are asked for."""

    similarity: NDArray[np.float32]
    blocks: NDArray[np.float32]
    columns: NDArray[np.intp]
    colors: NDArray[np.float32]
    thumbs: None = None

    def take(self, rows: NDArray[np.intp]) -> Given:
        return replace(self, columns=self.columns[rows])

    def compare(self, rows: NDArray[np.intp], _: slice) -> tuple[NDArray[np.float32], None]:
        return self.similarity[np.ix_(self.columns[rows], self.columns)], None


@pytest.fixture(scope="module")
def frames() -> dict[str, Any]:
    rng = np.random.default_rng(4)
    places = np.cumsum(rng.normal(size=(COUNT, 6)), axis=0).astype(np.float32)
    away = np.linalg.norm(places[:, None] - places[None], axis=2)
    shot = np.sort(rng.integers(0, 40, COUNT)).astype(np.intp)
    nothing = np.zeros((COUNT, 1), np.float32)
    return {
        "views": Given(np.exp(-0.1 * away).astype(np.float32), nothing, np.arange(COUNT), nothing),
        "time": np.cumsum(rng.uniform(0.1, 1.0, COUNT)),
        "shot": shot,
        "score": rng.uniform(0, 1, COUNT).astype(np.float32),
        "length": rng.uniform(0.5, 9.0, 40)[shot],
    }


def plainly(
    frames: dict[str, Any], limit: int | None, per_shot: int | None, min_gap: float
) -> tuple[list[int], list[float], dict[str, int]]:
    """The definition: everything is reckoned anew for each frame."""
    similarity = frames["views"].similarity
    time, shot, worth = frames["time"], frames["shot"], _worth(frames["score"], frames["length"])
    order: list[int] = []
    nearest: list[float] = []
    out = {"min_gap": np.zeros(COUNT, bool), "per_shot": np.zeros(COUNT, bool)}
    while limit is None or len(order) < limit:
        known = similarity[order].max(axis=0, initial=0.0) if order else np.zeros(COUNT, np.float32)
        far = np.sqrt(np.maximum(1.0 - known, 0.0), dtype=np.float32)
        if not order:
            far = np.ones(COUNT, np.float32)
        new = np.where(np.isin(shot, shot[order]), np.float32(0.0), np.float32(0.3))
        gain = (far + new * np.minimum(1.0, far / 0.02)) * worth
        open_ = ~(out["min_gap"] | out["per_shot"] | np.isin(np.arange(COUNT), order))
        if not open_.any():
            break
        row = int(np.where(open_, gain, -1.0).argmax())
        nearest.append(float(known[row]))
        order.append(row)
        open_[row] = False
        if min_gap > 0:
            out["min_gap"] |= open_ & (np.abs(time - time[row]) < min_gap)
            open_ &= ~out["min_gap"]
        if per_shot is not None and (shot[order] == shot[row]).sum() == per_shot:
            out["per_shot"] |= open_ & (shot == shot[row])
    return order, nearest, {name: int(rows.sum()) for name, rows in out.items()}


@pytest.mark.parametrize(("per_shot", "min_gap"), [(None, 0.0), (2, 0.0), (None, 1.3), (3, 0.9)])
def test_frames_come_in_the_order_of_the_definition(
    frames: dict[str, Any], per_shot: int | None, min_gap: float
) -> None:
    ranker = Ranker(**frames, per_shot=per_shot, min_gap=min_gap)
    for limit in (1, 30, 10, 90, None, 60):  # more is asked for, and less again
        order, nearest, skipped = plainly(frames, limit, per_shot, min_gap)
        found = ranker.ranking(limit)
        assert found.order.tolist() == order
        assert found.similarity.tolist() == nearest
        assert found.skipped == skipped


def test_equal_frames_come_in_order_of_time(frames: dict[str, Any]) -> None:
    alike = replace(frames["views"], similarity=np.ones((COUNT, COUNT), np.float32))
    given = {**frames, "views": alike, "score": np.ones(COUNT, np.float32), "length": np.ones(COUNT)}
    assert Ranker(**given).ranking().order.tolist() == list(range(COUNT))


def test_there_may_be_no_frame_at_all(frames: dict[str, Any]) -> None:
    none = {name: values[:0] for name, values in frames.items() if name != "views"}
    assert Ranker(frames["views"].take(np.arange(0)), **none).ranking(5).order.tolist() == []


def test_a_memo_keeps_what_was_asked_last_within_its_bytes() -> None:
    memo, made = Memo(100), []

    def ask(key: str, size: int = 40) -> str:
        return memo.ask(key, lambda: made.append(key) or key.upper(), lambda _: size, None)

    assert [ask("a"), ask("b"), ask("a"), ask("c"), ask("a")] == ["A", "B", "A", "C", "A"]
    assert made == ["a", "b", "c"]
    assert memo.bytes == 80
    ask("b")
    assert made == ["a", "b", "c", "b"]
    ask("huge", 1000)
    ask("huge", 1000)
    assert made[-2:] == ["huge", "huge"]
    memo.clear()
    assert (memo.bytes, ask("a")) == (0, "A")


def test_what_is_remembered_is_of_the_very_tables() -> None:

    index = replace(make_index([]), memo=Memo(100))
    asked: list[int] = []

    def count(of: Any) -> int:
        return remembered(of, "count", lambda: asked.append(1) or len(asked), lambda _: 1)

    assert (count(index), count(index), count(replace(index, source="elsewhere"))) == (1, 1, 1)
    assert count(replace(index, frames=index.frames.slice(0, 1))) == 2
    assert (count(replace(index, memo=None)), count(replace(index, memo=None))) == (3, 4)


def test_selections_are_the_same_with_a_memo_in_whatever_order_they_are_asked() -> None:
    index = film([(0, 30), (1, 20), (2, 40), (3, 25), (0, 30), (4, 60)])
    kept = replace(index, memo=Memo(1 << 26))
    asked = [KeyframesOptions(target=n) for n in (3, 9, 1, 40)]
    asked += [KeyframesOptions(similarity=s) for s in (1.0, 0.5, 0.97)]
    asked += [KeyframesOptions(preset="screen"), KeyframesOptions(start=2.0, target=4), KeyframesOptions(window=3.0)]
    asked += [KeyframesOptions(weights={"sharpness": 3.0}, target=4), KeyframesOptions(per_shot=1, min_gap=2.0)]
    for options in (*asked, *asked[::-1]):
        assert select_keyframes(kept, options) == select_keyframes(index, options)
    assert kept.memo is not None
    assert kept.memo.bytes > 0
