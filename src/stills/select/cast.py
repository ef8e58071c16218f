"""Who is on screen and for how long, and what is inferred of them: people, under rules that researchers can state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stills.index.index import Index
from stills.select.area import (
    Counted,
    FaceRules,
    active_pictures,
    active_shares,
    count_faces,
    expanded,
)
from stills.select.attributes import AttributeOptions, AttributeReader
from stills.select.persons import PeopleOptions, Seen, faces_at, find_people
from stills.select.spans import Clock
from stills.select.together import together
from stills.select.tracks import FaceColumns, Tracks, build_tracks
from stills.types import Attribute, CastSelection, Estimate, Fallback, Person, Pick


@dataclass(frozen=True, slots=True)
class CastOptions(PeopleOptions):
    """What counts as a person of the cast, and what is inferred of each: nothing that ``attributes`` does not name.

    Areas are shares of the active picture (letterbox bars taken off), ``min_confidence`` is the detector's;
    ``outside`` says what becomes of faces whose centre lies in the bars. ``box_expansion`` is added on each side of the
    boxes that are given out, as a share of the box; areas and times are those of the face. Persons with fewer than
    ``min_faces`` analysed faces are left out. For the rest see :class:`stills.select.attributes.AttributeOptions`.
    """

    attributes: tuple[Attribute, ...] = ()
    min_area: float = 0.0
    max_area: float = 1.0
    min_confidence: float = 0.0
    outside: Literal["drop", "keep"] = "drop"
    box_expansion: float = 0.0
    min_faces: int = 1
    attribute_min_confidence: float = 0.7
    attribute_min_sharpness: float = 0.15
    attribute_max_angle: float = 45.0
    attribute_certainty: float = 0.5

    @property
    def face_rules(self) -> FaceRules:
        """Which faces count."""
        return FaceRules(self.min_area, self.max_area, self.min_confidence, self.outside)

    @property
    def reading(self) -> AttributeOptions:
        """Which faces attributes are read from."""
        return AttributeOptions(
            attributes=self.attributes,
            min_confidence=self.attribute_min_confidence,
            min_sharpness=self.attribute_min_sharpness,
            max_angle=self.attribute_max_angle,
            certainty=self.attribute_certainty,
        )


def select_cast(index: Index, options: CastOptions | None = None) -> CastSelection:
    """The cast of ``index``, longest on screen first, and who is on screen with whom. Pure: reads the tables alone.

    Faces are filtered before there are tracks, so a person is on screen only while the face counts. ``Person.area`` is
    the mean share of the active picture over the time on screen (``total_area`` / ``screen_time``): two faces of one
    person at once, in a mirror, add up. Everything left out is counted in ``dropped``: ``faces_outside``,
    ``faces_small``, ``faces_large``, ``faces_unsure``; tracks that are ``unconvincing`` or ``small``; persons with
    ``few_faces``, those ``brief`` or ``beyond_max_people``.

    Raises ``UsageError`` where the index lacks an attribute that is named, ``IndexFormatError`` where its values do
    not fit the labels.
    """
    o = options or CastOptions()
    reader = AttributeReader(index, o.reading)
    faces = FaceColumns.of(index)
    active, known = active_pictures(index)
    shares = active_shares(index, faces, active)
    counted = count_faces(index, faces, active, shares, o.face_rules)
    seen = _seen(index, faces, shares, counted)
    found = find_people(seen, o, min_faces=o.min_faces)
    rows = np.flatnonzero(counted.keep)
    people = tuple(_member(seen, person, rows, reader, o) for person in found.people)
    fallbacks = list(found.fallbacks)
    if not known and len(faces.time):
        said = "letterbox bars were not measured: areas are shares of the whole picture"
        fallbacks.append(Fallback("bars-unknown", said))
    return CastSelection(
        people=people,
        shots=index.shot_list(),
        settings={**asdict(o), "similarity": found.similarity},
        together=together(people),
        dropped={**counted.dropped, **found.dropped},
        fallbacks=tuple(fallbacks),
    )


def _seen(index: Index, faces: FaceColumns, shares: NDArray[np.float64], counted: Counted) -> Seen:
    """What is left of ``index`` with the faces that count."""
    clock = Clock.of(index)
    if counted.keep.all():
        return Seen(index, faces, build_tracks(faces), clock, shares, {})
    left = replace(index, faces=index.faces.filter(counted.keep))
    kept = FaceColumns.of(left)
    tracks = _borrowed(build_tracks(kept), build_tracks(faces))
    gone = np.flatnonzero(counted.gone)
    gone = gone[np.lexsort((faces.time[gone], faces.track[gone]))]
    ids, first = np.unique(faces.track[gone], return_index=True)
    breaks = dict(zip(ids.tolist(), np.split(faces.time[gone], first[1:]), strict=True)) if len(gone) else {}
    return Seen(left, kept, tracks, clock, shares[counted.keep], breaks)


def _borrowed(tracks: Tracks, whole: Tracks) -> Tracks:
    """``tracks``, of the faces that count; where none of those was embedded, the ``whole`` track says who it is.

    Only a track's best faces are embedded, and they may be just those that are too large.
    """
    n = len(tracks)  # tracks at the end of the numbering may have lost all of their faces
    borrow = (tracks.weight == 0) & (whole.weight[:n] > 0) & np.array([len(rows) > 0 for rows in tracks.rows], bool)

    if not borrow.any():
        return tracks
    if tracks.vector.shape[1] != whole.vector.shape[1]:  # no face that counts was embedded at all
        tracks = replace(tracks, vector=np.zeros((n, whole.vector.shape[1]), np.float32))
    return replace(
        tracks,
        vector=np.where(borrow[:, None], whole.vector[:n], tracks.vector),
        weight=np.where(borrow, whole.weight[:n], tracks.weight),
        score=np.where(borrow, whole.score[:n], tracks.score),
        presence=np.where(borrow, whole.presence[:n], tracks.presence),
    )


def _member(seen: Seen, person: Person, rows: NDArray[np.int64], reader: AttributeReader, o: CastOptions) -> Person:
    """``person`` as the cast has it; ``rows`` are the places of the counting faces in the index's own table."""
    size = (float(seen.index.video.width), float(seen.index.video.height))

    def given(pick: Pick) -> Pick:
        boxes = tuple(expanded(box, o.box_expansion, size) for box in faces_at(seen.faces, pick.pts))
        box = None if pick.box is None else expanded(pick.box, o.box_expansion, size)
        return replace(pick, box=box, faces=boxes)

    own = np.sort(np.concatenate([seen.tracks.rows[t] for t in person.tracks]))
    attributes: Mapping[str, Estimate] = reader.of(rows[own])
    return replace(
        person,
        stills=tuple(given(pick) for pick in person.stills),
        runners_up=tuple(given(pick) for pick in person.runners_up),
        area=round(min(1.0, person.total_area / person.screen_time), 6) if person.screen_time > 0 else person.area,
        attributes=attributes,
    )
