"""Writing files so that nobody ever sees half of one: temporary file, fsync, rename, fsync of the folder.

Several files that belong together are written into a :func:`staging` folder first and then moved, so that a failure
leaves the old ones. What is temporary lies beside its target, is named ``.stills-tmp-…`` and is locked (``flock``) by
the process that writes it. A killed process loses its lock, so the next write in that folder knows which leftovers are
dead and removes them, also when several processes write there at once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, TypeAlias

from stills.errors import OutputError

TEMP_PREFIX = ".stills-tmp-"
"""How the name of every temporary file of stills begins."""

Writer: TypeAlias = Callable[[BinaryIO], None]
"""Writes a whole file into the open binary file that it is given."""

_LOCKLESS_AGE_S = 24 * 3600.0
"""Where files cannot be locked, a temporary file this old is taken for dead: no single write takes a day."""

_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)

_REMEDIES = {
    errno.ENOSPC: ("the disk is full", "free some space, or choose another output folder with --out"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or choose another output folder with --out"),
    errno.EFBIG: ("the file is too large for this file system", "choose another output folder with --out"),
    errno.EACCES: ("no permission to write", "make the folder writable, or choose another one with --out"),
    errno.EPERM: ("writing is not permitted", "make the folder writable, or choose another one with --out"),
    errno.EROFS: ("the file system is read-only", "choose another output folder with --out"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "choose another output folder with --out"),
    errno.EEXIST: ("a file is where a folder should be", "remove it, or choose another output folder with --out"),
    errno.EISDIR: ("a folder is where the file should go", "remove it, or choose another output folder with --out"),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "choose a shorter output folder with --out"),
}


def output_error(error: OSError, path: Path) -> OutputError:
    """``error`` as an :class:`OutputError` that names ``path`` and says what to do."""
    what, remedy = _REMEDIES.get(
        error.errno or 0,
        (f"cannot be written ({error.strerror or error})", "check the disk, or choose another folder with --out"),
    )
    # What is prepared in a staging folder is named as where it was to go: that folder is gone when this is read.
    shown = Path(*(part for part in path.parts if not part.startswith(TEMP_PREFIX)))
    return OutputError(what, path=str(shown), remedy=remedy)


def ensure_folder(path: Path) -> Path:
    """Make ``path`` and its parents. Raises :class:`OutputError` where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, path) from error
    return path


def atomic_write(path: Path, data: bytes | Writer, *, durable: bool = True) -> Path:
    """Write ``data`` to ``path``: all of it, or nothing; a file already there is replaced in one step.

    ``data`` is the content, or a function that writes it into a binary file. The folder must exist. When this returns,
    the file is on the disk (``durable=False``: whole for every reader, but a power cut may lose it). Raises
    :class:`OutputError` (disk full, no permission, …); what ``data`` itself raises passes through. In every case of
    failure the old file, if any, stays as it was and no temporary file remains.
    """
    staged = path.parent.name.startswith(TEMP_PREFIX)  # nobody but its maker looks into a staging folder
    if not staged:
        sweep(path.parent)
    _write(path, data, durable=durable)
    if durable and not staged:  # what is moved out of a staging folder is synced there
        _sync(path)
    return path


def atomic_write_all(folder: Path, files: Mapping[str, bytes], *, durable: bool = True) -> None:
    """Write ``files`` (names and contents) into ``folder`` as :func:`atomic_write` does one, in their order.

    The last one appears only when all others are on the disk: where it is, they are. Syncs the folder twice, not once
    for each file. Raises :class:`OutputError`; what was written before stays.
    """
    sweep(folder)
    last = len(files) - 1
    for place, (name, data) in enumerate(files.items()):
        if durable and place == last > 0:
            _sync(folder / name)
        _write(folder / name, data, durable=durable)
    if durable and files:
        _sync(folder / name)


def _write(path: Path, data: bytes | Writer, *, durable: bool) -> None:
    """Write ``data`` beside ``path`` and rename it; the rename itself is not made durable."""
    descriptor, temporary = _open_temporary(path)
    try:
        # The file object keeps the lock until the rename is done, so no sweeper can take the file for a dead one.
        with os.fdopen(descriptor, "wb") as file:
            if callable(data):
                data(file)
            else:
                file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            if sys.platform != "win32":
                os.replace(temporary, path)
        if sys.platform == "win32":  # an open file cannot be renamed there
            os.replace(temporary, path)
    except OSError as error:
        raise output_error(error, path) from error
    finally:
        # After a rename there is nothing of this name; after a failure there must not be either.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Make what was renamed to ``path``, and before in its folder, durable."""
    try:
        _sync_folder(path.parent)
    except OSError as error:
        raise output_error(error, path) from error


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A new, empty folder inside ``folder`` to prepare files in; it is gone afterwards, with all that is left in it.

    Write into it with :func:`atomic_write`, then :func:`move` the files to where they belong: moving needs no space, so
    a full disk is met before anything old was touched; and it makes durable where they are. Raises :class:`OutputError`
    where the folder cannot be made.
    """
    sweep(folder)
    while True:
        path = folder / f"{TEMP_PREFIX}{secrets.token_hex(8)}"
        try:
            path.mkdir()
            descriptor = _open_folder(path)
        except FileNotFoundError as error:  # a sweeper came between the two; or the folder itself is gone
            if not folder.is_dir():
                raise output_error(error, folder) from error
            continue
        except OSError as error:
            raise output_error(error, folder) from error
        if descriptor is None or (_lock(descriptor) is not False and path.exists()):
            break
        os.close(descriptor)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def move(source: Path, target: Path) -> Path:
    """Rename ``source`` to ``target`` on the same file system, replacing a file there. Raises :class:`OutputError`."""
    try:
        os.replace(source, target)
        _sync_folder(target.parent)
    except OSError as error:
        raise output_error(error, target) from error
    return target


def move_all(source: Path, target: Path, names: Iterable[str]) -> list[Path]:
    """Rename the files ``names`` from one folder to another on the same file system, as :func:`move` does one.

    The new paths. Syncs the folder once: for thousands of files that is most of the time.
    """
    moved = []
    try:
        for name in names:
            os.replace(source / name, target / name)
            moved.append(target / name)
        _sync_folder(target)
    except OSError as error:
        raise output_error(error, target) from error
    return moved


def remove_file(path: Path) -> None:
    """Remove ``path`` where it is there. Raises :class:`OutputError` where that cannot be."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(error, path) from error


def sweep(folder: Path) -> list[Path]:
    """Remove the temporary files and folders that killed runs left in ``folder``; the removed paths.

    Those that a living process is writing are left alone. What cannot be listed or removed is left too: a sweep is
    housekeeping, and the write that follows it reports what is wrong with the folder.
    """
    try:
        with os.scandir(folder) as entries:
            found = [Path(e.path) for e in entries if e.name.startswith(TEMP_PREFIX) and not e.is_symlink()]
    except OSError:
        return []
    removed = []
    for path in found:
        with contextlib.suppress(OSError), _taken_if_dead(path) as dead:
            if not dead:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            removed.append(path)
    return removed


def _open_temporary(path: Path) -> tuple[int, Path]:
    """A new, locked temporary file beside ``path``: its descriptor and its path."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    while True:
        temporary = path.parent / f"{TEMP_PREFIX}{secrets.token_hex(8)}"
        try:
            descriptor = os.open(temporary, flags, 0o666)
        except FileExistsError:
            continue
        except OSError as error:
            raise output_error(error, path) from error
        # A sweeper may have met the file between its creation and its lock: then it is unlinked, or about to be.
        if _lock(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return descriptor, temporary
        os.close(descriptor)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _lock(descriptor: int) -> bool | None:
    """Lock an open file without waiting: True; False where another process has it; None where locks do not work."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _TAKEN else None
    return True


@contextlib.contextmanager
def _taken_if_dead(path: Path) -> Iterator[bool]:
    """Whether nobody writes ``path`` any more. Then it is locked until it is removed.

    Somebody may just have made it and be about to lock it: with the lock let go too early, they would write to nowhere.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
    try:
        locked = _lock(descriptor)
        if locked is None:
            locked = time.time() - os.fstat(descriptor).st_mtime > _LOCKLESS_AGE_S
        yield locked
    finally:
        os.close(descriptor)


def _open_folder(path: Path) -> int | None:
    """A descriptor of a folder, to lock or sync it; None on Windows, which has none."""
    return None if sys.platform == "win32" else os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _sync_folder(folder: Path) -> None:
    """Make a rename itself durable. File systems that cannot sync folders (some network ones) are left as they are."""
    descriptor = _open_folder(folder)
    if descriptor is None:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
