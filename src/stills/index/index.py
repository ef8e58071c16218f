"""An index: everything that was measured of one video, readable without the video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from stills.index.memo import Memo
from stills.types import Fallback, ScanReport, Shot, VideoInfo


@dataclass(frozen=True, slots=True)
class Index:
    """The tables of one video (see :mod:`stills.index.schema`) and what made them.

    ``content`` is the video's identity: a hash of its size, head and tail, whatever its name. ``folder`` is where the
    index lives, ``None`` for one that was never saved. ``models`` maps each model used to its SHA-256. ``cover`` is
    what was measured of the embedded cover picture (JSON values), where there is one and it was asked for.
    """

    video: VideoInfo
    content: str
    frames: pa.Table = field(repr=False)
    shots: pa.Table = field(repr=False)
    faces: pa.Table = field(repr=False)
    layers: frozenset[str]
    parameters: Mapping[str, Any]
    models: Mapping[str, str]
    report: ScanReport
    fallbacks: tuple[Fallback, ...] = ()
    warnings: tuple[str, ...] = ()
    partial: bool = False
    folder: str | None = None
    cover: Mapping[str, Any] | None = None
    source: str | None = field(default=None, repr=False)
    """The address that the video is read from, where ``video.path`` leaves out what is secret in it; never saved."""

    memo: Memo | None = field(default=None, repr=False, compare=False)
    """Where selections keep what they will want again; without one, nothing is kept. Never saved."""

    @property
    def place(self) -> str:
        """Where the video is read from."""
        return self.video.path if self.source is None else self.source

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """What is odd about the video and what went wrong in scanning it, each once."""
        return tuple(dict.fromkeys((*self.video.warnings, *self.warnings)))

    def shot_list(self) -> tuple[Shot, ...]:
        """The shots as values, in order."""
        rows = self.shots.select(["start", "end", "transition_in"]).to_pylist()
        return tuple(Shot(r["start"], r["end"], r["transition_in"]) for r in rows)
