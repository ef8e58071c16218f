"""What a scan looks at, by effort. Everything that changes an index's rows is here, and so in its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from stills.types import Effort, Precision

EFFORTS: tuple[Effort, ...] = ("fast", "balanced", "exhaustive")
"""From the least to the most that is looked at."""


MODELS = ("yunet", "sface", "landmarks", "blendshapes")
"""Entries of the catalog that the faces layer needs."""

PRELOAD = ("numpy", "cv2", "av", "pyarrow", "stills.models.openvino_import", "stills.scan.worker")
"""Modules that the fork server imports once for all workers."""

CONTEXT = 2.4
"""Seconds of tiny pictures kept at both ends of a segment, to find transitions that lie across the border."""


@dataclass(frozen=True, slots=True)
class ScanParameters:
    """How closely a scan looks.

    Attributes:
        effort: The user's word for all of this.
        decode: ``"sparse"``: key frames and the frames behind suspected cuts; ``"references"``: all but frames that no
            other frame needs; ``"all"``.
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
        sparse_budget: Share of a segment's frames that the sparse plan may decode for suspected cuts, in a short and in
            a long film.
        precision: ``"auto"`` or ``"f32"``.
        device: Where models ran; rows of different devices differ in their last digits.
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
    sparse_budget: tuple[float, float] = (0.0, 0.35)
    precision: Precision = "auto"
    device: Literal["cpu", "cuda"] = "cpu"

    def to_json(self) -> Mapping[str, Any]:
        """All parameters as JSON values."""
        return asdict(self)


def scan_parameters(
    effort: Effort, *, segment_seconds: float, precision: Precision, device: Literal["cpu", "cuda"]
) -> ScanParameters:
    """The parameters of an effort."""
    base = ScanParameters(effort=effort, segment_seconds=segment_seconds, precision=precision, device=device)
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
