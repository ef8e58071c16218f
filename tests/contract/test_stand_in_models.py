"""Embedders and attribute models whose weights cannot be had here, on graphs of the same inputs and outputs."""

import importlib.util

import cv2
import numpy as np
import pytest

from face_samples import FIVE, portrait
from stand_ins import linear_answer, linear_graph, session_of
from stills.errors import DeviceError, ModelError, UsageError
from stills.index.schema import labels_of
from stills.models import place
from stills.models.catalog import find
from stills.vision import ATTRIBUTE_MODELS, EMBEDDERS, attribute_stacks, make_attributes, make_embedder, stack_of
from stills.vision.align import align_face
from stills.vision.attributes import FaceCrop
from stills.vision.expression import EMOTIONS

BY_ADDRESS = ("arcface", "arcface-mobile", "adaface", "adaface-ir50")
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def softmax(values):
    shifted = np.exp(values - values.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def crop(side=300, box=(60.0, 50.0, 150.0, 180.0)):
    """A face-like crop with a colour of its own in each channel."""
    rng = np.random.default_rng(side)
    bgr = cv2.GaussianBlur(rng.integers(0, 256, (side, side, 3), np.uint8), (0, 0), 6)
    bgr = np.clip(bgr.astype(float) * (0.4, 1.0, 1.6), 0, 255).astype(np.uint8)
    x, y, w, h = box
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * (w, h) + (x, y)
    return FaceCrop(bgr, box, points.astype(np.float32))


def test_every_embedder_without_weights_is_tested_here():
    assert set(BY_ADDRESS) == set(EMBEDDERS) - {"sface"}


@pytest.mark.parametrize("name", BY_ADDRESS)
@pytest.mark.parametrize("batch", ["batch", 1, 3])
def test_an_embedder_sees_the_colours_it_learned_from(name, batch, tmp_path):
    embedder = make_embedder(name, session_of(linear_graph(112, {"out": 512}, batch=batch), tmp_path))
    rng = np.random.default_rng(1)
    chips = np.stack([align_face(portrait(), FIVE), *rng.integers(0, 256, (4, 112, 112, 3), np.uint8)])
    seen = chips if name.startswith("adaface") else chips[..., ::-1]
    expected = linear_answer(seen.transpose(0, 3, 1, 2).astype(np.float64) / 127.5 - 1, 512)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(embedder.embed(chips), expected, atol=2e-4)
    assert embedder.embed(chips).dtype == np.float32
    assert embedder.embed(chips[:0]).shape == (0, embedder.size) == (0, 512)


@pytest.mark.parametrize("name", BY_ADDRESS)
def test_an_embedder_refuses_what_is_no_chip(name, tmp_path):
    embedder = make_embedder(name, session_of(linear_graph(112, {"out": 512}), tmp_path))
    with pytest.raises(UsageError, match="112"):
        embedder.embed(np.zeros((1, 96, 112, 3), np.uint8))


@pytest.mark.parametrize("order", [("race", "gender", "age"), ("age", "race", "gender")])
def test_fairface_is_read_by_width(order, tmp_path):
    widths = {"race": 7, "gender": 2, "age": 9}
    graph = linear_graph(224, {name: widths[name] for name in order})
    (stack,) = ATTRIBUTE_MODELS["fairface"]
    model = make_attributes(stack, session_of(graph, tmp_path))
    face = crop()
    given = model.measure([face, face])
    assert set(given) == {"age", "gender", "ethnicity"} == set(model.gives)
    x, y, w, h = face.box
    part = face.bgr[int(y - 0.25 * h) : int(y + 1.25 * h), int(x - 0.25 * w) : int(np.ceil(x + 1.25 * w))]
    chip = cv2.resize(part, (224, 224), interpolation=cv2.INTER_AREA)[..., ::-1] / 255
    planes = ((chip - MEAN) / STD).transpose(2, 0, 1)[None]
    race, gender, age = (softmax(linear_answer(planes, widths[n], seed=order.index(n))[0]) for n in widths)
    np.testing.assert_allclose(given["ethnicity"][0], race, atol=1e-3)
    np.testing.assert_allclose(given["gender"][0], gender[::-1], atol=1e-3)  # female first
    middle = np.array([1.5, 6.5, 15, 25, 35, 45, 55, 65, 80])
    assert given["age"][0, 0] == pytest.approx(age @ middle, abs=0.1)
    assert np.array_equal(given["age"][0], given["age"][1])
    assert given["ethnicity"].shape[1] == len(labels_of("fairface", "ethnicity"))


def test_fairface_that_is_sure_of_a_band_is_unsure_inside_it(tmp_path):
    """An expectation over bands cannot be better than an even spread over one."""
    from stills.vision.attributes.fairface import FairFace

    class Sure:
        def __init__(self):
            self.inputs = {"picture": (-1, 3, 224, 224)}

        def run(self, _):
            bands = np.where(np.arange(9) == 3, 50.0, 0.0)
            return {"race": np.zeros((1, 7)), "gender": np.array([[9.0, 0.0]]), "age": bands[None]}

    given = FairFace(Sure()).measure([crop()])
    assert given["age"][0, 0] == pytest.approx(25, abs=1e-3)
    assert given["age"][0, 1] == pytest.approx(10 / np.sqrt(12), abs=1e-2)
    assert given["gender"][0, 1] > 0.99  # male, which the network says first


def test_a_graph_that_is_no_fairface_is_refused(tmp_path):
    (stack,) = ATTRIBUTE_MODELS["fairface"]
    model = make_attributes(stack, session_of(linear_graph(224, {"race": 4, "gender": 2, "age": 9}), tmp_path))
    with pytest.raises(ModelError, match="7, 2 and 9"):
        model.measure([crop()])


def test_genderage_is_read(tmp_path):
    (stack,) = ATTRIBUTE_MODELS["genderage"]
    model = make_attributes(stack, session_of(linear_graph(96, {"fc1": 3}, batch=1), tmp_path))
    face = crop()
    given = model.measure([face])
    x, y, w, h = face.box
    scale = 96 / (1.5 * max(w, h))
    matrix = np.array([[scale, 0, 48 - scale * (x + w / 2)], [0, scale, 48 - scale * (y + h / 2)]])
    chip = cv2.warpAffine(face.bgr, matrix, (96, 96), flags=cv2.INTER_LINEAR)[..., ::-1]
    values = linear_answer(chip.transpose(2, 0, 1)[None].astype(np.float64), 3)[0]
    assert given["age"][0, 0] == pytest.approx(100 * values[2], rel=1e-3)
    np.testing.assert_allclose(given["gender"][0], softmax(values[:2]), atol=1e-3)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is here")
def test_torchscript_without_pytorch_says_what_to_install(tmp_path):
    from stills.models.torch_session import TorchSession

    with pytest.raises(DeviceError, match="PyTorch is not installed") as caught:
        TorchSession(tmp_path / "net.script", device="cpu", threads=1)
    assert "stills[torch]" in caught.value.remedy


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch (extra stills[torch])")
def test_affectnet_on_torchscript(tmp_path):
    import torch

    from stills.models.torch_session import TorchSession

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = torch.nn.Parameter(torch.from_numpy(weights))

        def forward(self, picture):
            cells = torch.nn.functional.avg_pool2d(picture, 14).flatten(1)
            return cells @ self.weights, cells

    from stand_ins import weights_of

    weights = weights_of(7)
    torch.jit.script(Net()).save(str(tmp_path / "net.script"))
    session = TorchSession(tmp_path / "net.script", device="cpu", threads=1)
    (stack,) = ATTRIBUTE_MODELS["affectnet"]
    face = crop()
    given = make_attributes(stack, session).measure([face])["emotion"][0]
    chip = align_face(face.bgr, face.landmarks)[..., ::-1] / 255
    answer = softmax(linear_answer(((chip - MEAN) / STD).transpose(2, 0, 1)[None], 7)[0])
    order = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry")
    np.testing.assert_allclose(given, [answer[order.index(name)] for name in EMOTIONS], atol=1e-3)
    (tmp_path / "broken.script").write_bytes(b"no module")
    with pytest.raises(ModelError, match="cannot load"):
        TorchSession(tmp_path / "broken.script", device="cpu", threads=1)
    with pytest.raises(ModelError, match="float32"):
        session.run({"input": np.zeros((1, 3, 112), np.float32)})


def test_torchscript_runs_on_the_cpu_unless_cuda_is_asked_for():
    assert place("affectnet", "auto").device == place("affectnet", "cpu").device == "cpu"
    assert place("affectnet", "auto").runtime == "torch"
    assert place("affectnet", "cuda").device == "cuda"


def test_all_models_of_all_stacks_are_in_the_catalog():
    for stack in (*EMBEDDERS.values(), *(s for stacks in ATTRIBUTE_MODELS.values() for s in stacks)):
        for name in stack.models:
            assert find(name).sha256


def test_the_first_model_that_infers_an_attribute_does():
    assert [s.models for s in attribute_stacks("fairface", ["ethnicity"])] == [("fairface",)]
    both = attribute_stacks("genderage,fairface", ["age", "ethnicity", "emotion"])
    assert [s.models for s in both] == [("genderage",), ("fairface",), ("emotion",)]
    assert [s.models for s in attribute_stacks("default", ["age", "gender"])] == [("age",), ("gender",)]
    assert attribute_stacks("default", []) == ()
    assert len(labels_of("genderage,fairface", "ethnicity")) == 7
    assert len(labels_of("default,fairface", "ethnicity")) == 5
    with pytest.raises(UsageError, match="no attributes model called 'nobody'"):
        attribute_stacks("fairface,nobody", ["emotion"])
    with pytest.raises(UsageError, match="no embedder called"):
        stack_of("embedder", "nobody")
