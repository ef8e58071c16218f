"""What the report shows of a result: words, shares and thumbnails, ready for the template."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stills.errors import printable
from stills.render.embed import Thumbnail, thumbnail
from stills.render.metadata import clock
from stills.render.names import base_name

_CODECS = {"h264": "H.264", "hevc": "H.265", "av1": "AV1", "vp8": "VP8", "vp9": "VP9", "mpeg4": "MPEG-4"}
_HDR = {"none": "SDR", "pq": "HDR (PQ)", "hlg": "HDR (HLG)"}
_MAX_RUNNERS_UP = 8
_SPOKEN_SPANS = 6
_WIDTH = 1000
"""Units of a time line's width."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An input without a result, or a result that cannot be shown."""

    name: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class PictureView:
    """A still: ``thumb`` is None where the file is gone; ``href`` is relative to the report."""

    href: str | None
    thumb: Thumbnail | None
    alt: str
    time: str
    score: str
    crop: str | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a time line, in its units, or a part of a score (``start`` 0), with words for both."""

    start: float
    width: float
    label: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class PersonView:
    """A row of the report."""

    anchor: str
    name: str
    picture: PictureView
    more: list[PictureView]
    score: str
    score_share: float
    parts: list[Bar]
    screen_time: str
    screen_share: str
    appearances: int
    facts: list[tuple[str, str]]
    spans: list[Bar]
    marks: list[tuple[float, str]]
    spoken: str
    runners_up: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Section:
    """One result of a video: rows of people, or, for other recipes, a gallery."""

    recipe: str
    href: str
    people: list[PersonView] | None
    gallery: list[PictureView]
    empty: str


@dataclass(frozen=True, slots=True)
class VideoView:
    """A video: what it is, how it was looked at, what is to be known, and its results."""

    anchor: str
    name: str
    path: str
    duration: str
    facts: list[str]
    scan: str
    notes: list[str]
    shots: str
    shot_count: int
    sections: list[Section]

    @property
    def people_count(self) -> int:
        """How many people were found."""
        return sum(len(section.people or ()) for section in self.sections)

    @property
    def faces(self) -> list[PersonView]:
        """Everybody whose face can be shown."""
        return [p for s in self.sections for p in s.people or () if p.picture.thumb and p.picture.thumb.face]


@dataclass(frozen=True, slots=True)
class Links:
    """From what a result names to files and links, for the results in ``out / folder``."""

    out: Path
    folder: str

    def path(self, file: object) -> Path | None:
        """The named file; None where there is none, or where it is outside of the output folder."""
        if not isinstance(file, str) or "\0" in file:
            return None
        path = (self.out / self.folder / file).resolve()
        return path if path.is_relative_to(self.out.resolve()) and path.is_file() else None

    def href(self, file: str) -> str:
        """A relative link from the report, every odd character escaped, so that it is never taken for a scheme."""
        return quote(os.fsencode(f"{self.folder}/{file}"), safe="/")


def damaged(name: str, error: Exception) -> Problem:
    """A result that cannot be read as one."""
    remedy = "run stills on its video again"
    return Problem(printable(name), f"the result is damaged ({printable(str(error)) or type(error).__name__})", remedy)


def picture_count(document: object) -> int:
    """How many pictures a result names."""
    return sum(1 for _ in _named_pictures(document))


def video_view(anchor: str, documents: Mapping[str, dict[str, Any]], links: Links, edge: int) -> VideoView:
    """All results of one video, by file name. Raises KeyError, TypeError or the like where one is malformed."""
    first = next(iter(documents.values()))
    video, scan = first["video"], first["scan"]
    duration = float(video["duration"])
    shots: list[dict[str, Any]] = next((d["shots"] for d in documents.values() if "shots" in d), [])
    path = printable(str(video["path"]))
    return VideoView(
        anchor=anchor,
        name=printable(base_name(str(video["path"]))) or path,
        path=path,
        duration=_length(duration),
        facts=_video_facts(video),
        scan=_scan_words(scan),
        notes=_notes(documents.values()),
        shots=" ".join(f"M{_at(shot['start'], duration)} 0V10" for shot in shots[1:]) if duration > 0 else "",
        shot_count=len(shots),
        sections=[
            _section(f"{anchor}-{number}", name, document, links, edge)
            for number, (name, document) in enumerate(documents.items(), 1)
        ],
    )


def _section(anchor: str, name: str, document: dict[str, Any], links: Links, edge: int) -> Section:
    recipe = str(document["schema"]).split("/")[1]
    href = links.href(name)
    if recipe == "people" or (recipe == "cast" and "people" in document):
        duration = float(document["video"]["duration"])
        with ThreadPoolExecutor() as threads:  # nearly all of it is Pillow, which lets go of the interpreter
            people = list(
                threads.map(
                    lambda one: _person(f"{anchor}-p{int(one['id'])}", one, duration, links, edge), document["people"]
                )
            )
        return Section(recipe, href, people, [], "" if people else _why_nobody(document))
    gallery = [_picture(one, recipe, links, edge) for one in _named_pictures(document)]
    reason = printable(str(document.get("reason") or "nothing in this video qualified"))
    return Section(recipe, href, None, gallery, "" if gallery else reason)


def _person(anchor: str, one: dict[str, Any], duration: float, links: Links, edge: int) -> PersonView:
    name = f"Person {int(one['id'])}"
    stills = one.get("stills") or [one["still"]]
    pictures = [_picture(still, name, links, edge) for still in stills]
    best = stills[0]
    spans = [(float(start), float(end)) for start, end in one["spans"]]
    said = [f"{clock(start)} to {clock(end)}" for start, end in spans[:_SPOKEN_SPANS]]
    if len(spans) > _SPOKEN_SPANS:
        said.append(f"{len(spans) - _SPOKEN_SPANS} more times")
    seconds = float(one["screen_time"])
    facts = [
        ("First seen", clock(float(one.get("first_seen", spans[0][0] if spans else 0)))),
        ("Last seen", clock(float(one.get("last_seen", spans[-1][1] if spans else 0)))),
        ("Face fills", f"{_percent(float(one['area']))} of the picture"),
        ("Faces analysed", f"{int(one['faces']):,}"),
    ]
    facts += [(_label(str(key)), printable(str(value))) for key, value in one["attributes"].items()]
    return PersonView(
        anchor=anchor,
        name=name,
        picture=pictures[0],
        more=pictures[1:],
        score=f"{float(best['score']):.2f}",
        score_share=_share(best["score"]),
        parts=[Bar(0, _share(v) * 100, _label(k), f"{float(v):.2f}") for k, v in best["reasons"].items()],
        screen_time=_duration(seconds),
        screen_share=_percent(seconds / duration) if duration > 0 else "",
        appearances=len(spans),
        facts=facts,
        spans=[_span(start, end, duration) for start, end in spans] if duration > 0 else [],
        marks=[(_at(s["time"], duration), f"{name}: still at {clock(float(s['time']))}") for s in stills],
        spoken=f"{name} is on screen from {', '.join(said)}" if said else f"{name} is never on screen",
        runners_up=[
            (clock(float(r["time"])), f"{float(r['score']):.2f}", _why(r["reasons"]))
            for r in (one.get("runners_up") or [])[:_MAX_RUNNERS_UP]
        ],
    )


def _picture(still: dict[str, Any], what: str, links: Links, edge: int) -> PictureView:
    path = links.path(still.get("file"))
    crop = still.get("crop") if links.path(still.get("crop")) else None
    time, score = still.get("time"), still.get("score")
    at = "" if time is None else clock(float(time))
    return PictureView(
        href=links.href(still["file"]) if path else None,
        thumb=thumbnail(path, edge, still.get("face")) if path else None,
        alt=f"{_label(what)}{f', at {at}' if at else ''}",
        time=at,
        score="" if score is None else f"{float(score):.2f}",
        crop=links.href(crop) if crop else None,
    )


def _named_pictures(value: object) -> Iterator[dict[str, Any]]:
    """Every object in a result that names a ``file``, in order; ``still``, the first of ``stills``, is not repeated."""
    if isinstance(value, dict):
        if isinstance(value.get("file"), str):
            yield value
        for key, inner in value.items():
            if not (key == "still" and "stills" in value):
                yield from _named_pictures(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named_pictures(inner)


def _video_facts(video: dict[str, Any]) -> list[str]:
    facts = [_length(float(video["duration"])), f"{int(video['width'])} × {int(video['height'])}"]
    codec = str(video["codec"])
    facts.append(_CODECS.get(codec, printable(codec)))
    if video["frame_rate"] is not None:
        rate = f"{float(video['frame_rate']):.3f}".rstrip("0").rstrip(".")
        facts.append(f"about {rate} fps, variable" if video["variable_frame_rate"] else f"{rate} fps")
    facts.append(_HDR.get(str(video["hdr"]), printable(str(video["hdr"]))))
    if video["rotation"]:
        facts.append(f"turned by {int(video['rotation'])}°")
    if video.get("file_size"):
        facts.append(_size(float(video["file_size"])))
    return facts


def _scan_words(scan: dict[str, Any]) -> str:
    looked = f"{int(scan['frames_analysed']):,}"
    total = f" of {int(scan['frames_total']):,}" if scan["frames_total"] is not None else ""
    took = f"in {_duration(float(scan['seconds']))}"
    if scan.get("cached"):
        took = "from the index of an earlier run"
    share = _percent(float(scan["coverage"]))
    return f"Effort {printable(str(scan['effort']))}: {looked}{total} frames looked at, {share} of the duration, {took}"


def _notes(documents: Iterable[dict[str, Any]]) -> list[str]:
    """What must not be overlooked, each once."""
    notes: list[str] = []
    for document in documents:
        if document.get("partial"):
            notes.append("Only a part of this video could be read; the result covers that part.")
        notes += [printable(str(one["message"])) for one in document["fallbacks"]]
        notes += [printable(str(one)) for one in document.get("warnings", ())]
    return [note[:1].upper() + note[1:] for note in dict.fromkeys(notes)]


def _why_nobody(document: dict[str, Any]) -> str:
    if document.get("reason"):
        return printable(str(document["reason"]))
    dropped = [f"{int(count):,} {printable(str(why))}" for why, count in document.get("dropped", {}).items() if count]
    faces = f"Left out: {', '.join(dropped)}." if dropped else "No face was seen."
    return f"Nobody was found in this video. {faces}"


def _span(start: float, end: float, duration: float) -> Bar:
    left = _at(start, duration)
    # A second of a long film is thinner than a pixel: show at least a thin line.
    width = max(_at(end, duration) - left, 2.0)
    return Bar(
        round(min(left, _WIDTH - width), 2), round(width, 2), f"{clock(start)} – {clock(end)}", _duration(end - start)
    )


def _at(seconds: Any, duration: float) -> float:
    return round(min(max(float(seconds) / duration, 0.0), 1.0) * _WIDTH, 2) if duration > 0 else 0.0


def _share(value: Any) -> float:
    return round(min(max(float(value), 0.0), 1.0), 4)


def _label(key: str) -> str:
    words = printable(key).replace("_", " ")
    return words[:1].upper() + words[1:]


def _why(reasons: Mapping[str, Any]) -> str:
    return ", ".join(f"{printable(key).replace('_', ' ')} {float(value):.2f}" for key, value in reasons.items())


def _percent(share: float) -> str:
    percent = share * 100
    if 0 < percent < 0.05:
        return "less than 0.1 %"
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _length(seconds: float) -> str:
    """A video's duration: tenths of a second count only in short ones."""
    return clock(seconds, digits=1 if seconds < 60 else 0)


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 100 or unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
