"""Devices are taken at their word: what is not there is an error, never a quiet CPU."""

import pytest

from stills.errors import DeviceError, ModelError, UsageError
from stills.models import onnx_session, open_session, place
from stills.models.openvino_session import OpenVinoSession


@pytest.fixture
def gpu(monkeypatch):
    """Make this machine look as if CUDA could be used."""
    monkeypatch.setattr(onnx_session, "why_no_cuda", lambda: "")


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(onnx_session, "why_no_cuda", lambda: "no NVIDIA GPU")


def test_auto_without_gpu_is_the_cpu(no_gpu):
    assert (place("yunet").device, place("yunet").runtime, place("yunet").fallback) == ("cpu", "openvino", None)


def test_cuda_without_gpu_is_an_error(no_gpu):
    with pytest.raises(DeviceError, match=r"no NVIDIA GPU.*--device cpu"):
        place("yunet", "cuda")
    with pytest.raises(DeviceError):
        open_session("yunet", device="cuda")


def test_with_gpu_onnx_graphs_go_there(gpu):
    for device in ("auto", "cuda"):
        assert (place("sface", device).device, place("sface", device).runtime) == ("cuda", "onnxruntime")


def test_with_gpu_tflite_graphs_stay_and_say_so(gpu):
    assert place("landmarks", "auto").device == "cpu"
    placement = place("landmarks", "cuda")
    assert placement.device == "cpu"
    assert placement.fallback.code == "landmarks-on-cpu"
    with pytest.raises(DeviceError, match="TFLite"):
        open_session("landmarks", device="cuda")


def test_a_provider_that_does_not_start_is_an_error(gpu):
    pytest.importorskip("onnxruntime")
    if onnx_session.cuda_devices():
        pytest.skip("there is a GPU here")
    with pytest.raises(DeviceError, match="CUDAExecutionProvider"):
        open_session("yunet", device="cuda")


def test_missing_onnx_runtime_is_an_error(monkeypatch):
    monkeypatch.setattr(onnx_session.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DeviceError, match=r"stills\[gpu\]"):
        open_session("yunet", device="cpu", runtime="onnxruntime")


def test_onnx_runtime_cannot_read_tflite():
    with pytest.raises(DeviceError, match="TFLite"):
        open_session("landmarks", device="cpu", runtime="onnxruntime")


@pytest.mark.parametrize(
    "wrong", [{"threads": 0}, {"precision": "int4"}, {"device": "tpu"}, {"name": "yolo"}], ids=lambda w: next(iter(w))
)
def test_wrong_arguments_are_usage_errors(wrong):
    with pytest.raises(UsageError):
        open_session(**{"name": "yunet", **wrong})


def test_what_is_no_graph_is_a_model_error(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"m\.onnx.*OpenVINO cannot load"):
        OpenVinoSession(path, ("y",), half=False, threads=1, cache=None)
    ort = pytest.importorskip("onnxruntime")
    assert ort
    with pytest.raises(ModelError, match=r"m\.onnx.*ONNX Runtime cannot load"):
        onnx_session.OnnxSession(path, device="cpu", threads=1)
