"""The values that labels may have. What is not among them is ``other``: no input can make a metric grow."""

from __future__ import annotations

from collections.abc import Collection

OTHER = "other"

RECIPES = ("people", "cast", "keyframes", "thumbnails", "portrait")

STATUSES = ("done", "partial", "nothing", "kept", "failed", "quarantined", "again", "left", "released")
"""How a try ends: as :data:`stills.jobs.library.types.Status`, or ``released`` (interrupted)."""

SUCCESSES = frozenset({"done", "partial", "nothing", "kept"})
FAILURES = frozenset({"failed", "quarantined", "again"})

CLASSES = ("transient", "corrupt", "input", "resource", "bug")

STATES = ("pending", "waiting", "running", "done", "failed", "quarantined")
"""Where videos are in the store; ``waiting`` are those of the pending whose time has not come."""

STAGES = ("answer", "save", "publish")

CODES = frozenset(
    {
        *("bug", "busy", "cancelled", "changed", "corrupt", "crashes", "damaged", "decoder-crash", "device"),
        *("download", "earlier", "error", "fenced", "index", "input", "internal", "limit", "manifest", "memory"),
        *("missing", "model", "model-fetch", "model-hash", "no-state", "not-a-video", "nothing-found", "output"),
        *("settings", "state", "strict", "timeout", "usage", "worker", "workers-lost"),
    }
)
"""Codes of errors, as in ``docs/operations.md``."""


def bounded(value: str | None, allowed: Collection[str]) -> str:
    """``value`` where it is ``allowed``, otherwise ``other``."""
    return value if value is not None and value in allowed else OTHER
