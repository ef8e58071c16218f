"""What the routes work with, one of each in a process, and who asks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import Request

from stills.service.pools import Pools

if TYPE_CHECKING:
    from stills.service.auth import Tokens
    from stills.service.jobs import Answers, JobRunner, JobStore
    from stills.service.limits import Slots
    from stills.service.metrics import ServiceMetrics
    from stills.service.models_ready import ModelsReady
    from stills.settings_model import Settings


@dataclass(slots=True)
class Context:
    """The service, as its routes see it."""

    settings: Settings
    store: JobStore
    runner: JobRunner
    answers: Answers
    pools: Pools
    tokens: Tokens
    uploads: Slots
    models: ModelsReady
    metrics: ServiceMetrics
    recipes: bytes
    """What GET /v1/recipes answers."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the service is ending: what lasts for ever ends."""

    def url(self, path: str) -> str:
        """``path`` as clients see it."""
        return f"{self.settings.service.base_path}{path}"


def context_of(request: Request) -> Context:
    """What the application of ``request`` works with."""
    context: Context = request.app.state.context
    return context
