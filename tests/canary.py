"""What hostile files and requests point at: files that notice being opened, and ports that notice being reached."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import socket
import struct
import threading
from dataclasses import dataclass, field
from pathlib import Path

from media_factory import Movie, jpeg, make

_OPENED, _CREATED, _MOVED = 0x20, 0x100, 0x80  # IN_OPEN, IN_CREATE, IN_MOVED_TO
_EVENT = struct.Struct("iIII")
_POLL_S = 0.2
LONG = 60.0


@dataclass
class Canary:
    """A folder of files that nobody may open, and a TCP and a UDP port that nobody may talk to, on this machine.

    Whether a file was opened tells Linux' inotify, whoever did it and whatever became of it. All of them can be read by
    everybody, and are worth reading: a text, a film, pictures with numbers.
    """

    folder: Path
    secret: str = field(default_factory=lambda: f"canary-{secrets.token_hex(12)}")
    _heard: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.text.write_text(f"{self.secret}\n" * 50)
        make(self.film, Movie(width=64, height=48, frames=25, b_frames=0))
        for number in range(3):
            self.picture(number).write_bytes(jpeg() + self.secret.encode())
        self._tcp = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._ended = threading.Event()
        self._changed = threading.Condition()
        listeners = [(self._accept, self._tcp), (self._receive, self._udp)]
        self._threads = [threading.Thread(target=call, args=(one,), daemon=True) for call, one in listeners]
        for _, listener in listeners:
            listener.settimeout(_POLL_S)
        for thread in self._threads:
            thread.start()
        self._notified = _watch(self.folder)

    @property
    def text(self) -> Path:
        return self.folder / "secret.txt"

    @property
    def film(self) -> Path:
        return self.folder / "film.mp4"

    def picture(self, number: int) -> Path:
        return self.folder / f"picture{number:04}.jpg"

    @property
    def port(self) -> int:
        return int(self._tcp.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def heard(self) -> list[bytes]:
        """What was said at the ports since this was asked last; all of it, as we knock ourselves, and wait for that."""
        knocks = [f"{kind} knock {secrets.token_hex(8)}".encode() for kind in ("TCP", "UDP")]
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(knocks[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(knocks[1], ("127.0.0.1", self.port))
        with self._changed:
            assert self._changed.wait_for(lambda: set(knocks) <= set(self._heard), LONG)
            found, self._heard = [said for said in self._heard if said not in knocks], []
        return found

    def opened(self) -> list[str]:
        """The files that were opened, made or replaced since this was asked last."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, at = os.read(self._notified, 1 << 16), 0
                while at < len(data):
                    _, _, _, length = _EVENT.unpack_from(data, at)
                    at += _EVENT.size
                    found.append(data[at : at + length].rstrip(b"\0").decode("utf-8", "replace"))
                    at += length
        return found

    def close(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._tcp.close()
        self._udp.close()
        os.close(self._notified)

    def _accept(self, listener: socket.socket) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(_POLL_S)
                    said = b""
                    with contextlib.suppress(OSError):
                        said = connection.recv(200)
                    self._take(said)

    def _receive(self, listener: socket.socket) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                self._take(listener.recv(200))

    def _take(self, said: bytes) -> None:
        with self._changed:
            self._heard.append(said)
            self._changed.notify_all()


def _watch(folder: Path) -> int:
    """A descriptor from which events of ``folder`` are read."""
    system = ctypes.CDLL(None, use_errno=True)
    descriptor: int = system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0 or system.inotify_add_watch(descriptor, os.fsencode(folder), _OPENED | _CREATED | _MOVED) < 0:
        raise OSError(ctypes.get_errno(), "the files cannot be watched")
    return descriptor
