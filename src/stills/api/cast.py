"""Who is on screen, for how long, and on the poster."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.api.people import keep_or_drop_embeddings, people_options
from stills.api.results import PathLike, Result, Saving, all_fallbacks, scanner_for
from stills.api.videos import index_of
from stills.errors import InputError
from stills.index.index import Index
from stills.settings import change_settings, load_settings
from stills.types import Attribute, CastSelection, Fallback, Layer, Person, Poster, ProgressCallback

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stills.cancel import CancelToken
    from stills.render.pictures import OutputOptions
    from stills.scan.scanner import Scanner
    from stills.select.cast import CastOptions
    from stills.settings import Settings

LONGEST_POSTER = 2400
"""Longer side, in pixels, of the poster that is written with its faces marked."""

BLURRED = "blurred.mp4"
"""Name of the video in which faces are hidden and none is marked."""


def cast_layers(attributes: Sequence[Attribute]) -> frozenset[Layer]:
    """What has to be measured for it: nothing of an attribute that was not named."""
    return frozenset({"faces", *attributes})


@dataclass(frozen=True, slots=True)
class CastResult(Result[CastSelection]):
    """The cast of a video. :meth:`save` writes pictures, posters and video; the values are here already."""

    @property
    def people(self) -> tuple[Person, ...]:
        """The people, longest on screen first."""
        return self.selection.people

    @property
    def posters(self) -> tuple[Poster, ...]:
        """The posters, in the order given, and whom they show."""
        return self.selection.posters

    @property
    def together(self) -> tuple[tuple[float, ...], ...]:
        """Seconds that each two of :attr:`people` share the screen."""
        return self.selection.together

    def to_json(self) -> dict[str, Any]:
        """The result as ``cast.json`` holds it (schema ``stills/cast/1``), before pictures have files."""
        from stills.render.cast import cast_document

        return self._documented(cast_document)

    def _pts(self) -> list[int]:
        return sorted({pick.pts for person in self.people for pick in person.stills})

    def _write(
        self, out: Path, stem: str, pictures: Mapping[int, NDArray[Any]], options: OutputOptions, saving: Saving
    ) -> list[Path]:
        from stills.render.cast import write_cast
        from stills.render.posters import annotated_poster

        def marked(poster: Poster) -> NDArray[Any] | None:
            if poster.error is not None:
                return None
            rgb = saving.scanner.picture_rgb(poster.source or poster.path, longest=LONGEST_POSTER, cancel=saving.cancel)
            return annotated_poster(rgb, poster)

        plan = None
        if self.settings.cast.annotate or self.settings.cast.blur is not None:
            from stills.scan.annotate import plan_annotation

            plan = plan_annotation(self.index, self.selection, self.settings)

        def video(target: Path) -> Sequence[str]:
            assert plan is not None  # noqa: S101 - only asked for with one
            return saving.scanner.annotate(
                self.index, plan, target, on_progress=saving.on_progress, cancel=saving.cancel
            )

        document = self.to_json()
        if plan is not None and not self.settings.cast.annotate:
            document["annotated"] = BLURRED
        return write_cast(
            out,
            stem,
            document,
            pictures,
            (marked(poster) for poster in self.posters),
            options,
            video=None if plan is None else video,
            on_picture=saving.on_picture,
        )


def cast(
    video: PathLike | Index,
    *,
    posters: Sequence[PathLike] = (),
    settings: Settings | None = None,
    scanner: Scanner | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    **options: Any,
) -> CastResult:
    """Who is on screen in ``video`` (a file, or its index), for how long, and who of them is on ``posters``.

    Arguments and errors are those of :func:`scan`; ``posters`` are picture files, of which one that cannot be read is
    said in the result. Options are settings by name, for example ``attributes=("age", "gender")``, ``min_faces=3``,
    ``cluster="chinese-whispers"``, ``annotate=True``. Age, gender, ethnicity and emotion are inferred only where they
    are named, and an index without those layers is refused with ``UsageError``.

    Raises ``InputError`` where a poster is not there, before the video is looked at.
    """
    from stills.select.cast import select_cast

    chosen = change_settings(settings or load_settings(), "cast", **options)
    paths = [_poster(path) for path in posters]
    layers = cast_layers(chosen.cast.attributes)
    index = index_of(video, layers, chosen, scanner=scanner, on_progress=on_progress, cancel=cancel)
    who = cast_options(index, chosen)
    selection = select_cast(index, who)
    if paths:
        from stills.select.posters import match_posters

        with scanner_for(scanner, chosen) as work:
            readings = work.read_pictures(paths, attributes=chosen.cast.attributes, cancel=cancel)
        selection = match_posters(index, selection, readings, who, max_distance=chosen.cast.poster_distance)
    asked = {
        "attributes_model": chosen.scan.attributes_model,
        "annotate": chosen.cast.annotate,
        "blur": chosen.cast.blur,
    }
    selection = replace(selection, settings={**selection.settings, **asked})
    unread = [Fallback("poster-unreadable", f"{p.path}: {p.error}") for p in selection.posters if p.error is not None]
    fallbacks = all_fallbacks(index, (*selection.fallbacks, *unread), chosen)
    return CastResult(keep_or_drop_embeddings(index, chosen), selection, fallbacks, chosen, scanner)


def cast_options(index: Index, settings: Settings) -> CastOptions:
    """Who counts and what is inferred of them, by ``settings``."""
    from stills.select.cast import CastOptions

    people, own = people_options(index, settings), settings.cast
    return CastOptions(
        min_face=people.min_face,
        min_screen_time=people.min_screen_time,
        max_people=people.max_people,
        similarity=people.similarity,
        per_person=people.per_person,
        runners_up=people.runners_up,
        cluster=people.cluster,
        attributes=own.attributes,
        min_area=own.min_area,
        max_area=own.max_area,
        min_confidence=own.min_confidence,
        outside=own.outside,
        box_expansion=own.box_expansion,
        min_faces=own.min_faces,
        attribute_min_confidence=own.attribute_min_confidence,
        attribute_min_sharpness=own.attribute_min_sharpness,
        attribute_max_angle=own.attribute_max_angle,
        attribute_certainty=own.attribute_certainty,
    )


def _poster(path: PathLike) -> str:
    text = os.fspath(path)
    if not os.path.exists(text):
        raise InputError("there is no such poster", path=text, remedy="check the name")
    return text
