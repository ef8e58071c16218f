"""What all parts of a run share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stills.jobs.library.ending import Ending, Patient
from stills.jobs.library.inputs import unsettled
from stills.jobs.library.place import Place
from stills.jobs.library.relay import Relay
from stills.jobs.store import Fingerprint, Run, VideoRow
from stills.jobs.store.records import Reason, What
from stills.jobs.watch import Watch

if TYPE_CHECKING:
    from stills.jobs.recipes import Recipe
    from stills.settings_model import Settings


@dataclass(frozen=True, slots=True)
class Queued:
    """What is to be known of a queued input besides what its claim says."""

    path: str | None = None
    """How to get at it, where that is not the claim's source: as it was named, or with what is secret in it."""
    what: What = "new"
    reasons: Sequence[Reason] = ()


_PLAIN = Queued()


@dataclass(slots=True)
class Job:
    """A run under way."""

    place: Place
    recipe: Recipe
    settings: Settings
    settings_key: str
    models_key: str
    run: Run
    state: Patient
    ending: Ending
    relay: Relay
    watch: Watch
    queued: dict[int, Queued] = field(default_factory=dict)
    """By the store's numbers; only those of which there is something to know."""

    def row(self, path: str, seen: Fingerprint, *, least: float = 0.0) -> VideoRow:
        """The input at ``path`` for the store, to be claimed after ``least`` seconds or more."""
        return VideoRow(
            path,
            self.recipe.name,
            seen,
            self.settings_key,
            self.models_key,
            not_before=max(least, unsettled(seen, self.settings.jobs.settle)),
        )

    def about(self, video: int) -> Queued:
        """What is known of a queued input."""
        return self.queued.get(video, _PLAIN)
