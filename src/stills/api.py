"""The verbs that everyone remembers: probe, scan, people, report, forget. Each is a few calls into the layers below."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from stills.errors import OutputError, StrictError
from stills.index.index import Index
from stills.settings import change_settings, load_settings
from stills.types import (
    Fallback,
    Layer,
    PeopleSelection,
    Person,
    Progress,
    ProgressCallback,
    ScanReport,
    Shot,
    VideoInfo,
)

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.scan.scanner import Scanner
    from stills.settings import Settings

PathLike: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class PeopleResult:
    """The people of a video. :meth:`save` writes their pictures; the values are here already."""

    index: Index
    selection: PeopleSelection
    fallbacks: tuple[Fallback, ...]
    settings: Settings = field(repr=False)
    _scanner: Scanner | None = field(default=None, repr=False)

    @property
    def video(self) -> VideoInfo:
        """The video that was looked at."""
        return self.index.video

    @property
    def people(self) -> tuple[Person, ...]:
        """The people, longest on screen first."""
        return self.selection.people

    @property
    def shots(self) -> tuple[Shot, ...]:
        """The shots of the video."""
        return self.selection.shots

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

    def to_json(self) -> dict[str, Any]:
        """The result as ``people.json`` holds it (schema ``stills/people/1``), before pictures have files."""
        from stills.render.results import people_document

        settings = {**self.selection.settings, "effort": self.settings.scan.effort}
        return people_document(
            self.video,
            self.selection,
            self.scan,
            self.index.models,
            settings,
            self.fallbacks,
            warnings=self.index.warnings,
            partial=self.index.partial,
        )

    def save(
        self,
        out: PathLike,
        *,
        name: str | None = None,
        on_progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> list[Path]:
        """Write ``OUT/<name>/people.json`` and its pictures; the paths, the JSON last.

        ``name`` is the folder for this video, by default the stem of its file. ``on_progress`` is called for each
        picture. Raises ``OutputError``, ``CorruptVideoError`` where a picked frame cannot be decoded any more,
        ``CancelledError``: then what was there before is untouched.
        """
        from stills.render.names import stem_of
        from stills.render.pictures import OutputOptions
        from stills.render.results import write_people

        output = self.settings.output
        options = OutputOptions(output.format, output.quality, output.fit_size, output.fit_mode, output.crops)
        pts = sorted({pick.pts for person in self.people for pick in person.stills})
        with _scanner(self._scanner, self.settings) as scanner:
            pictures = scanner.pictures(self.index, pts, cancel=cancel)
            stem = name or stem_of(self.video.path)
            started, duration = time.monotonic(), self.video.duration

            def on_picture(done: int, total: int) -> None:
                if cancel is not None:
                    cancel.check()
                if on_progress is not None:
                    elapsed = time.monotonic() - started
                    on_progress(Progress("render", self.video.path, duration * done / total, duration, elapsed))

            return write_people(Path(out), stem, self.to_json(), pictures, options, on_picture=on_picture)


def probe(video: PathLike) -> VideoInfo:
    """What ``video`` is: display size, duration, frame rate, codec, HDR. Decodes a frame at most.

    Untrusted files are probed in a child process. Raises ``InputError`` and its children.
    """
    from stills.scan.scanner import Scanner

    with Scanner(load_settings()) as scanner:
        return scanner.probe(os.fspath(video))


def scan(
    video: PathLike,
    *,
    layers: Iterable[Layer] = ("faces",),
    settings: Settings | None = None,
    scanner: Scanner | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    **options: Any,
) -> Index:
    """Measure ``video``, or find what was measured of it before.

    Args:
        video: A local file.
        layers: What to measure.
        settings: All settings; by default those of the environment.
        scanner: Worker processes to use; by default some of its own, ended with the call.
        on_progress: Called with a :class:`~stills.types.Progress` some ten times a second.
        cancel: Cancels the call from another thread.
        **options: Single settings by name, such as ``effort="fast"``.

    Raises:
        InputError: The file is missing, or there is no video in it (``NotAVideoError``, ``CorruptVideoError``).
        SettingsError: An option is unknown or has a value that is not allowed.
        ModelError: A model cannot be had.
        CancelledError: ``cancel`` was used.
    """
    chosen = change_settings(settings or load_settings(), **options)
    with _scanner(scanner, chosen) as work:
        return work.scan(os.fspath(video), layers=layers, on_progress=on_progress, cancel=cancel)


def people(
    video: PathLike | Index,
    *,
    settings: Settings | None = None,
    scanner: Scanner | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    **options: Any,
) -> PeopleResult:
    """The best frame of every person in ``video`` (a file, or its index).

    Arguments and errors are those of :func:`scan`; options are settings by name, for example ``min_face="3%"``,
    ``per_person=3``, ``similarity=0.5``, ``fit="1080p"``. An index answers in milliseconds.
    """
    from stills.select.people import PeopleOptions, select_people

    chosen = change_settings(settings or load_settings(), **options)
    if isinstance(video, Index):
        index = video
    else:
        index = scan(video, settings=chosen, scanner=scanner, on_progress=on_progress, cancel=cancel)
    p = chosen.people
    who = PeopleOptions(
        min_face=p.min_face_size.pixels(index.video.width, index.video.height),
        min_screen_time=p.min_screen_time,
        max_people=p.max_people,
        similarity=p.similarity,
        per_person=p.per_person,
        runners_up=p.runners_up,
    )
    selection = select_people(index, who)
    fallbacks = (*index.fallbacks, *selection.fallbacks)
    if chosen.strict and fallbacks:
        raise StrictError(fallbacks[0].message, path=index.video.path, remedy="leave out --strict to accept this")
    if not chosen.embeddings:
        from stills.index.privacy import without_embeddings

        # Whom this answer leaves out, a later one may ask for.
        everybody = select_people(index, replace(who, min_screen_time=0.0, max_people=None))
        index = without_embeddings(index, everybody, chosen.cache_folder)
    return PeopleResult(index, selection, fallbacks, chosen, scanner)


def is_scanned(video: PathLike, *, settings: Settings | None = None, **options: Any) -> bool:
    """Whether :func:`scan` would answer from the index. Raises ``InputError`` where the file cannot be read."""
    from stills.media.source import content_id
    from stills.scan.scanner import Scanner

    chosen = change_settings(settings or load_settings(), **options)
    return Scanner(chosen).find(content_id(video), ("faces",)) is not None


def forget(video: PathLike, *, out: PathLike | None = None, settings: Settings | None = None) -> list[Path]:
    """Erase the index of ``video`` and, with ``out``, what was written about it there; the erased paths.

    A video that is gone is known by the path it was scanned at. Files in ``out`` that stills did not write stay. Raises
    ``OutputError`` where something cannot be erased.
    """
    from stills.index.store import IndexStore
    from stills.media.source import content_id
    from stills.render.report import results_of
    from stills.render.results import erase_results

    store = IndexStore((settings or load_settings()).cache_folder)
    erased: list[Path] = []
    path = os.fspath(video)
    try:
        for content in [content_id(path)] if Path(path).exists() else store.contents_at(path):
            if store.forget(content):
                erased.append(store.root / content)
        for folder in results_of(Path(out), path) if out is not None else ():
            erase_results(folder)
            erased.append(folder)
    except OSError as error:
        raise OutputError(f"could not be erased: {error.strerror}", path=error.filename or path) from error
    return erased


def render_report(out: PathLike) -> Path:
    """Build ``OUT/report.html`` from the results under ``out``; its path. Raises ``OutputError``."""
    from stills.render.report import build_report

    return build_report(Path(out))


@contextlib.contextmanager
def _scanner(given: Scanner | None, settings: Settings) -> Iterator[Scanner]:
    """The scanner that was given, or one for this call."""
    if given is not None:
        yield given.configured(settings)
        return
    from stills.scan.scanner import Scanner

    with Scanner(settings) as own:
        yield own
