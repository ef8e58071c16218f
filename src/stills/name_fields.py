"""Templates for the names of pictures, and what may stand in them."""

from __future__ import annotations

import string

FIELDS = ("stem", "recipe", "number", "rank", "time", "pts", "shot", "score", "person")
"""What a template may name. ``time`` is like 00-01-12.480; ``number`` counts the pictures of a video from 1."""


def check_template(template: str) -> str:
    """``template`` as it is. Raises ``ValueError`` where it cannot give names of files that differ."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"is no template ({error})") from error
    named = {name for _, name, _, _ in parts if name is not None}
    if unknown := sorted(named.difference(FIELDS)):
        raise ValueError(f"knows no {{{unknown[0]}}}; the fields are {', '.join(FIELDS)}")
    if not named & {"number", "rank", "time", "pts"}:
        raise ValueError("needs {number}, {rank}, {time} or {pts}: all pictures would have one name")
    if "/" in template or "\\" in template or "\0" in template:
        raise ValueError("names a file, not a folder: leave out / and \\\\")
    try:
        fill(
            template,
            dict.fromkeys(FIELDS, 1) | {"stem": "film", "recipe": "people", "time": "00-00-01.000", "score": 0.5},
        )
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise ValueError(f"cannot be filled in ({error})") from error
    return template


def fill(template: str, values: dict[str, object]) -> str:
    """The name that ``template`` gives for ``values`` (by :data:`FIELDS`), without an extension."""
    return string.Formatter().vformat(template, (), values)
