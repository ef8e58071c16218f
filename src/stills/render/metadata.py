"""What a picture says about itself: where it came from, which moment, who, and why.

All carry EXIF (``ImageDescription`` for people, ``Software``, and ``UserComment`` with JSON for machines) and XMP
(Dublin Core and an own namespace); PNG says the same in text chunks too, the JSON under ``stills``.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape, quoteattr

from stills._version import __version__
from stills.errors import InputError, printable

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo

NAMESPACE = "urn:stills:picture:1#"
"""XML namespace of the properties ``source``, ``time``, ``pts``, ``person`` and ``score`` in XMP."""

# EXIF 2.32 tags (CIPA DC-008-2019).
_EXIF_IFD, _DESCRIPTION, _SOFTWARE, _USER_COMMENT, _COLOR_SPACE = 0x8769, 0x010E, 0x0131, 0x9286, 0xA001
_SRGB = 1
_ASCII = b"ASCII\0\0\0"
_PNG_KEY = "stills"
_PNG_XMP = "XML:com.adobe.xmp"


@dataclass(frozen=True, slots=True)
class PictureMetadata:
    """The moment that a picture shows.

    ``source`` is the name of the video without its folder (a folder may tell who owns the machine), ``time`` seconds
    from its first frame shown, ``pts`` the exact tick, ``person`` the id in the result, ``score`` 0…1. The embedded
    cover picture is of no moment: its ``time`` and ``pts`` are None. So are those of an annotated poster (of ``kind``
    ``poster``), whose ``source`` is the poster itself.
    """

    source: str
    time: float | None
    pts: int | None
    person: int | None = None
    score: float | None = None
    version: str = __version__
    kind: Literal["cover", "poster"] = "cover"

    @property
    def description(self) -> str:
        """One line for people."""
        if self.time is None:
            what = "Faces found on" if self.kind == "poster" else "Cover picture of"
            return f"{what} {printable(self.source)}"
        who = f"Person {self.person} in " if self.person is not None else ""
        return f"{who}{printable(self.source)} at {clock(self.time, digits=3)}"

    @property
    def software(self) -> str:
        """Program and version."""
        return f"stills {self.version}"

    def as_json(self) -> str:
        """Everything for machines; pure ASCII."""
        return json.dumps(asdict(self), ensure_ascii=True)

    def exif(self) -> bytes:
        """An EXIF block for Pillow's ``save(exif=…)``."""
        from PIL import Image

        exif = Image.Exif()
        # EXIF calls this ASCII; UTF-8 bytes are what readers take in practice (and what EXIF 3.0 allows).
        exif[_DESCRIPTION] = self.description.encode()
        exif[_SOFTWARE] = self.software.encode()
        exif.get_ifd(_EXIF_IFD).update({_USER_COMMENT: _ASCII + self.as_json().encode("ascii"), _COLOR_SPACE: _SRGB})
        return exif.tobytes()

    def xmp(self) -> bytes:
        """An XMP packet (ISO 16684-1), UTF-8."""
        own = {"source": printable(self.source)}
        if self.time is not None:
            own |= {"time": f"{self.time:.6f}", "pts": str(self.pts)}
        if self.person is not None:
            own["person"] = str(self.person)
        if self.score is not None:
            own["score"] = f"{self.score:.4f}"
        attributes = " ".join(f"stills:{key}={quoteattr(value)}" for key, value in own.items())
        return (
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
            f' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:stills="{NAMESPACE}"'
            f" xmp:CreatorTool={quoteattr(self.software)} dc:source={quoteattr(printable(self.source))} {attributes}>"
            f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(self.description)}</rdf:li></rdf:Alt>'
            "</dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
            '<?xpacket end="w"?>'
        ).encode()

    def png(self) -> PngInfo:
        """Text chunks for Pillow's ``save(pnginfo=…)``; keywords as in the PNG specification, section 11.3.3."""
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("Description", self.description)
        info.add_text("Software", self.software)
        info.add_itxt("Source", printable(self.source))
        info.add_text(_PNG_KEY, self.as_json())
        info.add_itxt(_PNG_XMP, self.xmp().decode())
        return info


def read_metadata(picture: Path | bytes) -> PictureMetadata | None:
    """What stills wrote into ``picture`` (a file, or its bytes); None where it is not one of stills'.

    Raises :class:`InputError` where it cannot be opened as a picture.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture) as image:
            text = image.info.get(_PNG_KEY) if image.format == "PNG" else None
            comment = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT, b"")
    except (OSError, ValueError, SyntaxError) as error:
        name = None if isinstance(picture, bytes) else str(picture)
        raise InputError(f"is not a readable picture ({error})", path=name) from error
    if text is None and isinstance(comment, bytes) and comment.startswith(_ASCII):
        text = comment[len(_ASCII) :].decode("ascii", errors="replace")
    if not isinstance(text, str):
        return None
    try:
        values: dict[str, Any] = json.loads(text)
        return PictureMetadata(**values)
    except (ValueError, TypeError):
        return None  # somebody else's comment


def clock(seconds: float, *, digits: int = 1) -> str:
    """``1:02:03.5``: hours only where there are any; rounded to ``digits`` decimals of a second."""
    ticks = round(max(0.0, seconds) * 10**digits)
    whole, fraction = divmod(ticks, 10**digits)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    head = f"{hours}:{minute:02d}" if hours else f"{minute}"
    tail = f".{fraction:0{digits}d}" if digits else ""
    return f"{head}:{second:02d}{tail}"
