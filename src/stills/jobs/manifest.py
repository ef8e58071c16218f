"""The table of films of a batch: read and checked as a whole, before the first film is touched.

A row names a film (``id``), its video (``trailer``: a path or an address) and any number of ``posters``. Everything
that is wrong with the table is found at once, each with the line it is on. Whether files are there is not a matter of
the table: a film whose trailer is missing is left out by itself, later.
"""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stills.errors import UsageError
from stills.files import TEMP_PREFIX
from stills.jobs.addresses import is_address, local_path
from stills.jobs.csv_text import MAX_BYTES, CsvText, NotCsvError, Record, read_csv
from stills.render.names import folded, safe_name

if TYPE_CHECKING:
    from stills.settings_model import BatchSettings

MOST_SAID = 20
"""Problems that are said one by one; the others are counted."""

RESERVED = frozenset(folded(name) for name in ("tables", ".stills", "report.html", "batch.json"))
"""What stills itself writes beside the folders of films."""

NO_POSTERS = "there is no column 'posters': no film has any"
"""A warning that matters only where posters do."""

_CLOSE = 0.6
"""Likeness (difflib's ratio) from which a column is offered as the one that was meant."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the table. ``line`` counts from 1; ``code`` is stable, for machines."""

    line: int
    code: str
    message: str

    def __str__(self) -> str:
        """``line 4: the id is empty``."""
        return f"line {self.line}: {self.message}"


class ManifestError(UsageError):
    """The table of films is wrong; nothing was started. ``problems`` are all that were found, by line."""

    code = "manifest"

    def __init__(
        self, message: str, *, path: str | None = None, remedy: str | None = None, problems: Sequence[Problem] = ()
    ) -> None:
        """``problems`` are what ``message`` sums up."""
        super().__init__(message, path=path, remedy=remedy)
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class FilmRow:
    """A film to work on. ``position`` counts rows from 0, ``line`` lines of the file from 1.

    ``folder`` is its name in the output folder: the id, made harmless. ``trailer`` and ``posters`` are paths (relative
    ones already joined to the folder of the table) or addresses. ``extra`` are the other columns.
    """

    position: int
    line: int
    id: str
    folder: str
    trailer: str
    posters: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A table of films that is in order. ``warnings`` are what was guessed, or is odd, in it."""

    path: str
    films: tuple[FilmRow, ...]
    encoding: str
    separator: str
    columns: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def part(self, start: int | None = None, stop: int | None = None) -> tuple[FilmRow, ...]:
        """The films at positions ``start`` up to but without ``stop``, counted from 0: ``films[start:stop]``.

        Positions beyond the last film are none. Raises ``UsageError`` for negative ones, or a stop before the start.
        """
        for name, value in (("start", start), ("stop", stop)):
            if value is not None and value < 0:
                raise UsageError(f"{name} {value} is negative: positions count from 0, the first film")
        if start is not None and stop is not None and stop < start:
            raise UsageError(f"stop {stop} lies before start {start}")
        return self.films[start:stop]


def read_manifest(path: str | os.PathLike[str], settings: BatchSettings | None = None) -> Manifest:
    """The films of the CSV table at ``path``, all of it checked.

    UTF-8, UTF-16 and UTF-32 (by their byte order mark) are read, anything else as Windows-1252 with a warning. Comma,
    semicolon or tab: the header line decides. ``settings`` names the columns; case and blanks around do not count.
    Posters are separated by ``|``, by line ends in a quoted cell, or by ``;`` where that does not separate cells.

    Raises:
        ManifestError: The file cannot be read, is no table, lacks columns, or has rows that are wrong.
    """
    if settings is None:
        from stills.settings_model import BatchSettings as Defaults

        settings = Defaults()
    name = os.fspath(path)
    wanted = _Columns(settings.id_column, settings.trailer_column, settings.posters_column)
    try:
        text = read_csv(_read(name), wanted.knows)
    except NotCsvError as error:
        raise ManifestError(str(error), path=name, remedy=error.remedy) from None
    rows = _Rows(os.path.dirname(name), text, wanted)
    films = rows.films()
    if rows.problems:
        raise manifest_error(rows.problems, name)
    if not films:
        raise ManifestError("there is a header, but no film below it", path=name, remedy="add a row for each film")
    return Manifest(
        name, tuple(films), text.encoding, text.separator, tuple(rows.names), (*text.warnings, *rows.warnings)
    )


def manifest_error(problems: Sequence[Problem], path: str) -> ManifestError:
    """What is raised for ``problems``: one line that has the first of them; all are in ``problems``."""
    ordered = sorted(problems, key=lambda p: p.line)
    more = f" (and {len(ordered) - 1} more)" if len(ordered) > 1 else ""
    remedy = "correct the table; nothing was started"
    return ManifestError(f"{ordered[0]}{more}", path=path, remedy=remedy, problems=ordered)


def _read(name: str) -> bytes:
    try:
        with open(name, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ManifestError(f"the table of films cannot be read: {said}", path=name, remedy="check the name") from None
    if len(data) > MAX_BYTES:
        raise ManifestError(f"this is larger than {MAX_BYTES >> 20} MiB: no table of films", path=name)
    return data


def _plain(name: str) -> str:
    """``name`` as columns are compared."""
    return " ".join(unicodedata.normalize("NFKC", name).replace("\ufeff", "").split()).casefold()


@dataclass(frozen=True, slots=True)
class _Columns:
    """The names of the columns that are looked for."""

    id: str
    trailer: str
    posters: str

    @property
    def all(self) -> tuple[str, str, str]:
        return self.id, self.trailer, self.posters

    def knows(self, name: str) -> bool:
        return _plain(name) in {_plain(one) for one in self.all}


class _Rows:
    """Goes through the records once; what is wrong with them gathers in ``problems``."""

    def __init__(self, folder: str, text: CsvText, wanted: _Columns) -> None:
        self._folder = folder
        self._text = text
        self._wanted = wanted
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.names: list[str] = []
        self._renamed: list[tuple[str, str]] = []

    def films(self) -> list[FilmRow]:
        header, *rows = self._text.records
        if header.error is not None:
            self._problem(header.line, "row", header.error)
            return []
        places = self._places(header)
        if places is None:
            return []
        films: list[FilmRow] = []
        for record in rows:
            film = self._film(record, len(films), places)
            if film is not None:
                films.append(film)
        self._tell_apart(films)
        if self._renamed:
            old, new = self._renamed[0]
            more = f" and {len(self._renamed) - 1} more" if len(self._renamed) > 1 else ""
            self.warnings.append(f"ids that cannot name a folder are changed for that: {old!r} → {new!r}{more}")
        return films

    def _problem(self, line: int, code: str, message: str) -> None:
        self.problems.append(Problem(line, code, message))

    def _places(self, header: Record) -> tuple[int, int, int | None] | None:
        """Where the columns are; ``None`` where they are not."""
        self.names = [cell.replace("\ufeff", "").strip() for cell in header.cells]
        plain = [_plain(name) for name in self.names]
        found: list[int | None] = []
        for name in self._wanted.all:
            places = [i for i, one in enumerate(plain) if one == _plain(name)]
            if len(places) > 1:
                self._problem(header.line, "columns", f"there are {len(places)} columns named {name!r}")
            found.append(places[0] if places else None)
        place, trailer, posters = found
        if place is not None and trailer is not None and posters is None:
            near = self._near(self._wanted.posters)
            if not near and self._wanted.posters == "posters":
                self.warnings.append(NO_POSTERS)
                return place, trailer, None
        for name, where in zip(self._wanted.all, found, strict=True):
            if where is None and (name != "posters" or self._near(name)):
                self._problem(header.line, "columns", self._no_column(name))
        if place is None or trailer is None or self.problems:
            return None
        return place, trailer, posters

    def _near(self, name: str) -> list[str]:
        """Columns that may have been meant by ``name``: none that is looked for itself."""
        free = {_plain(one): one for one in self.names if one and not self._wanted.knows(one)}
        close = difflib.get_close_matches(_plain(name), list(free), n=2, cutoff=_CLOSE)
        words = [one for one in free if _plain(name) in re.split(r"[\W_]+", one) and one not in close]
        return [free[one] for one in [*close, *words]]

    def _no_column(self, name: str) -> str:
        option = {self._wanted.id: "--id-column", self._wanted.trailer: "--trailer-column"}.get(name)
        near = self._near(name)
        there = ", ".join(repr(one) for one in self.names[:12] if one) or "none with a name"
        hint = f": did you mean {' or '.join(map(repr, near))}?" if near else f"; there are: {there}"
        return f"there is no column {name!r}{hint} ({option or '--posters-column'} names another)"

    def _film(self, record: Record, position: int, places: tuple[int, int, int | None]) -> FilmRow | None:
        """The film of a row; what is wrong with it is noted, and a row that cannot be used gives none."""
        line = record.line
        if record.error is not None:
            self._problem(line, "row", record.error)
            return None
        cells = [cell.strip() for cell in record.cells]
        while len(cells) > len(self.names) and not cells[-1]:
            cells.pop()  # separators at the end of a line make no column
        if len(cells) != len(self.names):
            what = "more" if len(cells) > len(self.names) else "fewer"
            said = f"there are {len(cells)} cells, {what} than the {len(self.names)} columns of the header"
            hint = "; a cell that holds a separator goes in quotes" if what == "more" else ""
            self._problem(line, "cells", said + hint)
            return None
        place, trailer, posters = places
        folder = self._named(cells[place], line)
        if not cells[trailer]:
            self._problem(line, "trailer", "the trailer is empty")
        if folder is None or not cells[trailer]:
            return None
        return FilmRow(
            position,
            line,
            cells[place],
            folder,
            self._where(cells[trailer]),
            tuple(map(self._where, self._several(cells[posters]))) if posters is not None else (),
            self._extra(cells, {place, trailer, posters}),
        )

    def _named(self, name: str, line: int) -> str | None:
        """The folder for the id ``name``; ``None`` where it cannot be one."""
        if not name:
            self._problem(line, "id", "the id is empty")
            return None
        if not any(c.isalnum() or unicodedata.category(c) in {"So", "Sm", "Sc"} for c in name):
            self._problem(line, "id", f"the id {name!r} cannot name a folder: there is no letter or digit in it")
            return None
        folder = safe_name(name)
        if folded(folder) in RESERVED or folder.startswith(TEMP_PREFIX):
            self._problem(line, "id", f"the id {name!r} is the name of something that stills writes itself")
            return None
        if folder != unicodedata.normalize("NFC", name):
            self._renamed.append((name, folder))
        return folder

    def _several(self, cell: str) -> list[str]:
        between = r"[|\r\n]+" if self._text.separator == ";" else r"[|;\r\n]+"
        return [part for part in (part.strip() for part in re.split(between, cell)) if part]

    def _where(self, cell: str) -> str:
        """A path or address of a cell: relative paths are relative to the table."""
        if is_address(cell):
            return local_path(cell) or cell
        return os.path.join(self._folder, cell)

    def _extra(self, cells: Sequence[str], known: set[int | None]) -> dict[str, str]:
        extra: dict[str, str] = {}
        for i, (name, cell) in enumerate(zip(self.names, cells, strict=True)):
            if i not in known:
                name = name or f"column {i + 1}"  # noqa: PLW2901 - its name is the one it gets
                extra[f"{name} ({i + 1})" if name in extra else name] = cell
        return extra

    def _tell_apart(self, films: Sequence[FilmRow]) -> None:
        """Ids must differ, also as folders: where case does not count, and after they were made harmless."""
        seen: dict[str, FilmRow] = {}
        for film in films:
            first = seen.setdefault(folded(film.folder), film)
            if first is film:
                continue
            if first.id == film.id:
                said = f"the id {film.id!r} was given before, in line {first.line}"
            else:
                said = f"the id {film.id!r} would share its folder with {first.id!r} of line {first.line}"
                if folded(first.id) == folded(film.id):
                    said += ": they differ in upper and lower case alone"
            self._problem(film.line, "duplicate", said)
