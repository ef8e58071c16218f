"""The spill: decoded frames of likely picks, kept without loss so that rendering them needs no second decoding.

A frame is one file named by its pts. The spill is a convenience: whatever is missing or damaged is decoded again, and
the picture is the same either way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from pathlib import Path

from stills.errors import CorruptVideoError, OutputError
from stills.files import ensure_folder
from stills.media.frame import DecodedFrame

MAX_BYTES = 256 << 20
"""Size of one video's spill at most."""


def write_spill(folder: Path, frames: Mapping[int, DecodedFrame]) -> None:
    """Keep ``frames`` (by pts). A full disk costs the spill, not the scan: where not all fit, none is kept."""
    if not frames:
        return
    try:
        ensure_folder(folder)
        for pts, frame in frames.items():
            _path(folder, pts).write_bytes(frame.raw())  # a half one is damaged, and decoded again
    except (OSError, OutputError):
        for pts in frames:  # what room there is belongs to the scan's own tables
            with contextlib.suppress(OSError):
                _path(folder, pts).unlink(missing_ok=True)


def has_spill(folder: Path, pts: int) -> bool:
    """Whether the frame at ``pts`` was kept."""
    return _path(folder, pts).is_file()


def read_spill(folder: Path, pts: int) -> DecodedFrame | None:
    """The frame at ``pts``, or ``None`` where it was not kept or is damaged."""
    try:
        return DecodedFrame.from_raw(_path(folder, pts).read_bytes())
    except (OSError, CorruptVideoError):
        return None


def trim_spill(folder: Path, order: Collection[int], max_bytes: int = MAX_BYTES) -> None:
    """Drop frames until ``max_bytes`` are left: first those not in ``order`` (best first), then the worst of it."""
    rank = {pts: place for place, pts in enumerate(order)}
    try:
        files = sorted(folder.glob("*.raw"), key=lambda f: rank.get(int(f.stem), len(rank)))
        left = max_bytes
        for file in files:
            left -= file.stat().st_size
            if left < 0 or int(file.stem) not in rank:
                file.unlink(missing_ok=True)
    except (OSError, ValueError):
        return  # housekeeping: the next scan tries again


def _path(folder: Path, pts: int) -> Path:
    return folder / f"{pts}.raw"
