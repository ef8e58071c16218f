"""Who a source is: paths made absolute, addresses without what is secret in them, a key for both.

An address is known by scheme, host, path and query, but a signed one carries its signature in the query, which is
another one each hour. So parameters of the known ways to sign are left out, and of the others only a digest is kept:
two videos that differ in their query are two, and no query is ever written down.
"""

from __future__ import annotations

import hashlib
import os
import re
from urllib.parse import parse_qsl, urlencode

from stills.jobs.addresses import HIDDEN, clean, is_address, local_path, scheme_of, split_address

_CHAIN = "::"
_PORTS = {"http": 80, "https": 443}

_SIGNING = re.compile(
    r"x-(amz|goog|oss|cos|obs)-.*"  # AWS, Google, Alibaba, Tencent, Huawei: pre-signed addresses
    r"|awsaccesskeyid|googleaccessid|ossaccesskeyid|signature|expires|policy|key-pair-id"  # older ways, CloudFront
    r"|(access|auth|security|session)[-_]?token|api[-_]?key|password|passwd|pwd|secret|sig",
    re.IGNORECASE,
)
"""Parameters that only say who may read, and not what. In doubt one is taken to say what: then a video is done again,
where otherwise one of two would be left out."""

_AZURE = frozenset("sv st se sr sp sip spr ss srt ske sks skt skv skoid sktid saoid suoid scid sdd".split())  # noqa: SIM905
"""Fields of a shared access signature; such names mean that only beside ``sig``."""


def normalise_source(source: str) -> str:
    """``source`` as it is kept and shown: an absolute path, or an address without user, password, query, fragment.

    Symbolic links are not followed: two names of one file are two inputs, as they have two outputs.
    """
    if not is_address(source):
        return os.path.abspath(source)
    path = local_path(source)
    if path is not None:
        return os.path.abspath(path)
    return _CHAIN.join(_normalise_address(part) if is_address(part) else part for part in source.split(_CHAIN))


def source_key(source: str, recipe: str) -> str:
    """Identity of a video in the store: 32 hexadecimal digits. The same for an address signed anew."""
    parts = [normalise_source(source), recipe]
    if is_address(source) and local_path(source) is None:
        parts += [_query(part) for part in source.split(_CHAIN)]
    data = b"\0".join(part.encode("utf-8", "surrogatepass") for part in parts)
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _normalise_address(address: str) -> str:
    parts = split_address(address)
    if parts is None or not parts.netloc:
        return clean(address)
    scheme = scheme_of(address)
    if scheme not in _PORTS:  # in an object's name # is a letter like others
        place = address.partition("://")[2].partition("?")[0]
        bucket, slash, name = place.partition("/")
        shown = f"{bucket.rpartition('@')[2]}{slash}{name}"
    else:
        host = (parts.hostname or "").lower()
        host = f"[{host}]" if ":" in host else host
        port = "" if parts.port in {None, _PORTS[scheme]} else f":{parts.port}"
        shown = f"{host}{port}{parts.path}"
    return f"{scheme}://{shown}{f'?{HIDDEN}' if _query(address) else ''}"


def _query(address: str) -> str:
    """The query of an address without the parameters that sign it, in a fixed order."""
    pairs = parse_qsl(address.partition("#")[0].partition("?")[2], keep_blank_values=True)
    azure = _AZURE if any(name.lower() == "sig" for name, _ in pairs) else frozenset()
    kept = [(n, v) for n, v in pairs if not _SIGNING.fullmatch(n) and n.lower() not in azure]
    return urlencode(sorted(kept), errors="surrogatepass")
