"""What the store is told of a video: its segments as they finish, and what came out in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.jobs.library.desk import Held
from stills.jobs.library.job import Job
from stills.jobs.outputs import public_text
from stills.jobs.watch import VideoWatch
from stills.scan.observer import SegmentReport

if TYPE_CHECKING:
    from stills.api.results import Result

_MOST = 50
"""Warnings and fallbacks of a video that are kept."""


@dataclass(frozen=True, slots=True)
class Observer:
    """Keeps the store and the watch informed of the segments of one video."""

    job: Job
    held: Held
    watch: VideoWatch

    def segments_planned(self, total: int, kept: int) -> None:
        """A scan begins."""
        self.watch.segments_planned(total, kept)

    def segment_finished(self, segment: SegmentReport) -> None:
        """A segment was finished. The store hears of it after its rows are on the disk, so none is done twice.

        Killed in between, the rows are found all the same; only the record is missing.
        """
        if segment.kept:
            self.job.state.ask(
                lambda store: store.segment_done(self.held.claim, segment.number, seconds=segment.seconds)
            )
        self.watch.segment_finished(segment)


def noted_of(
    result: Result[Any], folder: str, files: Sequence[Path | str], *, found: int, recipe: str
) -> dict[str, Any]:
    """What the store keeps of a result."""
    return {
        "found": found,
        "duration": round(float(result.video.duration), 3),
        "partial": result.partial,
        "warnings": [public_text(said) for said in result.warnings[:_MOST]],
        "fallbacks": [[one.code, public_text(one.message)] for one in result.fallbacks[:_MOST]],
        "folder": folder,
        "file": f"{folder}/{recipe}.json",
        "files": len(files),
        "content": result.index.content,
    }
