"""Made-up casts: people with attributes, posters, who is with whom, and their results in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from render_samples import person, pick, picture, report, video
from stills.render.cast import cast_document, write_cast
from stills.render.names import folder_names
from stills.render.pictures import OutputOptions
from stills.types import Box, CastSelection, Estimate, Fallback, Person, Poster, PosterFace, Shot

FACE: Box = (60.0, 20.0, 30.0, 40.0)
ETHNICITIES = ("white", "black", "asian", "indian", "other")
ALL = ("age", "gender", "ethnicity", "emotion")


def age(years: float | None = 34.2, confidence: float = 0.6, **changes: Any) -> Estimate:
    return Estimate(years, confidence, 4.1, 7, **changes)


def gender(female: float = 0.93, **changes: Any) -> Estimate:
    value = "female" if female >= 0.5 else "male"
    values = {"value": value, "confidence": max(female, 1 - female), "spread": 0.05, "faces": 7}
    return Estimate(**{**values, "probabilities": {"female": female, "male": 1 - female}, **changes})


def ethnicity(first: float = 0.6) -> Estimate:
    rest = (1 - first) / 4
    return Estimate("white", first, 0.2, 5, {"white": first, **dict.fromkeys(ETHNICITIES[1:], rest)})


def unknown(reason: str = "too few good faces") -> Estimate:
    return Estimate(None, 0.4, 0.3, 1, {"female": 0.6, "male": 0.4}, reason)


def actor(number: int, spans: Sequence[tuple[float, float]], box: Box | None = FACE, **attributes: Estimate) -> Person:
    one = person(number, spans, [pick(spans[0][0] + 1, 0.9 - number / 50, box)], [pick(spans[0][0] + 2, 0.6, box)])
    return replace(
        one,
        appearances=len(spans),
        longest=max(end - start for start, end in spans),
        total_area=0.04 * one.screen_time,
        attributes=attributes,
    )


def everybody() -> list[Person]:
    return [
        actor(1, [(1.0, 31.0), (100.0, 140.0)], age=age(), gender=gender(), ethnicity=ethnicity()),
        actor(2, [(20.0, 40.0)], age=age(61.0, 0.4), gender=gender(0.2), ethnicity=ethnicity(0.9)),
        actor(3, [(50.0, 60.0)], age=age(None, reason="too few good faces"), gender=unknown()),
    ]


def posters() -> tuple[Poster, ...]:
    stranger = {"gender": gender(0.1)}
    return (
        Poster(
            "art/poster.jpg", 400, 600,
            (
                PosterFace((50.0, 60.0, 80.0, 100.0), 0.97, 8000 / 240000, 2, 0.31, 2),
                PosterFace((250.0, 60.0, 60.0, 80.0), 0.91, 4800 / 240000, None, 0.82, 1, stranger),
            ),
        ),
        Poster("art/broken.png", 0, 0, error="is not a picture"),
    )  # fmt: skip


def together(people: Sequence[Person]) -> tuple[tuple[float, ...], ...]:
    def shared(a: Person, b: Person) -> float:
        return sum(max(0.0, min(e, f) - max(s, t)) for s, e in a.spans for t, f in b.spans)

    return tuple(tuple(shared(a, b) for b in people) for a in people)


def cast_selection(people: Sequence[Person], shown: Sequence[Poster] = (), **changes: Any) -> CastSelection:
    edges = np.linspace(0, 225.25, 13)
    values: dict[str, Any] = {
        "people": tuple(people),
        "shots": tuple(Shot(float(a), float(b), "cut") for a, b in pairwise(edges)),
        "settings": {"similarity": 0.45, "attributes": ALL, "attributes_model": "default"},
        "together": together(people),
        "posters": tuple(shown),
        "dropped": {"people with too few faces": 2},
    }
    return CastSelection(**{**values, **changes})


def cast(
    path: str = "film.mp4",
    people: Sequence[Person] | None = None,
    shown: Sequence[Poster] | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    fallbacks: Sequence[Fallback] = (),
    **changes: Any,
) -> dict[str, Any]:
    chosen = cast_selection(everybody() if people is None else people, posters() if shown is None else shown, **changes)
    return cast_document(
        video(path), chosen, report(), {"age": "4f9f"}, {**chosen.settings, **(settings or {})}, fallbacks
    )


def frames(document: Mapping[str, Any]) -> dict[int, NDArray[np.uint8]]:
    stills = sorted(s["pts"] for p in document["people"] for s in p["stills"])
    return {pts: picture(160, 90, seed) for seed, pts in enumerate(stills)}


def write(out: Path, path: str = "film.mp4", document: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """The cast in a folder, with posters drawn, and a video where ``options`` have one."""
    document = cast(path) if document is None else document
    drawn = [None if poster["error"] else picture(100, 150, 7) for poster in document["posters"]]
    write_cast(out, folder_names([path], str)[0], document, frames(document), drawn, OutputOptions(), **options)
    return document
