"""The pictures that a result names, as the report shows them: small copies, and links that stay in the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stills.render.embed import Thumbnail, thumbnail
from stills.render.metadata import clock
from stills.render.view_words import label


@dataclass(frozen=True, slots=True)
class PictureView:
    """A still: ``thumb`` is None where the file is gone; ``href`` is relative to the report."""

    href: str | None
    thumb: Thumbnail | None
    alt: str
    time: str
    score: str
    crop: str | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """From what a result names to files and links, for the results in ``out / folder``.

    ``back`` leads from the page to ``out``: ``"../"`` for one that is in a folder there.
    """

    out: Path
    folder: str
    back: str = ""

    def path(self, file: object) -> Path | None:
        """The named file; None where there is none, or where it is outside of the output folder."""
        if not isinstance(file, str) or "\0" in file:
            return None
        path = (self.out / self.folder / file).resolve()
        return path if path.is_relative_to(self.out.resolve()) and path.is_file() else None

    def href(self, file: str) -> str:
        """A relative link from the report, every odd character escaped, so that it is never taken for a scheme."""
        return quote(os.fsencode(f"{self.back}{self.folder}/{file}"), safe="/")


def picture_count(document: object) -> int:
    """How many pictures a result names."""
    return sum(1 for _ in named_pictures(document))


def picture_view(still: dict[str, Any], what: str, links: Links, edge: int) -> PictureView:
    """What is shown of ``still``, an object that names a ``file``; ``what`` says what it is."""
    path = links.path(still.get("file"))
    crop = still.get("crop") if links.path(still.get("crop")) else None
    time, score = still.get("time"), still.get("score")
    at = "" if time is None else clock(float(time))
    return PictureView(
        href=links.href(still["file"]) if path else None,
        thumb=thumbnail(path, edge, still.get("face")) if path else None,
        alt=f"{label(what)}{f', at {at}' if at else ''}",
        time=at,
        score="" if score is None else f"{float(score):.2f}",
        crop=links.href(crop) if crop else None,
    )


def named_pictures(value: object) -> Iterator[dict[str, Any]]:
    """Every object in a result that names a ``file``, in order; ``still``, the first of ``stills``, is not repeated."""
    if isinstance(value, dict):
        if isinstance(value.get("file"), str):
            yield value
        for key, inner in value.items():
            if not (key == "still" and "stills" in value):
                yield from named_pictures(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from named_pictures(inner)
