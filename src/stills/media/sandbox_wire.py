"""How the sandbox's processes talk: framed pickles over sockets, and files in memory for what they print.

Only our own processes are ever at the other end. The sandbox contains crashes and runaway resources; it is no defence
against code that takes a decoder over and then writes a hostile pickle, and does not claim to be.
"""

from __future__ import annotations

import fcntl
import math
import os
import pickle
import socket
import struct
import tempfile
from collections.abc import Generator, Sequence
from typing import Any

CONTROL = struct.Struct("=cIiI")
"""A control record: what, worker number, process id, exit status as ``os.waitpid`` gives it."""

_HEADER = struct.Struct("=QI")
_SIZE = struct.Struct("=Q")
_READ_AT_ONCE = 8 << 20  # bytes taken from one worker before the others get their turn
_JOIN_BELOW = 1 << 16  # parts smaller than this are copied together: one system call, not three
_SOCKET_BUFFER = 1 << 20  # the default of 208 KiB costs five times the wake-ups on a 50 MB result
_LOG_MAX = 1 << 20
_LOG_TAIL = 1 << 13
_MAX_MESSAGE = 4 << 30  # larger than any result of ours: a damaged length must not make us allocate it


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """A pair of connected stream sockets, neither of them at a standard descriptor.

    Where the caller has closed stdin, stdout or stderr, the next descriptor would be 0, 1 or 2, and whatever C code
    prints there would land in the protocol.
    """
    ends = []
    for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM):
        safe = socket.socket(fileno=_above_standard(end.detach()))
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            safe.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER)
        ends.append(safe)
    return ends[0], ends[1]


def scratch_file(name: str) -> int:
    """A descriptor of a nameless file, in memory where the system can do that, else in the temporary folder."""
    if hasattr(os, "memfd_create"):
        return _above_standard(os.memfd_create(name))
    with tempfile.TemporaryFile(prefix=name) as file:
        return _above_standard(os.dup(file.fileno()))


def open_log() -> int:
    """A descriptor to be someone's stdout and stderr; writes always go to the end of the file."""
    fd = scratch_file("stills-log")
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND)
    return fd


def trim_log(fd: int) -> None:
    """Start the log over where it grew too large: a damaged film can make FFmpeg chatter for hours."""
    if os.fstat(fd).st_size > _LOG_MAX:
        os.ftruncate(fd, 0)


def read_log(fd: int) -> str:
    """The end of what was printed."""
    size = os.fstat(fd).st_size
    return os.pread(fd, _LOG_TAIL, max(0, size - _LOG_TAIL)).decode(errors="replace")


def close_log(fd: int) -> None:
    """Close it."""
    os.close(fd)


def _above_standard(fd: int) -> int:
    if fd > 2:
        return fd
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(fd)


def encode(message: tuple[Any, ...]) -> list[bytes | memoryview]:
    """``message`` as the parts to be sent in order; large buffers (NumPy, Arrow) are not copied."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    raw = [buffer.raw() for buffer in buffers]
    head = _HEADER.pack(len(body), len(raw)) + b"".join(_SIZE.pack(part.nbytes) for part in raw)
    if len(body) < _JOIN_BELOW:
        return [head + body, *raw]
    return [head, body, *raw]


class Receiver:
    """Puts the messages of one socket together, whether it blocks or not."""

    def __init__(self) -> None:
        """Start at the border of a message."""
        self._message = self._next_message()
        self._part = next(self._message)
        self._filled = 0

    def read(self, channel: socket.socket, *, everything: bool = False) -> tuple[Any, ...] | None:
        """The next message, or None where a non-blocking ``channel`` holds no whole one yet.

        Of a long message it takes a part only, so that other channels get their turn, unless ``everything`` is set.

        Raises ``EOFError`` at the end of the stream, ``ConnectionError`` where it broke, ``ValueError`` where it is
        damaged, and whatever unpickling raises.
        """
        budget = math.inf if everything or channel.getblocking() else _READ_AT_ONCE
        while True:
            while self._filled < len(self._part):
                if budget <= 0:
                    return None
                try:
                    count = channel.recv_into(memoryview(self._part)[self._filled :])
                except BlockingIOError:
                    return None
                if not count:
                    raise EOFError
                self._filled += count
                budget -= count
            self._filled = 0
            try:
                self._part = next(self._message)
            except StopIteration as whole:
                self._message = self._next_message()
                self._part = next(self._message)
                message: tuple[Any, ...] = whole.value
                return message

    @staticmethod
    def _next_message() -> Generator[bytearray, None, tuple[Any, ...]]:
        """Yields each part of a message to be filled, and returns the message."""
        head = bytearray(_HEADER.size)
        yield head
        body, count = _HEADER.unpack(head)
        if body > _MAX_MESSAGE or count > _MAX_MESSAGE // _SIZE.size:
            raise ValueError("damaged message")
        index = bytearray(count * _SIZE.size)
        yield index
        sizes = [body, *(size for (size,) in _SIZE.iter_unpack(index))]
        if sum(sizes) > _MAX_MESSAGE:
            raise ValueError("damaged message")
        main, *buffers = (bytearray(size) for size in sizes)
        yield main
        yield from buffers
        message: tuple[Any, ...] = pickle.loads(main, buffers=buffers)  # noqa: S301 - from our own process
        return message


def send(channel: socket.socket, parts: Sequence[bytes | memoryview]) -> None:
    """Send ``parts`` over a blocking ``channel``."""
    for part in parts:
        channel.sendall(part)
