"""People known by a photo: who in the gallery is like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stills.errors import InputError, UsageError
from stills.index.gallery import Decision, Gallery
from stills.jobs.across.decisions import Finder, moments, packed, unpacked
from stills.jobs.across.identities import identity_looks, look_centres, tell_apart
from stills.select.posters import default_distance

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.scan.scanner import Scanner

BYSTANDER = 0.25
"""A face with less than so much of the largest face's area does not make a photo one of two people."""


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A name and the embedding (d,) of a photo of whom it is; ``embedder`` is what made it."""

    name: str
    vector: NDArray[np.float32]
    embedder: str
    path: str = ""


def parse_who(values: Sequence[str]) -> list[tuple[str, str]]:
    """Names and photos from ``NAME=photo.jpg``. Raises ``UsageError``, ``InputError`` where a photo is not there."""
    found: list[tuple[str, str]] = []
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or not name.strip() or not path:
            raise UsageError(f"{value!r} is not NAME=PHOTO", remedy="give it as --who Ann=ann.jpg")
        if not Path(path).is_file():
            raise InputError("there is no such photo", path=path, remedy="check the name")
        found.append((checked_name(name), path))
    if len({name for name, _ in found}) < len(found):
        raise UsageError("a name is given twice", remedy="one photo a person: the sharpest, from the front")
    return found


def checked_name(name: str) -> str:
    """``name`` without blanks around it. Raises ``UsageError`` where it is none."""
    clean = name.strip()
    if not clean or not clean.isprintable() or len(clean) > 200:
        raise UsageError(f"{name!r} is not a name", remedy="up to 200 printable characters, not only blanks")
    if clean.isdecimal():
        raise UsageError(f"{name!r} is a number, as people have anyway", remedy="give a name with a letter in it")
    return clean


def read_photos(scanner: Scanner, who: Sequence[tuple[str, str]], cancel: CancelToken | None = None) -> list[Photo]:
    """The faces of photos. Raises ``InputError`` for a photo that shows nobody, or several people; ``ModelError``."""
    readings = scanner.read_pictures([path for _, path in who], cancel=cancel)
    photos = []
    for (name, path), reading in zip(who, readings, strict=True):
        if reading.error is not None:
            raise InputError(f"the photo cannot be read: {reading.error}", path=path)
        faces = reading.faces
        if not faces:
            raise InputError("there is no face in the photo", path=path, remedy="take one from the front, well lit")
        areas = [face.box[2] * face.box[3] for face in faces]
        several = sum(area >= BYSTANDER * areas[0] for area in areas)
        if several > 1:
            said = f"there are {several} faces in the photo: who of them is {name}?"
            raise InputError(said, path=path, remedy="cut out the one that is meant")
        if faces[0].embedding is None:
            raise InputError("the face in the photo is too small", path=path, remedy="take a larger one")
        photos.append(Photo(name, faces[0].embedding, reading.models.get("embedder", "sface"), path))
    return photos


def meet(gallery: Gallery, photos: Sequence[Photo], threshold: float) -> tuple[Gallery, dict[str, int | None]]:
    """Name who is like a photo: those of ``photos``, and of earlier ones that nobody was like yet.

    Each photo goes to the one look that is most like it, if that reaches what two photos of one person were measured to
    have. The gallery with the decisions and names, and the identity of each of ``photos`` by name. Raises
    ``UsageError`` where a photo was embedded by another network than the videos.
    """
    given = [_decision(photo) for photo in photos]
    for photo in photos:
        if gallery.embedder and photo.embedder != gallery.embedder:
            raise UsageError(
                f"the photo was embedded by {photo.embedder}, the videos by {gallery.embedder}",
                path=photo.path,
                remedy=f"use --embedder {gallery.embedder}",
            )
    names = {photo.name for photo in photos}
    kept = [d for d in gallery.decisions if not ("photo" in d and d["name"] in names)]
    gallery = replace(gallery, decisions=(*kept, *given))
    finder, changed = Finder(gallery), bool(photos)
    decisions: list[Decision] = []
    for decision in gallery.decisions:
        known = decision
        if "photo" in decision and not any(len(finder.rows(group)) for group in decision["groups"]):
            who = who_is(gallery, unpacked(decision["photo"]))
            if who is not None:
                rows = np.concatenate(list(identity_looks(gallery, who).values()))
                known = {**decision, "groups": [moments(gallery, rows)]}
                changed = True
        decisions.append(known)
    if changed:
        gallery = tell_apart(replace(gallery, decisions=tuple(decisions)), threshold)
    by_name = {name: number for number, name in gallery.names.items()}
    return gallery, {photo.name: by_name.get(photo.name) for photo in photos}


def who_is(gallery: Gallery, vector: NDArray[np.float32]) -> int | None:
    """The identity that a face is, or ``None``."""
    alike = alike_to(gallery, vector)
    return alike[0][0] if alike else None


def alike_to(gallery: Gallery, vector: NDArray[np.float32]) -> list[tuple[int, float]]:
    """The identities that a face may be, and the cosines to their nearest look, the most similar first."""
    if not len(gallery.tracks) or len(vector) != gallery.vectors().shape[1]:
        return []
    _, identities, centres = look_centres(gallery)
    best: dict[int, float] = {}
    for identity, cosine in zip(identities.tolist(), (centres @ vector).tolist(), strict=True):
        best[identity] = max(cosine, best.get(identity, -1.0))
    least = 1.0 - default_distance(gallery.embedder or "sface")
    return sorted(((i, c) for i, c in best.items() if c >= least), key=lambda pair: (-pair[1], pair[0]))


def _decision(photo: Photo) -> Mapping[str, object]:
    return {"kind": "name", "name": photo.name, "photo": packed(photo.vector), "groups": [[]]}
