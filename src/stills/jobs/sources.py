"""What the user named, as videos one after another: files, folders, globs, lists of them, and addresses.

Nothing is gathered that can be passed on: a list of 100,000 videos is read as they are asked for. What cannot be used
is an entry with an error, so that it is reported in its place and the others still get done.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from stills.addresses import is_address, local_path, public_name
from stills.errors import InputError, StillsError
from stills.result_files import is_result_file

VIDEO_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4",
    ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".ts", ".vob", ".webm", ".wmv",
})  # fmt: skip
"""What counts as a video inside a folder. A file that is named itself is tried whatever it is called."""

STDIN = "-"

_SUMMARIES = ("batch.json", "across.json")


@dataclass(frozen=True, slots=True)
class Source:
    """One video to work on, a path or an address, or what is wrong with what the user named."""

    path: str
    error: StillsError | None = None

    @property
    def name(self) -> str:
        """``path`` without what is secret in it: for people, results and databases."""
        return public_name(self.path)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for in folders, and where it is not.

    Attributes:
        out: The output folder, which is never searched.
        suffixes: Endings, in small letters, of the files that count inside a folder.
        what: What they are, in a word. Folders that stills wrote are searched for anything but videos.
        include: Patterns (``*.mp4``, ``holiday/*``); where there are any, files that match one count, and no others.
        exclude: Patterns of files and folders that do not count.
        column: The column of a table, or the field of JSON lines, that names the video; by default one called
            ``video``, ``path``, ``url`` or the like.
    """

    out: Path | None = None
    suffixes: frozenset[str] = VIDEO_SUFFIXES
    what: str = "video"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    column: str | None = None
    skip: str | None = field(init=False)

    def __post_init__(self) -> None:
        """Look up where the output folder really is, once."""
        out = self.out
        local = out is not None and not is_address(os.fspath(out))
        object.__setattr__(self, "skip", os.path.realpath(out) if out is not None and local else None)

    def takes(self, inside: str) -> bool:
        """Whether the file ``inside`` the folder that was named (its path from there, with ``/``) counts."""
        if self.include:
            wanted = any(_matches(inside, pattern) for pattern in self.include)
        else:
            wanted = os.path.splitext(inside)[1].lower() in self.suffixes
        return wanted and not self.leaves_out(inside)

    def leaves_out(self, inside: str) -> bool:
        """Whether a file or folder is excluded."""
        return any(_matches(inside, pattern) for pattern in self.exclude)

    def nothing(self, name: str) -> Source:
        """The entry for a folder in which there is nothing."""
        remedy = f"known endings: {' '.join(sorted(self.suffixes))}; name a file with another ending itself"
        if self.include or self.exclude:
            remedy = "check --include and --exclude"
        return Source(
            name, InputError(f"there is no {self.what} in this folder", path=public_name(name), remedy=remedy)
        )


def iter_sources(named: Iterable[str], search: Search | None = None) -> Iterator[Source]:
    """Every video that ``named`` stands for, each once, as they are found.

    A name is a file, a folder (searched with its subfolders; links to folders are followed, each folder is visited
    once), a glob, an address of an object, or of many (ending with ``/``, or with ``*`` in it), a list (``*.csv``,
    ``*.tsv``, ``*.jsonl``, ``*.ndjson``, any file behind an ``@``) or ``-`` for a list on standard input. A name that
    exists is taken as it is, even if it looks like a glob.
    """
    search = search or Search()
    seen: set[bytes] = set()
    for name in named:
        for item in _expand(name, search):
            place = item.path if is_address(item.path) else os.path.realpath(item.path)
            key = hashlib.blake2b(place.encode("utf-8", "surrogatepass"), digest_size=12).digest()
            if item.error is not None or key not in seen:
                yield item
            seen.add(key)


def expand(named: Sequence[str], search: Search | None = None) -> list[Source]:
    """:func:`iter_sources` as a list."""
    return list(iter_sources(named, search))


def _expand(name: str, search: Search) -> Iterator[Source]:
    from stills.jobs.lists import is_list, read_list

    if "\0" in name:
        shown = name.replace("\0", "\\0")
        yield Source(shown, InputError("no file can be called like this: there is a zero byte in it", path=shown))
        return
    if not is_list(name):
        yield from _place(name, search)
        return
    for item in read_list(name, search.column):
        # A list in a list is taken for a file: lists that name each other would have no end.
        yield from [item] if item.error is not None else _place(item.path, search)


def _place(name: str, search: Search) -> Iterator[Source]:
    if is_address(name) and not os.path.lexists(name):
        path = local_path(name)
        if path is None:
            from stills.jobs.stores import remote_sources

            yield from remote_sources(name, search)
            return
        name = path
    if os.path.isdir(name):
        yield from _folder(name, search)
    elif os.path.lexists(name) or not glob.has_magic(name):
        yield Source(name)  # whether it is there, and a video, is for the probe to say
    else:
        matches = sorted(glob.glob(name, recursive=True))
        if not matches:
            yield Source(name, InputError("nothing matches this pattern", path=name, remedy="check it with ls"))
        for match in matches:
            if not os.path.isdir(match):
                if not search.leaves_out(os.path.basename(match)):
                    yield Source(match)
            elif "**" not in name:  # with ** what is inside was matched by itself
                yield from _folder(match, search)


def _folder(root: str, search: Search) -> Iterator[Source]:
    visited: set[tuple[int, int]] = set()
    waiting = [root]
    anything = False
    while waiting:
        folder = waiting.pop()
        try:
            about = os.stat(folder)
            if (about.st_dev, about.st_ino) in visited:
                continue  # a link that leads back
            visited.add((about.st_dev, about.st_ino))
            if search.what == "video" and is_output(Path(folder)):
                continue
            with os.scandir(folder) as entries:
                inside = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
            deeper = [entry.path for entry in inside if _is_folder(entry)]
        except OSError as error:
            anything = True
            yield Source(folder, InputError(f"the folder cannot be read: {error.strerror}", path=folder))
            continue
        folders = set(deeper)
        for entry in inside:
            if entry.path not in folders and search.takes(_inside(entry.path, root)):
                anything = True
                yield Source(entry.path)
        waiting += [
            path
            for path in reversed(deeper)
            if not search.leaves_out(_inside(path, root)) and os.path.realpath(path) != search.skip
        ]
    if not anything:
        yield search.nothing(root)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or into a place where we may not look: one entry's fault, not its folder's
        return False


def _inside(path: str, root: str) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


def _matches(inside: str, pattern: str) -> bool:
    """Whether the pattern fits the whole path, or without a ``/`` in it, any part of the path."""
    if "/" in pattern:
        return fnmatchcase(inside, pattern.strip("/"))
    return any(fnmatchcase(part, pattern) for part in inside.split("/"))


def is_output(folder: Path) -> bool:
    """Whether stills wrote this folder: the one of a video, with a result in it."""
    for result in folder.glob("*.json"):
        if result.name in _SUMMARIES:
            continue  # lies in an output folder, which may be anybody's: the films' folders in it are ours
        with contextlib.suppress(OSError):
            if is_result_file(result):
                return True
    return False
