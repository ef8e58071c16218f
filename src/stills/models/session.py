"""Inference sessions: a graph made to run on a device. What a graph means is the business of ``vision``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from numpy.typing import NDArray


@runtime_checkable
class Session(Protocol):
    """A loaded graph. ``run`` takes every input by name, batch first, and returns every output by name."""

    @property
    def runtime(self) -> str:
        """``"openvino"`` or ``"onnxruntime"``."""

    @property
    def device(self) -> str:
        """Where it runs: ``"cpu"`` or ``"cuda"``; never something other than what was asked for."""

    @property
    def precision(self) -> str:
        """``"f32"`` or ``"bf16"``: what is really used."""

    @property
    def inputs(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes by input name; -1 where the size is free."""

    def run(self, inputs: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """Run the graph once. Raises ``ModelError`` where the runtime fails."""
