"""Inputs as the store takes them: what each looks like now, and whether it may still be being written."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from stills.errors import InputError, StillsError
from stills.jobs.sources import Search, Source, iter_sources
from stills.jobs.store import Fingerprint
from stills.media.source import file_version, is_remote

ASKED_AT_ONCE = 16
"""Remote inputs that are asked about at a time: an answer takes some tens of milliseconds, whoever asks meanwhile."""


Inputs: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str] | Source]
"""What is to be worked on: names, or sources."""


def as_sources(inputs: Inputs, out: Path) -> Iterator[Source]:
    """``inputs`` one after another: names are looked up, sources taken as they are."""
    if isinstance(inputs, str | os.PathLike):
        inputs = [inputs]
    given = iter(inputs)
    for first in given:
        rest = itertools.chain([first], given)
        if isinstance(first, Source):
            return (one if isinstance(one, Source) else Source(os.fspath(one)) for one in rest)
        names = (one.path if isinstance(one, Source) else os.fspath(one) for one in rest)
        return iter_sources(names, Search(out))
    return iter(())


def look(path: str) -> Fingerprint:
    """What tells whether the input at ``path`` is still the same. Raises ``InputError`` and its children."""
    if is_remote(path):
        size, version = file_version(path)
        return Fingerprint(size=size if isinstance(size, int) else None, etag=None if version is None else str(version))
    try:
        about = os.stat(path)
    except FileNotFoundError:
        said = "the link points to nothing" if os.path.islink(path) else "no such file"
        raise InputError(said, path=path, remedy="check the name") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path=path) from None
    return Fingerprint(size=about.st_size, mtime_ns=about.st_mtime_ns)


def look_at_all(paths: list[str]) -> list[Fingerprint | StillsError]:
    """:func:`look` at many, errors in their places."""
    if not any(map(is_remote, paths)):
        return [_looked(path) for path in paths]
    with ThreadPoolExecutor(ASKED_AT_ONCE) as threads:
        return list(threads.map(_looked, paths))


def unsettled(seen: Fingerprint, settle: float) -> float:
    """Seconds to wait before a file that looks like ``seen`` can be taken for whole; 0 for one that is.

    A time of change in the future says that clocks do not agree, and nothing of the file: then it has to stay as it is
    for all of ``settle`` seconds.
    """
    if seen.mtime_ns is None or settle <= 0:
        return 0.0
    age = time.time() - seen.mtime_ns / 1e9
    if age < 0:
        return settle
    return max(0.0, settle - age)


def _looked(path: str) -> Fingerprint | StillsError:
    try:
        return look(path)
    except StillsError as error:
        return error
