"""The text of a CSV file, however it was saved, as records that know their line.

Spreadsheets save CSV in several encodings and with several separators, and none of it is said in the file. What is not
known is found out from the file as a whole: a byte order mark or valid UTF-8 for the encoding, the header line for the
separator. RFC 4180 for the rest: quoted cells may hold separators, line ends and doubled quotes.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

SEPARATORS = (",", ";", "\t")

MAX_BYTES = 256 << 20
"""Largest table that is read: a thousand times what ten thousand films take."""

_MARKS = (  # the longer one first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = (
    (b"PK\x03\x04", "this is a ZIP archive or a spreadsheet, not a CSV file", "save the table as CSV"),
    (b"\xd0\xcf\x11\xe0", "this is an old Excel workbook, not a CSV file", "save the table as CSV"),
    (b"PAR1", "this is a Parquet file, not a CSV file", "save the table as CSV"),
    (b"%PDF", "this is a PDF, not a CSV file", "save the table as CSV"),
)
_CELL = 1 << 20
"""Longest cell in characters: what is longer begins with a quote that was never closed."""


class NotCsvError(ValueError):
    """The bytes are no table: ``str(error)`` says what they are, ``remedy`` what to do."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        """What is said to people."""
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one row; ``line`` is where it begins, from 1. ``error`` says why it could not be read."""

    line: int
    cells: tuple[str, ...]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class CsvText:
    """A table as text: the first record is its header. ``warnings`` say what had to be guessed."""

    records: tuple[Record, ...]
    encoding: str
    separator: str
    warnings: tuple[str, ...] = ()


def read_csv(data: bytes, knows: Callable[[str], bool]) -> CsvText:
    """The records of a CSV file; rows of which every cell is empty are left out.

    ``knows`` says whether a header name is one that is looked for: the separator is the one that shows the most of
    them, and of two that show as many the one that makes more cells. Raises :class:`NotCsvError`.
    """
    text, encoding, warnings = _decode(data)
    first = re.match(r"sep=(.)(?:\r\n|\r|\n)", text)  # how Excel is told; it takes the line for no row
    skipped = 0
    if first is not None:
        text, skipped = text[first.end() :], 1
    with _long_cells():
        separator = first[1] if first is not None else _separator(text, knows)
        records = _records(text, separator, skipped)
    if not records:
        raise NotCsvError("the file is empty", "it needs a header line and a row for each film")
    return CsvText(tuple(records), encoding, separator, tuple(warnings))


@contextmanager
def _long_cells() -> Iterator[None]:
    """The limit of cells as it is wanted here: it is the whole process's."""
    before = csv.field_size_limit(_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _decode(data: bytes) -> tuple[str, str, list[str]]:
    """The text, the name of its encoding, and what is to be said about it."""
    if not data.strip():
        raise NotCsvError("the file is empty", "it needs a header line and a row for each film")
    for magic, what, remedy in _OTHERS:
        if data.startswith(magic):
            raise NotCsvError(what, remedy)
    for mark, name in _MARKS:
        if data.startswith(mark):
            try:
                text = data.decode(name)
            except UnicodeDecodeError as error:
                raise NotCsvError(f"the file begins as {name.upper()} text, but is not ({error.reason})") from None
            return _checked(text), name.removesuffix("-sig"), []
    try:
        return _checked(data.decode("utf-8")), "utf-8", []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    # Windows-1252 is what spreadsheets mean by Latin-1; five of its codes are not assigned, Latin-1's all are.
    try:
        text, name = data.decode("cp1252"), "windows-1252"
    except UnicodeDecodeError:
        text, name = data.decode("latin-1"), "latin-1"
    said = f"line {line} is not UTF-8: the file is read as {name.title()}; check the accents, or save it as UTF-8"
    return _checked(text), name, [said]


def _checked(text: str) -> str:
    if "\0" in text:
        raise NotCsvError("this is not text: there are zero bytes in it", "save the table as CSV, in UTF-8")
    if not text.strip("\ufeff \t\r\n"):
        raise NotCsvError("the file is empty", "it needs a header line and a row for each film")
    odd = sum(c < " " and c not in "\t\r\n\f" for c in text[:4096])
    if odd > len(text[:4096]) // 20:
        raise NotCsvError("this is not text: it is full of control characters", "save the table as CSV, in UTF-8")
    return text


def _separator(text: str, knows: Callable[[str], bool]) -> str:
    """The separator that makes the most sense of the header line."""

    def sense(separator: str) -> tuple[int, int]:
        cells = _header(text, separator)
        return sum(map(knows, cells)), len(cells)

    return max(SEPARATORS, key=sense)  # the first of equals


def _header(text: str, separator: str) -> Sequence[str]:
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True):
            if any(cell.strip() for cell in cells):
                return cells
    except csv.Error:
        return ()
    return ()


def _records(text: str, separator: str, skipped: int) -> list[Record]:
    # newline="" keeps line ends as they are, and ends lines at \n, \r and \r\n alike.
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    records: list[Record] = []
    while True:
        line = reader.line_num + 1 + skipped
        try:
            cells = next(reader)
        except StopIteration:
            return records
        except csv.Error as error:
            records.append(Record(line, (), _spoken(error)))
            if "field larger" in str(error):
                return records  # what follows is the rest of that cell
            continue
        if any(cell.strip() for cell in cells):
            records.append(Record(line, tuple(cells)))


def _spoken(error: csv.Error) -> str:
    said = str(error)
    if "unexpected end" in said or "field larger" in said:
        return "a quote is opened here and never closed"
    if "expected after" in said:
        return "a quoted cell goes on after its closing quote (quotes inside a cell are doubled)"
    return said
