"""Which of the names on the command line are posters, and whether they are there."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence

from stills.errors import UsageError

PICTURE_SUFFIXES = frozenset({".avif", ".bmp", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""What is a picture and no video among the inputs: a shell makes `--poster *.jpg` one option and many inputs."""


def posters_among(inputs: Sequence[str], posters: Sequence[str]) -> tuple[list[str], list[str]]:
    """The videos among ``inputs``, and all posters: those given as such, and then pictures among ``inputs``.

    Without any given poster every input is a video. A poster may be a glob in quotes. The same file counts once.

    Raises:
        UsageError: A poster is not there, is a folder or an address; or no input is left.
    """
    if not posters:
        return list(inputs), []
    videos = [name for name in inputs if os.path.splitext(name)[1].lower() not in PICTURE_SUFFIXES]
    if not videos:
        raise UsageError("only posters are named, and no video", remedy="name the video before --poster")
    pictures = [name for name in inputs if name not in videos]
    found: dict[str, str] = {}
    for name in [*posters, *pictures]:
        for path in _one(name):
            found.setdefault(os.path.realpath(path), path)
    return videos, list(found.values())


def _one(name: str) -> Iterator[str]:
    """The files that a name stands for."""
    if os.path.isdir(name):
        raise UsageError("a poster is a picture, and this is a folder", path=name, remedy="name the pictures in it")
    if os.path.lexists(name):
        yield name
        return
    if "://" in name:
        raise UsageError(
            f"{name}: posters at addresses are fetched by stills batch", remedy="download it and name the file"
        )
    matches = sorted(match for match in glob.glob(name) if not os.path.isdir(match)) if glob.has_magic(name) else []
    if not matches:
        raise UsageError("there is no such poster", path=name, remedy="check the name")
    yield from matches
