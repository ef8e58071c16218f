"""What the report shows of a video and its results: words, shares and thumbnails, ready for the template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stills.errors import printable
from stills.render.names import base_name
from stills.render.view_frames import (
    FRAME_RECIPES,
    FramesView,
    ShotsView,
    extra_files,
    frames_view,
    shots_view,
    why_no_frame,
)
from stills.render.view_people import PersonView, people_views, why_nobody
from stills.render.view_pictures import Links, PictureView, named_pictures, picture_view
from stills.render.view_signals import SignalsView, signals_view
from stills.render.view_words import at, count, length, percent, running_time, size

if TYPE_CHECKING:  # a report without a cast is spared a tenth of a second
    from stills.render.view_cast import CastView, FilmSums

_CODECS = {"h264": "H.264", "hevc": "H.265", "av1": "AV1", "vp8": "VP8", "vp9": "VP9", "mpeg4": "MPEG-4"}
_HDR = {"none": "SDR", "pq": "HDR (PQ)", "hlg": "HDR (HLG)"}


@dataclass(frozen=True, slots=True)
class Problem:
    """An input without a result, or a result that cannot be shown."""

    name: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One result of a video: rows of people, frames, a table of shots, or, for other recipes, a gallery."""

    recipe: str
    href: str
    empty: str = ""
    people: list[PersonView] | None = None
    people_number: int = 0
    cast: CastView | None = None
    frames: FramesView | None = None
    shots: ShotsView | None = None
    gallery: tuple[PictureView, ...] = ()
    files: tuple[tuple[str, str], ...] = ()


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
    signals: SignalsView | None
    sections: list[Section]
    film: FilmSums | None = None

    @property
    def people_count(self) -> int:
        """How many people were found; the cast and the people of a video are the same ones."""
        return max((section.people_number for section in self.sections), default=0)

    @property
    def faces(self) -> list[PersonView]:
        """Everybody whose face can be shown, once."""
        people = next((section.people for section in self.sections if section.people), [])
        return [p for p in people if p.picture.thumb and p.picture.thumb.face]

    @property
    def inferred(self) -> set[str]:
        """What in its results was inferred by models from looks."""
        return {name for section in self.sections if section.cast is not None for name in section.cast.inferred}

    @property
    def plays(self) -> bool:
        """Whether there is a video to be played."""
        return any(section.cast is not None and section.cast.clip is not None for section in self.sections)

    @property
    def found(self) -> str:
        """What its results hold, in words; people where there is nothing else to count."""
        said = [count(self.people_count, "person", "people")] if self.counts_people else []
        said += [section.frames.title for section in self.sections if section.frames]
        return ", ".join(said)

    @property
    def counts_people(self) -> bool:
        """Whether people were looked for, or nothing else was."""
        return any(s.people is not None for s in self.sections) or not any(s.frames or s.shots for s in self.sections)

    @property
    def frame_count(self) -> int:
        """How many key frames and thumbnails there are."""
        return sum(len(section.frames.frames) for section in self.sections if section.frames)


def found_in_all(videos: list[VideoView]) -> str:
    """What the results of all videos hold, in words."""
    said = []
    if not videos or any(video.counts_people for video in videos):
        said.append(count(sum(video.people_count for video in videos), "person", "people"))
    frames = sum(video.frame_count for video in videos)
    if frames:
        said.append(count(frames, "frame"))
    return ", ".join(said)


def damaged(name: str, error: Exception) -> Problem:
    """A result that cannot be read as one."""
    remedy = "run stills on its video again"
    return Problem(printable(name), f"the result is damaged ({printable(str(error)) or type(error).__name__})", remedy)


def video_view(anchor: str, documents: Mapping[str, dict[str, Any]], links: Links, edge: int) -> VideoView:
    """All results of one video, by file name. Raises KeyError, TypeError or the like where one is malformed."""
    first = next(iter(documents.values()))
    video, scan = first["video"], first["scan"]
    duration = float(video["duration"])
    shots: list[dict[str, Any]] = next((d["shots"] for d in documents.values() if "shots" in d), [])
    timeline: dict[str, Any] | None = next((d["timeline"] for d in documents.values() if d.get("timeline")), None)
    path = printable(str(video["path"]))
    sections = [
        _section(f"{anchor}-{number}", name, document, links, edge)
        for number, (name, document) in enumerate(documents.items(), 1)
    ]
    return VideoView(
        anchor=anchor,
        name=printable(base_name(str(video["path"]))) or path,
        path=path,
        duration=running_time(duration),
        facts=_video_facts(video),
        scan=_scan_words(scan),
        notes=_notes(documents.values()),
        shots=" ".join(f"M{at(shot['start'], duration)} 0V10" for shot in shots[1:]) if duration > 0 else "",
        shot_count=len(shots),
        signals=signals_view(timeline, [s.frames for s in sections if s.frames], duration, len(shots)),
        sections=sections,
        film=next((_film(anchor, path, d) for d in documents.values() if _recipe(d) == "cast"), None),
    )


def _recipe(document: Mapping[str, Any]) -> str:
    return str(document["schema"]).split("/")[1]


def _film(anchor: str, path: str, document: dict[str, Any]) -> FilmSums:
    from stills.render.view_cast import film_sums

    return film_sums(f"#{anchor}", printable(base_name(str(document["video"]["path"]))) or path, document)


def _cast(anchor: str, document: dict[str, Any], people: list[PersonView], links: Links, edge: int) -> CastView:
    from stills.render.view_cast import cast_view

    return cast_view(anchor, document, people, links, edge)


def _section(anchor: str, name: str, document: dict[str, Any], links: Links, edge: int) -> Section:
    recipe = _recipe(document)
    href = links.href(name)
    if recipe in ("people", "cast"):
        people = people_views(anchor, document, links, edge)
        return Section(
            recipe,
            href,
            "" if people else why_nobody(document),
            people=people,
            people_number=len(document["people"]),
            cast=_cast(anchor, document, people, links, edge) if recipe == "cast" else None,
        )
    files = tuple(extra_files(document, links))
    if recipe in FRAME_RECIPES:
        frames = frames_view(anchor, recipe, document, links, edge)
        return Section(recipe, href, "" if frames.frames else why_no_frame(document), frames=frames, files=files)
    if recipe == "shots":
        return Section(recipe, href, shots=shots_view(document), files=files)
    gallery = tuple(picture_view(one, recipe, links, edge) for one in named_pictures(document))
    reason = printable(str(document.get("reason") or "nothing in this video qualified"))
    return Section(recipe, href, "" if gallery else reason, gallery=gallery, files=files)


def _video_facts(video: dict[str, Any]) -> list[str]:
    facts = [running_time(float(video["duration"])), f"{int(video['width'])} × {int(video['height'])}"]
    codec = str(video["codec"])
    facts.append(_CODECS.get(codec, printable(codec)))
    if video["frame_rate"] is not None:
        rate = f"{float(video['frame_rate']):.3f}".rstrip("0").rstrip(".")
        facts.append(f"about {rate} fps, variable" if video["variable_frame_rate"] else f"{rate} fps")
    facts.append(_HDR.get(str(video["hdr"]), printable(str(video["hdr"]))))
    if video["rotation"]:
        facts.append(f"turned by {int(video['rotation'])}°")
    if video.get("file_size"):
        facts.append(size(float(video["file_size"])))
    return facts


def _scan_words(scan: dict[str, Any]) -> str:
    looked = f"{int(scan['frames_analysed'] or scan['frames_decoded']):,}"  # with no choosing, none is analysed
    total = f" of {int(scan['frames_total']):,}" if scan["frames_total"] is not None else ""
    took = f"in {length(float(scan['seconds']))}"
    if scan.get("cached"):
        took = "from the index of an earlier run"
    share = percent(float(scan["coverage"]))
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
