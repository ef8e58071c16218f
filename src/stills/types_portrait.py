"""The values of a portrait: the one frame with a large face, and the steps in which it was looked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from stills.types import Fallback, Pick, Shot

PortraitStep: TypeAlias = Literal["cover", "key-frames", "scenes", "near-best", "everything"]
"""Where a portrait is looked for, from the quickest to the slowest."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step of looking: how many frames were looked at for faces, and whether any of them qualified.

    ``seconds`` is what it took; ``cached`` says that it was measured before.
    """

    step: PortraitStep
    frames: int
    qualified: bool
    seconds: float
    cached: bool = False


@dataclass(frozen=True, slots=True)
class PortraitSelection:
    """The answer to "which frame shows a large face best": pure data, made from an index alone.

    ``frame`` is ``None`` where there is none to give, and ``reason`` says why. ``qualified`` says whether a face is as
    large and as good as asked; else ``frame`` is the best there is. ``runners_up`` are the next best, of other moments.
    ``dropped`` counts frames that do not qualify, by reason.
    """

    frame: Pick | None
    runners_up: tuple[Pick, ...]
    qualified: bool
    reason: str | None
    shots: tuple[Shot, ...]
    settings: Mapping[str, Any]
    dropped: Mapping[str, int] = field(default_factory=dict)
    fallbacks: tuple[Fallback, ...] = ()
