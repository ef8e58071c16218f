"""Jobs as clients see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from stills.service.jobs.types import Artifact, Job
from stills.settings import SECTIONS

if TYPE_CHECKING:
    from stills.service.context import Context


def job_json(job: Job, context: Context) -> dict[str, Any]:
    """A job as clients see it."""
    home = context.url(f"/v1/jobs/{job.id}")
    paths = {
        "events": "events",
        "result": "result",
        "archive": "archive.zip",
        "select": "select",
        "timeline": "timeline",
    }
    progress, error = job.progress, job.error
    return {
        "id": job.id,
        "state": job.state,
        "recipe": job.recipe,
        "options": nested(job.options),
        "name": job.name,
        "posters": list(job.posters),
        "source": job.source,
        "created": moment(job.created_at),
        "started": moment(job.started_at),
        "finished": moment(job.finished_at),
        "expires": moment(job.expires_at),
        "progress": {name: getattr(progress, name) for name in ("stage", "fraction", "position", "duration", "speed")},
        "error": None
        if error is None
        else {name: getattr(error, name) for name in ("code", "message", "remedy", "retryable")},
        "summary": dict(job.summary),
        "links": {"self": home, **{name: f"{home}/{path}" for name, path in paths.items()}},
        "artifacts": [artifact_json(one, home) for one in job.artifacts],
    }


def artifact_json(artifact: Artifact, home: str) -> dict[str, Any]:
    """An artifact as clients see it; ``home`` is the address of its job."""
    url = f"{home}/artifacts/{quote(artifact.name, safe='')}"
    who = {"name": artifact.name, "file": artifact.file}
    return {**who, "kind": artifact.kind, "bytes": artifact.bytes, "type": artifact.type, "url": url}


def moment(at: float | None) -> str | None:
    """A time as of RFC 3339, in UTC."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def flat(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options in sections (``{"scan": {"effort": …}}``) as the store takes them (``{"scan.effort": …}``)."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name in SECTIONS and isinstance(value, Mapping):
            found.update({f"{name}.{one}": inner for one, inner in value.items()})
        else:
            found[name] = value
    return found


def nested(options: Mapping[str, Any]) -> dict[str, Any]:
    """The other way."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        section, _, leaf = name.partition(".")
        if leaf and section in SECTIONS:
            found.setdefault(section, {})[leaf] = value
        else:
            found[name] = value
    return found
