"""Single pictures through the workers: a task each, answers in the order asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from stills.errors import InputError, LimitError, StillsError
from stills.index.pictures import PictureReading
from stills.media.sandbox import Task, TaskResult
from stills.scan.parameters import ScanParameters
from stills.scan.running import WORKER
from stills.types import Attribute


def reading_tasks(
    paths: Sequence[str], parameters: ScanParameters, attributes: Sequence[Attribute], max_pixels: int
) -> list[Task]:
    """A task for each of the picture files ``paths``, numbered as they are."""
    return [
        Task(number, f"{WORKER}:read_picture", (path, parameters, tuple(attributes), max_pixels), path)
        for number, path in enumerate(paths)
    ]


def in_order(results: Iterable[TaskResult], paths: Sequence[str]) -> Iterator[PictureReading]:
    """The readings behind ``results`` in the order of ``paths``, each as soon as those before it are there.

    What is wrong with a picture, and what it took too much of, is its reading's ``error``. Other errors are raised.
    """
    waiting: dict[int, PictureReading] = {}
    following = 0
    for result in results:
        waiting[result.key] = reading_of(result, paths[result.key])
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def reading_of(result: TaskResult, path: str) -> PictureReading:
    """The reading in ``result``; raises its error where that is not about the picture."""
    if isinstance(result.error, InputError | LimitError):
        said = StillsError(result.error.message, remedy=result.error.remedy)  # the path stands beside it
        return PictureReading(path, error=str(said))
    reading: PictureReading = result.unwrap()
    return reading
