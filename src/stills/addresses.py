"""Addresses (URLs) of videos and pictures: told from paths, and named without what is secret in them."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:(?://|:)", re.IGNORECASE)
"""``https://…``, ``s3://…``, and fsspec's chains such as ``zip::https://…``. One letter alone is a Windows drive."""

_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://\S+")
"""Schemes have few letters; without a bound, a long word would be gone through once for each letter in it."""

_USER = re.compile(r"(?<=://)[^/?#\s]*@")
_QUERY = re.compile(r"(?<=\S)[?#][^\s'\")]*")
HIDDEN = "…"


def is_address(text: str) -> bool:
    """Whether ``text`` is an address rather than a path."""
    return _ADDRESS.match(text) is not None


def scheme_of(address: str) -> str:
    """``https`` of ``https://…``, in lower case; of a chain, the first."""
    return address.partition(":")[0].lower()


def split_address(address: str) -> SplitResult | None:
    """The parts of an address; ``None`` where it has no valid form (brackets, a port that is no number)."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def local_path(address: str) -> str | None:
    """The path that a ``file://`` address means on this machine; ``None`` for every other one."""
    parts = split_address(address)
    if parts is None or parts.scheme.lower() != "file" or parts.netloc not in {"", "localhost"}:
        return None
    return unquote(parts.path, errors="surrogateescape")


def public_name(place: str) -> str:
    """A path as it is, an address without user, password, query and fragment: safe in logs, results and databases.

    Signed addresses carry their key in the query, so nothing of it is shown. It is a name, not a way to get there.
    """
    if not is_address(place):
        return place
    # Names of objects may have blanks, which end an address inside of a text.
    return _QUERY.sub(f"?{HIDDEN}", _USER.sub("", place), count=1) if "::" not in place else clean(place)


shown = public_name
"""Its older name."""


def clean(text: str) -> str:
    """A text, such as another library's error, with the secrets of all addresses in it left out."""
    return _IN_TEXT.sub(lambda found: _without_secrets(found[0]), text)


def _without_secrets(address: str) -> str:
    return _QUERY.sub(f"?{HIDDEN}", _USER.sub("", address), count=1)
