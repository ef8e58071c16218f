"""Heads that ship with the package are loaded as data, and only as they were shipped."""

from __future__ import annotations

import hashlib
import io
from importlib.resources import files

import numpy as np
import pytest

from stills.errors import ModelError, ModelHashError, UsageError
from stills.models import open_session
from stills.models.heads import HEADS, LinearHead, load_head, read_head


def packed(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


GOOD = {
    "weights": np.eye(2, 3, dtype=np.float32),
    "bias": np.zeros(2, np.float32),
    "temperature": np.float32(2.0),
    "labels": np.array(["a", "b"]),
}


def read(data: bytes) -> LinearHead:
    return read_head(data, hashlib.sha256(data).hexdigest(), path="head.npz")


@pytest.mark.parametrize("name", HEADS)
def test_every_head_is_there_with_its_card(name):
    head = load_head(name)
    assert head.weights.shape == (len(head.labels), 1024)
    assert 0.5 < head.temperature < 3
    card = files("stills.models").joinpath("data", "README.md").read_text(encoding="utf-8")
    assert name in card
    assert "never for decisions about a person" in card


def test_the_ethnicity_head_fits_what_sface_gives():
    session = open_session("sface", device="cpu")
    assert session.outputs == ("fc1", "pooled")
    picture = np.full((2, 3, 112, 112), 128, np.float32)
    values = session.run({"data": picture})
    assert values["fc1"].shape == (2, 128)
    assert load_head("ethnicity_sface_gap").probabilities(values["pooled"]).shape == (2, 5)


def test_a_changed_byte_is_noticed():
    data = bytearray(packed(**GOOD))
    sha256 = hashlib.sha256(data).hexdigest()
    read_head(bytes(data), sha256)
    data[len(data) // 2] ^= 1
    with pytest.raises(ModelHashError, match="damaged"):
        read_head(bytes(data), sha256, path="head.npz")


@pytest.mark.parametrize(
    "arrays",
    [
        {**GOOD, "labels": np.array(["a", object()], dtype=object)},  # a pickle, which could run anything
        {**GOOD, "bias": np.zeros(3, np.float32)},
        {**GOOD, "weights": np.zeros(3, np.float32)},
        {**GOOD, "temperature": np.float32(0)},
        {"weights": GOOD["weights"]},
    ],
    ids=["pickle", "bias", "weights", "temperature", "missing"],
)
def test_what_is_no_head_is_refused(arrays):
    with pytest.raises(ModelError, match="no linear head"):
        read(packed(**arrays))


@pytest.mark.parametrize("data", [b"", b"no archive", packed(**GOOD)[:-200]], ids=["empty", "text", "cut"])
def test_what_is_no_archive_is_refused(data):
    with pytest.raises(ModelError):
        read(data)


def test_probabilities_are_a_softmax():
    head = read(packed(**GOOD))
    given = head.probabilities(np.array([[2.0, 0.0, 5.0], [1e4, -1e4, 0.0]], np.float32))
    np.testing.assert_allclose(given[0], np.exp([1, 0]) / np.exp([1, 0]).sum(), rtol=1e-6)
    np.testing.assert_allclose(given[1], [1, 0])
    assert head.probabilities(np.zeros((0, 3), np.float32)).shape == (0, 2)
    with pytest.raises(UsageError, match="n × 3"):
        head.probabilities(np.zeros((1, 4), np.float32))


def test_an_unknown_head_is_a_usage_error():
    with pytest.raises(UsageError, match="no head"):
        load_head("nonsense")
