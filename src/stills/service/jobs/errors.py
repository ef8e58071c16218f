"""What can be wrong with what is asked of the jobs of the service."""

from __future__ import annotations

from typing import ClassVar

from stills.errors import StillsError, UsageError


class NoJobError(StillsError):
    """There is no such job for this owner: there never was, it was erased, or its time was over."""

    code = "no-job"


class BusyError(StillsError):
    """Too much is queued already; ``retry_after`` says in how many seconds to come again."""

    code = "queue-full"
    retryable: ClassVar[bool] = True

    def __init__(
        self, message: str, *, path: str | None = None, remedy: str | None = None, retry_after: int = 10
    ) -> None:
        """See the class."""
        super().__init__(message, path=path, remedy=remedy)
        self.retry_after = retry_after


class QueueFullError(BusyError):
    """The queue of the service is full."""


class OwnerBusyError(BusyError):
    """The owner has as many jobs queued or running as one may have."""

    code = "too-many-jobs"


class IdempotencyError(UsageError):
    """The idempotency key was used for something else."""

    code = "idempotency-conflict"


class NotReadyError(StillsError):
    """The job has no result: it has not ended, or it failed."""

    code = "not-ready"


class NoPictureError(StillsError):
    """There is no such frame, or its picture cannot be had any more, as the video was erased."""

    code = "no-picture"
