"""Asking a recipe of an index, for a job and for what a client asks afterwards."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.errors import NothingFoundError, UsageError
from stills.jobs.recipes import recipe_named
from stills.settings import change_settings

if TYPE_CHECKING:
    from stills.api.results import Result
    from stills.cancel import CancelToken
    from stills.index.index import Index
    from stills.scan.scanner import Scanner
    from stills.settings_model import Settings


_LIKELY: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("people", {}), ("keyframes", {}), ("keyframes", {"target": 40}), ("thumbnails", {"count": 20}), ("portrait", {}),
)  # fmt: skip
"""What clients are likely to ask of any video."""


def ask(
    recipe: str,
    index: Index | str,
    settings: Settings,
    *,
    scanner: Scanner | None = None,
    cancel: CancelToken | None = None,
    posters: Mapping[str, str] | None = None,
) -> Result[Any]:
    """The answer of ``recipe``; from an index nothing is decoded. Raises what the recipe raises.

    ``posters`` maps files to what clients call them, for recipes that look at some.
    """
    name = recipe_named(recipe).name
    function = getattr(importlib.import_module(f"stills.api.{name}"), name)
    more = {"posters": tuple(posters)} if posters else {}
    result: Result[Any] = function(index, settings=settings, scanner=scanner, cancel=cancel, **more)
    return with_poster_names(result, posters) if posters else result


def with_poster_names(result: Result[Any], names: Mapping[str, str]) -> Result[Any]:
    """``result`` with posters called as clients call them; where they are is known to those who read them alone."""

    def public(text: str) -> str:
        for path in sorted(names, key=len, reverse=True):  # …/1 begins …/10
            text = text.replace(path, names[path])
        return text

    posters = tuple(
        replace(one, path=names[one.path], source=one.path, error=None if one.error is None else public(one.error))
        for one in result.selection.posters
    )
    said = tuple(replace(one, message=public(one.message)) for one in result.fallbacks)
    return replace(result, selection=replace(result.selection, posters=posters), fallbacks=said)


def named(index: Index, name: str, place: str | None) -> Index:
    """``index`` of a video that clients call ``name``; ``place`` is where it is, for those who decode."""
    hidden = index.place

    def public(text: str) -> str:
        return text.replace(hidden, name)

    video = replace(index.video, path=name, warnings=tuple(map(public, index.video.warnings)))
    return replace(
        index,
        video=video,
        source=place,
        warnings=tuple(map(public, index.warnings)),
        fallbacks=tuple(replace(one, message=public(one.message)) for one in index.fallbacks),
    )


def picks_of(document: Mapping[str, Any]) -> tuple[int, ...]:
    """The pts of all frames that a recipe's JSON is about, rising: those chosen, and their runners-up."""
    return tuple(sorted(set(_pts(document))))


def likely(index: Index, settings: Settings) -> tuple[int, ...]:
    """The pts of what clients are likely to ask of an index, rising."""
    found: set[int] = set()
    for recipe, options in _LIKELY:
        with contextlib.suppress(NothingFoundError, UsageError):  # a layer that was not measured
            found.update(picks_of(ask(recipe, index, change_settings(settings, recipe, **options)).to_json()))
    return tuple(sorted(found))


def spilled(index: Index) -> tuple[int, ...]:
    """The pts of the frames that the scan kept, rising."""
    if index.folder is None:
        return ()
    stems = (path.stem for path in (Path(index.folder) / "spill").glob("*.raw"))
    return tuple(sorted(int(stem) for stem in stems if stem.lstrip("-").isdigit()))


_NO_PICKS = frozenset({"timeline", "reasons", "settings", "models", "shots", "scan", "video", "bbox", "faces"})
"""Parts of documents in which there are no frames: they may be long."""


def _pts(document: Any) -> Iterator[int]:
    left = [document]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            if "score" in value and isinstance(pts := value.get("pts"), int):
                yield pts
            left += [one for name, one in value.items() if name not in _NO_PICKS and isinstance(one, Mapping | list)]
        else:
            left += [one for one in value if isinstance(one, Mapping | list)]
