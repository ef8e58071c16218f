"""The work behind ``stills forget``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import stills
from stills.cancel import CancelToken
from stills.cli.inputs import Input, expand, results_in
from stills.cli.run import Failure, Outcome, run_each
from stills.cli.session import Session
from stills.types import ProgressCallback


def forget_all(session: Session, targets: Sequence[str], out: Path | None) -> int:
    """Erase what is stored about every target: a video, or a folder that stills wrote; the exit code."""
    jobs: dict[str, Path | None] = {}
    inputs: list[Input] = []
    for target in targets:
        results = results_in(Path(target))
        if results:
            found = [Input(video) for video in dict.fromkeys(_video_of(result) for result in results)]
            jobs.update((item.path, Path(target)) for item in found)
        else:
            found = expand([target], out=out)
            jobs.update((item.path, out) for item in found)
        inputs.extend(found)

    def forget(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
        erased = stills.forget(path, out=jobs[path], settings=session.settings)
        said = "nothing was stored" if not erased else f"erased {', '.join(str(item) for item in erased)}"
        return Outcome(f"{path}: {said}", files=erased)

    def report_again(failures: Sequence[Failure]) -> None:
        from stills.render.report import erase_report

        for folder in {folder for folder in jobs.values() if folder is not None and folder.is_dir()}:
            if (folder / "tables").is_dir():
                from stills.jobs.tables import write_tables

                write_tables(folder)  # they would go on telling of who was forgotten
            if results_in(folder):
                stills.render_report(folder)
            else:
                erase_report(folder)  # it would go on showing who was forgotten

    return run_each(session, inputs, forget, after=report_again)


def _video_of(result: Path) -> str:
    path = json.loads(result.read_text(encoding="utf-8"))["video"]["path"]
    return str(path)
