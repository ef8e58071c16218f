"""One film: looked at as closely as there is time for, its people's pictures written and uploaded, all of it told."""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from stills._version import __version__
from stills.addresses import clean
from stills.api.people import LAYERS, PeopleResult, people
from stills.aws.answer import Answer, OutOfClockError, PostponedError, bug_json, error_json
from stills.aws.clock import Clock, Deadline
from stills.aws.configure import Configured
from stills.aws.counted import CountingRunner
from stills.aws.effort import Pace, Plan, TooSlowError, cores_of, plan_effort, wanted_effort
from stills.aws.events import Film
from stills.aws.pictures import Written, pictures_of, write
from stills.aws.place import KEY, RESULT, Object, Place, look, take_place
from stills.errors import CancelledError, StillsError, StrictError
from stills.files import ensure_folder
from stills.index.store import IndexStore
from stills.jobs.library.keys import settings_key
from stills.jobs.runner import open_runner
from stills.jobs.sources import VIDEO_SUFFIXES
from stills.media.remote import TOTAL
from stills.media.source import content_id
from stills.scan.scanner import Scanner
from stills.scan.sharing import SharedWorkers
from stills.scan.watch import OutOfTimeError
from stills.settings import change_settings
from stills.types import Fallback, VideoInfo

if TYPE_CHECKING:
    from stills.index.index import Index
    from stills.media.packets import PacketIndex
    from stills.settings_model import Settings

LEAST_S = 2.0
"""Seconds for looking at a film, without which it is not begun."""

LOWERED = "effort-lowered"
"""Code of the fallback where the time did not do for the effort that was wanted."""

_log = logging.getLogger(__name__)


class _KnownScanner(Scanner):
    """A scanner that asks once what a film is: outside of MP4, listing the packets is reading all of the object."""

    known: tuple[VideoInfo, PacketIndex] | None = None

    def _probe(self, path: str, cancel: Any) -> tuple[VideoInfo, PacketIndex]:
        if self.known is None:
            self.known = super()._probe(path, cancel)
        return self.known


@dataclass(slots=True)
class Workshop:
    """Does the films of one invocation with the same workers. To be closed."""

    configured: Configured
    clock: Clock
    _runner: CountingRunner | None = None

    def do(self, film: Film, *, first: bool = True) -> Answer:
        """What became of ``film``. What it raises is no film's error.

        One that is not the ``first`` of its batch is put off where it would get less than it wants for lack of time.
        """
        started = time.monotonic()
        answer = Answer(film)
        before = self.bytes_read
        try:
            why = self._why_not(film)
            if why is not None:
                answer.status = "skipped"
                answer.reasons.append(why)
            else:
                _Try(self, film, answer, first).run()
        except StillsError as error:
            answer.status, answer.error = "failed", error_json(error)
            if error.details:
                _log.debug("%s", clean(error.details))
        except Exception as error:  # noqa: BLE001 - one film's bug must not cost the others of its batch
            answer.status, answer.error = "failed", bug_json(error)
            _log.error("%s", clean("".join(traceback.format_exception(error))))
        answer.bytes_read = self.bytes_read - before
        answer.seconds, answer.seconds_left = time.monotonic() - started, self.clock.left()
        answer.log()
        return answer

    def _why_not(self, film: Film) -> str | None:
        """Why there is nothing to do for a film that nobody named: notifications tell of every object."""
        prefix = self.configured.settings.aws.output_prefix.strip("/") + "/"
        if film.key.startswith(prefix):
            return f"it is below {prefix}, where results go"
        if film.notified and film.key.endswith("/"):
            return "it is a folder"
        if film.notified and PurePosixPath(film.key).suffix.lower() not in VIDEO_SUFFIXES:
            return "its name is not that of a video"
        return None

    @property
    def runner(self) -> CountingRunner:
        """The workers, started when they are first needed."""
        if self._runner is None:
            self._runner = CountingRunner(open_runner(self.configured.settings, LAYERS))
        return self._runner

    @property
    def bytes_read(self) -> int:
        """Bytes of films that this process and its workers read so far."""
        return TOTAL.bytes_read + (0 if self._runner is None else self._runner.bytes_read)

    def close(self) -> None:
        """End the workers: between two invocations all processes are frozen."""
        if self._runner is not None:
            self._runner.close()


@dataclass(slots=True)
class _Try:
    """A film under way."""

    shop: Workshop
    film: Film
    answer: Answer
    first: bool
    notes: list[Fallback] = field(default_factory=list)
    seconds: float = 0.0  # for looking

    def run(self) -> None:
        """Do it, and complete the answer."""
        settings, clock, answer = self.shop.configured.settings, self.shop.clock, self.answer
        made_of = look(self.film)
        answer.object_bytes = made_of.size
        place = take_place(self.film, settings.aws.output_prefix)
        answer.output = f"{place.address}/"
        key = f"{__version__} {settings_key('people', settings)} {self._asked or ''}"
        self.seconds = clock.left() - clock.reserve(settings.aws.reserve)
        if not self.film.force and (found := place.earlier(made_of, key, self.seconds)) is not None:
            self._repeat(place, found)
            return
        if self.seconds < LEAST_S:
            raise self._too_late()
        _keep_only(settings, self.film.address)
        with self._folder() as folder:
            result, scanner = self._looked_at()
            written = write(folder, result, self._more(result, made_of, key), scanner, clock)
            place.publish(written.files, clock.pause)
        self._tell(place, result, written)
        if answer.status != "partial":
            IndexStore(settings.cache_folder).forget(result.index.content)

    @property
    def _asked(self) -> Any:
        return self.film.effort or self.shop.configured.effort

    def _looked_at(self) -> tuple[PeopleResult, Scanner]:
        """The people, and who decodes their pictures."""
        base, clock = self.shop.configured.settings, self.shop.clock
        deadline = Deadline(clock.left, clock.left() - self.seconds - clock.reserve(base.aws.reserve) / 3)
        begun = clock.left()
        scanner = self._scanner(base)
        try:
            video, _ = known = scanner.packets(self.film.address, cancel=deadline)
        except CancelledError:
            raise self._too_late() from None
        plan = self._plan(video)
        while True:
            left = self.seconds - (begun - clock.left())
            settings = change_settings(base, **{"scan.effort": plan.effort, "limits.video_timeout": max(1.0, left)})
            scanner = self._scanner(settings)
            scanner.known = known
            try:
                index = self._scan(scanner, Pace(plan.effort, left), deadline)
            except TooSlowError as slow:
                self._lower(plan.effort, slow.effort, "at the pace of the first minutes")
                plan = replace(plan, effort=slow.effort)
                continue
            self.answer.effort, self.answer.wanted = plan.effort, plan.wanted
            index = replace(index, fallbacks=(*index.fallbacks, *self.notes))
            return people(index, settings=change_settings(settings, **{"limits.video_timeout": None})), scanner

    def _scan(self, scanner: Scanner, pace: Pace, deadline: Deadline) -> Index:
        try:
            return scanner.scan(self.film.address, layers=LAYERS, on_progress=pace, cancel=deadline)
        except CancelledError:
            raise self._too_late() from None
        except OutOfTimeError:  # no segment was finished
            raise self._too_late() from None

    def _scanner(self, settings: Settings) -> _KnownScanner:
        return _KnownScanner(settings, SharedWorkers(self.shop.runner, settings, LAYERS))

    def _plan(self, video: VideoInfo) -> Plan:
        """How closely to look at ``video``. Raises ``PostponedError``, and ``StrictError`` where less is refused."""
        configured = self.shop.configured
        wanted = wanted_effort(video.duration, self._asked, configured.settings.aws)
        cores = cores_of(configured.memory_mb, self.shop.runner.workers)
        plan = plan_effort(video, wanted, self.seconds, cores)
        if not self.first and not (plan.fits and plan.effort == wanted):
            said = "there is too little time left for it in this batch"
            raise PostponedError(said, path=self.film.address, remedy="it comes again; or use batches of one")
        if plan.effort != wanted:
            self._lower(wanted, plan.effort, f"{self.seconds:.0f} s would probably not do")
        return plan

    def _lower(self, before: str, after: str, why: str) -> None:
        said = f"looked at with the effort {after} rather than {before}: {why}"
        if self.shop.configured.settings.strict:
            remedy = "allow the function more time or memory, or do without strict"
            raise StrictError(said, path=self.film.address, remedy=remedy)
        _log.warning("%s: %s", self.film.address, said)
        self.notes.append(Fallback(LOWERED, said))

    def _too_late(self) -> StillsError:
        if not self.first:
            return PostponedError("there is no time left for it", path=self.film.address, remedy="it comes again")
        said = "the time was up before any part of it was looked at"
        return OutOfClockError(said, path=self.film.address, remedy="allow the function more time or memory")

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        """A folder for the pictures on their way, gone afterwards."""
        cache = ensure_folder(self.shop.configured.settings.cache_folder)
        with tempfile.TemporaryDirectory(prefix="pictures-", dir=cache, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _more(self, result: PeopleResult, made_of: Object, key: str) -> dict[str, Any]:
        """What the document says besides."""
        video = {**result.to_json()["video"], "path": self.film.address}
        return {"video": video, KEY: {
            "bucket": self.film.bucket, "key": self.film.key, "tag": made_of.tag, "bytes": made_of.size,
            "settings": key, "effort_wanted": self.answer.wanted, "seconds_there_were": round(self.seconds, 1),
            "short_of_time": _is_short(result),
        }}  # fmt: skip

    def _tell(self, place: Place, result: PeopleResult, written: Written) -> None:
        answer = self.answer
        answer.result, answer.pictures = place.key(RESULT), [*map(place.key, pictures_of(written.document))]
        answer.people = len(result.people)
        answer.coverage, answer.duration = result.scan.coverage, result.video.duration
        answer.reasons += [*result.warnings, *(one["message"] for one in written.document["fallbacks"])]
        answer.status = "partial" if written.document["partial"] else "done" if result.people else "nobody"

    def _repeat(self, place: Place, found: dict[str, Any]) -> None:
        """Tell again what was done before."""
        answer = self.answer
        answer.repeated = True
        answer.result, answer.pictures = place.key(RESULT), [*map(place.key, pictures_of(found))]
        answer.people = len(found["people"])
        answer.effort, answer.wanted = found["scan"]["effort"], found[KEY]["effort_wanted"]
        answer.coverage, answer.duration = found["scan"]["coverage"], found["video"]["duration"]
        answer.reasons += [*found["warnings"], *(one["message"] for one in found["fallbacks"])]
        answer.status = "partial" if found["partial"] else "done" if answer.people else "nobody"


def _is_short(result: PeopleResult) -> bool:
    """Whether more time would give more."""
    return any("--video-timeout" in said for said in result.warnings) or any(
        one.code == LOWERED for one in result.fallbacks
    )


def _keep_only(settings: Settings, address: str) -> None:
    """Erase the indexes of other films: the disk of a function is small. What is left of this one is gone on from."""
    store = IndexStore(settings.cache_folder)
    content = content_id(address)
    if store.root.is_dir():
        for folder in store.root.iterdir():
            if folder.name != content:
                shutil.rmtree(folder, ignore_errors=True)
