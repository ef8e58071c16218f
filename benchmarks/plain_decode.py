"""The yardstick: decode every frame of a film through PyAV as FFmpeg would, on all cores, and do nothing with it.

``python -m benchmarks.plain_decode FILM`` prints ``{"frames", "seconds"}``: seconds without the start of the process.
"""

from __future__ import annotations

import json
import sys
import time

import av


def decode_all(path: str) -> int:
    """The number of frames of the first video stream, each decoded once."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"  # frame and slice threads, as many as there are cores: what ffmpeg does
        return sum(1 for _ in container.decode(stream))


def main() -> None:
    """Decode the film that the command line names."""
    start = time.perf_counter()
    frames = decode_all(sys.argv[1])
    print(json.dumps({"frames": frames, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
