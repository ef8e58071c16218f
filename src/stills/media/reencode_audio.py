"""The sound of a video beside its new pictures: packets copied as they are, or encoded again where browsers need that.

Each track is read through a container of its own, so it can be followed to any time, however the file is interleaved.
What is wrong with the sound costs sound, never the video.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from stills.errors import OutputError
from stills.media.source import PathLike, open_source

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

COPIED = frozenset({"aac", "mp3", "opus", "flac"})
"""Sound that both MP4 files and browsers (Chromium, Firefox, Safari) take."""

MOST_TRACKS = 8
"""Tracks of sound that are kept: a film has a few languages; files made to exhaust descriptors have hundreds."""

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""What is wrong with where one writes, not with what."""

_AAC_PROFILES = frozenset({"LC", "HE-AAC", "HE-AACv2"})
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""What the encoder makes of so many channels; anything else becomes stereo."""
_BITS_PER_CHANNEL = 80_000  # transparent for most; 160 kbit/s in stereo
_MOST_ERRORS = 32  # in a row: then there is nothing more to be had from this track


def audio_streams(container: InputContainer) -> list[AudioStream]:
    """The streams of sound in ``container``, in order."""
    return list(container.streams.audio)


class AudioTrack:
    """One track of sound on its way into an MP4. A context manager."""

    def __init__(self, source: PathLike, number: int, output: OutputContainer, shift: Fraction) -> None:
        """Open track ``number`` (from 0) of ``source`` and add it to ``output``; it begins ``shift`` seconds earlier.

        Raises ``StillsError`` or an error of FFmpeg where there is nothing that could be played.
        """
        self._stack = ExitStack()
        try:
            self._container = self._stack.enter_context(open_source(source))
            self._stream: AudioStream = audio_streams(self._container)[number]
            self._number, self._shift = number, shift
            self._output = output
            self.errors = 0
            self._row = 0
            self.copied = _is_copied(self._stream)
            self._target: Any
            if self.copied:
                self._target = output.add_stream_from_template(self._stream, opaque=True)
            else:
                self._target = self._add_encoder(output)
            if language := self._stream.metadata.get("language"):
                self._target.metadata["language"] = language
            self._graph: Any = None
            self._last: int | None = None
            self._packets = self._read()
            self._ready = self._copies() if self.copied else self._encoded()
            self.reached: Fraction | None = None
            self.done = False
        except BaseException:
            self._stack.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    @property
    def codec(self) -> str:
        """Name of the codec in the source."""
        return self._stream.codec_context.codec.canonical_name

    def write_until(self, seconds: Fraction | None) -> Iterator[Fraction]:
        """Write packets that begin before ``seconds`` of the output (``None``: all); gives the time of each."""
        from av import FFmpegError

        while not self.done and (seconds is None or self.reached is None or self.reached < seconds):
            packet = next(self._ready, None)
            if packet is None:
                self.done = True
                return
            if packet.dts is None or packet.time_base is None:
                self._fail()
                continue
            time = packet.dts * packet.time_base
            packet.stream = self._target
            try:
                self._output.mux(packet)
                self._row = 0
            except FFmpegError as error:
                if error.errno in DISK_ERRORS:
                    raise
                self._fail()
            self.reached = time
            yield time

    def _fail(self) -> None:
        self.errors += 1
        self._row += 1
        self.done = self.done or self._row >= _MOST_ERRORS

    def _read(self) -> Iterator[Packet[Any]]:
        from av import FFmpegError
        from av.stream import Discard

        for other in self._container.streams:
            if other.index != self._stream.index:
                other.discard = Discard.all
        while not self.done:
            try:
                for packet in self._container.demux(self._stream):
                    if packet.size:
                        yield packet
            except FFmpegError:
                self._fail()
            else:
                return

    def _copies(self) -> Iterator[Packet[Any]]:
        base = self._stream.time_base or Fraction(1, 90000)
        ticks = round(self._shift / base)
        for packet in self._packets:
            dts = packet.dts if packet.dts is not None else packet.pts
            if dts is None or (self._last is not None and dts <= self._last):
                self._fail()
                continue
            self._last = dts
            packet.pts = (packet.pts if packet.pts is not None else dts) - ticks
            packet.dts = dts - ticks
            packet.time_base = base
            yield packet

    def _add_encoder(self, output: OutputContainer) -> AudioStream:
        context = self._stream.codec_context
        self._rate = next((r for r in _AAC_RATES if r == context.sample_rate), 48000)
        self._layout = _LAYOUTS.get(context.layout.nb_channels, "stereo")
        stream: AudioStream = output.add_stream("aac", rate=self._rate, layout=self._layout)
        stream.bit_rate = _BITS_PER_CHANNEL * stream.codec_context.layout.nb_channels
        return stream

    def _encoded(self) -> Iterator[Packet[Any]]:
        for frame in self._frames():
            for part in self._filtered(frame):
                yield from self._target.encode(part)
        if self._graph is not None:
            for part in self._filtered(None):
                yield from self._target.encode(part)
            yield from self._target.encode(None)

    def _frames(self) -> Iterator[AudioFrame]:
        from av import FFmpegError

        base, follows = self._stream.time_base or Fraction(1, 90000), 0
        for packet in self._packets:
            try:
                frames: list[Any] = self._stream.codec_context.decode(packet)
            except FFmpegError:
                self._fail()
                continue
            for frame in frames:
                self._row = 0
                if frame.pts is not None:  # of several frames in a packet only the first has a time
                    follows = round((frame.pts * (frame.time_base or base) - self._shift) * frame.sample_rate)
                frame.time_base, frame.pts = Fraction(1, frame.sample_rate), follows
                follows += frame.samples
                yield frame

    def _filtered(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """``frame`` as the encoder wants it: gaps filled with silence and overlaps cut, so that sound stays in time."""
        from av import FFmpegError
        from av.filter import Graph

        if self._graph is None and frame is not None:
            graph = Graph()
            chain = (
                graph.add_abuffer(
                    format=frame.format.name,
                    sample_rate=frame.sample_rate,
                    layout=frame.layout.name,
                    time_base=Fraction(1, frame.sample_rate),
                ),
                graph.add("aresample", f"{self._rate}:async=1000:min_hard_comp=0.05"),
                graph.add("aformat", f"sample_fmts=fltp:sample_rates={self._rate}:channel_layouts={self._layout}"),
                graph.add("asetnsamples", "n=1024:p=0"),
                graph.add("abuffersink"),
            )
            graph.link_nodes(*chain).configure()
            self._graph = graph
        try:
            self._graph.push(frame)
            while True:
                yield self._graph.pull()
        except (BlockingIOError, EOFError):
            return
        except (FFmpegError, ValueError):  # a frame of another kind than the first
            self._fail()


def _is_copied(stream: AudioStream) -> bool:
    context = stream.codec_context
    if context is None or not context.sample_rate or not context.layout.nb_channels:
        raise OutputError("this sound has no rate or no channels")
    name = context.codec.canonical_name
    return name in COPIED and (name != "aac" or context.profile in _AAC_PROFILES)
