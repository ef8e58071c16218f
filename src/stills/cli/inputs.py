"""What the user named on the command line, as a list of videos; see :mod:`stills.jobs.sources`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from stills.jobs.sources import VIDEO_SUFFIXES, Search, Source, is_output
from stills.jobs.sources import expand as expand_all

__all__ = ["SEARCH", "VIDEO_SUFFIXES", "Input", "expand", "is_output", "results_in"]

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
    context = click.get_current_context(silent=True)
    given = {} if context is None else context.find_root().meta.get(SEARCH, {})
    include, exclude, column = tuple(given.get("include", ())), tuple(given.get("exclude", ())), given.get("column")
    return expand_all(named, Search(out, suffixes, what, include, exclude, column))


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
