"""The work behind ``stills people`` and ``stills demo``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import stills
from stills.cancel import CancelToken
from stills.cli.inputs import Input
from stills.cli.options import Session
from stills.cli.run import Outcome, check_out, run_each
from stills.cli.say import clock, count
from stills.render.names import folder_names
from stills.types import ProgressCallback


def output_names(videos: Sequence[Input]) -> dict[str, str]:
    """The name of each video's folder in OUT, by path: its stem, with a hash of its content where two share one."""
    from stills.media.source import content_id

    paths = [video.path for video in videos if video.error is None]
    return dict(zip(paths, folder_names(paths, content_id), strict=True))


def find_people(session: Session, videos: Sequence[Input], out: Path) -> int:
    """Find the people of every video, write pictures, results and the report into ``out``; the exit code."""
    check_out(out)
    names = output_names(videos)

    def people(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
        result = stills.people(path, settings=session.settings, on_progress=on_progress, cancel=cancel)
        files = result.save(out, name=names[path])
        found = len(result.people)
        who = count(found, "person", "people") if found else "nobody that qualifies"
        return Outcome(
            f"{path}: {who} in {clock(result.video.duration)} → {out / names[path]}",
            found=found > 0,
            files=files,
            fallbacks=result.fallbacks,
            fields={"people": found, "cached": result.scan.cached, "seconds": round(result.scan.seconds, 3)},
        )

    return run_each(session, videos, people, after=lambda: stills.render_report(out))
