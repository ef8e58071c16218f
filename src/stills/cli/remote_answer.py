"""The result of a server as the result of a call: what is said of both is said by the same code."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stills.client.errors import not_understood
from stills.types import COVER_PTS, Fallback, Pick, Shot
from stills.types_portrait import StepReport

if TYPE_CHECKING:
    from stills.settings import Settings


@dataclass(frozen=True, slots=True)
class Video:
    """What is said of a video."""

    duration: float


@dataclass(frozen=True, slots=True)
class Scan:
    """What is said of a scan."""

    cached: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Selection:
    """What is said of a selection."""

    distinct: int
    similarity: float
    runners_up: tuple[Pick, ...]


@dataclass(frozen=True, slots=True)
class ShownFace:
    """A face on a poster, and whose it is."""

    person: int | None


@dataclass(frozen=True, slots=True)
class ShownPoster:
    """A poster."""

    faces: tuple[ShownFace, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What :mod:`stills.cli` says of results, read from a recipe's JSON: of any of them."""

    video: Video
    scan: Scan
    selection: Selection
    settings: Settings
    people: Sequence[Any]
    posters: tuple[ShownPoster, ...]
    frames: tuple[Pick, ...]
    frame: Pick | None
    reason: str | None
    qualified: bool
    steps: tuple[StepReport, ...]
    shots: tuple[Shot, ...]
    fallbacks: tuple[Fallback, ...]
    warnings: tuple[str, ...]
    partial: bool
    index: None = None
    """What was measured stays on the server."""


def answer_of(document: Mapping[str, Any], settings: Settings, place: str) -> Answer:
    """The result in ``document``, for ``settings``; ``place`` is the server's address.

    Raises ``RemoteError`` where it is another document than the recipe's.
    """
    try:
        return _answer(document, settings)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise not_understood(place, f"a result is told in another form ({type(error).__name__}: {error})") from error


def made_here(document: Mapping[str, Any], path: str, posters: Sequence[str]) -> dict[str, Any]:
    """``document`` as work on this machine would have written it: with the names that files have here."""
    named = {**document, "video": {**document["video"], "path": path}}
    shown = document.get("posters")
    if shown is not None and len(shown) == len(posters):
        named["posters"] = [
            {**poster, "path": os.fspath(here), "file": os.path.basename(here)}
            for poster, here in zip(shown, posters, strict=True)
        ]
    return named


def _answer(document: Mapping[str, Any], settings: Settings) -> Answer:
    scan, frame = document["scan"], document.get("frame")
    return Answer(
        video=Video(float(document["video"]["duration"])),
        scan=Scan(bool(scan["cached"]), float(scan["seconds"])),
        selection=Selection(
            int(document.get("distinct", 0)),
            float(document.get("similarity") or 0.0),
            tuple(map(_pick, document.get("runners_up", ()))),
        ),
        settings=settings,
        people=tuple(document.get("people", ())),
        posters=tuple(
            ShownPoster(tuple(ShownFace(face["person"]) for face in poster["faces"]))
            for poster in document.get("posters", ())
        ),
        frames=tuple(map(_pick, document.get("frames", ()))),
        frame=None if frame is None else _pick(frame),
        reason=document.get("reason"),
        qualified=bool(document.get("qualified", False)),
        steps=tuple(StepReport(**step) for step in scan.get("steps", ())),
        shots=tuple(Shot(float(one["start"]), float(one["end"])) for one in document.get("shots", ())),
        fallbacks=tuple(Fallback(str(one["code"]), str(one["message"])) for one in document["fallbacks"]),
        warnings=tuple(map(str, document["warnings"])),
        partial=bool(document["partial"]),
    )


def _pick(values: Mapping[str, Any]) -> Pick:
    pts = COVER_PTS if values["pts"] is None else int(values["pts"])
    reasons = {str(name): float(value) for name, value in values["reasons"].items()}
    score = float(values["score"] or 0.0)  # frames that were taken with no choosing have none
    return Pick(pts, float(values["time"] or 0.0), score, reasons, rank=values.get("rank"))
