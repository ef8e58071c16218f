"""The examples of the OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from stills._version import __version__

JOB_ID = "3f0c9a4be1d84d0f9b7a5d2c6e8f1a20"
_HOME = f"/v1/jobs/{JOB_ID}"
_DOCUMENT = {"file": "thumbnails.json", "kind": "result", "bytes": 5120, "type": "application/json"}
_PICTURE = {"file": "thumbnails/thumbnail_01.jpg", "kind": "picture", "bytes": 181204, "type": "image/jpeg"}


def _artifact(one: dict[str, Any]) -> dict[str, Any]:
    name = one["file"].rpartition("/")[2]
    return {"name": name, **one, "url": f"{_HOME}/artifacts/{name}"}


_ARTIFACTS = [_artifact(one) for one in (_DOCUMENT, _PICTURE)]

JOB: dict[str, Any] = {
    "id": JOB_ID,
    "state": "done",
    "recipe": "thumbnails",
    "options": {"thumbnails": {"count": 1}},
    "name": "film.mp4",
    "posters": [],
    "source": None,
    "created": "2026-11-30T12:00:00.000Z",
    "started": "2026-11-30T12:00:00.250Z",
    "finished": "2026-11-30T12:00:09.500Z",
    "expires": "2026-12-01T12:00:09.500Z",
    "progress": {"stage": "done", "fraction": 1.0, "position": 90.0, "duration": 90.0, "speed": 12.5},
    "error": None,
    "summary": {"found": 1, "partial": False, "fallbacks": [], "seconds": 9.2, "duration": 90.0},
    "links": {
        "self": _HOME,
        "events": f"{_HOME}/events",
        "result": f"{_HOME}/result",
        "archive": f"{_HOME}/archive.zip",
        "select": f"{_HOME}/select",
        "timeline": f"{_HOME}/timeline",
    },
    "artifacts": _ARTIFACTS,
}
JOBS: dict[str, Any] = {"jobs": [JOB], "next": None}
JOB_REQUEST: dict[str, Any] = {
    "source": "https://media.example.org/film.mp4",
    "recipe": "people",
    "options": {"scan": {"effort": "fast"}},
}
JOB_FORM: dict[str, Any] = {"file": "(the video)", "recipe": "thumbnails", "options": '{"thumbnails": {"count": 3}}'}
SELECT_REQUEST: dict[str, Any] = {"recipe": "keyframes", "options": {"keyframes": {"target": 10}}}
SELECTION: dict[str, Any] = {
    "recipe": "keyframes",
    "document": {"schema": "stills/keyframes/1", "frames": [{"pts": 1024, "time": 2.0, "score": 0.81}]},
    "pts": [1024],
    "artifacts": [],
}
RECIPES: dict[str, Any] = {
    "recipes": [
        {
            "name": "thumbnails",
            "title": "Thumbnails",
            "description": "The most engaging frames, best first.",
            "options": {"type": "object", "properties": {"thumbnails": {"type": "object"}}},
            "defaults": {"thumbnails": {"count": 5}},
            "selects_from": ["cast", "people", "keyframes", "thumbnails", "portrait"],
        }
    ]
}
HEALTH: dict[str, Any] = {"status": "ok", "version": __version__}
READINESS: dict[str, Any] = {
    "status": "ok",
    "checks": {name: {"ok": True, "reason": None} for name in ("database", "work", "models", "disk")},
}
LEGACY: dict[str, Any] = {
    "task_id": JOB_ID,
    "status": "completed",
    "thumbnail_paths": [f"{_HOME}/artifacts/thumbnail_01.jpg"],
}
RESULT: dict[str, Any] = {"schema": "stills/thumbnails/1", "frames": [{"pts": 1024, "time": 2.0, "score": 0.81}]}
TIMELINE: dict[str, Any] = {"step": 0.5, "sharpness": [0.61, 0.64], "luma": [120.4, 119.8]}
EVENT = 'id: 7\nevent: progress\ndata: {"id": "' + JOB_ID + '", "state": "running"}\n\n'
METRICS = 'stills_service_jobs{state="queued"} 3.0\n'

_PROBLEMS: dict[int, tuple[str, str, str | None]] = {
    400: ("invalid-request", "the body is not JSON", None),
    401: ("unauthorized", "a token is needed", "send the header Authorization: Bearer TOKEN"),
    403: ("forbidden", "this token may not do that: it needs the scope jobs", None),
    404: ("no-job", "there is no such job", None),
    408: ("timeout", "of the body, hardly anything came for 30 seconds", "try again with a better connection"),
    409: ("not-ready", "the job is running: it has no result", None),
    413: ("too-large", "the file is larger than 2 GB, which is the most that is taken", None),
    415: ("unsupported-media-type", "the body has to be application/json", None),
    416: ("range-not-satisfiable", "the file has 5120 bytes: nothing of it is in that range", None),
    421: ("wrong-host", "the service is not called by this name", "add it to the setting service.hosts"),
    422: ("settings", "option keyframes.target = 0: input should be greater than or equal to 1", None),
    429: ("queue-full", "200 jobs are queued, and no more may be", "try later"),
    500: ("internal", "the service failed at this: that is a bug in it", "tell who runs it when this was"),
    503: ("unavailable", "the service has too much to do", "try again in a moment"),
    507: ("disk-full", "the disk of the service is full", "erase jobs that are not needed, or try later"),
}


def problem(status: int) -> dict[str, Any]:
    """A problem with this status."""
    code, detail, remedy = _PROBLEMS[status]
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "remedy": remedy,
        "instance": _HOME,
    }
