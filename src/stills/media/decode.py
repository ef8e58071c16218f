"""Decoding by plan: all frames, reference frames or sync samples only, a range, or the frames at given times.

Where decoding starts and stops follows from the packet index, so every frame comes out the same, bit by bit, whichever
way it was reached. Frames come in order of presentation. A broken packet costs itself, not the rest of the video.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stills.errors import CorruptVideoError, DeviceError, MemoryLimitError, UsageError
from stills.media.frame import DecodedFrame
from stills.media.hardware import require_cuda
from stills.media.look import FrameLook
from stills.media.packets import PacketIndex, ReadLog, fetch_only, list_packets, read_packets
from stills.media.probe import frame_pts
from stills.media.runs import Run, plan_range, plan_runs
from stills.media.source import PathLike, open_source, remote_of
from stills.types import VideoInfo

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["DecodePlan", "DecodeStats", "DecodedFrame", "decode", "packets_of"]

DecodeMode = Literal["all", "references", "keys"]

_SEEKABLE = ("mov,", "matroska,", "mpegts")
# Their time stamps do not depend on where reading began. Elsewhere (avi, mpeg, ogg, …) FFmpeg guesses some of them from
# those before, so packets are read from the start and dropped: reading costs microseconds, decoding milliseconds.
_WHOLE = ("mov,", "matroska,")
"""Containers whose packets are whole frames: two fields are never two packets."""

_PROMPT = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vc1", "vp8", "vp9"})
# FFmpeg's own decoders, which look at the flag to skip a frame with each packet; dav1d takes packets in ahead.
_SEEK_PAYS = 256  # packets: reading and dropping fewer than these is as fast as seeking


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """Which frames to decode, and how.

    ``mode``: ``"all"``, ``"references"`` (frames that no other needs are skipped: about 60 % of the time with B-frames)
    or ``"keys"`` (sync samples only). ``start_pts`` ≤ pts < ``end_pts``; ``times`` picks exact pts (then ``mode`` must
    be ``"all"``). ``threads`` are decoder threads. ``skip_loop_filter`` is faster and worse to look at: frames differ
    slightly from the real ones, so it is for analysis only.
    """

    mode: DecodeMode = "all"
    start_pts: int | None = None
    end_pts: int | None = None
    times: tuple[int, ...] | None = None
    threads: int = 1
    device: Literal["cpu", "cuda"] = "cpu"
    skip_loop_filter: bool = False

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.threads < 1:
            raise UsageError(f"threads must be 1 or more, not {self.threads}")
        if self.times is not None and self.mode != "all":
            raise UsageError(f"times can be given only with mode 'all', not '{self.mode}'")

    def wants(self, pts: int) -> bool:
        """Whether a frame at ``pts`` is inside the range (``times`` aside)."""
        return (self.start_pts is None or pts >= self.start_pts) and (self.end_pts is None or pts < self.end_pts)


@dataclass(slots=True)
class DecodeStats:
    """What one :func:`decode` did; filled while it runs.

    ``packets`` went into the decoder; ``read_bytes`` is the size of all that were read from the container to get there.
    ``decoded`` frames came out of the decoder, ``frames`` of them were asked for. ``dropped``: frames without a time of
    their own. ``damaged``: frames given that the decoder could only make in part.
    """

    packets: int = 0
    read_bytes: int = 0
    decoded: int = 0
    frames: int = 0
    errors: int = 0
    dropped: int = 0
    damaged: int = 0
    first_error: str | None = None

    def note(self, error: Exception) -> None:
        """Count one error."""
        self.errors += 1
        self.first_error = self.first_error or getattr(error, "strerror", None) or str(error)


def decode(
    path: PathLike,
    info: VideoInfo,
    plan: DecodePlan | None = None,
    packets: PacketIndex | None = None,
    stats: DecodeStats | None = None,
) -> Iterator[DecodedFrame]:
    """Decode the frames that ``plan`` asks for, in order of presentation; the file is closed when the generator is.

    ``packets`` is the index of the same file (read here where it is needed and not given). Errors of single packets are
    counted in ``stats``; decoding goes on with the next.

    Raises:
        InputError, NotAVideoError, CorruptVideoError: the file cannot be opened any more, or has no decoder.
        DeviceError: ``plan.device`` is not there or cannot decode this codec.
        MemoryLimitError: memory ran out.
    """
    plan = plan or DecodePlan()
    stats = stats if stats is not None else DecodeStats()
    name = os.fspath(path)
    hwaccel = require_cuda(info.codec) if plan.device == "cuda" else None
    runs = [Run(0, plan.end_pts, None)]
    if plan.start_pts is not None or plan.times is not None:
        packets = packets if packets is not None else packets_of(path, info)
        if plan.times is None:
            runs = plan_range(packets, plan.start_pts, plan.end_pts)
        else:
            alone = info.container.startswith(_WHOLE)
            runs = plan_runs(packets, [p for p in plan.times if plan.wants(p)], threads=plan.threads, alone=alone)
    look = FrameLook.of(info)
    last: int | None = None
    with _Reader(path, info, plan, runs, packets=packets, stats=stats, hwaccel=hwaccel) as reader:
        for run in runs:
            for frame, time in reader.frames(run):
                stats.decoded += 1
                pts = time if time is not None else last + 1 if last is not None else info.start_pts
                if last is not None and pts <= last:
                    stats.dropped += 1
                    continue
                last = pts
                if run.stop is not None and pts >= run.stop:
                    break
                if plan.wants(pts) and (run.wanted is None or pts in run.wanted):
                    stats.frames += 1
                    stats.damaged += frame.is_corrupt
                    yield DecodedFrame(frame, look, pts, stats.frames - 1)
    if plan.device == "cuda" and stats.errors and not stats.frames:
        raise DeviceError(
            f"the GPU cannot decode this video ({info.codec}, {info.pixel_format}): {stats.first_error}",
            path=name,
            remedy="use --device cpu",
        )


def packets_of(path: PathLike, info: VideoInfo) -> PacketIndex:
    """The packets of ``info``'s stream in ``path``, for several calls of :func:`decode`. Raises what that raises."""
    with open_source(path) as container:
        return list_packets(container, _stream(container, info))


def _stream(container: InputContainer, info: VideoInfo) -> VideoStream:
    from av.video.stream import VideoStream

    streams = container.streams
    stream = streams[info.stream_index] if info.stream_index < len(streams) else None
    # Decoding a stream without a codec context kills the interpreter in PyAV before 18.1 (issue 2344).
    if not isinstance(stream, VideoStream) or stream.codec_context is None:
        raise CorruptVideoError("the video stream cannot be decoded, or the file changed since it was probed")
    return stream


class _Reader:
    """An open video that goes to a packet, and decodes from there."""

    def __init__(
        self,
        path: PathLike,
        info: VideoInfo,
        plan: DecodePlan,
        runs: Sequence[Run],
        *,
        packets: PacketIndex | None,
        stats: DecodeStats,
        hwaccel: HWAccel | None,
    ) -> None:
        self._runs = runs
        self._path, self._info, self._plan, self._index, self._stats = path, info, plan, packets, stats
        self._hwaccel = hwaccel
        self._stack = ExitStack()

    def __enter__(self) -> _Reader:
        self._open()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def _open(self) -> None:
        self._stack.close()
        try:
            self._container = self._stack.enter_context(open_source(self._path, hwaccel=self._hwaccel))
        except (RuntimeError, NotImplementedError) as error:
            message = f"the GPU cannot decode {self._info.codec}: {error}"
            raise DeviceError(message, remedy="use --device cpu") from error
        self._stream = _stream(self._container, self._info)
        self._remote = remote_of(self._container) is not None
        if self._index is not None:
            fetch_only(self._container, self._stream, self._index, [(r.first, r.last, r.stop) for r in self._runs])
        context = self._context
        context.thread_count = self._plan.threads
        if self._plan.threads > 1:
            context.thread_type = "AUTO"
        if self._plan.skip_loop_filter:
            context.options = {**context.options, "skip_loop_filter": "all"}
        self._depth = context.reorder_depth
        # AVI has no presentation times: FFmpeg numbers packets in decode order, so with B-frames a frame carries the
        # time of another. Frames come out in order, so each takes the smallest time that is left; that holds only if
        # none is skipped.
        self._untimed = self._info.container == "avi" and context.reorder_depth > 0
        self._times: list[int] = []
        self._position = 0
        self._log = ReadLog()
        self._packets = self._read()

    @property
    def _context(self) -> VideoCodecContext:
        return self._stream.codec_context

    def _read(self) -> Iterator[Packet[VideoStream]]:
        """The packets from where the container stands, counted."""
        for packet in read_packets(self._container, self._stream, self._log):
            self._stats.read_bytes += packet.size
            yield packet

    def frames(self, run: Run) -> Iterator[tuple[VideoFrame, int | None]]:
        """The frames of ``run`` with their pts, and those before and between that had to be decoded."""
        for packet in self._from(run.first):
            if self._untimed and packet.pts is not None and packet.size:
                heapq.heappush(self._times, packet.pts)
            self._choose_skip(packet, run)
            if self._plan.mode == "keys" and not packet.is_keyframe:
                continue
            for frame in self._send(packet):
                yield frame, self._time_of(frame)
            if run.last is not None and self._position > run.last:
                break
        for frame in self._send(None):
            yield frame, self._time_of(frame)
        if self._log.errors:
            self._stats.errors += self._log.errors
            self._stats.first_error = self._stats.first_error or self._log.first_error
            self._log = ReadLog()

    def _choose_skip(self, packet: Packet[VideoStream], run: Run) -> None:
        """Let the decoder skip a frame that no other needs, unless it is wanted itself."""
        plan = self._plan
        if self._untimed:
            return
        if plan.mode == "references":
            self._context.skip_frame = "NONREF"
        elif plan.threads == 1 and self._context.codec.name in _PROMPT:  # elsewhere it would reach another frame
            self._context.skip_frame = "DEFAULT" if self._wanted(packet, run) else "NONREF"

    def _time_of(self, frame: VideoFrame) -> int | None:
        pts = frame_pts(frame)
        if not self._times:
            return pts
        while frame.key_frame and pts is not None and self._times[0] < pts and len(self._times) > 1:
            heapq.heappop(self._times)  # left over from frames that did not decode
        return heapq.heappop(self._times)

    def _wanted(self, packet: Packet[VideoStream], run: Run) -> bool:
        pts = packet.pts
        if pts is None or (run.wanted is None and self._plan.start_pts is None):
            return True
        return self._plan.wants(pts) and (run.wanted is None or pts in run.wanted)

    def _send(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        from av import FFmpegError

        self._stats.packets += packet is not None
        try:
            return self._context.decode(packet)
        except EOFError:
            return []
        except MemoryError:
            raise MemoryLimitError("not enough memory to decode this video", path=os.fspath(self._path)) from None
        except FFmpegError as error:
            self._stats.note(error)
            return []

    def _from(self, first: int) -> Iterator[Packet[VideoStream]]:
        """Packets from the one at ``first`` on, after making the decoder forget what it had."""
        if first != self._position or self._position:
            # A flush may make FFmpeg forget how deep frames are reordered; then the first would come out too early.
            self._depth = max(self._depth, self._context.reorder_depth)
            self._context.flush_buffers()
            self._times.clear()
            self._context.reorder_depth = self._depth
        pays = 0 if self._remote else _SEEK_PAYS
        if first < self._position or (first - self._position > pays and self._can_seek()):
            packet = self._seek(first) if self._can_seek() else None
            if packet is not None:
                yield packet
            else:
                self._open()
        for packet in self._packets:
            self._position += 1
            if self._position > first:
                yield packet

    def _can_seek(self) -> bool:
        return self._index is not None and self._info.container.startswith(_SEEKABLE)

    def _seek(self, first: int) -> Packet[VideoStream] | None:
        """Go to the packet at ``first`` by seeking; ``None`` where the container does not lead there."""
        from av import FFmpegError

        index = self._index
        if index is None:
            return None
        pts, size = int(index.pts[first]), int(index.size[first])
        try:
            self._container.seek(pts, stream=self._stream)
        except FFmpegError:
            return None
        self._context.reorder_depth = self._depth
        self._packets = self._read()
        for packet in self._packets:
            if packet.pts == pts and packet.size == size:
                self._position = first + 1
                return packet
            if packet.is_keyframe and packet.pts is not None and packet.pts > pts:
                return None
        return None
