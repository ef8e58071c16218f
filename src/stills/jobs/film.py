"""One film of a batch: fetched if need be, asked about, written; whatever goes wrong is that film's alone."""

from __future__ import annotations

import json
import logging
import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.cancel import CancelToken
from stills.errors import (
    CancelledError,
    DownloadError,
    DownloadInterruptedError,
    InputError,
    LimitError,
    NothingFoundError,
    StillsError,
    StrictError,
)
from stills.files import atomic_write, ensure_folder, staging
from stills.jobs.addresses import clean, is_address, shown
from stills.jobs.download import fetch
from stills.jobs.manifest import FilmRow
from stills.jobs.recipes import Recipe, Work
from stills.jobs.records import STATE, FilmError, FilmOutcome, FilmStatus, MissingPoster, film_error
from stills.render.documents import to_json
from stills.retry import backoff
from stills.types import Progress, ProgressCallback

if TYPE_CHECKING:
    from stills.api.results import Result
    from stills.scan.scanner import Scanner
    from stills.settings import Settings

DOWNLOADS = Path(STATE) / "downloads"
"""Where downloads lie while they are used, in the output folder."""

_MB = 1_000_000

_log = logging.getLogger(__name__)


class CallbackError(Exception):
    """What the caller's own callback raised, on its way to the caller: it is no film's error."""

    def __init__(self, cause: Exception) -> None:
        """``cause`` is raised in the end."""
        super().__init__(str(cause))
        self.cause = cause


@dataclass(slots=True)
class _Sources:
    """The files of one film on this machine. ``names`` are what they are called in results, by path."""

    video: str = ""
    posters: list[str] = field(default_factory=list)
    missing: list[MissingPoster] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FilmWorker:
    """Does one film after another with the same scanner."""

    out: Path
    recipe: Recipe
    settings: Settings
    scanner: Scanner
    on_progress: ProgressCallback | None
    cancel: CancelToken

    def do(self, row: FilmRow) -> FilmOutcome:
        """What became of ``row``. Raises ``CancelledError``, and what a callback raises; nothing else."""
        started = time.monotonic()
        outcome = FilmOutcome(
            recipe=self.recipe.name,
            position=row.position,
            line=row.line,
            id=row.id,
            folder=row.folder,
            trailer=shown(row.trailer),
            posters=tuple(map(shown, row.posters)),
            extra=row.extra,
            status="failed",
        )
        try:
            outcome = self._finish(row, outcome)
        except CancelledError:
            raise
        except NothingFoundError as error:
            outcome = replace(outcome, status="nobody", warnings=(clean(error.message),))
        except StillsError as error:
            if error.details:
                _log.debug("%s: %s", row.id, error.details)
            kept = film_error(error)
            kept = replace(kept, message=clean(kept.message))
            status: FilmStatus = "skipped" if isinstance(error, _TrailerMissingError) else "failed"
            outcome = replace(outcome, status=status, error=kept)
        except CallbackError as error:
            raise error.cause from None
        except Exception as error:  # noqa: BLE001 - one film's bug must not cost the others
            _log.debug("%s: unexpected error", row.id, exc_info=error)
            said = clean(f"unexpected {type(error).__name__}: {error}".removesuffix(": "))
            details = clean("".join(traceback.format_exception(error)))
            remedy = "this is a bug in stills; --log-level debug shows where"
            outcome = replace(outcome, error=FilmError("bug", said, remedy, details=details))
        return replace(outcome, seconds=round(time.monotonic() - started, 3))

    def _finish(self, row: FilmRow, outcome: FilmOutcome) -> FilmOutcome:
        """Everything that can be right about a film."""
        with ExitStack() as stack:
            sources = self._sources(row, stack)
            try:
                result = self._answer(sources)
                if sources.video in sources.names:  # so that `stills forget` finds it
                    self.scanner.store.name_video(result.index.content, sources.names[sources.video])
                files = result.save(
                    self.out, name=row.folder, on_progress=self._told(sources), cancel=self.cancel
                )  # fmt: skip
            except StillsError as error:
                raise _renamed(error, sources.names) from error
            _rename_in_result(files[-1], sources.names)
            return self._judged(outcome, result, files, sources)

    def _answer(self, sources: _Sources) -> Result[Any]:
        """The recipe's answer; a failure that may pass is tried again as the settings say."""
        limits = self.settings.limits
        told = self._told(sources)
        work = Work(sources.video, sources.posters, self.settings, self.scanner, told, self.cancel)
        for attempt in range(limits.retries + 1):
            self.cancel.check()
            try:
                return self.recipe.ask(work)
            except StillsError as error:
                if not error.retryable or attempt == limits.retries:
                    raise
                pause = backoff(attempt, limits.retry_delay)
                _log.info("%s; trying again in %.1f s", error, pause)
                self.cancel.wait(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _judged(
        self, outcome: FilmOutcome, result: Result[Any], files: Sequence[Path], sources: _Sources
    ) -> FilmOutcome:
        found = self.recipe.found(result)
        fallbacks = tuple((one.code, _public(one.message, sources.names)) for one in result.fallbacks)
        unread = bool(sources.missing) or any(code == "poster-unreadable" for code, _ in fallbacks)
        status: FilmStatus = "partial" if result.partial or unread else "done" if found else "nobody"
        missing = [f"poster {one.path}: {one.message}" for one in sources.missing]
        return replace(
            outcome,
            status=status,
            found=found,
            result=files[-1].relative_to(self.out).as_posix(),
            warnings=(*(_public(said, sources.names) for said in result.warnings), *missing),
            fallbacks=fallbacks,
            missing_posters=tuple(sources.missing),
            files=tuple(files),
        )

    def _sources(self, row: FilmRow, stack: ExitStack) -> _Sources:
        """Have everything here; what was downloaded goes when ``stack`` is left."""
        sources = _Sources()
        remote = [place for place in (row.trailer, *row.posters) if is_address(place)]
        folder = stack.enter_context(staging(ensure_folder(self.out / DOWNLOADS))) if remote else None
        try:
            sources.video = self._local(row.trailer, folder, 0, sources)
        except DownloadInterruptedError:
            raise
        except (DownloadError, FileNotFoundError) as error:
            missing = error.message if isinstance(error, DownloadError) else "the trailer is not there"
            remedy = "check the table of films, then run it again"
            raise _TrailerMissingError(missing, path=shown(row.trailer), remedy=remedy) from None
        for number, poster in enumerate(row.posters if self.recipe.posters else (), 1):
            try:
                sources.posters.append(self._local(poster, folder, number, sources))
            except (DownloadError, LimitError, FileNotFoundError) as error:
                said = error.message if isinstance(error, StillsError) else "the poster is not there"
                if self.settings.strict:
                    raise StrictError(said, path=shown(poster), remedy="leave out --strict to accept this") from None
                sources.missing.append(MissingPoster(shown(poster), said))
        return sources

    def _local(self, place: str, folder: Path | None, number: int, sources: _Sources) -> str:
        """The path of a file on this machine; an address is downloaded."""
        if folder is None or not is_address(place):
            if not os.path.exists(place):
                raise FileNotFoundError(place)
            return place
        limits, name = self.settings.limits, shown(place)
        if self.on_progress is not None:
            self._tell(Progress("probe", name, 0.0, 0.0, 0.0))
        path = fetch(
            place,
            folder / str(number),
            max_bytes=limits.max_download * _MB,
            timeout=limits.download_timeout,
            retries=limits.retries,
            retry_delay=limits.retry_delay,
            cancel=self.cancel,
        )
        sources.names[str(path)] = name
        return str(path)

    def _told(self, sources: _Sources) -> ProgressCallback | None:
        """The caller's callback, told of the film under the name that it has in the table."""
        if self.on_progress is None:
            return None
        return lambda progress: self._tell(replace(progress, path=_public(progress.path, sources.names)))

    def _tell(self, progress: Progress) -> None:
        if self.on_progress is not None:
            guarded(self.on_progress, progress)


class _TrailerMissingError(InputError):
    """The trailer is not where the table says."""

    code = "missing"


def guarded(callback: Callable[..., object], *values: object) -> None:
    """Call the caller's ``callback``; what it raises goes out as :class:`CallbackError`."""
    try:
        callback(*values)
    except (CallbackError, CancelledError):
        raise
    except Exception as error:
        raise CallbackError(error) from error


def _public(text: str, names: Mapping[str, str]) -> str:
    """``text`` with temporary files called what they are in the table, and no secrets in it."""
    for path, name in names.items():
        text = text.replace(path, name)
    return clean(text)


def _renamed(error: StillsError, names: Mapping[str, str]) -> StillsError:
    if names:
        error.message, error.details = _public(error.message, names), _public(error.details, names)
        error.path = None if error.path is None else _public(error.path, names)
    return error


def _rename_in_result(path: Path, names: Mapping[str, str]) -> None:
    """Have a written result name addresses, not the temporary files that stood for them."""
    if not names:
        return
    document = json.loads(path.read_text(encoding="utf-8"))
    atomic_write(path, to_json(_replaced(document, names)))


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _public(value, names) if any(path in value for path in names) else value
    if isinstance(value, dict):
        return {key: _replaced(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, names) for one in value]
    return value
