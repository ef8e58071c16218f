"""From arrays to measurements: one algorithm a file, knowing no video and no file.

The families that can be exchanged (detectors, embedders) are made here by name: a new one is a file that fulfils the
family's Protocol, a line in its registry, and the family's contract tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from stills.errors import UsageError

if TYPE_CHECKING:
    from stills.models.session import Session
    from stills.vision.detect import Detector
    from stills.vision.embed import Embedder
    from stills.vision.expression import ExpressionModel
    from stills.vision.landmarks import FaceLandmarker

DETECTORS: Mapping[str, str] = {"yunet": "stills.vision.detect:YuNet"}
"""Detectors by name: the class, made from a session and keyword options."""

EMBEDDERS: Mapping[str, str] = {"sface": "stills.vision.embed:SFace"}
"""Embedders by name."""


def make_detector(name: str, session: Session, **options: Any) -> Detector:
    """The detector called ``name`` on ``session``. Raises ``UsageError`` for an unknown name or option value."""
    detector: Detector = _find("detector", DETECTORS, name)(session, **options)
    return detector


def make_embedder(name: str, session: Session, **options: Any) -> Embedder:
    """The embedder called ``name`` on ``session``. Raises ``UsageError`` for an unknown name."""
    embedder: Embedder = _find("embedder", EMBEDDERS, name)(session, **options)
    return embedder


def make_landmarker(mesh: Session, blendshapes: Session) -> FaceLandmarker:
    """The face mesh on the sessions of the catalog's ``landmarks`` and ``blendshapes``."""
    from stills.vision.landmarks import FaceLandmarker

    return FaceLandmarker(mesh, blendshapes)


def make_expression(session: Session) -> ExpressionModel:
    """The expression network on the session of the catalog's ``emotion``."""
    from stills.vision.expression import MiniXception

    return MiniXception(session)


def _find(family: str, registry: Mapping[str, str], name: str) -> Callable[..., Any]:
    if name not in registry:
        raise UsageError(f"there is no {family} called {name!r}", remedy=f"known: {', '.join(registry)}")
    module, _, attribute = registry[name].partition(":")
    made: Callable[..., Any] = getattr(import_module(module), attribute)
    return made
