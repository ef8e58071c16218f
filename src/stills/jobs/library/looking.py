"""Looking at a library from outside, while it is worked on or not: how far it is, what failed, what is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from stills.errors import NoStateError, StateError, UsageError
from stills.jobs.outputs import remote_output
from stills.jobs.store.records import Counts, Failure, Run, State

if TYPE_CHECKING:
    from stills.jobs.store.store import Store

Ended: TypeAlias = Literal["failed", "quarantined", "all"]
"""Which of the videos without a result are meant."""

_STATES: dict[str, tuple[State, ...]] = {
    "failed": ("failed",),
    "quarantined": ("quarantined",),
    "all": ("failed", "quarantined"),
}

_MOST_UNDER_WAY = 32
"""More are counted, not listed."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A video that is worked on now.

    Attributes:
        source: As it was named, without credentials.
        recipe: What is asked of it.
        attempt: Which try this is, from 1.
        segments: How many of its segments are finished, in this try and those before.
        host: The machine that works on it.
        since: When this try began, in Unix seconds.
    """

    source: str
    recipe: str
    attempt: int
    segments: int
    host: str
    since: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Why videos have no result: one reason, and how many there are of it."""

    state: State
    error_class: str
    code: str
    number: int
    example: Failure
    """One of them."""


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """How far a library is.

    Attributes:
        out: The output folder, or its address.
        database: Where its state is kept, without credentials.
        counts: How many videos are in which state.
        runs: Those at work now, the oldest first.
        last_run: The one that began last; ``None`` where there never was one.
        under_way: Videos being worked on; 32 at most.
        problems: What failed, by reason, the most frequent first.
    """

    out: str
    database: str
    counts: Counts
    runs: Sequence[Run]
    last_run: Run | None
    under_way: Sequence[UnderWay]
    problems: Sequence[Problem]

    @property
    def active(self) -> bool:
        """Whether anybody works on it."""
        return bool(self.runs)

    @property
    def rate(self) -> float | None:
        """Videos finished a second; ``None`` where nobody works, or fewer than two are."""
        return self.counts.rate if self.active else None

    @property
    def time_left_s(self) -> float | None:
        """Seconds to go at this rate; ``None`` where there is none."""
        return self.counts.time_left_s if self.active else None


def library_status(out: Path | str, database: str | None = None) -> LibraryStatus:
    """How far the library in ``out`` is. Nothing is changed, and whoever works on it is not kept waiting.

    Args:
        out: The output folder, or the address of one elsewhere.
        database: Where its state is kept, if not in the output folder; as the setting ``jobs.database``.

    Raises:
        NoStateError: Nothing was ever run on many videos there.
        StateError: The state is damaged, of another version, or cannot be reached.
        SettingsError: ``database`` is none that is known.
    """
    with open_library(out, database, readonly=True) as store:
        return read_status(store, shown_out(out))


def library_retry(
    out: Path | str, reason: str | None = None, *, state: Ended = "failed", database: str | None = None
) -> int:
    """Have videos that failed tried again by the next run of the same inputs (or the one at work now); how many.

    All their tries are before them again.

    Args:
        out: As for :func:`library_status`.
        reason: Only those with this class (``transient``, ``corrupt``, ``input``, ``resource``, ``bug``) or code
            (``timeout``, ``not-a-video``, …) of error.
        state: Those that ``failed``, those that were put aside (``quarantined``), or ``all`` of them.
        database: As for :func:`library_status`.

    Raises:
        UsageError: There is no such state.
        StateError: As for :func:`library_status`.
    """
    states = _states(state)
    with _open_known(out, database) as store:
        return store.requeue(reason, states=states)


def library_failures(
    out: Path | str, reason: str | None = None, *, state: Ended = "all", database: str | None = None
) -> list[Failure]:
    """Videos of the library that failed or were put aside, and why; arguments and errors as :func:`library_retry`."""
    states = _states(state)
    with open_library(out, database, readonly=True) as store:
        return [failure for failure in store.failures(reason) if failure.state in states]


def open_library(out: Path | str, database: str | None = None, *, readonly: bool = False) -> Store:
    """The state of the library in ``out``, a folder or an address. Raises as :func:`library_status`."""
    from stills.addresses import is_address, local_path
    from stills.jobs.store import open_store

    if isinstance(out, str) and is_address(out) and local_path(out) is None:
        from stills.jobs.outputs import staged
        from stills.settings import load_settings

        out = staged(out, load_settings().cache_folder)
    remote = remote_output(out) if isinstance(out, Path) else None
    # As the engine does: an output elsewhere has its state with its copy here, unless a database was named.
    return open_store(out if remote is None or database is None else remote.address, database, readonly=readonly)


def _open_known(out: Path | str, database: str | None) -> Store:
    """The state of a library to change it. Where nothing was ever run, none is made: raises ``NoStateError``."""
    try:
        open_library(out, database, readonly=True).close()
    except NoStateError:
        raise
    except StateError:
        pass  # of an older version, which is brought up to date, or broken, which is said next
    return open_library(out, database)


def read_status(store: Store, out: str) -> LibraryStatus:
    """What :func:`library_status` says, of a store that is open."""
    problems = [Problem(one.state, one.error_class, one.code, number, one) for number, one in store.examples()]
    return LibraryStatus(
        out=out,
        database=store.shown,
        counts=store.counts(),
        runs=tuple(store.active_runs()),
        last_run=store.last_run(),
        under_way=tuple(_under_way(store)),
        problems=tuple(sorted(problems, key=lambda one: (-one.number, one.code))),
    )


def _under_way(store: Store) -> list[UnderWay]:
    found: list[UnderWay] = []
    for video in store.videos("running"):
        tries = store.attempts(video.id)
        if tries:  # it may have ended meanwhile, but a try stays
            last = tries[-1]
            segments = len(store.segments(video.id))
            found.append(UnderWay(video.source, video.recipe, last.number, segments, last.host, last.began_at))
        if len(found) == _MOST_UNDER_WAY:
            break
    return sorted(found, key=lambda one: one.since)


def _states(state: str) -> tuple[State, ...]:
    if state not in _STATES:
        raise UsageError(f"there is no state {state!r} to try again", remedy=f"there are {', '.join(_STATES)}")
    return _STATES[state]


def shown_out(out: Path | str) -> str:
    """The output folder, for people: its address where it stands for one elsewhere."""
    from stills.addresses import public_name

    remote = remote_output(out) if isinstance(out, Path) else None
    return public_name(str(out)) if remote is None else remote.name
