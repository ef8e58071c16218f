"""Small heads that ship with the package: linear readings of what a fetched network sees. See ``data/README.md``."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelError, ModelHashError, UsageError

HEADS: Mapping[str, str] = {
    "ethnicity_sface_gap": "0ce58045c8043b27d5899bcd3cda6584c98cb75180a3b9b95182fbbf7c397d77",
}
"""SHA-256 of each head's file, ``data/NAME.npz``."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """Probabilities of ``labels``: softmax((features · ``weights``ᵀ + ``bias``) / ``temperature``).

    ``weights`` is labels × features.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    temperature: float
    labels: tuple[str, ...]

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of n faces, n × labels; ``features`` is n × features. Raises ``UsageError`` where their length is wrong."""
        if features.ndim != 2 or features.shape[1] != self.weights.shape[1]:
            raise UsageError(f"features are n × {self.weights.shape[1]}, not {' × '.join(map(str, features.shape))}")
        logits = (features.astype(np.float64) @ self.weights.T + self.bias) / self.temperature
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


@cache
def load_head(name: str) -> LinearHead:
    """The head called ``name``, its file checked first.

    Raises ``UsageError`` (there is none), ``ModelHashError`` (it is not the file that was shipped), ``ModelError`` (it
    is not there).
    """
    if name not in HEADS:
        raise UsageError(f"there is no head called {name!r}", remedy=f"known: {', '.join(HEADS)}")
    resource = files("stills.models").joinpath("data", f"{name}.npz")
    try:
        data = resource.read_bytes()
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise ModelError(what, path=str(resource), remedy="install stills again") from error
    return read_head(data, HEADS[name], path=str(resource))


def read_head(data: bytes, sha256: str, *, path: str | None = None) -> LinearHead:
    """The head in the bytes of a ``.npz`` file, whose hash has to be ``sha256``; ``path`` is for messages.

    Raises ``ModelHashError``; ``ModelError`` where the file holds no head.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        what = f"the head is damaged (SHA-256 is {found}, should be {sha256})"
        raise ModelHashError(what, path=path, remedy="install stills again")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            weights, bias = np.asarray(arrays["weights"], np.float32), np.asarray(arrays["bias"], np.float32)
            temperature, labels = float(arrays["temperature"]), tuple(str(label) for label in arrays["labels"])
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ModelError(f"it holds no linear head: {error}", path=path) from error
    if weights.ndim != 2 or bias.shape != (len(labels),) or len(weights) != len(labels) or not temperature > 0:
        raise ModelError("it holds no linear head: the arrays do not fit each other", path=path)
    return LinearHead(weights, bias, temperature, labels)
