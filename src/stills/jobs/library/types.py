"""What working on a library takes and gives back: plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from stills.jobs.store.records import Counts, Reason, What
from stills.types import Progress

if TYPE_CHECKING:
    from stills.api.results import Result
    from stills.errors import StillsError

ErrorClass: TypeAlias = Literal["transient", "corrupt", "input", "resource", "bug"]
"""Why a video failed, which decides what is done about it.

``transient``: may pass by itself; tried again after a pause that grows. ``corrupt``: the file is broken, or no video;
put into quarantine at once. ``input``: it is not there, or may not be read: failed, not tried again.
``resource``: there was too little memory, time or disk; tried again with fewer workers. ``bug``: nobody foresaw it;
kept with its traceback.
"""

Status: TypeAlias = Literal["done", "partial", "nothing", "kept", "failed", "quarantined", "again", "left"]
"""What became of an input in this run.

``done``; ``partial``: done, but only a part of it could be read; ``nothing``: done, nothing in it qualifies; ``kept``:
was done before and has not changed; ``failed``; ``quarantined``; ``again``: failed, and is tried again by this run;
``left``: left for later (somebody else works on it, or it is still being copied when the run ends).
"""

ENDED: frozenset[Status] = frozenset({"done", "partial", "nothing", "kept"})
"""Those that have a result."""


@dataclass(frozen=True, slots=True)
class VideoOutcome:
    """What became of one input.

    Attributes:
        source: The input as it was named, without credentials.
        status: See :data:`Status`.
        what: What the store decided: ``new``, ``changed``, ``resume``, ``done``, …
        reasons: What changed since the last time: ``input``, ``settings``, ``models``.
        folder: Its folder in the output folder; ``None`` where it has none.
        files: What was written (or was there already, for ``kept``), the result's JSON last.
        noted: What the store keeps of a result: ``found``, ``duration``, ``warnings``, ``fallbacks``, ``seconds``, ….
        result: The result itself, for what ended in this run; ``None`` otherwise.
        error: What went wrong.
        error_class: Why.
        attempt: Which try this was, from 1.
        retry_in: Seconds after which it is tried again, where it is.
        seconds: Wall time of this try.
    """

    source: str
    status: Status
    what: What
    reasons: Sequence[Reason] = ()
    folder: Path | None = None
    files: Sequence[Path | str] = ()
    noted: Mapping[str, Any] = field(default_factory=dict)
    result: Result[Any] | None = None
    error: StillsError | None = None
    error_class: ErrorClass | None = None
    attempt: int = 1
    retry_in: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LibraryResult:
    """What a run did.

    ``counts`` are of this run's inputs by :data:`Status` (an input that was tried again counts once, as it ended);
    ``library`` how far the whole library is now. ``report`` is the page that was written, if any.
    """

    out: Path
    recipe: str
    counts: Mapping[Status, int]
    library: Counts
    report: Path | str | None = None
    interrupted: bool = False


OnVideo: TypeAlias = Callable[[VideoOutcome], None]
OnStart: TypeAlias = Callable[[str], None]
OnProgress: TypeAlias = Callable[[Progress], None]
