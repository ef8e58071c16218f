"""Names of output folders and pictures. The name of an input never becomes a path unchecked."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import unquote, urlsplit

from stills.errors import InputError, UsageError
from stills.name_fields import fill
from stills.types import PictureFormat

MAX_NAME_BYTES = 120
"""Longest folder name in UTF-8 bytes: file systems allow 255, eCryptfs 143, and a hash and a number come behind it."""

EXTENSIONS: dict[PictureFormat, str] = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif"}

_HASH_DIGITS = 8
_UNNAMED = "video"
_FORBIDDEN = set('/\\<>:"|?*')
"""Separators, and what Windows file systems refuse."""

_JOINERS = {"\u200c", "\u200d"}
"""Zero-width (non-)joiner: they shape Persian and Indic words and emoji; other format characters only deceive."""

_DEVICES = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_TAKEN = {"report.html", "report", ".stills", "across", "across.json"}
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
    counts = Counter(folded(stem) for stem in stems)
    names = [
        stem if counts[folded(stem)] == 1 and folded(stem) not in _TAKEN else f"{stem}-{short_key(source, content_key)}"
        for stem, source in zip(stems, sources, strict=True)
    ]
    # Plain stems first: `a-1234abcd.mp4` keeps its name when `a.mp4` happens to get the same one.
    order = sorted(range(len(sources)), key=lambda i: (names[i] != stems[i], sources[i], i))
    used: set[str] = set()
    for i in order:
        base, number = names[i], 1
        while folded(names[i]) in used:
            number += 1
            names[i] = f"{base}-{number}"
        used.add(folded(names[i]))
    return names


def person_file(person: int, rank: int, picture_format: PictureFormat) -> str:
    """``person_01.jpg`` for the best still of a person, ``person_01_2.jpg`` for the second (``rank`` counts from 1)."""
    return f"person_{person:02d}{'' if rank == 1 else f'_{rank}'}.{EXTENSIONS[picture_format]}"


def crop_file(person: int, rank: int, picture_format: PictureFormat) -> str:
    """``person_01_face.jpg``: the face crop that belongs to :func:`person_file`."""
    return f"person_{person:02d}{'' if rank == 1 else f'_{rank}'}_face.{EXTENSIONS[picture_format]}"


def keyframe_file(number: int, seconds: float, picture_format: PictureFormat) -> str:
    """``keyframe_0003_00-01-12.480.jpg``: the third key frame in order of time, and its time."""
    return f"keyframe_{number:04d}_{time_name(seconds)}.{EXTENSIONS[picture_format]}"


def thumbnail_file(rank: int, picture_format: PictureFormat) -> str:
    """``thumbnail_1.jpg``: the best thumbnail."""
    return f"thumbnail_{rank}.{EXTENSIONS[picture_format]}"


def portrait_file(picture_format: PictureFormat) -> str:
    """``portrait.jpg``: there is but one."""
    return f"portrait.{EXTENSIONS[picture_format]}"


def time_name(seconds: float) -> str:
    """``00-01-12.480``: hours, minutes, seconds to the millisecond, as a name sorts them; never negative."""
    ticks = round(max(0.0, seconds) * 1000)
    return f"{ticks // 3_600_000:02d}-{ticks // 60_000 % 60:02d}-{ticks // 1000 % 60:02d}.{ticks % 1000:03d}"


class NameGiver:
    """Names of the pictures of one result, all different, also where case or Unicode form does not count."""

    def __init__(
        self, picture_format: PictureFormat, template: str | None = None, *, taken: Iterable[str] = ()
    ) -> None:
        """``template`` as in :mod:`stills.name_fields`; ``taken`` are names that no picture may have."""
        self._extension = EXTENSIONS[picture_format]
        self._template = template
        self._used = {folded(name) for name in taken}

    def name(self, usual: str, values: Mapping[str, object]) -> str:
        """The next name: of the template filled with ``values``, made harmless, or else the ``usual`` one.

        Where it was given before, it gets ``-2``, ``-3``, … behind it. Raises :class:`UsageError` where the template
        cannot take the values.
        """
        return self._free(usual.removesuffix(f".{self._extension}") if self._template is None else self._filled(values))

    def beside(self, name: str, suffix: str) -> str:
        """The name of a picture that belongs to the one named ``name``: ``person_01_face.jpg``."""
        return self._free(name.removesuffix(f".{self._extension}") + suffix)

    def _free(self, stem: str) -> str:
        name, number = f"{stem}.{self._extension}", 1
        while folded(name) in self._used:
            number += 1
            name = f"{stem}-{number}.{self._extension}"
        self._used.add(folded(name))
        return name

    def _filled(self, values: Mapping[str, object]) -> str:
        template = self._template or ""
        try:
            return safe_name(fill(template, dict(values)))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise UsageError(f"the name template {template!r} cannot be filled in ({error})") from error


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


def folded(name: str) -> str:
    """``name`` as file systems compare it that do not tell upper from lower case, or forms of Unicode."""
    return unicodedata.normalize("NFC", name.casefold())


def is_reserved(name: str) -> bool:
    """Whether stills itself writes something of this name into the output folder."""
    return folded(name) in _TAKEN


def short_key(source: str, content_key: Callable[[str], str]) -> str:
    """Eight digits of what ``content_key`` says of ``source``, or of its path where that cannot be read."""
    try:
        key = content_key(source)
    except InputError:
        key = f"path:{source}"  # it will fail when it is scanned, and needs a place of its own until then
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:_HASH_DIGITS]
