"""Pages as HTML: what every page of the report has, whatever it shows.

A page loads nothing: style, script and small pictures are inside, and a content security policy that knows their hashes
forbids the rest; but an annotated video beside the page may be played.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable, Collection, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from stills._version import __version__
from stills.render.embed import smaller_edges

if TYPE_CHECKING:
    import jinja2

    from stills.render.view_cast import FilmSums
    from stills.render.view_films import FilmsView

MOST_BYTES = 24_000_000
"""A page that is larger gets smaller pictures: browsers open such a one at once."""

OVERVIEW, PAGE, SINGLE = "overview.html.j2", "page.html.j2", "report.html.j2"

_MEDIA = "media-src 'self' file:; "
_ASSETS = (
    "across.html.j2", "base.html.j2", "cast.html.j2", "frames.html.j2", "overview.css", "overview.html.j2",
    "overview.js", "page.html.j2", "people.html.j2", "pictures.html.j2", "problems.html.j2", "report.css",
    "report.html.j2", "report.js", "video.html.j2",
)  # fmt: skip


def html(template: str, *, inferred: Collection[str], plays: bool, **values: Any) -> bytes:
    """A page of ``template``. ``inferred`` is what of it models inferred, ``plays`` whether a video is in it."""
    style, scripts = _asset("report.css"), [_asset("report.js")]
    if template != SINGLE:
        style += _asset("overview.css")
    if template == OVERVIEW:
        scripts.append(_asset("overview.js"))
    allowed = " ".join(f"'{_hash(script)}'" for script in scripts)
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        # The video beside the page, whether that is a file or comes from a server; nothing of it before it is played.
        f"{_MEDIA if plays else ''}"
        f"style-src '{_hash(style)}'; script-src {allowed}"
    )
    page = (
        _environment()
        .get_template(template)
        .render(
            inferred=inferred,
            inferred_words=_inferred_words(inferred),
            plays=plays,
            policy=policy,
            style=style,
            scripts=scripts,
            version=__version__,
            **values,
        )
    )
    return page.encode("utf-8", "backslashreplace")


def fitting(make: Callable[[int], bytes], edge: int) -> bytes:
    """The page that ``make`` makes with pictures of ``edge`` pixels, or with smaller ones where it is too large."""
    page = make(edge)
    for smaller in smaller_edges(edge):
        if len(page) <= MOST_BYTES:
            break
        page = make(smaller)
    return page


def films_section(films: Sequence[FilmSums]) -> FilmsView | None:
    """The overview of all casts; None where there are not several."""
    if len(films) < 2:
        return None
    from stills.render.view_films import films_view

    return films_view(films)


@functools.cache
def maker() -> str:
    """Changes where pages would look different, were they made again from the same results."""
    known = hashlib.blake2b(__version__.encode(), digest_size=12)
    for name in _ASSETS:
        known.update(_asset(name).encode())
    return known.hexdigest()


def _inferred_words(names: Collection[str]) -> str:
    """What models inferred, in words; nothing where nothing was."""
    if not names:
        return ""
    from stills.render.view_cast import inferred_words

    return inferred_words(names)


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def _asset(name: str) -> str:
    return resources.files("stills.render").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """A content security policy's name for an inline ``<style>`` or ``<script>`` (CSP Level 3, section 8.2)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
