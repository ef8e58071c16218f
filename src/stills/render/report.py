"""``report.html``: one self-contained page over all results in an output folder.

The page is made from the JSON results and their pictures alone, so it can be built again at any time. It loads nothing:
style, script and small pictures are inside, and a content security policy that knows their hashes forbids the rest; but
an annotated video beside the page may be played.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills._version import __version__
from stills.errors import printable
from stills.files import atomic_write
from stills.render.embed import edge_for
from stills.render.view import Problem, VideoView, damaged, found_in_all, video_view
from stills.render.view_across import across_view
from stills.render.view_frames import shown_count
from stills.render.view_pictures import Links

if TYPE_CHECKING:
    import jinja2

    from stills.render.view_films import FilmsView

REPORT_NAME = "report.html"
FAILURES = Path(".stills") / "failures.json"
"""Inputs without a result, in the output folder: ``[{"path", "message", "remedy"}, …]``; there if some failed."""

_SCHEMA_PREFIX = "stills/"
_TEMPLATE = "report.html.j2"
_MEDIA = "media-src 'self' file:; "


@dataclass(slots=True)
class Found:
    """The results in an output folder by the folder of their video, and what could not be read."""

    results: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def build_report(out: Path) -> Path:
    """Write ``OUT/report.html`` from the results found in ``out``, any number of videos and recipes; returns its path.

    A result that is damaged, a picture that is gone and inputs that failed are named in the page. Raises
    :class:`stills.errors.OutputError` where the page cannot be written.
    """
    return atomic_write(out / REPORT_NAME, report_page(out).encode("utf-8", "backslashreplace"))


def report_page(out: Path) -> str:
    """The report over the results in ``out`` as HTML."""
    found = find_results(out)
    edge = edge_for(sum(shown_count(d) for documents in found.results.values() for d in documents.values()))
    videos: list[VideoView] = []
    for number, (folder, documents) in enumerate(found.results.items(), 1):
        try:
            videos.append(video_view(f"v{number}", documents, Links(out, folder), edge))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            found.problems.append(damaged(f"{folder}/{', '.join(documents)}", error))
    across, problem = across_view(out, {folder: f"v{number}" for number, folder in enumerate(found.results, 1)})
    if problem is not None:
        found.problems.append(problem)
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        # The video beside the page, whether that is a file or comes from a server; nothing of it before it is played.
        f"{_MEDIA if any(video.plays for video in videos) else ''}"
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    inferred = {name for video in videos for name in video.inferred}
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            videos=videos,
            problems=found.problems,
            found=found_in_all(videos),
            inferred=inferred,
            inferred_words=_inferred_words(inferred),
            films=_films(videos),
            across=across,
            policy=policy,
            style=style,
            script=script,
            version=__version__,
        )
    )


def _inferred_words(names: set[str]) -> str:
    """What models inferred, in words; nothing where nothing was."""
    if not names:
        return ""
    from stills.render.view_cast import inferred_words

    return inferred_words(names)


def _films(videos: list[VideoView]) -> FilmsView | None:
    """The overview of all casts; None where there are not several."""
    films = [video.film for video in videos if video.film is not None]
    if len(films) < 2:
        return None
    from stills.render.view_films import films_view

    return films_view(films)


def find_results(out: Path) -> Found:
    """All results ``OUT/<folder>/<recipe>.json``, sorted by name; files that are not results of stills are left out."""
    found = Found()
    for path in sorted(out.glob("*/*.json")):
        if path.parent.name.startswith(".") or path.name.startswith("."):
            continue
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            found.problems.append(damaged(f"{path.parent.name}/{path.name}", error))
            continue
        if isinstance(document, dict) and str(document.get("schema", "")).startswith(_SCHEMA_PREFIX):
            found.results.setdefault(path.parent.name, {})[path.name] = document
    found.problems.extend(_failures(out))
    return found


def results_of(out: Path, video: str) -> list[Path]:
    """The folders in ``out`` that hold results of ``video``, named as it was when they were made, or the same file."""
    wanted = os.path.realpath(video)
    return [
        out / folder
        for folder, documents in find_results(out).results.items()
        if any(_is_about(document, video, wanted) for document in documents.values())
    ]


def _is_about(document: dict[str, Any], video: str, real: str) -> bool:
    about = document.get("video")
    path = about.get("path") if isinstance(about, dict) else None
    return isinstance(path, str) and "\0" not in path and (path == video or os.path.realpath(path) == real)


def _failures(out: Path) -> list[Problem]:
    """The inputs that failed, as the run noted them."""
    path = out / FAILURES
    if not path.is_file():
        return []
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        named = [(str(one["path"] or "an input"), str(one["message"]), str(one.get("remedy") or "")) for one in noted]
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        return [damaged(str(FAILURES), error)]
    return [Problem(printable(path), printable(message), printable(remedy)) for path, message, remedy in named]


def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _asset(name: str) -> str:
    return resources.files("stills.render").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """A content security policy's name for an inline ``<style>`` or ``<script>`` (CSP Level 3, section 8.2)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
