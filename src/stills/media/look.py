"""What all frames of a video share in how they are to be looked at."""

from __future__ import annotations

from dataclasses import dataclass

from stills.types import Hdr, VideoInfo


@dataclass(frozen=True, slots=True)
class FrameLook:
    """What all frames of a video share: time base, display size, orientation and colours."""

    time_base: tuple[int, int]
    start_pts: int
    width: int
    height: int
    rotation: int
    mirrored: bool
    space: str
    full_range: bool
    hdr: Hdr

    @classmethod
    def of(cls, info: VideoInfo) -> FrameLook:
        """The look of the frames of ``info``'s video."""
        return cls(
            time_base=(info.time_base.numerator, info.time_base.denominator),
            start_pts=info.start_pts,
            width=info.width,
            height=info.height,
            rotation=info.rotation,
            mirrored=info.mirrored,
            space=info.color_space,
            full_range=info.color_range == "full",
            hdr=info.hdr,
        )

    def coded(self, width: int, height: int) -> tuple[int, int]:
        """An upright size as it is before the turn."""
        return (height, width) if self.rotation in {90, 270} else (width, height)
