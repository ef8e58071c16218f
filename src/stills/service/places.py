"""Addresses that clients name: taken apart strictly, looked up among those that are allowed, and their IP addresses.

What is understood here in one way must not be understood by a resolver or a server in another one. So an address that
could be read in two ways is refused: user and password, numbers that are no plain IP addresses, control characters,
scopes of IPv6, ways out of an allowed folder.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote, unquote, urlsplit

from stills.errors import UsageError

IP: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

PORTS = {"http": 80, "https": 443}
_MOST = 4096
"""Longest address, in characters."""
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,254}")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SHARED = ipaddress.ip_network("100.64.0.0/10")
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "100.100.100.200/32", "169.254.0.0/16", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4",
        "240.0.0.0/4", "::/128", "fe80::/10", "fec0::/10", "ff00::/8", "2001::/32", "2002::/16", "64:ff9b:1::/48",
        "fd00:ec2::/32",
    )
)  # fmt: skip
"""Nothing that a video comes from, in no intranet: this network, link-local (with it the clouds' metadata), multicast,
reserved, and ways of tunnelling IPv4 through IPv6 (Teredo, 6to4, local NAT64). Blocks of the IANA's registries of
special-purpose addresses, and the addresses at which Alibaba and AWS have their metadata."""


class RefusedAddressError(UsageError):
    """An address is none that this service fetches from or sends to."""

    code = "address-refused"


@dataclass(frozen=True, slots=True)
class Place:
    """An address, taken apart."""

    scheme: str
    host: str
    """In lower case, without brackets or a dot at its end; other than ASCII in IDNA's form."""
    port: int
    path: str
    """Begins with a slash; escaped as it is sent."""
    query: str
    bucket: bool = False
    """Whether the host is a store's bucket rather than a machine."""

    @property
    def netloc(self) -> str:
        """Host and port as in the header ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.bucket or self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """What may be logged: paths of webhooks and queries of films may be secrets."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def address(self) -> str:
        """All of it."""
        return f"{self.shown}{self.path}{'?' + self.query if self.query else ''}"


def take_apart(address: str, schemes: frozenset[str]) -> Place:
    """``address``, if it is one of ``schemes`` and says plainly where it leads. Raises ``RefusedAddressError``."""
    if len(address) > _MOST:
        raise _wrong(f"is longer than {_MOST} characters")
    if not address.isprintable() or any(letter in " \\" for letter in address):
        raise _wrong("has a blank, a backslash or a control character")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise _wrong("is not valid") from None
    scheme = parts.scheme.lower()
    if scheme not in schemes or "://" not in address:
        raise _wrong(f"begins with none of {', '.join(f'{one}://' for one in sorted(schemes))}")
    if "@" in parts.netloc:
        raise _wrong("has a user or password in it")
    if parts.fragment:
        raise _wrong("has a fragment (#)")
    if scheme == "s3":
        if not _BUCKET.fullmatch(parts.netloc) or parts.query or "::" in address or len(parts.path) < 2:
            raise _wrong("is not s3://BUCKET/KEY")
        return Place(scheme, parts.netloc, 0, parts.path, "", bucket=True)
    if port == 0:
        raise _wrong("has no valid port")
    host = _host_of(parts.netloc, parts.hostname or "")
    path = quote(parts.path or "/", safe="/:%!$&'()*+,;=@~[]-._")
    query = quote(parts.query, safe="/:%!$&'()*+,;=@~[]?-._")
    return Place(scheme, host, port or PORTS[scheme], path, query)


def _host_of(netloc: str, hostname: str) -> str:
    if netloc.startswith("["):
        try:
            found = ipaddress.IPv6Address(hostname)
        except ValueError:
            raise _wrong("has no valid host") from None
        if found.scope_id is not None or not re.fullmatch(r"\[[0-9A-Fa-f:.]+\](?::\d*)?", netloc):
            raise _wrong("has no valid host")
        return str(found)
    try:
        # IDNA makes ASCII of letters and digits that look like others, so this comes before anything is compared.
        host = hostname if hostname.isascii() else hostname.encode("idna").decode("ascii")
    except UnicodeError:
        raise _wrong("has no valid host") from None
    host = host.lower().removesuffix(".")
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise _wrong("has no valid host")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):  # resolvers read 0x7f.1, 0177.1 and 2130706433 as 127.0.0.1
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise _wrong("has a number for a host that is not plain (such as 192.0.2.1)") from None
    return host


def _climbs(path: str) -> bool:
    """Whether a server could understand ``path`` as leading elsewhere than it looks."""
    text = path
    for _ in range(3):
        plain = unquote(text)
        if plain.count("/") != text.count("/") or "\\" in plain or any(ord(letter) < 32 for letter in plain):
            return True
        if any(part in {".", ".."} for part in plain.split("/")):
            return True
        if plain == text:
            return False
        text = plain
    return True


def _wrong(what: str) -> RefusedAddressError:
    return RefusedAddressError(
        f"the address {what}", remedy="give a plain address, such as https://example.org/film.mp4"
    )


class Allowed:
    """What may be reached: hosts (``media.example.org``, ``*.example.org``, ``host:port``) and prefixes."""

    def __init__(self, entries: Sequence[str]) -> None:
        """``entries`` as the settings have them."""
        self._hosts: list[tuple[str, int | None]] = []
        self._prefixes: list[Place] = []
        for entry in entries:
            if "://" in entry:
                self._prefixes.append(_prefix(entry))
            else:
                found = re.search(r":(\d+)$", entry)
                host = entry if found is None else entry[: found.start()]
                self._hosts.append((host.strip("[]"), None if found is None else int(found[1])))

    def admits(self, place: Place) -> bool:
        """Whether ``place`` is among them. A host without a port means the usual ones, and no bucket."""
        if not place.bucket:
            usual = place.port == PORTS[place.scheme]
            for host, port in self._hosts:
                named = place.host == host or (host.startswith("*.") and place.host.endswith(host[1:]))
                if named and (usual if port is None else place.port == port):
                    return True
        return any(_below(place, one) for one in self._prefixes)


def _below(place: Place, prefix: Place) -> bool:
    if (place.scheme, place.host, place.port) != (prefix.scheme, prefix.host, prefix.port):
        return False
    if prefix.path == "/":
        return True
    if place.bucket:  # keys are no paths: nothing in them is understood
        return place.path.startswith(prefix.path)
    return not _climbs(place.path) and unquote(place.path).startswith(unquote(prefix.path))


def _prefix(entry: str) -> Place:
    scheme, _, rest = entry.partition("://")
    host, _, path = rest.partition("/")
    if scheme == "s3":
        return Place(scheme, host, 0, f"/{path}", "", bucket=True)
    return take_apart(entry, frozenset({scheme}))


def why_not(address: str, *, private: bool) -> str | None:  # noqa: PLR0911 - one for each cause
    """Why nothing is to be had from the IP address ``address``; ``None`` where it is a public one.

    ``private`` lets private networks and this machine through, and nothing else.
    """
    found: IP = ipaddress.ip_address(address.partition("%")[0])
    if "%" in address:
        return "is on a network of this machine only"
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return why_not(str(inner), private=private)
        if (int(found) >> 32) & 0xFFFFFFFF in {0x00005EFE, 0x02005EFE}:  # ISATAP
            return "is a tunnel to another network"
    if any(found in network for network in _NEVER if network.version == found.version):
        return "is no address of a server"
    if found.is_global and not found.is_multicast and not found.is_reserved:
        return None
    if private and (found.is_private or found in _SHARED):
        return None
    return "is a private address"
