"""Outputs behind an address: written on this machine first, then uploaded, the JSON last.

What is at the address is complete at any moment: an earlier result's JSON goes before its pictures are replaced, and
the new one comes after them. Stores of objects show nothing of an upload before its end; elsewhere a file is uploaded
under another name and renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from stills.addresses import clean, public_name, scheme_of
from stills.errors import DownloadInterruptedError, OutputError, StillsError
from stills.retry import backoff

FOLDER = "outputs"
"""Where outputs wait for their upload, in the cache folder; the report and the next run look there, too."""

TRIES = 4

_WHOLE = frozenset({
    "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "r2", "b2", "memory",
})  # fmt: skip
"""Stores of objects: an upload is there as a whole or not at all."""

_SIGN = ".stills-write-test"
_REMEDY = "check the address, the network and this machine's credentials for it"

_NAME_ANOTHER = "name another --out"

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteOutput:
    """An output folder at ``address``, with its copy on this machine in ``folder``."""

    address: str
    folder: Path
    pause: Callable[[float], object] = time.sleep

    @property
    def name(self) -> str:
        """The address, without what is secret in it."""
        return public_name(self.address).rstrip("/")

    def check(self) -> None:
        """See now, before hours of work, that something can be written there. Raises ``OutputError``."""
        fs, root = self._store()
        path = f"{root}/{_SIGN}"
        self._do(lambda: fs.pipe_file(path, b"stills can write here\n"))
        with contextlib.suppress(Exception):  # who may write need not be allowed to remove
            fs.rm_file(path)

    def publish(self, files: Sequence[Path]) -> list[str]:
        """Upload a result, its JSON the last of ``files``; what an earlier one wrote besides goes. The addresses.

        Raises ``OutputError``: then there is no JSON at the address.
        """
        if not files:
            return []
        fs, root = self._store()
        *others, listed = files
        inside = {path: path.relative_to(self.folder).as_posix() for path in files}
        target = f"{root}/{inside[listed]}"
        old = self._old_files(fs, target)
        self._remove(fs, target)
        for path in (*others, listed):
            self._put(fs, path, f"{root}/{inside[path]}")
        fresh = {f"{root}/{name}" for name in inside.values()}
        for gone in old:
            if gone not in fresh:
                self._remove(fs, gone)
        return [f"{self.name}/{inside[path]}" for path in files]

    def publish_one(self, path: Path) -> str:
        """Upload a file that stands for itself, or the report with its pages; its address. Raises ``OutputError``."""
        from stills.render.report import REPORT_NAME

        fs, root = self._store()
        name = path.relative_to(self.folder).as_posix()
        if name == REPORT_NAME:
            self._publish_report(fs, root, path)
        else:
            self._put(fs, path, f"{root}/{name}")
        return f"{self.name}/{name}"

    def _publish_report(self, fs: Any, root: str, path: Path) -> None:
        """Upload the pages that are not there yet, then the report; pages that it has no more go.

        The list of pages at the address always names all that are there, each with its key only while it is whole. So
        an upload that was broken off, or somebody else's, is found out by the next one.
        """
        from stills.render.report_results import PAGES
        from stills.render.report_state import LIST, Listed, list_json, listed_pages

        there = self._listed(fs, f"{root}/{LIST.as_posix()}")
        pages = {page.name: page.key for page in listed_pages(path.parent)}

        def note(keys: Mapping[str, str]) -> None:
            listed = [Listed(name, key) for name, key in sorted(keys.items())]
            self._write(fs, f"{root}/{LIST.as_posix()}", list_json(listed))

        changed = [name for name, key in pages.items() if there.get(name) != key]
        gone = [name for name in there if name not in pages]
        if changed or gone:
            note({**there, **pages, **dict.fromkeys([*changed, *gone], "")})
        for name in changed:
            self._put(fs, path.parent / PAGES / name, f"{root}/{PAGES}/{name}")
        if changed:
            note({**pages, **dict.fromkeys(gone, "")})
        self._put(fs, path, f"{root}/{path.name}")
        for name in gone:
            self._remove(fs, f"{root}/{PAGES}/{name}")
        if gone and pages:
            note(pages)
        elif gone:
            self._remove(fs, f"{root}/{LIST.as_posix()}")

    def _listed(self, fs: Any, target: str) -> dict[str, str]:
        """The pages that the list at ``target`` names, with their keys."""
        from stills.render.report_state import parse_list

        try:
            data: bytes = fs.cat_file(target)
        except Exception:  # noqa: BLE001 - there is none, or it cannot be read: then all are uploaded
            return {}
        return {page.name: page.key for page in parse_list(data)}

    def _store(self) -> tuple[Any, str]:
        from stills.media.transports import open_store, remedy_for, unsupported

        why = unsupported(self.address)
        if why is not None or scheme_of(self.address) in {"http", "https"}:
            said = why or "nothing can be written to http:// and https://"
            raise OutputError(said, path=self.name, remedy=f"name another --out; {remedy_for(self.address)}")
        fs, root = self._do(lambda: open_store(self.address))
        return fs, str(root).rstrip("/")

    def _put(self, fs: Any, path: Path, target: str) -> None:
        if scheme_of(self.address) in _WHOLE:
            self._do(lambda: fs.put_file(str(path), target))
            return
        self._do(lambda: fs.makedirs(target.rpartition("/")[0], exist_ok=True))
        temporary = f"{target}.stills-tmp"
        self._do(lambda: fs.put_file(str(path), temporary))
        self._remove(fs, target)
        self._do(lambda: fs.mv(temporary, target))

    def _write(self, fs: Any, target: str, data: bytes) -> None:
        """Write a small file that may be seen half: whoever reads it takes that for none."""
        if scheme_of(self.address) not in _WHOLE:
            self._do(lambda: fs.makedirs(target.rpartition("/")[0], exist_ok=True))
        self._do(lambda: fs.pipe_file(target, data))

    def _remove(self, fs: Any, target: str) -> None:
        def remove() -> None:
            with contextlib.suppress(FileNotFoundError):
                fs.rm_file(target)

        self._do(remove)

    def _old_files(self, fs: Any, target: str) -> list[str]:
        """What the result at ``target`` says it wrote, as far as that can be its own."""
        try:
            document = json.loads(fs.cat_file(target))
            listed = document["files"]
        except Exception:  # noqa: BLE001 - there is none, or it is none of ours
            return []
        folder, _, file = target.rpartition("/")
        recipe = file.removesuffix(".json")
        names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
        return [f"{folder}/{name}" for name in names if name.rpartition("/")[0] in {"", recipe} and ".." not in name]

    def _do(self, what: Callable[[], _T]) -> _T:
        """Do it, again where that can help. Raises ``OutputError``."""
        from stills.media.transports import store_error

        for attempt in range(TRIES):
            try:
                return what()
            except Exception as error:  # noqa: BLE001 - each store has errors of its own
                found = store_error(error, self.address)
                if not isinstance(found, DownloadInterruptedError) or attempt == TRIES - 1:
                    raise OutputError(_said(found), path=self.name, remedy=_REMEDY) from None
                _log.info("%s; trying again", found)
                self.pause(backoff(attempt, 0.5))
        raise AssertionError("unreachable: the last attempt returns or raises")


def _said(error: StillsError) -> str:
    return f"the output cannot be uploaded: {clean(error.message)}"


_outputs: dict[Path, RemoteOutput] = {}


def staged(address: str, cache: Path) -> Path:
    """The folder below ``cache`` that stands for the output folder at ``address`` in this process."""
    key = hashlib.blake2b(public_name(address).rstrip("/").encode(), digest_size=12).hexdigest()
    folder = Path(os.path.abspath(cache)) / FOLDER / key
    _outputs[folder] = RemoteOutput(address, folder)
    return folder


def public_text(text: str) -> str:
    """``text`` with the addresses of outputs in the place of the folders that stand for them."""
    for folder, output in _outputs.items():
        text = text.replace(str(folder), output.name)
    return text


def remote_output(path: Path) -> RemoteOutput | None:
    """The output behind an address that ``path``, a folder or a file in it, is the copy of; ``None`` for others."""
    if not _outputs:
        return None
    for folder in (path, *path.parents):
        if folder in _outputs:
            return _outputs[folder]
    return None


def check_out(out: Path) -> None:
    """Make the output folder, and see now, before hours of work, that it can be written.

    Raises:
        OutputError: It is a file, or cannot be made or written.
    """
    if (remote := remote_output(out)) is not None:
        remote.check()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except FileExistsError as error:
        raise OutputError("the output folder is a file", path=str(out), remedy=_NAME_ANOTHER) from error
    except OSError as error:
        said = f"the output folder cannot be written: {error.strerror}"
        raise OutputError(said, path=str(out), remedy=_NAME_ANOTHER) from error
