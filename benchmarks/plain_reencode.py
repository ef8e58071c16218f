"""The yardstick of annotated videos: decode a film and encode it again on all cores, with nothing done to it.

``python -m benchmarks.plain_reencode FILM OUT PRESET CRF`` with PyAV as anybody would; sound is left out.
"""

from __future__ import annotations

import sys

import av


def reencode(source: str, target: str, preset: str, crf: str) -> int:
    """Write ``source`` to ``target`` (an MP4) with x264; the number of frames."""
    frames = 0
    with av.open(source) as film, av.open(target, "w", options={"movflags": "+faststart"}) as out:
        video = film.streams.video[0]
        video.thread_type = "AUTO"
        stream = out.add_stream("libx264", rate=video.average_rate or 25, options={"preset": preset, "crf": crf})
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        stream.codec_context.time_base = video.time_base
        for frame in film.decode(video):
            frame.pict_type = 0  # type: ignore[assignment]  # the encoder chooses anew
            out.mux(stream.encode(frame))
            frames += 1
        out.mux(stream.encode(None))
    return frames


if __name__ == "__main__":
    print(reencode(*sys.argv[1:5]))
