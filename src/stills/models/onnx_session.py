"""Sessions on ONNX Runtime, for GPUs (extra ``stills[gpu]``). Providers are explicit; there is no falling back."""

from __future__ import annotations

import ctypes
import importlib.util
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from stills.errors import DeviceError, ModelError
from stills.models.session import Array, check_inputs

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxSession:
    """One graph on one execution provider; calls from several threads take turns."""

    runtime = "onnxruntime"
    precision = "f32"

    def __init__(self, path: Path, *, device: str, threads: int) -> None:
        """Load ``path`` on ``device`` (``cpu`` or ``cuda``).

        Raises ``DeviceError`` where ONNX Runtime or the provider is missing or was not really taken into use,
        ``ModelError`` where ONNX Runtime refuses the file.
        """
        if importlib.util.find_spec("onnxruntime") is None:
            raise DeviceError("ONNX Runtime is not installed", remedy="pip install 'stills[gpu]', or use --device cpu")
        import onnxruntime as ort

        provider = _PROVIDERS[device]
        if provider not in ort.get_available_providers():
            raise DeviceError(f"this ONNX Runtime has no {provider}", remedy="pip install 'stills[gpu]'")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3  # errors only: provider warnings would spoil the terminal
        try:
            # the CPU provider is listed for the few shape nodes that have no CUDA kernel
            self._session = ort.InferenceSession(
                path, options, providers=list(dict.fromkeys((provider, _PROVIDERS["cpu"])))
            )
        except Exception as error:
            raise ModelError(f"ONNX Runtime cannot load it: {_first_line(error)}", path=str(path)) from error
        self._session.disable_fallback()
        if self._session.get_providers()[0] != provider:  # it warns and takes the next one by itself
            raise DeviceError(
                f"{provider} could not be started (driver, CUDA or cuDNN missing?)", remedy="see `stills doctor`"
            )
        self._path = path
        self._lock = threading.Lock()
        self.device = device
        self.inputs: Mapping[str, tuple[int, ...]] = {
            value.name: tuple(d if isinstance(d, int) else -1 for d in value.shape)
            for value in self._session.get_inputs()
        }
        self.outputs = tuple(value.name for value in self._session.get_outputs())

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the graph once. Raises ``ModelError``."""
        check_inputs(self.inputs, inputs, self._path)
        with self._lock:
            try:
                feeds = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
                values = self._session.run(list(self.outputs), feeds)
            except Exception as error:
                raise ModelError(f"inference failed: {_first_line(error)}", path=str(self._path)) from error
        return dict(zip(self.outputs, values, strict=True))


@cache
def why_no_cuda() -> str:
    """What keeps CUDA from being used here; "" where nothing does. Looks cheap things up first."""
    if importlib.util.find_spec("onnxruntime") is None:
        return "ONNX Runtime is not installed"
    if not cuda_devices():
        return "no NVIDIA GPU, or no driver for it"
    import onnxruntime as ort

    if _PROVIDERS["cuda"] not in ort.get_available_providers():
        return "this ONNX Runtime was built without CUDA"
    return ""


def cuda_devices() -> int:
    """Number of GPUs that NVIDIA's driver shows to this process."""
    for library in ("libcuda.so.1", "libcuda.so", "nvcuda.dll"):
        try:
            driver = ctypes.CDLL(library)
        except OSError:
            continue
        count = ctypes.c_int(0)
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
            return count.value
    return 0


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
