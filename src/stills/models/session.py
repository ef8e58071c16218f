"""Inference sessions: a graph made to run on a device. What a graph means is the business of ``vision``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from stills.errors import DeviceError, ModelError, UsageError
from stills.models.catalog import ModelEntry, find
from stills.types import Device, Fallback, Precision

log = logging.getLogger(__name__)

Array: TypeAlias = NDArray[Any]
Runtime: TypeAlias = Literal["openvino", "onnxruntime", "torch"]


@runtime_checkable
class Session(Protocol):
    """A loaded graph. ``run`` takes every input by name, batch first, and returns every output by name."""

    @property
    def runtime(self) -> str:
        """``"openvino"``, ``"onnxruntime"`` or ``"torch"``."""

    @property
    def device(self) -> str:
        """Where it runs: ``"cpu"`` or ``"cuda"``; never something other than what was asked for."""

    @property
    def precision(self) -> str:
        """``"f32"`` or ``"bf16"``: what is really used."""

    @property
    def inputs(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes by input name; -1 where the size is free."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in the graph's order."""

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the graph once. Raises ``ModelError`` where the runtime fails."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model is to run. ``fallback`` says so where that is not what was asked for."""

    device: Literal["cpu", "cuda"]
    runtime: Runtime
    fallback: Fallback | None = None


def place(name: str, device: Device = "auto") -> Placement:
    """Choose device and runtime for a model.

    ``auto`` takes CUDA where ONNX Runtime's GPU build and a GPU are really there, else the CPU. The TFLite graphs
    (landmarks, blendshapes, emotion) run on the CPU always, as ONNX Runtime cannot read them: asked for ``cuda`` they
    come with a ``Fallback`` that the caller records (or, being strict, raises). TorchScript runs on PyTorch, on the CPU
    unless ``cuda`` is asked for. Raises ``DeviceError`` where ``cuda`` is asked for and is not there.
    """
    entry = find(name)
    if entry.format == "torchscript":
        return Placement("cuda" if device == "cuda" else "cpu", "torch")
    if device == "cpu":
        return Placement("cpu", "openvino")
    from stills.models.onnx_session import why_no_cuda

    missing = why_no_cuda()
    if device == "auto":
        if missing or entry.format != "onnx":
            log.debug("%s runs on the CPU: %s", name, missing or "its graph is TFLite")
            return Placement("cpu", "openvino")
        return Placement("cuda", "onnxruntime")
    if device != "cuda":
        raise UsageError(f"there is no device called {device!r}", remedy="use auto, cpu or cuda")
    if missing:
        raise DeviceError(f"CUDA cannot be used: {missing}", remedy="use --device cpu, or install stills[gpu]")
    if entry.format != "onnx":
        message = f"{name} runs on the CPU: its graph is TFLite, which ONNX Runtime cannot read"
        return Placement("cpu", "openvino", Fallback(f"{name}-on-cpu", message))
    return Placement("cuda", "onnxruntime")


def open_session(
    name: str,
    *,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: int = 1,
    runtime: Runtime | None = None,
    folder: Path | None = None,
    checked: bool = False,
) -> Session:
    """Load a model of the catalog, fetching it at first use.

    ``device`` is obeyed to the letter but for ``auto``; which graphs can run where is :func:`place`'s to say.
    ``precision="auto"`` uses bf16 for models where that was measured to be harmless, on CPUs that have it.
    ``threads`` are those of one inference on the CPU. ``runtime`` forces a runtime (``None``: OpenVINO on CPUs, ONNX
    Runtime on CUDA). ``folder`` is the models folder where it is not the configured one. ``checked``: see
    :func:`~stills.models.store.model_path`.

    Raises ``DeviceError`` (not there, or cannot run this graph), ``ModelFetchError``, ``ModelHashError``,
    ``ModelError`` (the runtime refuses the file), ``UsageError`` (no such model, threads below 1).
    """
    if threads < 1:
        raise UsageError(f"an inference needs at least 1 thread, not {threads}")
    if precision not in ("auto", "f32"):
        raise UsageError(f"there is no precision called {precision!r}", remedy="use auto or f32")
    entry = find(name)
    placement = place(name, device)
    if placement.fallback is not None:
        raise DeviceError(placement.fallback.message, remedy=f"open {name} with device cpu and record the fallback")
    placement = replace(placement, runtime=runtime or placement.runtime)
    from stills.models.store import model_path, models_dir

    root = folder or models_dir()
    session = _open(
        entry,
        placement,
        precision,
        threads=threads,
        root=root,
        path=lambda: model_path(name, folder=root, checked=checked),
    )
    log.debug("%s runs on %s by %s in %s", name, session.device, session.runtime, session.precision)
    return session


def check_inputs(wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, Array], path: Path) -> None:
    """Raise ``ModelError`` unless ``given`` has every input, of its shape, as float32, none of them empty.

    OpenVINO 2026.4 does not: left without an input it runs on the last one, or on none, and overwrites memory.
    """
    if given.keys() != wanted.keys():
        raise ModelError(f"the inputs are {', '.join(wanted)}, not {', '.join(given) or 'none'}", path=str(path))
    for name, array in given.items():
        shape = wanted[name]
        fits = len(array.shape) == len(shape) and all(n in (-1, m) for n, m in zip(shape, array.shape, strict=True))
        if not fits or array.size == 0 or array.dtype != np.float32:
            message = f"the input {name} is float32 {shape} (-1: any size), not {array.dtype} {array.shape}"
            raise ModelError(message, path=str(path))


def _open(
    entry: ModelEntry, placement: Placement, precision: Precision, *, threads: int, root: Path, path: Callable[[], Path]
) -> Session:
    """``path`` is asked for once it is sure that the graph can run there: it may have to be fetched."""
    if placement.runtime == "torch":
        from stills.models.torch_session import TorchSession

        return TorchSession(path(), device=placement.device, threads=threads)
    if placement.runtime == "onnxruntime":
        if entry.format != "onnx":
            raise DeviceError(
                f"{entry.name} cannot run on ONNX Runtime: its graph is TFLite", remedy="use OpenVINO, on the CPU"
            )
        from stills.models.onnx_session import OnnxSession

        return OnnxSession(path(), device=placement.device, threads=threads)
    if placement.device != "cpu":
        message = f"OpenVINO is used on CPUs only, not on {placement.device}"
        raise DeviceError(message, remedy="leave the runtime to stills")
    from stills.models.openvino_session import OpenVinoSession

    half = entry.bf16 and precision == "auto"
    return OpenVinoSession(path(), entry.outputs, half=half, threads=threads, cache=root / "compiled")
