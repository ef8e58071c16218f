"""Decoding on a GPU, where the user asks for it: never in silence instead of the CPU, nor the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stills.errors import DeviceError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

_REMEDY = "use --device cpu, or check the NVIDIA driver and that this process may use the GPU"


def cuda_problem() -> str | None:
    """Why CUDA decoding does not work here, or ``None`` if a device can be opened."""
    from av import Codec, FFmpegError
    from av.codec.hwaccel import HWAccel, hwdevices_available

    if "cuda" not in hwdevices_available():
        return "FFmpeg in this installation was built without CUDA"
    try:
        HWAccel("cuda", allow_software_fallback=False).create(Codec("h264", "r"))
    except NotImplementedError:
        return "FFmpeg in this installation has no CUDA decoder"
    except (FFmpegError, RuntimeError) as error:
        return f"no CUDA device can be opened ({getattr(error, 'strerror', None) or error}): no NVIDIA GPU or no driver"
    return None


def require_cuda(codec: str) -> HWAccel:
    """What ``av.open`` needs to decode ``codec`` on the GPU and to download its frames (nv12, p010) to memory.

    Raises ``DeviceError`` that names what is missing: FFmpeg's support, the device or driver, or this codec.
    """
    from av import Codec
    from av.codec.codec import UnknownCodecError
    from av.codec.hwaccel import HWAccel, HWDeviceType

    problem = cuda_problem()
    if problem is not None:
        raise DeviceError(problem, remedy=_REMEDY)
    try:
        decoder = Codec(codec, "r")
    except UnknownCodecError:
        raise DeviceError(f"there is no decoder for {codec}", remedy=_REMEDY) from None
    configs = decoder.hardware_configs or ()
    if not any(config.device_type == HWDeviceType.cuda and config.is_supported for config in configs):
        raise DeviceError(f"{codec} cannot be decoded with CUDA", remedy="use --device cpu for this video")
    return HWAccel("cuda", allow_software_fallback=False)
