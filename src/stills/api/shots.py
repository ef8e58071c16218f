"""The shots of a video: where one camera's run of frames ends and the next begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.api.results import OfIndex, PathLike, all_fallbacks
from stills.api.videos import index_of
from stills.index.index import Index
from stills.settings import change_settings, load_settings
from stills.types import Fallback, Layer, ProgressCallback, Shot

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.render.timelines import ShotList
    from stills.scan.scanner import Scanner
    from stills.settings import Settings

LAYERS: frozenset[Layer] = frozenset({"shots"})
"""What is measured of a file: every frame is looked at, and no model is needed. Any index has shots, though."""


@dataclass(frozen=True, slots=True)
class ShotsResult(OfIndex):
    """The shots of a video. :meth:`save` writes them in the formats of editing programs, players and spreadsheets."""

    index: Index
    fallbacks: tuple[Fallback, ...]
    settings: Settings = field(repr=False)

    @property
    def shots(self) -> tuple[Shot, ...]:
        """The shots in order of time; the first begins at 0, and none but the last ends where no other begins."""
        return tuple(Shot(row.start, row.end, row.transition_in) for row in self.listed.shots)

    @property
    def listed(self) -> ShotList:
        """The shots as the formats of :mod:`stills.render.timelines` take them."""
        from stills.render.shots import shot_list
        from stills.render.timelines.shotlist import shot_rows

        return shot_list(
            self.video,
            shot_rows(self.index),
            self.scan,
            self.index.models,
            {"effort": self.settings.scan.effort},
            self.fallbacks,
            warnings=self.index.warnings,
            partial=self.partial,
        )

    def to_json(self) -> dict[str, Any]:
        """The result as ``shots.json`` holds it (schema ``stills/shots/1``), before there are files."""
        return dict(self.listed.document)

    def notes(self, formats: Sequence[str]) -> list[str]:
        """What of these shots ``formats`` cannot hold, in words for people. Raises ``UsageError`` as :meth:`save`."""
        from stills.render.shots import check_formats
        from stills.render.timelines import FORMATS

        listed = self.listed
        return [note for name in check_formats(formats) for note in FORMATS[name].notes(listed)]

    def save(self, out: PathLike, *, formats: Sequence[str] = ("json",), name: str | None = None) -> list[Path]:
        """Write ``OUT/<name>/shots.json`` and the timelines of ``formats``; the paths, the JSON last.

        ``formats`` are of ``json`` (always written), ``csv``, ``edl`` (CMX 3600), ``otio`` (OpenTimelineIO) and ``vtt``
        (WebVTT chapters). ``name`` is the folder for this video, by default the stem of its file. Raises ``UsageError``
        for another format, ``OutputError`` where a file cannot be written.
        """
        from stills.render.names import stem_of
        from stills.render.shots import write_shots

        return write_shots(Path(out), name or stem_of(self.video.path), self.listed, formats)


def shots(
    video: PathLike | Index,
    *,
    settings: Settings | None = None,
    scanner: Scanner | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    **options: Any,
) -> ShotsResult:
    """The shots of ``video`` (a file, or its index): cuts, dissolves and fades.

    Arguments and errors are those of :func:`scan`; options are settings by name, for example ``effort="exhaustive"``.
    Any index will do, and answers in milliseconds; that shots are rough, as those of the effort ``fast`` are, is said
    in ``fallbacks``.
    """
    chosen = change_settings(settings or load_settings(), **options)
    layers = frozenset[Layer]() if isinstance(video, Index) else LAYERS
    index = index_of(video, layers, chosen, scanner=scanner, on_progress=on_progress, cancel=cancel)
    return ShotsResult(index, all_fallbacks(index, _sampled(index), chosen), chosen)


def _sampled(index: Index) -> list[Fallback]:
    """That not every frame was looked at, where it was not."""
    if index.parameters.get("decode") == "sparse":
        said = "only key frames and suspected cuts were looked at: shots may be missing, and borders early or late"
        return [Fallback("sampled-shots", said)]
    if "shots" not in index.layers:
        return [Fallback("sampled-shots", "not every frame was looked at: borders may be a few frames late")]
    return []
