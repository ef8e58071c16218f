"""Preparation keeps a graph's results, frees its sizes, and says what does not fit."""

import io
import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from stills.errors import ModelError
from stills.models.prepare import prepare

RNG = np.random.default_rng(3)


def graph(block: int) -> tuple[bytes, np.ndarray]:
    """A convolution whose weight is int8 with one scale a block (0: one a row), and the weight in floats."""
    quantised = RNG.integers(-128, 128, (4, 27), dtype=np.int8)
    blocks = 27 // block if block else 1
    scale = RNG.uniform(0.01, 0.1, (4, blocks) if block else 4).astype(np.float32)
    zero = RNG.integers(-5, 5, scale.shape, dtype=np.int8)
    wide = [np.repeat(a, block, 1) if block else a[:, None] for a in (scale, zero.astype(np.float32))]
    weight = ((quantised - wide[1]) * wide[0]).astype(np.float32).reshape(4, 3, 3, 3)
    arrays = {"q": quantised, "s": scale, "z": zero, "shape": np.array([4, 3, 3, 3]), "flat": np.array([1, -1, 4])}
    kept = [numpy_helper.from_array(a, n) for n, a in arrays.items()]
    attributes = {"axis": 1, "block_size": block} if block else {"axis": 0}
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], **attributes),
        helper.make_node("Reshape", ["d", "shape"], ["w"]),
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Transpose", ["c"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["t", "flat"], ["y"]),
    ]
    unused = helper.make_tensor_value_info("q", TensorProto.INT8, [4, 27])  # as old exporters list weights
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8]), unused]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64, 4])]
    made = helper.make_graph(nodes, "g", inputs, outputs, kept)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return model.SerializeToString(), weight


@pytest.mark.parametrize("block", [0, 9, 27])
def test_folded_weights_are_the_dequantised_ones(block):
    data, weight = graph(block)
    model = onnx.load_model_from_string(prepare(data, ["fold-weights"]))
    assert [n.op_type for n in model.graph.node] == ["Conv", "Transpose", "Reshape"]
    assert [i.name for i in model.graph.input] == ["x"]
    folded = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    np.testing.assert_allclose(folded["w"], weight, rtol=1e-6)
    assert set(folded) == {"w", "flat"}


def test_folding_keeps_the_result():
    data, _ = graph(9)
    picture = RNG.uniform(0, 1, (1, 3, 8, 8)).astype(np.float32)
    before = ReferenceEvaluator(onnx.load_model_from_string(data)).run(None, {"x": picture})[0]
    after = ReferenceEvaluator(onnx.load_model_from_string(prepare(data, ["fold-weights"]))).run(None, {"x": picture})[
        0
    ]
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


def test_freed_sizes_take_any_batch_and_picture():
    data, _ = graph(9)
    run = ReferenceEvaluator(onnx.load_model_from_string(prepare(data, ["fold-weights", "free-size"])))
    picture = RNG.uniform(0, 1, (1, 3, 16, 24)).astype(np.float32)
    pair = np.concatenate([picture, picture * 0.5])
    together = run.run(None, {"x": pair})[0]
    assert together.shape == (2, 16 * 24, 4)
    np.testing.assert_allclose(together[:1], run.run(None, {"x": picture})[0], rtol=1e-4, atol=1e-4)


def test_preparing_twice_gives_the_same_bytes():
    data, _ = graph(9)
    assert prepare(data, ["fold-weights", "free-size"]) == prepare(data, ["fold-weights", "free-size"])


def test_a_member_is_taken_out_of_a_bundle():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as bundle:
        bundle.writestr("a.tflite", b"graph")
    assert prepare(file.getvalue(), ["extract:a.tflite"]) == b"graph"
    with pytest.raises(ModelError, match=r"b\.tflite"):
        prepare(file.getvalue(), ["extract:b.tflite"])
    with pytest.raises(ModelError, match="bundle"):
        prepare(b"no zip", ["extract:a.tflite"])


def embedder(flatten: bool = True) -> bytes:
    """A convolution, flattened and multiplied to four numbers, as embedders end; or just the convolution."""
    weights = {
        "w": RNG.normal(size=(6, 3, 3, 3)).astype(np.float32),
        "m": RNG.normal(size=(6 * 36, 4)).astype(np.float32),
    }
    nodes = [helper.make_node("Conv", ["x", "w"], ["map"])]
    if flatten:
        nodes += [helper.make_node("Flatten", ["map"], ["flat"]), helper.make_node("MatMul", ["flat", "m"], ["vector"])]
    shape = [1, 4] if flatten else [1, 6, 6, 6]
    outputs = [helper.make_tensor_value_info("vector" if flatten else "map", TensorProto.FLOAT, shape)]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])]
    kept = [numpy_helper.from_array(a, n) for n, a in weights.items()]
    made = helper.make_graph(nodes, "g", inputs, outputs, kept)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return model.SerializeToString()


def test_the_pooled_map_comes_beside_the_vector():
    data = embedder()
    pictures = RNG.normal(size=(3, 3, 8, 8)).astype(np.float32)
    single = ReferenceEvaluator(onnx.load_model_from_string(data)).run(["vector", "map"], {"x": pictures[:1]})
    model = onnx.load_model_from_string(prepare(data, ["pooled", "free-batch"]))
    assert [o.name for o in model.graph.output] == ["vector", "pooled"]
    vectors, pooled = ReferenceEvaluator(model).run(None, {"x": pictures})
    assert (vectors.shape, pooled.shape) == ((3, 4), (3, 6))
    np.testing.assert_allclose(vectors[0], single[0][0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(pooled[0], single[1][0].mean(axis=(1, 2)), rtol=1e-4, atol=1e-4)


def test_a_graph_without_a_flat_end_has_nothing_to_pool():
    with pytest.raises(ModelError, match="Flatten"):
        prepare(embedder(flatten=False), ["pooled"])


def test_an_unknown_step_is_refused():
    with pytest.raises(ModelError, match="shrink"):
        prepare(b"", ["shrink"])


def test_what_is_no_graph_is_refused():
    with pytest.raises(ModelError):
        prepare(b"\x00" * 100, ["fold-weights"])
