"""What crosses between this process and the workers of a Ray cluster: plain values and pickles, copied once each way.

Workers get and give bytes, so that nothing of ours is unpickled by Ray, in whose threads an error of it would be lost.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np

from stills._version import __version__
from stills.media.sandbox_wire import Receiver, encode

_IN_PLACE = 1 << 16
"""Parts from this size travel as arrays, which Ray moves through shared memory without pickling them."""

_MATTERS = ("av", "numpy", "opencv-python-headless", "openvino", "pyarrow", "pillow")
"""Packages on whose versions rows and pictures depend."""

Parcel = list[Any]
"""A pickle and its buffers: ``bytes`` and arrays of ``uint8``."""


def pack(value: Any) -> Parcel:
    """``value`` to be sent; large buffers (NumPy, Arrow) are not copied. Raises whatever pickling it raises."""
    return [
        np.frombuffer(part, np.uint8) if len(part) >= _IN_PLACE else bytes(part)
        for part in encode((value,))
        if len(part)
    ]


def unpack(parcel: Sequence[Any]) -> Any:
    """The value: its arrays are its own, and can be written. Raises whatever unpickling it raises."""
    channel = _Parts(parcel)
    message = Receiver().read(channel, everything=True)  # type: ignore[arg-type]
    assert message is not None  # noqa: S101 - all of it is there
    return message[0]


class _Parts:
    """Stands for a socket that gives the bytes of a parcel."""

    def __init__(self, parcel: Sequence[Any]) -> None:
        self._parts = [memoryview(part) for part in parcel]
        self._at = 0

    def getblocking(self) -> bool:
        return True

    def recv_into(self, buffer: memoryview) -> int:
        while self._parts and self._at == len(self._parts[0]):
            self._parts.pop(0)
            self._at = 0
        if not self._parts:
            return 0
        piece = self._parts[0][self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def versions() -> dict[str, str]:
    """What has to be the same wherever tasks run, so that their results are."""
    found = {"stills": __version__, "Python": ".".join(platform.python_version_tuple()[:2])}
    for name in _MATTERS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "none"
    return found


def difference(here: dict[str, str], there: dict[str, str]) -> str:
    """In words, what is there in other versions than here; "" where all is the same."""
    names = [name for name in here if there.get(name, "none") != here[name]]
    return ", ".join(f"{name} {there.get(name, 'none')} instead of {here[name]}" for name in names)
