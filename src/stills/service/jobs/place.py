"""What lies on disk: a folder a job, indexes by owner, files that are being received; and how they go.

    DATA/uploads/<any>                       being received
    DATA/jobs/<id>/video                     the upload, or the file that was fetched
    DATA/jobs/<id>/posters/<number>          pictures that came with it, from 1
    DATA/jobs/<id>/<token>/result/…          what one attempt wrote; that of the job is the one that finished it
    DATA/jobs/<id>/<token>/result/saved/…    pictures of selections that were asked for afterwards
    DATA/jobs/<id>/frames/…                  pictures made on demand
    DATA/cache/<owner>/index/<content>/…     indexes

No name that a client chose is ever part of these paths.
"""

from __future__ import annotations

import contextlib
import hashlib
import mimetypes
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stills.errors import OutputError
from stills.files import TEMP_PREFIX, ensure_folder, output_error
from stills.service.jobs.types import Artifact, ArtifactKind

VIDEO = "video"
RESULT = "result"
FRAMES = "frames"
POSTERS = "posters"
SAVED = "saved"
_GONE = ".gone-"
"""Begins the name of what is being removed."""
_TRIES = 3
_KINDS: dict[str, ArtifactKind] = {"image": "picture", "video": "video"}


@dataclass(frozen=True, slots=True)
class Data:
    """The service's data folder."""

    root: Path

    @property
    def uploads(self) -> Path:
        """Where files lie while they are received."""
        return self.root / "uploads"

    @property
    def jobs(self) -> Path:
        """The folders of jobs."""
        return self.root / "jobs"

    @property
    def caches(self) -> Path:
        """The folders of owners' indexes."""
        return self.root / "cache"

    def make(self) -> None:
        """Have the folders. Raises ``OutputError``."""
        for folder in (self.uploads, self.jobs, self.caches):
            ensure_folder(folder)

    def job(self, job: str) -> Path:
        """The folder of the job with this id, which has to come from the database."""
        return self.jobs / job

    def cache(self, owner: str) -> Path:
        """Where the indexes of ``owner`` are."""
        return self.caches / hashlib.blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()

    def index(self, owner: str, content: str) -> Path:
        """The folder of all indexes of one content."""
        return self.cache(owner) / "index" / content

    def poster(self, job: str, number: int) -> Path:
        """The poster of a job with this ``number``, from 1."""
        return self.job(job) / POSTERS / str(number)

    def take_upload(self, upload: Path, job: str) -> None:
        """Make a received file the job's video. Raises ``OutputError``."""
        _take(upload, self.job(job) / VIDEO)

    def take_poster(self, upload: Path, job: str, number: int) -> None:
        """Make a received file the job's poster with this ``number``. Raises ``OutputError``."""
        _take(upload, self.poster(job, number))

    def put_aside(self, folder: Path) -> Path | None:
        """Rename ``folder``, at once, to what is to be removed; ``None`` where there is nothing."""
        aside = self.caches / f"{_GONE}{secrets.token_hex(8)}"
        try:
            os.replace(folder, aside)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise output_error(error, folder) from error
        return aside

    def tidy(self, owner: str) -> None:
        """Remove the folders of ``owner`` that are empty."""
        for folder in (self.cache(owner) / "index", self.cache(owner)):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def strays(self, known_jobs: Collection[str], known: Collection[tuple[str, str]], older_s: float) -> Iterator[Path]:
        """What belongs to no job: left by a process that was killed, or written by one that was taken for dead.

        Args:
            known_jobs: Ids of the jobs there are.
            known: Names of owners' folders and contents that jobs have.
            older_s: Nothing younger counts: it may be about to belong to a job.
        """
        before = time.time() - older_s
        for entry in _entries(self.jobs):
            if entry.name not in known_jobs and _older(entry, before):
                yield Path(entry.path)
        for entry in _entries(self.uploads):
            if _older(entry, before):
                yield Path(entry.path)
        for cache in _entries(self.caches):
            if cache.name.startswith(_GONE):
                yield Path(cache.path)
            else:
                for index in _entries(Path(cache.path) / "index"):
                    if (cache.name, index.name) not in known and _older(index, before):
                        yield Path(index.path)


def _take(upload: Path, target: Path) -> None:
    folder = ensure_folder(target.parent)
    try:
        os.replace(upload, target)
    except OSError as error:
        raise output_error(error, folder) from error


def remove(path: Path) -> None:
    """Remove a file, or a folder with all in it; what is not there is well. Raises ``OutputError``."""
    for attempt in range(_TRIES):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except FileNotFoundError:  # somebody else removes it, too
            continue
        except OSError as error:
            if attempt == _TRIES - 1:
                remedy = "see who may write there; it is tried again"
                raise OutputError(
                    f"could not be erased: {error.strerror}", path=error.filename or str(path), remedy=remedy
                ) from error
        else:
            return


def artifacts_of(folder: Path, files: Sequence[Path]) -> tuple[Artifact, ...]:
    """``files`` (the result's JSON last) in ``folder`` as artifacts, the JSON first."""
    found: list[Artifact] = []
    taken: set[str] = set()
    for number, path in enumerate([files[-1], *files[:-1]] if files else []):
        media = mimetypes.guess_type(path.name)[0] or _TYPES.get(path.suffix.lower(), "application/octet-stream")
        kind: ArtifactKind = "result" if not number else _KINDS.get(media.partition("/")[0], "other")
        name, again = path.name, 1
        while name in taken:  # the same name in two folders
            again += 1
            name = f"{path.stem}-{again}{path.suffix}"
        taken.add(name)
        found.append(Artifact(name, path.relative_to(folder).as_posix(), kind, path.stat().st_size, media))
    return tuple(found)


_TYPES = {".webp": "image/webp", ".avif": "image/avif", ".vtt": "text/vtt"}
"""Media types that not every system knows."""


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(TEMP_PREFIX)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _older(entry: os.DirEntry[str], before: float) -> bool:
    try:
        return entry.stat(follow_symlinks=False).st_mtime < before
    except FileNotFoundError:
        return False
