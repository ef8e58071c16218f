"""The runtime's cache of compiled graphs, made safe: hashed, and written by one process at a time.

OpenVINO loads a cached graph five times faster than it compiles one, but believes whatever weights the file holds:
with bytes flipped inside it computed NaN without a word (2026.4). So every file of the cache gets its CRC-32
beside it (against accidents, and read at every start: half the time of a SHA-256), and one that does not match is
removed, which makes OpenVINO compile again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from stills.errors import OutputError
from stills.files import atomic_write, ensure_folder

log = logging.getLogger(__name__)

T = TypeVar("T")


def with_cache(folder: Path, load: Callable[[Path | None], T]) -> T:
    """``load`` something with ``folder`` as its cache; ``None`` where there can be none (the folder cannot be written).

    ``load`` must leave its cache as ``*.blob`` files in the folder; it is called again after filling it. Loading from a
    whole cache runs beside others; filling one runs alone, and whoever waited for it finds it full.
    """
    with _locked(folder, fcntl.LOCK_SH) as readable:
        if readable and _whole(folder):
            before = _blobs(folder)
            loaded = load(folder)
            if _blobs(folder) == before:
                return loaded
            # it was made for another machine or release, and another file now lies beside it
    with _locked(folder, fcntl.LOCK_EX) as writable:
        if not writable or not os.access(folder, os.W_OK):
            log.info("no cache of compiled graphs in %s: it cannot be written", folder)
            return load(None)
        if not _whole(folder):
            _clear(folder)
        load(folder)
        _record(folder)
        # what compiling left on the heap costs 45 MB for as long as the process lives; loading anew costs 0.1 s once
        return load(folder)


def _whole(folder: Path) -> bool:
    """Whether there are cached files, and each is what was written."""
    blobs = list(folder.glob("*.blob"))
    return bool(blobs) and all(_hash_file(blob) == _recorded(blob) for blob in blobs)


def _blobs(folder: Path) -> set[Path]:
    """The files of the cache."""
    return set(folder.glob("*.blob"))


def _clear(folder: Path) -> None:
    """Remove what is not as it was written, or may still be being written."""
    for blob in folder.glob("*.blob"):
        recorded = _recorded(blob)
        if recorded == _hash_file(blob):
            continue
        if recorded is not None:
            log.warning("the compiled graph %s is damaged and is made again", blob)
        blob.unlink(missing_ok=True)  # who has it mapped keeps it
        _record_path(blob).unlink(missing_ok=True)


def _record(folder: Path) -> None:
    for blob in folder.glob("*.blob"):
        try:
            atomic_write(_record_path(blob), _hash_file(blob).encode(), durable=False)
        except OutputError as error:
            log.info("the compiled graph is not kept: %s", error)


def _record_path(blob: Path) -> Path:
    return blob.with_suffix(".crc32")


def _recorded(blob: Path) -> str | None:
    try:
        return _record_path(blob).read_text(encoding="ascii", errors="replace")
    except OSError:
        return None


def _hash_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            check = 0
            while chunk := file.read(1 << 20):
                check = zlib.crc32(chunk, check)
            return f"{check:08x}"
    except OSError:
        return "unreadable"


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[bool]:
    """Hold the folder's lock; False where there is none to be had: a folder that is missing and cannot be made."""
    try:
        ensure_folder(folder)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (OutputError, OSError):
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, kind)
            locked = True
        except OSError:  # some network file systems
            locked = False
        yield locked
    finally:
        os.close(descriptor)
