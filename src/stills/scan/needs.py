"""What a scan needs before any worker starts: its parameters, its models on disk, what runs elsewhere than asked."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stills.errors import ModelError, StrictError
from stills.scan.parameters import ScanParameters, models_of, scan_parameters
from stills.types import Effort, Fallback, Layer
from stills.vision import stack_of

if TYPE_CHECKING:
    from stills.settings_model import Settings


class ModelsHere:
    """Sees to it that models are on disk, for all videos of one scanner or of several in threads."""

    def __init__(self) -> None:
        """Nothing was looked at yet."""
        self._lock = threading.Lock()
        self._missing: tuple[str, ModelError] | None = None
        self._seen: dict[Path, tuple[int, int, int]] = {}
        self._paths: dict[str, Path] = {}

    def ensure(self, path: str, names: Iterable[str]) -> None:
        """Have the models here before any worker needs them: fetching is for the parent, which may use the network.

        What failed for one video is not tried again for the next: a network that is away can take minutes to say so.
        A file whose hash was right is not read again while it looks the same. ``path`` is the video. Raises
        ``ModelError``.
        """
        from stills.models import model_path

        with self._lock:
            if self._missing is not None and self._missing[0] != path:
                cause = self._missing[1]
                raise ModelError("the models are not here, as said above", path=path, remedy=cause.remedy) from cause
            try:
                for name in names:
                    if name not in self._paths or not self._unchanged(self._paths[name]):
                        self._paths[name] = found = model_path(name)
                        self._seen[found] = _looks(found)
            except ModelError as error:
                self._missing = path, error
                raise
            self._missing = None

    def _unchanged(self, file: Path) -> bool:
        looks = _looks(file)
        return looks != _GONE and self._seen.get(file) == looks


_GONE = (0, 0, 0)


def _looks(file: Path) -> tuple[int, int, int]:
    """Number, size and time of change of a file."""
    try:
        about = file.stat()
    except OSError:
        return _GONE
    return about.st_ino, about.st_size, about.st_mtime_ns


def parameters_for(settings: Settings, effort: Effort, *, quick: bool = False) -> ScanParameters:
    """What a scan is made with; with ``quick``, the effort ``fast`` decodes key frames only."""
    from stills.models import place

    scan = settings.scan
    device = place(stack_of("detector", scan.detector).models[0], scan.device).device
    parameters = scan_parameters(
        effort,
        segment_seconds=scan.segment_seconds,
        precision=scan.precision,
        device=device,
        detector=scan.detector,
        embedder=scan.embedder,
        attributes_model=scan.attributes_model,
    )
    return replace(parameters, sparse_budget=(0.0, 0.0)) if quick and effort == "fast" else parameters


def fallbacks_for(settings: Settings, layers: Iterable[Layer], parameters: ScanParameters) -> tuple[Fallback, ...]:
    """What runs elsewhere than asked. Raises ``StrictError`` where that is not accepted."""
    from stills.models import place

    placed = (place(name, settings.scan.device).fallback for name in models_of(layers, parameters))
    fallbacks = tuple(f for f in placed if f is not None)
    if fallbacks and settings.strict:
        raise StrictError(fallbacks[0].message, remedy="leave out --strict to accept this")
    return fallbacks
