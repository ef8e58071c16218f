"""Tone mapping of whole films: the curve of :mod:`stills.media.color` as a table in FFmpeg's filter for such.

Ten times as fast as the exact way (25 against 290 ms of one core for a 1080p frame), and right to within 0.8 of 255
levels on average: for video that is encoded anyway, not for pictures that are chosen.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stills.media.color import bt709_oetf, sdr_light
from stills.types import Hdr

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

NODES = 49
"""Along each side of the table. Between them FFmpeg interpolates in tetrahedra."""

_MATRICES = {"bt709": "bt709", "bt601": "smpte170m", "smpte240m": "smpte240m", "bt2020": "bt2020"}
_FLAGS = "bicubic+full_chroma_inp+accurate_rnd"


class ToneMapper:
    """Makes HDR frames of one video into SDR ones: 8-bit 4:2:0, BT.709, limited range, of the same size."""

    def __init__(self, hdr: Hdr, space: str, full_range: bool, folder: Path) -> None:
        """``hdr``, ``space`` and ``full_range`` are those of the frames; ``folder`` takes a file for a moment."""
        self._hdr, self._space, self._full_range, self._folder = hdr, space, full_range, folder
        self._graph: Any = None
        self._kind: tuple[object, ...] = ()

    def convert(self, frame: VideoFrame) -> VideoFrame:
        """``frame`` in SDR. Raises an error of FFmpeg where its filters cannot do that."""
        kind = (frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range))
        if kind != self._kind:
            self._graph, self._kind = self._make(frame), kind
        self._graph.push(frame)
        result: VideoFrame = self._graph.pull()
        return result

    def _make(self, frame: VideoFrame) -> Any:
        from av.filter import Graph

        table = self._folder / "tones.cube"
        table.write_bytes(_cube(self._hdr))
        try:
            graph = Graph()
            graph.threads = 1
            chain = (
                graph.add(
                    "buffer",
                    width=str(frame.width),
                    height=str(frame.height),
                    pix_fmt=frame.format.name,
                    time_base="1/1000",
                    colorspace=str(int(frame.colorspace)),
                    range=str(int(frame.color_range)),
                ),
                graph.add(
                    "scale",
                    in_color_matrix=_MATRICES.get(self._space, "bt2020"),
                    in_range="full" if self._full_range else "limited",
                    out_range="full",
                    flags=_FLAGS,
                ),
                graph.add("format", "gbrp16"),
                graph.add("lut3d", file=str(table), interp="tetrahedral"),
                graph.add("scale", out_color_matrix="bt709", out_range="limited", flags=_FLAGS),
                graph.add("format", "yuv420p"),
                graph.add("buffersink"),
            )
            graph.link_nodes(*chain).configure()
        finally:
            table.unlink()
        return graph


@lru_cache(maxsize=2)
def _cube(hdr: Hdr) -> bytes:
    """The table in Adobe's Cube LUT format 1.0: from HDR code values of R'G'B' to those of SDR, red running fastest."""
    codes = np.rint(np.linspace(0, 65535, NODES)).astype(np.uint16)
    blue, green, red = np.meshgrid(codes, codes, codes, indexing="ij")
    light = sdr_light(np.stack([red, green, blue], axis=-1).reshape(NODES * NODES, NODES, 3), hdr)
    table: NDArray[np.float32] = bt709_oetf(np.clip(light, 0, 1)).reshape(-1, 3)
    rows = b"\n".join(b"%.6f %.6f %.6f" % (r, g, b) for r, g, b in table.tolist())
    return b"LUT_3D_SIZE %d\n%s\n" % (NODES, rows)
