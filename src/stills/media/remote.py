"""A remote file as a file object: read by ranges, with a cache of bounded memory, read-ahead that adapts, and retries.

Where a container's tables tell what lies where, parts that nobody will look at need not be fetched at all:
:meth:`RemoteFile.only` names those that will, and the others read as zeros. So the packets of an MP4 file are listed,
and some of them decoded, by the same code as those of a local one.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from stills.addresses import public_name
from stills.errors import DownloadInterruptedError, InputError, NotAVideoError
from stills.media.boxes import Layout
from stills.media.extents import Extents
from stills.media.transports import HEAD_BYTES, Facts, Ranges, ranges_of
from stills.retry import backoff

CACHE_BYTES = 24 << 20
"""Memory for what was read of a file, in each process."""

KEPT_BYTES = 24 << 20
"""Memory for its header and tables besides: they are needed again each time it is opened."""

LEAST_BYTES = 1 << 15
"""What a request fetches at least, where nothing tells what will be read next."""

MOST_BYTES = 4 << 20
"""What a request fetches at most."""

TIMEOUT_S = 8.0
"""Longest silence of a server. With :data:`PATIENCE_S` less than the time without a new frame that kills a worker."""

PATIENCE_S = 20.0
"""How long a read is tried again before the failure is said."""

_FIRST_PAUSE_S = 0.3
_NEAR = 1 << 18  # reading on so little behind what was read last is reading in order: sound was skipped
_CONTENT_BLOCK = 1 << 20
_FILES = 2  # objects that a process remembers

Answer = TypeVar("Answer")

Range: TypeAlias = tuple[int, int]
"""Bytes from the first number up to before the second."""


@dataclass(slots=True)
class ReadCount:
    """What was read: requests, bytes that came, and requests that had to be made again."""

    requests: int = 0
    bytes_read: int = 0
    retries: int = 0


TOTAL = ReadCount()
"""All that this process read."""


class RemoteObject:
    """One remote file: what is known of it, and what of it is in memory. For one thread at a time."""

    def __init__(
        self,
        address: str,
        ranges: Ranges | None = None,
        *,
        cache_bytes: int = CACHE_BYTES,
        pause: Callable[[float], object] = time.sleep,
        patience: float | None = None,
    ) -> None:
        """Nothing is asked yet.

        ``ranges`` reads it (default: what its address needs). Failures that may pass are waited for through ``pause``,
        ``patience`` seconds long (default: :data:`PATIENCE_S`).
        """
        self.address = address
        self.name = public_name(address)
        self.count = ReadCount()
        self._ranges = ranges if ranges is not None else ranges_of(address, timeout=TIMEOUT_S)
        self._cache_bytes, self._pause = cache_bytes, pause
        self._patience = PATIENCE_S if patience is None else patience
        self._facts: Facts | None = None
        self._content: tuple[str, str] | None = None
        self._extents = Extents(cache_bytes, KEPT_BYTES)
        self.layout: Layout | None = None
        self.lock = threading.RLock()

    @property
    def size(self) -> int:
        """Bytes, as of the last :meth:`refresh`."""
        return self.facts.size

    @property
    def held(self) -> int:
        """Bytes of it in memory."""
        return self._extents.held

    @property
    def facts(self) -> Facts:
        """What was known of it at the last :meth:`refresh`."""
        return self._facts if self._facts is not None else self.refresh()

    def refresh(self) -> Facts:
        """Ask again what it is; what was read of another version is forgotten.

        Raises ``InputError`` and its children, ``NotAVideoError`` where it is empty.
        """
        ask = HEAD_BYTES if self._facts is None else 1
        now = self._patiently(lambda: self._ranges.facts(ask))
        self._tally(len(now.head))
        if self._facts is None or (now.size, now.version) != (self._facts.size, self._facts.version):
            self._extents = Extents(self._cache_bytes, KEPT_BYTES)
            self.layout = None
            if len(now.head) > 1 or now.size == 1:
                self._extents.add(0, now.head, keep=True)
        self._facts = now
        if not now.size:
            raise NotAVideoError("the file is empty", path=self.name, remedy="copy or upload it again")
        if self.layout is None:
            head = b"".join(self.pieces(0, min(HEAD_BYTES, now.size)))[:8]
            self.layout = Layout.of(head, self._box_head, now.size)
        return now

    def _box_head(self, start: int, stop: int) -> bytes:
        """The bytes of a box's header; what follows it is most often needed as well."""
        if self._extents.find(start) is None:
            self.fetch(start, max(stop, start + LEAST_BYTES), keep=True)
        return b"".join(self.pieces(start, stop))

    def content_id(self) -> str:
        """As :func:`stills.media.source.content_id`: asked for again only where the file changed."""
        facts = self.refresh()
        if self._content is None or not facts.version or self._content[0] != facts.version:
            digest = hashlib.blake2b(facts.size.to_bytes(8, "little"), digest_size=16)
            for start in (0, max(0, facts.size - _CONTENT_BLOCK)):
                for piece in self.pieces(start, min(start + _CONTENT_BLOCK, facts.size)):
                    digest.update(piece)
            self._content = facts.version, digest.hexdigest()
        return self._content[1]

    def cached(self, position: int) -> tuple[int, bytes] | None:
        """What is in memory around ``position``, and where it begins."""
        return self._extents.find(position)

    def pieces(self, start: int, stop: int, *, keep: bool = True) -> Iterable[bytes]:
        """The bytes from ``start`` up to before ``stop``, in pieces; those not in memory are fetched, no others."""
        while start < stop:
            begin, piece = self._extents.find(start) or self.fetch(start, stop, keep=keep)
            yield piece[start - begin : stop - begin]
            start = begin + len(piece)

    def fetch(self, start: int, stop: int, *, keep: bool = False) -> tuple[int, bytes]:
        """Fetch some of the bytes from ``start`` on, at most to ``stop`` and to what is in memory already."""
        behind = self._extents.next_start(start)
        stop = min(stop, start + MOST_BYTES, self.size, self.size if behind is None else behind)
        version = self.facts.version
        data = self._patiently(lambda: self._ranges.read(start, stop, version))
        self._tally(len(data))
        self._extents.add(start, data, keep=keep)
        return start, data

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """What ``ask`` gives; failures that may pass are waited for."""
        started = time.monotonic()
        attempt = 0
        while True:
            try:
                return ask()
            except DownloadInterruptedError:
                wait = backoff(attempt, _FIRST_PAUSE_S)
                attempt += 1
                self._tally(0, again=True)
                if time.monotonic() - started + wait > self._patience:
                    raise
                self._pause(wait)

    def _tally(self, size: int, *, again: bool = False) -> None:
        for count in (self.count, TOTAL):
            count.requests += 1
            count.bytes_read += size
            count.retries += again


class RemoteFile(io.RawIOBase):
    """A remote object as a read-only file that can be sought in. What fails is in :attr:`failure` too."""

    def __init__(self, remote: RemoteObject) -> None:
        """Stands at the start."""
        self._remote = remote
        self._size = remote.size
        self._position = 0
        self._last = -1  # where the last fetch ended
        self._window = LEAST_BYTES
        self._planned: tuple[list[int], list[int]] | None = None
        self._until: int | None = None
        self.keep = False
        """Whether what is read is the header, which will be read again."""
        self.failure: InputError | None = None

    @property
    def remote(self) -> RemoteObject:
        """What is read."""
        return self._remote

    @property
    def has_layout(self) -> bool:
        """Whether it is known where its samples lie, so that :meth:`only` works."""
        return self._remote.layout is not None

    def only(self, ranges: Sequence[Range]) -> None:
        """From now on, samples outside of ``ranges`` read as zeros; with none, all do. Tables are read as they are."""
        merged: list[list[int]] = []
        for start, stop in sorted(ranges):
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(stop, merged[-1][1])
            else:
                merged.append([start, stop])
        self._planned = [start for start, _ in merged], [stop for _, stop in merged]

    def expect(self, until: int | None) -> None:
        """Do not read ahead beyond ``until``: what is read next probably ends there."""
        self._until = until

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """As for every file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a place before the start")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """As for every file."""
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """``size`` bytes, fewer only at the end.

        Raises ``InputError`` and its children; then each further read is at the end.
        """
        left = max(0, self._size - self._position)
        if size is not None and size >= 0:
            left = min(left, size)
        parts: list[bytes] = []
        with self._remote.lock:
            try:
                while left > 0 and self.failure is None:
                    part = self._part(self._position, left)
                    parts.append(part)
                    self._position += len(part)
                    left -= len(part)
            except InputError as error:
                self.failure = error
                raise
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """As for every file."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _part(self, position: int, want: int) -> bytes:
        """At least a byte from ``position`` on, at most ``want``."""
        remote = self._remote
        stop = position + want
        fetch_to: int | None = None
        if self._planned is not None and remote.layout is not None:
            box = remote.layout.box_at(position)
            if box.kind == b"mdat" and position >= box.body:
                starts, stops = self._planned
                at = bisect_right(starts, position) - 1
                if at < 0 or position >= stops[at]:
                    nearest = starts[at + 1] if at + 1 < len(starts) else box.end
                    return bytes(min(stop, nearest, box.end, self._size) - position)
                fetch_to = stops[at]
                stop = min(stop, fetch_to)
        found = remote.cached(position)
        if found is None:
            target = self._ahead(position, stop) if fetch_to is None else fetch_to
            found = remote.fetch(position, target, keep=self.keep)
            self._last = found[0] + len(found[1])
        begin, piece = found
        return piece[position - begin : stop - begin]

    def _ahead(self, position: int, stop: int) -> int:
        """Up to where to fetch: more each time while reading goes on in order, little after a jump."""
        in_order = 0 <= position - self._last <= _NEAR
        self._window = min(2 * self._window, MOST_BYTES) if in_order else LEAST_BYTES
        target = max(stop, position + self._window)
        layout = self._remote.layout
        if layout is not None:
            box = layout.box_at(position)
            if box.kind == b"moov":
                return max(stop, box.end)  # all of it will be needed
            if box.kind != b"mdat":
                target = max(stop, min(target, box.end))
        return target if self._until is None else max(stop, min(target, self._until))


_objects: OrderedDict[str, RemoteObject] = OrderedDict()
_lock = threading.Lock()


def remote_object(address: str) -> RemoteObject:
    """The object at ``address``, as this process knows it already, if it does; nothing is asked yet."""
    with _lock:
        found = _objects.pop(address, None)
        if found is None:
            found = RemoteObject(address)
        _objects[address] = found
        while len(_objects) > _FILES:
            _objects.popitem(last=False)
        return found


def open_remote(address: str) -> RemoteFile:
    """The file at ``address``, as it is now. Raises ``InputError`` and its children."""
    remote = remote_object(address)
    with remote.lock:
        remote.refresh()
        return RemoteFile(remote)
