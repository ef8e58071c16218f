"""``--all`` and ``--every``: frames taken out of a video with no choosing, any number of them in little memory.

Which frames is known from the packets, before anything is decoded. Workers decode them in order, a stretch of whole
groups of pictures each, and write the pictures where they are prepared; what comes back is one short row a picture.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stills.addresses import public_name
from stills.api.keyframes import KeyframesResult
from stills.api.plain_run import PlainRun, Row
from stills.api.results import PathLike, output_options, picture_progress, scanner_for
from stills.errors import InputError, NothingFoundError
from stills.index.index import Index
from stills.index.schema import FACES, FRAMES, SHOTS
from stills.types import KeyframesSelection, Pick, ProgressCallback, ScanReport, VideoInfo

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.media.packets import PacketIndex
    from stills.scan.scanner import Scanner
    from stills.settings import Settings
    from stills.settings_model import KeyframesSettings


def _no_packets() -> PacketIndex:
    from stills.media.packets import PacketListBuilder

    return PacketListBuilder().build()


@dataclass(frozen=True, slots=True)
class PlainResult(KeyframesResult):
    """The frames that are to be taken out; :meth:`save` decodes them. Nothing was measured, so scores are 0."""

    pts: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64), repr=False)
    packets: PacketIndex = field(default_factory=_no_packets, repr=False)
    _noted: list[str] = field(default_factory=list, repr=False)

    @property
    def frames(self) -> tuple[Pick, ...]:
        """The frames in order of time."""
        return tuple(Pick(pts, self.video.seconds(pts), 0.0, {}) for pts in self.pts.tolist())

    @property
    def partial(self) -> bool:
        """Whether frames could not be decoded, which is known when they were saved; :attr:`warnings` say which."""
        return bool(self._noted) or self.video.missing_end > 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the video, and what went wrong in decoding it."""
        return tuple(dict.fromkeys((*self.video.warnings, *self._noted)))

    def to_json(self) -> dict[str, Any]:
        """The result as ``keyframes.json`` holds it, before pictures have files."""
        document = self._document()
        document["frames"] = [_frame(pts, self.video.seconds(pts)) for pts in self.pts.tolist()]
        return document

    def save(
        self,
        out: PathLike,
        *,
        name: str | None = None,
        on_progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> list[Path]:
        """Decode the frames and write ``OUT/<name>/keyframes.json`` and the pictures; the paths, the JSON last.

        Frames that cannot be decoded are left out, and said in :attr:`warnings`. Raises as :meth:`Result.save`.
        """
        from stills.render.documents import Lazy
        from stills.render.frames import stage_sheet
        from stills.render.names import stem_of
        from stills.render.writing import write_result

        self._noted.clear()
        with scanner_for(self._scanner, self.settings) as scanner:
            options = output_options(self.settings)
            scanner.fit((), self.video, cancel=cancel)
            run = PlainRun(
                self.video,
                self.packets,
                self.pts,
                self.settings,
                options,
                scanner,
                noted=self._noted,
                place=self.index.place,
            )
            document = self._document()

            def stage_files(stage: Path) -> Iterator[str]:
                yield from run.write(stage, cancel)
                document.update(self._document(len(run.rows), time.monotonic() - run.started))
                document["frames"] = Lazy(sorted(run.rows), self._written)
                if options.sheet is not None:
                    yield stage_sheet(stage, document, options)

            *pictures, listed = write_result(
                Path(out),
                name or stem_of(self.video.path),
                document,
                stage_files,
                total=len(self.pts) + (options.sheet is not None),
                on_picture=picture_progress(self.video, on_progress, cancel),
            )
            return [*sorted(pictures), listed]  # they came as workers were done with them

    def _written(self, row: Row) -> dict[str, Any]:
        pts, name, width, height = row
        return _frame(pts, self.video.seconds(pts), f"keyframes/{name}", (width, height))

    def _document(self, decoded: int = 0, seconds: float = 0.0) -> dict[str, Any]:
        """All but the frames, after ``decoded`` of them took ``seconds``."""
        from stills.render.frames import keyframes_document

        document = keyframes_document(
            self.video,
            self.selection,
            ScanReport(self.scan.effort, self.video.frame_count, decoded, 0, decoded / max(1, len(self.pts)), seconds),
            {},
            self.selection.settings,
            self.fallbacks,
            warnings=self._noted,
            partial=self.partial,
        )
        return dict(document)


def plain_keyframes(
    video: PathLike | Index, settings: Settings, scanner: Scanner | None, cancel: CancelToken | None
) -> PlainResult:
    """The frames that ``settings.keyframes`` names by ``all`` or ``every``.

    Raises ``NothingFoundError`` where none is shown in the time asked for, and as :func:`stills.probe`.
    """
    from stills.media.source import content_id

    place = video.place if isinstance(video, Index) else os.fspath(video)
    path = public_name(place)
    content = content_id(place)
    if isinstance(video, Index) and content != video.content:
        raise InputError("the file is not the one that was scanned", path=path, remedy="scan it again")
    with scanner_for(scanner, settings) as work:
        info, packets = work.packets(place, cancel=cancel)
    pts = planned_pts(info, packets, settings.keyframes)
    if not len(pts):
        raise NothingFoundError(
            f"no frame is shown in the time asked for: the video is {info.duration:g} s long",
            path=path,
            remedy="choose another --from or --to",
        )
    asked = settings.keyframes.model_dump(mode="json", include={"all", "every", "start", "end"})
    selection = KeyframesSelection(frames=(), shots=(), similarity=1.0, distinct=len(pts), settings=asked)
    index = Index(
        video=info,
        content=content,
        frames=FRAMES.empty_table(),
        shots=SHOTS.empty_table(),
        faces=FACES.empty_table(),
        layers=frozenset(),
        parameters={},
        models={},
        report=ScanReport(settings.scan.effort, info.frame_count, 0, 0, 0.0, 0.0),
        warnings=(),
        source=place if place != path else None,
    )
    return PlainResult(index, selection, (), settings, scanner, pts, packets)


def planned_pts(video: VideoInfo, packets: PacketIndex, which: KeyframesSettings) -> NDArray[np.int64]:
    """The pts to take out, in rising order, from the packets alone.

    ``every`` seconds: the first frame at or after each multiple of them, counted from ``start`` (or the first frame).
    ``every`` frames: each n-th of the frames from there. Times are exact, whatever the frame rate does.
    """
    base = video.time_base
    shown = packets.presentation_pts
    start = Fraction(str(which.start)) if which.start is not None else Fraction(0)
    first = video.start_pts + _ceil(start / base)
    inside = shown[shown >= first] if which.start is not None else shown
    if which.end is not None:
        inside = inside[inside < video.start_pts + _ceil(Fraction(str(which.end)) / base)]
    if which.every is None:
        return inside
    number = Fraction(which.every[:-1])
    if which.every.endswith("f"):
        return inside[:: int(number)]
    return np.fromiter(_firsts(inside.tolist(), video.start_pts + start / base, number / base), np.int64)


def _firsts(pts: Sequence[int], origin: Fraction, step: Fraction) -> Iterator[int]:
    """The first of ``pts`` at or after each of ``origin + k * step``."""
    due = origin
    for number, p in enumerate(pts):
        if p >= due or not number:
            yield p
            due = origin + ((p - origin) // step + 1) * step


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


def _frame(pts: int, time: float, file: str | None = None, size: tuple[int, int] | None = None) -> dict[str, Any]:
    """A frame in the result; what would have to be measured is null."""
    return {
        "file": file,
        "time": time,
        "pts": pts,
        "score": None,
        "reasons": {},
        "rank": None,
        "bbox": None,
        "faces": [],
        "width": None if size is None else size[0],
        "height": None if size is None else size[1],
    }
