"""Ways to find neighbours: what all of them promise, and how much the approximate one may miss."""

import importlib.util

import numpy as np
import pytest
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.jobs.across import neighbours
from stills.jobs.across.neighbours import FINDERS, Method, Pairs, find_pairs

METHODS = [
    "exact",
    pytest.param(
        "approximate",
        marks=pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="needs stills[across]"),
    ),
]


def crowd(people: int, each: int, noise: float = 0.7, seed: int = 0, size: int = 64) -> NDArray[np.float32]:
    """Unit vectors (people × each, size) around random centres."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((people, size))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = np.repeat(centres, each, axis=0) + noise * rng.standard_normal((people * each, size)) / np.sqrt(size)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def as_set(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_pairs_are_ordered_unique_and_alike_enough(method: Method) -> None:
    vectors = crowd(30, 10)
    pairs = find_pairs(vectors, least=0.4, method=method)
    assert len(pairs) > 100
    assert (pairs.a < pairs.b).all()
    keys = pairs.a * len(vectors) + pairs.b
    assert (np.diff(keys) > 0).all()
    assert (pairs.similarity >= 0.4).all()
    told = np.einsum("ij,ij->i", vectors[pairs.a], vectors[pairs.b])
    np.testing.assert_allclose(pairs.similarity, told, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_equal_vectors_give_equal_pairs(method: Method) -> None:
    vectors = crowd(40, 20)
    first, second = (find_pairs(vectors, least=0.3, method=method) for _ in range(2))
    assert as_set(first) == as_set(second)


@pytest.mark.parametrize("method", METHODS)
def test_only_the_rows_asked_about_are_searched(method: Method) -> None:
    vectors = crowd(20, 10)
    rows = np.array([3, 55, 120])
    pairs = find_pairs(vectors, least=0.3, rows=rows, method=method)
    assert len(pairs)
    assert (np.isin(pairs.a, rows) | np.isin(pairs.b, rows)).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_vectors_are_no_trouble(method: Method, count: int) -> None:
    vectors = crowd(1, 2)[:count]
    assert len(find_pairs(vectors, least=-1.0, method=method)) == max(0, count - 1)


@pytest.mark.parametrize("method", METHODS)
def test_the_nearest_are_kept_where_there_are_too_many(method: Method) -> None:
    vectors = crowd(1, 80, noise=0.5)
    pairs = find_pairs(vectors, least=0.0, count=5, method=method)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1)
    nearest = {tuple(sorted((row, int(similarity[row].argmax())))) for row in range(80)}
    assert nearest <= as_set(pairs)
    assert len(pairs) <= 5 * 80


def test_the_approximate_way_finds_nearly_all() -> None:
    pytest.importorskip("faiss")
    vectors = crowd(300, 20, size=128)
    truly = find_pairs(vectors, least=0.45, method="exact")
    nearly = find_pairs(vectors, least=0.45, method="approximate")
    recall = len(as_set(truly) & as_set(nearly)) / len(truly)
    assert recall >= 0.9
    assert as_set(nearly) <= as_set(truly)


def test_auto_is_exact_where_that_is_cheap_or_nothing_else_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for name in ("exact", "approximate"):
        monkeypatch.setitem(FINDERS, name, _noting(name, asked))  # type: ignore[arg-type]
    vectors = crowd(5, 4)
    find_pairs(vectors, least=0.5)
    monkeypatch.setattr(neighbours, "EXACT_MOST", 4)
    monkeypatch.setattr(neighbours, "can_approximate", lambda: True)
    find_pairs(vectors, least=0.5)
    monkeypatch.setattr(neighbours, "can_approximate", lambda: False)
    find_pairs(vectors, least=0.5)
    assert asked == ["exact", "approximate", "exact"]


def _noting(name: str, asked: list[str]) -> neighbours.Finder:
    def find(
        vectors: NDArray[np.float32], rows: NDArray[np.int64], *, least: float, count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        asked.append(name)
        return neighbours.exact(vectors, rows, least=least, count=count)

    return find


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "can_approximate", lambda: False)
    with pytest.raises(UsageError, match="stills\\[across\\]"):
        find_pairs(crowd(3, 3), least=0.5, method="approximate")
