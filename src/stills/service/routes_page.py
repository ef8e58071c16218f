"""The web page: its files, read once, with what the page has to know of the service in its head."""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

import stills

if TYPE_CHECKING:
    from stills.settings_model import Settings

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What there is in the page's folder; anything else there is not served."""

CACHED = "no-cache"
"""Browsers keep the files and ask each time whether they still hold: an update of the service is seen at once."""

_INDEX = "index.html"
_HEAD = '<meta name="stills-service" content="{}">'


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page."""

    data: bytes = field(repr=False)
    type: str
    etag: str


def page_files(settings: Settings) -> dict[str, PageFile]:
    """The files of the page by name; what the service allows stands in the head of ``index.html``."""
    found: dict[str, PageFile] = {}
    for entry in resources.files("stills.service").joinpath("page").iterdir():
        kind = TYPES.get("." + entry.name.rpartition(".")[2])
        if kind is None or not entry.is_file():
            continue
        data = entry.read_bytes()
        if entry.name == _INDEX:
            data = _with_facts(data, settings)
        found[entry.name] = PageFile(data, kind, f'"{hashlib.blake2b(data, digest_size=16).hexdigest()}"')
    return found


def page_router(settings: Settings) -> APIRouter:
    """Routes of the page: ``/`` and ``/page/{name}``. They need no token: nothing in them is anybody's."""
    files = page_files(settings)
    router = APIRouter(include_in_schema=False)

    async def serve(request: Request, name: str = _INDEX) -> Response:
        file = files.get(name)
        if file is None:
            raise HTTPException(404, f"the page has no file {name[:100]!r}")
        headers = {"ETag": file.etag, "Cache-Control": CACHED}
        if _same(request.headers.get("if-none-match", ""), file.etag):
            return Response(status_code=304, headers=headers)
        return Response(file.data, media_type=file.type, headers=headers)

    async def index(request: Request) -> Response:
        return await serve(request)

    for path, endpoint in (("/", index), ("/page/{name}", serve)):
        router.add_api_route(path, endpoint, methods=["GET", "HEAD"])
    return router


def _with_facts(data: bytes, settings: Settings) -> bytes:
    """``index.html`` with what the page has to know before it asks for anything; nothing of it is a secret."""
    service = settings.service
    facts = {
        "version": stills.__version__,
        "upload_limit": service.upload_limit,
        "sources": bool(service.sources),
        "ttl": service.ttl,
        "keep_sources": service.keep_sources,
    }
    text = data.decode("utf-8")
    if _HEAD not in text:
        raise RuntimeError(f"{_INDEX} has no place for what the page has to know")
    return text.replace(_HEAD, _HEAD.replace("{}", html.escape(json.dumps(facts)))).encode("utf-8")


def _same(asked: str, etag: str) -> bool:
    """Whether a client that sent ``If-None-Match`` has the file (RFC 9110, weak comparison)."""
    known = [one.strip().removeprefix("W/") for one in asked.split(",")]
    return etag in known or "*" in known
