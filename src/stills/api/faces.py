"""The faces of single pictures: photos, posters, stills."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.api.results import PathLike, scanner_for
from stills.errors import UsageError
from stills.settings import change_settings, load_settings
from stills.types import Attribute, Box, FacesOfPicture, Fallback, FoundFace

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.index.pictures import PictureFace, PictureReading
    from stills.scan.scanner import Scanner
    from stills.select.attributes import AttributeOptions
    from stills.settings import Settings


@dataclass(frozen=True, slots=True)
class FacesResult:
    """The faces of pictures, in the order in which those were given. :meth:`save` writes them as a table."""

    pictures: tuple[FacesOfPicture, ...]
    fallbacks: tuple[Fallback, ...]
    settings: Settings = field(repr=False)
    certainty: float = 0.0

    def __iter__(self) -> Iterator[FacesOfPicture]:
        """The pictures."""
        return iter(self.pictures)

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.pictures)

    def to_json(self, *, names: Sequence[str] | None = None) -> dict[str, Any]:
        """All of it as JSON values (schema ``stills/faces/1``); ``names`` are what to call the pictures."""
        from stills.render.faces import faces_document

        asked = {"attributes": self.settings.cast.attributes, "certainty": self.certainty}
        models = {"detector": self.settings.scan.detector}
        if self.settings.cast.attributes:
            models["attributes_model"] = self.settings.scan.attributes_model
        return faces_document(self.pictures, self._names(names), models, asked, self.fallbacks)

    def rows(self, *, names: Sequence[str] | None = None, largest: bool = False) -> list[dict[str, Any]]:
        """A row for each face, and one without a face for each picture that shows none.

        ``names`` are what to call the pictures, by default their paths. With ``largest`` the largest face of each.
        """
        from stills.render.faces import face_rows

        pairs = zip(self.pictures, self._names(names), strict=True)
        return [row for picture, name in pairs for row in face_rows(picture, name, largest=largest)]

    def save(self, path: PathLike, *, names: Sequence[str] | None = None, largest: bool = False) -> Path:
        """Write the rows to a ``.csv``, ``.jsonl`` or ``.parquet`` file, or :meth:`to_json` to a ``.json`` one.

        Raises ``UsageError`` for another ending, ``OutputError``.
        """
        from stills.render.faces import write_faces

        return write_faces(Path(path), self.to_json(names=names), self.rows(names=names, largest=largest))

    def _names(self, names: Sequence[str] | None) -> Sequence[str]:
        return [picture.path for picture in self.pictures] if names is None else names


def faces(
    images: PathLike | Iterable[PathLike],
    *,
    attributes: Sequence[Attribute] = (),
    certainty: float = 0.0,
    settings: Settings | None = None,
    scanner: Scanner | None = None,
    cancel: CancelToken | None = None,
    **options: Any,
) -> FacesResult:
    """Find the faces of ``images``, picture files of any size, and what they tell of the ``attributes`` named.

    Pictures are decoded in worker processes. One that cannot be read has an ``error``, and the others are done. Every
    attribute of every face gets a value with its confidence; labels less probable than ``certainty`` are unknown.

    Args:
        images: A file, or several. JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF, whatever they are called.
        attributes: What is inferred of each face: ``"age"``, ``"gender"``, ``"ethnicity"``, ``"emotion"``.
        certainty: Least probability of a label that is given, 0…1.
        settings: All settings; by default those of the environment.
        scanner: Worker processes to use; by default some of its own, ended with the call.
        cancel: Cancels the call from another thread.
        **options: Single settings by name, such as ``detector="scrfd"``.

    Raises:
        UsageError: ``certainty`` is out of range, an option is unknown or has a value that is not allowed.
        ModelError: A model cannot be had.
        CancelledError: ``cancel`` was used.
    """
    several = [images] if isinstance(images, str | os.PathLike) else list(images)
    paths = [os.fsdecode(image) for image in several]
    chosen = change_settings(settings or load_settings(), "cast", **{"attributes": tuple(attributes), **options})
    with scanner_for(scanner, chosen) as work:
        fallbacks = work.picture_fallbacks(chosen.cast.attributes)
        pictures = tuple(look_at(work, paths, chosen, certainty=certainty, cancel=cancel))
    return FacesResult(pictures, fallbacks, chosen, certainty)


def look_at(
    scanner: Scanner, paths: Sequence[str], settings: Settings, *, certainty: float, cancel: CancelToken | None
) -> Iterator[FacesOfPicture]:
    """The faces of the picture files ``paths``, each as soon as it and those before it were looked at.

    Errors are those of :func:`faces`.
    """
    from stills.select.attributes import AttributeOptions

    if not 0 <= certainty <= 1:
        raise UsageError(f"the certainty of a label lies between 0 and 1, not at {certainty:g}")
    wanted = settings.cast.attributes
    # No face is too poor here: there is no better one of the same person to wait for.
    how = AttributeOptions(wanted, min_confidence=0.0, min_sharpness=0.0, max_angle=180.0, certainty=certainty)
    for reading in scanner.iter_pictures(paths, attributes=wanted, cancel=cancel):
        yield _picture(reading, how)


def _picture(reading: PictureReading, how: AttributeOptions) -> FacesOfPicture:
    model = reading.models.get("attributes_model", "default")
    size = (reading.width, reading.height)
    return FacesOfPicture(
        reading.path,
        *size,
        tuple(_face(face, size, model, how) for face in reading.faces),
        reading.error,
        reading.warnings,
    )


def _face(face: PictureFace, size: tuple[int, int], model: str, how: AttributeOptions) -> FoundFace:
    from stills.select.attributes import picture_estimates

    return FoundFace(
        box=face.box,
        score=face.score,
        quality=face.quality,
        area=_share(face.box, size),
        yaw=face.yaw,
        pitch=face.pitch,
        attributes=picture_estimates(face, model, how),
    )


def _share(box: Box, size: tuple[int, int]) -> float:
    """The share of the picture that lies in ``box``."""
    x, y, w, h = box
    inside = [max(0.0, min(limit, start + length) - max(0.0, start)) for start, length, limit in
              ((x, w, size[0]), (y, h, size[1]))]  # fmt: skip
    return min(1.0, inside[0] * inside[1] / (size[0] * size[1]))
