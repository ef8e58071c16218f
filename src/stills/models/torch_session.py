"""Sessions on PyTorch, for networks that are published as TorchScript only (extra ``stills[torch]``)."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stills.errors import DeviceError, ModelError
from stills.models.session import Array, check_inputs

INPUT = "input"
"""Name of the only input: TorchScript's own names are of no use."""


class TorchSession:
    """One TorchScript module with one input of n × 3 × height × width; calls from several threads take turns."""

    runtime = "torch"
    precision = "f32"

    def __init__(self, path: Path, *, device: str, threads: int) -> None:
        """Load ``path`` on ``device`` (``cpu`` or ``cuda``).

        Raises ``DeviceError`` where PyTorch or the device is missing, ``ModelError`` where PyTorch refuses the file.
        """
        if importlib.util.find_spec("torch") is None:
            raise DeviceError("PyTorch is not installed", remedy="pip install 'stills[torch]', or choose another model")
        import torch

        if device == "cuda" and not torch.cuda.is_available():
            raise DeviceError("this PyTorch finds no CUDA device", remedy="use --device cpu")
        torch.set_num_threads(threads)
        self._torch: Any = torch
        try:
            self._module = torch.jit.load(str(path), map_location=device).eval()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"PyTorch cannot load it: {_first_line(error)}", path=str(path)) from error
        self._path = path
        self._lock = threading.Lock()
        self.device = device
        self.inputs: Mapping[str, tuple[int, ...]] = {INPUT: (-1, 3, -1, -1)}
        self.outputs = ("output",)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the module once; of several outputs, the first. Raises ``ModelError``."""
        check_inputs(self.inputs, inputs, self._path)
        torch = self._torch
        with self._lock:
            try:
                with torch.inference_mode():
                    given = torch.from_numpy(np.ascontiguousarray(inputs[INPUT])).to(self.device)
                    found = self._module(given)
                    first = found[0] if isinstance(found, tuple | list) else found
                    return {"output": first.cpu().numpy()}
            except (RuntimeError, ValueError, TypeError) as error:
                raise ModelError(f"inference failed: {_first_line(error)}", path=str(self._path)) from error


def _first_line(error: Exception) -> str:
    # TorchScript puts its own stack first
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
