"""The work behind ``stills faces``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import stills
from stills.api.faces import FacesResult, look_at
from stills.cancel import CancelToken
from stills.cli.inputs import Input
from stills.cli.run import Failure, Outcome, run_each
from stills.cli.say import count
from stills.cli.session import Session
from stills.errors import InputError, printable
from stills.jobs.outputs import check_out
from stills.render.faces import face_rows, picture_values
from stills.types import Estimate, FacesOfPicture, ProgressCallback

if TYPE_CHECKING:
    from stills.scan.scanner import Scanner


def find_faces(
    session: Session, inputs: Sequence[Input], out: Path | None, *, folder: str | None, certainty: float, largest: bool
) -> int:
    """Find the faces of every picture, and print them or write the table ``out``; the exit code.

    ``folder`` is the one folder that was named, if any: files are called by their place in it.
    """
    if out is not None:
        check_out(out.parent)
    names = {one.path: one.path if folder is None else os.path.relpath(one.path, folder) for one in inputs}
    done: list[FacesOfPicture] = []
    settings = session.settings
    with stills.Scanner(settings) as scanner:
        fallbacks = scanner.picture_fallbacks(settings.cast.attributes)
        ahead = _Ahead(scanner, session, [one.path for one in inputs if one.error is None], certainty)

        def work(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
            picture = ahead.next(path, cancel)
            done.append(picture)
            if picture.error is not None:
                raise InputError(picture.error, path=path)
            shown = picture.faces[: 1 if largest else None]
            values = picture_values(picture, names[path], settings.scan.attributes_model)
            return Outcome(
                "" if out is None and not sys.stdout.isatty() else f"{path}: {count(len(picture.faces), 'face')}",
                found=bool(picture.faces),
                rows=() if out is not None else tuple(_lines(picture, names[path], largest=largest)),
                fallbacks=fallbacks if len(done) == 1 else (),
                warnings=picture.warnings,
                fields={
                    "file": names[path],
                    "width": picture.width,
                    "height": picture.height,
                    "faces": values["faces"][: len(shown)],
                },
            )

        def write(failures: Sequence[Failure]) -> Path | None:
            if out is None:
                return None
            result = FacesResult(tuple(done), fallbacks, settings, certainty)
            return result.save(out, names=[names[picture.path] for picture in done], largest=largest)

        return run_each(session, inputs, work, after=write)


class _Ahead:
    """Looks at pictures ahead of the one that is asked for, as many at once as there are workers."""

    def __init__(self, scanner: Scanner, session: Session, paths: Sequence[str], certainty: float) -> None:
        self._scanner, self._settings, self._paths, self._certainty = scanner, session.settings, paths, certainty
        self._place = {path: number for number, path in enumerate(paths)}
        self._looking: Iterator[FacesOfPicture] | None = None

    def next(self, path: str, cancel: CancelToken) -> FacesOfPicture:
        """The faces of ``path``; the paths are asked for in their order, and again after an error."""
        if self._looking is None:
            rest = self._paths[self._place[path] :]
            self._looking = look_at(self._scanner, rest, self._settings, certainty=self._certainty, cancel=cancel)
        try:
            return next(self._looking)
        except BaseException:
            self._looking = None  # it has ended; who asks again starts again
            raise


def _lines(picture: FacesOfPicture, name: str, *, largest: bool) -> Iterator[str]:
    """The rows of a picture for a terminal, or, into a pipe, for programs: columns separated by tabs."""
    if not sys.stdout.isatty():
        for row in face_rows(picture, name, largest=largest):
            box = "" if row["bbox"] is None else ",".join(f"{value:g}" for value in row["bbox"])
            cells = (name, row["face"], box, row["score"], row["age"], row["gender"], row["ethnicity"], row["emotion"])
            yield "\t".join("" if cell is None else printable(str(cell)) for cell in cells)
        return
    for number, face in enumerate(picture.faces[: 1 if largest else None], 1):
        x, y, w, h = (round(value) for value in face.box)
        said = "  ".join(f"{name} {_said(one)}" for name, one in face.attributes.items())
        yield f"{number:>4}  {f'{w}x{h}':>9} at {x},{y}  score {face.score:.2f}  {said}".rstrip()


def _said(estimate: Estimate) -> str:
    if estimate.value is None:
        return "unknown"
    value = estimate.value if isinstance(estimate.value, str) else f"{estimate.value:.0f}"
    return f"{value} ({estimate.confidence:.0%})"
