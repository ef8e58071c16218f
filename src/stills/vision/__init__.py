"""From arrays to measurements: one algorithm a file, knowing no video and no file.

The families that can be exchanged (detectors, embedders) are made here by name: a new one is a file that fulfils the
family's Protocol, a line in its registry, and the family's contract tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from stills.errors import UsageError
from stills.types import Attribute

if TYPE_CHECKING:
    from stills.models.session import Session
    from stills.vision.attributes import AttributeModel
    from stills.vision.detect import Detector
    from stills.vision.embed import Embedder
    from stills.vision.expression import ExpressionModel
    from stills.vision.landmarks import FaceLandmarker


@dataclass(frozen=True, slots=True)
class Stack:
    """A way to do a family's job: the class (``module:name``) and the catalog's models that it is made from, in order.

    ``gives`` are the attributes that an attribute model infers. ``score`` is the least score of a detector's faces;
    each detector has a scale of its own.
    """

    made: str
    models: tuple[str, ...]
    gives: tuple[Attribute, ...] = ()
    score: float = 0.6


DETECTORS: Mapping[str, Stack] = {
    "yunet": Stack("stills.vision.detect:YuNet", ("yunet",)),
    "blazeface": Stack("stills.vision.detectors.blazeface:BlazeFace", ("blazeface",), score=0.7),
    "mtcnn": Stack(
        "stills.vision.detectors.mtcnn:Mtcnn", ("mtcnn-proposal", "mtcnn-refinement", "mtcnn-output"), score=0.7
    ),
    "scrfd": Stack("stills.vision.detectors.scrfd:Scrfd", ("scrfd",), score=0.5),
    "scrfd-small": Stack("stills.vision.detectors.scrfd:Scrfd", ("scrfd-small",), score=0.5),
    "retinaface": Stack("stills.vision.detectors.retinaface:RetinaFace", ("retinaface",), score=0.5),
    "yolo-face": Stack("stills.vision.detectors.yolo:YoloFace", ("yolo-face",), score=0.5),
    "yolo5-face": Stack("stills.vision.detectors.yolo:YoloFace", ("yolo5-face",), score=0.5),
}
"""Detectors by name; the class is made from its sessions and the option ``score_threshold``."""

EMBEDDERS: Mapping[str, Stack] = {
    "sface": Stack("stills.vision.embed:SFace", ("sface",)),
    "arcface": Stack("stills.vision.margin_embedders:ArcFace", ("arcface",)),
    "arcface-mobile": Stack("stills.vision.margin_embedders:ArcFace", ("arcface-mobile",)),
    "adaface": Stack("stills.vision.margin_embedders:AdaFace", ("adaface",)),
    "adaface-ir50": Stack("stills.vision.margin_embedders:AdaFace", ("adaface-ir50",)),
}
"""Embedders by name."""

_DEFAULT_ATTRIBUTES = (
    Stack("stills.vision.attributes.age:CydralAge", ("age",), ("age",)),
    Stack("stills.vision.attributes.gender:CydralGender", ("gender",), ("gender",)),
    Stack("stills.vision.attributes.ethnicity:EthnicityHead", ("sface",), ("ethnicity",)),
    Stack("stills.vision.attributes.emotion:FerEmotion", ("emotion",), ("emotion",)),
)

ATTRIBUTE_MODELS: Mapping[str, tuple[Stack, ...]] = {
    "default": _DEFAULT_ATTRIBUTES,
    "fairface": (Stack("stills.vision.attributes.fairface:FairFace", ("fairface",), ("age", "gender", "ethnicity")),),
    "genderage": (Stack("stills.vision.attributes.genderage:GenderAge", ("genderage",), ("age", "gender")),),
    "affectnet": (Stack("stills.vision.attributes.affectnet:Ddamfn", ("affectnet",), ("emotion",)),),
}
"""Ways to infer attributes, by name; what those named have no model for, ``default`` infers."""


def stack_of(family: str, name: str) -> Stack:
    """The ``detector`` or ``embedder`` called ``name``. Raises ``UsageError`` for an unknown name."""
    registry = {"detector": DETECTORS, "embedder": EMBEDDERS}[family]
    if name not in registry:
        raise UsageError(f"there is no {family} called {name!r}", remedy=f"known: {', '.join(registry)}")
    return registry[name]


def attribute_stacks(name: str, wanted: Sequence[Attribute]) -> tuple[Stack, ...]:
    """The stacks that the attributes models ``name`` need for the attributes ``wanted``.

    Of several names with commas between them, the first that infers an attribute does. A stack may give more than is
    wanted of it: what an earlier one gives counts. Raises ``UsageError`` for an unknown name.
    """
    chosen: list[Stack] = []
    missing = set(wanted)
    for one in (*name.split(","), "default"):
        if one not in ATTRIBUTE_MODELS:
            known = ", ".join(ATTRIBUTE_MODELS)
            raise UsageError(f"there is no attributes model called {one!r}", remedy=f"known: {known}")
        for stack in ATTRIBUTE_MODELS[one]:
            if missing & set(stack.gives):
                chosen.append(stack)
                missing -= set(stack.gives)
    return tuple(chosen)


def make_detector(name: str, *sessions: Session, **options: Any) -> Detector:
    """The detector called ``name`` on its sessions; ``score_threshold`` is its stack's ``score`` unless it is given.

    Raises ``UsageError`` for an unknown name or option value.
    """
    stack = stack_of("detector", name)
    detector: Detector = _made(stack)(*sessions, **{"score_threshold": stack.score, **options})
    return detector


def make_embedder(name: str, *sessions: Session, **options: Any) -> Embedder:
    """The embedder called ``name`` on its sessions. Raises ``UsageError`` for an unknown name."""
    embedder: Embedder = _made(stack_of("embedder", name))(*sessions, **options)
    return embedder


def make_attributes(stack: Stack, *sessions: Session) -> AttributeModel:
    """The attribute model of ``stack`` on its sessions."""
    model: AttributeModel = _made(stack)(*sessions)
    return model


def make_landmarker(mesh: Session, blendshapes: Session) -> FaceLandmarker:
    """The face mesh on the sessions of the catalog's ``landmarks`` and ``blendshapes``."""
    from stills.vision.landmarks import FaceLandmarker

    return FaceLandmarker(mesh, blendshapes)


def make_expression(session: Session) -> ExpressionModel:
    """The expression network on the session of the catalog's ``emotion``."""
    from stills.vision.expression import MiniXception

    return MiniXception(session)


def _made(stack: Stack) -> Callable[..., Any]:
    module, _, attribute = stack.made.partition(":")
    made: Callable[..., Any] = getattr(import_module(module), attribute)
    return made
