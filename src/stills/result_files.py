"""Telling files that stills wrote from others by how they begin: to read all of thousands takes long."""

from __future__ import annotations

import re
from pathlib import Path

RESULT_START = 4096
"""Bytes at the beginning of a JSON file that tell."""

_SCHEMA = re.compile(rb'"schema"\s*:\s*"stills/')


def is_result(start: bytes) -> bool:
    """Whether a JSON file that begins with ``start`` is one of stills' results."""
    return _SCHEMA.search(start) is not None


def is_result_file(path: Path) -> bool:
    """Whether the JSON file at ``path`` is one of stills' results. Raises ``OSError`` where it cannot be read."""
    with path.open("rb") as file:
        return is_result(file.read(RESULT_START))
