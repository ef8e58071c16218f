"""Names of output folders and pictures. The name of an input never becomes a path unchecked."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import unquote, urlsplit

from stills.errors import InputError
from stills.types import PictureFormat

MAX_NAME_BYTES = 120
"""Longest folder name in UTF-8 bytes: file systems allow 255, eCryptfs 143, and a hash and a number come behind it."""

EXTENSIONS: dict[PictureFormat, str] = {"jpeg": "jpg", "png": "png", "webp": "webp"}

_HASH_DIGITS = 8
_UNNAMED = "video"
_FORBIDDEN = set('/\\<>:"|?*')
"""Separators, and what Windows file systems refuse."""

_JOINERS = {"\u200c", "\u200d"}
"""Zero-width (non-)joiner: they shape Persian and Indic words and emoji; other format characters only deceive."""

_DEVICES = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_TAKEN = {"report.html", ".stills"}
"""What stills itself writes into the output folder."""


def safe_name(text: str, *, max_bytes: int = MAX_NAME_BYTES) -> str:
    """``text`` as one harmless path component, at most ``max_bytes`` long in UTF-8; never empty.

    Unicode stays (normalised to NFC). Control, format and unpaired surrogate characters, separators and what Windows
    refuses become ``_``; leading dots, dashes and blanks and trailing dots and blanks go; a Windows device name gets a
    ``_`` in front.
    """
    # \x00 to \x1f and undecodable bytes (surrogates) are all of category C; private use and unassigned characters too.
    clean = "".join("_" if _is_bad(c) else c for c in unicodedata.normalize("NFC", text))
    clean = re.sub(r"\s+", " ", clean).lstrip(".- ").rstrip(". ")
    if _DEVICES.fullmatch(clean):
        clean = f"_{clean}"
    return _cut(clean, max_bytes).rstrip(". ") or _UNNAMED


def base_name(source: str) -> str:
    """The last component of an input, a path or a URL (whose query and fragment do not count), as it is."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", source):
        return PurePosixPath(unquote(urlsplit(source).path, errors="surrogateescape")).name
    if re.match(r"[A-Za-z]:\\|\\\\", source):
        return PureWindowsPath(source).name
    return PurePosixPath(source).name


def stem_of(source: str) -> str:
    """The safe stem of an input: of its last component, without the suffix."""
    name = base_name(source)
    stem, dot, _ = name.rpartition(".")
    return safe_name(stem if dot and stem.strip(".") else name)


def folder_names(sources: Sequence[str], content_key: Callable[[str], str]) -> list[str]:
    """One output folder name per input, in order; all different, also where case or Unicode form does not count.

    An input whose stem no other has gets just that. Inputs that share one get a short hash of their content behind it,
    so a name does not depend on the order of the inputs; ``content_key`` (what identifies a content: any text) is asked
    only then. An input that it cannot read (``InputError``) is told apart by its path. Copies of one content count up.
    """
    stems = [stem_of(source) for source in sources]
    counts = Counter(_fold(stem) for stem in stems)
    names = [
        stem if counts[_fold(stem)] == 1 and _fold(stem) not in _TAKEN else f"{stem}-{_short_key(source, content_key)}"
        for stem, source in zip(stems, sources, strict=True)
    ]
    # Plain stems first: `a-1234abcd.mp4` keeps its name when `a.mp4` happens to get the same one.
    order = sorted(range(len(sources)), key=lambda i: (names[i] != stems[i], sources[i], i))
    used: set[str] = set()
    for i in order:
        base, number = names[i], 1
        while _fold(names[i]) in used:
            number += 1
            names[i] = f"{base}-{number}"
        used.add(_fold(names[i]))
    return names


def person_file(person: int, rank: int, picture_format: PictureFormat) -> str:
    """``person_01.jpg`` for the best still of a person, ``person_01_2.jpg`` for the second (``rank`` counts from 1)."""
    return f"person_{person:02d}{'' if rank == 1 else f'_{rank}'}.{EXTENSIONS[picture_format]}"


def crop_file(person: int, rank: int, picture_format: PictureFormat) -> str:
    """``person_01_face.jpg``: the face crop that belongs to :func:`person_file`."""
    return f"person_{person:02d}{'' if rank == 1 else f'_{rank}'}_face.{EXTENSIONS[picture_format]}"


def _is_bad(char: str) -> bool:
    if char in _JOINERS:
        return False
    return char in _FORBIDDEN or unicodedata.category(char)[0] == "C" or unicodedata.category(char) in ("Zl", "Zp")


def _cut(text: str, max_bytes: int) -> str:
    """``text`` cut to ``max_bytes`` of UTF-8 between two characters, not inside one or before a combining mark."""
    if len(text.encode()) <= max_bytes:
        return text
    cut = text.encode()[:max_bytes].decode(errors="ignore")
    while cut and unicodedata.combining(text[len(cut)]):
        cut = cut[:-1]
    return cut


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _short_key(source: str, content_key: Callable[[str], str]) -> str:
    try:
        key = content_key(source)
    except InputError:
        key = f"path:{source}"  # it will fail when it is scanned, and needs a place of its own until then
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:_HASH_DIGITS]
