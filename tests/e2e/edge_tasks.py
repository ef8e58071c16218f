"""What the test of odd files does with each, in a worker."""

from stills.errors import CorruptVideoError
from stills.media.decode import DecodePlan, DecodeStats, decode
from stills.media.probe import probe
from stills.media.sandbox import report


def look(path):
    """Probe and decode all of it; the facts that the corpus knows, by its names."""
    info = probe(path)
    stats = DecodeStats()
    shown = None
    for frame in decode(path, info, DecodePlan(), stats=stats):
        report(frame.pts)
        if shown is None:
            height, width, _ = frame.picture().shape
            shown = [width, height]
    if shown is None:
        raise CorruptVideoError("no frame decodes", path=path)
    return {
        "frames": stats.frames,
        "shown": shown,
        "display_size": [info.width, info.height],
        "rotation": info.rotation,
        "variable_frame_rate": info.variable_frame_rate,
        "hdr": info.hdr != "none",
        "has_cover_art": info.has_cover_art,
    }
