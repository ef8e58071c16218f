"""What the report shows of a cast: who is on screen when and with whom, the posters, the annotated video."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from stills.errors import printable
from stills.render.embed import Thumbnail
from stills.render.metadata import clock
from stills.render.view_attributes import attribute_words
from stills.render.view_distribution import Distribution, film_distributions
from stills.render.view_people import MOST_PEOPLE, PersonView, color_of, left_out
from stills.render.view_pictures import Links, PictureView, picture_view
from stills.render.view_words import Bar, count, length, percent, span

MOST_TOGETHER = 12
"""People in the table of who shares the screen: a wider one cannot be read; ``cast.json`` has all."""

MOST_PRESENT = 30
"""People in the overview of who is on screen when."""

_INFERRED = {"age": "ages", "gender": "genders", "ethnicity": "ethnic labels", "emotion": "emotions"}

HEAT = 5
"""Steps of colour in the table of who shares the screen."""


@dataclass(frozen=True, slots=True)
class PosterFaceView:
    """A face on a poster: who it is (``href`` leads to the row of a person), and how sure that is."""

    who: str
    href: str
    color: str
    distance: str
    area: str
    attributes: str


@dataclass(frozen=True, slots=True)
class PosterView:
    """A poster: ``picture`` is the one with marked faces, ``problem`` says why there is none."""

    name: str
    title: str
    size: str
    picture: PictureView | None
    problem: str
    faces: list[PosterFaceView]


@dataclass(frozen=True, slots=True)
class Cell:
    """Seconds that two people share the screen; ``heat`` is 0…:data:`HEAT`, ``own`` marks a person's own time."""

    said: str
    title: str
    heat: int
    own: bool


@dataclass(frozen=True, slots=True)
class TogetherView:
    """Who shares the screen with whom: ``rows`` are a person with a cell for each of ``heads``, or none."""

    heads: list[tuple[str, str]]
    rows: list[tuple[str, str, list[Cell]]]
    note: str


@dataclass(frozen=True, slots=True)
class FilmClip:
    """The annotated video beside the report; ``poster`` is shown until it is played."""

    href: str
    title: str
    note: str
    poster: Thumbnail | None
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Presence:
    """A line of the overview: a person and when they are on screen."""

    name: str
    href: str
    color: str
    spans: list[Bar]
    said: str


@dataclass(frozen=True, slots=True)
class CastView:
    """Everything of a cast beside its people. ``inferred`` names the attributes that were asked for or are there."""

    title: str
    summary: str
    dropped: str
    presence: list[Presence]
    presence_note: str
    distributions: list[Distribution]
    together: TogetherView | None
    posters: list[PosterView]
    clip: FilmClip | None
    inferred: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FilmSums:
    """A film in the overview of all: its numbers, and the sums of its attributes."""

    href: str
    name: str
    duration: float
    people: int
    screen_time: float
    median: float | None
    anyone: float
    posters: int
    poster_faces: int
    strangers: int
    times: list[float]
    attributes: dict[str, dict[str, dict[str, float]]]


def inferred_words(names: Collection[str]) -> str:
    """What models inferred, as the beginning of a sentence."""
    said = [word for name, word in _INFERRED.items() if name in names]
    words = ", ".join(said[:-1]) + " and " + said[-1] if len(said) > 1 else said[0]
    return words[:1].upper() + words[1:]


def cast_view(anchor: str, document: dict[str, Any], people: list[PersonView], links: Links, edge: int) -> CastView:
    """What is shown of a result of ``stills cast``, whose people are ``people``."""
    duration = float(document["video"]["duration"])
    summary = document["summary"]
    named = set(summary["attributes"])
    for one in document["people"]:
        named |= set(one["attributes"])

    def poster_view(numbered: tuple[int, dict[str, Any]]) -> PosterView:
        return _poster(anchor, numbered[0], numbered[1], links, edge)

    with ThreadPoolExecutor() as threads:  # nearly all of it is Pillow, which lets go of the interpreter
        posters = list(threads.map(poster_view, enumerate(document["posters"], 1)))
    more = len(document["people"]) - MOST_PRESENT
    return CastView(
        title=f"The cast: {count(len(document['people']), 'person', 'people')}",
        summary=_summary(summary, duration),
        dropped=left_out(document),
        presence=_presence(anchor, document, duration) if duration > 0 else [],
        presence_note=f"The {MOST_PRESENT} longest on screen; {more} more follow below." if more > 0 else "",
        distributions=film_distributions(summary),
        together=_together(anchor, document),
        posters=posters,
        clip=_clip(document, people, links),
        inferred=tuple(name for name in _INFERRED if name in named),
    )


def film_sums(href: str, name: str, document: dict[str, Any]) -> FilmSums:
    """What the overview of all films needs of a cast."""
    summary = document["summary"]
    median = summary["median_screen_time"]
    return FilmSums(
        href=href,
        name=name,
        duration=float(document["video"]["duration"]),
        people=int(summary["people"]),
        screen_time=float(summary["screen_time"]),
        median=None if median is None else float(median),
        anyone=float(summary["anyone_on_screen"]),
        posters=int(summary["posters"]),
        poster_faces=int(summary["poster_faces"]),
        strangers=int(summary["poster_strangers"]),
        times=[float(one["screen_time"]) for one in document["people"]],
        attributes={
            str(name): {
                str(text): {key: float(row[key]) for key in ("people", "screen_time", "poster_faces", "poster_area")}
                for text, row in sums.items()
            }
            for name, sums in summary["attributes"].items()
        },
    )


def _summary(summary: dict[str, Any], duration: float) -> str:
    said = []
    if summary["people"]:
        anyone = float(summary["anyone_on_screen"])
        share = f" ({percent(anyone / duration)} of the video)" if duration > 0 else ""
        said.append(f"at least one of them on screen for {length(anyone)}{share}")
        said.append(f"half of them for {length(float(summary['median_screen_time']))} or more")
    if summary["posters"]:
        faces, strangers = int(summary["poster_faces"]), int(summary["poster_strangers"])
        known = f", {faces - strangers} of people of the video" if faces else ""
        said.append(f"{count(int(summary['posters']), 'poster')} with {count(faces, 'face')}{known}")
    words = "; ".join(said)
    return words[:1].upper() + words[1:]


def _presence(anchor: str, document: dict[str, Any], duration: float) -> list[Presence]:
    if len(document["people"]) < 2:
        return []
    return [
        Presence(
            f"Person {int(one['id'])}",
            f"#{anchor}-p{int(one['id'])}",
            color_of(int(one["id"])),
            [span(float(start), float(end), duration) for start, end in one["spans"]],
            length(float(one["screen_time"])),
        )
        for one in document["people"][:MOST_PRESENT]
    ]


def _together(anchor: str, document: dict[str, Any]) -> TogetherView | None:
    together = document["together"]
    ids = [int(one) for one in together["ids"]][:MOST_TOGETHER]
    seconds = [[float(v) for v in row[: len(ids)]] for row in together["seconds"][: len(ids)]]
    if len(ids) < 2 or len(seconds) < len(ids) or any(len(row) < len(ids) for row in seconds):
        return None
    note = "Seconds that two people are on screen at once; in the diagonal, a person's own time."
    most = max((v for i, row in enumerate(seconds) for j, v in enumerate(row) if i != j), default=0.0)
    if most <= 0:
        return TogetherView([], [], "Nobody is on screen together with anybody else.")
    heads = [(f"{one}", f"Person {one}") for one in ids]

    def cell(row: int, column: int) -> Cell:
        value, own = seconds[row][column], row == column
        names = heads[row][1], heads[column][1]
        words = f"{names[0]}: {length(value)} on screen" if own else f"{names[0]} with {names[1]}: {length(value)}"
        heat = 0 if own or value <= 0 else max(1, round(value / most * HEAT))
        return Cell(_short(value), words, heat, own)

    rows = [(heads[r][1], f"#{anchor}-p{ids[r]}", [cell(r, c) for c in range(len(ids))]) for r in range(len(ids))]
    more = len(together["ids"]) - len(ids)
    if more > 0:
        note += f" The {len(ids)} longest on screen; cast.json has all {len(together['ids'])}."
    return TogetherView(heads, rows, note)


def _short(seconds: float) -> str:
    """Seconds as a table holds them; nothing is a dash, so that the rest stands out."""
    if seconds <= 0:
        return "–"
    return f"{seconds:.1f}" if seconds < 10 else f"{seconds:,.0f}"


def _poster(anchor: str, number: int, poster: dict[str, Any], links: Links, edge: int) -> PosterView:
    name = printable(str(poster["file"]))
    faces = [_face(anchor, face) for face in poster["faces"]]
    picture, problem = None, ""
    if poster["error"] is not None:
        problem = f"Could not be read: {printable(str(poster['error']))}"
    elif poster["picture"] is None:
        problem = "The picture with marked faces was not written"
    else:
        what = f"Poster {number} with its faces marked"
        picture = picture_view({"file": poster["picture"]}, what, links, edge)
    width, height = int(poster["width"]), int(poster["height"])
    return PosterView(
        name=name,
        title=f"Poster {number}",
        size=f"{width} × {height}" if width and height else "",
        picture=picture,
        problem=problem,
        faces=faces,
    )


def _face(anchor: str, face: dict[str, Any]) -> PosterFaceView:
    person, nearest, distance = face["person"], face.get("nearest"), face["distance"]
    said = "" if distance is None else f"{float(distance):.2f}"
    if person is None and nearest is not None and said:
        said += f" to person {int(nearest)}"
    return PosterFaceView(
        who="Stranger" if person is None else f"Person {int(person)}",
        href="" if person is None or int(person) > MOST_PEOPLE else f"#{anchor}-p{int(person)}",
        color="" if person is None else color_of(int(person)),
        distance=said or "–",
        area=percent(float(face["area"])),
        attributes=attribute_words(face["attributes"]),
    )


def _clip(document: dict[str, Any], people: list[PersonView], links: Links) -> FilmClip | None:
    file = document.get("annotated")
    if not isinstance(file, str) or links.path(file) is None:
        return None
    blur = (document.get("settings") or {}).get("blur")
    marked = (document.get("settings") or {}).get("annotate") or not blur
    title = f"Video with {' and '.join([*(['marked'] if marked else []), *(['hidden'] if blur else [])])} faces"
    video = document["video"]
    hidden = {"all": "All faces are hidden.", "others": "Faces of everyone without a number are hidden."}
    said = hidden.get(str(blur), f"The faces of people {printable(str(blur))} are hidden.") if blur else ""
    still = next((p.picture.thumb for p in people if p.picture.thumb), None)
    return FilmClip(
        href=links.href(file),
        title=title,
        note=f"{said} {clock(float(video['duration']), digits=0)} long; it is loaded when it is played.".strip(),
        poster=None if blur else still,  # a still would show what was to be hidden
        width=int(video["width"]),
        height=int(video["height"]),
    )
