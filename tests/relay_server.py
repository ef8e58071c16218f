"""A line to a server on this machine that a test can cut and mend."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Line:
    """Passes connections at ``port`` on to ``target`` while it is not cut."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._whole = True
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        """End all connections, and those that are tried from now on."""
        with self._lock:
            self._whole = False
            for one in self._open:
                _end(one)
            self._open.clear()

    def mend(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._whole = True

    def close(self) -> None:
        """End."""
        self.cut()
        _end(self._listener)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                here, _ = self._listener.accept()
                with self._lock:
                    if not self._whole:
                        here.close()
                        continue
                    there = socket.create_connection(self._target)
                    self._open += [here, there]
                    self._threads.append(threading.Thread(target=_pass_both, args=(here, there)))
                    self._threads[-1].start()


def _pass_both(here: socket.socket, there: socket.socket) -> None:
    back = threading.Thread(target=_pass, args=(there, here))
    back.start()
    _pass(here, there)
    back.join()
    here.close()
    there.close()


def _pass(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    _end(one)
    _end(other)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended already
        one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def line_to(host: str, port: int) -> Iterator[Line]:
    """A line that is whole."""
    line = Line((host, port))
    try:
        yield line
    finally:
        line.close()
