"""Weights that PyTorch saved are read without running anything, and become the graphs that they were trained in."""

import io
import os
import pickle
import sys
import types
from collections import OrderedDict

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from stills.errors import ModelError
from stills.models.convert_mtcnn import convert
from stills.models.prepare import prepare
from stills.models.torch_file import MAGIC, PROTOCOL, read_legacy_weights

RNG = np.random.default_rng(11)
SIZES = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}

SHAPES = {
    "pnet": {"conv1": (10, 3, 3, 3), "prelu1": (10,), "conv2": (16, 10, 3, 3), "prelu2": (16,),
             "conv3": (32, 16, 3, 3), "prelu3": (32,), "conv4_1": (2, 32, 1, 1), "conv4_2": (4, 32, 1, 1)},
    "rnet": {"conv1": (28, 3, 3, 3), "prelu1": (28,), "conv2": (48, 28, 3, 3), "prelu2": (48,),
             "conv3": (64, 48, 2, 2), "prelu3": (64,), "dense4": (128, 576), "prelu4": (128,),
             "dense5_1": (2, 128), "dense5_2": (4, 128)},
    "onet": {"conv1": (32, 3, 3, 3), "prelu1": (32,), "conv2": (64, 32, 3, 3), "prelu2": (64,),
             "conv3": (64, 64, 3, 3), "prelu3": (64,), "conv4": (128, 64, 2, 2), "prelu4": (128,),
             "dense5": (256, 1152), "prelu5": (256,), "dense6_1": (2, 256), "dense6_2": (4, 256),
             "dense6_3": (10, 256)},
}  # fmt: skip


def weights_of(network: str) -> dict[str, np.ndarray]:
    made = {}
    for name, shape in SHAPES[network].items():
        scale = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.3
        made[f"{name}.weight"] = (RNG.standard_normal(shape) * scale).astype(np.float32)
        if len(shape) > 1:
            made[f"{name}.bias"] = RNG.standard_normal(shape[0]).astype(np.float32) * 0.1
    return made


class Reference:
    """A tensor, as PyTorch pickles it."""

    def __init__(self, key, shape, *, offset=0, strides=None, count=None):
        steps = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
        self.arguments = (offset, tuple(shape), tuple(strides or steps), False, OrderedDict())
        self.key, self.count = key, int(np.prod(shape)) if count is None else count

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (Storage(self.key, self.count), *self.arguments)


class Storage:
    def __init__(self, key, count):
        self.key, self.count = key, count


class Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        if isinstance(thing, Storage):
            return "storage", sys.modules["torch"].FloatStorage, thing.key, "cpu", thing.count, None
        return None


@pytest.fixture
def torch_names(monkeypatch):
    """Modules of PyTorch's names, so that what is written names them; reading must not import anything."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    torch.LongStorage = type("LongStorage", (), {"__module__": "torch"})

    def _rebuild_tensor_v2():
        raise AssertionError("never called")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def saved(state, storages: dict[str, np.ndarray], *, sizes=SIZES) -> bytes:
    """What ``torch.save`` wrote before version 1.6."""
    file = io.BytesIO()
    for thing in (MAGIC, PROTOCOL, sizes, state, sorted(storages)):
        Pickler(file, 2).dump(thing)
    for key in sorted(storages):
        file.write(storages[key].size.to_bytes(8, "little") + storages[key].astype("<f4").tobytes())
    return file.getvalue()


def file_of(weights: dict[str, np.ndarray]) -> bytes:
    keys = {name: f"{i:03}" for i, name in enumerate(weights)}
    state = OrderedDict((name, Reference(keys[name], value.shape)) for name, value in weights.items())
    return saved(state, {keys[name]: value for name, value in weights.items()})


# reading


def test_weights_come_back_as_they_were(torch_names):
    weights = weights_of("pnet")
    read = read_legacy_weights(file_of(weights))
    assert list(read) == list(weights)
    for name, value in weights.items():
        np.testing.assert_array_equal(read[name], value)


def test_offsets_and_strides_are_obeyed(torch_names):
    storage = np.arange(10, dtype=np.float32)
    state = OrderedDict(
        turned=Reference("a", (3, 2), offset=1, strides=(1, 3), count=10), all=Reference("a", (10,), count=10)
    )
    read = read_legacy_weights(saved(state, {"a": storage}))
    np.testing.assert_array_equal(read["turned"], [[1, 4], [2, 5], [3, 6]])
    np.testing.assert_array_equal(read["all"], storage)


class Evil:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


def evil_files(target: str) -> dict[str, bytes]:
    """Pickles that would make the file ``target``, in each of the places of a file of weights."""
    deed = Evil(os.system, f"touch {target}")
    written = {"state": saved(OrderedDict(a=deed), {}), "sizes": saved(OrderedDict(), {}, sizes=deed)}
    deeds = {"magic": deed, "eval": Evil(eval, f"open({target!r}, 'w')"), "getattr": Evil(getattr, "os", "system")}
    for name, thing in deeds.items():
        written[name] = pickle.dumps(thing, 2)
    written["instance"] = f"(S'touch {target}'\nios\nsystem\n.".encode()
    names = (b"collections", b"OrderedDict.__init__")
    written["dotted"] = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(n)]) + n for n in names) + b"\x93."
    return written


@pytest.mark.parametrize("name", evil_files("x"))
def test_evil_pickles_are_refused_and_nothing_runs(name, tmp_path, torch_names):
    target = tmp_path / "made"
    with pytest.raises(ModelError, match="refused"):
        read_legacy_weights(evil_files(str(target))[name])
    assert not target.exists()


def damaged(data: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "text": b"not a pickle at all",
        "zip": b"PK\x03\x04" + data[4:],
        "cut in the pickle": data[:200],
        "cut in a storage": data[:-3],
    }


@pytest.mark.parametrize("name", damaged(b"x" * 300))
def test_damaged_files_are_an_error(name, torch_names):
    with pytest.raises(ModelError):
        read_legacy_weights(damaged(file_of(weights_of("pnet")))[name])


def test_what_is_no_state_of_floats_is_an_error(torch_names):
    one = {"a": np.zeros(4, np.float32)}
    torch = sys.modules["torch"]
    wrong = {
        "byte order": saved(OrderedDict(), {}, sizes={**SIZES, "little_endian": False}),
        "no state dictionary": saved([1, 2], {}),
        "larger than its storage": saved(OrderedDict(a=Reference("a", (5,), count=4)), one),
        "negative": saved(OrderedDict(a=Reference("a", (4,), offset=-1)), one),
        "cut off": saved(OrderedDict(a=Reference("a", (4,), count=5)), one),
        "LongStorage": saved(OrderedDict(a=torch.LongStorage), {}),
        "no storage": saved(OrderedDict(a=Evil(sys.modules["torch._utils"]._rebuild_tensor_v2, 1, 0, (1,), (1,))), {}),
    }
    for message, data in wrong.items():
        with pytest.raises(ModelError, match=message):
            read_legacy_weights(data)


# the graphs, against NumPy


def conv(x, weight, bias):
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    return np.einsum("bcyxij,ocij->boyx", windows, weight) + bias[:, None, None]


def prelu(x, slope):
    slope = slope.reshape(-1, 1, 1) if x.ndim == 4 else slope
    return np.where(x > 0, x, x * slope)


def pool(x, window):
    """Maxima every second pixel, the last window cut off at the edge (``ceil_mode``)."""
    rows, columns = (-(-(n - window) // 2) + 1 for n in x.shape[2:])
    return np.stack(
        [np.stack([x[:, :, 2 * r : 2 * r + window, 2 * c : 2 * c + window].max((2, 3)) for c in range(columns)], 2)
         for r in range(rows)], 2,
    )  # fmt: skip


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def forward(network, w, x):
    def c(name, value):
        return conv(value, w[f"{name}.weight"], w[f"{name}.bias"])

    def d(name, value):
        return value @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def p(name, value):
        return prelu(value, w[f"{name}.weight"])

    if network == "pnet":
        x = p("prelu3", c("conv3", p("prelu2", c("conv2", pool(p("prelu1", c("conv1", x)), 2)))))
        return {"scores": softmax(c("conv4_1", x)), "boxes": c("conv4_2", x)}
    x = pool(p("prelu2", c("conv2", pool(p("prelu1", c("conv1", x)), 3))), 3)
    x = p("prelu3", c("conv3", x))
    if network == "onet":
        x = p("prelu4", c("conv4", pool(x, 2)))
    flat = x.transpose(0, 3, 2, 1).reshape(len(x), -1)
    if network == "rnet":
        flat = p("prelu4", d("dense4", flat))
        return {"scores": softmax(d("dense5_1", flat)), "boxes": d("dense5_2", flat)}
    flat = p("prelu5", d("dense5", flat))
    return {"scores": softmax(d("dense6_1", flat)), "boxes": d("dense6_2", flat), "points": d("dense6_3", flat)}


@pytest.mark.parametrize(("network", "size"), [("pnet", (17, 22)), ("rnet", (24, 24)), ("onet", (48, 48))])
def test_a_graph_computes_what_the_network_does(network, size, torch_names):
    weights = weights_of(network)
    model = onnx.load_model_from_string(prepare(file_of(weights), [f"mtcnn:{network}"]))
    x = RNG.uniform(-1, 1, (2, 3, *size)).astype(np.float32)
    wanted = forward(network, weights, x)
    assert [o.name for o in model.graph.output] == list(wanted)
    for value, name in zip(ReferenceEvaluator(model).run(None, {"input": x}), wanted, strict=True):
        np.testing.assert_allclose(value, wanted[name], atol=2e-5)


def test_the_same_weights_make_the_same_bytes(torch_names):
    data = file_of(weights_of("pnet"))
    assert convert(data, "pnet") == convert(data, "pnet")


def test_weights_of_another_network_are_refused(torch_names):
    weights = weights_of("pnet")
    with pytest.raises(ModelError, match="not those of MTCNN"):
        convert(file_of(weights), "rnet")
    with pytest.raises(ModelError, match="too much"):
        convert(file_of({**weights, "extra.weight": np.zeros(3, np.float32)}), "pnet")
    with pytest.raises(ModelError, match="not those of MTCNN"):
        convert(file_of({**weights, "conv2.weight": np.zeros((16, 9, 3, 3), np.float32)}), "pnet")
    with pytest.raises(ModelError, match="no network"):
        convert(file_of(weights), "qnet")
