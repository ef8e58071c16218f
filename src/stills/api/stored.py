"""What lies on disk: reports built again, indexes and outputs erased."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from stills.addresses import public_name
from stills.api.results import PathLike
from stills.errors import OutputError
from stills.settings import load_settings

if TYPE_CHECKING:
    from stills.settings import Settings


def forget(video: PathLike, *, out: PathLike | None = None, settings: Settings | None = None) -> list[Path]:
    """Erase the index of ``video`` and, with ``out``, what was written about it there; the erased paths.

    That includes what people were recognised by over several videos (``OUT/.stills/gallery``).
    A video that is gone is known by the path it was scanned at. Files in ``out`` that stills did not write stay. Raises
    ``OutputError`` where something cannot be erased.
    """
    from stills.api.across import forget_in_gallery
    from stills.index.gallery import gallery_folder
    from stills.index.store import IndexStore
    from stills.media.source import content_id
    from stills.render.report import results_of
    from stills.render.results import erase_results

    store = IndexStore((settings or load_settings()).cache_folder)
    erased: list[Path] = []
    path = public_name(os.fspath(video))
    try:
        contents = [content_id(path)] if Path(path).exists() else store.contents_at(path)
        if out is not None and forget_in_gallery(Path(out), contents, path):
            erased.append(gallery_folder(Path(out)))
        for content in contents:
            if store.forget(content):
                erased.append(store.root / content)
        for folder in results_of(Path(out), path) if out is not None else ():
            erase_results(folder)
            erased.append(folder)
    except OSError as error:
        raise OutputError(f"could not be erased: {error.strerror}", path=error.filename or path) from error
    return erased


def render_report(out: PathLike) -> Path:
    """Build ``OUT/report.html`` from the results under ``out``; its path. Raises ``OutputError``."""
    from stills.render.report import build_report

    return build_report(Path(out))
