"""The best frame of every person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.api.results import PathLike, Result, Saving, all_fallbacks
from stills.api.videos import index_of
from stills.index.index import Index
from stills.settings import change_settings, load_settings
from stills.types import Layer, PeopleSelection, Person, ProgressCallback

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stills.cancel import CancelToken
    from stills.render.pictures import OutputOptions
    from stills.scan.scanner import Scanner
    from stills.select.people import PeopleOptions
    from stills.settings import Settings

LAYERS: frozenset[Layer] = frozenset({"faces"})
"""What has to be measured for it."""


@dataclass(frozen=True, slots=True)
class PeopleResult(Result[PeopleSelection]):
    """The people of a video. :meth:`save` writes their pictures; the values are here already."""

    @property
    def people(self) -> tuple[Person, ...]:
        """The people, longest on screen first."""
        return self.selection.people

    def to_json(self) -> dict[str, Any]:
        """The result as ``people.json`` holds it (schema ``stills/people/1``), before pictures have files."""
        from stills.render.results import people_document

        return self._documented(people_document)

    def _pts(self) -> list[int]:
        return sorted({pick.pts for person in self.people for pick in person.stills})

    def _write(
        self, out: Path, stem: str, pictures: Mapping[int, NDArray[Any]], options: OutputOptions, saving: Saving
    ) -> list[Path]:
        from stills.render.results import write_people

        return write_people(out, stem, self.to_json(), pictures, options, on_picture=saving.on_picture)


def people(
    video: PathLike | Index,
    *,
    settings: Settings | None = None,
    scanner: Scanner | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    **options: Any,
) -> PeopleResult:
    """The best frame of every person in ``video`` (a file, or its index).

    Arguments and errors are those of :func:`scan`; options are settings by name, for example ``min_face="3%"``,
    ``per_person=3``, ``similarity=0.5``, ``fit="1080p"``. An index answers in milliseconds; one without the layer
    ``"faces"`` is refused with ``UsageError``.
    """
    from stills.select.people import select_people

    chosen = change_settings(settings or load_settings(), "people", **options)
    index = index_of(video, LAYERS, chosen, scanner=scanner, on_progress=on_progress, cancel=cancel)
    selection = select_people(index, people_options(index, chosen))
    fallbacks = all_fallbacks(index, selection.fallbacks, chosen)
    return PeopleResult(keep_or_drop_embeddings(index, chosen), selection, fallbacks, chosen, scanner)


def people_options(index: Index, settings: Settings) -> PeopleOptions:
    """Who counts as a person of ``index``, by ``settings``."""
    from stills.select.people import PeopleOptions

    p = settings.people
    return PeopleOptions(
        min_face=p.min_face_size.pixels(index.video.width, index.video.height),
        min_screen_time=p.min_screen_time,
        max_people=p.max_people,
        similarity=p.similarity,
        per_person=p.per_person,
        runners_up=p.runners_up,
        cluster=p.cluster,
    )


def keep_or_drop_embeddings(index: Index, settings: Settings) -> Index:
    """``index``, without its embeddings where ``settings`` want none kept. Raises ``OutputError``."""
    if settings.embeddings:
        return index
    from stills.index.privacy import without_embeddings
    from stills.select.people import select_people

    # Whom one answer leaves out, a later one may ask for.
    everybody = replace(people_options(index, settings), min_screen_time=0.0, max_people=None)
    return without_embeddings(index, select_people(index, everybody), settings.cache_folder)
