"""What the report shows of key frames, thumbnails and shots: the frames with their reasons, and a table of shots."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from stills.errors import printable
from stills.render.metadata import clock
from stills.render.sheet import chosen
from stills.render.view_people import MAX_RUNNERS_UP, runner_up
from stills.render.view_pictures import Links, PictureView, picture_count, picture_view
from stills.render.view_words import Bar, count, length, parts

_NAMES = {
    "keyframes": ("key frame", "key frames"),
    "thumbnails": ("thumbnail", "thumbnails"),
    "portrait": ("portrait", "portraits"),
}
"""Recipes that answer with frames: what they call one, and several."""

FRAME_RECIPES = frozenset(_NAMES)

MOST_FRAMES = 600
"""More of one result are not shown, but a choice of so many: a page must open."""

_FEW_SHOTS = 12
"""So many are shown at once; a longer table opens when it is asked for."""


@dataclass(frozen=True, slots=True)
class FrameView:
    """A frame with why it was taken.

    ``mark`` is its sign on the time line: its rank, where that is its name; else ``rank`` says its place in the order
    in which frames are kept.
    """

    anchor: str
    name: str
    picture: PictureView
    time: str
    seconds: float | None
    notes: list[str]
    parts: list[Bar]
    mark: str
    rank: str


@dataclass(frozen=True, slots=True)
class FramesView:
    """The frames of one result. ``summary`` says how they were chosen."""

    title: str
    summary: str
    frames: list[FrameView]
    runners_up: list[tuple[str, str, str]]
    ranked: bool


@dataclass(frozen=True, slots=True)
class ShotsView:
    """The shots of a video: rows of number, start, end, length and how each begins."""

    title: str
    summary: str
    rows: list[tuple[str, str, str, str, str]]
    few: bool


def frames_view(anchor: str, recipe: str, document: dict[str, Any], links: Links, edge: int) -> FramesView:
    """The frames of a result of one of :data:`FRAME_RECIPES`."""
    ranked = recipe == "thumbnails"
    one, many = _NAMES[recipe]
    if recipe == "portrait":
        document = {**document, "frames": [document["frame"]] if document["frame"] else []}
    starts = [float(shot["start"]) for shot in document.get("shots") or []]
    total = len(document["frames"])

    def view(job: tuple[int, dict[str, Any]]) -> FrameView:
        number, frame = job
        name = f"{one[:1].upper()}{one[1:]}" + (f" {number}" if recipe != "portrait" else "")
        seconds = None if frame["time"] is None else float(frame["time"])
        shot = frame.get("shot") or (bisect_right(starts, seconds) if seconds is not None else 0)
        notes = [f"Shot {int(shot)}"] if shot else []
        if frame.get("faces"):
            notes.append(count(len(frame["faces"]), "face"))
        rank = "" if ranked or frame.get("rank") is None else f"Rank {int(frame['rank'])} of {total}"
        return FrameView(
            anchor=f"{anchor}-f{number}",
            name=name,
            picture=picture_view(frame, name, links, edge),
            time="Cover picture" if seconds is None else clock(seconds),
            seconds=seconds,
            notes=notes,
            parts=parts(frame.get("reasons") or {}),
            mark=str(number) if ranked else "",
            rank=rank,
        )

    with ThreadPoolExecutor() as threads:  # nearly all of it is Pillow, which lets go of the interpreter
        frames = list(threads.map(view, _shown(document)))
    summary = "Best first" if ranked else _how_chosen(document)
    if len(frames) < total:
        summary += f"; {len(frames)} of them are shown here"
    runners_up = [runner_up(r) for r in (document.get("runners_up") or [])[:MAX_RUNNERS_UP] if r["time"] is not None]
    return FramesView(count(total, one, many), summary if total else "", frames, runners_up, ranked)


def shown_count(document: dict[str, Any]) -> int:
    """How many pictures of a result, damaged or not, the report shows."""
    frames, posters = document.get("frames"), document.get("posters")
    if isinstance(posters, list):  # their ``file`` names what was given
        pictures = sum(isinstance(one, dict) and isinstance(one.get("picture"), str) for one in posters)
        return picture_count(document.get("people")) + pictures
    return min(len(frames), MOST_FRAMES) if isinstance(frames, list) else picture_count(document)


def why_no_frame(document: dict[str, Any]) -> str:
    """What stands in place of frames where there are none."""
    if document.get("reason"):
        return printable(str(document["reason"]))
    dropped = [
        f"{int(number):,} {printable(str(why))}" for why, number in document.get("dropped", {}).items() if number
    ]
    return f"No frame qualified. Left out: {', '.join(dropped)}." if dropped else "No frame qualified."


def shots_view(document: dict[str, Any]) -> ShotsView:
    """The table of a result of ``stills shots``."""
    rows, ways, total = [], Counter[str](), 0.0
    for number, shot in enumerate(document["shots"], 1):
        start, end, way = float(shot["start"]), float(shot["end"]), printable(str(shot["transition_in"]))
        ways[way] += 1
        total += end - start
        rows.append((str(number), clock(start, digits=2), clock(end, digits=2), length(end - start), _way(way)))
    said = [f"{length(total / len(rows))} long on average"] if rows else []
    said += [count(ways[way], way) for way in sorted(ways) if way != "none"]
    return ShotsView(count(len(rows), "shot"), ", ".join(said), rows, len(rows) <= _FEW_SHOTS)


def extra_files(document: dict[str, Any], links: Links) -> list[tuple[str, str]]:
    """Words for, and links to, what lies beside a result: contact sheet, preview, timelines for other programs."""
    named: list[tuple[str, object]] = [("Contact sheet", document.get("sheet")), ("Preview", document.get("preview"))]
    if str(document["schema"]).startswith("stills/shots/"):  # others list their pictures there
        named += [(printable(str(file)), file) for file in document.get("files") or []]
    return [(words, links.href(file)) for words, file in named if isinstance(file, str) and links.path(file)]


def _shown(document: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The frames to show, with their numbers from 1."""
    frames = document.get("frames") or []
    return [(place + 1, frames[place]) for place in chosen(frames, MOST_FRAMES)]


_STEPS = {
    "cover": "the cover picture",
    "key-frames": "key frames",
    "scenes": "scenes",
    "near-best": "what is near the best",
    "everything": "the whole video",
}
"""Where a portrait is looked for, in words."""


def _how_chosen(document: dict[str, Any]) -> str:
    if "qualified" in document:
        steps = [str(step["step"]) for step in document["scan"].get("steps") or []]
        looked = ", then ".join(_STEPS.get(step, printable(step)) for step in steps)
        return f"Looked at {looked}" if looked else ""
    asked = document.get("settings") or {}
    if asked.get("all") or asked.get("every"):
        often = f"One frame every {printable(str(asked['every']))}" if asked.get("every") else "Every frame"
        return f"{often}, with no choosing"
    said = []
    if document.get("target") is not None:
        said.append(f"{int(document['target']):,} wanted")
    if document.get("similarity") is not None:
        said.append(f"none more alike than {float(document['similarity']):.2f}")
    if document.get("distinct") is not None:
        said.append(f"{count(int(document['distinct']), 'frame')} could be told apart")
    words = "; ".join(said)
    return words[:1].upper() + words[1:]


def _way(way: str) -> str:
    return "" if way == "none" else way[:1].upper() + way[1:]
