"""Where the threads of a run get their claims, where leases are kept alive, and where it is known that all is done."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stills.errors import CancelledError, StillsError
from stills.jobs.library.folders import folder_key
from stills.jobs.store import Claim

if TYPE_CHECKING:
    from stills.cancel import CancelToken
    from stills.jobs.library.job import Job

GROWING_S = 180.0
"""How long files that go on being written are waited for once everything else is done."""

_ASK_S = 1.0
"""How often the store is asked for work while there is none: other runs' leases run out unseen."""
_LOOK_S = 0.5
_GONE_S = 5.0
_QUICK_S = 0.25
"""Claims that are used up faster than this are taken several at once: a transaction costs what a tiny video does."""
_MOST = 16


@dataclass(slots=True, eq=False)
class Held:
    """A claim that this run holds, and what cancels the work on it."""

    claim: Claim
    token: CancelToken
    folder: str | None
    lost: bool = False
    """Whether it was given to somebody else."""


class Desk:
    """Hands out claims, one to each thread that asks. Safe to use from any thread."""

    def __init__(self, job: Job, *, growing_s: float = GROWING_S) -> None:
        """Nothing is to be done yet, but more may come until :meth:`fed`."""
        self._job = job
        self._growing_s = growing_s
        self.intake = threading.Lock()
        """Held while inputs are queued and noted: a claim must not come before what is known of it."""
        self._changed = threading.Condition()
        self._ready: deque[Held] = deque()
        self._held: dict[tuple[int, int], Held] = {}
        """By video and token: one that was lost may be claimed here again while work on the old claim is ending."""
        self._retries: dict[int, float] = {}
        self._growing: dict[int, str] = {}
        self._asking = False
        self._ask_at = 0.0
        self._last_found = 0.0
        self._limit = 1
        self._quiet_since: float | None = None
        self._fed = False
        self._over = False
        self.queued = 0
        """Inputs that this run has queued so far."""
        self.ended = 0
        """How many of them came to an end here."""
        job.ending.then(self._wake)

    # What goes in

    def added(self, count: int) -> None:
        """So many inputs were queued."""
        if count:
            with self._changed:
                self.queued += count
                self._ask_at = 0.0
                self._changed.notify_all()

    def fed(self) -> None:
        """There will be no more inputs."""
        with self._changed:
            self._fed = True
            self._ask_at = 0.0
            self._changed.notify_all()

    def wait_for_work(self, seconds: float) -> bool | None:
        """Whether anything is to be done: true, false, or ``None`` where that is not known yet."""
        with self._changed:
            if not self.queued and not self._fed:
                self._changed.wait(seconds)
            return True if self.queued else (False if self._fed else None)

    # What goes out

    def next(self) -> Held | None:
        """A claim to work on, as soon as there is one; ``None`` where all is done, or the run ends."""
        while True:
            with self._changed:
                while not self._ready or self._job.ending.over:
                    if self._over or self._job.ending.over:
                        return None  # claims that nobody began go back at the end of the run
                    now = time.monotonic()
                    if not self._asking and now >= self._ask_at:
                        self._asking = True
                        break
                    self._changed.wait(min(_LOOK_S, max(0.0, self._ask_at - now)) if not self._asking else _LOOK_S)
                else:
                    return self._ready.popleft()
            try:
                self._ask()
            except CancelledError:
                return None
            finally:
                with self._changed:
                    self._asking = False
                    self._changed.notify_all()

    def done(self, held: Held, *, ended: bool) -> None:
        """Nothing more is done for this claim; ``ended`` where nothing more is to be done for the video either."""
        self._job.ending.drop(held.token)
        with self._changed:
            self.ended += ended
            self._held.pop(_of(held.claim), None)

    def settled(self, video: int) -> None:
        """The input is not being written any more."""
        with self._changed:
            self._growing.pop(video, None)

    def grows(self, video: int, name: str) -> None:
        """The input is still being written; it was queued again."""
        with self._changed:
            self._growing[video] = name

    def retried(self, video: int, seconds: float) -> None:
        """The video is to be tried again after so long."""
        with self._changed:
            self._retries[video] = time.monotonic() + seconds
            self._ask_at = min(self._ask_at, self._retries[video])

    def holds(self, video: int) -> bool:
        """Whether a claim of this video is held here."""
        with self._changed:
            return any(known == video for known, _ in self._held)

    @property
    def growing(self) -> list[str]:
        """Inputs that were still being written when they were looked at last."""
        with self._changed:
            return list(self._growing.values())

    def beat(self) -> None:
        """Keep the leases. Work on a claim that was lost is cancelled. Raises what the store raises."""
        with self._changed:
            claims = [one.claim for one in self._held.values()]
        lost = self._job.state.ask(lambda store: store.heartbeat(self._job.run, claims))
        with self._changed:
            for claim in lost:
                self._lose(_of(claim))

    def _lose(self, which: tuple[int, int]) -> None:
        """A claim was given to somebody else, unless it ended meanwhile; called with the lock."""
        held = self._held.pop(which, None)
        if held is not None:
            held.lost = True
            held.token.cancel()
            if held in self._ready:
                self._ready.remove(held)

    def _ask(self) -> None:
        """Get claims from the store, or find out that there will be none."""
        job, fed, started = self._job, self._fed, time.monotonic()
        quick = started - self._last_found < _QUICK_S
        self._limit = min(_MOST, self._limit * 2) if quick and not job.settings.jobs.share else 1
        limit = self._limit
        with self.intake:
            claims = job.state.ask(lambda store: store.claim(job.run, limit=limit))
        if claims:
            keys = {claim.video: folder_key(job.about(claim.video).path or claim.source) for claim in claims}
            folders = job.state.ask(lambda store: store.folders(list(keys.values())))
            now = time.monotonic()
            with self._changed:
                for claim in claims:
                    held = Held(claim, job.ending.token(), folders.get(keys[claim.video]))
                    for known in [which for which in self._held if which[0] == claim.video]:
                        self._lose(known)
                    self._held[_of(claim)] = held
                    self._retries.pop(claim.video, None)
                    self._ready.append(held)
                    if claim.video not in self._growing:
                        self._quiet_since = None
                self._last_found, self._ask_at = now, 0.0
            return
        over = fed and self._nothing_left()
        with self._changed:
            self._over |= over
            soon = min([time.monotonic() + _ASK_S, *self._retries.values()])
            self._ask_at = max(soon, started + 0.05)

    def _nothing_left(self) -> bool:
        counts = self._job.state.ask(lambda store: store.counts(self._job.run))
        if counts.left == 0:
            return True
        now = time.monotonic()
        with self._changed:
            # One whose time has come, and which is not to be had, was taken by another run that shares the work.
            self._retries = {video: due for video, due in self._retries.items() if due > now - _GONE_S}
            others = counts.running > len(self._held)
            here = any(video not in self._growing for video, _ in self._held)
            if others or here or self._retries:
                self._quiet_since = None
                return False
            self._quiet_since = self._quiet_since or now
            return now - self._quiet_since > self._growing_s

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _of(claim: Claim) -> tuple[int, int]:
    return claim.video, claim.token


class Heart:
    """Keeps the leases of a run alive, and tells the watch how much there is to do; for a thread of its own."""

    def __init__(self, job: Job, desk: Desk) -> None:
        """Nothing is sent before :meth:`run`."""
        self._job = job
        self._desk = desk
        self._stop = threading.Event()

    def run(self) -> None:
        """Beat until :meth:`stop`, also while the run comes to its end."""
        every = self._job.run.lease_s / 3
        beat_at = time.monotonic() + every
        while not self._stop.wait(min(every, _QUEUE_S)):
            try:
                if time.monotonic() >= beat_at:
                    beat_at = time.monotonic() + every
                    self._desk.beat()
                self._tell_depth()
            except CancelledError:
                continue
            except Exception as error:  # noqa: BLE001 - without a heart the leases run out
                self._job.ending.fail(error)
        with contextlib.suppress(StillsError):  # how it ended, for whoever looks afterwards
            self._tell_depth()

    def stop(self) -> None:
        """The run is over."""
        self._stop.set()

    def _tell_depth(self) -> None:
        counts = self._job.state.ask(lambda store: store.counts(self._job.run))
        states = ("pending", "waiting", "running", "done", "failed", "quarantined")
        depth = {state: getattr(counts, state) for state in states}
        self._job.watch.queue(depth)


_QUEUE_S = 5.0
"""How often the watch hears how many videos are in each state."""
