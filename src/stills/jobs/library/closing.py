"""What a run leaves behind: the failures for the report, and the report."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stills.files import atomic_write, ensure_folder, remove_file
from stills.jobs.library.ending import Patient
from stills.jobs.library.place import Place
from stills.jobs.library.types import ENDED, VideoOutcome
from stills.render.report import FAILURES, REPORT_NAME

SHOWN = 2_000
"""Failures that the report lists; the store has all."""


def read_failures(out: Path) -> list[dict[str, Any]]:
    """What earlier runs noted in ``out``: ``{"path", "message", "remedy"}`` each; what is none of that is left out."""
    try:
        noted = json.loads((out / FAILURES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [item for item in noted if isinstance(item, dict)] if isinstance(noted, list) else []


def write_failures(out: Path, failures: Sequence[Mapping[str, Any]]) -> None:
    """Note for the report which inputs gave nothing; with none, nothing is left. Raises ``OutputError``."""
    path = out / FAILURES
    if failures:
        ensure_folder(path.parent)
        atomic_write(path, json.dumps(list(failures), indent=1).encode("utf-8", "backslashreplace"))
    else:
        remove_file(path)


class Failures:
    """Inputs without a result, for the report: those the store knows, and those that never got so far."""

    def __init__(self, place: Place) -> None:
        """Read what earlier runs noted."""
        self._out = place.folder
        before = read_failures(place.folder)
        self._noted = {item["path"]: item for item in before if isinstance(item.get("path"), str)}

    def hear(self, outcome: VideoOutcome) -> None:
        """Take note of how an input ended."""
        if outcome.status in ENDED:
            self._noted.pop(outcome.source, None)
        elif outcome.error is not None and outcome.status in {"failed", "quarantined"} and len(self._noted) < SHOWN:
            said = {"path": outcome.source, "message": outcome.error.message, "remedy": outcome.error.remedy}
            self._noted[outcome.source] = said

    def keep(self, state: Patient) -> None:
        """Write them down. Raises ``OutputError``, and what the store raises."""
        listed: dict[str, Mapping[str, Any]] = dict(self._noted)
        for failure in state.ask(lambda store: list(itertools.islice(store.failures(), SHOWN))):
            if len(listed) >= SHOWN:
                break
            message, _, remedy = failure.message.partition(" — ")
            listed.setdefault(failure.source, {"path": failure.source, "message": message, "remedy": remedy or None})
        write_failures(self._out, list(listed.values()))


def write_report(place: Place, *, new: bool) -> Path | str:
    """The page over all results, made where there is something ``new``; where it is. Raises ``OutputError``."""
    page = place.folder / REPORT_NAME
    if new or not page.is_file():
        from stills.api.stored import render_report

        page = render_report(place.folder)
    return page if place.remote is None else place.remote.publish_one(page)
