"""The one best frame with a large face."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.api.results import PathLike, Result, Saving, all_fallbacks, output_options, scanner_for
from stills.api.videos import index_of
from stills.index.index import Index
from stills.settings import change_settings, load_settings
from stills.types import Layer, Pick, ProgressCallback
from stills.types_portrait import PortraitSelection, StepReport

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stills.cancel import CancelToken
    from stills.render.pictures import OutputOptions
    from stills.scan.scanner import Scanner
    from stills.select.portrait import PortraitOptions
    from stills.settings import Settings

LAYERS: frozenset[Layer] = frozenset({"faces"})
"""What has to be measured for it."""


@dataclass(frozen=True, slots=True)
class PortraitResult(Result[PortraitSelection]):
    """The portrait of a video. :meth:`save` writes its picture; the values are here already.

    ``steps`` are where it was looked for, in order; none where an index was given.
    """

    steps: tuple[StepReport, ...] = ()

    @property
    def frame(self) -> Pick | None:
        """The frame, or ``None`` (:attr:`reason` says why). The cover picture in the file has the pts ``COVER_PTS``."""
        return self.selection.frame

    @property
    def reason(self) -> str | None:
        """Why there is no frame."""
        return self.selection.reason

    @property
    def qualified(self) -> bool:
        """Whether a face is as large and as good as asked."""
        return self.selection.qualified

    def to_json(self) -> dict[str, Any]:
        """The result as ``portrait.json`` holds it (schema ``stills/portrait/1``), before its picture has a file."""
        from stills.render.portrait import portrait_document

        document = self._documented(portrait_document)
        document["scan"]["steps"] = [asdict(step) for step in self.steps]
        return document

    def _pts(self) -> list[int]:
        return [] if self.frame is None else [self.frame.pts]

    def _write(
        self, out: Path, stem: str, pictures: Mapping[int, NDArray[Any]], options: OutputOptions, saving: Saving
    ) -> list[Path]:
        from stills.render.portrait import write_portrait

        return write_portrait(out, stem, self.to_json(), pictures, options, on_picture=saving.on_picture)


def portrait(
    video: PathLike | Index,
    *,
    settings: Settings | None = None,
    scanner: Scanner | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    **options: Any,
) -> PortraitResult:
    """The frame of ``video`` (a file, or its index) that shows a large face best.

    Arguments and errors are those of :func:`scan`; options are settings by name, for example ``min_face="20%"``,
    ``prefer={"smile": 0.5}``, ``if_none="skip"``. The effort is ``portrait.effort``: with ``fast``, the default, the
    cover picture, key frames, scenes and what is near the best are looked at in this order until a frame qualifies; the
    others look at everything. An index answers in milliseconds; one without the layer ``"faces"`` is refused with
    ``UsageError``.
    """
    from stills.select.portrait import select_portrait

    chosen = portrait_settings(change_settings(settings or load_settings(), "portrait", **options))
    which = portrait_options(chosen)
    steps: tuple[StepReport, ...] = ()
    if isinstance(video, Index):
        index = index_of(video, LAYERS, chosen, scanner=scanner, on_progress=on_progress, cancel=cancel)
    else:
        from stills.scan.portrait import PortraitSearch

        with scanner_for(scanner, chosen) as work:
            search = PortraitSearch(work, os.fspath(video), chosen, which, on_progress, cancel)
            index, steps = search.run(), tuple(search.steps)
    selection = select_portrait(index, which)
    fallbacks = all_fallbacks(index, selection.fallbacks, chosen)
    return PortraitResult(index, selection, fallbacks, chosen, scanner, steps)


def portrait_settings(settings: Settings) -> Settings:
    """``settings`` with the effort of the portrait as that of the scan."""
    effort = settings.portrait.effort
    return settings.model_copy(update={"scan": settings.scan.model_copy(update={"effort": effort})})


def portrait_options(settings: Settings) -> PortraitOptions:
    """What to select. Raises ``UsageError`` for what no video can answer or what cannot be written."""
    from stills.select.portrait import PortraitOptions, check_options

    output_options(settings)
    p = settings.portrait
    options = PortraitOptions(
        min_face=p.min_face,
        min_quality=p.min_quality,
        if_none=p.if_none,
        cover=p.cover,
        weights=p.weights,
        prefer=p.prefer,
        runners_up=p.runners_up,
    )
    check_options(options)
    return options
