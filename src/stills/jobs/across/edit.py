"""Naming, joining and parting people of a gallery: each change is a decision that is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stills.api.across import write_gallery_results
from stills.errors import InputError, UsageError
from stills.index.gallery import Decision, Gallery, has_gallery, load_gallery, save_gallery, turn
from stills.jobs.across.decisions import MOST_STAYING, moments
from stills.jobs.across.identities import identity_looks, tell_apart
from stills.jobs.across.photos import checked_name


@dataclass(frozen=True, slots=True)
class Edited:
    """The gallery after a change, and the identity that it is about."""

    gallery: Gallery
    identity: int


def rename(out: Path, who: str, name: str) -> Edited:
    """Call ``who`` (a number or a name) ``name``. Raises ``UsageError`` where somebody else is called so already."""
    name = checked_name(name)

    def change(gallery: Gallery) -> tuple[Gallery, int]:
        identity = find_identity(gallery, who, out)
        holder = next((number for number, known in gallery.names.items() if known == name), None)
        if holder is not None and holder != identity:
            raise UsageError(
                f"person {holder} is called {name} already",
                remedy=f"stills who merge OUT {holder} {identity} if they are one person",
            )
        old = gallery.names.get(identity)
        kept = [d for d in gallery.decisions if d["kind"] != "name" or d["name"] not in (old, name)]
        photo = next((d["photo"] for d in gallery.decisions if d.get("name") in (old, name) and "photo" in d), None)
        return _decided(replace(gallery, decisions=tuple(kept)), _named(gallery, identity, name, photo)), identity

    return _edit(out, change)


def unname(out: Path, who: str) -> Edited:
    """Take a name away, and what is kept of the photo that it came from."""

    def change(gallery: Gallery) -> tuple[Gallery, int]:
        waiting = any(d["kind"] == "name" and d["name"] == who for d in gallery.decisions)
        identity = 0 if waiting and who not in gallery.names.values() else find_identity(gallery, who, out)
        name = gallery.names.get(identity, who)
        kept = tuple(d for d in gallery.decisions if d["kind"] != "name" or d["name"] != name)
        if len(kept) == len(gallery.decisions):
            raise UsageError(f"person {identity} has no name")
        return tell_apart(replace(gallery, decisions=kept), gallery.similarity), identity

    return _edit(out, change)


def merge(out: Path, several: Sequence[str]) -> Edited:
    """Make one person of ``several`` (numbers or names): the lowest number stays, and the first one's name."""

    def change(gallery: Gallery) -> tuple[Gallery, int]:
        identities = list(dict.fromkeys(find_identity(gallery, who, out) for who in several))
        if len(identities) < 2:
            raise UsageError("to make one person of several, name two different ones at least")
        names = [gallery.names[i] for i in identities if i in gallery.names]
        groups = [
            moments(gallery, rows) for i in identities for rows in identity_looks(gallery, i).values() if len(rows)
        ]
        kept = tuple(d for d in gallery.decisions if d["kind"] != "name" or d["name"] not in names[1:])
        merged = _decided(replace(gallery, decisions=kept), {"kind": "merge", "groups": groups})
        return merged, _now(merged, min(identities))

    return _edit(out, change)


def split(out: Path, who: str, leaving: Sequence[str]) -> Edited:
    """Make those appearances of ``who`` another person that ``leaving`` names: ``VIDEO`` or ``VIDEO@SECONDS``.

    A video is named as its folder in OUT, its path or its file's name; with seconds, only whom one sees there. The
    new person is the answer. Raises ``UsageError`` where nobody is left, or nobody leaves.
    """

    def change(gallery: Gallery) -> tuple[Gallery, int]:
        identity = find_identity(gallery, who, out)
        own = np.flatnonzero(gallery.column("identity") == identity)
        leave = np.unique(np.concatenate([_appearing(gallery, own, place) for place in leaving]))
        stay = np.setdiff1d(own, leave)
        if not len(stay):
            raise UsageError("everything would leave: then nobody is parted", remedy="name fewer appearances")
        groups = [moments(gallery, leave, None), moments(gallery, stay, MOST_STAYING)]
        identities = gallery.column("identity").copy()
        identities[leave] = -1  # who stays keeps number and name
        decisions = tuple(_staying(gallery, d, identity, stay) for d in gallery.decisions)
        parted = _with_identities(replace(gallery, decisions=decisions), identities)
        parted = _decided(parted, {"kind": "split", "groups": groups})
        return parted, int(parted.column("identity")[leave[0]])

    return _edit(out, change)


def find_identity(gallery: Gallery, who: str, out: Path) -> int:
    """The identity that a number or a name stands for; a number that was taken over stands for who did.

    Raises ``InputError`` where there is nobody.
    """
    there = set(gallery.column("identity").tolist())
    if who.strip().isdecimal():
        number = int(who)
        number = gallery.aliases.get(number, number)
        if number in there:
            return number
    for number, name in gallery.names.items():
        if name == who.strip():
            return number
    raise InputError(f"there is nobody called {who!r}", path=str(out), remedy="`stills who list OUT` shows all")


def _edit(out: Path, change: Callable[[Gallery], tuple[Gallery, int]]) -> Edited:
    if not has_gallery(out):
        remedy = "run `stills people --across OUT`"
        raise InputError("people are not told apart there yet", path=str(out), remedy=remedy)
    with turn(out):
        gallery, identity = change(load_gallery(out))
        gallery = save_gallery(out, gallery)
        write_gallery_results(out, gallery)
    return Edited(gallery, identity)


def _decided(gallery: Gallery, decision: Decision) -> Gallery:
    """``gallery`` with one more decision, and what follows from it."""
    return tell_apart(replace(gallery, decisions=(*gallery.decisions, decision)), gallery.similarity)


def _named(gallery: Gallery, identity: int, name: str, photo: str | None) -> Decision:
    rows = np.flatnonzero(gallery.column("identity") == identity)
    decision = {"kind": "name", "name": name, "groups": [moments(gallery, rows)]}
    return decision if photo is None else {**decision, "photo": photo}


def _staying(gallery: Gallery, decision: Decision, identity: int, stay: NDArray[np.int64]) -> Decision:
    """A decision on the name of who is split, about those who stay alone."""
    if decision["kind"] != "name" or gallery.names.get(identity) != decision["name"]:
        return decision
    return {**decision, "groups": [moments(gallery, stay)]}


def _appearing(gallery: Gallery, own: NDArray[np.int64], place: str) -> NDArray[np.int64]:
    """The rows of ``own`` in the video, or at the moment, that ``place`` names."""
    video, at, moment = place.rpartition("@")
    seconds = _seconds(moment) if at else None
    name = video if seconds is not None else place
    contents = {
        row["content"]
        for row in gallery.videos.to_pylist()
        if name in (row["folder"], row["path"], Path(row["path"]).name)
    }
    content = np.asarray(gallery.tracks["content"].to_pylist())
    rows = own[np.isin(content[own], sorted(contents))]
    if seconds is not None:
        rows = rows[(gallery.column("start")[rows] <= seconds) & (gallery.column("end")[rows] >= seconds)]
    if not len(rows):
        raise UsageError(f"that person does not appear in {place!r}", remedy="`stills who list OUT` shows where")
    return rows


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _with_identities(gallery: Gallery, identities: NDArray[np.int64]) -> Gallery:
    import pyarrow as pa

    place = gallery.tracks.schema.get_field_index("identity")
    column = pa.array(identities, pa.int64())
    return replace(gallery, tracks=gallery.tracks.set_column(place, gallery.tracks.schema.field(place), column))


def _now(gallery: Gallery, identity: int) -> int:
    return gallery.aliases.get(identity, identity)
