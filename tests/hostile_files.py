"""Files that are broken, or want more than there is: cut, garbled, with headers that promise the moon, and bombs."""

from __future__ import annotations

import gzip
import io
import lzma
import random
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import av

from hostile_pointers import Maker, box, replaced
from media_factory import Movie, jpeg, make

MOST = 0xFFFFFFFF
_STBL = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def broken(folder: Path) -> Mapping[str, Maker]:
    """By name (its suffix is what it is sent as) what makes them; ``folder`` is for what is made on the way."""
    films = _films(folder)
    return {**_odd(), **_cut(films), **_lying(films), **_large(folder), **_bombs()}


def _films(folder: Path) -> dict[str, bytes]:
    plain = Movie(width=64, height=48, frames=50, b_frames=0)
    front = Movie(width=64, height=48, frames=50, container_options=(("movflags", "faststart"),))
    return {
        "mp4": make(folder / "plain.mp4", plain).read_bytes(),
        "front.mp4": make(folder / "front.mp4", front).read_bytes(),
        "mkv": make(folder / "plain.mkv", plain).read_bytes(),
        "ts": make(folder / "plain.ts", plain).read_bytes(),
        "avi": make(folder / "plain.avi", Movie(width=64, height=48, codec="mpeg4", b_frames=0)).read_bytes(),
        "gif": make(
            folder / "plain.gif", Movie(width=64, height=48, codec="gif", pixel_format="rgb8", frames=5, timescale=100)
        ).read_bytes(),
        "flv": make(folder / "plain.flv", Movie(width=64, height=48, codec="flv1", b_frames=0, frames=30)).read_bytes(),
        "vfr": make(folder / "gap.mkv", Movie(width=64, height=48, frames=4, timescale=1000, pts=(0, 40, 80, 2**43)))
        .read_bytes(),
    }  # fmt: skip


def _odd() -> dict[str, Maker]:
    noise = random.Random(6)
    return {
        "nothing.mp4": lambda: b"",
        "one-byte.mp4": lambda: b"\0",
        "zeros.mp4": lambda: bytes(1 << 20),
        "ones.mkv": lambda: b"\xff" * (1 << 18),
        "noise.mp4": lambda: noise.randbytes(1 << 18),
        "noise.ts": lambda: b"".join(b"\x47" + noise.randbytes(187) for _ in range(1000)),
        "letter.mp4": lambda: b"this is a letter, not a film\n" * 200,
        "elf.mp4": lambda: b"\x7fELF\x02\x01\x01" + noise.randbytes(4096),
        "document.pdf": lambda: b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n",
        "sound.wav": lambda: b"RIFF" + struct.pack("<I", 36 + 800) + b"WAVEfmt " + bytes(20) + b"data" + bytes(804),
        "picture.jpg": jpeg,
        "picture.mp4": jpeg,
        "ebml.mkv": lambda: b"\x1a\x45\xdf\xa3\x01" + b"\xff" * 7,
        "tar.mp4": lambda: b"../../../etc/passwd".ljust(100, b"\0") + b"0000644\0" + bytes(404),
    }


def _cut(films: Mapping[str, bytes]) -> dict[str, Maker]:
    made: dict[str, Maker] = {}
    for suffix in ("mp4", "front.mp4", "mkv", "ts", "avi", "gif", "flv"):
        whole = films[suffix]
        for share in (5, 50, 95):
            made[f"cut-{share}.{suffix}"] = lambda whole=whole, share=share: whole[: len(whole) * share // 100]
        made[f"garbled.{suffix}"] = lambda whole=whole: garbled(whole, 1)
        made[f"head-garbled.{suffix}"] = lambda whole=whole: garbled(whole[:600], 2, every=12) + whole[600:]
    return {
        **made,
        "tail-only.mp4": lambda: films["mp4"][len(films["mp4"]) // 2 :],
        "twice.mp4": lambda: films["mp4"] * 2,
        "head-only.mp4": lambda: films["front.mp4"][: films["front.mp4"].index(b"mdat") + 4],
        "after-junk.mp4": lambda: b"\r\n--boundary\r\n" + films["mp4"],
        "page-in-free.mp4": lambda: box(b"free", b"<script>alert(1)</script>") + films["mp4"],
        "gap.mkv": lambda: films["vfr"],
        "odd.flv": lambda: films["flv"][:13] + _deep_amf() + films["flv"][13:],
    }


def garbled(data: bytes, seed: int, *, every: int = 200) -> bytes:
    """``data`` with a byte in each ``every`` changed."""
    changed, chance = bytearray(data), random.Random(seed)
    for at in range(every // 2, len(changed), every):
        changed[at] ^= chance.randrange(1, 256)
    return bytes(changed)


def _lying(films: Mapping[str, bytes]) -> dict[str, Maker]:
    """MP4s whose tables or headers lie, and others in which a number is another."""
    mp4 = films["mp4"]
    full = bytes(4)

    def table(kind: bytes, *numbers: int) -> Maker:
        return lambda: replaced(mp4, (*_STBL, kind), box(kind, full, struct.pack(f">{len(numbers)}I", *numbers)))

    def header(kind: bytes, at: int, *numbers: int) -> Maker:
        """Numbers written over those of a box, at an offset behind its name."""

        def made() -> bytes:
            data = bytearray(mp4)
            struct.pack_into(f">{len(numbers)}I", data, data.index(kind) + 4 + at, *numbers)
            return bytes(data)

        return made

    def sized(gif: bytes, width: int, height: int) -> bytes:
        return gif[:6] + struct.pack("<HH", width, height) + gif[10:]

    def side(width: int, height: int) -> Maker:
        def made() -> bytes:
            data = bytearray(mp4)
            struct.pack_into(">HH", data, data.index(b"avc1") + 28, width, height)
            return bytes(data)

        return made

    return {
        "sizes-many.mp4": table(b"stsz", 0, MOST),
        "sizes-alike.mp4": table(b"stsz", 1 << 30, 1 << 30),
        "times-many.mp4": table(b"stts", 1, MOST, 1),
        "times-long.mp4": table(b"stts", 1, 50, MOST),
        "times-none.mp4": table(b"stts", 1, 50, 0),
        "chunks-many.mp4": table(b"stsc", 1, 1, MOST, 1),
        "chunks-far.mp4": table(b"stco", 1, MOST - 8),
        "chunks-in-header.mp4": table(b"stco", 1, 0),
        "timescale-0.mp4": header(b"mdhd", 12, 0),
        "timescale-most.mp4": header(b"mdhd", 12, MOST),
        "lasts-for-ever.mp4": header(b"mvhd", 12, 1, MOST),
        "side-0.mp4": side(0, 0),
        "side-65535.mp4": side(65535, 65535),
        "box-0.mp4": lambda: mp4 + bytes(4) + b"moov",
        "box-64.mp4": lambda: struct.pack(">I4sQ", 1, b"moov", 2**63) + mp4,
        "deep.mp4": lambda: mp4[:32] + _deep(5000) + mp4[32:],
        "canvas-0.gif": lambda: sized(films["gif"], 0, 0),
        "canvas-65535.gif": lambda: sized(films["gif"], 65535, 65535),
        "large.y4m": lambda: b"YUV4MPEG2 W200000 H200000 F25:1 C420\nFRAME\n" + bytes(100),
        "large.ivf": lambda: b"DKIF" + struct.pack("<HH4sHHIIII", 0, 32, b"VP90", 65535, 65535, 25, 1, MOST, 0)
        + struct.pack("<IQ", MOST, 0) + bytes(64),
    }  # fmt: skip


def _deep(levels: int) -> bytes:
    """Boxes in each other."""
    kinds = (b"moov", b"trak", b"mdia", b"udta")
    return b"".join(struct.pack(">I4s", 8 * (levels - level), kinds[level % 4]) for level in range(levels))


def _deep_amf() -> bytes:
    """A script tag of FLV with objects in each other."""
    data = b"\x02\x00\x0aonMetaData" + b"\x03\x00\x01a" * 20_000
    return struct.pack(">B", 18) + len(data).to_bytes(3, "big") + bytes(7) + data + struct.pack(">I", len(data) + 11)


def _large(folder: Path) -> dict[str, Maker]:
    return {
        "picture-12000.mkv": lambda: pictures(folder / "large.mkv", 12000, _gray(12000)),
        "larger-than-told.mkv": lambda: pictures(folder / "larger.mkv", 64, _gray(12000)),
        "smaller-than-told.mkv": lambda: pictures(folder / "smaller.mkv", 16000, jpeg()),
        "streams-1000.mkv": lambda: streams(folder / "streams.mkv", 1000),
        "streams-90.avi": lambda: streams(folder / "streams.avi", 90),
        "programs.ts": _programs,
        "frames-many.gif": lambda: _frames(1_000),
        "png-bomb.png": lambda: _png(60_000),
        "png-bomb.mp4": lambda: _png(60_000),
    }


def pictures(path: Path, told: int, real: bytes) -> bytes:
    """A Matroska file of motion JPEG whose header tells a square of ``told``, and whose packet holds ``real``."""
    with av.open(str(path), "w") as container:
        stream = container.add_mux_stream("mjpeg", rate=25, width=told, height=told)
        packet = av.Packet(real)
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, 0, 0, True
        container.mux(packet)
    return path.read_bytes()


def streams(path: Path, count: int) -> bytes:
    """A film with so many streams, a picture in the first."""
    with av.open(str(path), "w") as container:
        made = [container.add_mux_stream("mjpeg", rate=25, width=32, height=24) for _ in range(count)]
        for number in range(3):
            packet = av.Packet(jpeg())
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = made[0], number, number, True
            container.mux(packet)
    return path.read_bytes()


def _gray(side: int) -> bytes:
    from PIL import Image

    held = io.BytesIO()
    Image.new("L", (side, side)).save(held, "JPEG")
    return held.getvalue()


def _programs() -> bytes:
    """A transport stream whose table says that there are thousands of programs, each section valid."""
    sections = []
    for part in range(20):
        entries = b"".join(struct.pack(">HH", part * 250 + n + 1, 0xE000 | (16 + n)) for n in range(40))
        head = struct.pack(">BHHBBB", 0, 0xB000 | (len(entries) + 9), 1, 0xC1, part, 19)
        sections.append(head + entries + struct.pack(">I", _crc(head + entries)))
    heads = (b"\x47\x40\x00" + bytes([0x10 | n % 16, 0]) for n in range(len(sections)))
    return b"".join(head + one.ljust(183, b"\xff") for head, one in zip(heads, sections, strict=True)) * 20


def _crc(data: bytes) -> int:
    value = MOST
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7) & MOST if value & 0x80000000 else value << 1
    return value


def _frames(count: int) -> bytes:
    """A GIF of so many pictures of one pixel, which all last no time."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    one = b"\x21\xf9\x04\0\0\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + one * count + b";"


def _png(side: int) -> bytes:
    """A picture of ``side`` × ``side`` that is a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1 << 20), 9))


def _bombs() -> dict[str, Maker]:
    zeros = bytes(8 << 20)

    def zipped() -> bytes:
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
            for number in range(4):
                made.writestr(f"../film{number}.mp4", zeros)
        return held.getvalue()

    def header() -> bytes:
        told = box(b"cmvd", struct.pack(">I", 1 << 31), zlib.compress(zeros))
        return box(b"ftyp", b"qt  ", bytes(4), b"qt  ") + box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), told))

    return {
        "bomb.zip": zipped,
        "bomb.mp4": zipped,
        "bomb.gz": lambda: gzip.compress(zeros),
        "bomb.xz": lambda: lzma.compress(zeros, preset=0),
        "svgz.mp4": lambda: gzip.compress(b"<svg>" + zeros),
        "compressed-header.mov": header,
    }
