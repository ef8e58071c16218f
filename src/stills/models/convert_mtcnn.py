"""MTCNN's three networks as ONNX graphs, from the weights that facenet-pytorch publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelError
from stills.models.torch_file import read_legacy_weights

if TYPE_CHECKING:
    from onnx import NodeProto

Network: TypeAlias = Literal["pnet", "rnet", "onet"]
Layer: TypeAlias = tuple[str, str, int]
"""Kind (conv, prelu, pool, flatten, dense), the weights' name, and the side of a pool's window (else 0)."""

_OPSET = 17

_BODIES: dict[str, tuple[Layer, ...]] = {
    "pnet": (
        ("conv", "conv1", 0), ("prelu", "prelu1", 0), ("pool", "", 2),
        ("conv", "conv2", 0), ("prelu", "prelu2", 0),
        ("conv", "conv3", 0), ("prelu", "prelu3", 0),
    ),
    "rnet": (
        ("conv", "conv1", 0), ("prelu", "prelu1", 0), ("pool", "", 3),
        ("conv", "conv2", 0), ("prelu", "prelu2", 0), ("pool", "", 3),
        ("conv", "conv3", 0), ("prelu", "prelu3", 0),
        ("flatten", "", 0), ("dense", "dense4", 0), ("prelu", "prelu4", 0),
    ),
    "onet": (
        ("conv", "conv1", 0), ("prelu", "prelu1", 0), ("pool", "", 3),
        ("conv", "conv2", 0), ("prelu", "prelu2", 0), ("pool", "", 3),
        ("conv", "conv3", 0), ("prelu", "prelu3", 0), ("pool", "", 2),
        ("conv", "conv4", 0), ("prelu", "prelu4", 0),
        ("flatten", "", 0), ("dense", "dense5", 0), ("prelu", "prelu5", 0),
    ),
}  # fmt: skip
"""The layers that a network's outputs share (Zhang et al. 2016, figure 2)."""

_HEADS: dict[str, tuple[tuple[str, str], ...]] = {
    "pnet": (("scores", "conv4_1"), ("boxes", "conv4_2")),
    "rnet": (("scores", "dense5_1"), ("boxes", "dense5_2")),
    "onet": (("scores", "dense6_1"), ("boxes", "dense6_2"), ("points", "dense6_3")),
}

_INPUTS: dict[str, tuple[int | str, ...]] = {
    "pnet": ("batch", 3, "height", "width"),
    "rnet": ("batch", 3, 24, 24),
    "onet": ("batch", 3, 48, 48),
}


def convert(data: bytes, network: str) -> bytes:
    """The ONNX graph of ``network`` (pnet, rnet, onet) with the weights in ``data``, a PyTorch file.

    Input ``input``: batch × 3 × height × width. Outputs: ``scores`` (no face, face; after a softmax), ``boxes`` (4
    offsets) and, of onet, ``points`` (5 x, 5 y); of pnet they are maps. The same bytes give the same graph. Raises
    ``ModelError`` for another network's weights.
    """
    if network not in _BODIES:
        raise ModelError(f"MTCNN has no network {network!r}")
    return _build(read_legacy_weights(data), network)


def _build(weights: Mapping[str, NDArray[np.float32]], network: str) -> bytes:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    builder = _Builder(weights)
    heads = _HEADS[network]
    flow = "input"
    for number, (kind, name, window) in enumerate(_BODIES[network]):
        target = f"x{number}"
        builder.add(kind, name, window, flow, target)
        flow = target
    for output, name in heads:
        raw = f"{output}_raw" if output == "scores" else output
        builder.add("conv" if name.startswith("conv") else "dense", name, 0, flow, raw)
        if output == "scores":
            builder.nodes.append(helper.make_node("Softmax", [raw], ["scores"], axis=1))
    if unused := set(weights) - set(builder.constants):
        raise ModelError(f"the weights are not those of MTCNN's {network}: {', '.join(sorted(unused))} too much")
    maps: tuple[int | str, ...] = ("rows", "columns") if network == "pnet" else ()
    widths = {"scores": 2, "boxes": 4, "points": 10}
    graph = helper.make_graph(
        builder.nodes,
        network,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, _INPUTS[network])],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, ("batch", widths[o], *maps)) for o, _ in heads],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in builder.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="stills")
    model.ir_version = 8
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the weights are not those of MTCNN's {network}: {error}") from error
    return bytes(model.SerializeToString(deterministic=True))


class _Builder:
    """A graph's nodes and constants, a layer at a time."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._weights = weights
        self._channels = {"input": 3}

    def add(self, kind: str, name: str, window: int, source: str, target: str) -> None:
        """A layer (see ``Layer``) that makes ``target`` of ``source``."""
        from onnx import helper

        if kind == "conv":
            inputs = [source, self._constant(f"{name}.weight"), self._constant(f"{name}.bias")]
            shape = self.constants[inputs[1]].shape
            if len(shape) != 4 or shape[1] != self._channels.get(source):  # ONNX's checker does not look at it
                raise ModelError(f"the weights are not those of MTCNN: {name}.weight has the shape {shape}")
            self._channels[target] = shape[0]
            self.nodes.append(helper.make_node("Conv", inputs, [target]))
        elif kind == "dense":
            inputs = [source, self._constant(f"{name}.weight"), self._constant(f"{name}.bias")]
            self.nodes.append(helper.make_node("Gemm", inputs, [target], transB=1))
        elif kind == "prelu":
            slope = self._constant(f"{name}.weight")
            if self.nodes[-1].op_type == "Conv":  # a slope a channel has as many dimensions as a map less the batch
                self.constants[slope] = self.constants[slope].reshape(-1, 1, 1)
            self._channels[target] = self._channels.get(source, 0)
            self.nodes.append(helper.make_node("PRelu", [source, slope], [target]))
        elif kind == "pool":
            self._channels[target] = self._channels.get(source, 0)
            self.nodes.append(
                helper.make_node(
                    "MaxPool", [source], [target], kernel_shape=[window, window], strides=[2, 2], ceil_mode=1
                )
            )
        else:
            # The networks were trained on transposed pictures: what is flat goes column by column, channels last.
            self.nodes.append(helper.make_node("Transpose", [source], [f"{target}_t"], perm=[0, 3, 2, 1]))
            self.nodes.append(helper.make_node("Flatten", [f"{target}_t"], [target], axis=1))

    def _constant(self, key: str) -> str:
        if key not in self._weights:
            raise ModelError(f"the weights are not those of MTCNN: {key} is missing")
        self.constants[key] = self._weights[key]
        return key
