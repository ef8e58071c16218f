"""What the user named on the command line, as a list of videos; see :mod:`stills.jobs.sources`."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from stills.addresses import is_address, local_path
from stills.jobs.lists import is_list
from stills.jobs.sources import VIDEO_SUFFIXES, Search, Source, is_output, iter_sources
from stills.jobs.sources import expand as expand_all

__all__ = ["SEARCH", "VIDEO_SUFFIXES", "Input", "are_many", "expand", "is_output", "results_in", "stream"]

Input = Source
"""One video to work on, or what is wrong with what the user named."""

SEARCH = "stills.search"
"""Where ``--include`` and ``--exclude`` wait in click's context until inputs are looked for."""


def expand(
    named: Sequence[str], *, out: Path | None = None, suffixes: frozenset[str] = VIDEO_SUFFIXES, what: str = "video"
) -> list[Input]:
    """Every video that ``named`` stands for, each once, folders and globs in the order of their names.

    Args:
        named: What :func:`stills.jobs.sources.iter_sources` takes.
        out: The output folder, which is never searched for videos.
        suffixes: Endings, in small letters, of the files that count inside a folder.
        what: What they are, in a word. Folders that stills wrote are searched for anything but videos.
    """
    return expand_all(named, _search(out, suffixes, what))


def stream(named: Sequence[str], *, out: Path | None = None) -> Iterator[Input]:
    """Videos as :func:`expand` finds them, one after another: there may be any number."""
    return iter_sources(named, _search(out, VIDEO_SUFFIXES, "video"))


def are_many(named: Sequence[str]) -> bool:
    """Whether ``named`` is a library: several inputs, or one that may stand for any number of videos.

    A single file or address is none, and needs no database; a folder is, though one video may be all that is in it now.
    """
    if len(named) != 1:
        return True
    name = named[0]
    if is_list(name):
        return True
    if is_address(name) and not os.path.lexists(name):
        path = local_path(name)
        if path is None:
            from stills.jobs.stores import may_be_many

            return may_be_many(name, VIDEO_SUFFIXES)
        name = path
    return os.path.isdir(name) or (glob.has_magic(name) and not os.path.lexists(name))


def _search(out: Path | None, suffixes: frozenset[str], what: str) -> Search:
    context = click.get_current_context(silent=True)
    given = {} if context is None else context.find_root().meta.get(SEARCH, {})
    include, exclude, column = tuple(given.get("include", ())), tuple(given.get("exclude", ())), given.get("column")
    return Search(out, suffixes, what, include, exclude, column)


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
