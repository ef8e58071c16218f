"""From tracks to people with numbers that stay: clusters (looks), what the user linked, ids of before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stills.index.gallery import TRACKS, Gallery
from stills.jobs.across.cluster import cluster
from stills.jobs.across.decisions import Resolved, resolve
from stills.jobs.across.rules import rules_of


def tell_apart(gallery: Gallery, threshold: float, *, anew: bool = False) -> Gallery:
    """``gallery`` with a look and an identity for each track.

    Tracks without a look are new: they join the people there are, or found new ones. People who grew by that are
    compared with the others once more (the repair), so that two who turn out to be one become one; nothing else is
    touched. With ``anew`` all videos are looked at from scratch; numbers are kept as far as people are the same.

    ``threshold`` is the cosine of two clusters from which they are one person. The tracks of one person of one video
    stay together, but where a decision parts them.
    """
    if not len(gallery.tracks):
        return replace(gallery, names={}, similarity=threshold)
    looks, identities = gallery.column("look"), gallery.column("identity")
    resolved = resolve(gallery)
    fresh = looks < 0
    named = _name_colour(resolved, identities, gallery.column("weight"))
    colours = (*resolved.colours, named)
    labels = cluster(
        gallery.vectors(),
        gallery.column("weight"),
        rules_of(len(looks), _pairs(gallery), colours),
        threshold,
        initial=_initial(gallery, np.ones(len(looks), bool) if anew else fresh, colours),
        active=None if anew else fresh | _torn(looks, colours),
    )
    look_of, _, next_look = keep_ids(labels, looks, gallery.next_look)
    joined = _linked(labels, resolved, gallery.column("weight"))
    identity_of, aliases, next_identity = keep_ids(joined, identities, gallery.next_identity)
    tracks = gallery.tracks
    for name, values in (("look", look_of[labels]), ("identity", identity_of[joined])):
        tracks = tracks.set_column(TRACKS.get_field_index(name), TRACKS.field(name), pa.array(values, pa.int64()))
    return replace(
        gallery,
        tracks=tracks,
        names=_names(resolved, identity_of[joined], gallery.column("weight")),
        aliases=_followed({**gallery.aliases, **aliases}, set(identity_of.tolist())),
        similarity=threshold,
        next_look=next_look,
        next_identity=next_identity,
    )


def keep_ids(
    labels: NDArray[np.int64], old: NDArray[np.int64], following: int
) -> tuple[NDArray[np.int64], dict[int, int], int]:
    """The id of each cluster, kept from ``old`` (n,; -1: none): ids, aliases, and the next that is free.

    An old id is at home in the cluster that has most of its tracks (the first of several). A cluster has the lowest id
    that is at home in it, and is the alias of the others; one without gets a new id, in the order of clusters.
    """
    count = int(labels.max(initial=-1)) + 1
    ids = np.full(count, -1, np.int64)
    known = old >= 0
    span = int(old.max(initial=0)) + 1
    keys, shared = np.unique(labels[known] * span + old[known], return_counts=True)
    place, number = keys // span, keys % span
    homes: dict[int, int] = {}
    for row in np.lexsort((place, -shared, number)):
        homes.setdefault(int(number[row]), int(place[row]))
    aliases: dict[int, int] = {}
    for one in sorted(homes):
        home = homes[one]
        if ids[home] < 0:
            ids[home] = one
        else:
            aliases[one] = int(ids[home])
    new = np.flatnonzero(ids < 0)
    ids[new] = following + np.arange(len(new))
    return ids, aliases, following + len(new)


def identity_looks(gallery: Gallery, identity: int) -> dict[int, NDArray[np.int64]]:
    """The rows of each look of an identity."""
    looks = gallery.column("look")
    own = gallery.column("identity") == identity
    return {int(look): np.flatnonzero(own & (looks == look)) for look in np.unique(looks[own])}


def look_centres(gallery: Gallery) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Looks, their identities and their mean embeddings (k, d; unit length)."""
    looks, first, place = np.unique(gallery.column("look"), return_index=True, return_inverse=True)
    vectors = gallery.vectors()
    sums = np.zeros((len(looks), vectors.shape[1]), np.float32)
    np.add.at(sums, place.reshape(-1), vectors * gallery.column("weight")[:, None])
    units = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return looks, gallery.column("identity")[first], np.asarray(units, np.float32)


def _pairs(gallery: Gallery) -> list[tuple[int, int]]:
    """Rows that were seen in one frame."""
    keys = zip(gallery.tracks["content"].to_pylist(), gallery.tracks["track"].to_pylist(), strict=True)
    place = {key: row for row, key in enumerate(keys)}
    columns = (gallery.together[name].to_pylist() for name in ("content", "a", "b"))
    found = ((place.get((content, a)), place.get((content, b))) for content, a, b in zip(*columns, strict=True))
    return [(one, other) for one, other in found if one is not None and other is not None]


def _initial(gallery: Gallery, fresh: NDArray[np.bool_], colours: tuple[NDArray[np.int64], ...]) -> NDArray[np.int64]:
    """Groups to begin with: looks as they are, and the people of new videos; parted where colours differ."""
    _, video = np.unique(np.asarray(gallery.tracks["content"].to_pylist()), return_inverse=True)
    none = np.full(len(fresh), -1, np.int64)
    keys = [
        np.where(fresh, none, gallery.column("look")),
        np.where(fresh, video.reshape(-1), none),
        np.where(fresh, gallery.column("person"), none),
        *colours,
    ]
    return np.asarray(np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)[1], np.int64).reshape(-1)


def _torn(looks: NDArray[np.int64], colours: tuple[NDArray[np.int64], ...]) -> NDArray[np.bool_]:
    """The tracks of looks that a decision parts now, but did not before: their pieces are compared anew."""
    torn = np.zeros(len(looks), bool)
    for colour in colours:
        keys = np.unique(np.stack([looks, colour], axis=1), axis=0)[:, 0]
        several, counts = np.unique(keys, return_counts=True)
        torn |= np.isin(looks, several[(counts > 1) & (several >= 0)])
    return torn


def _name_colour(resolved: Resolved, identities: NDArray[np.int64], weight: NDArray[np.float32]) -> NDArray[np.int64]:
    """A colour for each name, on all tracks of whom it is: people of different names are never joined."""
    colour = np.full(len(identities), -1, np.int64)
    numbers: dict[str, int] = {}
    owners: dict[int, int] = {}
    for name, rows in resolved.names:
        number = numbers.setdefault(name, len(numbers))
        colour[rows] = number
        owner = _majority(identities[rows], weight[rows])
        if owner >= 0:
            owners[owner] = number
    for owner, number in owners.items():
        colour[identities == owner] = number
    return colour


def _linked(labels: NDArray[np.int64], resolved: Resolved, weight: NDArray[np.float32]) -> NDArray[np.int64]:
    """``labels`` with those made one that links name."""
    root = np.arange(int(labels.max()) + 1)

    def find(one: int) -> int:
        while root[one] != one:
            root[one] = root[root[one]]
            one = int(root[one])
        return one

    for link in resolved.links:
        looks = [find(_majority(labels[rows], weight[rows])) for rows in link]
        for one in looks[1:]:
            low, high = sorted((find(looks[0]), find(one)))
            root[high] = low
    roots = np.array([find(one) for one in range(len(root))])
    return np.asarray(np.unique(roots[labels], return_inverse=True)[1], np.int64).reshape(-1)


def _majority(values: NDArray[np.int64], weight: NDArray[np.float32]) -> int:
    """The value that weighs most; the lowest of several."""
    known, place = np.unique(values, return_inverse=True)
    return int(known[np.argmax(np.bincount(place.reshape(-1), weights=weight))])


def _names(resolved: Resolved, identity: NDArray[np.int64], weight: NDArray[np.float32]) -> dict[int, str]:
    """The name of each identity that has one: the last that was given."""
    return {_majority(identity[rows], weight[rows]): name for name, rows in resolved.names}


def _followed(aliases: Mapping[int, int], there: set[int]) -> dict[int, int]:
    """``aliases`` with each leading straight to somebody who is there."""
    found = {}
    for old in aliases:
        new, seen = old, set()
        while new in aliases and new not in seen:
            seen.add(new)
            new = aliases[new]
        if new in there and old not in there:
            found[old] = new
    return found
