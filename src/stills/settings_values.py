"""How single settings are read: text of flags, variables and files into values, and what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_FACE_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>px|%)?")
_FIT_SIZE = re.compile(r"(?P<width>\d{1,5})[x×](?P<height>\d{1,5})", re.IGNORECASE)
_MAX_SIDE = 16384
"""Longest side of a picture that is written, in pixels: WebP's own limit is 16383."""


@dataclass(frozen=True, slots=True)
class FaceSize:
    """A size of a face: in pixels, or as a share of the picture's shorter side."""

    value: float
    unit: Literal["px", "share"] = "px"

    @classmethod
    def parse(cls, text: str) -> FaceSize:
        """Read ``"24"``, ``"24px"`` or ``"3%"``. Raises ``ValueError``."""
        match = _FACE_SIZE.fullmatch(text.strip())
        if match is None:
            raise ValueError('must be pixels like "24" or a share of the picture\'s shorter side like "3%"')
        number = float(match["number"])
        if match["unit"] == "%":
            if number > 100:
                raise ValueError("a share cannot be more than 100%")
            return cls(number / 100, "share")
        return cls(number, "px")

    def pixels(self, width: int, height: int) -> float:
        """The size in pixels of an upright picture of ``width`` × ``height``."""
        return self.value * min(width, height) if self.unit == "share" else self.value


def read_face_size(text: str) -> str:
    """A size of a face, checked: ``24``, ``24px`` or ``3%``. Raises ``ValueError``."""
    FaceSize.parse(text)
    return text


def read_fit(text: str) -> str:
    """A size of pictures: ``source``, ``1080p`` or ``WIDTHxHEIGHT``. Raises ``ValueError``."""
    text = text.strip().lower()
    if text in {"source", "1080p"}:
        return text
    match = _FIT_SIZE.fullmatch(text)
    if match is None:
        raise ValueError("must be source, 1080p or WIDTHxHEIGHT like 1280x720")
    sides = int(match["width"]), int(match["height"])
    if not all(16 <= side < _MAX_SIDE for side in sides):
        raise ValueError(f"each side must be 16 to {_MAX_SIDE - 1} pixels")
    return f"{sides[0]}x{sides[1]}"


def read_sheet(text: str | None) -> str | None:
    """Columns and rows: ``COLUMNSxROWS``. Raises ``ValueError``."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,2})[x×](\d{1,3})", text.strip().lower())
    if match is None or not all(int(n) for n in match.groups()):
        raise ValueError("must be COLUMNSxROWS like 4x5")
    return f"{int(match[1])}x{int(match[2])}"


def read_aspect(text: str | None) -> str | None:
    """An aspect: ``WIDTH:HEIGHT``. Raises ``ValueError``."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,3})[:/](\d{1,3})", text.strip())
    if match is None or not all(int(n) for n in match.groups()):
        raise ValueError("must be WIDTH:HEIGHT like 16:9")
    return f"{int(match[1])}:{int(match[2])}"


def read_name_template(text: str | None) -> str | None:
    """A template of names, its fields checked. Raises ``ValueError``."""
    from stills.name_fields import check_template

    return None if text is None else check_template(text)


def read_whole(value: object) -> object:
    """A number given as text (flags and variables); a literal does not read it by itself."""
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


def read_listed(value: object) -> object:
    """A sequence, or text like ``age,gender`` (flags and variables)."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def read_blur(text: str | None) -> str | None:
    """Whose faces are blurred: ``all``, ``others`` or numbers. Raises ``ValueError``."""
    if text is None or text in {"all", "others"}:
        return text
    numbers = [part.strip() for part in text.split(",")]
    if not all(n.isdecimal() and int(n) for n in numbers):
        raise ValueError("must be all, others (everyone without a number) or numbers of people like 1,3")
    return ",".join(dict.fromkeys(str(int(n)) for n in numbers))


def read_interval(text: str | None) -> str | None:
    """An interval: seconds like ``2s`` or frames like ``10f``. Raises ``ValueError``."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)s|(\d+)f", text.strip().lower())
    if match is None or not float(match[1] or match[2]):
        raise ValueError("must be seconds like 2s or frames like 10f")
    return text.strip().lower()


def read_weights(value: object) -> object:
    """A mapping, or text like ``sharpness=1,exposure=0.5`` (flags and variables)."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(equals and number.strip() for _, equals, number in pairs):
        raise ValueError("must be NAME=NUMBER,… like sharpness=1,exposure=0.5")
    return {name.strip(): number.strip() for name, _, number in pairs}


def read_moment(value: float | str | None) -> float | None:
    """Seconds, or ``[H:]MM:SS[.fff]``."""
    if value is None or isinstance(value, float | int):
        return None if value is None else float(value)
    match = re.fullmatch(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)s?", value.strip())
    if match is None:
        raise ValueError("must be seconds like 72.5 or a time like 1:12.5")
    return int(match[1] or 0) * 3600.0 + int(match[2] or 0) * 60.0 + float(match[3])


_UNITS = {
    "": 1,
    "B": 1,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "KI": 2**10,
    "MI": 2**20,
    "GI": 2**30,
    "TI": 2**40,
}
_SPANS = {"": 1.0, "S": 1.0, "M": 60.0, "MIN": 60.0, "H": 3600.0, "D": 86400.0}


def read_size(value: object) -> object:
    """Bytes: a number, or text like ``2GB`` (10⁹) or ``2GiB`` (2³⁰). Raises ``ValueError``."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]I?|)B?", value.strip().upper())
    if match is None:
        raise ValueError("must be a size like 500MB or 2GB")
    return int(float(match[1]) * _UNITS[match[2]])


def read_duration(value: object) -> object:
    """Seconds: a number, or text like ``30s``, ``15m``, ``24h`` or ``7d``. Raises ``ValueError``."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(S|M|MIN|H|D|)", value.strip().upper())
    if match is None:
        raise ValueError("must be a time like 30s, 15m, 24h or 7d")
    return float(match[1]) * _SPANS[match[2]]
