"""The application: routes over the store of jobs, whoever does them, and what stands before them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from fastapi import FastAPI

from stills._version import __version__
from stills.service import legacy, problems, routes_jobs, routes_meta, routes_results
from stills.service.auth import Tokens
from stills.service.context import Context
from stills.service.guard import guard
from stills.service.inner import BasePath, Bugs
from stills.service.jobs import JobLimits, open_jobs
from stills.service.jobs.answers import Answers
from stills.service.jobs.runner import JobRunner
from stills.service.limits import Slots
from stills.service.metrics import ServiceMetrics
from stills.service.models_ready import ModelsReady
from stills.service.openapi import describe
from stills.service.pools import Pools
from stills.service.recipes import recipes_json
from stills.service.routes_page import page_router
from stills.service.sources import make_fetch
from stills.service.watching import Watch
from stills.service.webhooks import Deliverer

if TYPE_CHECKING:
    from stills.service.jobs import JobStore
    from stills.settings_model import Settings


def create_app(settings: Settings, *, store: JobStore | None = None) -> FastAPI:
    """The service as an ASGI application, which works from its start-up to its shutdown.

    Args:
        settings: The section ``service`` says who may ask and what; ``jobs.database`` where the jobs are, and the
            others hold for all jobs.
        store: Of the jobs; without one it is opened at the start, and closed at the end.

    Raises:
        SettingsError, InputError: As :meth:`stills.service.auth.Tokens.load`.
    """
    tokens = Tokens.load(settings)
    metrics = ServiceMetrics(settings.jobs.runner)
    uploads = Slots(settings.service.uploads_at_once)
    metrics.uploads.set_function(lambda: float(uploads.taken))
    recipes = json.dumps({"recipes": recipes_json(settings)}).encode()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        jobs = store if store is not None else await asyncio.to_thread(open_store, settings)
        runner = JobRunner(jobs, settings, fetch=make_fetch(settings))
        deliverer = Deliverer(jobs, settings)
        context = Context(
            settings=settings,
            store=jobs,
            runner=runner,
            answers=Answers(jobs, settings, runner),
            pools=Pools(),
            tokens=tokens,
            uploads=uploads,
            models=ModelsReady(settings),
            metrics=metrics,
            recipes=recipes,
        )
        try:
            await asyncio.to_thread(runner.start)
            await asyncio.to_thread(deliverer.start)
            context.models.start()
            app.state.context = context
            yield
        finally:
            context.stopping.set()
            context.models.close()
            await asyncio.gather(asyncio.to_thread(runner.stop), asyncio.to_thread(deliverer.stop))
            await asyncio.to_thread(context.pools.close)
            if store is None:
                await asyncio.to_thread(jobs.close)

    app = FastAPI(
        title="stills",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    routers = [routes_jobs.router, routes_results.router, routes_meta.router, legacy.router, page_router(settings)]
    for router in routers:
        app.include_router(router)
    problems.install(app, [route for router in routers for route in router.routes])
    app.add_middleware(BasePath, base_path=settings.service.base_path)
    app.add_middleware(Bugs)
    guard(app, settings, tokens)
    app.add_middleware(Watch, metrics=metrics)
    describe(app, settings, wanted=tokens.wanted)
    return app


def open_store(settings: Settings) -> JobStore:
    """The jobs of the service that ``settings`` describe. Raises what :func:`stills.service.jobs.open_jobs` raises."""
    service = settings.service
    limits = JobLimits(
        at_once=service.at_once,
        active_per_owner=service.per_client,
        queue=service.queue,
        ttl_s=service.ttl,
        keep_sources=service.keep_sources,
        retries=settings.limits.retries,
    )
    return open_jobs(
        service.data.expanduser(), settings.jobs.database, settings=settings, limits=limits, strict=settings.strict
    )
