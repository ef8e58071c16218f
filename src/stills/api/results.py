"""What the recipes share: a result has its values at once, and writes its pictures when it is saved."""

from __future__ import annotations

import contextlib
import os
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from stills.errors import StrictError
from stills.index.index import Index
from stills.types import (
    CastSelection,
    Fallback,
    KeyframesSelection,
    PeopleSelection,
    Pick,
    Progress,
    ProgressCallback,
    ScanReport,
    Shot,
    ThumbnailsSelection,
    VideoInfo,
)
from stills.types_portrait import PortraitSelection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stills.cancel import CancelToken
    from stills.render.pictures import OutputOptions
    from stills.scan.scanner import Scanner
    from stills.settings import Settings

PathLike: TypeAlias = str | os.PathLike[str]
OnPicture: TypeAlias = Callable[[int, int], None]
"""Called with how many pictures are prepared, and of how many."""

Selected = TypeVar(
    "Selected", bound=PeopleSelection | CastSelection | KeyframesSelection | ThumbnailsSelection | PortraitSelection
)
Chosen = TypeVar("Chosen", bound=KeyframesSelection | ThumbnailsSelection)


class OfIndex:
    """What every answer says of the ``index`` that it was made from."""

    __slots__ = ()
    index: Index

    @property
    def video(self) -> VideoInfo:
        """The video that was looked at."""
        return self.index.video

    @property
    def scan(self) -> ScanReport:
        """How much of the video was looked at."""
        return self.index.report

    @property
    def partial(self) -> bool:
        """Whether only a part of the video could be read; :attr:`warnings` say why."""
        return self.index.partial

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the video, and what went wrong in scanning it."""
        return self.index.all_warnings


@dataclass(frozen=True, slots=True)
class Saving:
    """A result being written: who decodes for it, and who wants to know or may stop it."""

    scanner: Scanner
    on_picture: OnPicture
    on_progress: ProgressCallback | None
    cancel: CancelToken | None


@dataclass(frozen=True, slots=True)
class Result(OfIndex, Generic[Selected]):
    """The answer to one question about one video. :meth:`save` writes its pictures; the values are here already."""

    index: Index
    selection: Selected
    fallbacks: tuple[Fallback, ...]
    settings: Settings = field(repr=False)
    _scanner: Scanner | None = field(default=None, repr=False)

    @property
    def shots(self) -> tuple[Shot, ...]:
        """The shots of the video."""
        return self.selection.shots

    def _documented(self, make: Callable[..., dict[str, Any]]) -> dict[str, Any]:
        """What ``make``, a recipe's document of :mod:`stills.render`, says of this result."""
        return make(
            self.video,
            self.selection,
            self.scan,
            self.index.models,
            {**self.selection.settings, "effort": self.settings.scan.effort},
            self.fallbacks,
            warnings=self.index.warnings,
            partial=self.index.partial,
        )

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The result as its JSON file holds it, before pictures have files."""

    @abstractmethod
    def _pts(self) -> list[int]:
        """The frames that are written, in rising order."""

    def _options(self) -> OutputOptions:
        """How the pictures are written."""
        return output_options(self.settings)

    @abstractmethod
    def _write(
        self, out: Path, stem: str, pictures: Mapping[int, NDArray[Any]], options: OutputOptions, saving: Saving
    ) -> list[Path]:
        """Write the pictures and the JSON file."""

    def save(
        self,
        out: PathLike,
        *,
        name: str | None = None,
        on_progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> list[Path]:
        """Write ``OUT/<name>/<recipe>.json`` and the pictures in ``OUT/<name>/<recipe>/``; the paths, the JSON last.

        ``name`` is the folder for this video, by default the stem of its file. ``on_progress`` is called for each
        picture. Raises ``OutputError``, ``CorruptVideoError`` where a picked frame cannot be decoded any more,
        ``CancelledError``: then what was there before is untouched.
        """
        from stills.render.names import stem_of
        from stills.scan.ahead import PicturesAhead

        with scanner_for(self._scanner, self.settings) as scanner:
            depth = self.settings.output.bit_depth
            pictures = scanner.pictures(self.index, self._pts(), bit_depth=depth, cancel=cancel)
            stem = name or stem_of(self.video.path)
            told = picture_progress(self.video, on_progress, cancel)
            options = replace(self._options(), waiting_bytes=pictures.held_bytes)
            with PicturesAhead(pictures) as ahead:
                saving = Saving(scanner, told, on_progress, cancel)
                return self._write(Path(out), stem, ahead, options, saving)


@dataclass(frozen=True, slots=True)
class FramesResult(Result[Chosen]):
    """A result that is a list of frames, with the time line of the signals that they were chosen by."""

    @property
    def frames(self) -> tuple[Pick, ...]:
        """The chosen frames.

        Key frames are in order of time, and ``rank`` says which would be kept longest; thumbnails come best first, and
        the cover picture in the file has the pts ``COVER_PTS``.
        """
        return self.selection.frames

    def _documented(self, make: Callable[..., dict[str, Any]]) -> dict[str, Any]:
        from stills.render.timeline_values import index_timeline

        return {**Result._documented(self, make), "timeline": index_timeline(self.index)}

    def _pts(self) -> list[int]:
        return sorted({pick.pts for pick in self.frames})

    def _write(
        self, out: Path, stem: str, pictures: Mapping[int, NDArray[Any]], options: OutputOptions, saving: Saving
    ) -> list[Path]:
        from stills.render.frames import write_frames

        return write_frames(out, stem, self.to_json(), pictures, options, on_picture=saving.on_picture)


def picture_progress(video: VideoInfo, on_progress: ProgressCallback | None, cancel: CancelToken | None) -> OnPicture:
    """What is called for each picture: it tells ``on_progress``, and raises where ``cancel`` was used."""
    started = time.monotonic()

    def on_picture(done: int, total: int) -> None:
        if cancel is not None:
            cancel.check()
        if on_progress is not None:
            elapsed = time.monotonic() - started
            on_progress(Progress("render", video.path, video.duration * done / max(1, total), video.duration, elapsed))

    return on_picture


def output_options(settings: Settings, *, thumbnails: bool = False) -> OutputOptions:
    """How pictures are written. Raises ``UsageError`` where the settings contradict each other or this machine."""
    from stills.render.pictures import OutputOptions

    if thumbnails:
        return OutputOptions.of(settings.output, aspect=settings.thumbnails.aspect, preview=settings.thumbnails.preview)
    return OutputOptions.of(settings.output)


def all_fallbacks(index: Index, more: Sequence[Fallback], settings: Settings) -> tuple[Fallback, ...]:
    """Those of the scan, and ``more``. Raises ``StrictError`` where there are any and none is accepted."""
    fallbacks = (*index.fallbacks, *more)
    if settings.strict and fallbacks:
        raise StrictError(fallbacks[0].message, path=index.video.path, remedy="leave out --strict to accept this")
    return fallbacks


@contextlib.contextmanager
def scanner_for(given: Scanner | None, settings: Settings) -> Iterator[Scanner]:
    """The scanner that was given, or one for this call."""
    if given is not None:
        yield given.configured(settings)
        return
    from stills.scan.scanner import Scanner

    with Scanner(settings) as own:
        yield own
