"""Where a film's results go in its bucket, what is there already, and how they get there."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from stills.aws.events import Film
from stills.errors import InputError, OutputError, StillsError
from stills.jobs.outputs import RemoteOutput
from stills.media.transports import open_store, store_error

RESULT = "people.json"
OWNER = "source.json"
"""Beside a result: whose it is. Two films of one name come to two places, also where they are done at one time."""

KEY = "aws"
"""Under which a result says what it was made of, and how."""

_MORE_TIME = 1.25
"""A partial result is made again where there is so many times the time that it had."""

_Answer = TypeVar("_Answer")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Object:
    """The film as it is in the bucket."""

    size: int
    tag: str


def look(film: Film) -> Object:
    """What is there. Raises ``InputError`` and its children."""
    fs, path = _ask(film.address, lambda: open_store(film.address))
    found = _ask(film.address, lambda: fs.info(path))
    if found.get("type") == "directory":
        raise InputError("this is a folder, not an object", path=film.address, remedy="name the film")
    return Object(int(found.get("size") or 0), str(found.get("ETag") or found.get("LastModified") or ""))


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of a bucket, which belongs to one film."""

    film: Film
    prefix: str

    @property
    def address(self) -> str:
        """Where it is, without a slash at the end."""
        return f"s3://{self.film.bucket}/{self.prefix}"

    def earlier(self, made_of: Object, key: str, seconds: float) -> dict[str, Any] | None:
        """The result that is here, if it is of the same object and settings (``key``).

        One that is partial for lack of time counts where there are not many more ``seconds`` now than it had.
        """
        fs, path = _ask(self.address, lambda: open_store(self.address))
        try:
            document = json.loads(fs.cat_file(f"{path}/{RESULT}"))
            made = document[KEY]
            same = (made["key"], made["tag"], made["settings"]) == (self.film.key, made_of.tag, key)
            final = not made["short_of_time"] or seconds < _MORE_TIME * float(made["seconds_there_were"])
        except Exception as error:  # noqa: BLE001 - there is none, or it is none of ours: it is made anew
            _log.debug("no earlier result at %s: %s", self.address, type(error).__name__)
            return None
        return document if same and final and made_of.tag else None

    def publish(self, files: Sequence[Path], pause: Callable[[float], object]) -> None:
        """Upload ``files`` of one folder, the JSON last. Raises ``OutputError``."""
        RemoteOutput(self.address, files[0].parent, pause).publish(files)

    def key(self, name: str) -> str:
        """The key of an object in it."""
        return f"{self.prefix}/{name}"


def take_place(film: Film, prefix: str) -> Place:
    """Where results of ``film`` go: ``prefix/file name``, with a hash behind it where that is another film's.

    Whose it is is written there first, in one step that only one can do. Raises ``OutputError``.
    """
    name = film.key.rstrip("/").rpartition("/")[2]
    digest = hashlib.blake2b(film.key.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    stem, dot, suffix = name.rpartition(".")
    other = f"{stem}-{digest}.{suffix}" if dot and stem else f"{name}-{digest}"
    for folder in (name, other):
        place = Place(film, f"{prefix.strip('/')}/{folder}")
        if _is_taken_for(place):
            return place
    remedy = "remove the outputs of films that are gone"
    raise OutputError(f"both {name} and {other} belong to other films", path=place.address, remedy=remedy)


def _is_taken_for(place: Place) -> bool:
    """Whether ``place`` is the film's, now or since before."""
    fs, path = _ask(place.address, lambda: open_store(place.address), OutputError)
    bucket, key, _ = fs.split_path(f"{path}/{OWNER}")
    said = json.dumps({"bucket": place.film.bucket, "key": place.film.key}).encode()

    def take() -> bool:
        try:
            fs.call_s3("put_object", Bucket=bucket, Key=key, Body=said, IfNoneMatch="*")
        except Exception as error:
            if _code(error) in {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}:
                return False
            raise
        return True

    if _ask(place.address, take, OutputError):
        return True
    try:
        owner = json.loads(_ask(place.address, lambda: fs.cat_file(f"{path}/{OWNER}"), OutputError))
        return bool(owner["key"] == place.film.key)
    except (ValueError, KeyError, TypeError):
        return False  # somebody else's file


def _code(error: BaseException) -> str:
    """What S3 called the error."""
    for one in (error, error.__cause__):
        answer = getattr(one, "response", None)
        if isinstance(answer, dict):
            return str(answer.get("Error", {}).get("Code", ""))
    return ""


def _ask(address: str, what: Callable[[], _Answer], kind: type[StillsError] | None = None) -> _Answer:
    """What the store answers. Raises its error in words; as ``kind`` where that is given."""
    try:
        return what()
    except Exception as error:  # noqa: BLE001 - each store has errors of its own
        found = store_error(error, address)
        if kind is None:
            raise found from None
        raise kind(found.message, path=found.path, remedy="check the permissions of the function") from None
