"""Which vectors are alike: pairs above a similarity, exactly or approximately.

A way to find them is a function that fulfils :class:`Finder`; the family's contract tests hold all to the same.
``approximate`` asks faiss (MIT): an inverted file of cells around k-means centres (J. Sivic, A. Zisserman, ICCV 2003),
of which the nearest few are searched exactly. It draws its sample with a fixed seed, so equal vectors give equal pairs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError

Method: TypeAlias = Literal["auto", "exact", "approximate"]

EXACT_MOST = 30_000
"""Vectors up to which comparing all with all is about as fast as anything else: 30,000² products of 128 numbers are
some three seconds of one core."""

NEIGHBOURS = 32
"""Pairs of each vector that are kept at most: its most similar ones."""

_BLOCK = 32 << 20  # bytes of similarities at once
_SEARCHED = 16  # cells
_PASSES = 8  # of k-means; more moved the recall by less than a percent
_SAMPLE = 64  # vectors for each cell that its centre is learned from


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of rows, ``a`` below ``b``, each once, sorted; ``similarity`` is their cosine."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    similarity: NDArray[np.float32]

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.a)


class Finder(Protocol):
    """A way to find neighbours."""

    def __call__(
        self, vectors: NDArray[np.float32], rows: NDArray[np.int64], *, least: float, count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """For ``rows`` of ``vectors`` (n, d; unit length): their most similar others, ``count`` each at most.

        Returns rows, others and cosines (m,), all of at least ``least``.
        """
        ...


def find_pairs(
    vectors: NDArray[np.float32],
    *,
    least: float,
    rows: NDArray[np.int64] | None = None,
    count: int = NEIGHBOURS,
    method: Method = "auto",
) -> Pairs:
    """The pairs of ``vectors`` (n, d; unit length) with a cosine of at least ``least``; those of ``rows`` if given.

    ``auto`` compares all with all where that is not too much (:data:`EXACT_MOST`² pairs), else approximately where the
    extra ``stills[across]`` is installed; without, exactly all the same, and slowly. Raises ``UsageError`` where
    ``approximate`` is asked for and cannot be had.
    """
    some = np.arange(len(vectors)) if rows is None else np.asarray(rows, np.int64)
    if not len(some):
        none = np.zeros(0, np.int64)
        return Pairs(none, none, np.zeros(0, np.float32))
    small = len(some) * len(vectors) <= EXACT_MOST**2
    if method == "auto":
        method = "exact" if small or not can_approximate() else "approximate"
    a, b, similarity = FINDERS[method](vectors, some, least=least, count=count)
    low, high = np.minimum(a, b), np.maximum(a, b)
    _, first = np.unique(low * len(vectors) + high, return_index=True)
    return Pairs(low[first], high[first], similarity[first])


def can_approximate() -> bool:
    """Whether the extra ``stills[across]`` is installed."""
    return importlib.util.find_spec("faiss") is not None


def exact(
    vectors: NDArray[np.float32], rows: NDArray[np.int64], *, least: float, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """All with all, block by block: time O(r n d), memory some 64 MB beside the answer."""
    step = max(1, _BLOCK // (4 * len(vectors)))
    found_a, found_b, found_s = [], [], []
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        similarity = vectors[block] @ vectors.T
        similarity[np.arange(len(block)), block] = -2.0
        near = similarity >= least
        crowded = np.flatnonzero(near.sum(axis=1) > count)
        if len(crowded):
            most = np.argpartition(-similarity[crowded], count - 1, axis=1)[:, :count]
            near[crowded] = False
            near[crowded[:, None], most] = True
        row, column = np.nonzero(near)
        found_a.append(block[row])
        found_b.append(column.astype(np.int64))
        found_s.append(similarity[row, column])
    return np.concatenate(found_a), np.concatenate(found_b), np.concatenate(found_s)


def approximate(
    vectors: NDArray[np.float32], rows: NDArray[np.int64], *, least: float, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """By faiss: the cells nearest to each row. Raises ``UsageError`` where it is not installed."""
    if not can_approximate():
        raise UsageError(
            "approximate neighbours need an extra that is not installed", remedy="pip install 'stills[across]'"
        )
    import faiss

    n, d = vectors.shape
    cells = int(max(1, min(4 * np.sqrt(n), n // 39)))  # faiss wants at least 39 vectors for each
    cell_index = faiss.IndexFlatIP(d)
    index = faiss.IndexIVFFlat(cell_index, d, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter, index.cp.max_points_per_centroid = 1, _PASSES, _SAMPLE
    data = np.ascontiguousarray(vectors, np.float32)
    index.train(data)
    index.add(data)
    index.nprobe = min(_SEARCHED, cells)
    similarity, other = index.search(np.ascontiguousarray(data[rows]), min(n, count + 1))
    own = np.repeat(rows[:, None], other.shape[1], axis=1)
    keep = (other >= 0) & (other != own) & (similarity >= least)
    return own[keep], other[keep].astype(np.int64), similarity[keep].astype(np.float32)


FINDERS: Mapping[Method, Finder] = {"exact": exact, "approximate": approximate}
"""The ways by name."""
