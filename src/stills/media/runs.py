"""Which packets have to be decoded for which frames, in one go each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from stills.media.packets import PacketIndex

_DELAY = 40
"""Packets that a decoder may take in before a frame comes out (16 of reordering, threads, some to spare)."""


@dataclass(frozen=True, slots=True)
class Run:
    """One stretch of decoding: from the packet at ``first`` until a frame at or after ``stop`` came out."""

    first: int
    stop: int | None
    wanted: frozenset[int] | None
    last: int | None = None
    """The packet after which the decoder is drained, because no wanted frame needs one behind it."""


def plan_range(packets: PacketIndex, start: int | None, stop: int | None) -> list[Run]:
    """The run for all frames from the pts ``start`` up to before ``stop``."""
    if not len(packets):
        return []
    return [Run(packets.start_position(start) if start is not None else 0, stop, None)]


def plan_runs(packets: PacketIndex, wanted: Collection[int], *, threads: int, alone: bool) -> list[Run]:
    """The runs for the frames at the pts ``wanted``, in order of time.

    Where a packet is a frame ``alone``, the decoder is drained behind the last one that is needed, so that none besides
    has to be read. Elsewhere, and with ``threads``, it takes some more in before the frame comes out.
    """
    times = sorted(set(wanted))
    if not times or not len(packets):
        return []
    starts = [packets.start_position(pts) for pts in times]
    order = np.argsort(packets.pts, kind="stable")
    found = order[np.minimum(np.searchsorted(packets.pts[order], times), len(order) - 1)]
    groups: list[list[int]] = [[0]]
    last = int(found[0])
    for after in range(1, len(times)):
        # The decoder has read past the last wanted packet when its frame comes out; what starts there goes on from it.
        if starts[after] <= last + (0 if alone else _DELAY + threads):
            groups[-1].append(after)
        else:
            groups.append([after])
        last = max(last, int(found[after]))
    return [
        Run(
            starts[group[0]],
            times[group[-1]] + 1,
            frozenset(times[at] for at in group),
            max(int(found[at]) for at in group) if alone else None,
        )
        for group in groups
    ]
