"""The work behind ``stills demo``: one scan, and three questions about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import stills
from stills.cancel import CancelToken
from stills.cli.inputs import Input
from stills.cli.run import Failure, Outcome, run_each
from stills.cli.say import clock, count
from stills.cli.session import Session
from stills.jobs.outputs import check_out
from stills.types import Layer, ProgressCallback

LAYERS: frozenset[Layer] = frozenset({"signals", "faces", "expression"})
"""What the three recipes need together."""


def show(session: Session, film: Path, out: Path) -> int:
    """Write the people, key frames and thumbnails of ``film``, and the report, into ``out``; the exit code."""
    check_out(out)

    def report(_: Sequence[Failure]) -> Path:
        return stills.render_report(out)

    with stills.Scanner(session.settings) as scanner:

        def work(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
            settings = session.settings
            index = stills.scan(
                path, layers=LAYERS, settings=settings, scanner=scanner, on_progress=on_progress, cancel=cancel
            )
            people = stills.people(index, settings=settings, scanner=scanner)
            keyframes = stills.keyframes(index, settings=settings, scanner=scanner)
            thumbnails = stills.thumbnails(index, settings=settings, scanner=scanner)
            results = (people, keyframes, thumbnails)
            files = [file for result in results for file in result.save(out, on_progress=on_progress, cancel=cancel)]
            found = {
                "people": len(people.people),
                "keyframes": len(keyframes.frames),
                "thumbnails": len(thumbnails.frames),
            }
            said = (
                f"{count(found['people'], 'person', 'people')}, {count(found['keyframes'], 'key frame')} and "
                f"{count(found['thumbnails'], 'thumbnail')} in {clock(index.video.duration)}"
            )
            return Outcome(
                f"{path}: {said} → {out / film.stem}",
                files=files,
                fallbacks=tuple(dict.fromkeys(f for result in results for f in result.fallbacks)),
                partial=index.partial,
                warnings=index.all_warnings,
                fields={**found, "cached": index.report.cached, "seconds": round(index.report.seconds, 3)},
            )

        return run_each(session, [Input(str(film))], work, after=report)
