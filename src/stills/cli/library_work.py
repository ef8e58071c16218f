"""Many videos: a recipe over a library, several of them at once, going on where the last run stopped."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import stills
from stills.addresses import clean
from stills.cli.inputs import Input, stream
from stills.cli.library_view import LibraryView
from stills.cli.run import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_NOTHING,
    EXIT_SOME_FAILED,
    Outcome,
    about,
    cancel_on_signals,
    tell_outcome,
)
from stills.cli.say import count, line, log, note, report_error
from stills.cli.session import Session
from stills.errors import CancelledError, StillsError, UsageError
from stills.jobs.library.types import ENDED
from stills.jobs.outputs import check_out, public_text

if TYPE_CHECKING:
    from stills.jobs.library.types import LibraryResult, VideoOutcome

Tell = Callable[[str, Any, Sequence[Path | str], Path], Outcome]
"""What to say of a result, as in :mod:`stills.cli.recipe_work`."""

_REASONS = {"input": "the video", "settings": "settings", "models": "models"}
_COUNTED = {
    "done": "done",
    "partial": "done",
    "nothing": "with nothing that qualifies",
    "kept": "done before",
    "failed": "failed",
    "quarantined": "in quarantine",
    "left": "left for later",
}


def run_library(
    session: Session, recipe: str, named: Sequence[str], out: Path, tell: Tell, *, dry: bool = False
) -> int:
    """Ask ``recipe`` of all videos that ``named`` stands for, or with ``dry`` say what would be done; the exit code.

    Nothing is gathered: inputs are found as they are asked for, and of what has ended only counts are kept.
    """
    if dry:
        from stills.cli.dry_library import plan_library

        return plan_library(session, recipe, named, out)
    check_out(out)
    with cancel_on_signals() as token, LibraryView(session.events, quiet=session.quiet) as view:
        teller = _Teller(session, out, tell, view)
        try:
            done = stills.library(
                _counted(stream(named, out=out), teller), out, recipe=recipe, settings=session.settings,
                on_start=teller.start, on_progress=view, on_video=teller.end, on_note=teller.note, cancel=token,
                command=called(),
            )  # fmt: skip
        except (CancelledError, KeyboardInterrupt):
            done = None
        except StillsError as error:
            if isinstance(error, UsageError) and not teller.inputs:
                raise  # the call itself is wrong, and nothing was started
            with view.paused():
                report_error(error)
            session.events.error(error, path=None)
            return _sum_up(session, teller, None, stopped=True)
    return _sum_up(session, teller, done)


def _counted(inputs: Iterator[Input], teller: _Teller) -> Iterator[Input]:
    """``inputs``, counted as they are taken."""
    for item in inputs:
        teller.found()
        yield item
    teller.found(last=True)


class _Teller:
    """Says of every video what became of it."""

    def __init__(self, session: Session, out: Path, tell: Tell, view: LibraryView) -> None:
        self._session = session
        self._out = out
        self._tell = tell
        self._view = view
        self.inputs = 0
        self.all_found = False
        self.counts: Counter[str] = Counter()
        self.something = False
        """Whether any video has something that qualifies, now or from before."""

    def found(self, *, last: bool = False) -> None:
        """One more input; or that there is none more."""
        self.inputs += not last
        self.all_found = last
        self._view.found(self.inputs, all_of_them=last)

    def start(self, source: str) -> None:
        """Work on a video begins."""
        self._view.begin(source)
        self._session.events.emit("started", input=source)

    def end(self, outcome: VideoOutcome) -> None:
        """A try of a video has ended."""
        if outcome.status == "again":
            self._view.pause(outcome.source)
            self._say_again(outcome)
            return
        self._view.end(outcome.source)
        self.counts[outcome.status] += 1
        with self._view.paused():
            if outcome.status in ENDED:
                said = self._outcome(outcome)
                self.something = self.something or said.found
                tell_outcome(self._session, outcome.source, said)
            elif outcome.status == "left":
                self._say_left(outcome)
            else:
                self._say_error(outcome)

    def note(self, text: str) -> None:
        """Something about the run as a whole."""
        if not self._session.quiet:
            with self._view.paused():
                note(f"note: {text}")

    def _outcome(self, outcome: VideoOutcome) -> Outcome:
        """A video that has a result, in words."""
        fields = {"kept": outcome.status == "kept", "what": outcome.what, "attempt": outcome.attempt}
        folder = self._out if outcome.folder is None else outcome.folder
        if outcome.result is not None:
            said = self._tell(outcome.source, outcome.result, outcome.files, folder)
        elif outcome.status == "kept":
            found = bool(outcome.noted.get("found", True))
            said = Outcome(f"{outcome.source}: done before → {folder}", found=found, files=outcome.files)
        else:
            why = "nothing that qualifies" if outcome.error is None else outcome.error.message
            said = Outcome(f"{outcome.source}: {why}", found=False, files=outcome.files)
        again = _why_again(outcome)
        return replace(
            said,
            line=public_text(said.line) + (f" ({again})" if again else ""),
            warnings=tuple(map(public_text, said.warnings)),
            fields={**said.fields, **fields, "reasons": list(outcome.reasons)},
        )

    def _say_again(self, outcome: VideoOutcome) -> None:
        error = outcome.error
        said = "failed" if error is None else error.message
        log.info("%s: %s; trying again in %.1f s", outcome.source, said, outcome.retry_in or 0.0)
        self._session.events.emit(
            "again", input=outcome.source, code=None if error is None else error.code, message=said,
            error_class=outcome.error_class, attempt=outcome.attempt, retry_in=outcome.retry_in,
        )  # fmt: skip

    def _say_left(self, outcome: VideoOutcome) -> None:
        why = "somebody else works on it" if outcome.what == "running" else "it is still changing"
        why = why if outcome.error is None else outcome.error.message
        self._session.events.emit("left", input=outcome.source, message=why)
        if not self._session.quiet:
            note(f"note: {outcome.source}: left for later: {why}")

    def _say_error(self, outcome: VideoOutcome) -> None:
        error = outcome.error or StillsError("failed", path=outcome.source)
        before = outcome.what in {"failed", "quarantined"}
        aside = outcome.status == "quarantined"
        shown = StillsError(error.message, path=error.path or outcome.source, remedy=error.remedy)
        if before:
            out = public_text(str(self._out))
            shown.message = f"{'in quarantine' if aside else 'failed before'}: {error.message}"
            shown.remedy = f"stills {'quarantine clear' if aside else 'retry'} {out} has it tried again"
        elif aside:
            shown.message += " (put into quarantine)"
        report_error(shown.with_details(error.details))
        self._session.events.error(
            about(error, outcome.source), path=outcome.source, status=outcome.status, error_class=outcome.error_class,
            attempt=outcome.attempt, kept=before, earlier=getattr(error, "earlier", None),
        )  # fmt: skip


def called() -> str:
    """The command line of this call, for those who ask who is at work; without what is secret in it."""
    context = click.get_current_context(silent=True)
    given = None if context is None else context.find_root().obj
    return clean(shlex.join(["stills", *given])) if isinstance(given, tuple) else "stills"


def _why_again(outcome: VideoOutcome) -> str:
    """Why a video that was done before was done again."""
    if outcome.what != "changed" or not outcome.reasons:
        return ""
    changed = " and ".join(_REASONS[reason] for reason in outcome.reasons)
    return f"{changed} changed: done again"


def _sum_up(session: Session, teller: _Teller, done: LibraryResult | None, *, stopped: bool = False) -> int:
    """Events and lines at the end; the exit code. Without ``done`` it was interrupted, or ``stopped`` by itself."""
    counts: Counter[str] = Counter(teller.counts)
    interrupted = (done is None or done.interrupted) and not stopped
    if done is not None and not interrupted:
        counts["left"] = max(counts["left"], done.counts.get("left", 0))
    ended = sum(counts[status] for status in ENDED)
    code = _exit_code(counts, ended=ended, something=teller.something, interrupted=interrupted, stopped=stopped)
    report = None if done is None or done.report is None else public_text(str(done.report))
    session.events.emit(
        "summary", inputs=teller.inputs, done=counts["done"] + counts["partial"], nothing=counts["nothing"],
        failed=counts["failed"] + counts["quarantined"], quarantined=counts["quarantined"], kept=counts["kept"],
        left=counts["left"],
        interrupted=interrupted, exit_code=code, report=report,
        library=None if done is None else _library(done),
    )  # fmt: skip
    missing = teller.inputs - sum(counts.values())
    if interrupted:
        left = count(missing, "input") + ("" if teller.all_found else " or more")
        report_error(f"interrupted; {left} not done — run the same command again to go on")
    if session.quiet or session.events.enabled:
        return code
    if not interrupted and (teller.inputs or not stopped):
        words: Counter[str] = Counter()
        for status, word in _COUNTED.items():
            words[word] += counts[status]
        parts = [f"{number} {word}" for word, number in words.items() if number]
        parts += [f"{missing} not looked at"] if stopped and missing else []
        note(f"{count(teller.inputs, 'input')}: {', '.join(parts) or 'nothing done'}")
    if report is not None:
        line(f"look at {report}")
    return code


def _library(done: LibraryResult) -> dict[str, int]:
    names = ("total", "pending", "running", "done", "failed", "quarantined")
    return {name: getattr(done.library, name) for name in names}


def _exit_code(counts: Counter[str], *, ended: int, something: bool, interrupted: bool, stopped: bool) -> int:
    if interrupted:
        return EXIT_INTERRUPTED
    if stopped:
        return EXIT_FAILED
    if counts["failed"] or counts["quarantined"] or counts["left"]:
        return EXIT_SOME_FAILED if ended else EXIT_FAILED
    return EXIT_NOTHING if ended and not something else 0
