"""A gallery brought up to date with the results in its output folder, and what the user decides about it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from stills.errors import IndexFormatError, InputError, UsageError
from stills.index.gallery import (
    Gallery,
    has_gallery,
    load_decisions,
    load_gallery,
    save_gallery,
    turn,
)
from stills.index.store import IndexStore
from stills.jobs.across.decisions import GHOST
from stills.jobs.across.gather import CannotGatherError, Gathered, Indexes, gather, sources
from stills.jobs.across.identities import tell_apart
from stills.jobs.across.photos import Photo, meet
from stills.select.clustering import default_threshold, is_measured
from stills.types import Fallback

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.settings import Settings

log = logging.getLogger(__name__)


FARTHER = 0.1
"""How much more alike people of several videos have to be than those of one. The more people are compared, the more
pairs of strangers happen to be alike: with SFace (0.55), none of 23 people in 40 clips is mistaken or parted at 0.35 to
0.70, but of 5,000 synthetic people around them some are joined at 0.45, and hardly one at 0.55."""


@dataclass(frozen=True, slots=True)
class Updated:
    """The gallery, its files, how many videos were added or changed, and what could not be had.

    ``met`` says who each photo is, by name: the identity, or ``None`` where nobody is like it yet.
    """

    gallery: Gallery
    files: tuple[Path, ...]
    added: int
    fallbacks: tuple[Fallback, ...] = ()
    met: Mapping[str, int | None] | None = None


def update(
    out: Path,
    settings: Settings,
    *,
    photos: Sequence[Photo] = (),
    anew: bool = False,
    cancel: CancelToken | None = None,
) -> Updated:
    """Tell the people of all results in ``out`` apart, over all videos, and write what came out.

    Results that are new or changed since the last time are added; people keep their numbers. ``anew`` starts over with
    all of them, as after a change of settings; what was decided stays, and numbers as far as people are the same.

    Raises:
        InputError: There are no results of `stills people` in ``out``.
        UsageError: No index of any of them holds embeddings, or settings forbid to keep them.
        IndexFormatError: The gallery is damaged (with ``anew``, only if what was decided is).
        OutputError: Something cannot be written.
        CancelledError: ``cancel`` was used; nothing was changed.
    """
    from stills.api.across import write_gallery_results

    check_settings(settings)
    if not out.is_dir() or not (has_gallery(out) or any(out.glob("*/people.json"))):
        raise InputError(
            "there are no results of stills people in this folder", path=str(out), remedy="run `stills people` into it"
        )
    with turn(out):
        gallery, fallbacks = _loaded(out, anew=anew)
        gallery, added, left_out = _gathered(gallery, out, settings, anew=anew, cancel=cancel)
        fallbacks += left_out
        if not len(gallery.videos) and left_out:
            raise UsageError(f"nobody can be told apart: {left_out[0].message}", path=str(out))
        asked = settings.people.across_similarity
        threshold = across_threshold(gallery.embedder or "sface") if asked is None else asked
        if asked is None and gallery.embedder and not is_measured(gallery.embedder):
            said = f"no similarity was measured for {gallery.embedder}: {threshold:g} is a guess"
            fallbacks.append(Fallback("similarity-unmeasured", said))
        gallery = _without_ghosts(tell_apart(gallery, threshold, anew=anew))
        gallery, met = meet(gallery, photos, threshold)
        if cancel is not None:
            cancel.check()
        gallery = save_gallery(out, gallery)
        files = write_gallery_results(out, gallery, fallbacks)
    return Updated(gallery, tuple(files), added, tuple(fallbacks), met)


def across_threshold(embedder: str) -> float:
    """The cosine similarity from which people of several videos are one: :data:`FARTHER` than inside of one video."""
    return round(default_threshold("constrained", embedder) + FARTHER, 3)


def check_settings(settings: Settings) -> None:
    """Raises ``UsageError`` where settings forbid what a gallery is made of."""
    if not settings.embeddings:
        raise UsageError(
            "people cannot be told apart over several videos without their embeddings",
            remedy="leave out --no-embeddings (or embeddings: false), or --across",
        )


def _loaded(out: Path, *, anew: bool) -> tuple[Gallery, list[Fallback]]:
    try:
        return load_gallery(out), []
    except IndexFormatError as error:
        if not anew:
            raise
        decisions = load_decisions(out)
        said = f"the gallery was damaged and is made anew, so people get new numbers ({error.message})"
        return Gallery(decisions=decisions), [Fallback("gallery-damaged", said)]


def _gathered(
    gallery: Gallery, out: Path, settings: Settings, *, anew: bool, cancel: CancelToken | None
) -> tuple[Gallery, int, list[Fallback]]:
    """``gallery`` with the rows of new and changed results, and without those of results that are gone."""
    known = {row["folder"]: (row["content"], row["key"]) for row in gallery.videos.to_pylist()}
    indexes = Indexes(IndexStore(settings.cache_folder))
    fallbacks: list[Fallback] = []
    fresh: dict[str, Gathered] = {}
    here: set[str] = set()
    maker = (gallery.embedder, gallery.digest)
    for source in sources(out):
        if cancel is not None:
            cancel.check()
        content, key = known.get(source.folder.encode("utf-8", "backslashreplace").decode(), ("", ""))
        if content and key == source.key and not anew:
            here.add(content)
            continue
        try:
            found = gather(indexes.of(source), source)
        except CannotGatherError as error:
            if content:
                here.add(content)  # what is known of it stays
            fallbacks.append(Fallback("not-compared", f"{source.path} is left out: {error.message}"))
            continue
        if found.content in fresh or (found.content in here and found.content != content):
            said = f"{source.path} is left out: it is the same video as another one here"
            fallbacks.append(Fallback("same-video", said))
            continue
        made = (found.embedder, found.digest)
        if maker == ("", "") or (anew and not fresh):
            maker = made
        if made != maker:
            said = f"{source.path} is left out: its faces were embedded by {made[0]}, the others by {maker[0]}"
            fallbacks.append(Fallback("other-embedder", said))
            continue
        fresh[found.content] = found
        here.add(found.content)
    gone = {content for content, _ in known.values()} - here
    gallery = gallery.without(gone) if gone else gallery
    if maker != (gallery.embedder, gallery.digest) and gallery.embedder:
        gallery = replace(gallery.without(set(gallery.videos["content"].to_pylist())), decisions=gallery.decisions)
    return replace(_added(gallery, fresh), embedder=maker[0], digest=maker[1]), len(fresh), fallbacks


def _added(gallery: Gallery, fresh: Mapping[str, Gathered]) -> Gallery:
    """``gallery`` with ``fresh`` videos in the place of what was known of them; their old tracks become ghosts."""
    if not fresh:
        return gallery
    ours = pa.array(sorted(fresh), pa.string())
    tables = {}
    for name in ("videos", "people", "together"):
        table = getattr(gallery, name)
        kept = table.filter(pc.invert(pc.is_in(table["content"], ours)))
        tables[name] = pa.concat_tables([kept, *(getattr(found, name) for found in fresh.values())])
    old = gallery.tracks
    ghosts = pc.binary_join_element_wise(GHOST, old["content"], "")
    renamed = pc.if_else(pc.is_in(old["content"], ours), ghosts, old["content"])
    old = old.set_column(0, old.schema.field(0), renamed.cast(pa.string()))
    tracks = pa.concat_tables([old, *(found.tracks for found in fresh.values())]).combine_chunks()
    return replace(gallery, tracks=tracks, **{name: table.combine_chunks() for name, table in tables.items()})


def _without_ghosts(gallery: Gallery) -> Gallery:
    ghosts = pc.starts_with(gallery.tracks["content"], GHOST)
    tracks = gallery.tracks.filter(pc.invert(ghosts))
    left = set(pc.unique(tracks["identity"]).to_pylist())
    aliases = {old: new for old, new in gallery.aliases.items() if new in left}
    names = {number: name for number, name in gallery.names.items() if number in left}
    return replace(gallery, tracks=tracks, aliases=aliases, names=names)
