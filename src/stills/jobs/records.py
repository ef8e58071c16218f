"""What became of each film: a small file for each in ``OUT/.stills/films``, from which tables are made again.

The records of several runs, on several machines, into one output folder complete each other: each writes those of its
own films, whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from stills.errors import StillsError
from stills.files import atomic_write, ensure_folder
from stills.render.documents import to_json

STATE = ".stills"
FILMS = Path(STATE) / "films"
"""Records, in the output folder: ``films/<recipe>/<two digits>/<folder>.json``."""

FILM_SCHEMA = "stills/film/1"

FilmStatus: TypeAlias = Literal["done", "partial", "nobody", "skipped", "failed"]
"""``partial``: a part of the video, or a poster, could not be read. ``nobody``: nothing in it qualifies. ``skipped``:
the trailer is not there. ``failed``: everything else that went wrong."""

STATUSES: tuple[FilmStatus, ...] = get_args(FilmStatus)
FINISHED: frozenset[str] = frozenset({"done", "partial", "nobody"})
"""Those that have a result."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FilmError:
    """Why a film has no result: a stable ``code``, what happened, what to do. ``details`` is a traceback."""

    code: str
    message: str
    remedy: str | None = None
    retryable: bool = False
    details: str = ""


@dataclass(frozen=True, slots=True)
class MissingPoster:
    """A poster that could not be had, and why."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class FilmOutcome:
    """What became of one film of a batch.

    ``position``, ``line``, ``id``, ``folder`` and ``extra`` are those of its row; ``trailer`` and ``posters`` are
    addresses without secrets, or paths. ``found`` counts people or frames, ``seconds`` is what it took. ``result`` is
    its JSON file, relative to the output folder; ``files`` are all that were written now.
    """

    recipe: str
    position: int
    line: int
    id: str
    folder: str
    trailer: str
    posters: tuple[str, ...]
    extra: Mapping[str, str]
    status: FilmStatus
    found: int = 0
    seconds: float = 0.0
    result: str | None = None
    error: FilmError | None = None
    warnings: tuple[str, ...] = ()
    fallbacks: tuple[tuple[str, str], ...] = ()
    missing_posters: tuple[MissingPoster, ...] = ()
    files: tuple[Path, ...] = field(default=(), compare=False)

    @property
    def finished(self) -> bool:
        """Whether it has a result."""
        return self.status in FINISHED


def save_record(out: Path, outcome: FilmOutcome) -> None:
    """Keep ``outcome`` in ``out``. Raises ``OutputError``."""
    values = asdict(replace(outcome, files=()))
    del values["files"]
    path = record_path(out, outcome.recipe, outcome.folder)
    ensure_folder(path.parent)
    # 10,000 films are 10,000 flushes: a record lost in a power cut costs that its film is done again.
    atomic_write(path, to_json({"schema": FILM_SCHEMA, **values}), durable=False)


def record_path(out: Path, recipe: str, folder: str) -> Path:
    """Where the record of a film lies: in one of 256 folders, as writing looks through a folder for what is dead."""
    return out / FILMS / recipe / hashlib.blake2b(folder.encode(), digest_size=1).hexdigest() / f"{folder}.json"


def records(out: Path) -> Iterator[FilmOutcome]:
    """All records in ``out``, by recipe, then as the rows of the table; one that is damaged is left out, and logged."""
    for folder in sorted(path for path in (out / FILMS).glob("*") if path.is_dir()):
        found = [one for one in map(_load, sorted(folder.glob("*/*.json"))) if one is not None]
        yield from sorted(found, key=lambda one: (one.position, one.id))


def film_error(error: StillsError) -> FilmError:
    """``error`` as it is kept."""
    return FilmError(error.code, error.message, error.remedy, error.retryable, error.details)


def _load(path: Path) -> FilmOutcome | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return _outcome(values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        _log.warning("%s is damaged (%s): its film counts as not done", path, error)
        return None


def _outcome(values: dict[str, Any]) -> FilmOutcome:
    if values["schema"] != FILM_SCHEMA:
        raise ValueError(f"not {FILM_SCHEMA}")
    known = {one.name for one in fields(FilmOutcome)} - {"files"}
    given = {name: value for name, value in values.items() if name in known}
    if given["status"] not in STATUSES:
        raise ValueError(f"status {given['status']!r}")
    return FilmOutcome(
        **{
            **given,
            "posters": tuple(given["posters"]),
            "warnings": tuple(given["warnings"]),
            "error": FilmError(**given["error"]) if given["error"] else None,
            "fallbacks": tuple((str(code), str(message)) for code, message in given["fallbacks"]),
            "missing_posters": tuple(MissingPoster(**one) for one in given["missing_posters"]),
        }
    )
