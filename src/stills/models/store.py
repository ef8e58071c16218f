"""The folder of weights: fetched once by hash, prepared once, checked whenever they are opened.

MODELS_DIR/files/<sha256, 16 digits>-<file name>    as fetched; the catalog knows its hash
MODELS_DIR/prepared/<name>-<key>.<onnx|tflite>      what is run
MODELS_DIR/prepared/<name>-<key>.json               its own hash, written beside it
MODELS_DIR/compiled/                                the runtime's cache; may be deleted at any time
MODELS_DIR/<file name>                              put there by the user: taken instead of fetching, if its hash fits
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from stills.errors import ModelError, ModelFetchError, ModelHashError, OutputError, StillsError
from stills.files import atomic_write, ensure_folder
from stills.models.catalog import DEFAULT_STACK, ModelEntry, catalog, find
from stills.models.fetch import fetch, fetch_wheel_member
from stills.models.prepare import PREPARE_VERSION, prepare

__all__ = [
    "Verification",
    "entries",
    "fetch_wheel_member",
    "model_hashes",
    "model_path",
    "models_dir",
    "pull",
    "verify",
]

log = logging.getLogger(__name__)

_NOT_WRITABLE = "free space or give permission there, or point STILLS_MODELS_DIR to a folder that holds the models"

State: TypeAlias = Literal["ok", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What is on disk for one entry. ``path`` is the prepared file, whether it is there or not."""

    entry: ModelEntry
    state: State
    path: Path
    detail: str


def models_dir() -> Path:
    """Where weights live: ``STILLS_MODELS_DIR``, else the platform's folder for user data."""
    configured = os.environ.get("STILLS_MODELS_DIR")
    if configured:
        return Path(configured).expanduser()
    from platformdirs import user_data_path

    return user_data_path("stills", appauthor=False) / "models"


def entries() -> list[ModelEntry]:
    """Every weight of the catalog."""
    return list(catalog().values())


def model_path(name: str, *, folder: Path | None = None, checked: bool = False) -> Path:
    """The runnable file of a model, fetched and prepared at first use, its hash checked at every call.

    ``checked`` says that the caller's parent process has just done so: then the file is taken as it is.

    Raises ``ModelFetchError`` (not on disk, no mirror answers), ``ModelHashError`` (on disk, but damaged),
    ``UsageError`` (no such model), ``OutputError`` (the models folder cannot be written).
    """
    root = folder or models_dir()
    entry = find(name)
    prepared = _prepared_path(root, entry)
    if not (prepared.exists() and _record_path(prepared).exists()):
        _make(root, entry)
    problem = None if checked else _check_prepared(prepared)
    if problem:
        raise _damaged(prepared, problem)
    return prepared


def model_hashes(names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the fetched file of each model, as the catalog has it: what an index records of its models."""
    return {name: find(name).sha256 for name in names}


def pull(names: Iterable[str] = DEFAULT_STACK, *, folder: Path | None = None, force: bool = False) -> list[Path]:
    """Fetch and prepare ``names``; whatever is missing or damaged is made anew, all of it with ``force``.

    Raises as :func:`model_path` does.
    """
    root = folder or models_dir()
    chosen = [find(name) for name in dict.fromkeys(names)]
    fetched: set[str] = set()
    for entry in chosen:
        source, prepared = _source_path(root, entry), _prepared_path(root, entry)
        again = force and entry.sha256 not in fetched  # two entries can share one file
        if again or (source.exists() and _sha256(source) != entry.sha256):
            source.unlink(missing_ok=True)
            fetched.add(entry.sha256)
            _record_path(prepared).unlink(missing_ok=True)
        if force or _check_prepared(prepared):
            _record_path(prepared).unlink(missing_ok=True)
            _make(root, entry)
    return [model_path(entry.name, folder=root) for entry in chosen]


def verify(names: Iterable[str] | None = None, *, folder: Path | None = None) -> list[Verification]:
    """Read every byte of the files of ``names`` (all by default) and say what is there. Fetches nothing."""
    root = folder or models_dir()
    return [_verify(root, find(name)) for name in (catalog() if names is None else names)]


def _verify(root: Path, entry: ModelEntry) -> Verification:
    source, prepared = _source_path(root, entry), _prepared_path(root, entry)
    if not prepared.exists() and not source.exists():
        return Verification(entry, "missing", prepared, "not fetched yet")
    if source.exists():
        found = _sha256(source)
        if found != entry.sha256:
            detail = f"{source.name}: SHA-256 is {found}, should be {entry.sha256}"
            return Verification(entry, "damaged", prepared, detail)
    if not prepared.exists():
        return Verification(entry, "missing", prepared, "fetched, not prepared yet")
    problem = _check_prepared(prepared)
    return Verification(entry, "damaged" if problem else "ok", prepared, problem)


def _make(root: Path, entry: ModelEntry) -> None:
    """Fetch (where not on disk) and prepare one entry, once, however many processes ask at the same time."""
    with _lock(root, entry):
        prepared, source = _prepared_path(root, entry), _source_path(root, entry)
        if prepared.exists() and _record_path(prepared).exists():
            return  # another process made it while this one waited
        if source.exists():
            data = source.read_bytes()
            found = hashlib.sha256(data).hexdigest()
            if found != entry.sha256:
                raise _damaged(source, f"SHA-256 is {found}, should be {entry.sha256}")
        else:
            data = _placed(root, entry) or _fetched(root, entry)
            _write(source, data)
        if entry.notice:
            log.warning("%s: %s", entry.title, entry.notice)
        ready = prepare(data, entry.prepare)
        record = {"model": entry.name, "source_sha256": entry.sha256, "sha256": hashlib.sha256(ready).hexdigest()}
        _write(prepared, ready)
        _write(_record_path(prepared), json.dumps({**record, "size": len(ready)}, indent=1).encode())


def _placed(root: Path, entry: ModelEntry) -> bytes | None:
    """The file that the user put into the models folder; ``None`` where there is none."""
    path = root / entry.filename
    if not path.is_file():
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", path=str(path)) from error
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise ModelHashError(
            f"this is not the file that {entry.name} needs (SHA-256 is {found}, should be {entry.sha256})",
            path=str(path),
            remedy="take the file away, or put the right one there",
        )
    log.info("%s: taken from %s", entry.name, path)
    return data


def _fetched(root: Path, entry: ModelEntry) -> bytes:
    try:
        return fetch(entry.mirrors, entry.sha256, what=entry.filename)
    except ModelFetchError as error:
        remedy = f"{error.remedy}; or put {entry.filename} into {root} yourself"
        raise ModelFetchError(error.message, path=error.path, remedy=remedy) from error


def _source_path(root: Path, entry: ModelEntry) -> Path:
    return root / "files" / f"{entry.sha256[:16]}-{entry.filename}"


def _prepared_path(root: Path, entry: ModelEntry) -> Path:
    recipe = "\n".join((entry.sha256, str(PREPARE_VERSION), *entry.prepare))
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    return root / "prepared" / f"{entry.name}-{key}.{entry.format}"


def _record_path(prepared: Path) -> Path:
    return prepared.with_suffix(".json")


def _check_prepared(prepared: Path) -> str:
    """What is wrong with a prepared file; "" where it is what was written. Reads all of it (38 MB: 25 ms)."""
    try:
        record = json.loads(_record_path(prepared).read_text(encoding="utf-8"))
        wanted, size = str(record["sha256"]), int(record["size"])
        if prepared.stat().st_size != size:
            return f"{prepared.stat().st_size} bytes, should be {size}"
        found = _sha256(prepared)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except (ValueError, KeyError, TypeError):
        return f"{_record_path(prepared).name} is not readable"
    return "" if found == wanted else f"SHA-256 is {found}, should be {wanted}"


def _damaged(path: Path, problem: str) -> StillsError:
    return ModelHashError(
        f"the model file is damaged ({problem})",
        path=str(path),
        remedy="run `stills models pull`, which fetches damaged files again",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, data: bytes) -> None:
    try:
        atomic_write(ensure_folder(path.parent) / path.name, data)
    except OutputError as error:
        raise OutputError(error.message, path=error.path, remedy=_NOT_WRITABLE) from error


@contextmanager
def _lock(root: Path, entry: ModelEntry) -> Iterator[None]:
    """Hold the lock of a fetched file; the system drops it when its holder dies."""
    path = root / "files" / f".{entry.sha256[:16]}.lock"
    try:
        file = (ensure_folder(path.parent) / path.name).open("ab")
    except OSError as error:
        what = error.message if isinstance(error, OutputError) else f"cannot be written: {error.strerror or error}"
        raise OutputError(what, path=str(path.parent), remedy=_NOT_WRITABLE) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting for another process that fetches %s", entry.filename)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise ModelError(f"cannot be locked: {error.strerror or error}", path=str(path)) from error
        yield
