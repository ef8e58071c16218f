"""The OpenAPI document: what FastAPI makes of the routes, and what it cannot know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from stills.service import examples, schemas
from stills.service.links import put_links
from stills.service.problems import MEDIA_TYPE
from stills.service.recipes import recipes_json

if TYPE_CHECKING:
    from fastapi import FastAPI

    from stills.settings_model import Settings

DESCRIPTION = """Pulls the frames that matter out of video: the best picture of every person, key frames, thumbnails.

Send a video to `POST /v1/jobs`; follow the job at its `links.events` or ask for it now and then; its `artifacts` are
the pictures, its `links.result` says why they were chosen. Errors are `application/problem+json` with a `code` for
programs and a `remedy` for people."""
TAGS = [
    {"name": "jobs", "description": "Videos that something is asked of."},
    {"name": "results", "description": "What came of it, and what else can be asked."},
    {"name": "service", "description": "The service itself."},
    {"name": "legacy", "description": "The endpoints of the thumbnail system."},
]
_OPEN = frozenset({"/healthz", "/readyz"})
_SENT: tuple[type[BaseModel], ...] = (
    schemas.JobForm,
    schemas.JobRequest,
    schemas.SelectRequest,
    schemas.Problem,
)
"""Models that no route names: bodies that are read by ourselves, and problems."""


def describe(app: FastAPI, settings: Settings, *, wanted: bool) -> None:
    """Have ``app`` describe itself; ``wanted`` says whether one has to have a token."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app, settings, wanted)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def document(app: FastAPI, settings: Settings, wanted: bool) -> dict[str, Any]:
    """The whole document."""
    made = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        summary="The best frames of videos.",
        description=DESCRIPTION,
        routes=app.routes,
        tags=TAGS,
        servers=[{"url": settings.service.base_path or "/"}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    parts = made.setdefault("components", {})
    known = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        known.pop(name, None)
    for model in _SENT:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        known.update(schema.pop("$defs", {}))
        known[model.__name__] = schema
    _put_examples(made)
    put_links(made)
    known["Options"] = options_schema(recipes_json(settings))
    for name in ("JobRequest", "SelectRequest"):
        known[name]["properties"]["options"] = {"$ref": "#/components/schemas/Options"}
    if wanted:
        parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "description": "A token."}}
    for path, operations in made["paths"].items():
        for operation in operations.values():
            operation["security"] = [{"bearer": []}] if wanted and path not in _OPEN else []
    return made


def options_schema(recipes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The options of all recipes together; which of them a recipe has, GET /v1/recipes says."""
    properties: dict[str, Any] = {}
    for recipe in recipes:
        properties.update(recipe["options"]["properties"])
    return {
        "title": "Options",
        "description": "The recipe's section (for cast people, too), output, scan.effort, strict and embeddings.",
        "type": "object",
        "additionalProperties": False,
        "properties": dict(sorted(properties.items())),
        "examples": [{"keyframes": {"target": 10}, "scan": {"effort": "fast"}}],
    }


def _put_examples(made: dict[str, Any]) -> None:
    """Put examples in as they are: FastAPI leaves out what is ``null`` in them, and so makes them wrong."""
    for model in vars(schemas).values():
        if isinstance(model, type) and issubclass(model, BaseModel) and model.__name__ in made["components"]["schemas"]:
            extra = model.model_config.get("json_schema_extra")
            if isinstance(extra, dict):
                made["components"]["schemas"][model.__name__].update(extra)
    for operations in made["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                problem = answer.get("content", {}).get(MEDIA_TYPE)
                if problem is not None:
                    problem["example"] = examples.problem(int(status))
