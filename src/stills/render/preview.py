"""Animated previews: the moments of a result one after the other, as WebP or GIF."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.files import atomic_write
from stills.render.cells import Picture, filled, inscribed, letterboxed

if TYPE_CHECKING:
    from PIL.Image import Image

PreviewKind: TypeAlias = Literal["webp", "gif"]

DEFAULT_EDGE = 480
"""Longest side in pixels: larger than previews are shown."""

MAX_BYTES = 2_000_000
"""Size that a preview is made to keep: it is loaded before anybody asked for it."""

MAX_MOMENTS = 40
"""Nobody waits for more; of more pictures the first are taken."""

_FADE = (3, 70)
"""Steps between two moments, and milliseconds of each."""

_SMALLER = (1.0, 0.75, 0.55, 0.4)
"""Sizes that are tried in turn, as shares of the wanted one."""

_SMALLEST_EDGE = 120
_SAME_SHAPE = 1.12
"""Pictures whose shapes differ by no more than this factor are cut to one; others are letterboxed."""

_QUALITY = 72
_BLACK = (0, 0, 0)


def preview(
    pictures: Iterable[Picture],
    kind: PreviewKind,
    *,
    seconds_per: float = 1.2,
    edge: int = DEFAULT_EDGE,
    fade: bool = True,
    max_bytes: int = MAX_BYTES,
) -> bytes:
    """``pictures`` (upright rgb of 8 or 16 bits) as an animation that loops, ``seconds_per`` seconds each.

    All its frames have the shape of the first picture and a longest side of ``edge`` pixels (less where that picture
    is smaller); a picture of nearly that shape is cut to it, any other letterboxed. With ``fade`` a moment turns into
    the next one within a fifth of a second, the last into the first. Where the animation gets larger than
    ``max_bytes``, it is made without fades, then smaller, down to two fifths; the smallest is returned in any case.
    The same pictures give the same bytes. Pictures are reduced as they come, :data:`MAX_MOMENTS` at most.

    Raises :class:`UsageError` where there is no picture, or an option is out of range.
    """
    if kind not in ("webp", "gif"):
        raise UsageError(f"unknown kind of preview {kind!r}", remedy="use webp or gif")
    if not 0.1 <= seconds_per <= 60 or edge < 16:
        raise UsageError(f"a preview of {edge} pixels and {seconds_per} s a moment is out of range")
    moments: list[NDArray[np.uint8]] = []
    for rgb in itertools.islice(pictures, MAX_MOMENTS):
        moments.append(_moment(rgb, moments[0] if moments else None, edge))
    if not moments:
        raise UsageError("there is no picture for a preview")
    made = b""
    for size in _sizes(moments[0], edge):
        small = moments if size == moments[0].shape[1::-1] else [filled(rgb, size) for rgb in moments]
        for faded in (True, False) if fade and len(moments) > 1 and size == moments[0].shape[1::-1] else (False,):
            made = _encoded(small, kind, round(seconds_per * 1000), faded)
            if len(made) <= max_bytes:
                return made
    return made


def write_preview(path: Path, pictures: Iterable[Picture], kind: PreviewKind, *, seconds_per: float = 1.2) -> Path:
    """Write the :func:`preview` of ``pictures`` to ``path``, atomically; returns it.

    Raises :class:`UsageError` as :func:`preview` does, :class:`stills.errors.OutputError` where it cannot be written.
    """
    return atomic_write(path, preview(pictures, kind, seconds_per=seconds_per))


def _moment(rgb: Picture, first: NDArray[np.uint8] | None, edge: int) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    if first is None:
        side = min(edge, max(width, height))
        return inscribed(rgb, (side, side))
    size = (first.shape[1], first.shape[0])
    ratio = (width / height) / (size[0] / size[1])
    alike = 1 / _SAME_SHAPE <= ratio <= _SAME_SHAPE
    return filled(rgb, size) if alike else letterboxed(rgb, size, _BLACK)


def _sizes(first: NDArray[np.uint8], edge: int) -> list[tuple[int, int]]:
    """Width and height to try, the wanted one first."""
    height, width = first.shape[:2]
    shares = [share for share in _SMALLER if share == 1.0 or max(width, height) * share >= min(_SMALLEST_EDGE, edge)]
    return [(max(1, round(width * share)), max(1, round(height * share))) for share in shares]


def _encoded(moments: list[NDArray[np.uint8]], kind: PreviewKind, milliseconds: int, faded: bool) -> bytes:
    from PIL import Image

    steps, step = _FADE if faded else (0, 0)
    frames: list[Image.Image] = []
    durations: list[int] = []
    for number, rgb in enumerate(moments):
        frames.append(Image.fromarray(rgb))
        durations.append(max(10, milliseconds - steps * step))
        following = moments[(number + 1) % len(moments)].astype(np.float32)
        for i in range(1, steps + 1):
            share = i / (steps + 1)
            blend = rgb * np.float32(1 - share) + following * np.float32(share)
            frames.append(Image.fromarray(np.rint(blend).astype(np.uint8)))
            durations.append(step)
    buffer = io.BytesIO()
    if kind == "webp":
        frames[0].save(
            buffer, "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0,
            quality=_QUALITY, method=4,
        )  # fmt: skip
    else:
        indexed = [_indexed(frame) for frame in frames]
        # Whole frames, each with its own 256 colours: Pillow's differences between dithered frames are no smaller.
        indexed[0].save(
            buffer, "GIF", save_all=True, append_images=indexed[1:], duration=durations, loop=0,
            disposal=1, optimize=False,
        )  # fmt: skip
    return buffer.getvalue()


def _indexed(frame: Image) -> Image:
    """``frame`` in the 256 colours that suit it, dithered by error diffusion: no bands in skies and skin."""
    from PIL import Image

    # Half the size has the same colours; k-means keeps small vivid ones that the median cut alone drops.
    half = frame.reduce(2) if min(frame.size) > 64 else frame
    palette = half.quantize(256, Image.Quantize.MEDIANCUT, kmeans=1)
    return frame.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
