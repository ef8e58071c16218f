"""``stills probe``: what a video is."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from stills.cli import options
from stills.cli.inputs import expand
from stills.cli.session import start

if TYPE_CHECKING:
    from stills.types import VideoInfo


@click.command("probe")
@options.inputs_argument
@options.config_option
@options.talk_options
def command(inputs: tuple[str, ...], **given: Any) -> int:
    """Say what each video is: size as shown, duration, frame rate, codec, HDR, rotation. Decodes nothing."""
    session = start(**given)
    import stills
    from stills.cancel import CancelToken
    from stills.cli.run import Outcome, run_each
    from stills.types import ProgressCallback

    videos = expand(inputs)
    with stills.Scanner(session.settings) as scanner:

        def probe(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
            info = scanner.probe(path)
            return Outcome(_describe(info), partial=info.missing_end > 0, fields={"video": _json(info)})

        return run_each(session, videos, probe)


def _json(info: VideoInfo) -> dict[str, Any]:
    """Fractions as ``"25/1"``: exact, and JSON has no other way."""
    return {
        key: f"{value.numerator}/{value.denominator}"
        if hasattr(value, "numerator") and not isinstance(value, int)
        else value
        for key, value in asdict(info).items()
    }


def _describe(info: VideoInfo) -> str:
    from stills.cli.say import clock

    rate = f"{float(info.frame_rate):.5g} fps" if info.frame_rate else "unknown frame rate"
    parts = [
        f"{info.width}x{info.height}",
        clock(info.duration),
        f"{rate} (variable)" if info.variable_frame_rate else rate,
        f"{info.codec} in {info.container}",
    ]
    if info.bit_depth != 8:
        parts.append(f"{info.bit_depth} bit")
    if info.hdr != "none":
        parts.append(f"HDR ({info.hdr})")
    if info.rotation:
        parts.append(f"turned by {info.rotation}°")
    if info.mirrored:
        parts.append("mirrored")
    if info.has_cover_art:
        parts.append("cover picture")
    parts.extend(info.warnings)
    return f"{info.path}: {', '.join(parts)}"
