"""In the place of ``stills.library``: each input in turn, asked by ``stills.people``, nothing remembered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import stills
from stills.errors import CancelledError, NothingFoundError, StillsError
from stills.jobs.library.types import LibraryResult, VideoOutcome
from stills.jobs.sources import Source
from stills.jobs.store.records import Counts


def library(
    inputs: Iterable[Source],
    out: Path,
    *,
    recipe: str,
    settings: Any,
    on_start: Any,
    on_progress: Any,
    on_video: Any,
    on_note: Any,
    cancel: Any,
    command: str,
) -> LibraryResult:
    """As the real one, as far as the command line can tell; only what is asked of ``people``."""
    counts: Counter[Any] = Counter()
    interrupted = False

    def ended(source: str, status: Any, **more: Any) -> None:
        counts[status] += 1
        on_video(VideoOutcome(source, status, "new", **more))

    for source in inputs:
        if interrupted:
            continue
        on_start(source.name)
        try:
            if source.error is not None:
                raise source.error
            result: Any = stills.people(
                source.path, settings=settings, scanner=None, on_progress=on_progress, cancel=cancel
            )
            folder = Path(source.path).stem
            files = result.save(out, name=folder)
        except CancelledError:
            interrupted = True
        except NothingFoundError as error:
            ended(source.name, "nothing", error=error)
        except StillsError as error:
            ended(source.name, "failed", error=error, error_class="bug")
        else:
            status = "done" if result.people else "nothing"
            noted = {"found": len(result.people)}
            ended(source.name, status, folder=out / folder, files=tuple(files), noted=noted, result=result)
    report = None if interrupted else stills.render_report(out)
    return LibraryResult(out, recipe, counts, Counts(total=sum(counts.values())), report, interrupted)
