"""Sessions on OpenVINO, the runtime for CPUs: reads ONNX and TFLite alike."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stills.errors import ModelError
from stills.models.compiled import with_cache
from stills.models.session import Array, check_inputs

_MADV_DONTNEED = 4

if TYPE_CHECKING:
    from openvino import CompiledModel, Core


class OpenVinoSession:
    """One compiled graph with one inference request; calls from several threads take turns."""

    runtime = "openvino"
    device = "cpu"

    def __init__(self, path: Path, outputs: tuple[str, ...], *, half: bool, threads: int, cache: Path | None) -> None:
        """Compile ``path``, whose outputs are called ``outputs`` (none: as they are). ``cache`` keeps compiled graphs.

        ``half`` wants bf16 where the CPU has it.

        Raises ``ModelError`` where OpenVINO refuses the file.
        """
        precision = "bf16" if half and has_bf16() else "f32"
        config: dict[str, Any] = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # each worker process would pin its only thread to the same first core
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": precision,
        }
        core = _core()

        def compile_graph(folder: Path | None) -> CompiledModel:
            kept = {} if folder is None else {"CACHE_DIR": str(folder)}
            return core.compile_model(path, "CPU", {**config, **kept})

        try:
            if cache is None:
                self._compiled = compile_graph(None)
            else:
                cache = cache / f"{path.stem}-{precision}-{threads}"
                self._compiled = with_cache(cache, compile_graph)
            self._request = self._compiled.create_infer_request()
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot load it: {_first_line(error)}", path=str(path)) from error
        self._path = path
        self._cache = cache
        self._lock = threading.Lock()
        self.precision = precision
        self.inputs: Mapping[str, tuple[int, ...]] = {
            port.get_any_name(): tuple(d.get_length() if d.is_static else -1 for d in port.get_partial_shape())
            for port in self._compiled.inputs
        }
        # fusing leaves an output with several names; only the graph's own are promised
        names = [port.get_names() for port in self._compiled.outputs]
        self.outputs = outputs = outputs or tuple(port.get_any_name() for port in self._compiled.outputs)
        try:
            self._ports = [next(i for i, known in enumerate(names) if name in known) for name in outputs]
        except StopIteration:
            raise ModelError(f"the graph's outputs are {names}, not {outputs}", path=str(path)) from None

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the graph once; the arrays returned are the caller's own. Raises ``ModelError``."""
        check_inputs(self.inputs, inputs, self._path)
        with self._lock:
            try:
                self._request.infer({name: np.ascontiguousarray(a) for name, a in inputs.items()}, share_inputs=True)
                tensors = [self._request.get_output_tensor(i).data for i in self._ports]
                results = {name: np.array(data) for name, data in zip(self.outputs, tensors, strict=True)}
            except (RuntimeError, ValueError, TypeError) as error:
                raise ModelError(f"inference failed: {_first_line(error)}", path=str(self._path)) from error
            if self._cache is not None:  # the first run has packed the weights for this CPU
                _release_pages(self._cache)
                self._cache = None
            return results


@cache
def has_bf16() -> bool:
    """Whether this CPU computes in bf16 natively (AVX-512 BF16, AMX, or ARM's), by OpenVINO's own word."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def cpu_name() -> str:
    """The processor's own name."""
    return str(_core().get_property("CPU", "FULL_DEVICE_NAME")).strip()


def _release_pages(folder: Path) -> None:
    """Give back the memory of cached graphs that are mapped from ``folder``: 38 MB of each process with SFace.

    OpenVINO keeps them mapped read-only and reads them again from the file should it need to. Linux only; elsewhere,
    and where anything is not as expected, memory is just not given back.
    """
    if not sys.platform.startswith("linux"):
        return
    here = os.path.realpath(folder) + os.sep
    libc = ctypes.CDLL(None)
    with Path("/proc/self/maps").open(encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            span, mode, *_, path = line.rstrip("\n").split(maxsplit=5) if line.count("/") else ("", "", "")
            if mode in ("r--p", "r--s") and path.startswith(here) and path.endswith(".blob"):
                start, end = (int(part, 16) for part in span.split("-"))
                libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)


@cache
def _core() -> Core:
    from stills.models.openvino_import import openvino

    return openvino.Core()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # OpenVINO puts "Exception from file:line" lines before the reason
    reasons = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (reasons or lines or [type(error).__name__])[0]
