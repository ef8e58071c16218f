"""What a machine has of what stills needs: versions, CPU, devices, models, folders."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from stills.models.catalog import DEFAULT_STACK
from stills.models.store import Verification, models_dir, verify

Health: TypeAlias = Literal["ok", "info", "warning", "error"]

PACKAGES = ("av", "numpy", "opencv-python-headless", "openvino", "onnx", "pyarrow", "pillow")
"""What a scan runs on, as pip calls it."""
EXTRAS = ("onnxruntime-gpu", "onnxruntime")

LEAST_MEMORY = 2 << 30
"""Bytes of memory under which a scan with two workers gets tight (they take some 900 MB)."""


@dataclass(frozen=True, slots=True)
class DoctorRow:
    """One finding. ``error`` means that stills will not work so, ``warning`` that something is not as it should be."""

    topic: Literal["versions", "machine", "devices", "models", "folders"]
    name: str
    value: str
    health: Health
    remedy: str = ""


def doctor_report(folders: Iterable[tuple[str, Path]] = ()) -> list[DoctorRow]:
    """Look at everything; fetches nothing, changes nothing, reads every byte of the models that are here.

    ``folders`` are further folders that must be writable, with their names (the cache).
    """
    return [*_versions(), *_machine(), *_devices(), *_models(), *_folders([("models", models_dir()), *folders])]


def _versions() -> Iterator[DoctorRow]:
    yield DoctorRow("versions", "Python", platform.python_version(), "ok" if sys.version_info >= (3, 11) else "error")
    for name in PACKAGES:
        try:
            yield DoctorRow("versions", name, importlib.metadata.version(name), "ok")
        except importlib.metadata.PackageNotFoundError:
            yield DoctorRow("versions", name, "missing", "error", "pip install stills")
    for name in EXTRAS:
        try:
            yield DoctorRow("versions", name, importlib.metadata.version(name), "ok")
        except importlib.metadata.PackageNotFoundError:
            yield DoctorRow("versions", name, "not installed (only for GPUs)", "info")


def _machine() -> Iterator[DoctorRow]:
    import psutil

    yield DoctorRow("machine", "system", f"{platform.system()} {platform.release()} {platform.machine()}", "ok")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield DoctorRow("machine", "cores", f"{cores} usable of {os.cpu_count()}", "ok")
    total = psutil.virtual_memory().total
    tight = total < LEAST_MEMORY
    remedy = "use --workers 1" if tight else ""
    yield DoctorRow("machine", "memory", f"{total / 2**30:.1f} GiB", "warning" if tight else "ok", remedy)


def _devices() -> Iterator[DoctorRow]:
    from stills.models.onnx_session import cuda_devices, why_no_cuda

    try:
        from stills.models.openvino_session import cpu_name, has_bf16

        precision = "bf16 and f32" if has_bf16() else "f32 (this CPU has no bf16: SFace takes three times longer)"
        yield DoctorRow("devices", "cpu", f"{cpu_name()}, {precision}", "ok")
    except (ImportError, RuntimeError) as error:
        yield DoctorRow("devices", "cpu", f"OpenVINO does not start: {error}", "error", "reinstall openvino")
    missing = why_no_cuda()
    if not missing:
        yield DoctorRow("devices", "cuda", f"{cuda_devices()} GPU(s), ONNX Runtime", "ok")
    elif cuda_devices():
        yield DoctorRow("devices", "cuda", missing, "warning", "pip install 'stills[gpu]' to use the GPU")
    else:
        yield DoctorRow("devices", "cuda", missing, "info")


def _models() -> Iterator[DoctorRow]:
    for row in verify():
        yield DoctorRow(
            "models", row.entry.name, row.detail or "here and whole", _model_health(row), _model_remedy(row)
        )


def _model_health(row: Verification) -> Health:
    if row.state == "missing":  # the first use fetches it
        return "warning" if row.entry.name in DEFAULT_STACK else "info"
    return "error" if row.state == "damaged" else "ok"


def _model_remedy(row: Verification) -> str:
    return "" if _model_health(row) in {"ok", "info"} else f"stills models pull {row.entry.name}"


def _folders(folders: Iterable[tuple[str, Path]]) -> Iterator[DoctorRow]:
    for name, folder in folders:
        nearest = next((p for p in (folder, *folder.parents) if p.exists()), Path("/"))
        if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
            state = "writable" if nearest == folder else "not there yet, can be made"
            yield DoctorRow("folders", name, f"{folder}: {state}", "ok")
        else:
            remedy = f"make it writable, or point STILLS_{name.upper()}_DIR elsewhere"
            yield DoctorRow("folders", name, f"{folder}: cannot be written", "warning", remedy)
