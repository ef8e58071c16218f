"""Making a fetched weight file runnable: done once, in the model store.

OpenCV Zoo's ``int8bq`` files keep weights as int8 blocks with a scale each, behind ``DequantizeLinear`` and ``Reshape``
nodes that ONNX Runtime 1.31 (``block_size must be 0``), OpenVINO 2026.4 and OpenCV 5 refuse. Those nodes have constant
inputs only, so they are evaluated here and replaced by plain float initializers; nothing else of a graph is changed but
the sizes that its inputs accept.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, ValueInfoProto

PREPARE_VERSION = 2
"""Raised whenever a step's output changes, so that files prepared by an older stills are not used."""


def prepare(data: bytes, steps: Sequence[str]) -> bytes:
    """Run ``steps`` of a catalog entry over a fetched file's bytes and return the runnable file's bytes.

    Steps: ``extract:MEMBER`` (a member of a zip), ``mtcnn:NETWORK`` (a graph of MTCNN from PyTorch's weights),
    ``fold-weights``, ``free-batch``, ``free-size``, ``pooled`` (before ``free-batch``). The result depends on nothing
    but the arguments and the onnx release. Raises ``ModelError`` where a step does not fit the file.
    """
    graph_steps: list[Callable[[ModelProto], None]] = []
    for step in steps:
        kind, _, argument = step.partition(":")
        if kind == "extract":
            data = _extract(data, argument)
        elif kind == "mtcnn":
            data = _mtcnn(data, argument)
        elif kind in _GRAPH_STEPS:
            graph_steps.append(_GRAPH_STEPS[kind])
        else:
            raise ModelError(f"the catalog asks for an unknown preparation step {step!r}")
    return _edit_graph(data, graph_steps) if graph_steps else data


def _extract(data: bytes, member: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.read(member)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"no {member} in the model bundle: {error}") from error


def _mtcnn(data: bytes, network: str) -> bytes:
    from stills.models.convert_mtcnn import convert

    return convert(data, network)


def _edit_graph(data: bytes, steps: Sequence[Callable[[ModelProto], None]]) -> bytes:
    import onnx
    from google.protobuf.message import DecodeError  # a dependency of onnx

    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ModelError(f"the model file is no ONNX graph: {error}") from error
    for step in steps:
        step(model)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"the prepared graph is not valid: {error}") from error
    return bytes(model.SerializeToString(deterministic=True))


def _fold_weights(model: ModelProto) -> None:
    """Evaluate constant DequantizeLinear and Reshape nodes; drop the initializers and inputs that nothing uses then."""
    from onnx import numpy_helper

    graph = model.graph
    constants: dict[str, NDArray[Any]] = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    kept: list[NodeProto] = []
    for node in graph.node:
        constant = all(name in constants for name in node.input if name)
        if constant and node.op_type == "DequantizeLinear":
            constants[node.output[0]] = _dequantize(node, constants)
        elif constant and node.op_type == "Reshape":
            constants[node.output[0]] = constants[node.input[0]].reshape(constants[node.input[1]])
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    weights = [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in constants.items() if k in used]
    inputs = [i for i in graph.input if i.name in used and i.name not in constants]
    for field, values in ((graph.node, kept), (graph.initializer, weights), (graph.input, inputs)):
        del field[:]
        field.extend(values)
    del graph.value_info[:]


def _dequantize(node: NodeProto, constants: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """ONNX DequantizeLinear (opset 21) on arrays: one scale a tensor, an axis or a block of an axis."""
    from onnx import helper

    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    block, axis = int(attributes.get("block_size", 0)), int(attributes.get("axis", 1))
    quantised = constants[node.input[0]].astype(np.int32)
    scale = constants[node.input[1]].astype(np.float32)
    has_zero = len(node.input) > 2 and bool(node.input[2])
    zero = constants[node.input[2]].astype(np.int32) if has_zero else np.zeros_like(scale, np.int32)
    if block:
        index = np.arange(quantised.shape[axis]) // block
        scale, zero = scale.take(index, axis=axis), zero.take(index, axis=axis)
    elif scale.size > 1:
        shape = [1] * quantised.ndim
        shape[axis] = -1
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    else:
        scale, zero = scale.reshape(()), zero.reshape(())
    return ((quantised - zero) * scale).astype(np.float32)


def _free_batch(model: ModelProto) -> None:
    """Let the first dimension of every input and output be any size."""
    for value in (*model.graph.input, *model.graph.output):
        _set_dims(value, ("batch", *(d.dim_value for d in value.type.tensor_type.shape.dim[1:])))


def _free_size(model: ModelProto) -> None:
    """Let a detector's picture have any batch, height and width.

    YuNet ends in ``Reshape`` to constants ``[1, -1, k]``; 0 in place of 1 means "as the input" and frees the batch.
    """
    from onnx import numpy_helper

    graph = model.graph
    targets = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for initializer in graph.initializer:
        if initializer.name in targets:
            shape = numpy_helper.to_array(initializer).copy()
            if shape[0] == 1:
                shape[0] = 0
                initializer.CopyFrom(numpy_helper.from_array(shape, initializer.name))
    for value in graph.input:
        _set_dims(value, ("batch", 3, "height", "width"))
    for value in graph.output:
        _set_dims(value, ("batch", f"cells_{value.name}", value.type.tensor_type.shape.dim[2].dim_value))


def _pooled(model: ModelProto) -> None:
    """Give the last feature map (what the last ``Flatten`` makes flat), averaged over space, as the output ``pooled``.

    What the map tells of a face beside who it is stays readable there; the graph's own outputs are not touched.
    """
    from onnx import TensorProto, helper

    graph = model.graph
    flatten = next((node for node in reversed(graph.node) if node.op_type == "Flatten"), None)
    if flatten is None:
        raise ModelError("no feature map to average: the graph has no Flatten")
    feature_map = flatten.input[0]
    sizes = {value.name: value.type.tensor_type.shape.dim for value in _with_shapes(model).graph.value_info}
    dims = sizes.get(feature_map, ())
    if len(dims) != 4 or not dims[1].dim_value:
        raise ModelError(f"{feature_map} is no feature map (batch × channels × height × width) of known channels")
    graph.node.append(helper.make_node("GlobalAveragePool", [feature_map], ["pooled_map"]))
    graph.node.append(helper.make_node("Flatten", ["pooled_map"], ["pooled"], axis=1))
    batch = graph.output[0].type.tensor_type.shape.dim[0].dim_value or "batch"
    graph.output.append(helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [batch, dims[1].dim_value]))


def _with_shapes(model: ModelProto) -> ModelProto:
    from onnx import shape_inference

    return shape_inference.infer_shapes(model)


def _set_dims(value: ValueInfoProto, dims: Sequence[int | str]) -> None:
    for dim, size in zip(value.type.tensor_type.shape.dim, dims, strict=True):
        dim.Clear()
        if isinstance(size, int):
            dim.dim_value = size
        else:
            dim.dim_param = size


_GRAPH_STEPS: dict[str, Callable[[ModelProto], None]] = {
    "fold-weights": _fold_weights,
    "free-batch": _free_batch,
    "free-size": _free_size,
    "pooled": _pooled,
}
