"""A video made again with something changed in its pictures: H.264 in an MP4 that browsers play, sound and times kept.

Every frame keeps its time to the tick, whatever the frame rate does. Pictures come out upright, with square pixels, 8
bits and SDR; sound is copied where browsers take it. Of everything else (subtitles, places, cover pictures) nothing is
carried over: whoever hides faces wants no other traces either.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from stills.errors import CorruptVideoError, MemoryLimitError, StillsError
from stills.files import output_error
from stills.media.decode import DecodePlan, DecodeStats, decode
from stills.media.faststart import index_first
from stills.media.reencode_audio import DISK_ERRORS, MOST_TRACKS, AudioTrack, audio_streams
from stills.media.source import PathLike, open_source
from stills.media.upright import Upright, YuvPicture
from stills.types import VideoInfo

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from stills.media.frame import DecodedFrame

Edit: TypeAlias = Callable[[YuvPicture, float], None]
"""Changes a picture in place; the time is in seconds from the first frame shown."""

PRESET, CRF = "veryfast", 20
"""x264's. Measured on 900 frames of a 1080p film with two cores: ``medium`` takes 2.9 times as long for a file that is
7 % larger, ``superfast`` is no faster for twice the size. 20 is hard to tell from the source."""

B_FRAMES = 0
"""None: an MP4 says how long it is by the order of decoding, and pictures coded in another order than shown end later
than that where the rate varies (players then stop early). Measured with the settings above on 13 clips of films: 12 are
4 to 19 % smaller than with B-frames, one is 10 % larger; the PSNR of the four compared is the same or better; a sixth
less time."""

_AHEAD = Fraction(1, 2)  # seconds of sound written before the picture that it belongs to


@dataclass(frozen=True, slots=True)
class Threads:
    """How many threads decode and encode. Encoding holds some 15 frames, and one more for each of its threads."""

    decode: int = 1
    encode: int = 1


@dataclass(slots=True)
class Reencoded:
    """What came of it: frames written, sound tracks copied and encoded anew, and what is to be said."""

    frames: int = 0
    copied: int = 0
    converted: int = 0
    warnings: list[str] = field(default_factory=list)


def reencode(
    source: PathLike,
    info: VideoInfo,
    target: Path,
    edit: Edit | None,
    *,
    threads: Threads | None = None,
    comment: str = "",
    on_step: Callable[[float], None] | None = None,
) -> Reencoded:
    """Write ``source`` to ``target`` (an MP4) with ``edit`` applied to each picture; memory does not grow with length.

    ``target`` is written from its first byte on: let it be a temporary file. ``on_step`` is called for every frame, and
    while the rest is done, with the seconds reached. Packets that cannot be decoded cost themselves.

    Raises:
        InputError and its children: the source cannot be read; ``CorruptVideoError`` where no frame decodes.
        OutputError: it cannot be written: no permission, disk full.
        MemoryLimitError: memory ran out.
    """
    from av import FFmpegError

    work = _Work(source, info, target, edit, threads=threads or Threads(), comment=comment, on_step=on_step or _ignore)
    try:
        work.run()
        with target.open("rb+") as file:
            os.fsync(file.fileno())
    except MemoryError:
        raise MemoryLimitError("not enough memory to encode this video", path=os.fspath(source)) from None
    except StillsError:  # some of them are OSErrors too
        raise
    except OSError as error:
        raise output_error(error, target) from error
    except FFmpegError as error:
        if error.errno in DISK_ERRORS:
            raise output_error(OSError(error.errno, error.strerror), target) from error
        raise CorruptVideoError(f"cannot be encoded: {error.strerror}", path=os.fspath(source)) from error
    return work.result


def _ignore(_: float) -> None:
    """Nobody wants to know."""


class _Work:
    """One video on its way."""

    def __init__(
        self,
        source: PathLike,
        info: VideoInfo,
        target: Path,
        edit: Edit | None,
        *,
        threads: Threads,
        comment: str,
        on_step: Callable[[float], None],
    ) -> None:
        self._source, self._info, self._target, self._edit = source, info, target, edit
        self._threads, self._comment, self._on_step = threads, comment, on_step
        self.result = Reencoded()
        self._upright = Upright(info, target.parent)
        self._tracks: list[AudioTrack] = []
        self._last = info.start_pts
        self._seconds = 0.0

    def run(self) -> None:
        import av

        info, stats = self._info, DecodeStats()
        plan = DecodePlan(threads=self._threads.decode)
        self._shift = self._common_start()
        self._ticks = round(self._shift / info.time_base)
        with ExitStack() as stack:
            output = stack.enter_context(av.open(str(self._target), "w", format="mp4"))
            stream: VideoStream | None = None
            for decoded in decode(self._source, info, plan, stats=stats):
                if stream is None:
                    stream = self._start(output, decoded, stack)
                self._encode(output, stream, decoded)
            if stream is None:
                why = f": {stats.first_error}" if stats.first_error else ""
                raise CorruptVideoError(f"no frame of this video can be decoded{why}", path=os.fspath(self._source))
            self._write(output, stream, None)
            self._write_sound(None)
        index_first(self._target, self._beat)
        self._say(stats)

    def _common_start(self) -> Fraction:
        """Seconds at which the first of picture and sound is there: 0 of the new file. Sound before 0 is priming."""
        starts = [self._info.start_pts * self._info.time_base]
        with open_source(self._source) as container:
            for stream in audio_streams(container):
                if stream.start_time is not None and stream.time_base is not None:
                    starts.append(max(Fraction(0), stream.start_time * stream.time_base))
        ticks = min(starts) // self._info.time_base  # whole ticks, so that pictures stay exact
        return ticks * self._info.time_base

    def _start(self, output: OutputContainer, first: DecodedFrame, stack: ExitStack) -> VideoStream:
        info, tags = self._info, self._upright.tags(first)
        if self._comment:
            output.metadata["comment"] = self._comment
        rate = info.frame_rate or Fraction(25)
        options = {"preset": PRESET, "crf": str(CRF), "bf": str(B_FRAMES)}
        stream = output.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = self._upright.width, self._upright.height, "yuv420p"
        context = stream.codec_context
        context.time_base = stream.time_base = info.time_base
        context.thread_count = self._threads.encode
        context.colorspace, context.color_primaries, context.color_trc = tags.matrix, tags.primaries, tags.transfer
        context.color_range = 2 if tags.full_range else 1
        self._open_sound(output, stack)
        return stream

    def _open_sound(self, output: OutputContainer, stack: ExitStack) -> None:
        from av import FFmpegError

        with open_source(self._source) as container:
            count = len(audio_streams(container))
        for number in range(min(count, MOST_TRACKS)):
            try:
                track = AudioTrack(self._source, number, output, self._shift)
            except (StillsError, FFmpegError, ValueError) as error:
                self.result.warnings.append(f"sound track {number + 1} is left out: {error}")
                continue
            stack.callback(track.close)
            self._tracks.append(track)
            self.result.copied += track.copied
            self.result.converted += not track.copied
        if count > MOST_TRACKS:
            self.result.warnings.append(f"of {count} sound tracks the first {MOST_TRACKS} are kept")

    def _encode(self, output: OutputContainer, stream: VideoStream, decoded: DecodedFrame) -> None:
        frame, picture = self._upright.frame(decoded)
        if self._edit is not None:
            self._edit(picture, decoded.time)
        frame.pts, frame.time_base = decoded.pts - self._ticks, self._info.time_base
        self._last, self._seconds = decoded.pts, decoded.time
        self.result.frames += 1
        self._write(output, stream, frame)
        self._beat()

    def _write(self, output: OutputContainer, stream: VideoStream, frame: Any) -> None:
        """Encode ``frame`` (``None``: what is left), with the sound up to it written first."""
        for packet in stream.encode(frame):
            if packet.pts == self._last - self._ticks and packet.time_base == self._info.time_base:
                packet.duration = self._last_duration()
            if packet.dts is not None and packet.time_base is not None:
                self._write_sound(packet.dts * packet.time_base + _AHEAD)
            output.mux(packet)

    def _last_duration(self) -> int:
        """Ticks for which the last frame is shown, so that the length of the video stays."""
        end = self._info.start_pts + round(Fraction(self._info.duration) / self._info.time_base)
        return max(1, end - self._last)

    def _write_sound(self, until: Fraction | None) -> None:
        for track in self._tracks:
            for number, _ in enumerate(track.write_until(until)):
                if number % 256 == 255:
                    self._beat()

    def _beat(self) -> None:
        self._on_step(self._seconds)

    def _say(self, stats: DecodeStats) -> None:
        warnings = self.result.warnings
        if stats.errors:
            warnings.append(
                f"{stats.errors} damaged packets could not be decoded; what they held is missing ({stats.first_error})"
            )
        for number, track in enumerate(self._tracks, 1):
            if not track.copied:
                warnings.append(f"sound track {number} ({track.codec}) was converted to AAC: browsers do not play it")
            if track.errors:
                warnings.append(f"sound track {number} is damaged: {track.errors} packets of it were left out")
