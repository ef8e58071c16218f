"""People over many videos on disk: ``OUT/across.json``, and in ``OUT/across/`` their stills and tables."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from stills._version import __version__
from stills.errors import printable
from stills.files import TEMP_PREFIX, atomic_write, ensure_folder, output_error, remove_file, sweep
from stills.render.documents import Document, box_value, schema_of, share_value, time_value, to_json
from stills.render.names import safe_name
from stills.types import Fallback

if TYPE_CHECKING:
    import pyarrow as pa

ACROSS_SCHEMA = "stills/across/1"
RESULT = "across.json"
FOLDER = "across"
_JOURNAL = Path(".stills") / "gallery" / "files.json"
"""Lists the files of the last result and of the one that is being written: what a killed run leaves is still ours."""

Row: TypeAlias = dict[str, Any]

PEOPLE_COLUMNS = ("id", "name", "videos", "screen_time", "faces", "still")
APPEARANCE_COLUMNS = (
    "id", "name", "video", "folder", "content", "persons", "first_seen", "last_seen", "screen_time", "spans", "faces",
    "similarity", "still",
)  # fmt: skip


def across_schema() -> Document:
    """The published JSON Schema (draft 2020-12) of ``across.json``."""
    return schema_of("across")


def write_across(out: Path, values: Document, fallbacks: Sequence[Fallback] = ()) -> list[Path]:
    """Write the result, stills and tables; the paths, the JSON last.

    ``values`` are those of :func:`across_values`. Stills are links to the pictures in the videos' folders where the
    file system has links, else copies. What an earlier result listed and this one does not is removed; other files
    stay. Raises ``OutputError``.
    """
    folder = ensure_folder(out / FOLDER)
    ensure_folder((out / _JOURNAL).parent)
    stills = dict(_place_stills(values))
    tables = {f"{FOLDER}/{name}": data for name, data in _tables(values)}
    document = {
        "schema": ACROSS_SCHEMA,
        "generator": f"stills {__version__}",
        **values,
        "fallbacks": [{"code": f.code, "message": f.message} for f in fallbacks],
        "files": sorted([*stills, *tables]),
    }
    old = _listed(out)
    atomic_write(out / _JOURNAL, json.dumps({"files": sorted({*old, *document["files"]})}).encode())
    there = {name for name, source in stills.items() if _link(out / source, out / name)}
    for one in _all_pictures(document):
        one["file"] = one["file"] if one["file"] in there else None
    document["files"] = sorted([*there, *tables])
    for name, data in tables.items():
        atomic_write(out / name, data)
    result = atomic_write(out / RESULT, to_json(document))
    _remove(out, old - set(document["files"]))
    remove_file(out / _JOURNAL)
    return [*(out / name for name in sorted(there)), *(out / name for name in tables), folder.parent / result.name]


def erase_across(out: Path) -> None:
    """Remove the result with its files. Raises ``OutputError``."""
    old = _listed(out)
    remove_file(out / RESULT)
    _remove(out, old)
    remove_file(out / _JOURNAL)


def _all_pictures(document: Document) -> Iterator[Document]:
    for person in document["people"]:
        yield from (one["still"] for one in person["appearances"] if one["still"] is not None)
        if person["still"] is not None:
            yield person["still"]


def _place_stills(values: Document) -> Iterator[tuple[str, str]]:
    """The name of each still and where its picture is, both in OUT; sets ``file`` to the name."""
    for person in values["people"]:
        called = safe_name(person["name"], max_bytes=80) if person["name"] else "person"
        folder = f"{FOLDER}/{called}_{person['id']:04d}"
        for one in person["appearances"]:
            still = one["still"]
            if still is None:
                continue
            source, video = still.pop("source"), values["videos"][one["video"]]["folder"]
            still["file"] = f"{folder}/{video}{os.path.splitext(source)[1]}"
            yield still["file"], f"{video}/{source}"
        best = person["best"]
        person["still"] = None if best is None else dict(person["appearances"][best]["still"])
        del person["best"]


def _link(source: Path, target: Path) -> bool:
    """Have ``target`` be the picture ``source``; whether there is one. Raises ``OutputError``."""
    try:
        if target.exists() and os.path.samefile(source, target):
            return True
        if not source.is_file() or source.is_symlink():
            return False
        ensure_folder(target.parent)
        temporary = target.parent / f"{TEMP_PREFIX}{secrets.token_hex(8)}"
        try:
            try:
                os.link(source, temporary)
            except OSError:  # another disk, or no links there
                shutil.copyfile(source, temporary)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise output_error(error, target) from error
    return True


def _listed(out: Path) -> set[str]:
    """The files of the results there were."""
    found: set[str] = set()
    for path in (out / RESULT, out / _JOURNAL):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found.update(str(name) for name in json.loads(path.read_text(encoding="utf-8"))["files"])
    return {name for name in found if name.startswith(f"{FOLDER}/") and ".." not in Path(name).parts}


def _remove(out: Path, names: set[str]) -> None:
    for name in names:
        remove_file(out / name)
    for folder in [*{(out / name).parent for name in names}, out / FOLDER]:
        sweep(folder)
        with contextlib.suppress(OSError):  # not empty, or gone
            folder.rmdir()


def _tables(values: Document) -> Iterator[tuple[str, bytes]]:
    people: list[Row] = []
    rows: list[Row] = []
    for person in values["people"]:
        still = person["still"]
        people.append({
            "id": person["id"],
            "name": person["name"],
            "videos": len(person["appearances"]),
            "screen_time": person["screen_time"],
            "faces": sum(one["faces"] for one in person["appearances"]),
            "still": None if still is None else still["file"],
        })  # fmt: skip
        for one in person["appearances"]:
            video = values["videos"][one["video"]]
            rows.append({
                "id": person["id"],
                "name": person["name"],
                "video": video["path"],
                "folder": video["folder"],
                "content": video["content"],
                **{name: one[name] for name in APPEARANCE_COLUMNS[5:12]},
                "still": None if one["still"] is None else one["still"]["file"],
            })  # fmt: skip
    for name, columns, table in (("people", PEOPLE_COLUMNS, people), ("appearances", APPEARANCE_COLUMNS, rows)):
        yield f"{name}.parquet", _parquet(table, columns)
        yield f"{name}.csv", _csv(table, columns)


def _schema(columns: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    span = pa.struct([pa.field("start", pa.float64()), pa.field("end", pa.float64())])
    kinds: Mapping[str, pa.DataType] = {
        "id": pa.int64(),
        "videos": pa.int32(),
        "faces": pa.int32(),
        "screen_time": pa.float64(),
        "first_seen": pa.float64(),
        "last_seen": pa.float64(),
        "similarity": pa.float64(),
        "persons": pa.list_(pa.int32()),
        "spans": pa.list_(span),
    }
    return pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in columns])


def _parquet(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = [{**row} for row in rows]
    for row in plain:
        if "spans" in row:
            row["spans"] = [{"start": start, "end": end} for start, end in row["spans"]]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(plain, schema=_schema(columns)), buffer, compression="zstd")
    return buffer.getvalue()


def _csv(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([json.dumps(row[n]) if isinstance(row[n], list) else row[n] for n in columns])
    return text.getvalue().encode()


def video_entry(content: str, path: str, folder: str, duration: float, partial: bool) -> Document:
    """What is said of a video."""
    duration = time_value(duration)
    return {"path": path, "folder": folder, "content": content, "duration": duration, "partial": partial}


def still_entry(
    source: str | None, time: float | None, score: float | None, face: Sequence[float] | None
) -> Document | None:
    """What is said of the still of an appearance, before it has a place; ``source`` is in the video's folder."""
    if source is None or time is None or score is None:
        return None
    box = None if face is None else box_value((face[0], face[1], face[2], face[3]))
    return {"file": None, "source": source, "time": time_value(time), "score": share_value(score), "face": box}


def shown_name(identity: int, name: str | None) -> str:
    """What to call somebody."""
    return printable(name) if name else f"person {identity}"
