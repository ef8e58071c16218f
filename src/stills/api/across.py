"""The people of many videos, as they are told apart in an output folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.errors import InputError
from stills.types import Fallback

if TYPE_CHECKING:
    from stills.index.gallery import Gallery
    from stills.select.across import AcrossSelection, Appearance


def across_values(selection: AcrossSelection) -> dict[str, Any]:
    """``selection`` as JSON values for :func:`stills.render.across.write_across`."""
    from stills.render.across import video_entry

    people = []
    for person in selection.people:
        best = person.best
        people.append({
            "id": person.id,
            "name": person.name,
            "screen_time": round(person.screen_time, 6),
            "best": None if best is None else person.appearances.index(best),
            "still": None,
            "appearances": [_appearance(one) for one in person.appearances],
        })  # fmt: skip
    return {
        "settings": {"similarity": selection.similarity, "embedder": selection.embedder},
        "videos": [video_entry(v.content, v.path, v.folder, v.duration, v.partial) for v in selection.videos],
        "people": people,
        "aliases": {str(old): new for old, new in sorted(selection.aliases.items())},
    }


def write_gallery_results(out: Path, gallery: Gallery, fallbacks: Sequence[Fallback] = ()) -> list[Path]:
    """Write what ``gallery`` says as the results of ``out``; the paths, the JSON last. Raises ``OutputError``."""
    from stills.render.across import erase_across, write_across
    from stills.select.across import select_across

    if not len(gallery.videos):
        erase_across(out)
        return []
    return write_across(out, across_values(select_across(gallery)), fallbacks)


def forget_in_gallery(out: Path, contents: Sequence[str], path: str) -> bool:
    """Erase the videos ``contents``, and those that were at ``path``, from the gallery of ``out`` and its results.

    Returns whether one of them was there, or a decision was about one.

    Raises ``OutputError``, ``IndexFormatError`` where the gallery is damaged: then remove ``OUT/.stills/gallery``.
    """
    from stills.index.gallery import has_gallery, load_gallery, save_gallery, turn

    if not has_gallery(out):
        return False
    with turn(out):
        gallery = load_gallery(out)
        real = os.path.realpath(path)
        at = {row["content"] for row in gallery.videos.to_pylist() if os.path.realpath(row["path"]) == real}
        less = gallery.without({*contents, *at})
        found = len(less.videos) < len(gallery.videos) or less.decisions != gallery.decisions
        if found:
            write_gallery_results(out, save_gallery(out, less))
    return found


def people_across(out: str | Path) -> AcrossSelection:
    """The people of all videos in ``out``, as `stills people --across` told them apart.

    Raises ``InputError`` where it did not yet, ``IndexFormatError`` where what it wrote is damaged.
    """
    from stills.index.gallery import has_gallery, load_gallery
    from stills.select.across import select_across

    if not has_gallery(Path(out)):
        raise InputError("people are not told apart there yet", path=str(out), remedy="run `stills people --across`")
    return select_across(load_gallery(Path(out)))


def _appearance(one: Appearance) -> dict[str, Any]:
    from stills.render.across import still_entry

    return {
        "video": one.video,
        "persons": list(one.persons),
        "tracks": list(one.tracks),
        "faces": one.faces,
        "first_seen": round(one.spans[0][0], 6),
        "last_seen": round(one.spans[-1][1], 6),
        "screen_time": one.screen_time,
        "spans": [[round(start, 6), round(end, 6)] for start, end in one.spans],
        "similarity": one.similarity,
        "still": still_entry(one.file, one.time, one.score, one.face),
    }
