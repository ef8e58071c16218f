"""What the user decided about people, and what that means for the tracks there are now.

A decision is about *moments*: a video's content, when a face was on screen, and its embedding. Numbers of tracks and
people change when a video is scanned again; moments do not. Each decision has ``groups`` of them:

- ``name``: one group, moments of the person, and the ``name``; with ``photo``, the embedding of the photo it came from.
  Then the name waits where nobody is like the photo yet.
- ``merge``: a group for each look of all the people who are one.
- ``split``: two groups, those who leave and those who stay; they are two people whatever they look like.

Later decisions count more: a merge of both sides takes a split back, and a split takes back the merges across it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.index.gallery import Decision, Gallery

MOST_MOMENTS = 32
"""Moments kept of a look that is named or merged: its best tracks, of as many videos as there are. Of those who leave
in a split all are kept, as nothing else tells them apart."""

MOST_STAYING = 1000
"""Moments kept of those who stay in a split."""

SAME_FACE = 0.6
"""Least cosine of a moment's embedding and a track at that time: the same face, seen in other frames of one scan or
another, is at 0.9 and above; others on screen with it are below 0.4."""


GHOST = "\0gone:"
"""Before the content of tracks that give way to those of a new scan: they hand on their numbers, and go. Decisions are
about them too, or what was parted would come together in them."""


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """The decisions in terms of rows of ``tracks``.

    ``colours`` are arrays (n,) for :class:`stills.jobs.across.rules.Rules`. ``links`` are groups of groups of rows: of
    each link all looks that hold most of a group are one person. ``names`` are groups of rows with the name; the number
    of the decision says which is the later.
    """

    colours: tuple[NDArray[np.int64], ...]
    links: tuple[tuple[NDArray[np.int64], ...], ...]
    names: tuple[tuple[str, NDArray[np.int64]], ...]


def moments(gallery: Gallery, rows: Iterable[int], most: int | None = MOST_MOMENTS) -> list[dict[str, Any]]:
    """The tracks ``rows`` as moments: all, or the ``most`` telling, taken from one video after another."""
    chosen = sorted(int(row) for row in rows)
    weight, content = gallery.column("weight"), gallery.tracks["content"].to_pylist()
    if most is not None and len(chosen) > most:
        turns: dict[str, int] = {}
        ranked: list[tuple[int, int, int]] = []
        for row in sorted(chosen, key=lambda row: (-weight[row], row)):
            place = turns.setdefault(content[row], 0)
            turns[content[row]] += 1
            ranked.append((place, len(ranked), row))
        chosen = sorted(row for *_, row in sorted(ranked)[:most])
    start, end, vectors = gallery.column("start"), gallery.column("end"), gallery.vectors()
    return [
        {"content": content[row], "start": float(start[row]), "end": float(end[row]), "vector": packed(vectors[row])}
        for row in chosen
    ]


def packed(vector: NDArray[np.float32]) -> str:
    """An embedding as text: half precision keeps a cosine to three decimals."""
    return base64.b64encode(np.asarray(vector, "<f2").tobytes()).decode("ascii")


def unpacked(text: str) -> NDArray[np.float32]:
    """The embedding of :func:`packed`, of unit length; empty where the text is none."""
    try:
        vector = np.frombuffer(base64.b64decode(text, validate=True), "<f2").astype(np.float32)
    except ValueError:
        return np.zeros(0, np.float32)
    length = float(np.linalg.norm(vector))
    return vector / length if np.isfinite(length) and length > 0 else np.zeros(0, np.float32)


class Finder:
    """Finds the tracks that moments are about."""

    def __init__(self, gallery: Gallery) -> None:
        """Of ``gallery``, as it is now."""
        self._start, self._end = gallery.column("start"), gallery.column("end")
        self._vectors = gallery.vectors()
        self._rows: dict[str, list[int]] = {}
        for row, content in enumerate(gallery.tracks["content"].to_pylist()):
            self._rows.setdefault(content.removeprefix(GHOST), []).append(row)

    def rows(self, group: Sequence[Any]) -> NDArray[np.int64]:
        """The tracks of a group of moments, each once; moments of videos that are not here are about none."""
        found: set[int] = set()
        for moment in group:
            found.update(self._at(moment))
        return np.array(sorted(found), np.int64)

    def _at(self, moment: Any) -> list[int]:
        """The tracks that were on screen then and are that face: a scan may cut one into several."""
        vector = unpacked(moment["vector"])
        if not len(vector) or len(vector) != self._vectors.shape[1]:
            return []
        a, b = moment["start"], moment["end"]
        near = [r for r in self._rows.get(moment["content"], ()) if self._start[r] < b and self._end[r] > a]
        return [r for r in near if float(self._vectors[r] @ vector) >= SAME_FACE]


def resolve(gallery: Gallery) -> Resolved:
    """The decisions of ``gallery`` in terms of its tracks."""
    finder = Finder(gallery)
    groups = [[finder.rows(group) for group in decision["groups"]] for decision in gallery.decisions]
    colours, links = [], []
    kinds = [decision["kind"] for decision in gallery.decisions]
    for number, (kind, own) in enumerate(zip(kinds, groups, strict=True)):
        later = [other for k, other in zip(kinds[number + 1 :], groups[number + 1 :], strict=True) if k == "merge"]
        if kind == "split" and not any(_spans(own, other) for other in later):
            leave, stay = own
            colour = np.full(len(gallery.tracks), -1, np.int64)
            colour[stay], colour[leave] = 0, 1
            colours.append(colour)
        if kind == "merge":
            parts = [group for group in own if len(group)]
            splits = [o for k, o in zip(kinds[number + 1 :], groups[number + 1 :], strict=True) if k == "split"]
            links += _split_links(parts, splits)
    names = [
        (str(decision["name"]), own[0])
        for decision, own in zip(gallery.decisions, groups, strict=True)
        if decision["kind"] == "name" and own and len(own[0])
    ]
    return Resolved(tuple(colours), tuple(links), tuple(names))


def _spans(split: Sequence[NDArray[np.int64]], merge: Sequence[NDArray[np.int64]]) -> bool:
    """Whether a merge holds tracks of both sides of a split."""
    merged = np.concatenate([*merge, np.zeros(0, np.int64)])
    return all(np.isin(side, merged).any() for side in split)


def _split_links(
    parts: list[NDArray[np.int64]], splits: Sequence[Sequence[NDArray[np.int64]]]
) -> list[tuple[NDArray[np.int64], ...]]:
    """The link of ``parts``, taken apart by later ``splits``: who leaves is no longer linked to who stays."""
    linked = [parts]
    for leave, _ in splits:
        divided = []
        for link in linked:
            gone = [part[np.isin(part, leave)] for part in link]
            left = [part[~np.isin(part, leave)] for part in link]
            divided += [[part for part in side if len(part)] for side in (gone, left)]
        linked = divided
    return [tuple(link) for link in linked if len(link) > 1]


def named(decisions: Sequence[Decision], name: str) -> bool:
    """Whether somebody was called ``name``."""
    return any(decision["kind"] == "name" and decision["name"] == name for decision in decisions)
