"""Reading the weights in a file that PyTorch saved, without PyTorch and without running anything that is in it.

Such files are pickles, which can name any function of any module to be called. Here a pickle may make three things
only: an ordered dictionary, a reference to a tensor, and the name of a storage of floats; anything else is refused
before it is looked up.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stills.errors import ModelError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""What the first two pickles of ``torch.save`` before version 1.6 hold."""

_STORAGES = {"FloatStorage": np.dtype("<f4")}


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_legacy_weights(data: bytes) -> dict[str, NDArray[np.float32]]:
    """The tensors by name of a state dictionary that ``torch.save`` wrote before version 1.6.

    The file is four pickles (a magic number, the protocol, sizes of types, the dictionary), a pickled list of storage
    keys, and each storage as a count and raw values. Raises ``ModelError`` for anything else, evil or damaged.
    """
    try:
        return _read(io.BytesIO(data))
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise ModelError(f"the weights cannot be read: {error}") from error
    except (ImportError, MemoryError, OverflowError, RecursionError) as error:
        raise ModelError(f"the weights cannot be read: {type(error).__name__}") from error


def _read(file: io.BytesIO) -> dict[str, NDArray[np.float32]]:
    if _load(file) != MAGIC or _load(file) != PROTOCOL:
        raise ModelError("the file is no PyTorch file of the old kind")
    sizes = _load(file)
    if not isinstance(sizes, Mapping) or sizes.get("little_endian") is not True:
        raise ModelError("the weights were saved with another byte order")
    state = _load(file)
    keys = _load(file)
    if not isinstance(state, OrderedDict) or not isinstance(keys, list):
        raise ModelError("the file holds no state dictionary")
    tensors = {str(name): value for name, value in state.items() if isinstance(value, _Tensor)}
    wanted = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {key: _storage(file, wanted[key]) for key in keys}
    return {name: _tensor(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise ModelError(f"the weights would load {module}.{name}, which no file of weights needs: refused")

    def persistent_load(self, pid: Any) -> _Storage:
        if not (isinstance(pid, tuple) and len(pid) == 6 and pid[0] == "storage" and pid[5] is None):
            raise ModelError("the weights refer to something that is no storage")
        if not isinstance(pid[1], np.dtype):
            raise ModelError("the weights are no 32-bit floats")
        return _Storage(str(pid[2]), pid[1], int(pid[4]))


def _rebuild(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise ModelError("a tensor of the weights has no storage")
    return _Tensor(storage, int(offset), tuple(int(n) for n in shape), tuple(int(n) for n in strides))


def _load(file: io.BytesIO) -> Any:
    return _Unpickler(file).load()


def _storage(file: io.BytesIO, wanted: _Storage) -> NDArray[Any]:
    count = int.from_bytes(file.read(8), "little", signed=True)
    data = file.read(wanted.count * wanted.dtype.itemsize) if wanted.count >= 0 else b""
    if count != wanted.count or len(data) != count * wanted.dtype.itemsize:
        raise ModelError("the weights are cut off")
    return np.frombuffer(data, wanted.dtype)


def _tensor(tensor: _Tensor, storage: NDArray[Any]) -> NDArray[np.float32]:
    if any(n < 0 for n in (tensor.offset, *tensor.shape, *tensor.strides)):
        raise ModelError("a tensor of the weights has a negative size")
    last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True))
    if 0 not in tensor.shape and last >= len(storage):
        raise ModelError("a tensor of the weights is larger than its storage")
    steps = tuple(s * storage.itemsize for s in tensor.strides)
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, steps, writeable=False)
    return np.array(view, np.float32)
