"""All that stands between the network and the routes, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

from stills.service.headers import SecurityHeaders
from stills.service.limits import RateLimit, RateLimiter

if TYPE_CHECKING:
    from fastapi import FastAPI

    from stills.service.auth import Tokens
    from stills.settings_model import Settings

_FOR_PAGES = (
    "Content-Disposition", "ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "Stills-Rough",
)  # fmt: skip
"""Headers of answers that pages of other origins may see."""


def guard(app: FastAPI, settings: Settings, tokens: Tokens) -> None:
    """Put the checks around ``app``: first whether it is for us at all, then other origins', then how often one asks.

    Middleware that is added later is passed earlier, so this comes after all other of ``app``.
    """
    service = settings.service
    if service.rate:
        app.add_middleware(RateLimiter, limit=RateLimit(service.rate), tokens=tokens, base_path=service.base_path)
    if service.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.cors),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
            expose_headers=list(_FOR_PAGES),
            max_age=600,
        )
    app.add_middleware(SecurityHeaders, service=service)
