"""Sources into the store, piece by piece: what is to be done is queued, what is done is said to be."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from stills.addresses import public_name
from stills.errors import InputError, StillsError
from stills.jobs.library.desk import Desk
from stills.jobs.library.failure import classify
from stills.jobs.library.folders import name_folders
from stills.jobs.library.inputs import look_at_all
from stills.jobs.library.job import Job, Queued
from stills.jobs.library.types import ErrorClass, Status, VideoOutcome
from stills.jobs.sources import Source
from stills.jobs.store import Decision, Fingerprint, State, Video
from stills.jobs.store.records import Result

PIECE = 256
"""Inputs that are looked at together: more make transactions long, fewer make many of them."""


@dataclass(frozen=True, slots=True)
class _Input:
    """An input that can be looked at."""

    path: str
    seen: Fingerprint

    @property
    def name(self) -> str:
        return public_name(self.path)


class Feeder:
    """Takes the inputs of a run in; :meth:`run` is for a thread of its own."""

    def __init__(self, job: Job, desk: Desk, sources: Iterable[Source], *, again: Collection[State] = ()) -> None:
        """``again`` are states whose videos are queued anew although nothing has changed."""
        self._job = job
        self._desk = desk
        self._sources = sources
        self._again = frozenset(again)

    def run(self) -> None:
        """Take all in. What goes wrong with one is that one's; what goes wrong with all ends the run."""
        job = self._job
        try:
            remaining = iter(self._sources)
            while piece := list(itertools.islice(remaining, PIECE)):
                if job.ending.over:
                    return
                self._take(piece)
        except BaseException as error:  # noqa: BLE001 - a thread's last frame; the caller gets it
            job.ending.fail(error)
        finally:
            self._desk.fed()

    def _take(self, piece: Sequence[Source]) -> None:
        wrong = [(source, source.error) for source in piece if source.error is not None]
        right = [source.path for source in piece if source.error is None]
        found: list[_Input] = []
        gone: list[tuple[str, StillsError]] = []
        for path, seen in zip(right, look_at_all(right), strict=True):
            if isinstance(seen, Fingerprint):
                found.append(_Input(path, seen))
            else:
                gone.append((path, seen))
        for source, error in wrong:
            self._refuse(source.name, error)
        self._add([*found, *self._missing(gone)])

    def _missing(self, gone: Sequence[tuple[str, StillsError]]) -> list[_Input]:
        """Inputs that cannot be looked at: what is done stays done, the others are tried, and fail with the reason."""
        if not gone:
            return []
        job = self._job
        rows = [job.row(path, Fingerprint()) for path, _ in gone]
        decisions = job.state.ask(lambda store: store.compare(rows))
        numbers = [decision.video for decision in decisions if decision.video is not None]
        known = job.state.ask(lambda store: store.videos_of(numbers)) if numbers else {}
        tried = []
        for (path, error), decision in zip(gone, decisions, strict=True):
            video = known.get(decision.video or 0)
            if video is not None and video.state == "done":
                self._refuse(public_name(path), error)
            else:
                tried.append(_Input(path, Fingerprint() if video is None else video.fingerprint))
        return tried

    def _refuse(self, name: str, error: StillsError) -> None:
        kind, _, _ = classify(error, self._job.place.folder)
        self._job.watch.counted(self._job.recipe.name, "failed")
        self._job.relay.outcome(VideoOutcome(name, "failed", "new", error=error, error_class=kind, attempt=0))

    def _add(self, inputs: Sequence[_Input]) -> None:
        """Queue ``inputs``, or say what they are."""
        if not inputs:
            return
        job = self._job
        name_folders(job.state, job.place.folder, [one.path for one in inputs])
        with self._desk.intake:
            decisions = self._decide(inputs, everything=not job.settings.scan.resume)
            kept = [decision.video for decision in decisions if decision.what == "done" and decision.video is not None]
            results = job.state.ask(lambda store: store.results_of(kept)) if kept else {}
            lost = [
                number
                for number, decision in enumerate(decisions)
                if decision.what == "done" and not self._is_there(results.get(decision.video or 0))
            ]
            if lost:  # somebody removed their results
                fresh = self._decide([inputs[number] for number in lost], everything=True)
                for number, decision in zip(lost, fresh, strict=True):
                    decisions[number] = decision
            self._note(inputs, decisions)
        self._tell(inputs, decisions, results)

    def _note(self, inputs: Sequence[_Input], decisions: Sequence[Decision]) -> None:
        """Keep what the work needs to know of what was queued."""
        queued = 0
        for one, decision in zip(inputs, decisions, strict=True):
            if decision.queued and decision.video is not None:
                path = one.path if one.path != decision.source else None
                if path is not None or decision.what != "new":
                    self._job.queued[decision.video] = Queued(path, decision.what, decision.reasons)
                queued += 1
        self._desk.added(queued)

    def _decide(self, inputs: Sequence[_Input], *, everything: bool) -> list[Decision]:
        job = self._job
        rows = [job.row(one.path, one.seen) for one in inputs]
        return job.state.ask(lambda store: store.add_videos(job.run, rows, again=self._again, everything=everything))

    def _is_there(self, result: Result | None) -> bool:
        """Whether what came out still is, if anything did. What lies behind an address is not asked about."""
        place, file = self._job.place, None if result is None else result.result.get("file")
        return place.remote is not None or file is None or (place.folder / str(file)).is_file()

    def _tell(self, inputs: Sequence[_Input], decisions: Sequence[Decision], results: Mapping[int, Result]) -> None:
        """Say what is not queued."""
        state = self._job.state
        bad = [d.video for d in decisions if d.what in {"failed", "quarantined"} and d.video is not None]
        videos = state.ask(lambda store: store.videos_of(bad)) if bad else {}
        for one, decision in zip(inputs, decisions, strict=True):
            if decision.queued or decision.video is None:
                continue
            if decision.what == "running":
                self._elsewhere(one, decision)
            elif decision.what == "done":
                self._kept(one, decision, results.get(decision.video))
            else:
                self._given_up(one, decision, videos.get(decision.video))

    def _elsewhere(self, one: _Input, decision: Decision) -> None:
        """Another run works on it; one that was named twice, and is under way here, is no news."""
        if decision.video is not None and not self._desk.holds(decision.video):
            self._job.watch.counted(decision.recipe, "left")
            self._job.relay.outcome(VideoOutcome(one.name, "left", "running"))

    def _kept(self, one: _Input, decision: Decision, result: Result | None) -> None:
        place, noted = self._job.place, {} if result is None else dict(result.result)
        folder = place.folder / str(noted["folder"]) if "folder" in noted else None
        files = (place.name(str(noted["file"])),) if "file" in noted else ()
        self._job.watch.counted(decision.recipe, "kept")
        self._job.relay.outcome(
            VideoOutcome(one.name, "kept", "done", folder=folder, files=files, noted=noted, attempt=0)
        )

    def _given_up(self, one: _Input, decision: Decision, video: Video | None) -> None:
        """It failed in an earlier run, and nothing has changed."""
        status: Status = "quarantined" if decision.what == "quarantined" else "failed"
        said, _, remedy = ((video and video.message) or "it failed before").partition(" — ")
        error = EarlierError(said, path=one.name, remedy=remedy or None)
        error.earlier = decision.outcome
        kind = _class_of(video)
        self._job.watch.counted(decision.recipe, status)
        self._job.relay.outcome(VideoOutcome(one.name, status, decision.what, error=error, error_class=kind, attempt=0))


class EarlierError(InputError):
    """What an earlier run met; ``earlier`` is its code."""

    code = "earlier"
    earlier: str = ""


def _class_of(video: Video | None) -> ErrorClass:
    known: dict[str, ErrorClass] = {
        "transient": "transient", "corrupt": "corrupt", "input": "input", "resource": "resource", "bug": "bug",
    }  # fmt: skip
    return known.get((video and video.error_class) or "", "bug")
