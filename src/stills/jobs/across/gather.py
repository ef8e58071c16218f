"""What the gallery keeps of a video: the tracks of its people, from its result and its index."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stills.errors import IndexFormatError, InputError
from stills.index.gallery import PEOPLE, TOGETHER, TRACKS, VIDEOS, result_key
from stills.index.index import Index
from stills.index.store import IndexStore
from stills.media.source import content_id
from stills.select.spans import Clock, track_span
from stills.select.tracks import FaceColumns, build_tracks, seen_together

log = logging.getLogger(__name__)

RESULT = "people.json"

_NO_EMBEDDINGS = "its index holds no face embeddings (--no-embeddings)"


class CannotGatherError(IndexFormatError):
    """Nothing of a video can be taken into the gallery; the message says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """A result ``OUT/<folder>/people.json``: a ``key`` of what counts in it, and the video it is about."""

    folder: str
    path: str
    key: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The rows of one video for the tables of the gallery, and what made its embeddings (name, SHA-256)."""

    content: str
    embedder: str
    digest: str
    videos: pa.Table
    people: pa.Table
    tracks: pa.Table
    together: pa.Table


def sources(out: Path) -> Iterator[Source]:
    """The results of `stills people` in ``out``, in order of their folders; damaged ones are logged and left out."""
    for path in sorted(out.glob(f"*/{RESULT}")):
        if path.parent.name.startswith("."):
            continue
        try:
            document = json.loads(path.read_bytes())
            if not str(document["schema"]).startswith("stills/people/"):
                continue
            video = str(document["video"]["path"])
            if not all(isinstance(person["id"], int) for person in document["people"]):
                raise ValueError("people without numbers")  # noqa: TRY301 - told like the others
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.warning("%s: left out of the gallery, the result cannot be read (%s)", path, error)
            continue
        # Not the whole file: how long a scan took is no reason to look again.
        key = result_key(json.dumps([video, document["people"]], sort_keys=True).encode())
        yield Source(path.parent.name, video, key, document)


class Indexes:
    """The indexes that results were made from, found by the paths of their videos."""

    def __init__(self, store: IndexStore) -> None:
        """Nothing is read yet."""
        self._store = store
        self._known: dict[str, list[str]] | None = None

    def contents(self, path: str) -> list[str]:
        """What the video at ``path`` is, or was when it was scanned, should it be gone."""
        if os.path.exists(path):
            try:
                return [content_id(path)]
            except InputError as error:
                log.warning("%s", error)
        if self._known is None:
            self._known = {}
            for meta in sorted(self._store.root.glob("*/*/meta.json")):
                try:
                    scanned = os.path.realpath(json.loads(meta.read_text(encoding="utf-8"))["video"]["path"])
                except (OSError, ValueError, KeyError, TypeError):
                    continue
                contents = self._known.setdefault(scanned, [])
                if meta.parent.parent.name not in contents:
                    contents.append(meta.parent.parent.name)
        return self._known.get(os.path.realpath(path), [])

    def of(self, source: Source) -> Index:
        """The index that ``source`` was made from. Raises ``CannotGatherError`` where it is not there any more."""
        contents = self.contents(source.path)
        for content in contents:
            for meta in sorted((self._store.root / content).glob("*/meta.json")):
                try:
                    index = self._store.load(content, json.loads(meta.read_text(encoding="utf-8"))["parameters"])
                except (OSError, ValueError, KeyError, TypeError, IndexFormatError) as error:
                    log.warning("%s: %s", meta.parent, error)
                    continue
                if index is not None and "faces" in index.layers and _made_from(index, source.document):
                    return index
        why = "its index is not the one that its result was made from" if contents else "its index is gone"
        raise CannotGatherError(why, path=source.path, remedy="run `stills people` on it again")


def _made_from(index: Index, document: Mapping[str, Any]) -> bool:
    """Whether the numbers of tracks in a result are those of ``index``: the faces of each person add up."""
    counts = np.bincount(index.faces["track"].to_numpy().astype(np.int64)) if len(index.faces) else np.zeros(0, int)
    try:
        return all(
            max(person["tracks"], default=-1) < len(counts)
            and min(person["tracks"], default=0) >= 0
            and int(counts[person["tracks"]].sum()) == person["faces"]
            for person in document["people"]
        )
    except (KeyError, TypeError, IndexError):
        return False


def gather(index: Index, source: Source) -> Gathered:
    """The rows of a video. Raises ``CannotGatherError`` where its embeddings were dropped."""
    faces = FaceColumns.of(index)
    tracks, clock = build_tracks(faces), Clock.of(index)
    people = source.document["people"]
    owner = {int(track): int(person["id"]) for person in people for track in person["tracks"]}
    told = [track for track in sorted(owner) if tracks.weight[track] > 0]
    if owner and not told:
        raise CannotGatherError(
            _NO_EMBEDDINGS,
            path=source.path,
            remedy="forget the video and run `stills people` on it without --no-embeddings",
        )
    content = index.content
    name = str(index.parameters.get("embedder", "sface"))
    rows = []
    for track in told:
        start, end = track_span(clock, faces.time[tracks.rows[track]])
        rows.append({
            "content": content,
            "track": track,
            "person": owner[track],
            "start": start,
            "end": end,
            "faces": len(tracks.rows[track]),
            "weight": float(tracks.weight[track]),
            "vector": tracks.vector[track],
            "look": -1,
            "identity": -1,
        })  # fmt: skip
    pairs = [(a, b) for a, b in seen_together(faces, tracks) if a in owner and b in owner]
    video = {
        "content": content,
        "path": source.path.encode("utf-8", "backslashreplace").decode(),
        "folder": source.folder.encode("utf-8", "backslashreplace").decode(),
        "key": source.key,
        "duration": index.video.duration,
        "partial": index.partial,
    }
    return Gathered(
        content=content,
        embedder=name,
        digest=index.models.get(name, ""),
        videos=pa.Table.from_pylist([video], schema=VIDEOS),
        people=pa.Table.from_pylist([_person(content, person) for person in people], schema=PEOPLE),
        tracks=pa.Table.from_pylist(rows, schema=TRACKS),
        together=pa.Table.from_pylist([{"content": content, "a": a, "b": b} for a, b in pairs], schema=TOGETHER),
    )


def _person(content: str, person: Mapping[str, Any]) -> dict[str, Any]:
    still = person["still"]
    return {
        "content": content,
        "person": person["id"],
        "time": still["time"],
        "score": still["score"],
        "file": still.get("file"),
        "face": still.get("face"),
    }
