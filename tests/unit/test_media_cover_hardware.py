"""Cover pictures, and the GPU that must be said to be missing."""

import io

import pytest
from PIL import Image

from media_factory import Movie, jpeg, make
from stills.errors import DeviceError, UsageError
from stills.media.cover import cover, cover_picture
from stills.media.decode import DecodePlan, decode
from stills.media.hardware import cuda_problem, require_cuda
from stills.media.probe import probe


def test_cover_picture_comes_out_as_it_went_in(tmp_path):
    path = make(tmp_path / "a.mp4", Movie(frames=3, cover=True))
    found = cover(path)
    assert found is not None
    assert (found.data, found.format) == (jpeg(), "jpeg")
    assert Image.open(io.BytesIO(cover_picture(path) or b"")).size == (32, 24)


def test_no_cover(tmp_path):
    assert cover_picture(make(tmp_path / "a.mp4", Movie(frames=3))) is None


@pytest.mark.skipif(cuda_problem() is None, reason="there is a CUDA device here")
def test_missing_cuda_is_an_error_that_names_it(tmp_path):
    path = make(tmp_path / "a.mp4", Movie(frames=3))
    with pytest.raises(DeviceError, match="CUDA") as caught:
        list(decode(path, probe(path), DecodePlan(device="cuda")))
    assert caught.value.remedy is not None
    with pytest.raises(DeviceError):
        require_cuda("h264")


@pytest.mark.skipif(cuda_problem() is not None, reason="no CUDA device here")
def test_cuda_gives_the_same_frames(tmp_path):
    path = make(tmp_path / "a.mp4", Movie(frames=30, width=256, height=192))
    info = probe(path)
    with_cpu = {frame.pts: frame.picture() for frame in decode(path, info)}
    with_gpu = {frame.pts: frame.picture() for frame in decode(path, info, DecodePlan(device="cuda"))}
    assert with_cpu.keys() == with_gpu.keys()
    assert all(abs(with_cpu[pts].astype(int) - with_gpu[pts]).max() <= 2 for pts in with_cpu)


def test_contradicting_plans_are_refused():
    with pytest.raises(UsageError, match="times"):
        DecodePlan(mode="keys", times=(1,))
    with pytest.raises(UsageError, match="threads"):
        DecodePlan(threads=0)
