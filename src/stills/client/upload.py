"""What is sent: a video, streamed from disk with its length known, or its address."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from stills.errors import InputError

if TYPE_CHECKING:
    from stills.cancel import CancelToken

OnUpload: TypeAlias = Callable[[int, int], None]
"""Called with the bytes of the video that were sent, and how many there are."""


class Sent:
    """A file that is being sent: tells how far it is, stops where the caller cancelled."""

    def __init__(self, file: IO[bytes], size: int, on_upload: OnUpload | None, cancel: CancelToken | None) -> None:
        """``file`` is open at its beginning; nothing beyond ``size`` is read of it."""
        self._file, self._size, self._told, self._cancel = file, size, on_upload, cancel
        self._sent = 0

    def fileno(self) -> int:
        """Where httpx asks for the size."""
        return self._file.fileno()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """To the beginning, for another try."""
        self._sent = 0
        return self._file.seek(offset, whence)

    def read(self, most: int = -1) -> bytes:
        """The next bytes."""
        if self._cancel is not None:
            self._cancel.check()
        try:
            chunk = self._file.read(most)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}", path=self._file.name) from error
        self._sent += len(chunk)
        if self._told is not None and chunk:
            self._told(self._sent, self._size)
        return chunk


def form(
    video: Path,
    name: str,
    fields: Mapping[str, str],
    posters: Sequence[Path],
    stack: ExitStack,
    *,
    on_upload: OnUpload | None,
    cancel: CancelToken | None,
) -> dict[str, Any]:
    """A multipart form for httpx. Its files are open until ``stack`` ends. Raises ``InputError`` for what is no file.

    The small fields come first, so that a server can refuse a wrong one before it has the video.
    """
    files: list[tuple[str, tuple[str, Any, str]]] = []
    for poster in posters:
        files.append(("poster", (_public(poster.name), stack.enter_context(_opened(poster)), _TYPE)))
    opened = stack.enter_context(_opened(video))
    sent = Sent(opened, os.fstat(opened.fileno()).st_size, on_upload, cancel)
    files.append(("file", (_public(name), sent, _TYPE)))
    return {"data": dict(fields), "files": files}


_TYPE = "application/octet-stream"


def fields_of(recipe: str, options: Mapping[str, Any], webhook: str | None) -> dict[str, str]:
    """The small fields of the form."""
    fields = {"recipe": recipe}
    if options:
        fields["options"] = json.dumps(options)
    if webhook is not None:
        fields["webhook"] = webhook
    return fields


def _opened(path: Path) -> IO[bytes]:
    if path.is_dir():
        raise InputError("this is a folder", path=str(path), remedy="name the files in it")
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise InputError("no such file", path=str(path), remedy="check the name") from error
    except PermissionError as error:
        raise InputError("no permission to read it", path=str(path), remedy="see who may read the file") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path=str(path)) from error


def _public(name: str) -> str:
    """A name without bytes that are no text."""
    return name.encode("utf-8", "replace").decode("utf-8")
