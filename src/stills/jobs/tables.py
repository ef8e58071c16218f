"""The tables over all films in an output folder: ``OUT/tables/{films,people,poster_faces,frames}.{parquet,csv,jsonl}``.

They are made again, whole, from the films' records and JSON results, so that runs over parts of a table of films
complete each other; runs that end at the same time take turns (``flock``), so the last one sees everything. With them
goes ``OUT/batch.json``, the summary (schema ``stills/batch/1``).
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pickle
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from stills._version import __version__
from stills.errors import OutputError
from stills.files import atomic_write, ensure_folder, move, move_all, output_error, remove_file, staging
from stills.jobs.records import STATE, STATUSES, FilmOutcome, records
from stills.jobs.rows import TABLES, FilmRows, Kind, Row, film_rows
from stills.render.documents import Lazy, write_json
from stills.render.report import FAILURES

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_SCHEMA = "stills/batch/1"
BATCH_NAME = "batch.json"
FOLDER = "tables"
SUFFIXES = ("parquet", "csv", "jsonl")

_ROWS = 4096
"""Rows that are held before they are written to Parquet."""
_SUMS = ("people", "frames", "posters", "poster_faces", "matched")


@dataclass(frozen=True, slots=True)
class Planned:
    """What the last run was to do: the table of films, its part, and what was odd about it."""

    recipe: str
    manifest: str
    films: tuple[str, ...]
    """The ids in the whole table."""
    start: int | None = None
    stop: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Written:
    """What was written: files, rows by table, films by status, and sums over all films."""

    files: list[Path] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)


def write_tables(out: Path, *, planned: Planned | None = None, pickled: bool = False) -> Written:
    """Make all tables in ``out`` again, and the summary; what was written.

    Films whose result was erased are left out. ``planned`` is what a run has to say in the summary; without, that of
    the summary there is stays. ``pickled`` also writes each table as a pickled list of dictionaries (``.pkl``), plain
    values only; pickles of an earlier run are made again too, never left behind. Raises ``OutputError``: then what
    was there before is untouched.
    """
    with _turn(ensure_folder(out / STATE) / "tables.lock"):
        folder = ensure_folder(out / FOLDER)
        pickled = pickled or any(folder.glob("*.pkl"))
        with staging(folder) as stage:
            films, written = _stage(out, stage, pickled=pickled)
            document = _summary(out, films, written, planned, pickled=pickled)
            summary = atomic_write(stage / BATCH_NAME, lambda file: write_json(file, document))
            names = sorted(path.name for path in stage.iterdir() if path.name != BATCH_NAME)
            written.files = move_all(stage, folder, names)
            written.files.append(move(summary, out / BATCH_NAME))
        _note_failures(out, films)
    return written


def _stage(out: Path, stage: Path, *, pickled: bool) -> tuple[list[Row], Written]:
    """Write all tables into ``stage``, film by film; the rows of films."""
    written = Written(counts=dict.fromkeys(STATUSES, 0))
    totals: dict[str, float] = dict.fromkeys(("duration", *_SUMS, "seconds"), 0.0)
    films: list[Row] = []
    with contextlib.ExitStack() as stack:
        writers = {
            name: stack.enter_context(_TableWriter(stage, name, columns, pickled=pickled))
            for name, columns in TABLES.items()
        }
        for found in _all_rows(out):
            films.append({name: found.film.get(name) for name in TABLES["films"]})
            written.counts[found.film["status"]] += 1
            for name in _SUMS:
                totals[name] += found.film.get(name) or 0
            totals["duration"] += found.film.get("duration") or 0.0
            totals["seconds"] += found.film["seconds"]
            for name, rows in found.tables.items():
                writers[name].add(rows)
        written.rows = {name: writer.rows for name, writer in writers.items()}
    written.totals = {name: int(value) if name in _SUMS else round(value, 3) for name, value in totals.items()}
    return films, written


def _all_rows(out: Path) -> Iterator[FilmRows]:
    for outcome in records(out):
        found = film_rows(out, outcome)
        if found is not None:
            yield found


class _TableWriter(contextlib.AbstractContextManager["_TableWriter"]):
    """One table in all its forms, written as rows come. Raises ``OutputError`` where that cannot be."""

    def __init__(self, folder: Path, name: str, columns: Mapping[str, Kind], *, pickled: bool) -> None:
        self._folder, self._name, self._columns = folder, name, columns
        self._waiting: list[Row] = []
        self._kept: list[Row] | None = [] if pickled else None
        self.rows = 0

    def __enter__(self) -> _TableWriter:
        import pyarrow.parquet as pq

        with self._refusals(), contextlib.ExitStack() as stack:
            text: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
            csv_file = stack.enter_context(self._path("csv").open("w", **text))
            self._csv = csv.writer(csv_file, lineterminator="\n")
            self._csv.writerow(self._columns)
            self._jsonl = stack.enter_context(self._path("jsonl").open("w", **text))
            parquet = stack.enter_context(self._path("parquet").open("wb"))
            self._parquet = pq.ParquetWriter(parquet, arrow_schema(self._columns), compression="zstd")
            self._files: list[Any] = [csv_file, self._jsonl, parquet]
            self._stack = stack.pop_all()
        return self

    def add(self, rows: Iterable[Row]) -> None:
        with self._refusals():
            for row in rows:
                whole = {name: row.get(name) for name in self._columns}
                self._csv.writerow([_cell(whole[name], kind) for name, kind in self._columns.items()])
                self._jsonl.write(json.dumps(whole, ensure_ascii=False, allow_nan=False) + "\n")
                self._waiting.append(whole)
                if self._kept is not None:
                    self._kept.append(whole)
                self.rows += 1
                if len(self._waiting) >= _ROWS:
                    self._flush()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            with contextlib.suppress(OSError):  # what is left open after an error is thrown away
                self._parquet.close()
            with contextlib.suppress(OSError):
                self._stack.close()

    def _finish(self) -> None:
        with self._refusals():
            self._flush()
            self._parquet.close()
            for file in self._files:
                file.flush()
                os.fsync(file.fileno())
        if self._kept is not None:
            kept = self._kept
            atomic_write(self._path("pkl"), lambda file: _pickle(kept, file))

    def _flush(self) -> None:
        import pyarrow as pa

        schema = arrow_schema(self._columns)
        arrays = [
            pa.array([_stored(row[name], kind) for row in self._waiting], schema.field(name).type)
            for name, kind in self._columns.items()
        ]
        self._parquet.write_table(pa.Table.from_arrays(arrays, schema=schema))
        self._waiting = []

    def _path(self, suffix: str) -> Path:
        return self._folder / f"{self._name}.{suffix}"

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OutputError:
            raise
        except OSError as error:  # Arrow's are OSError too, with the errno of what it met
            raise output_error(error, self._folder / self._name) from error


def arrow_schema(columns: Mapping[str, Kind]) -> pa.Schema:
    """The types of a table's columns in Parquet: the same whatever its values are, all of them empty included."""
    import pyarrow as pa

    types = {"text": pa.string(), "json": pa.string(), "whole": pa.int64(), "real": pa.float64()}
    return pa.schema([pa.field(name, types[kind]) for name, kind in columns.items()])


def _stored(value: Any, kind: Kind) -> Any:
    """A value as Parquet holds it."""
    if value is None:
        return None
    if kind == "json":
        return json.dumps(value, ensure_ascii=True)
    if kind == "text":  # file names that are not UTF-8 hold lone surrogates
        return str(value).encode("utf-8", "backslashreplace").decode()
    return float(value) if kind == "real" else int(value)


def _cell(value: Any, kind: Kind) -> str:
    """A value as a cell of CSV; nothing is an empty cell."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if kind == "json" else str(value)


def _pickle(rows: list[Row], file: BinaryIO) -> None:
    # Protocol 4 is read by every Python 3 that is in use; plain dictionaries need no class of ours.
    pickle.dump(rows, file, protocol=4)


def _summary(
    out: Path, films: Sequence[Row], written: Written, planned: Planned | None, *, pickled: bool
) -> dict[str, Any]:
    """``batch.json``."""
    head: dict[str, Any]
    if planned is not None:
        known = {film["film"] for film in films if film["recipe"] == planned.recipe}
        head = {
            "recipe": planned.recipe,
            "manifest": {"path": planned.manifest, "films": len(planned.films)},
            "start": planned.start,
            "stop": planned.stop,
            "pending": [name for name in planned.films if name not in known],
            "warnings": list(planned.warnings),
        }
    else:
        head = _head_before(out)
    return {
        "schema": BATCH_SCHEMA,
        "generator": f"stills {__version__}",
        **head,
        "counts": written.counts,
        "totals": written.totals,
        "films": Lazy(films, dict),
        "tables": {
            name: {"rows": written.rows[name], "files": [f"{FOLDER}/{name}.{s}" for s in _suffixes(pickled)]}
            for name in TABLES
        },
    }


def _suffixes(pickled: bool) -> tuple[str, ...]:
    return (*SUFFIXES, "pkl") if pickled else SUFFIXES


def _head_before(out: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "recipe": None,
        "manifest": None,
        "start": None,
        "stop": None,
        "pending": [],
        "warnings": [],
    }
    try:
        before = json.loads((out / BATCH_NAME).read_text(encoding="utf-8"))
        return {name: before.get(name, value) for name, value in empty.items()}
    except (OSError, ValueError, AttributeError):
        return empty


def _note_failures(out: Path, films: Sequence[Row]) -> None:
    """Note for the report which films have no result; what other commands noted there stays."""
    path = out / FAILURES
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = []
    kept = [item for item in before if isinstance(item, dict) and "film" not in item]
    kept += [
        {
            "film": film["film"],
            "path": f"{film['film']} ({film['trailer']})",
            "message": f"{film['status']}: {film['message']}",
            "remedy": film["remedy"],
        }
        for film in films
        if film["error"] is not None
    ]
    if kept:
        atomic_write(path, json.dumps(kept, indent=1).encode())
    else:
        remove_file(path)


@contextlib.contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait for one's turn among the runs that write tables into one folder; where locks do not work, just go on."""
    try:
        file: io.BufferedWriter = path.open("ab")
    except OSError as error:
        raise output_error(error, path) from error
    with file:
        if sys.platform != "win32":
            import fcntl

            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def outcome_of(films: Sequence[FilmOutcome]) -> dict[str, int]:
    """How many of ``films`` there are of each status."""
    counts = Counter(film.status for film in films)
    return {status: counts[status] for status in STATUSES}
