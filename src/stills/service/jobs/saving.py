"""Pictures of a selection as files of its job: at full size where the video is kept, else as they were kept of it."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.errors import OutputError
from stills.files import atomic_write, output_error
from stills.service.jobs.errors import NoJobError, NoPictureError
from stills.service.jobs.place import RESULT, SAVED, artifacts_of, remove

if TYPE_CHECKING:
    from stills.service.jobs.place import Data
    from stills.service.jobs.types import Answer, Artifact, Job

SMALL = "small-pictures"
"""Code of the fallback that is said in a document whose pictures are not of full size."""


def saved_folder(data: Data, job: Job) -> Path:
    """A fresh folder for one selection, in the job's result. Raises ``NoJobError`` where the job was erased."""
    home = data.job(job.id) / folder_of(job) / RESULT
    try:
        if not data.job(job.id).is_dir():
            raise NoJobError("there is no such job")
        home.mkdir(parents=True, exist_ok=True)
        folder = home / SAVED / secrets.token_hex(4)
        folder.mkdir(parents=True)
    except OSError as error:
        raise output_error(error, home) from error
    return folder


def folder_of(job: Job) -> str:
    """Where the job's result lies, or will lie, in its folder."""
    return job.folder or SAVED


def write_kept(folder: Path, answer: Answer, picture: Callable[[int], bytes]) -> list[Path]:
    """Write the pictures of ``answer`` as ``picture`` gives them, and its JSON with their names; the paths, JSON last.

    ``picture`` raises ``NoPictureError`` for a frame of which there is none: its ``file`` stays null. The document says
    that the pictures are small. Raises ``NoPictureError`` where there is none at all, ``OutputError``.
    """
    from PIL import Image

    document: dict[str, Any] = json.loads(json.dumps(answer.document))
    written: list[Path] = []
    sizes: set[int] = set()
    missing = 0
    for number, values in enumerate(_shown(document), 1):
        try:
            data = picture(values["pts"])
        except NoPictureError:
            missing += 1
            continue
        path = folder / answer.recipe / f"{answer.recipe}_{number:04d}.jpg"
        _write(path, data)
        with Image.open(io.BytesIO(data)) as opened:
            values["width"], values["height"] = opened.size
        sizes.add(values["width"])
        values["file"] = path.relative_to(folder).as_posix()
        written.append(path)
    for person in document.get("people", ()):
        person["still"] = dict(person["stills"][0])
    if not written:
        raise NoPictureError("the video is gone, and no picture of these frames is left")
    said = f"the video is gone: pictures are as they were kept, {min(sizes)} to {max(sizes)} pixels wide"
    if missing:
        said += f"; of {missing} none is left"
    document["fallbacks"] = [*document.get("fallbacks", ()), {"code": SMALL, "message": said}]
    document["files"] = [path.relative_to(folder).as_posix() for path in written]
    written.append(folder / f"{answer.recipe}.json")
    _write(written[-1], json.dumps(document, ensure_ascii=False, indent=1).encode())
    return written


def saved_artifacts(data: Data, job: Job, folder: Path, files: list[Path]) -> tuple[Artifact, ...]:
    """``files`` in ``folder`` as artifacts of ``job``; their names are given when they are added to it."""
    home = data.job(job.id) / folder_of(job) / RESULT
    found = artifacts_of(home, files)
    return tuple(replace(one, kind="other") if one.kind == "result" else one for one in found)


def discard(folder: Path) -> None:
    """Remove what was written. What cannot be removed goes with the job."""
    try:
        remove(folder)
    except OutputError:
        return


def _shown(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The frames that a recipe gives pictures of, in the order of its document."""
    if document.get("frame"):
        yield document["frame"]
    yield from document.get("frames", ())
    for person in document.get("people", ()):
        yield from person["stills"]


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise output_error(error, path.parent) from error
    atomic_write(path, data, durable=False)
