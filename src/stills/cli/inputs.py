"""What the user named, as a list of videos: files, folders (recursive) and globs.

An input that cannot be used is an entry with an error, so that it is reported in its place and the others still get
done. Only what makes the whole call wrong (a remote address) is raised.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stills.errors import InputError, StillsError, UsageError

VIDEO_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4",
    ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".ts", ".vob", ".webm", ".wmv",
})  # fmt: skip
"""What counts as a video inside a folder. A file that is named itself is tried whatever it is called."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_SCHEMA_START = 4096


@dataclass(frozen=True, slots=True)
class Input:
    """One video to work on, or what is wrong with what the user named."""

    path: str
    error: StillsError | None = None


def expand(
    named: Sequence[str], *, out: Path | None = None, suffixes: frozenset[str] = VIDEO_SUFFIXES, what: str = "video"
) -> list[Input]:
    """Every video that ``named`` stands for, each once, folders and globs in the order of their names.

    Args:
        named: Files, folders and globs. A name that exists is taken as it is, even if it looks like a glob.
        out: The output folder, which is never searched for videos.
        suffixes: Endings, in small letters, of the files that count inside a folder.
        what: What they are, in a word. Folders that stills wrote are searched for anything but videos.

    Raises:
        UsageError: One is a remote address.
    """
    found: list[Input] = []
    seen: set[str] = set()
    for name in named:
        for item in _expand_one(name, _Search(out, suffixes, what)):
            key = os.path.realpath(item.path)
            if item.error is not None or key not in seen:
                found.append(item)
            seen.add(key)
    return found


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for in folders, and where it is not."""

    out: Path | None
    suffixes: frozenset[str]
    what: str


def _expand_one(name: str, search: _Search) -> Iterator[Input]:
    if _ADDRESS.match(name) and not os.path.lexists(name):
        raise UsageError(
            f"{name}: remote inputs come with an extra that is not in this version",
            remedy=f"download the {search.what} and name the file",
        )
    if os.path.isdir(name):
        yield from _folder(name, search)
    elif os.path.lexists(name) or not glob.has_magic(name):
        yield Input(name)  # whether it is there, and a video, is for the probe to say
    else:
        matches = sorted(glob.glob(name, recursive=True))
        if not matches:
            yield Input(name, InputError("nothing matches this pattern", path=name, remedy="check it with ls"))
        for match in matches:
            if not os.path.isdir(match):
                yield Input(match)
            elif "**" not in name:  # with ** what is inside was matched by itself
                yield from _folder(match, search)


def _folder(name: str, search: _Search) -> Iterator[Input]:
    skip = os.path.realpath(search.out) if search.out is not None else None
    errors: list[OSError] = []
    anything = False
    for folder, inner, files in os.walk(name, onerror=errors.append):
        inner[:] = sorted(
            d for d in inner if not d.startswith(".") and os.path.realpath(os.path.join(folder, d)) != skip
        )
        if search.what == "video" and is_output(Path(folder)):
            inner.clear()
            continue
        for file in sorted(files):
            if not file.startswith(".") and os.path.splitext(file)[1].lower() in search.suffixes:
                anything = True
                yield Input(os.path.join(folder, file))
    for error in errors:
        path = os.fsdecode(error.filename or name)
        yield Input(path, InputError(f"the folder cannot be read: {error.strerror}", path=path))
    if not anything and not errors:
        remedy = f"known endings: {' '.join(sorted(search.suffixes))}; name a file with another ending itself"
        yield Input(name, InputError(f"there is no {search.what} in this folder", path=name, remedy=remedy))


def is_output(folder: Path) -> bool:
    """Whether stills wrote this folder: the one of a video, with a result in it."""
    for result in folder.glob("*.json"):
        if result.name in ("batch.json", "across.json"):
            continue  # lies in an output folder, which may be anybody's: the films' folders in it are ours
        try:
            with result.open("rb") as file:
                start = file.read(_SCHEMA_START)
        except OSError:
            continue
        if re.search(rb'"schema"\s*:\s*"stills/', start):
            return True
    return False


def results_in(out: Path) -> list[Path]:
    """The result files in an output folder, one a video and recipe. Unreadable ones are left out."""
    found = []
    for path in sorted(out.glob("*/*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and str(content.get("schema", "")).startswith("stills/"):
            found.append(path)
    return found
