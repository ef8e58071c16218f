"""Jobs of the service: what clients asked for, who works on it, what came of it, and when it goes.

They are kept in the database of :mod:`stills.jobs.store` (SQLite in the data folder, or PostgreSQL for several
replicas, which then share the data folder, too), in the library that is the data folder::

    DATA/uploads/         files that are still being received
    DATA/jobs/<id>/       all of one job: its video, its results, pictures made on demand
    DATA/cache/<owner>/   indexes (see stills.index.store), a folder an owner: nobody learns what others sent

- :class:`JobStore` is the database: ``add``, ``get``, ``list``, ``cancel``, ``erase``, ``events``, webhooks' queue.
- :class:`JobRunner` does the work, in threads, with the workers of :func:`stills.jobs.runner.open_runner`. Any number
  of them may share one database, in one process or in several; it also erases what is to go.
- :class:`Answers` is what can be asked of a finished job without scanning again: ``select``, ``frame``, ``timeline``.

Importing this is cheap; what is heavy is loaded when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from stills.service.jobs.errors import (
    BusyError,
    IdempotencyError,
    NoJobError,
    NoPictureError,
    NotReadyError,
    OwnerBusyError,
    QueueFullError,
)
from stills.service.jobs.types import (
    ENDED,
    STATES,
    Added,
    Answer,
    Artifact,
    Delivery,
    FramePicture,
    Job,
    JobError,
    JobEvent,
    JobLimits,
    JobPage,
    JobProgress,
    JobState,
    NewJob,
    QueueCounts,
    Usage,
)

if TYPE_CHECKING:
    from stills.service.jobs.answers import Answers
    from stills.service.jobs.options import OPTION_SECTIONS, check_options
    from stills.service.jobs.runner import Fetch, JobRunner
    from stills.service.jobs.store import JobStore, open_jobs

_LATE = {
    "Answers": "answers",
    "Fetch": "runner",
    "JobRunner": "runner",
    "JobStore": "store",
    "OPTION_SECTIONS": "options",
    "check_options": "options",
    "open_jobs": "store",
}


def __getattr__(name: str) -> object:
    """What is heavy, when somebody asks for it."""
    if name in _LATE:
        return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "ENDED",
    "OPTION_SECTIONS",
    "STATES",
    "Added",
    "Answer",
    "Answers",
    "Artifact",
    "BusyError",
    "Delivery",
    "Fetch",
    "FramePicture",
    "IdempotencyError",
    "Job",
    "JobError",
    "JobEvent",
    "JobLimits",
    "JobPage",
    "JobProgress",
    "JobRunner",
    "JobState",
    "JobStore",
    "NewJob",
    "NoJobError",
    "NoPictureError",
    "NotReadyError",
    "OwnerBusyError",
    "QueueCounts",
    "QueueFullError",
    "Usage",
    "check_options",
    "open_jobs",
]
