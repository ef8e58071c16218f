"""``--dry-run`` on many videos: what would be done with each, how long it takes, how large it gets. Writes nothing."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stills
from stills.addresses import public_name
from stills.cancel import CancelToken
from stills.cli.inputs import Input, stream
from stills.cli.run import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_SOME_FAILED, about, cancel_on_signals
from stills.cli.say import clock, count, line, note, report_error, what_changed
from stills.cli.session import Session
from stills.errors import CancelledError, NoStateError, StillsError
from stills.jobs.library.estimate import Estimator, estimator
from stills.jobs.library.folders import folder_key
from stills.jobs.library.inputs import look_at_all, unsettled
from stills.jobs.library.keys import models_key, settings_key
from stills.jobs.library.looking import open_library, shown_out
from stills.jobs.recipes import recipe_named
from stills.jobs.store.records import Decision, Fingerprint, VideoRow
from stills.render.names import stem_of

if TYPE_CHECKING:
    from stills.jobs.store import Store
    from stills.scan.scanner import Scanner
    from stills.types import Layer

_PIECE = 64
"""Inputs that the store is asked about at a time."""

_WORDS = {
    "new": "new",
    "changed": "changed",
    "again": "again",
    "resume": "interrupted before",
    "done": "done before",
    "running": "being worked on by another run",
    "failed": "failed before",
    "quarantined": "in quarantine",
}
_STAYS = {
    "done": "nothing to do",
    "running": "left to that one",
    "failed": "stays so until stills retry",
    "quarantined": "stays there until stills quarantine clear",
}


@dataclass(slots=True)
class _Plan:
    """What it is about, and the sums."""

    session: Session
    recipe: str
    out: Path
    store: Store | None
    scanner: Scanner
    layers: frozenset[Layer]
    guesses: Estimator
    key: str
    models: str
    token: CancelToken
    whats: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    seconds: float = 0.0
    size: int = 0


def plan_library(session: Session, recipe: str, named: Sequence[str], out: Path) -> int:
    """Say for every video that ``named`` stands for what would be done, and all of it together; the exit code."""
    how = recipe_named(recipe)
    layers = how.check(session.settings)
    with ExitStack() as stack:
        token = stack.enter_context(cancel_on_signals())
        store = _open(session, out)
        if store is not None:
            stack.enter_context(store)
        plan = _Plan(
            session, recipe, out, store, stack.enter_context(stills.Scanner(_scanning(session, recipe))), layers,
            estimator(store, out, recipe, session.settings), settings_key(recipe, session.settings),
            models_key(layers, session.settings), token,
        )  # fmt: skip
        inputs = stream(named, out=out)
        interrupted = False
        try:
            while piece := list(itertools.islice(inputs, _PIECE)):
                _plan_piece(plan, piece)
        except (CancelledError, KeyboardInterrupt):
            interrupted = True
    return _sum_up(plan, interrupted=interrupted)


def _open(session: Session, out: Path) -> Store | None:
    """The state of the library; ``None`` where nothing was ever run."""
    try:
        return open_library(out, session.settings.jobs.database, readonly=True)
    except NoStateError:
        return None


def _scanning(session: Session, recipe: str) -> Any:
    """The settings that a scan for ``recipe`` has."""
    if recipe == "portrait":
        from stills.api.portrait import portrait_settings

        return portrait_settings(session.settings)
    return session.settings


def _plan_piece(plan: _Plan, piece: Sequence[Input]) -> None:
    seen = iter(look_at_all([item.path for item in piece if item.error is None]))
    looks = [item.error or next(seen) for item in piece]
    found = [(item, look) for item, look in zip(piece, looks, strict=True) if isinstance(look, Fingerprint)]
    decided = iter(list(_decide(plan, found)))  # what is wrong with the state is not an input's fault
    for item, look in zip(piece, looks, strict=True):
        plan.token.check()
        plan.session.events.emit("started", input=item.name)
        try:
            if not isinstance(look, Fingerprint):
                raise look
            decision, folder = next(decided)
            _say(plan, item, look, decision, folder)
        except CancelledError:
            raise
        except StillsError as error:
            plan.failed += 1
            report_error(about(error, item.name))
            plan.session.events.error(error, path=item.name)


def _decide(plan: _Plan, found: Sequence[tuple[Input, Fingerprint]]) -> Iterator[tuple[Decision, str]]:
    """What would be done with each input, and the name of its folder."""
    rows = [VideoRow(item.path, plan.recipe, look, plan.key, plan.models) for item, look in found]
    keys = [folder_key(item.path) for item, _ in found]
    if plan.store is None:
        for row, key in zip(rows, keys, strict=True):
            yield Decision("new", key, public_name(row.source), plan.recipe, None), stem_of(row.source)
        return
    decisions = plan.store.compare(rows, everything=not plan.session.settings.scan.resume)
    folders = plan.store.folders(keys)
    for row, key, decision in zip(rows, keys, decisions, strict=True):
        folder = folders.get(key)
        lost = decision.what == "done" and not _is_there(plan, folder)
        yield plan.store.compare([row], everything=True)[0] if lost else decision, folder or stem_of(row.source)


def _is_there(plan: _Plan, folder: str | None) -> bool:
    return folder is not None and (
        shown_out(plan.out) != str(plan.out) or (plan.out / folder / f"{plan.recipe}.json").is_file()
    )


def _say(plan: _Plan, item: Input, look: Fingerprint, decision: Decision, folder: str) -> None:
    what = decision.what
    target = f"{shown_out(plan.out)}/{folder}"
    fields: dict[str, Any] = {
        "dry_run": True, "what": what, "reasons": list(decision.reasons), "out": target, "seconds": 0.0, "bytes": 0,
    }  # fmt: skip
    word = _WORDS[what]
    if what == "changed":
        word = what_changed(decision.reasons)
    if what in _STAYS:
        text = f"{word}, {_STAYS[what]}"
    else:
        video = plan.scanner.probe(item.path, cancel=plan.token)
        cached = bool(plan.layers) and stills.is_scanned(
            item.path, layers=plan.layers, quick=plan.recipe in {"thumbnails", "portrait"},
            settings=_scanning(plan.session, plan.recipe),
        )  # fmt: skip
        guess = plan.guesses.guess(video, measured=cached or not plan.layers)
        plan.seconds += guess.seconds
        plan.size += guess.size
        fields |= {
            "duration": video.duration, "cached": cached, "seconds": round(guess.seconds, 3), "bytes": guess.size,
        }  # fmt: skip
        step = _step(plan, decision, video.duration, cached=cached)
        wait = "; may still be copied, would wait" if unsettled(look, plan.session.settings.jobs.settle) else ""
        text = f"{word}, {step}, about {_time(guess.seconds)} and {_bytes(guess.size)}{wait} → {target}"
    plan.whats[what] += 1
    plan.session.events.emit("result", input=item.name, found=True, files=[], **fields)
    if not (plan.session.quiet or plan.session.events.enabled):
        line(f"{item.name}: {text}")


def _step(plan: _Plan, decision: Decision, duration: float, *, cached: bool) -> str:
    if not plan.layers:
        return f"would take frames out of {clock(duration)}"
    if cached:
        return "measured before, only pictures would be made"
    finished = 0
    if plan.store is not None and decision.what == "resume" and decision.video is not None:
        finished = len(plan.store.segments(decision.video))
    done = f", {count(finished, 'segment')} of it done" if finished else ""
    return f"would scan {clock(duration)}{done}"


def _sum_up(plan: _Plan, *, interrupted: bool) -> int:
    number = sum(plan.whats.values())
    code = _exit_code(plan, number, interrupted=interrupted)
    measured = plan.guesses.speed is not None
    plan.session.events.emit(
        "summary", dry_run=True, inputs=number + plan.failed, failed=plan.failed, what=dict(plan.whats),
        seconds=round(plan.seconds, 3), bytes=plan.size, measured=measured, interrupted=interrupted, exit_code=code,
    )  # fmt: skip
    if interrupted:
        report_error("interrupted")
    if plan.session.quiet or plan.session.events.enabled or interrupted:
        return code
    parts = [f"{many} {_WORDS[what]}" for what, many in plan.whats.items()]
    parts += [f"{plan.failed} cannot be read"] if plan.failed else []
    note(f"{count(number + plan.failed, 'input')}: {', '.join(parts)}")
    if plan.seconds:
        earlier = count(plan.guesses.results, "video")
        by = f"by {earlier} done here before" if measured else "a rough guess: nothing like it was done here before"
        note(f"all together about {_time(plan.seconds)} and {_bytes(plan.size)} ({by})")
        _warn_of_space(plan)
    return code


def _warn_of_space(plan: _Plan) -> None:
    import shutil

    there = next(folder for folder in (plan.out.absolute(), *plan.out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free < plan.size:
        note(f"warning: {os.fspath(plan.out)}: only {_bytes(free)} are free there")


def _exit_code(plan: _Plan, number: int, *, interrupted: bool) -> int:
    if interrupted:
        return EXIT_INTERRUPTED
    if plan.failed:
        return EXIT_SOME_FAILED if number else EXIT_FAILED
    return 0


def _time(seconds: float) -> str:
    return "1 s" if seconds < 1.5 else f"{seconds:.0f} s" if seconds < 60 else clock(seconds)


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
