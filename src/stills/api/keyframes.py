"""Frames that differ, the best of their near-equals; or every frame, with no choosing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stills.api.results import FramesResult, PathLike, all_fallbacks, output_options
from stills.api.videos import index_of
from stills.index.index import Index
from stills.settings import change_settings, load_settings
from stills.types import KeyframesSelection, Layer, ProgressCallback

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.scan.scanner import Scanner
    from stills.select.keyframes import KeyframesOptions
    from stills.settings import Settings

LAYERS: frozenset[Layer] = frozenset({"signals"})
"""What has to be measured for it."""


@dataclass(frozen=True, slots=True)
class KeyframesResult(FramesResult[KeyframesSelection]):
    """The key frames of a video. :meth:`save` writes their pictures; the values are here already."""

    def to_json(self) -> dict[str, Any]:
        """The result as ``keyframes.json`` holds it (schema ``stills/keyframes/1``), before pictures have files."""
        from stills.render.frames import keyframes_document

        return self._documented(keyframes_document)


def keyframes(
    video: PathLike | Index,
    *,
    settings: Settings | None = None,
    scanner: Scanner | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    **options: Any,
) -> KeyframesResult:
    """The frames of ``video`` (a file, or its index) that differ from each other, the best of their near-equals.

    Arguments and errors are those of :func:`scan`; options are settings by name, for example ``target=8``,
    ``similarity=0.9``, ``preset="screen"``, ``start="1:30"``. An index answers in milliseconds; one without the layer
    ``"signals"`` is refused with ``UsageError``, and so are options that contradict each other.

    ``all=True`` and ``every="2s"`` (or ``"10f"``) take frames with no choosing and no scan: their scores are 0, and
    they are decoded when the result is saved, any number of them in little memory.
    """
    chosen = change_settings(settings or load_settings(), "keyframes", **options)
    which = keyframes_options(chosen)
    if chosen.keyframes.plain:
        from stills.api.plain import plain_keyframes

        return plain_keyframes(video, chosen, scanner, cancel)
    from stills.select.keyframes import select_keyframes

    index = index_of(video, LAYERS, chosen, scanner=scanner, on_progress=on_progress, cancel=cancel)
    selection = select_keyframes(index, which)
    return KeyframesResult(index, selection, all_fallbacks(index, selection.fallbacks, chosen), chosen, scanner)


def keyframes_options(settings: Settings) -> KeyframesOptions:
    """What to select. Raises ``UsageError`` for what no video can answer or what cannot be written."""
    from stills.select.keyframes import KeyframesOptions

    output_options(settings)
    k = settings.keyframes
    return KeyframesOptions(
        preset=k.preset,
        similarity=k.similarity,
        target=k.target,
        per_shot=k.per_shot,
        min_gap=k.min_gap,
        window=k.window,
        start=k.start,
        end=k.end,
        weights=k.weights,
    )
