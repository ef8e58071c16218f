"""What all results have in common as JSON: the video, the scan, fallbacks, picks; and their published schemas."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, TypeVar

import numpy as np

from stills._version import __version__
from stills.errors import UsageError
from stills.types import Box, Fallback, Pick, ScanReport, Shot, VideoInfo

Document: TypeAlias = dict[str, Any]
"""A result as JSON values."""

_Item = TypeVar("_Item")

_CHUNKS = 4096
"""Pieces of text that are written at once; a number or a key is one."""

_SECONDS = 6
_SHARE = 4
"""Decimals of scores and shares: a hundredth of a percent is beyond what any of them can tell."""

_PIXELS = 1
_SCHEMAS = "schemas/{}.schema.json"


def result_head(  # noqa: PLR0917 - a document is made of what its parts are
    recipe: str,
    info: VideoInfo,
    report: ScanReport,
    models: Mapping[str, Any],
    settings: Mapping[str, Any],
    fallbacks: Sequence[Fallback],
    *,
    warnings: Sequence[str] = (),
    partial: bool = False,
) -> Document:
    """What every result begins with; its schema is ``stills/<recipe>/1``.

    ``settings`` and ``models`` may hold mappings, sequences, numbers, text, paths and fractions, nested as they like.
    ``warnings`` are added to those of ``info``.
    """
    return {
        "schema": f"stills/{recipe}/1",
        "generator": f"stills {__version__}",
        "video": video_values(info),
        "settings": json_values(settings),
        "models": json_values(models),
        "scan": scan_values(report),
        "fallbacks": [{"code": f.code, "message": f.message} for f in fallbacks],
        "warnings": list(dict.fromkeys([*info.warnings, *warnings])),
        "partial": partial,
    }


def video_values(info: VideoInfo) -> Document:
    """The ``video`` part that all results share."""
    rate = info.frame_rate
    return {
        "path": info.path,
        "duration": time_value(info.duration),
        "width": info.width,
        "height": info.height,
        "rotation": info.rotation,
        "frame_rate": None if rate is None else round(float(rate), 6),
        "frame_rate_exact": None if rate is None else f"{rate.numerator}/{rate.denominator}",
        "variable_frame_rate": info.variable_frame_rate,
        "codec": info.codec,
        "hdr": info.hdr,
        "container": info.container,
        "bit_depth": info.bit_depth,
        "bit_rate": info.bit_rate,
        "file_size": info.file_size,
        "time_base": f"{info.time_base.numerator}/{info.time_base.denominator}",
        "start_pts": info.start_pts,
        "has_audio": info.has_audio,
        "has_cover_art": info.has_cover_art,
    }


def scan_values(report: ScanReport) -> Document:
    """The ``scan`` part that all results share: how much was looked at."""
    return {
        "effort": report.effort,
        "frames_total": report.frames_total,
        "frames_decoded": report.frames_decoded,
        "frames_analysed": report.frames_analysed,
        "coverage": share_value(report.coverage),
        "seconds": round(report.seconds, 3),
        "cached": report.cached,
    }


def shot_values(shots: Sequence[Shot]) -> list[Document]:
    """The ``shots`` part."""
    return [{"start": time_value(s.start), "end": time_value(s.end), "transition_in": s.transition_in} for s in shots]


def pick_values(pick: Pick) -> Document:
    """What is said of a chosen frame in every result; ``file`` is null until it is rendered."""
    return {
        "file": pick.file,
        "time": time_value(pick.time),
        "pts": pick.pts,
        "score": share_value(pick.score),
        "reasons": {name: share_value(value) for name, value in pick.reasons.items()},
        "bbox": None if pick.box is None else box_value(pick.box),
    }


def time_value(seconds: float) -> float:
    """Seconds to the microsecond."""
    return round(float(seconds), _SECONDS)


def share_value(share: float) -> float:
    """A score or share, 0…1."""
    return round(float(share), _SHARE)


def box_value(box: Box) -> list[float]:
    """x, y, width, height in pixels."""
    return [round(float(v), _PIXELS) for v in box]


def json_values(value: Any) -> Any:
    """``value`` as plain JSON values, a copy. Raises ``TypeError`` for what is none of those that can be."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): json_values(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        several = sorted(value) if isinstance(value, set | frozenset) else value
        return [json_values(one) for one in several]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, int | float):
        return value
    if isinstance(value, Fraction | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a result")


def to_json(document: Document) -> bytes:
    """``document`` as UTF-8 JSON, one key a line; the same document gives the same bytes.

    Raises ``ValueError`` for a number that is not finite. A file name that is not valid Unicode is kept by escapes.
    """
    file = io.BytesIO()
    write_json(file, document)
    return file.getvalue()


def write_json(file: BinaryIO, document: Document) -> None:
    """Write :func:`to_json` of ``document`` into ``file`` as it is made: a long list may be :class:`Lazy`."""
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=2)
    chunks = encoder.iterencode(document)
    while some := "".join(islice(chunks, _CHUNKS)):
        # \udcff is at once Python's and JSON's escape of a lone surrogate
        file.write(some.encode("utf-8", "backslashreplace"))
    file.write(b"\n")


class Lazy(list[Document]):
    """A list for JSON whose values are made when they are written: those of ``make`` for each of ``items``."""

    def __init__(self, items: Sequence[_Item], make: Callable[[_Item], Document]) -> None:
        """``items`` are kept as they are; hundreds of thousands of documents would take hundreds of megabytes."""
        super().__init__()
        self._items: Sequence[Any] = items
        self._make: Callable[[Any], Document] = make

    def __len__(self) -> int:
        """Number of items."""
        return len(self._items)

    def __iter__(self) -> Iterator[Document]:
        """The values, one after another."""
        return map(self._make, self._items)


def schema_of(recipe: str) -> Document:
    """The published JSON Schema (draft 2020-12) of ``<recipe>.json``. Raises :class:`UsageError` for others."""
    folder = resources.files("stills.render")
    known = sorted(p.name.partition(".")[0] for p in folder.joinpath("schemas").iterdir() if p.name.endswith(".json"))
    if recipe not in known:
        raise UsageError(f"there is no schema of {recipe!r}", remedy=f"there are those of {', '.join(known)}")
    schema: Document = json.loads(folder.joinpath(_SCHEMAS.format(recipe)).read_text(encoding="utf-8"))
    return schema
