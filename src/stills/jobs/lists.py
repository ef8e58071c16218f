"""Lists of videos: tables (CSV), JSON lines and plain text, in files, behind addresses or on standard input."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeAlias
from urllib.parse import urljoin

from stills.addresses import is_address, public_name
from stills.errors import InputError, printable
from stills.jobs.sources import STDIN, Source

COLUMNS = ("video", "path", "file", "filename", "source", "url", "uri", "address", "location", "trailer")
"""Columns and fields that name a video, the likeliest first."""

_TABLES = (".csv", ".tsv")
_LINES = (".jsonl", ".ndjson")
_SEPARATORS = ",;\t"

_LONGEST_ROW = 1000
"""Lines that a row of a table may have: cells with texts go on over lines."""

_Line: TypeAlias = tuple[int, str]


def is_list(name: str) -> bool:
    """Whether ``name`` stands for a list: ``-``, a file behind an ``@``, or one that is called like a table."""
    if name == STDIN or (name.startswith("@") and len(name) > 1 and not os.path.lexists(name)):
        return True
    return os.path.splitext(public_name(name).partition("?")[0])[1].lower() in _TABLES + _LINES and not os.path.isdir(
        name
    )


def read_list(name: str, column: str | None = None) -> Iterator[Source]:
    """The places that a list names, as they are read; those that are relative are so to the list.

    What the list is, a table, JSON lines or a place a line, its first line tells. A line that cannot be read, and a
    list that cannot, are entries with an error.
    """
    place = name.removeprefix("@") if name != STDIN and not os.path.lexists(name) else name
    shown = "standard input" if place == STDIN else public_name(place)
    try:
        with _open(place) as file:
            for line, found in _places(file, column, shown):
                if isinstance(found, InputError):
                    yield Source(f"{shown}:{line}", found)
                elif "\0" in found:  # where a list was cut off and the rest filled up, or it is none
                    where = f"{shown}:{line}"
                    yield Source(where, InputError("the line has a zero byte in it", path=where, remedy="repair it"))
                else:
                    yield Source(_where(found, place))
    except InputError as error:
        yield Source(shown, error)
    except (OSError, UnicodeError, csv.Error) as error:
        said = f"the list cannot be read: {getattr(error, 'strerror', None) or error}"
        yield Source(shown, InputError(said, path=shown, remedy="it has to be CSV, JSON lines or plain text in UTF-8"))


@contextmanager
def _open(place: str) -> Iterator[BinaryIO]:
    if place == STDIN:
        yield sys.stdin.buffer
    elif is_address(place) and not os.path.lexists(place):
        from stills.media.remote import open_remote

        with io.BufferedReader(open_remote(place)) as remote:
            yield remote
    else:
        with open(place, "rb") as file:
            yield file


def _places(file: BinaryIO, column: str | None, shown: str) -> Iterator[tuple[int, str | InputError]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        lines = ((number, line) for number, line in enumerate(text, 1) if line.strip())
        first = next(lines, None)
        if first is None:
            raise InputError("the list is empty", path=shown)
        if "\0" in first[1]:
            raise InputError("this is no list of videos", path=shown, remedy="give CSV, JSON lines or plain text")
        rest = itertools.chain([first], lines)
        separator = max(_SEPARATORS, key=first[1].count)
        header = next(csv.reader([first[1]], delimiter=separator), [])
        if (at := _column(header, column)) is not None:
            yield from _from_table(rest, at, separator, shown)
        elif _is_json(first[1]):
            yield from _from_json(rest, column, shown)
        elif column is not None or (len(header) > 1 and not _is_place(first[1].strip())):
            wanted = column or "video, path, url or the like"
            names = ", ".join(cell.strip() for cell in header)
            raise InputError(f"the list has no column {wanted}: its first line is {names}", path=shown)
        else:
            yield from ((number, line.strip()) for number, line in rest if not line.startswith("#"))
    finally:
        text.detach()  # whoever opened the file closes it


def _is_json(line: str) -> bool:
    """Whether a line is an object or a text of JSON, or was to be an object."""
    try:
        return isinstance(json.loads(line), dict | str)
    except (ValueError, RecursionError):
        return line.lstrip().startswith("{")


def _is_place(line: str) -> bool:
    """Whether a line with separators in it is a place all the same."""
    return os.path.lexists(line) or is_address(line) or os.path.splitext(line)[1][1:].isalnum()


def _column(header: list[str], column: str | None) -> int | None:
    names = [cell.strip().lower() for cell in header]
    for wanted in (column.lower(),) if column is not None else COLUMNS:
        if wanted in names:
            return names.index(wanted)
    return None


def _from_table(lines: Iterator[_Line], at: int, separator: str, shown: str) -> Iterator[tuple[int, str | InputError]]:
    ahead: deque[_Line] = deque()

    def coming() -> _Line | None:
        return ahead.popleft() if ahead else next(lines, None)

    coming()  # the header
    while (first := coming()) is not None:
        number, _ = first
        taken = [first]
        try:
            row = _row(taken, coming, separator)
        except csv.Error as error:
            ahead.extendleft(reversed(taken[1:]))
            said = f"this is no row of a table ({error})" if len(taken) == 1 else "a quotation mark is never closed"
            yield number, InputError(said, path=f"{shown}:{number}", remedy="repair the row")
            continue
        place = row[at].strip() if at < len(row) else ""
        if place:
            yield number, place
        elif any(cell.strip() for cell in row):
            yield number, InputError("the row names no video", path=f"{shown}:{number}")


def _row(taken: list[_Line], coming: Callable[[], _Line | None], separator: str) -> list[str]:
    """The row that begins with the one line in ``taken``, to which are added those that its cells go on in.

    Raises ``csv.Error``, also where a quotation mark is not closed: it would take the rows behind it for its own, up to
    the next quotation mark.
    """

    def texts() -> Iterator[str]:
        yield taken[0][1]
        while len(taken) < _LONGEST_ROW and (more := coming()) is not None:
            taken.append(more)
            yield more[1]
        raise csv.Error("a quotation mark is open at the end")

    try:
        return next(csv.reader(texts(), delimiter=separator, strict=True))
    except csv.Error:
        if len(taken) > 1:
            raise
        # Quotation marks where none should be do no harm within a line.
        return next(csv.reader([taken[0][1]], delimiter=separator))


def _from_json(lines: Iterator[_Line], column: str | None, shown: str) -> Iterator[tuple[int, str | InputError]]:
    for number, line in lines:
        where = f"{shown}:{number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            yield number, InputError("the line is no JSON", path=where)
            continue
        if isinstance(value, dict):
            names = (column,) if column is not None else COLUMNS
            value = next((value[name] for name in names if isinstance(value.get(name), str)), None)
        if isinstance(value, str) and value.strip():
            yield number, value
        else:
            yield number, InputError(f"the line names no video ({printable(line.strip()[:60])})", path=where)


def _where(place: str, listed: str) -> str:
    """A place as named in the list ``listed``: absolute, an address, or relative to the list."""
    if is_address(place) or os.path.isabs(place) or listed == STDIN:
        return place
    if is_address(listed) and not os.path.lexists(listed):
        scheme, _, rest = listed.partition("://")
        # urljoin() knows relative places of a few schemes only.
        return f"{scheme}://{urljoin('//' + rest.partition('?')[0], place).removeprefix('//')}"
    return os.path.join(os.path.dirname(listed), place)
