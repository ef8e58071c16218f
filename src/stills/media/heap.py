"""Freed memory, back to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Have the allocator return what it keeps of freed memory, in the middle of its heaps too (glibc, 3 ms).

    glibc by itself only shrinks the ends of heaps. A process that does many pieces of work keeps the holes between
    them: a worker of some 160 MB grew by a quarter over twenty films, and stays as it was after the first with this.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    return trim
