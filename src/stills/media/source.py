"""Opening a video as data: one regular file or remote object, one known container, nothing it names is followed.

A local file is opened by us and handed to FFmpeg as a descriptor (its ``fd:`` protocol, the only one allowed), a remote
one as a file object of ours (no protocol allowed), so that no playlist, script, external reference or address inside a
file can make FFmpeg open something else. Formats are on a list.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stills.addresses import is_address
from stills.errors import CorruptVideoError, InputError, MemoryLimitError, NotAVideoError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer

    from stills.media.remote import RemoteFile

PathLike = str | os.PathLike[str]

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,live_flv,asf,ogg,gif,mxf,nut,dv,rm,wtv,"
    "h261,h263,h264,hevc,vvc,vc1,vc1test,ivf,obu,av1,smjpeg"
)
"""FFmpeg's names of the containers that may be opened: none of them reads other files. No HLS, DASH, concat, image2."""

_HEAD = 4096
_CONTENT_BLOCK = 1 << 20
_STILL_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"miaf"}
_VIDEO_REMEDY = "give a video file (mp4, mov, mkv, webm, avi, ts, mpg, flv, wmv, ogv, gif, …)"


def open_regular(path: PathLike) -> int:
    """A descriptor of ``path``, opened for reading, known to be a regular file that is not empty.

    The caller closes it. Raises ``InputError`` (missing, a folder, a device, no permission) or ``NotAVideoError``
    (empty).
    """
    name = os.fspath(path)
    # Without O_NONBLOCK, opening a FIFO would wait for its writer; regular files ignore the flag.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(name, flags)
    except FileNotFoundError:
        if os.path.islink(name):
            raise InputError("the link points to nothing", path=name, remedy="repair or remove the link") from None
        raise InputError("no such file", path=name, remedy="check the name") from None
    except IsADirectoryError:
        raise InputError("this is a folder, not a file", path=name) from None
    except PermissionError:
        raise InputError("no permission to read this file", path=name, remedy="check its permissions") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be opened: {getattr(error, 'strerror', None) or error}", path=name) from None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size > 0:
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise InputError("this is a folder, not a file", path=name)
    if not stat.S_ISREG(status.st_mode):
        raise InputError("this is a device or pipe, not a regular file", path=name, remedy="copy it to a file first")
    raise NotAVideoError("the file is empty", path=name, remedy="copy or download it again")


def is_remote(path: PathLike) -> bool:
    """Whether ``path`` is an address, and not a file of this machine that is called like one."""
    name = os.fspath(path)
    return isinstance(name, str) and is_address(name) and not os.path.lexists(name)


def bytes_fetched(path: PathLike) -> int | None:
    """Bytes of the remote file at ``path`` that came to this process so far; ``None`` for a file of this machine."""
    if not is_remote(path):
        return None
    from stills.media.remote import remote_object

    return remote_object(os.fspath(path)).count.bytes_read


@contextmanager
def open_source(path: PathLike, *, hwaccel: HWAccel | None = None) -> Iterator[InputContainer]:
    """The container in ``path``, a file or an address, opened as data and closed at the end of the ``with``.

    Raises:
        InputError: the file is missing, a folder, a device, or may not be read; a remote one changed (``ChangedError``)
            or the connection was lost (``DownloadInterruptedError``), also while it is read.
        NotAVideoError: it is empty, text, a playlist, a picture or another kind of file.
        CorruptVideoError: it should be a video, but FFmpeg cannot open it.
    """
    name = os.fspath(path)
    if is_remote(name):
        with _open_remote(name, hwaccel) as container:
            yield container
        return
    descriptor = open_regular(name)
    try:
        # FFmpeg duplicates the descriptor, so ours can be closed as soon as the container is open.
        options = {"fd": str(descriptor), "protocol_whitelist": "fd"}
        container = _open("fd:", os.pread(descriptor, _HEAD, 0), name, options, hwaccel)
    finally:
        os.close(descriptor)
    with container:
        yield container


@contextmanager
def _open_remote(address: str, hwaccel: HWAccel | None) -> Iterator[InputContainer]:
    from stills.media.remote import open_remote

    file = open_remote(address)
    try:
        file.keep = True
        head = file.read(_HEAD)
        file.seek(0)
        with _open(file, head, file.remote.name, {"protocol_whitelist": "none"}, hwaccel) as container:
            file.keep = False
            yield container
    except Exception:
        # What FFmpeg and we make of bytes that did not come is not what is wrong.
        if file.failure is not None:
            raise file.failure from None
        raise
    if file.failure is not None:
        raise file.failure


def _open(
    file: str | RemoteFile, head: bytes, name: str, options: dict[str, str], hwaccel: HWAccel | None
) -> InputContainer:
    """The container that ``file`` is, which begins with ``head`` and is called ``name``."""
    import av

    kind, what = sniff(head)
    if kind == "refused":
        raise NotAVideoError(what, path=name, remedy=_VIDEO_REMEDY)
    options["format_whitelist"] = FORMATS
    try:
        held: Any = file  # PyAV's stub wants a file of the standard library
        container: InputContainer = av.open(held, mode="r", options=options, hwaccel=hwaccel, metadata_errors="replace")
    except MemoryError:
        raise MemoryLimitError("not enough memory to open this video", path=name) from None
    except (av.FFmpegError, UnicodeError) as error:
        detail = getattr(error, "strerror", None) or str(error)
        if kind == "video":
            message = f"{what}, but its header or index is damaged or cut off ({detail})"
            raise CorruptVideoError(message, path=name, remedy="copy or download it again") from error
        raise NotAVideoError("no known video format", path=name, remedy=_VIDEO_REMEDY) from error
    return container


def remote_of(container: InputContainer) -> RemoteFile | None:
    """The file object that ``container`` is read from; ``None`` for a local file."""
    from stills.media.remote import RemoteFile

    held: Any = container.file
    file = getattr(held, "file", None)
    return file if isinstance(file, RemoteFile) else None


def file_version(path: PathLike) -> tuple[object, ...]:
    """What is another value where ``path`` is another file than before: size and time, or size and entity tag.

    Raises ``InputError`` and its children where it cannot be found out.
    """
    name = os.fspath(path)
    if is_remote(name):
        from stills.media.remote import remote_object

        remote = remote_object(name)
        with remote.lock:
            facts = remote.refresh()
        return facts.size, facts.version
    try:
        about = os.stat(name)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=name) from None
    return about.st_size, about.st_mtime_ns


def content_id(path: PathLike) -> str:
    """What the file is, whatever its name: BLAKE2b (32 hex digits) of its size, its first and its last MiB.

    Of a remote file those parts are fetched, once as long as it does not change. Raises ``InputError`` where the file
    cannot be read.
    """
    name = os.fspath(path)
    if is_remote(name):
        from stills.media.remote import remote_object

        remote = remote_object(name)
        with remote.lock:
            return remote.content_id()
    descriptor = open_regular(path)
    try:
        size = os.fstat(descriptor).st_size
        digest = hashlib.blake2b(size.to_bytes(8, "little"), digest_size=16)
        digest.update(os.pread(descriptor, _CONTENT_BLOCK, 0))
        digest.update(os.pread(descriptor, _CONTENT_BLOCK, max(0, size - _CONTENT_BLOCK)))
    except OSError as error:
        raise InputError(f"cannot be read: {error}", path=os.fspath(path)) from None
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def sniff(head: bytes) -> tuple[str, str]:
    """What a file looks like from its first bytes: ``("video" | "refused" | "unknown", words for a message)``.

    Pictures, playlists and text are refused before FFmpeg sees them: FFmpeg would open many of them as "video".
    """
    found = _refused(head)
    if found is not None:
        return "refused", found
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"}:
        return "video", "this looks like an MP4 or MOV file"
    magics = (
        (b"\x1a\x45\xdf\xa3", "this looks like a Matroska or WebM file"),
        (b"FLV", "this looks like an FLV file"),
        (b"\x30\x26\xb2\x75", "this looks like an ASF or WMV file"),
        (b"OggS", "this looks like an Ogg file"),
        (b"GIF8", "this looks like a GIF"),
        (b"\x00\x00\x01\xba", "this looks like an MPEG program stream"),
    )
    for magic, what in magics:
        if head.startswith(magic):
            return "video", what
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "video", "this looks like an AVI file"
    return "unknown", ""


def _refused(head: bytes) -> str | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64]
    lists = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"[Reference]", b"<?xml", b"<MPD", b"<smil", b"<SmoothStreaming")
    if start.startswith(lists):
        return "this is a playlist or script that names other files, not a video"
    pictures = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*\x00", b"MM\x00*", b"8BPS", b"\x00\x00\x01\x00", b"\xff\x0a")
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    still = head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS
    if head.startswith(pictures) or webp or still:
        return "this is a picture, not a video"
    sounds = (b"ID3", b"fLaC", b"#!AMR", b"MThd", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"\xff\xf9")
    wave = head[:4] == b"RIFF" and head[8:12] == b"WAVE"
    if head.startswith(sounds) or wave or (head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}):
        return "there is only sound in this file, no video"
    if _is_text(head):
        return "this is a text file, not a video"
    return None


def _is_text(head: bytes) -> bool:
    if any(byte < 0x20 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return len(head) == _HEAD and error.start >= _HEAD - 3  # a character cut by the end of what was read
    return True
