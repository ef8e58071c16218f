"""A ``multipart/form-data`` body, taken apart while it comes: files go to the disk piece by piece, fields stay small.

What clients call their files is text to be shown; on the disk they have random names. Everything here blocks, and is
fed from a thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from stills.service.problems import ProblemError, disk_full

FIELD_BYTES = 64 * 1024
"""Most bytes of a field that is no file."""
MOST_NAME = 255
_FULL_NAME = "video"

logging.getLogger("python_multipart").addHandler(logging.NullHandler())
logging.getLogger("python_multipart").propagate = False  # what is wrong with a body is said to whoever sent it


@dataclass(frozen=True, slots=True)
class FileRule:
    """What a file of a form may be."""

    most_bytes: int
    most: int = 1
    """How many there may be."""


@dataclass(frozen=True, slots=True)
class Received:
    """A file that was sent."""

    path: Path
    name: str
    """What the client calls it, without folders."""
    bytes: int


@dataclass(slots=True)
class _Part:
    """What is being read."""

    header: bytes = b""
    value: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    name: str = ""
    filename: str | None = None
    data: bytearray = field(default_factory=bytearray)
    path: Path | None = None
    descriptor: int | None = None
    size: int = 0


class Form:
    """A form that is being received: :meth:`feed` it, :meth:`finish` it; :meth:`discard` what is not taken."""

    def __init__(self, content_type: str, folder: Path, files: Mapping[str, FileRule], fields: frozenset[str]) -> None:
        """Files go into ``folder``. ``files`` and ``fields`` are what there may be, by name.

        Raises ``ProblemError`` where the type says no boundary.
        """
        kind, parameters = parse_options_header(content_type)
        boundary = parameters.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise ProblemError(400, "the Content-Type of the form says no boundary")
        self._folder = folder
        self._rules = files
        self._names = fields
        self._part = _Part()
        self._ended = False
        self.fields: dict[str, str] = {}
        self.files: dict[str, list[Received]] = {}
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._finished,
                },
            )
        except FormParserError as error:
            raise ProblemError(400, "the boundary of the form is too long") from error

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises ``ProblemError``: then :meth:`discard` the form."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise ProblemError(400, "the body is no form: it does not keep to multipart/form-data") from error

    def finish(self) -> None:
        """There is no more. Raises ``ProblemError`` where there should be."""
        if not self._ended:
            raise ProblemError(400, "the form ends in the middle", remedy="send all of it, with its last boundary")

    def discard(self) -> None:
        """Remove all files that came; those that were taken meanwhile are not there any more."""
        self._close()
        for path in [one.path for many in self.files.values() for one in many] + [self._part.path]:
            if path is not None:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    # What the parser says

    def _begin(self) -> None:
        self._part = _Part()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.value += data[start:end]

    def _header_end(self) -> None:
        part = self._part
        part.headers[part.header.decode("latin-1").lower()] = part.value.decode("latin-1")
        part.header, part.value = b"", b""

    def _headers_finished(self) -> None:
        part = self._part
        kind, parameters = parse_options_header(part.headers.get("content-disposition"))
        name = parameters.get(b"name")
        if kind != b"form-data" or name is None:
            raise ProblemError(400, "a part of the form has no name")
        part.name = name.decode("utf-8", "replace")
        if part.name in self._rules:
            given = parameters.get(b"filename", b"").decode("utf-8", "replace")
            self._open_file(part, given)
        elif part.name not in self._names:
            known = ", ".join([*self._rules, *sorted(self._names)])
            raise ProblemError(422, f"the form has a field {part.name[:100]!r}", remedy=f"there are {known}")
        elif part.name in self.fields:
            raise ProblemError(422, f"the form has the field {part.name!r} twice")

    def _open_file(self, part: _Part, given: str) -> None:
        rule = self._rules[part.name]
        if len(self.files.get(part.name, ())) >= rule.most:
            said = "more than one file" if rule.most == 1 else f"more than {rule.most} files"
            raise ProblemError(422, f"the form has {said} in {part.name!r}")
        part.filename = shown_name(given)
        part.path = self._folder / secrets.token_hex(16)
        try:
            part.descriptor = os.open(part.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise write_problem(error) from error

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        part.size += end - start
        if part.descriptor is None:
            if part.size > FIELD_BYTES:
                raise ProblemError(413, f"the field {part.name!r} is longer than {FIELD_BYTES} bytes")
            part.data += data[start:end]
            return
        most = self._rules[part.name].most_bytes
        if part.size > most:
            raise too_large(most)
        view = memoryview(data)[start:end]
        try:
            while view:
                view = view[os.write(part.descriptor, view) :]
        except OSError as error:
            raise write_problem(error) from error

    def _end(self) -> None:
        part = self._part
        if part.path is None or part.filename is None:
            try:
                self.fields[part.name] = part.data.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ProblemError(422, f"the field {part.name!r} is not UTF-8 text") from error
            return
        self._close()
        self.files.setdefault(part.name, []).append(Received(part.path, part.filename, part.size))
        part.path = None

    def _finished(self) -> None:
        self._ended = True

    def _close(self) -> None:
        descriptor, self._part.descriptor = self._part.descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def shown_name(given: str) -> str:
    """What a client calls a file, as a name that can be shown and stored: no folders, nothing that cannot be seen."""
    last = given.replace("\\", "/").rstrip("/").rpartition("/")[2]
    seen = "".join(letter for letter in last if letter.isprintable()).strip()
    return seen[:MOST_NAME] or _FULL_NAME


def too_large(most: int) -> ProblemError:
    """A file is larger than it may be."""
    shown = f"{most / 1e9:.3g} GB" if most >= 1e9 else f"{most / 1e6:.3g} MB" if most >= 1e6 else f"{most} bytes"
    return ProblemError(413, f"the file is larger than {shown}, which is the most that is taken")


def write_problem(error: OSError) -> Exception:
    """What a file that cannot be written is for the client."""
    import errno

    from stills.files import output_error

    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return disk_full()
    return output_error(error, Path(error.filename or "uploads"))
