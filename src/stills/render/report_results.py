"""The results in an output folder, as the report reads them: one video's after another's, and what cannot be read."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from stills.errors import printable
from stills.render.view import Problem, damaged
from stills.result_files import is_result_file

FAILURES = Path(".stills") / "failures.json"
"""Inputs without a result, in the output folder: ``[{"path", "message", "remedy"}, …]``; there if some failed."""

PAGES = "report"
"""Where the pages of a large report are, in the output folder; there may be a video of that name, too."""

_SCHEMA_PREFIX = "stills/"

Documents: TypeAlias = dict[str, dict[str, Any]]
"""The results of one video by the names of their files."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder in the output folder, and the JSON files in it, which may be results.

    ``signature`` is another one when a file in it, or a picture in a folder in it, was written, added or removed.
    """

    name: str
    files: tuple[str, ...]
    signature: str


@dataclass(slots=True)
class Found:
    """The results in an output folder by the folder of their video, and what could not be read."""

    results: dict[str, Documents] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def list_folders(out: Path) -> list[Folder]:
    """The folders in ``out`` that hold JSON files, sorted by name. None of the files is opened."""
    try:
        with os.scandir(out) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except OSError:
        return []
    return [folder for name in names if (folder := _folder(out, name)) is not None]


def _folder(out: Path, name: str) -> Folder | None:
    files: list[str] = []
    state: list[tuple[str, int, int]] = []
    try:
        if name != PAGES:  # writing the report is no change of what it tells
            state.append(("", 0, os.stat(out / name).st_mtime_ns))
        with os.scandir(out / name) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.name.endswith(".json"):
                    files.append(entry.name)
                elif not entry.is_dir():
                    continue
                about = entry.stat()
                # A folder's time is that of the last file that came, went or was replaced in it.
                state.append((entry.name, 0 if entry.is_dir() else about.st_size, about.st_mtime_ns))
    except OSError:
        return None
    if not files:
        return None
    said = repr(sorted(state)).encode("utf-8", "surrogateescape")
    return Folder(name, tuple(sorted(files)), hashlib.blake2b(said, digest_size=12).hexdigest())


def read_folder(out: Path, folder: Folder) -> tuple[Documents, list[Problem]]:
    """The results in a folder, and what is wrong with others; files that are not results of stills are left out."""
    documents: Documents = {}
    problems: list[Problem] = []
    for name in folder.files:
        try:
            document = json.loads((out / folder.name / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            problems.append(damaged(f"{folder.name}/{name}", error))
            continue
        if isinstance(document, dict) and str(document.get("schema", "")).startswith(_SCHEMA_PREFIX):
            documents[name] = document
    return documents, problems


def count_results(out: Path) -> int:
    """How many results are in ``out``, by how their files begin: to read all of thousands takes long."""
    return sum(_begins_like_one(out / folder.name / name) for folder in list_folders(out) for name in folder.files)


def _begins_like_one(path: Path) -> bool:
    try:
        return is_result_file(path)
    except OSError:
        return False


def find_results(out: Path) -> Found:
    """All results ``OUT/<folder>/<recipe>.json``, sorted by name, and the inputs that failed."""
    found = Found()
    for folder in list_folders(out):
        documents, problems = read_folder(out, folder)
        found.problems += problems
        if documents:
            found.results[folder.name] = documents
    found.problems += noted_failures(out)
    return found


def results_of(out: Path, video: str) -> list[Path]:
    """The folders in ``out`` that hold results of ``video``, named as it was when they were made, or the same file."""
    wanted = os.path.realpath(video)
    return [
        out / folder.name
        for folder in list_folders(out)
        if any(_is_about(document, video, wanted) for document in read_folder(out, folder)[0].values())
    ]


def _is_about(document: dict[str, Any], video: str, real: str) -> bool:
    about = document.get("video")
    path = about.get("path") if isinstance(about, dict) else None
    return isinstance(path, str) and "\0" not in path and (path == video or os.path.realpath(path) == real)


def noted_failures(out: Path) -> list[Problem]:
    """The inputs that failed, as the run noted them."""
    path = out / FAILURES
    if not path.is_file():
        return []
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        named = [(str(one["path"] or "an input"), str(one["message"]), str(one.get("remedy") or "")) for one in noted]
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        return [damaged(str(FAILURES), error)]
    return [Problem(printable(path), printable(message), printable(remedy)) for path, message, remedy in named]
