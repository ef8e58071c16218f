"""Who of the cast is on a poster: faces go to the people whom they are most like, one to one, or to nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stills.errors import UsageError
from stills.index.index import Index
from stills.index.pictures import PictureFace, PictureReading
from stills.select.area import expanded
from stills.select.attributes import picture_estimates
from stills.select.cast import CastOptions
from stills.select.clustering.thresholds import MARKS, is_measured
from stills.select.tracks import FaceColumns, build_tracks
from stills.types import Box, CastSelection, Fallback, Person, Poster, PosterFace

_TIE = 1e-9  # what nobody costs: a face exactly at the largest distance still is somebody
_NEVER = 1e3  # more than all distances of a poster can save


@dataclass(frozen=True, slots=True, eq=False)
class _Cast:
    """The people of the film, with a vector (people, d) and how a poster's faces are held against them."""

    people: tuple[Person, ...]
    vectors: NDArray[np.float32]
    max_distance: float
    options: CastOptions


def match_posters(
    index: Index,
    selection: CastSelection,
    readings: Sequence[PictureReading],
    options: CastOptions | None = None,
    *,
    max_distance: float | None = None,
) -> CastSelection:
    """``selection`` with the posters ``readings``, in their order: whom they show of the people of ``index``.

    On each poster the assignment is one to one: no person twice. Of all assignments without a distance (1 - cosine
    similarity) over ``max_distance`` (``None``: :func:`default_distance`) it is the one whose distances stay the
    furthest below it in total. Who is left is a stranger, with the nearest person and the distance to that one. Faces
    that could not be embedded are listed too. Of ``options`` the expansion of boxes, the attributes and
    ``min_confidence`` apply: faces of a poster under it are left out and counted as ``poster_faces_unsure``.

    Where the index holds no embeddings nobody can be matched: that is said in ``fallbacks``. Raises ``UsageError``
    where the posters were embedded by another network than the film, or ``max_distance`` is not in 0…2.
    """
    if max_distance is not None and not 0 <= max_distance <= 2:
        raise UsageError(f"a cosine distance lies between 0 and 2, not at {max_distance:g}")
    o, embedder = options or CastOptions(), _embedder(index)
    largest = default_distance(embedder) if max_distance is None else max_distance
    cast = _Cast(selection.people, person_vectors(index, selection.people), largest, o)
    posters, dropped = [], 0
    for reading in readings:
        faces = [face for face in reading.faces if face.score >= o.min_confidence]
        dropped += len(reading.faces) - len(faces)
        _check(index, reading, faces, cast.vectors)
        posters.append(_poster(reading, faces, cast))
    counts: dict[str, int] = {**selection.dropped, "poster_faces_unsure": dropped}
    fallbacks = list(selection.fallbacks)
    if selection.people and any(poster.faces for poster in posters):
        if not np.any(cast.vectors):
            fallbacks.append(Fallback("posters-unmatched", _UNMATCHED))
        elif max_distance is None and not is_measured(embedder):
            said = f"no distance of posters was measured for {embedder}: {largest:g} is a guess"
            fallbacks.append(Fallback("poster-distance-unmeasured", said))
    settings = {**selection.settings, "poster_distance": largest}
    return replace(selection, posters=tuple(posters), settings=settings, dropped=counts, fallbacks=tuple(fallbacks))


_UNMATCHED = (
    "posters cannot be matched: the index holds no face embeddings (--no-embeddings); forget the video and scan again"
)


def default_distance(embedder: str) -> float:
    """Largest cosine distance at which a face on a poster is a person of the film: the middle of the embedder's marks.

    A face on a poster is one picture, so it is held to what pairs of photos were measured to have (see
    :mod:`stills.select.clustering.thresholds`): 0.525 for SFace, where photos of one person are at most 0.411 apart and
    those of different people at least 0.639. On three composite posters of two films, which had no part in it,
    15 faces were at most 0.289 from their person, and those and 4 strangers at least 0.706 from everybody else. That is
    by a person's mean vector; by the most similar single track it would be 0.322 and 0.687, as the more tracks somebody
    has the more likely one of them happens to be like a stranger.
    """
    marks = MARKS.get(embedder, MARKS["sface"])
    return round(1.0 - (marks.same + marks.different) / 2, 4)


def _embedder(index: Index) -> str:
    return str(index.parameters.get("embedder", "sface"))


def person_vectors(index: Index, people: Sequence[Person]) -> NDArray[np.float32]:
    """The mean embedding of each person, its tracks weighted by quality: (people, d), unit length; 0 without any."""
    tracks = build_tracks(FaceColumns.of(index))
    out = np.zeros((len(people), tracks.vector.shape[1]), np.float64)
    for place, person in enumerate(people):
        own = np.array(person.tracks, np.int64)
        total = (tracks.vector[own].astype(np.float64) * tracks.weight[own, None]).sum(axis=0)
        length = float(np.linalg.norm(total))
        if length > 0:
            out[place] = total / length
    return out.astype(np.float32)


def assign(distance: NDArray[np.float64], max_distance: float) -> NDArray[np.int64]:
    """Which column each row gets, one to one; -1 for none. ``distance`` (n, m), NaN where it is not known.

    The sum of ``max_distance`` - distance over what is assigned is the largest possible, and nothing over
    ``max_distance`` is ever assigned: each row can have a column "nobody" of its own, which is worth 0
    (Kuhn-Munkres, by ``scipy.optimize.linear_sum_assignment``).
    """
    from scipy.optimize import linear_sum_assignment

    n, m = distance.shape
    cost = np.full((n, m + n), _NEVER)
    allowed = np.nan_to_num(distance, nan=np.inf) <= max_distance
    cost[:, :m][allowed] = distance[allowed] - max_distance
    cost[np.arange(n), m + np.arange(n)] = _TIE
    rows, columns = linear_sum_assignment(cost)
    given = np.full(n, -1, np.int64)
    given[rows] = np.where(columns < m, columns, -1)
    return given


def _check(index: Index, reading: PictureReading, faces: Sequence[PictureFace], vectors: NDArray[np.float32]) -> None:
    """Raises ``UsageError`` where embeddings cannot be compared."""
    film, poster = _embedder(index), reading.models.get("embedder")
    lengths = {len(face.embedding) for face in faces if face.embedding is not None}
    if (poster is not None and poster != film) or (np.any(vectors) and lengths - {vectors.shape[1]}):
        raise UsageError(
            f"the faces of the poster were embedded by {poster or 'another network'}, those of the film by {film}",
            path=reading.path,
            remedy="read both with the same embedder",
        )


def _poster(reading: PictureReading, faces: Sequence[PictureFace], cast: _Cast) -> Poster:
    size = (float(reading.width), float(reading.height))
    model = reading.models.get("attributes_model", "default")
    ordered = sorted(faces, key=lambda face: -_area(face.box, size))
    distance = _distances(ordered, cast.vectors)
    given = assign(distance, cast.max_distance)
    found = []
    for face, distances, person in zip(ordered, distance, given, strict=True):
        nearest = None if np.isnan(distances).all() else int(np.nanargmin(distances))
        who = int(person) if person >= 0 else nearest
        found.append(
            PosterFace(
                box=expanded(face.box, cast.options.box_expansion, size),
                score=round(float(face.score), 4),
                area=round(_area(face.box, size), 6),
                person=cast.people[person].id if person >= 0 else None,
                distance=None if who is None else round(float(distances[who]), 4),
                nearest=cast.people[nearest].id if person < 0 and nearest is not None else None,
                attributes=picture_estimates(face, model, cast.options.reading),
            )
        )
    return Poster(reading.path, reading.width, reading.height, tuple(found), error=reading.error)


def _distances(faces: Sequence[PictureFace], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The cosine distance of each face to each person, NaN where either has no embedding."""
    distance = np.full((len(faces), len(vectors)), np.nan)
    known = np.flatnonzero(np.any(vectors != 0, axis=1))
    for place, face in enumerate(faces):
        if face.embedding is None or not len(known):
            continue
        vector = face.embedding.astype(np.float64)
        length = float(np.linalg.norm(vector))
        if np.isfinite(length) and length > 0:
            distance[place, known] = np.clip(1.0 - vectors[known].astype(np.float64) @ (vector / length), 0.0, 2.0)
    return distance


def _area(box: Box, size: tuple[float, float]) -> float:
    """The share of the picture that lies in ``box``."""
    x, y, w, h = box
    inside_x, inside_y = min(size[0], x + w) - max(0.0, x), min(size[1], y + h) - max(0.0, y)
    whole = size[0] * size[1]
    return min(1.0, max(0.0, inside_x) * max(0.0, inside_y) / whole) if whole > 0 else 0.0
