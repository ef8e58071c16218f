"""One video by itself, watched as those of a library are: ``--metrics-file`` and traces mean it, too."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stills.addresses import public_name
from stills.cli.run import Outcome
from stills.errors import CancelledError, NothingFoundError, StillsError
from stills.jobs.watch import VideoIds, VideoWatch, Watch

if TYPE_CHECKING:
    from stills.scan.scanner import Scanner


class Watched:
    """Has a watch told of each try of each video."""

    def __init__(self, watch: Watch, scanner: Scanner, recipe: str, out: Path) -> None:
        """``scanner`` is what works."""
        self._watch, self._scanner, self._recipe, self._out = watch, scanner, recipe, out
        self._tries: dict[str, int] = {}

    def do(self, path: str, work: Callable[[VideoWatch], Outcome]) -> Outcome:
        """What ``work`` gives, or raises, for the video at ``path``."""
        attempt = self._tries[path] = self._tries.get(path, 0) + 1
        ids = VideoIds(0, list(self._tries).index(path) + 1, attempt, self._recipe, public_name(path))
        began, status, kind, code = time.monotonic(), "released", None, None
        with self._watch.video(ids) as video, self._scanner.observed(video):
            try:
                outcome = work(video)
                status = "partial" if outcome.partial else "done" if outcome.found else "nothing"
            except (CancelledError, KeyboardInterrupt):
                raise
            except NothingFoundError:
                status = "nothing"
                raise
            except StillsError as error:
                from stills.jobs.library.failure import classify

                status, kind, code = "failed", classify(error, self._out)[0], error.code
                raise
            except Exception:
                status, kind, code = "failed", "bug", "bug"
                raise
            finally:
                video.ended(status, seconds=time.monotonic() - began, error_class=kind, code=code)
        return outcome
