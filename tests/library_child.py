"""A run of a library in a process of its own, for tests that end it. Its argument is JSON, its last line too."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import stills
from stills.jobs.watch import VideoIds, VideoWatch, Watch
from stills.scan.observer import SegmentReport


class Diary:
    """A watch that writes down every finished segment, at once, and the rest not at all."""

    def __init__(self, path: str | None) -> None:
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._source = ""

    @contextlib.contextmanager
    def video(self, ids: VideoIds) -> Iterator[VideoWatch]:
        yield _Page(self, ids)

    def counted(self, recipe: str, status: str, count: int = 1) -> None: ...

    def queue(self, depth: Mapping[str, int]) -> None: ...

    def close(self) -> None: ...

    def write(self, line: str) -> None:
        if self._file is not None:
            os.write(self._file, line.encode())


class _Page:
    def __init__(self, diary: Diary, ids: VideoIds) -> None:
        self._diary, self._ids = diary, ids

    def segments_planned(self, total: int, kept: int) -> None: ...

    def segment_finished(self, segment: SegmentReport) -> None:
        self._diary.write(f"{os.path.basename(self._ids.source)} {segment.number}\n")

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        yield

    def ended(self, status: str, **_: Any) -> None: ...


def main() -> None:
    """Run it."""
    given = json.loads(sys.argv[1])
    diary: Watch = Diary(given.pop("diary", None))
    options = given.pop("options")
    settings = stills.load_settings(env={}, options=options)

    def say(*parts: object) -> None:
        print(*parts, flush=True)

    result = stills.library(
        given.pop("inputs"),
        given.pop("out"),
        settings=settings,
        watch=diary,
        on_start=lambda name: say("start", name),
        on_video=lambda outcome: say(outcome.status, outcome.source),
        on_note=lambda text: say("note", text),
        **given,
    )
    say(json.dumps({"counts": dict(result.counts), "interrupted": result.interrupted}))


if __name__ == "__main__":
    main()
