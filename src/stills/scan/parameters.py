"""What a scan looks at, by effort. Everything that changes an index's rows is here, and so in its key."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from stills.errors import UsageError
from stills.index.schema import ATTRIBUTES
from stills.types import Attribute, Effort, Layer, Precision
from stills.vision import attribute_stacks, stack_of

EFFORTS: tuple[Effort, ...] = ("fast", "balanced", "exhaustive")
"""From the least to the most that is looked at."""


MESH = ("landmarks", "blendshapes")
"""Entries of the catalog that fit the mesh of a face."""

WITHOUT_MODELS: frozenset[Layer] = frozenset({"shots", "signals"})

NEEDS: Mapping[Layer, frozenset[Layer]] = {
    "signals": frozenset({"shots"}),
    **dict.fromkeys(("expression", *ATTRIBUTES), frozenset({"faces"})),
}
"""Layers that are measured together with others. ``shots`` asks for every frame: those of other scans have shots too,
but may miss the exact frame of a cut."""

PRELOAD = ("numpy", "cv2", "av", "pyarrow", "stills.scan.worker")
"""Modules that the fork server imports once for all workers."""

PRELOAD_MODELS = ("stills.models.openvino_import",)
"""The same for layers that need models: half a second, which a scan of signals alone is spared."""

CONTEXT = 2.4
"""Seconds of tiny pictures kept at both ends of a segment, to find transitions that lie across the border."""


@dataclass(frozen=True, slots=True)
class ScanParameters:
    """How closely a scan looks.

    Attributes:
        effort: The user's word for all of this.
        decode: ``"sparse"``: key frames and the frames behind suspected cuts; ``"references"``: all but frames that no
            other frame needs, where shots are not asked for; ``"all"``.
        sample_interval: Least seconds between two frames in which faces are looked for.
        slow_interval: The same after some seconds without a change: a long take needs fewer looks.
        detect_side: Longer side, in pixels, of the picture that the detector sees.
        follow_side: The same between full looks, where all known faces are large; equal to ``detect_side`` for never.
        full_look_interval: Seconds after which the detector sees the large picture again.
        detect_score: Least detector score of a face.
        mesh_faces: Faces of a track to which the landmark mesh is fitted.
        mesh_slack: How good a track's best face must be, of what any unmeasured one could be, to measure no more.
        embedding_faces: Faces of a track that get an embedding at most, where they are poor.
        max_gap: Seconds after which a face that was not seen begins a new track.
        segment_seconds: Length of a segment.
        candidates: Frames of the layer ``signals`` that may become picks: so many a second in a long film, and in a
            short one so many in all.
        sparse_budget: Share of a segment's frames that the sparse plan may decode for suspected cuts, in a short and in
            a long film.
        precision: ``"auto"`` or ``"f32"``.
        device: Where models ran; rows of different devices differ in their last digits.
        detector: What finds faces, by name.
        embedder: What tells them apart.
        attributes_model: What infers attributes, where those are asked for.
        sparse_bytes: Share of the file's bytes that the sparse plan may want, where they come over a network.
    """

    effort: Effort = "balanced"
    decode: Literal["sparse", "references", "all"] = "references"
    sample_interval: float = 0.32
    slow_interval: float = 0.64
    detect_side: int = 640
    follow_side: int = 320
    full_look_interval: float = 1.2
    detect_score: float = 0.6
    mesh_faces: int = 6
    mesh_slack: float = 0.97
    embedding_faces: int = 5
    max_gap: float = 1.0
    segment_seconds: float = 15.0
    candidates: tuple[float, float] = (2.0, 360.0)
    sparse_budget: tuple[float, float] = (0.0, 0.35)
    precision: Precision = "auto"
    device: Literal["cpu", "cuda"] = "cpu"
    detector: str = "yunet"
    embedder: str = "sface"
    attributes_model: str = "default"
    sparse_bytes: float | None = None

    def to_json(self) -> Mapping[str, Any]:
        """All parameters as JSON values; limits that there are not are left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # asdict() takes a millisecond
        return values if self.sparse_bytes is not None else {n: v for n, v in values.items() if n != "sparse_bytes"}

    def decoded(self, layers: Collection[Layer]) -> Literal["sparse", "references", "all"]:
        """Which frames are decoded for ``layers``: for shots and signals every frame, but by a sparse scan."""
        return "all" if self.decode == "references" and "shots" in layers else self.decode


REMOTE_BYTES = 0.2
"""Share of a remote file's bytes that a sparse scan decodes: with its tables, its identity (2 MiB) and the picks that
are decoded again, less than 30 % of a long file is read."""


def for_remote(parameters: ScanParameters) -> ScanParameters:
    """``parameters`` for a video that is read over a network: a sparse scan then wants a limited part of it."""
    return replace(parameters, sparse_bytes=REMOTE_BYTES) if parameters.decode == "sparse" else parameters


def needs_models(layers: Iterable[Layer]) -> bool:
    """Whether any of ``layers`` is measured by models."""
    return not WITHOUT_MODELS.issuperset(layers)


def attributes_in(layers: Collection[str]) -> tuple[Attribute, ...]:
    """The attributes among ``layers``, always in one order."""
    return tuple(name for name in ATTRIBUTES if name in layers)


def models_of(layers: Iterable[Layer], parameters: ScanParameters) -> tuple[str, ...]:
    """Entries of the catalog that ``layers`` need, each once.

    Raises ``UsageError`` for a layer, detector, embedder or attributes model that there is not.
    """
    known: tuple[Layer, ...] = get_args(Layer)
    chosen = frozenset(layers)
    if unknown := chosen.difference(known):
        raise UsageError(f"there is no layer called {min(unknown)!r}", remedy=f"layers are {', '.join(known)}")
    names: list[str] = []
    if "faces" in chosen:
        names += stack_of("detector", parameters.detector).models
        names += stack_of("embedder", parameters.embedder).models + MESH
    if "expression" in chosen:
        names.append("emotion")
    for stack in attribute_stacks(parameters.attributes_model, attributes_in(chosen)):
        names += stack.models
    return tuple(dict.fromkeys(names))


def with_needs(layers: Iterable[Layer]) -> frozenset[Layer]:
    """``layers`` and those that have to be measured in the same pass."""
    chosen = frozenset(layers)
    return chosen.union(*(NEEDS.get(layer, frozenset()) for layer in chosen))


def scan_parameters(
    effort: Effort,
    *,
    segment_seconds: float,
    precision: Precision,
    device: Literal["cpu", "cuda"],
    detector: str = "yunet",
    embedder: str = "sface",
    attributes_model: str = "default",
) -> ScanParameters:
    """The parameters of an effort."""
    base = ScanParameters(
        effort=effort,
        segment_seconds=segment_seconds,
        precision=precision,
        device=device,
        detect_score=stack_of("detector", detector).score,
        detector=detector,
        embedder=embedder,
        attributes_model=attributes_model,
    )
    if effort == "fast":
        return replace(
            base,
            decode="sparse",
            sample_interval=0.2,
            slow_interval=0.2,
            detect_side=576,
            follow_side=576,
            mesh_faces=3,
            mesh_slack=0.9,
            embedding_faces=3,
            max_gap=4.0,
        )
    if effort == "exhaustive":
        return replace(
            base,
            decode="all",
            sample_interval=0.0,
            slow_interval=0.0,
            detect_side=960,
            follow_side=960,
            mesh_faces=24,
            mesh_slack=1.0,
            embedding_faces=8,
        )
    return base
