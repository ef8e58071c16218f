"""The state of a library of videos: what is to be done, who does it, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from stills.errors import StateError
from stills.jobs.store import adding, claims, folders, reading, runs
from stills.jobs.store.database import Database
from stills.jobs.store.place import Place, this_place
from stills.jobs.store.records import (
    Attempt,
    Claim,
    Counts,
    Decision,
    Failure,
    Result,
    Run,
    Segment,
    State,
    Video,
    VideoRow,
)
from stills.jobs.store.session import Session
from stills.types import Fallback

_T = TypeVar("_T")
_FAILED: tuple[State, ...] = ("failed",)
_ASIDE: tuple[State, ...] = ("quarantined",)


class Store:
    """One library in a database; see :func:`stills.jobs.store.open_store`. Safe to use from many threads.

    Every method is one transaction (streams: one a page), and raises ``StateError`` where the database is damaged or
    gone, ``StateUnavailableError`` where it is locked for too long or cannot be reached.
    """

    def __init__(
        self, database: Database, library: int, *, fallbacks: Sequence[Fallback] = (), place: Place | None = None
    ) -> None:
        """``place`` is the process that runs are begun for: this one."""
        self._database = database
        self._library = library
        self._place = place
        self.fallbacks = tuple(fallbacks)
        """What is done otherwise than is best; to be said."""

    def __repr__(self) -> str:
        """Without credentials."""
        return f"Store({self.shown})"

    def __enter__(self) -> Store:
        """The store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def shown(self) -> str:
        """Where it is, without credentials."""
        return self._database.address.shown

    def close(self) -> None:
        """Close all connections. Runs and claims stay."""
        self._database.close()

    # Runs

    def begin_run(self, command: str, *, lease_s: float = 60.0, shared: bool = False) -> Run:
        """Begin to work on the library. What runs held that have died meanwhile is free again.

        Args:
            command: What was called, for people.
            lease_s: Without a heartbeat for so long, the run is taken for dead by other machines. On the same machine
                a process is looked for instead.
            shared: Work together with others that say so too, on the same inputs.

        Raises:
            RunActiveError: Another run is at work, and not both are shared. It is named.
        """
        place = self._place or this_place()
        return self._write(lambda at: runs.begin(at, command, lease_s=lease_s, place=place, shared=shared))

    def end_run(self, run: Run, how: str = "finished") -> None:
        """The run is over (``finished``, ``interrupted``, ``failed``); what it still held goes back."""
        self._write(lambda at: runs.end(at, run, how))

    def active_runs(self) -> list[Run]:
        """The runs at work now, the oldest first."""
        return self._read(runs.active)

    def active_run(self) -> Run | None:
        """The run at work now, the oldest where several share the work."""
        return next(iter(self.active_runs()), None)

    def last_run(self) -> Run | None:
        """The run that began last, whether it is over or not."""
        return self._read(runs.last)

    # Inputs

    def add_videos(
        self, run: Run, rows: Iterable[VideoRow], *, again: Collection[State] = (), everything: bool = False
    ) -> list[Decision]:
        """Queue inputs for ``run``; of each, in their order, what was decided.

        What is done and has not changed stays done; what has changed is queued anew, and whoever works on the old one
        is fenced off. Doing it twice changes nothing.

        Args:
            run: Only what was added for its batch is claimed by it.
            rows: The inputs. They are written in pieces; a long list may be given in parts.
            again: States whose videos are queued anew although nothing has changed, such as ``failed``.
            everything: Queue all of them anew (``--no-resume``).
        """
        rule = adding.Rule(again, everything)
        decisions: list[Decision] = []
        for piece in adding.chunks(rows):
            decisions += self._write(partial(adding.add, run=run, rows=piece, rule=rule))
        return decisions

    def compare(
        self, rows: Iterable[VideoRow], *, again: Collection[State] = (), everything: bool = False
    ) -> list[Decision]:
        """What :meth:`add_videos` would do, without doing it."""
        rule = adding.Rule(again, everything)
        decisions: list[Decision] = []
        for piece in adding.chunks(rows):
            decisions += self._read(partial(adding.compare, rows=piece, rule=rule))
        return decisions

    def requeue(
        self,
        reason: str | None = None,
        *,
        states: Collection[State] = _FAILED,
        sources: Collection[str] | None = None,
    ) -> int:
        """Queue videos anew, with all their tries before them; how many.

        Args:
            reason: Only those with this class or code of error.
            states: In which states they are.
            sources: Only these, as :attr:`Failure.source` says them.
        """
        return self._write(partial(adding.requeue, reason=reason, states=states, sources=sources))

    def quarantine_list(self) -> Iterator[Failure]:
        """Videos that were put aside, and why."""
        return (failure for failure in self.failures() if failure.state == "quarantined")

    def quarantine_clear(self, reason: str | None = None, *, sources: Collection[str] | None = None) -> int:
        """Let videos out of quarantine: they are queued anew; how many."""
        return self.requeue(reason, states=_ASIDE, sources=sources)

    def folders(self, keys: Sequence[str]) -> dict[str, str]:
        """The folders of those sources that have one in the output folder, by the sources' keys."""
        return self._read(lambda at: folders.folders(at, keys))

    def take_folders(self, wanted: Mapping[str, tuple[str, str]]) -> dict[str, str]:
        """Give sources their folders in the output folder, for good.

        Args:
            wanted: By the key of each source, the name that its folder should have, and that name as file systems
                compare it that do not tell upper from lower case.

        Returns:
            The folders of those that have one now, by key: the one wanted, or the one it had before. The others are
            missing: somebody else has what they want.
        """
        return self._write(lambda at: folders.take(at, wanted))

    def forget(self, keys: Sequence[str]) -> int:
        """Erase all that is known of the videos with these keys; how many there were."""
        step = adding.CHUNK
        pieces = [keys[start : start + step] for start in range(0, len(keys), step)]
        return sum(self._write(partial(claims.forget, keys=piece)) for piece in pieces)

    # Work

    def claim(self, run: Run, lease_s: float | None = None, limit: int = 1) -> list[Claim]:
        """Up to ``limit`` videos to work on, for ``lease_s`` seconds (the run's own) or until the next heartbeat.

        Nobody else gets them meanwhile. Those come first whose last owner's lease ran out. Raises ``FencedError``
        where ``run`` itself was taken for dead.
        """
        lease = run.lease_s if lease_s is None else lease_s
        return self._write(lambda at: claims.claim(at, run, lease, limit))

    def heartbeat(self, run: Run, held: Sequence[Claim] = ()) -> list[Claim]:
        """Say that ``run`` lives and works on ``held``; those of them that are lost, on which work is in vain.

        To be called several times within a lease.
        """
        return self._write(lambda at: claims.heartbeat(at, run, held))

    def segment_done(self, claim: Claim, number: int, *, seconds: float = 0.0) -> None:
        """Segment ``number`` is finished, and its rows are kept, so it need not be done again.

        ``seconds`` is the wall time it took. Raises ``FencedError``.
        """
        self._write(lambda at: claims.segment_done(at, claim, number, seconds))

    def finish(
        self, claim: Claim, outcome: str = "done", result: Mapping[str, Any] | None = None, *, seconds: float = 0.0
    ) -> None:
        """The video is done: state, attempt and result change in one transaction.

        Args:
            claim: It is used up.
            outcome: One word, such as ``done``, ``partial``, ``nothing-found``, ``skipped``.
            result: What to know of it, as JSON.
            seconds: Wall time it took.

        Raises:
            FencedError: The video was given to somebody else, or queued anew; nothing was written.
        """
        self._write(lambda at: claims.finish(at, claim, outcome[:64], result or {}, seconds))

    def fail(
        self,
        claim: Claim,
        *,
        error_class: str,
        code: str,
        message: str,
        log_tail: str = "",
        retry_in: float | None = None,
        quarantine: bool = False,
        counts: bool = True,
    ) -> None:
        """The video could not be done.

        Args:
            claim: It is used up.
            error_class: ``transient``, ``corrupt``, ``resource``, ``bug``.
            code: The error's.
            message: The error in one line. Of a long one the end is kept.
            log_tail: The end of what was logged. Of a long one the end is kept.
            retry_in: Seconds after which it is tried again, by the database's clock; ``None``: not by itself.
            quarantine: It is put aside; else it has failed. Of no meaning with ``retry_in``.
            counts: Whether it is among the video's own failures (:attr:`Claim.failures`).

        Raises:
            FencedError: As for :meth:`finish`.
        """
        said = claims.Failing(error_class, code, message, log_tail)
        self._write(lambda at: claims.fail(at, claim, said, retry_in=retry_in, quarantine=quarantine, counts=counts))

    def release(self, claim: Claim, *, wait_s: float = 0.0) -> None:
        """Give a claim back, through no fault of the video; it may be claimed again after ``wait_s`` seconds.

        Raises ``FencedError``.
        """
        self._write(lambda at: claims.release(at, claim, wait_s))

    # Looking

    def counts(self, run: Run | None = None) -> Counts:
        """How far the library is, or all that was given to ``run``."""
        batch = None if run is None else run.batch
        return self._read(lambda at: reading.counts(at, batch))

    def failures(self, reason: str | None = None) -> Iterator[Failure]:
        """Videos that failed or are in quarantine; ``reason``: with this class or code of error."""
        return reading.failures(self._read, self._library, reason)

    def examples(self) -> list[tuple[int, Failure]]:
        """Of each reason for which videos failed or are in quarantine, how many there are, and one of them."""
        return self._read(reading.examples)

    def videos(self, state: State | None = None) -> Iterator[Video]:
        """All videos, or those in one state, read page by page."""
        return reading.videos(self._read, self._library, state)

    def results(self) -> Iterator[Result]:
        """What came out of each video that is done, read page by page."""
        return reading.results(self._read, self._library)

    def videos_of(self, numbers: Sequence[int]) -> dict[int, Video]:
        """Some hundred videos by their numbers."""
        return self._read(lambda at: reading.videos_of(at, numbers))

    def results_of(self, numbers: Sequence[int]) -> dict[int, Result]:
        """What came out of those of some hundred videos that are done, by their numbers."""
        return self._read(lambda at: reading.results_of(at, numbers))

    def result(self, video: int) -> Result | None:
        """What came out of a video; ``None`` where it is not done."""
        return self._read(lambda at: reading.result(at, video))

    def attempts(self, video: int) -> list[Attempt]:
        """Every claim of a video, and how it ended."""
        return self._read(lambda at: reading.attempts(at, video))

    def segments(self, video: int) -> list[Segment]:
        """The finished pieces of a video, in order."""
        return self._read(lambda at: reading.segments(at, video))

    def _write(self, work: Callable[[Session], _T]) -> _T:
        if self._database.readonly:
            raise StateError("the state was opened to look at only", path=self.shown)
        return self._database.transact(lambda connection: work(self._session(connection)))

    def _read(self, work: Callable[[Session], _T]) -> _T:
        return self._database.read(lambda connection: work(self._session(connection)))

    def _session(self, connection: Connection) -> Session:
        return Session(connection, self._database, self._library)
