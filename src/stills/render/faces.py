"""The faces of pictures as a document and as a table: JSON, JSON Lines, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from stills._version import __version__
from stills.errors import UsageError
from stills.files import atomic_write
from stills.render.cast import attribute_values, inferring_models
from stills.render.documents import Document, box_value, json_values, share_value, to_json
from stills.render.persons import area_value
from stills.types import Attribute, FacesOfPicture, Fallback, FoundFace

FACES_SCHEMA = "stills/faces/1"

SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")
"""Endings of the files that can be written."""

Kind: TypeAlias = Literal["text", "whole", "real", "box"]
Row: TypeAlias = dict[str, Any]

COLUMNS: Mapping[str, Kind] = {
    "file": "text",
    "face": "whole",  # 1 is the largest
    "age": "real",
    "age_confidence": "real",
    "gender": "text",
    "gender_confidence": "real",
    "ethnicity": "text",
    "ethnicity_confidence": "real",
    "emotion": "text",
    "emotion_confidence": "real",
    "bbox": "box",  # x, y, width, height in pixels of the upright picture
    "score": "real",
    "quality": "real",
    "area": "real",
    "yaw": "real",
    "pitch": "real",
    "width": "whole",  # of the picture
    "height": "whole",
    "error": "text",
}
"""The columns of the table: a row a face, and one without a face for each picture that shows none."""

_ATTRIBUTES: tuple[Attribute, ...] = ("age", "gender", "ethnicity", "emotion")


def faces_document(
    pictures: Sequence[FacesOfPicture],
    names: Sequence[str],
    models: Mapping[str, str],
    settings: Mapping[str, Any],
    fallbacks: Sequence[Fallback] = (),
) -> Document:
    """The result as JSON values (schema ``stills/faces/1``).

    ``names`` are what each picture is called; ``models`` name what looked at them (``detector``, ``attributes_model``).
    """
    model = models.get("attributes_model", "default")
    return {
        "schema": FACES_SCHEMA,
        "generator": f"stills {__version__}",
        "settings": json_values(settings),
        "models": json_values(models),
        "fallbacks": [{"code": f.code, "message": f.message} for f in fallbacks],
        "pictures": [picture_values(p, name, model) for p, name in zip(pictures, names, strict=True)],
    }


def picture_values(picture: FacesOfPicture, name: str, attributes_model: str) -> Document:
    """A picture, called ``name``, as JSON values."""
    named = {a for face in picture.faces for a in face.attributes}
    inferring = {a: inferring_models(attributes_model, a) for a in _ATTRIBUTES if a in named}
    return {
        "file": name,
        "path": picture.path,
        "width": picture.width,
        "height": picture.height,
        "faces": [
            {**_measured(face), "attributes": attribute_values(face.attributes, inferring)} for face in picture.faces
        ],
        "error": picture.error,
        "warnings": list(picture.warnings),
    }


def face_rows(picture: FacesOfPicture, name: str, *, largest: bool = False) -> Iterator[Row]:
    """The rows of a picture called ``name``, with all of :data:`COLUMNS`; ``None`` is an empty cell.

    With ``largest`` its largest face only.
    """
    base = {"file": name, "width": picture.width, "height": picture.height, "error": picture.error}
    if picture.error is not None:
        base |= {"width": None, "height": None}
    empty: Row = dict.fromkeys(COLUMNS)
    if not picture.faces:
        yield empty | base
    for number, face in enumerate(picture.faces[: 1 if largest else None], 1):
        row = empty | base | {"face": number} | _measured(face)
        for attribute in _ATTRIBUTES:
            if attribute in face.attributes:
                estimate = face.attributes[attribute]
                row |= {attribute: estimate.value, f"{attribute}_confidence": share_value(estimate.confidence)}
        yield row


def check_target(path: Path) -> None:
    """Raises ``UsageError`` where a table cannot be written to a file with this ending."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"cannot tell what to write into {path.name!r}", remedy=f"end its name with {', '.join(SUFFIXES)}"
        )


def write_faces(path: Path, document: Document, rows: Sequence[Row]) -> Path:
    """Write ``document`` (``.json``) or ``rows`` (the other endings) to ``path``, whole or not at all; returns it.

    Raises ``UsageError`` as :func:`check_target`, ``OutputError``.
    """
    check_target(path)
    kind = path.suffix.lower()
    if kind == ".json":
        return atomic_write(path, to_json(document))
    if kind == ".jsonl":
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
        return atomic_write(path, "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
    if kind == ".csv":
        return atomic_write(path, _csv(rows).encode("utf-8", "backslashreplace"))
    return atomic_write(path, _parquet(rows))


def _measured(face: FoundFace) -> Row:
    return {
        "bbox": box_value(face.box),
        "score": share_value(face.score),
        "quality": share_value(face.quality),
        "area": area_value(face.area),
        "yaw": None if face.yaw is None else round(float(face.yaw), 1),
        "pitch": None if face.pitch is None else round(float(face.pitch), 1),
    }


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        # A box is written as the other formats have it, a JSON list; nothing is an empty cell.
        writer.writerow([json.dumps(row[n]) if n == "bbox" and row[n] is not None else row[n] for n in COLUMNS])
    return text.getvalue()


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"text": pa.string(), "whole": pa.int32(), "real": pa.float64(), "box": pa.list_(pa.float64(), 4)}
    schema = pa.schema([pa.field(name, kinds[kind]) for name, kind in COLUMNS.items()])
    columns = [
        pa.array([_text(row[n]) if kind == "text" else row[n] for row in rows], kinds[kind])
        for n, kind in COLUMNS.items()
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()


def _text(value: str | None) -> str | None:
    """``value`` as valid Unicode: undecodable bytes of a file name are escaped."""
    return None if value is None else value.encode("utf-8", "backslashreplace").decode()
