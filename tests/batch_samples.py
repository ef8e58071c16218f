"""Records and results of a batch, made up: what :mod:`stills.jobs.tables` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stills.jobs.records import FilmError, FilmOutcome, FilmStatus, save_record

VIDEO = {"path": "a.mp4", "duration": 60.0, "width": 640, "height": 360}


def estimate(value: str | float | None, confidence: float = 0.8) -> dict[str, Any]:
    return {"value": value, "confidence": confidence, "spread": 0.1, "faces": 3, "probabilities": {}, "reason": None}


def person(number: int, **attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": number, "still": {"file": f"cast/person_{number:02}.jpg"}, "faces": 10, "screen_time": 12.5,
        "screen_share": 0.2083, "area": 0.05, "first_seen": 1.0, "last_seen": 40.0, "appearances": 3, "longest": 6.0,
        "total_area": 0.625, "attributes": attributes,
    }  # fmt: skip


def face(who: int | None, **attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        "bbox": [1.0, 2.0, 30.0, 40.0], "person": who, "distance": 0.2, "nearest": who or 1, "area": 0.01,
        "score": 0.9, "attributes": attributes,
    }  # fmt: skip


def cast_document(people: list[dict[str, Any]], faces: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    posters = (
        [] if faces is None else [{"path": "p.jpg", "picture": "cast/poster_1.jpg", "error": None, "faces": faces}]
    )
    return {
        "schema": "stills/cast/1", "video": VIDEO, "scan": {"coverage": 1.0}, "people": people, "posters": posters,
        "files": [],
    }  # fmt: skip


def keep(
    out: Path,
    name: str,
    position: int,
    document: dict[str, Any] | None = None,
    *,
    status: FilmStatus = "done",
    recipe: str = "cast",
    **more: Any,
) -> FilmOutcome:
    """Keep the record of a film in ``out``, and its result if it has one."""
    result = None
    if document is not None:
        result = f"{name}/{recipe}.json"
        (out / name).mkdir(parents=True, exist_ok=True)
        (out / result).write_text(json.dumps(document), encoding="utf-8")
    error = None if document is not None else FilmError("missing", "the trailer is not there", "check the table")
    outcome = FilmOutcome(
        recipe, position, position + 2, name, name, f"{name}.mp4", more.pop("posters", ()), more.pop("extra", {}),
        status, result=result, error=error, **more,
    )  # fmt: skip
    save_record(out, outcome)
    return outcome
