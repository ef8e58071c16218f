"""The gallery of an output folder: whom its videos show, told apart over all of them.

    OUT/.stills/gallery/gallery.json  decisions.json  {videos,people,tracks,together}-<generation>.parquet

``gallery.json`` names the generation of the tables and is written last: where it is, the gallery is whole. What the
user decided is in a file of its own, in words that outlive a damaged or rebuilt gallery: moments, not numbers.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stills.errors import IndexFormatError
from stills.files import atomic_write, ensure_folder, output_error, remove_file

FORMAT = 1
FOLDER = Path(".stills") / "gallery"

Decision: TypeAlias = Mapping[str, Any]
"""What the user decided about people (JSON values); see :mod:`stills.jobs.across.decisions`."""

VIDEOS = pa.schema([
    pa.field("content", pa.string(), nullable=False),
    pa.field("path", pa.string(), nullable=False),
    pa.field("folder", pa.string(), nullable=False),  # of its results, in OUT
    pa.field("key", pa.string(), nullable=False),  # changes with the result that the rows were made from
    pa.field("duration", pa.float64(), nullable=False),
    pa.field("partial", pa.bool_(), nullable=False),
])  # fmt: skip

PEOPLE = pa.schema([
    pa.field("content", pa.string(), nullable=False),
    pa.field("person", pa.int32(), nullable=False),  # the number in the video's own result
    pa.field("time", pa.float64(), nullable=False),  # of the still
    pa.field("score", pa.float64(), nullable=False),
    pa.field("file", pa.string()),  # of the still, in the video's folder
    pa.field("face", pa.list_(pa.float64(), 4)),  # in pixels of that picture
])  # fmt: skip

TRACKS = pa.schema([
    pa.field("content", pa.string(), nullable=False),
    pa.field("track", pa.int32(), nullable=False),
    pa.field("person", pa.int32(), nullable=False),
    pa.field("start", pa.float64(), nullable=False),
    pa.field("end", pa.float64(), nullable=False),
    pa.field("faces", pa.int32(), nullable=False),
    pa.field("weight", pa.float32(), nullable=False),
    pa.field("vector", pa.list_(pa.float32()), nullable=False),  # mean embedding, unit length
    pa.field("look", pa.int64(), nullable=False),  # cluster: one appearance of one identity
    pa.field("identity", pa.int64(), nullable=False),
])  # fmt: skip

TOGETHER = pa.schema([
    pa.field("content", pa.string(), nullable=False),
    pa.field("a", pa.int32(), nullable=False),  # tracks that were seen in one frame
    pa.field("b", pa.int32(), nullable=False),
])  # fmt: skip

_TABLES = {"videos": VIDEOS, "people": PEOPLE, "tracks": TRACKS, "together": TOGETHER}
_REMEDY = "`stills who rebuild OUT` makes it again from the indexes; what was decided stays"


@dataclass(frozen=True, slots=True)
class Gallery:
    """The tables, what was decided, and the names that follow from it.

    ``embedder`` is what made the vectors, with ``digest`` its SHA-256 (both empty before the first video).
    ``aliases`` says which identity took over one that is no more. ``next_look`` and ``next_identity`` were never given.
    """

    videos: pa.Table = field(repr=False, default_factory=VIDEOS.empty_table)
    people: pa.Table = field(repr=False, default_factory=PEOPLE.empty_table)
    tracks: pa.Table = field(repr=False, default_factory=TRACKS.empty_table)
    together: pa.Table = field(repr=False, default_factory=TOGETHER.empty_table)
    decisions: tuple[Decision, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    aliases: Mapping[int, int] = field(default_factory=dict)
    embedder: str = ""
    digest: str = ""
    similarity: float = 0.0
    next_look: int = 1
    next_identity: int = 1
    generation: int = 0

    def vectors(self) -> NDArray[np.float32]:
        """The mean embedding of each track (n, d)."""
        flat = self.tracks["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        count = len(self.tracks)
        return np.asarray(flat, np.float32).reshape(count, -1) if count else np.zeros((0, 1), np.float32)

    def column(self, name: str) -> NDArray[Any]:
        """A column of numbers of the tracks, as an array."""
        return np.asarray(self.tracks[name].to_numpy())

    def without(self, contents: set[str]) -> Gallery:
        """The gallery with no row of the videos ``contents`` and with none of their moments in a decision."""
        gone = pa.array(sorted(contents), pa.string())
        kept = {
            name: getattr(self, name).filter(pc.invert(pc.is_in(getattr(self, name)["content"], gone)))
            for name in _TABLES
        }
        left = set(pc.unique(kept["tracks"]["identity"]).to_pylist())
        decisions = (_without_moments(decision, contents) for decision in self.decisions)
        return replace(
            self,
            **kept,
            decisions=tuple(decision for decision in decisions if decision is not None),
            names={number: name for number, name in self.names.items() if number in left},
            aliases={old: new for old, new in self.aliases.items() if new in left},
        )


def _without_moments(decision: Decision, contents: set[str]) -> Decision | None:
    """``decision`` without the moments of ``contents``; ``None`` where nothing is left that it is about."""
    groups = [[moment for moment in group if moment["content"] not in contents] for group in decision["groups"]]
    groups = [group for group in groups if group] if decision["kind"] != "split" else groups
    least = {"merge": 2, "split": 2, "name": 1}[decision["kind"]]
    whole = len(groups) >= least and all(groups)
    return {**decision, "groups": groups} if whole or "photo" in decision else None


def gallery_folder(out: Path) -> Path:
    """Where the gallery of an output folder is."""
    return out / FOLDER


def has_gallery(out: Path) -> bool:
    """Whether people were told apart over the videos of ``out``."""
    return (gallery_folder(out) / "gallery.json").is_file()


@contextlib.contextmanager
def turn(out: Path) -> Iterator[None]:
    """Wait for one's turn to change the gallery of ``out``; where files cannot be locked, just go on."""
    path = ensure_folder(gallery_folder(out)) / "lock"
    try:
        file = path.open("ab")
    except OSError as error:
        raise output_error(error, path) from error
    with file:
        if sys.platform != "win32":
            import fcntl

            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def load_gallery(out: Path) -> Gallery:
    """The gallery of ``out``; an empty one with the decisions, if any, where there is none yet.

    Raises ``IndexFormatError`` where it is damaged, or of a newer version of stills.
    """
    folder = gallery_folder(out)
    decisions = load_decisions(out)
    try:
        values = json.loads((folder / "gallery.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return Gallery(decisions=decisions)
    except (OSError, ValueError, RecursionError) as error:
        raise IndexFormatError(f"the gallery cannot be read ({error})", path=str(folder), remedy=_REMEDY) from error
    if isinstance(values, dict) and isinstance(values.get("format"), int) and values["format"] > FORMAT:
        raise IndexFormatError(
            "the gallery was made by a newer stills", path=str(folder), remedy="install that version, or another --out"
        )
    try:
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']!r}")  # noqa: TRY301 - told like the others
        number = int(values["generation"])
        tables = {name: _read(_table_path(folder, name, number), schema) for name, schema in _TABLES.items()}
        return Gallery(
            **tables,
            decisions=decisions,
            names={int(key): str(name) for key, name in values["names"].items()},
            aliases={int(old): int(new) for old, new in values["aliases"].items()},
            embedder=str(values["embedder"]),
            digest=str(values["digest"]),
            similarity=float(values["similarity"]),
            next_look=int(values["next_look"]),
            next_identity=int(values["next_identity"]),
            generation=number,
        )
    except (OSError, KeyError, TypeError, ValueError, AttributeError, pa.ArrowException) as error:
        raise IndexFormatError(f"the gallery is damaged ({error})", path=str(folder), remedy=_REMEDY) from error


def load_decisions(out: Path) -> tuple[Decision, ...]:
    """What was decided about the people of ``out``, in order. Raises ``IndexFormatError`` where it cannot be read."""
    path = gallery_folder(out) / "decisions.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        decisions = values["decisions"]
        whole = values["format"] == FORMAT and all(_is_decision(decision) for decision in decisions)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _bad_decisions(path, str(error)) from error
    if not whole:
        raise _bad_decisions(path, "not as stills writes it")
    return tuple(decisions)


def _is_decision(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("kind") not in ("name", "merge", "split"):
        return False
    groups = value.get("groups")
    fields = {"content": str, "start": float | int, "end": float | int, "vector": str}
    return isinstance(groups, list) and all(
        isinstance(group, list)
        and all(isinstance(m, dict) and all(isinstance(m.get(n), k) for n, k in fields.items()) for m in group)
        for group in groups
    )


def _bad_decisions(path: Path, why: str) -> IndexFormatError:
    said = f"what was decided about people cannot be read ({why})"
    return IndexFormatError(said, path=str(path), remedy="restore it from a backup, or remove it to decide anew")


def save_gallery(out: Path, gallery: Gallery) -> Gallery:
    """Write ``gallery``, and remove the tables it replaces; the one that was saved. Raises ``OutputError``."""
    folder = ensure_folder(gallery_folder(out))
    number = gallery.generation + 1
    for name, schema in _TABLES.items():
        buffer = io.BytesIO()
        pq.write_table(getattr(gallery, name).cast(schema), buffer, compression="zstd", write_page_checksum=True)
        atomic_write(_table_path(folder, name, number), buffer.getvalue())
    decided = {"format": FORMAT, "decisions": list(gallery.decisions)}
    atomic_write(folder / "decisions.json", json.dumps(decided, indent=1, ensure_ascii=False).encode())
    values = {
        "format": FORMAT,
        "generation": number,
        "embedder": gallery.embedder,
        "digest": gallery.digest,
        "similarity": gallery.similarity,
        "next_look": gallery.next_look,
        "next_identity": gallery.next_identity,
        "names": {str(key): name for key, name in sorted(gallery.names.items())},
        "aliases": {str(old): new for old, new in sorted(gallery.aliases.items())},
    }
    atomic_write(folder / "gallery.json", json.dumps(values, indent=1, ensure_ascii=False).encode())
    for path in folder.glob("*.parquet"):
        if not path.stem.endswith(f"-{number:06d}"):
            remove_file(path)
    return replace(gallery, generation=number)


def result_key(data: bytes) -> str:
    """What tells one result file from another."""
    return hashlib.blake2b(data, digest_size=10).hexdigest()


def _table_path(folder: Path, name: str, generation: int) -> Path:
    return folder / f"{name}-{generation:06d}.parquet"


def _read(path: Path, schema: pa.Schema) -> pa.Table:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read().cast(schema)
