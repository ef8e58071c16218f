"""Where indexes live: a folder a video and set of parameters, under the cache folder.

    CACHE/index/<content>/<key>/meta.json  frames.parquet  shots.parquet  faces.parquet  spill/  segments/

``content`` says what the video is, ``key`` what was measured and how. ``meta.json`` is written last: where it is, the
index is whole. ``segments/`` holds the finished pieces of a scan that is under way or was interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from stills.errors import IndexFormatError, OutputError
from stills.files import atomic_write, atomic_write_all, ensure_folder
from stills.index.codec import fallbacks_from_json, report_from_json, video_from_json, video_to_json
from stills.index.index import Index
from stills.index.schema import FACES, FORMAT, FRAMES, SHOTS

_TABLES = {"frames": FRAMES, "shots": SHOTS, "faces": FACES}
_PARQUET: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True, "use_dictionary": False}
"""Hardly a measured value comes twice: dictionaries would make the files a third larger, and slower to write."""

_NOT_WRITABLE = "free space or give permission there, or point STILLS_CACHE_DIR to another folder"
_WRITE_ATTEMPTS = 3
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REMEDY = "run `stills forget` on the video and scan it again"


@dataclass(frozen=True, slots=True)
class SegmentRows:
    """What one segment gave: rows of ``frames`` and ``faces``, and ``notes`` (JSON) that joining needs."""

    number: int
    frames: pa.Table
    faces: pa.Table
    notes: Mapping[str, Any]


class IndexStore:
    """The indexes under one cache folder. Reading never changes anything; writing is atomic."""

    def __init__(self, cache_dir: Path) -> None:
        """``cache_dir`` need not exist yet."""
        self.root = cache_dir / "index"

    def folder(self, content: str, parameters: Mapping[str, Any]) -> Path:
        """The folder of the index of ``content`` made with ``parameters``."""
        return self.root / content / parameters_key(parameters)

    def load(self, content: str, parameters: Mapping[str, Any]) -> Index | None:
        """The index, or ``None`` where there is none. Raises ``IndexFormatError`` where it is damaged."""
        folder = self.folder(content, parameters)
        try:
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise IndexFormatError(f"the index cannot be read ({error})", path=str(folder), remedy=_REMEDY) from error
        if isinstance(meta, dict) and meta.get("format") != FORMAT:
            return None
        try:
            tables = {name: _read_table(folder / f"{name}.parquet").cast(s) for name, s in _TABLES.items()}
            return Index(
                video=video_from_json(meta["video"]),
                content=meta["content"],
                layers=frozenset(meta["layers"]),
                parameters=meta["parameters"],
                models=meta["models"],
                report=replace(report_from_json(meta["report"]), cached=True),
                fallbacks=fallbacks_from_json(meta["fallbacks"]),
                warnings=tuple(meta["warnings"]),
                partial=meta["partial"],
                folder=str(folder),
                cover=meta.get("cover"),
                **tables,
            )
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise IndexFormatError(f"the index is damaged ({error})", path=str(folder), remedy=_REMEDY) from error

    def save(self, index: Index) -> Index:
        """Write ``index`` and drop the pieces it was made of. Raises ``OutputError``."""
        folder = self.folder(index.content, index.parameters)
        files = {}
        for name, schema in _TABLES.items():
            buffer = io.BytesIO()
            pq.write_table(getattr(index, name).cast(schema), buffer, **_PARQUET)
            files[f"{name}.parquet"] = buffer.getvalue()
        meta = {
            "format": FORMAT,
            "content": index.content,
            "video": video_to_json(index.video),
            "layers": sorted(index.layers),
            "parameters": dict(index.parameters),
            "models": dict(index.models),
            "report": asdict(index.report),
            "fallbacks": [asdict(f) for f in index.fallbacks],
            "warnings": list(index.warnings),
            "partial": index.partial,
            "cover": None if index.cover is None else dict(index.cover),
        }
        _write_all(folder, {**files, "meta.json": json.dumps(meta, indent=1).encode()})
        self.drop_segments(index.content, index.parameters)
        return replace(index, folder=str(folder))

    def save_segment(self, content: str, parameters: Mapping[str, Any], rows: SegmentRows) -> None:
        """Keep a finished segment, so that an interrupted scan need not do it again. Raises ``OutputError``."""
        stem = f"{rows.number:06d}"
        frames, faces = table_bytes(rows.frames), table_bytes(rows.faces)
        notes = {**rows.notes, "digest": _digest(frames, faces)}
        files = {
            f"{stem}.frames.arrow": frames,
            f"{stem}.faces.arrow": faces,
            f"{stem}.json": json.dumps(notes).encode(),
        }
        # A killed process loses nothing by this; after a power cut the digest tells what did not reach the disk.
        _write_all(self.folder(content, parameters) / "segments", files, durable=False)

    def prepare(self, content: str, parameters: Mapping[str, Any]) -> None:
        """See, before hours of work, that the index can be written. Raises ``OutputError``."""
        _write_all(self.folder(content, parameters) / "segments", {})

    def load_segment(self, content: str, parameters: Mapping[str, Any], number: int) -> SegmentRows | None:
        """A segment that was finished earlier, or ``None``; a damaged one counts as not there."""
        folder = self.folder(content, parameters) / "segments"
        stem = f"{number:06d}"
        try:
            notes = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
            frames = (folder / f"{stem}.frames.arrow").read_bytes()
            faces = (folder / f"{stem}.faces.arrow").read_bytes()
            if notes.pop("digest") != _digest(frames, faces):
                return None
            tables = table_from_bytes(frames).cast(FRAMES), table_from_bytes(faces).cast(FACES)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
            return None
        return SegmentRows(number, *tables, notes)

    def drop_segments(self, content: str, parameters: Mapping[str, Any]) -> None:
        """Remove what an unfinished scan left."""
        shutil.rmtree(self.folder(content, parameters) / "segments", ignore_errors=True)

    def drop_others(self, content: str, parameters: Mapping[str, Any]) -> None:
        """Erase the indexes of ``content`` made with other parameters. Raises ``OSError``."""
        keep = self.folder(content, parameters)
        for folder in (self.root / content).iterdir():
            if folder != keep:
                shutil.rmtree(folder)

    def contents_at(self, path: str) -> list[str]:
        """The videos that were scanned at ``path``, whatever is there now."""
        found = []
        for meta in sorted(self.root.glob("*/*/meta.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                if os.path.realpath(json.loads(meta.read_text(encoding="utf-8"))["video"]["path"]) == os.path.realpath(
                    path
                ):
                    found.append(meta.parent.parent.name)
        return list(dict.fromkeys(found))

    def name_video(self, content: str, path: str) -> None:
        """Have the indexes of ``content`` say that it was scanned at ``path``: it was a temporary copy of that.

        Then :meth:`contents_at` finds it. What cannot be read or written stays as it is: the index serves all the same.
        """
        for meta in sorted((self.root / content).glob("*/meta.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                values = json.loads(meta.read_text(encoding="utf-8"))
                values["video"]["path"] = path
                atomic_write(meta, json.dumps(values, indent=1).encode())

    def forget(self, content: str) -> bool:
        """Erase every index of a video; whether there was one. Raises ``OSError`` where it cannot be erased."""
        folder = self.root / content
        if not folder.is_dir():
            return False
        for meta in folder.glob("*/meta.json"):  # an index without it is none, should the rest fail half-way
            meta.unlink()
        shutil.rmtree(folder)
        return True


def _digest(*parts: bytes) -> str:
    """What the rows of a segment were when they were written."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _read_table(path: Path) -> pa.Table:
    # Not read_table(): that would import the datasets module, a tenth of a start.
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        about = file.metadata
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        # No checksum covers the footer. Our first columns are flat: as many values as rows.
        if about.num_rows != sum(group.num_rows for group in groups) or any(
            group.num_rows != group.column(0).num_values for group in groups
        ):
            raise ValueError("its footer contradicts itself")
        return file.read()


def _write_all(folder: Path, files: Mapping[str, bytes], *, durable: bool = True) -> None:
    """Write ``files`` into ``folder``, in order. Raises ``OutputError``.

    Where the disk is full the spill goes first: it only saves time. Another process that finished the same scan may
    remove the folder between two files; then all are written again.
    """
    spills = [parent / "spill" for parent in (folder, folder.parent)]
    for attempt in range(_WRITE_ATTEMPTS):
        try:
            ensure_folder(folder)
            atomic_write_all(folder, files, durable=durable)
        except OutputError as error:
            number = getattr(error.__cause__, "errno", None)
            spilled = number in _FULL and any(spill.is_dir() for spill in spills)
            if attempt == _WRITE_ATTEMPTS - 1 or not (number == errno.ENOENT or spilled):
                raise OutputError(error.message, path=error.path, remedy=_NOT_WRITABLE) from error
            if spilled:
                for spill in spills:
                    shutil.rmtree(spill, ignore_errors=True)
        else:
            return


def parameters_key(parameters: Mapping[str, Any]) -> str:
    """A short name for ``parameters`` (JSON values): the same for equal ones, whatever their order."""
    text = json.dumps([FORMAT, parameters], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def table_bytes(table: pa.Table) -> bytes:
    """A table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema, options=ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def table_from_bytes(data: bytes) -> pa.Table:
    """The inverse of :func:`table_bytes`. Raises ``pyarrow.ArrowException`` (or a built-in error) on other bytes."""
    with contextlib.closing(ipc.open_stream(pa.py_buffer(data))) as reader:
        table = reader.read_all()
    table.validate(full=True)  # Arrow trusts the lengths it reads; using a damaged table could end the process
    return table
