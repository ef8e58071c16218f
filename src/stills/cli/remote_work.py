"""The work behind ``--remote URL``: a server does it, and the same files lie in the output folder afterwards.

While the server works on one video the next one is sent, so that it has always something to do.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, get_args

import stills
from stills.addresses import is_address
from stills.cancel import CancelToken
from stills.cli.inputs import Input
from stills.cli.recipe_work import keep_failures, output_names
from stills.cli.remote import Server, options_for
from stills.cli.remote_answer import answer_of, made_here
from stills.cli.run import Failure, Outcome, run_each
from stills.cli.say import log, note
from stills.cli.session import Session
from stills.client.errors import NotThereError, failure, not_understood
from stills.errors import StillsError, UsageError
from stills.jobs.outputs import check_out
from stills.types import Progress, ProgressCallback, ProgressStage

if TYPE_CHECKING:
    from stills.client import Client, RemoteJob, RemoteProgress

FIRST_TRY_S = 2.0
"""How long a server may not answer at first: who mistyped its address is not kept waiting."""
PARTING_S = 3.0
"""How long it is tried to have a job erased that is of no use any more."""
_LOOK_S = 0.1
_STAGES: Mapping[str, ProgressStage] = {stage: stage for stage in get_args(ProgressStage)}

Tell = Callable[[str, Any, Sequence[Path | str], Path], Outcome]
"""What to say of a result, as in :mod:`stills.cli.recipe_work`."""


def run_remote(
    server: Server,
    session: Session,
    recipe: str,
    videos: Sequence[Input],
    out: Path,
    *,
    tell: Tell,
    posters: Sequence[str] = (),
    dry: bool = False,
) -> int:
    """Have ``server`` ask ``recipe`` of every video, and write pictures, results and the report into ``out``.

    Returns the exit code: as for work on this machine. Raises ``StillsError`` where the server cannot be asked at all.
    """
    with server.client() as client:
        _meet(client, session, recipe)
        names = output_names(videos)
        if dry:
            return _say_what(session, client, videos, out, names)
        check_out(out)

        def report(failures: Sequence[Failure]) -> Path:
            keep_failures(out, failures, [video.name for video in videos])
            return stills.render_report(out)

        desk = _Desk(session, recipe, out, names, tuple(posters), tell, server.keep)
        with _Run(client, desk, [video.path for video in videos if video.error is None]) as run:
            return run_each(session, videos, run.work, after=report)


def _meet(client: Client, session: Session, recipe: str) -> None:
    """See that there is a server, that it knows us, and that it can do this."""
    try:
        known = [one.name for one in client.recipes(tries_s=FIRST_TRY_S)]
        if recipe not in known:
            said = f"the server does not do {recipe}; it does {', '.join(known)}"
            raise UsageError(said, path=client.url, remedy="leave out --remote")
    except StillsError as error:
        session.events.error(error, path=None)
        raise


def _say_what(session: Session, client: Client, videos: Sequence[Input], out: Path, names: dict[str, str]) -> int:
    """``--dry-run``."""

    def plan(path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
        size = None if is_address(path) and not os.path.lexists(path) else Path(path).stat().st_size
        what = "have it fetched by" if size is None else f"send {size / 1e6:.1f} MB to"
        target = out / names[path]
        fields = {"dry_run": True, "bytes": size, "out": str(target), "server": client.url}
        return Outcome(f"{path}: would {what} {client.url} → {target}", fields=fields)

    return run_each(session, videos, plan)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What is asked of every video, and where the answers go."""

    session: Session
    recipe: str
    out: Path
    names: dict[str, str]
    posters: tuple[str, ...]
    tell: Tell
    keep: bool


class _Sending:
    """A video that is being sent, or was."""

    def __init__(self, submit: Callable[[Callable[[int, int], None]], Future[RemoteJob]]) -> None:
        """``submit`` begins, and takes what is to be told how far it is."""
        self.sent, self.size = 0, 0
        self.future = submit(self._told)

    def _told(self, sent: int, size: int) -> None:
        self.sent, self.size = sent, size


class _Run:
    """The jobs of one command. At its end none of them is left on the server that is of no use."""

    def __init__(self, client: Client, desk: _Desk, paths: Sequence[str]) -> None:
        """``paths`` are all videos, in the order in which they come."""
        self._client, self._desk, self._paths = client, desk, paths
        self._options = options_for(desk.session.settings, desk.recipe)
        self._sending: dict[str, _Sending] = {}
        self._keys: dict[str, str] = {}
        self._stop = CancelToken()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="stills-send")

    def __enter__(self) -> Self:
        """This run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What was sent ahead is not wanted any more."""
        self._stop.cancel()
        self._threads.shutdown(cancel_futures=True)
        for one in self._sending.values():
            if not one.future.cancelled() and one.future.exception() is None:
                self._part(one.future.result(), done=False)

    def work(self, path: str, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
        """One video: sent, waited for, its results fetched."""
        job = self._sent(path, on_progress, cancel)
        done = False
        try:
            if (after := self._paths.index(path) + 1) < len(self._paths):
                self._send(self._paths[after])
            job = self._client.wait(job, _Told(path, on_progress).step, cancel=cancel)
            if job.document is None:
                raise failure(job.error) if job.error else not_understood(self._client.url, "a job has no result")
            outcome = self._fetched(path, job, on_progress, cancel)
            done = True
        finally:
            if job.ended:
                self._keys.pop(path, None)  # another try is another job
            self._part(job, done=done)
        return outcome

    def _send(self, path: str) -> _Sending:
        """Begin to send a video, unless that was done."""
        if path not in self._sending:
            desk, key = self._desk, self._keys.setdefault(path, uuid.uuid4().hex)
            self._sending[path] = _Sending(
                lambda told: self._threads.submit(
                    self._client.submit, path, desk.recipe, self._options, poster=desk.posters, idempotency_key=key,
                    on_upload=told, cancel=self._stop,
                )
            )  # fmt: skip
        return self._sending[path]

    def _sent(self, path: str, on_progress: ProgressCallback, cancel: CancelToken) -> RemoteJob:
        """The job of a video that was sent; or what came in between."""
        sending, began = self._send(path), time.monotonic()
        while not wait([sending.future], _LOOK_S).done:
            if cancel.cancelled:
                self._stop.cancel()
            elif sending.size:
                on_progress(Progress("upload", path, sending.sent, sending.size, time.monotonic() - began))
        del self._sending[path]
        return sending.future.result()

    def _fetched(self, path: str, job: RemoteJob, on_progress: ProgressCallback, cancel: CancelToken) -> Outcome:
        """The results of a job, written where work on this machine would have written them."""
        from stills.render.writing import write_result

        desk, client, began = self._desk, self._client, time.monotonic()
        document = client.result(job)
        answer = answer_of(document, desk.session.settings, client.url)
        duration = answer.video.duration

        def on_picture(here: int, of: int) -> None:
            cancel.check()
            elapsed = time.monotonic() - began
            on_progress(Progress("render", path, duration * here / max(1, of), duration, elapsed))

        files = write_result(
            desk.out,
            desk.names[path],
            made_here(document, path, desk.posters),
            lambda stage: client.fetch_into(job, document, stage, cancel=cancel),
            total=len(document.get("files") or ()),
            on_picture=on_picture,
        )
        return desk.tell(path, answer, files, desk.out / desk.names[path])

    def _part(self, job: RemoteJob, *, done: bool) -> None:
        """Have the server erase a job; or with ``--keep-remote`` have it stop working, where it still does."""
        try:
            if not self._desk.keep:
                self._client.delete(job, tries_s=PARTING_S)
            elif not done and not job.ended:
                self._client.cancel(job)
        except NotThereError:
            log.debug("job %s is gone already", job.id)
        except StillsError as error:
            if not self._desk.session.quiet:
                note(f"note: job {job.id} stays on the server for now: {error}")
        else:
            if self._desk.keep and not self._desk.session.quiet:
                note(f"note: {job.name}: kept on the server as job {job.id}")


class _Told:
    """What a server tells of its progress, as work on this machine tells it."""

    def __init__(self, path: str, on_progress: ProgressCallback) -> None:
        self._path, self._on_progress = path, on_progress

    def step(self, progress: RemoteProgress) -> None:
        """Pass it on."""
        stage = _STAGES.get(progress.stage)
        if stage is None:
            return  # a newer server's
        position, duration = progress.position, progress.duration
        if duration <= 0:
            position, duration = progress.fraction, 1.0 if progress.fraction else 0.0
        elapsed = position / progress.speed if progress.speed > 0 else 0.0
        self._on_progress(Progress(stage, self._path, position, duration, elapsed))
