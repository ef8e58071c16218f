"""The work behind ``stills people`` and ``stills demo``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import stills
from stills.cancel import CancelToken
from stills.cli.inputs import Input
from stills.cli.options import Session
from stills.cli.run import Failure, Outcome, check_out, run_each
from stills.cli.say import clock, count
from stills.files import atomic_write, ensure_folder, remove_file
from stills.media.sandbox import Pool
from stills.render.names import folder_names
from stills.render.report import FAILURES
from stills.types import ProgressCallback


def output_names(videos: Sequence[Input]) -> dict[str, str]:
    """The name of each video's folder in OUT, by path: its stem, with a hash of its content where two share one."""
    from stills.media.source import content_id

    paths = [video.path for video in videos if video.error is None]
    return dict(zip(paths, folder_names(paths, content_id), strict=True))


def find_people(session: Session, videos: Sequence[Input], out: Path, workers: Pool | None = None) -> int:
    """Find the people of every video, write pictures, results and the report into ``out``; the exit code."""
    check_out(out)
    names = output_names(videos)

    def report(failures: Sequence[Failure]) -> Path:
        keep_failures(out, failures, [video.path for video in videos])
        return stills.render_report(out)

    with stills.Scanner(session.settings, workers) as scanner:

        def people(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
            result = stills.people(
                path, settings=session.settings, scanner=scanner, on_progress=on_progress, cancel=cancel
            )
            files = result.save(out, name=names[path], on_progress=on_progress, cancel=cancel)
            found = len(result.people)
            who = count(found, "person", "people") if found else "nobody that qualifies"
            return Outcome(
                f"{path}: {who} in {clock(result.video.duration)} → {out / names[path]}",
                found=found > 0,
                files=files,
                fallbacks=result.fallbacks,
                partial=result.partial,
                warnings=result.warnings,
                fields={"people": found, "cached": result.scan.cached, "seconds": round(result.scan.seconds, 3)},
            )

        return run_each(session, videos, people, after=report)


def keep_failures(out: Path, failures: Sequence[Failure], tried: Sequence[str]) -> None:
    """Note for the report which inputs gave nothing; what earlier calls noted stays, unless it was ``tried`` again."""
    path = out / FAILURES
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = []
    kept = [item for item in before if isinstance(item, dict) and item.get("path") not in tried]
    kept += [asdict(failure) for failure in failures]
    if kept:
        ensure_folder(path.parent)
        atomic_write(path, json.dumps(kept, indent=1).encode())
    else:
        remove_file(path)
