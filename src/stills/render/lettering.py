"""Lines of text on pictures, in the font that comes with Pillow (Aileron Regular, CC0): the same on every machine."""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING

from stills.errors import printable

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

_ALSO = frozenset("©«°±´·»‘’“”…‹›™")
"""What the font has beyond ASCII."""

_SPELT = dict(zip("×–—ßæÆøØœłŁ", ("x", "-", "-", "ss", "ae", "AE", "o", "O", "oe", "l", "L"), strict=True))
_UNKNOWN = "?"


@functools.lru_cache(maxsize=16)
def font(size: int) -> FreeTypeFont | ImageFont:
    """The font at ``size`` pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def drawable(text: str) -> str:
    """``text`` in letters that the font has: accents go, and what it cannot show at all becomes ``?``.

    Control characters and undecodable bytes are escaped, so a name cannot deceive.
    """
    out = []
    for char in printable(text):
        plain = _SPELT.get(char) or "".join(c for c in unicodedata.normalize("NFKD", char) if _known(c))
        out.append(plain or ("" if unicodedata.combining(char) else _UNKNOWN))
    return "".join(out)


def cut_to(text: str, size: int, width: float) -> str:
    """``text`` (drawable), cut with an ellipsis where it is wider than ``width`` pixels at ``size``; maybe empty."""
    if font(size).getlength(text) <= width:
        return text
    low, high = 0, len(text)  # the longest beginning that fits, by bisection
    while low < high:
        middle = (low + high + 1) // 2
        if font(size).getlength(text[:middle].rstrip() + "…") <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…" if low else ""


def write(
    draw: ImageDraw, at: tuple[int, int], text: str, *, size: int, width: float, colour: tuple[int, int, int]
) -> None:
    """Draw one line of ``text`` with its baseline's left end ``at``, cut to ``width`` pixels."""
    draw.text(at, cut_to(drawable(text), size, width), fill=colour, font=font(size), anchor="ls")


def _known(char: str) -> bool:
    return " " <= char <= "~" or char in _ALSO
