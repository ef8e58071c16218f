"""Graphs with the inputs and outputs of networks whose weights cannot be had here; what they compute is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stills.models.openvino_session import OpenVinoSession

CELLS = 8
"""Cells along each side of the picture, whose means are all that these graphs see."""


def linear_graph(side: int, outputs: Mapping[str, int], *, batch: int | str = "batch", seed: int = 0) -> bytes:
    """An ONNX graph from ``batch`` × 3 × ``side`` × ``side`` to each of ``outputs`` (name: width).

    Each output is ``weights_of(...)`` times the means of the picture's cells.
    """
    cell = side // CELLS
    nodes = [
        helper.make_node("AveragePool", ["picture"], ["cells"], kernel_shape=[cell, cell], strides=[cell, cell]),
        helper.make_node("Flatten", ["cells"], ["flat"], axis=1),
    ]
    constants, values = [], []
    for place, (name, width) in enumerate(outputs.items()):
        constants.append(numpy_helper.from_array(weights_of(width, seed=seed + place), f"w_{name}"))
        nodes.append(helper.make_node("MatMul", ["flat", f"w_{name}"], [name]))
        values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, width]))
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [batch, 3, side, side])
    graph = helper.make_graph(nodes, "stand-in", [picture], values, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def weights_of(width: int, *, seed: int = 0) -> np.ndarray:
    """What multiplies the cells, (3 · ``CELLS``², ``width``)."""
    return np.random.default_rng([width, seed]).standard_normal((3 * CELLS * CELLS, width)).astype(np.float32)


def linear_answer(planes: np.ndarray, width: int, *, seed: int = 0) -> np.ndarray:
    """What the graph gives for ``planes`` (n × 3 × side × side)."""
    n, _, side, _ = planes.shape
    cell = side // CELLS
    cells = planes.reshape(n, 3, CELLS, cell, CELLS, cell).mean(axis=(3, 5))
    return cells.reshape(n, -1) @ weights_of(width, seed=seed)


def session_of(graph: bytes, folder: Path, outputs: Sequence[str] = ()) -> OpenVinoSession:
    """A session on ``graph``, kept in ``folder``."""
    path = folder / "stand_in.onnx"
    path.write_bytes(graph)
    return OpenVinoSession(path, tuple(outputs), half=False, threads=1, cache=None)
