"""The models that jobs need, fetched and checked while the service starts, so that no job has to wait for them."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from stills.errors import StillsError

if TYPE_CHECKING:
    from stills.settings_model import Settings

AGAIN_S = 60.0
"""How long after a failure it is tried again."""

_log = logging.getLogger(__name__)


class ModelsReady:
    """Sees that the models are on the disk, in a thread, again and again until they are."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is looked at yet."""
        self._settings = settings
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem: str | None = "the models are being looked at"
        """Why jobs cannot begin yet; ``None`` where all is there."""

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="stills models", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more. A download that is under way ends with the process."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._see()
            except StillsError as error:
                self.problem = f"models cannot be had: {error.message}"
                _log.error("%s", error)
            else:
                self.problem = None
                return
            self._over.wait(AGAIN_S)

    def _see(self) -> None:
        from stills.models.store import pull
        from stills.scan.needs import parameters_for
        from stills.scan.parameters import models_of, with_needs
        from stills.service.jobs.options import ALL_LAYERS

        settings = self._settings
        pull(models_of(with_needs(ALL_LAYERS), parameters_for(settings, settings.scan.effort)))
