"""The most engaging frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stills.api.results import FramesResult, PathLike, all_fallbacks, output_options
from stills.api.videos import index_of
from stills.index.index import Index
from stills.settings import change_settings, load_settings
from stills.types import Layer, ProgressCallback, ThumbnailsSelection

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.render.pictures import OutputOptions
    from stills.scan.scanner import Scanner
    from stills.select.thumbnails import ThumbnailsOptions
    from stills.settings import Settings


@dataclass(frozen=True, slots=True)
class ThumbnailsResult(FramesResult[ThumbnailsSelection]):
    """The best thumbnails of a video. :meth:`save` writes their pictures; the values are here already."""

    def to_json(self) -> dict[str, Any]:
        """The result as ``thumbnails.json`` holds it (schema ``stills/thumbnails/1``), before pictures have files."""
        from stills.render.frames import thumbnails_document

        return self._documented(thumbnails_document)

    def _options(self) -> OutputOptions:
        return output_options(self.settings, thumbnails=True)


def thumbnails(
    video: PathLike | Index,
    *,
    settings: Settings | None = None,
    scanner: Scanner | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    **options: Any,
) -> ThumbnailsResult:
    """The frames of ``video`` (a file, or its index) that make one want to watch it, best first.

    Arguments and errors are those of :func:`scan`; options are settings by name, for example ``count=3``,
    ``aspect="9:16"``, ``emotions={"happy": 1}``, ``expression=False``. An index answers in milliseconds; one without
    the layers ``"signals"``, ``"faces"`` and, unless it is not wanted, ``"expression"`` is refused with ``UsageError``.
    """
    from stills.select.thumbnails import select_thumbnails

    chosen = change_settings(settings or load_settings(), "thumbnails", **options)
    which = thumbnails_options(chosen)
    layers = thumbnail_layers(chosen)
    # A few good frames need no frame of each shot: with the effort fast, key frames do.
    index = index_of(video, layers, chosen, scanner=scanner, on_progress=on_progress, cancel=cancel, quick=True)
    selection = select_thumbnails(index, which)
    return ThumbnailsResult(index, selection, all_fallbacks(index, selection.fallbacks, chosen), chosen, scanner)


def thumbnail_layers(settings: Settings) -> frozenset[Layer]:
    """What has to be measured for the thumbnails that ``settings`` ask for."""
    always: frozenset[Layer] = frozenset({"signals", "faces"})
    return always | {"expression"} if settings.thumbnails.expression else always


def thumbnails_options(settings: Settings) -> ThumbnailsOptions:
    """What to select. Raises ``UsageError`` for what no video can answer or what cannot be written."""
    from stills.select.thumbnail_parts import emotion_weights, part_weights
    from stills.select.thumbnails import ThumbnailsOptions

    output_options(settings, thumbnails=True)
    t = settings.thumbnails
    emotion_weights(t.emotions)
    part_weights(t.weights)
    return ThumbnailsOptions(
        count=t.count,
        expression=t.expression,
        emotions=t.emotions,
        weights=t.weights,
        avoid_edges=t.avoid_edges,
        cover=t.cover,
        aspect=t.aspect,
    )
