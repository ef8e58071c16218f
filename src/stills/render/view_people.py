"""What the report shows of a person: the best still, when they are on screen, and why that still was taken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from stills.errors import printable
from stills.render.metadata import clock
from stills.render.palette import person_color
from stills.render.view_attributes import AttributeView, attribute_views, other_facts
from stills.render.view_pictures import Links, PictureView, picture_view
from stills.render.view_words import Bar, at, length, parts, percent, share, span, why

MAX_RUNNERS_UP = 8
MOST_PEOPLE = 400
"""More of one result are not shown, but those who are on screen longest: a page must open."""

_SPOKEN_SPANS = 6

_LEFT_OUT = {
    "faces_outside": ("face in letterbox bars", "faces in letterbox bars"),
    "faces_small": ("face too small", "faces too small"),
    "faces_large": ("face too large", "faces too large"),
    "faces_unsure": ("uncertain face", "uncertain faces"),
    "poster_faces_unsure": ("uncertain face on a poster", "uncertain faces on posters"),
    "unconvincing": ("unconvincing appearance", "unconvincing appearances"),
    "small": ("appearance with a face too small", "appearances with faces too small"),
    "few_faces": ("person with too few faces", "people with too few faces"),
    "brief": ("person seen too briefly", "people seen too briefly"),
    "beyond_max_people": ("person beyond the limit", "people beyond the limit"),
}
"""Words for one and for several of what a selection says it dropped."""


@dataclass(frozen=True, slots=True)
class PersonView:
    """A row of the report. ``color`` is the one of the person in posters and in the annotated video, if any."""

    anchor: str
    name: str
    color: str
    picture: PictureView
    more: list[PictureView]
    score: str
    score_share: float
    parts: list[Bar]
    screen_time: str
    screen_share: str
    appearances: int
    facts: list[tuple[str, str]]
    attributes: list[AttributeView]
    spans: list[Bar]
    marks: list[tuple[float, str]]
    spoken: str
    runners_up: list[tuple[str, str, str]]


def people_views(anchor: str, document: dict[str, Any], links: Links, edge: int) -> list[PersonView]:
    """A row for each of the ``people`` of a result, for :data:`MOST_PEOPLE` at most."""
    duration = float(document["video"]["duration"])

    def one_view(one: dict[str, Any]) -> PersonView:
        color = color_of(int(one["id"])) if "together" in document else ""
        return _person(f"{anchor}-p{int(one['id'])}", one, color, duration, links, edge)

    with ThreadPoolExecutor() as threads:  # nearly all of it is Pillow, which lets go of the interpreter
        return list(threads.map(one_view, document["people"][:MOST_PEOPLE]))


def why_nobody(document: dict[str, Any]) -> str:
    """What stands in place of rows where there are none."""
    if document.get("reason"):
        return printable(str(document["reason"]))
    return f"Nobody was found in this video. {left_out(document) or 'No face was seen.'}"


def left_out(document: dict[str, Any]) -> str:
    """What was left out, counted by reason."""
    dropped = [_counted(str(why), int(number)) for why, number in document.get("dropped", {}).items() if number]
    return f"Left out: {', '.join(dropped)}." if dropped else ""


def _counted(why: str, number: int) -> str:
    one, many = _LEFT_OUT.get(why, (why.replace("_", " "),) * 2)
    return f"{number:,} {printable(one if number == 1 else many)}"


def runner_up(one: dict[str, Any]) -> tuple[str, str, str]:
    """Time, score and reasons of a frame that was nearly taken."""
    return clock(float(one["time"])), f"{float(one['score']):.2f}", why(one["reasons"])


def color_of(person: int) -> str:
    """The colour of a person, as SVG takes it."""
    red, green, blue = person_color(person)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _person(  # noqa: PLR0917 - a row is made of what its parts are
    anchor: str, one: dict[str, Any], color: str, duration: float, links: Links, edge: int
) -> PersonView:
    name = f"Person {int(one['id'])}"
    stills = one.get("stills") or [one["still"]]
    pictures = [picture_view(still, name, links, edge) for still in stills]
    best = stills[0]
    spans = [(float(start), float(end)) for start, end in one["spans"]]
    said = [f"{clock(start)} to {clock(end)}" for start, end in spans[:_SPOKEN_SPANS]]
    if len(spans) > _SPOKEN_SPANS:
        said.append(f"{len(spans) - _SPOKEN_SPANS} more times")
    seconds = float(one["screen_time"])
    facts = [
        ("First seen", clock(float(one.get("first_seen", spans[0][0] if spans else 0)))),
        ("Last seen", clock(float(one.get("last_seen", spans[-1][1] if spans else 0)))),
        ("Face fills", f"{percent(float(one['area']))} of the picture"),
        ("Faces analysed", f"{int(one['faces']):,}"),
    ]
    if one.get("longest"):
        facts.insert(2, ("Longest in one shot", length(float(one["longest"]))))
    if one.get("total_area"):
        facts.insert(-1, ("Area over time", f"{float(one['total_area']):.2f} s of a full picture"))
    facts += other_facts(one["attributes"])
    return PersonView(
        anchor=anchor,
        name=name,
        color=color,
        picture=pictures[0],
        more=pictures[1:],
        score=f"{float(best['score']):.2f}",
        score_share=share(best["score"]),
        parts=parts(best["reasons"]),
        screen_time=length(seconds),
        screen_share=percent(seconds / duration) if duration > 0 else "",
        appearances=int(one.get("appearances") or len(spans)),
        facts=facts,
        attributes=attribute_views(one["attributes"]),
        spans=[span(start, end, duration) for start, end in spans] if duration > 0 else [],
        marks=[(at(s["time"], duration), f"{name}: still at {clock(float(s['time']))}") for s in stills],
        spoken=f"{name} is on screen from {', '.join(said)}" if said else f"{name} is never on screen",
        runners_up=[runner_up(r) for r in (one.get("runners_up") or [])[:MAX_RUNNERS_UP]],
    )
