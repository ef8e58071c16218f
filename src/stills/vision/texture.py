"""Where a picture has detail, and which parts are worth a closer look."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

CELL = 8
"""Pixels a side of the cells in which texture is measured, in the small picture."""

_DETAIL = 2  # grey levels a pixel of mean gradient from which a cell is not flat; smooth skies have less than 1
_REGIONS = 4  # the picture in 4 × 4 regions; each gives one tile with edges and one without


def texture_cells(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean gradient (to the right and the lower neighbour) of each cell of ``luma`` (h, w): (rows, columns).

    At least 1 × 1; what is left of a cell at the right and at the bottom is not looked at.
    """
    columns, rows = max(1, luma.shape[1] // CELL), max(1, luma.shape[0] // CELL)
    corner = luma[:-1, :-1]
    edges = np.zeros((max(luma.shape[0], CELL), max(luma.shape[1], CELL)), np.uint8)
    edges[: corner.shape[0], : corner.shape[1]] = cv2.add(
        cv2.absdiff(luma[:-1, 1:], corner), cv2.absdiff(luma[1:, :-1], corner)
    )
    cut = edges[: rows * CELL, : columns * CELL]
    return np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def detail_share(cells: NDArray[np.uint8]) -> float:
    """The share of ``cells`` that are not flat, 0…1."""
    return int(np.count_nonzero(cells >= _DETAIL)) / cells.size


def choose_tiles(cells: NDArray[Any], pick: str = "edges") -> NDArray[np.float64]:
    """Centres of one cell a region, x and y as shares of the picture: (n, 2), n = 16 where there are cells enough.

    ``pick``: ``"edges"`` the cell with the strongest edges, ``"flat"`` the one with the weakest.
    """
    rows, columns = cells.shape
    down, across = min(_REGIONS, rows), min(_REGIONS, columns)
    high, wide = rows // down, columns // across  # cells of a region; what is over is left out on both sides
    top, left = (rows - high * down) // 2, (columns - wide * across) // 2
    inside = cells[top : top + high * down, left : left + wide * across]
    regions = inside.reshape(down, high, across, wide).swapaxes(1, 2).reshape(down * across, high * wide)
    at = regions.argmax(axis=1) if pick == "edges" else regions.argmin(axis=1)
    y, x = np.divmod(at, wide)
    region_y, region_x = np.divmod(np.arange(down * across), across)
    return np.stack([(left + region_x * wide + x + 0.5) / columns, (top + region_y * high + y + 0.5) / rows], axis=1)
