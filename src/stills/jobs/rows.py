"""The rows of a batch's tables: flat values from each film's record and its JSON result.

Every column is there in every table, whatever was asked for: where nothing was measured its cells are empty, so tables
of several batches go together. Kinds of columns are ``text``, ``whole``, ``real`` (64 bit) and ``json``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from stills.jobs.records import FilmError, FilmOutcome

Kind: TypeAlias = Literal["text", "whole", "real", "json"]
Row: TypeAlias = dict[str, Any]

ATTRIBUTES: Mapping[str, Kind] = {"age": "real", "gender": "text", "ethnicity": "text", "emotion": "text"}
"""What can be inferred of a face, and the kind of its values."""

_log = logging.getLogger(__name__)


def _attribute_columns() -> dict[str, Kind]:
    columns: dict[str, Kind] = {}
    for name, kind in ATTRIBUTES.items():
        columns |= {name: kind, f"{name}_confidence": "real", f"{name}_spread": "real", f"{name}_faces": "whole"}
    return columns


TABLES: Mapping[str, Mapping[str, Kind]] = {
    "films": {
        "film": "text", "recipe": "text", "position": "whole", "line": "whole", "folder": "text", "trailer": "text",
        "status": "text", "duration": "real", "width": "whole", "height": "whole", "coverage": "real",
        "people": "whole", "frames": "whole", "posters": "whole", "posters_read": "whole", "poster_faces": "whole",
        "matched": "whole", "error": "text", "message": "text", "remedy": "text", "warnings": "json",
        "seconds": "real", "result": "text", "extra": "json",
    },
    "people": {
        "film": "text", "recipe": "text", "person": "whole", "screen_time": "real", "screen_share": "real",
        "appearances": "whole", "longest": "real", "mean_area": "real", "total_area": "real", "first_seen": "real",
        "last_seen": "real", "faces": "whole", **_attribute_columns(), "still": "text",
    },
    "poster_faces": {
        "film": "text", "poster": "text", "poster_number": "whole", "face": "whole", "x": "real", "y": "real",
        "width": "real", "height": "real", "area": "real", "score": "real", "person": "whole", "distance": "real",
        "nearest": "whole", **_attribute_columns(), "picture": "text",
    },
    "frames": {
        "film": "text", "recipe": "text", "number": "whole", "rank": "whole", "time": "real", "pts": "whole",
        "score": "real", "file": "text",
    },
}  # fmt: skip
"""Columns of each table and their kinds, in order."""


@dataclass(frozen=True, slots=True)
class FilmRows:
    """The rows that one film has in each table, by its name."""

    film: Row
    tables: Mapping[str, list[Row]]


def film_rows(out: Path, outcome: FilmOutcome) -> FilmRows | None:
    """The rows of one film. ``None`` where its result is gone from ``out``: it was erased, or is being replaced."""
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    row = _film(outcome)
    tables["films"].append(row)
    if outcome.result is None or not outcome.finished:
        return FilmRows(row, tables)
    path = out / outcome.result
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        row |= _measured(document, outcome)
        folder = outcome.folder
        if outcome.recipe in {"cast", "people"}:
            tables["people"] += (_person(outcome, person, folder) for person in document["people"])
            tables["poster_faces"] += _faces(outcome, document, folder)
        else:
            tables["frames"] += _frames(outcome, document, folder)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        _log.warning("%s is damaged (%s: %s)", path, type(error).__name__, error)
        damaged = FilmError("damaged", f"the result cannot be read ({type(error).__name__})", "run the batch again")
        row |= {"status": "failed", "error": damaged.code, "message": damaged.message, "remedy": damaged.remedy}
        return FilmRows(row, {**{name: [] for name in TABLES}, "films": [row]})
    return FilmRows(row, tables)


def _film(outcome: FilmOutcome) -> Row:
    error = outcome.error
    return {
        "film": outcome.id,
        "recipe": outcome.recipe,
        "position": outcome.position,
        "line": outcome.line,
        "folder": outcome.folder,
        "trailer": outcome.trailer,
        "status": outcome.status,
        "posters": len(outcome.posters),
        "error": error.code if error else None,
        "message": error.message if error else None,
        "remedy": error.remedy if error else None,
        "warnings": list(outcome.warnings),
        "seconds": outcome.seconds,
        "result": outcome.result,
        "extra": dict(outcome.extra),
    }


def _measured(document: Mapping[str, Any], outcome: FilmOutcome) -> Row:
    """What a film's result says of it as a whole."""
    video = document["video"]
    row: Row = {
        "duration": video["duration"],
        "width": video["width"],
        "height": video["height"],
        "coverage": document["scan"]["coverage"],
    }
    if "people" in document:
        row["people"] = len(document["people"])
    if "frames" in document or "frame" in document:
        row["frames"] = len(_frames_in(document))
    if outcome.recipe == "cast":
        read = [poster for poster in document["posters"] if poster["error"] is None]
        faces = [face for poster in read for face in poster["faces"]]
        row["posters_read"] = len(read)
        row["poster_faces"] = len(faces)
        row["matched"] = sum(face["person"] is not None for face in faces)
    return row


def _person(outcome: FilmOutcome, person: Mapping[str, Any], folder: str) -> Row:
    still = person["still"]["file"]
    return {
        "film": outcome.id,
        "recipe": outcome.recipe,
        "person": person["id"],
        "screen_time": person["screen_time"],
        "screen_share": person["screen_share"],
        "appearances": person.get("appearances"),
        "longest": person.get("longest"),
        "mean_area": person["area"],
        "total_area": person.get("total_area"),
        "first_seen": person["first_seen"],
        "last_seen": person["last_seen"],
        "faces": person["faces"],
        **_estimates(person["attributes"]),
        "still": None if still is None else f"{folder}/{still}",
    }


def _faces(outcome: FilmOutcome, document: Mapping[str, Any], folder: str) -> Iterator[Row]:
    for number, poster in enumerate(document.get("posters", ()), 1):
        picture = poster["picture"]
        for place, face in enumerate(poster["faces"], 1):
            x, y, width, height = face["bbox"]
            yield {
                "film": outcome.id,
                "poster": poster["path"],
                "poster_number": number,
                "face": place,
                "x": x,
                "y": y,
                "width": width,
                "height": height,
                "area": face["area"],
                "score": face["score"],
                "person": face["person"],
                "distance": face["distance"],
                "nearest": face["nearest"],
                **_estimates(face["attributes"]),
                "picture": None if picture is None else f"{folder}/{picture}",
            }


def _frames_in(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The frames of a result: the only one, where it is about a single one."""
    if "frames" not in document and "frame" in document:
        return [] if document["frame"] is None else [document["frame"]]
    frames: list[Mapping[str, Any]] = document["frames"]
    return frames


def _frames(outcome: FilmOutcome, document: Mapping[str, Any], folder: str) -> Iterator[Row]:
    for number, frame in enumerate(_frames_in(document), 1):
        yield {
            "film": outcome.id,
            "recipe": outcome.recipe,
            "number": number,
            "rank": frame.get("rank"),
            "time": frame["time"],
            "pts": frame["pts"],
            "score": frame["score"],
            "file": None if frame["file"] is None else f"{folder}/{frame['file']}",
        }


def _estimates(attributes: Mapping[str, Any]) -> Row:
    """Value, confidence, spread and number of faces of each attribute that was inferred."""
    row: Row = {}
    for name in ATTRIBUTES:
        estimate = attributes.get(name)
        if estimate is not None:
            row[name] = estimate["value"]
            for part in ("confidence", "spread", "faces"):
                row[f"{name}_{part}"] = estimate[part]
    return row
