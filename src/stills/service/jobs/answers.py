"""What can be asked of a finished job without scanning again: other selections, pictures of frames, its time line."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stills.errors import CorruptVideoError, InputError, NothingFoundError, StillsError, UsageError
from stills.files import atomic_write, ensure_folder
from stills.index.memo import Memo
from stills.index.previews import Previews
from stills.index.store import IndexStore
from stills.service.jobs import previews, saving
from stills.service.jobs.asking import ask, named, picks_of
from stills.service.jobs.errors import NoPictureError, NotReadyError
from stills.service.jobs.options import check_count, check_options
from stills.service.jobs.place import FRAMES, VIDEO
from stills.service.jobs.types import Answer, Artifact, FramePicture, Job
from stills.types import COVER_PTS

if TYPE_CHECKING:
    from stills.index.index import Index
    from stills.service.jobs.runner import JobRunner
    from stills.service.jobs.store import JobStore
    from stills.settings_model import Settings

IDLE_S = 600.0
"""Seconds after which an index that nobody asked anything goes out of memory."""
KEPT_ANSWERS = 64
"""Answers that are kept in memory: sliders go back and forth."""
MEMO_BYTES = 96 << 20
"""Memory for what selections found out and will want again, of all indexes together; a film of 30 minutes takes 16 MB.
"""


_FIRST: tuple[tuple[str, Mapping[str, Any]], ...] = (("keyframes", {}), ("people", {}), ("thumbnails", {}))
"""What is asked beforehand."""


@dataclass(slots=True)
class _Loaded:
    index: Index
    used: float
    answers: OrderedDict[str, Answer]
    previews: Previews
    timeline: Mapping[str, Any] | None = None


class Answers:
    """Answers from the indexes of finished jobs, of which the last few are kept in memory. Safe from any thread.

    Every method takes a job as the store gave it just now: whoever may see the job may ask. They block; that of a
    30-minute film takes some ten milliseconds.
    """

    def __init__(self, store: JobStore, settings: Settings, runner: JobRunner | None = None) -> None:
        """``settings`` are what clients' options change; ``runner`` has workers that decode what is kept of videos."""
        self._store = store
        self._settings = settings
        self._runner = runner
        self._lock = threading.Lock()
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._loading: dict[str, threading.Lock] = {}

    def prepare(self, job: Job) -> None:
        """Have the job's index in memory, and what selections begin with: the first question is answered as later ones.

        Raises ``NotReadyError``.
        """
        self._load(job)
        for recipe, options in _FIRST:
            with contextlib.suppress(UsageError, NothingFoundError):  # its own answer will say it
                self.select(job, recipe, options)

    def select(self, job: Job, recipe: str, options: Mapping[str, Any] | None = None) -> Answer:
        """Ask a recipe, the job's or another one, with other options; nothing is decoded.

        Options that only say how pictures are written change nothing here.

        Raises:
            NotReadyError: The job is not done, or has no index.
            UsageError: There is no such recipe, an option is wrong, or asks for what was not measured.
            NothingFoundError: Nothing qualifies.
        """
        chosen = check_options(recipe, options or {}, self._settings)
        if recipe == "keyframes" and chosen.keyframes.plain:
            raise UsageError("frames with no choosing are no selection", remedy="ask for them in a job of their own")
        chosen = chosen.model_copy(update={"embeddings": True})  # to drop them is for a job: it changes the index
        loaded = self._load(job)
        key = json.dumps([recipe, dict(options or {})], sort_keys=True, default=str)
        with self._lock:
            known = loaded.answers.get(key)
            if known is not None:
                loaded.answers.move_to_end(key)
                return known
        document = ask(recipe, loaded.index, chosen).to_json()
        self._forget_memos(loaded)
        pts = picks_of(document)
        check_count(len(pts), 10 * self._store.limits.pictures)
        answer = Answer(recipe, document, pts)
        with self._lock:
            loaded.answers[key] = answer
            while len(loaded.answers) > KEPT_ANSWERS:
                loaded.answers.popitem(last=False)
        return answer

    def save(self, job: Job, recipe: str, options: Mapping[str, Any] | None = None) -> tuple[Artifact, ...]:
        """Write the pictures of a selection as files of the job; those files, with the selection's JSON.

        They are as a job of their own would write them where the video is kept. Else they are as they were kept of it,
        and the document says so (``small-pictures``): options of pictures change nothing then.

        Raises what :meth:`select` raises, ``NoJobError``, ``NoPictureError`` where no picture is left at all,
        ``UsageError`` where there are too many.
        """
        answer = self.select(job, recipe, options)
        check_count(len(answer.pts), self._store.limits.pictures)
        folder = saving.saved_folder(self._store.folders, job)
        try:
            files = self._save_full(job, recipe, options or {}, folder)
            if files is None:
                files = saving.write_kept(folder, answer, lambda pts: self._kept(job, pts))
            found = saving.saved_artifacts(self._store.folders, job, folder, files)
            now = self._store.add_artifacts(job, saving.folder_of(job), found)
        except BaseException:
            saving.discard(folder)
            raise
        return now.artifacts[-len(found) :]

    def _save_full(self, job: Job, recipe: str, options: Mapping[str, Any], folder: Path) -> list[Path] | None:
        """The selection written from the job's video; ``None`` where that is gone, or nobody is here to decode it."""
        file = self._store.folders.job(job.id) / VIDEO
        if self._runner is None or not self._store.limits.keep_sources or not file.is_file():
            return None  # a video that is not kept may go at any moment
        index = named(self._load(job).index, job.name, str(file))
        chosen = check_options(recipe, options, self._settings)
        cache = self._store.folders.cache(job.owner)
        chosen = chosen.model_copy(update={"embeddings": True, "cache_dir": cache})
        with self._runner.crew.scanner(chosen) as scanner:
            return ask(recipe, index, chosen, scanner=scanner).save(folder.parent, name=folder.name)

    def _kept(self, job: Job, pts: int) -> bytes:
        """The largest picture that was kept of a frame."""
        picture = self.frame(job, pts, previews.WIDTHS[-1])
        if picture.rough:
            raise NoPictureError(f"no picture of the frame at pts {pts} is left", path=job.name)
        return picture.data

    def timeline(self, job: Job) -> Mapping[str, Any]:
        """The signals of the video, a few hundred samples of each. Raises ``NotReadyError``."""
        from stills.render.timeline_values import index_timeline

        loaded = self._load(job)
        if loaded.timeline is None:
            loaded.timeline = index_timeline(loaded.index)
        return loaded.timeline

    def result(self, job: Job) -> dict[str, Any]:
        """The recipe's JSON. Raises ``NotReadyError``, ``NothingFoundError`` where there was nothing to write."""
        document: dict[str, Any] = json.loads(self._store.result_path(job).read_text(encoding="utf-8"))
        return document

    def frame(self, job: Job, pts: int, width: int | None = None) -> FramePicture:
        """A JPEG of the frame at ``pts``, about ``width`` pixels wide (960) and never wider than the video.

        Raises ``NotReadyError``; ``NoPictureError`` where there is no such frame, or no picture of it any more.
        """
        loaded = self._load(job)
        index = loaded.index
        wide = previews.width_for(width)
        if not _has(index, pts):
            raise NoPictureError(f"there is no frame at pts {pts}", path=job.name)
        folder = self._store.folders.job(job.id) / FRAMES
        file = previews.frame_file(folder, pts, wide)
        kept = previews.frame_file(folder, pts, previews.KEPT_WIDTH)
        data = _read(file)
        if data is None and wide <= previews.KEPT_WIDTH and (large := _read(kept)) is not None:
            data = previews.narrower(large, wide)
            self._keep(file, data)
        if data is None and (data := self._decode(job, index, pts, wide)) is not None:
            self._keep(file, data)
        if data is None:  # the video is gone: as wide as it was kept, or as it was looked at
            data = _read(kept)
        if data is None and (seen := loaded.previews.get(pts)) is not None:
            data = previews.narrower(seen, wide)
        if data is not None:
            return FramePicture(data)
        rough = previews.rough_picture(index, pts, min(wide, previews.KEPT_WIDTH))
        if rough is None:
            raise NoPictureError(f"no picture of the frame at pts {pts} is left", path=job.name)
        return FramePicture(rough, rough=True)

    def _decode(self, job: Job, index: Index, pts: int, width: int) -> bytes | None:
        """The frame from the job's video, where that is still here and somebody is here to decode it."""
        file = self._store.folders.job(job.id) / VIDEO
        if self._runner is None or not file.is_file():
            return None
        index = named(index, job.name, str(file))
        settings = self._settings.model_copy(update={"cache_dir": self._store.folders.cache(job.owner)})
        try:
            with self._runner.crew.scanner(settings) as scanner:
                return previews.small(scanner.pictures(index, [pts])[pts], width)
        except (CorruptVideoError, InputError):
            return None

    def _keep(self, file: Path, data: bytes) -> None:
        if file.parent.parent.is_dir():  # else the job was erased at this moment
            ensure_folder(file.parent)
            atomic_write(file, data, durable=False)

    def _load(self, job: Job) -> _Loaded:
        """The job's index, read once."""
        if job.state != "done":
            raise NotReadyError(f"the job is {job.state}: nothing can be asked of it", path=job.name)
        if job.content is None or job.parameters is None:
            said = "the job has no index: its frames were taken with no choosing, or the scan was not finished"
            raise NotReadyError(said, path=job.name, remedy="ask for this in a new job")
        with self._lock:
            self._forget_idle()
            loaded = self._loaded.get(job.id)
            if loaded is not None:
                loaded.used = time.monotonic()
                self._loaded.move_to_end(job.id)
                return loaded
            turn = self._loading.setdefault(job.id, threading.Lock())
        with turn:
            with self._lock:
                loaded = self._loaded.get(job.id)
            if loaded is None:
                loaded = self._read_index(job)
                with self._lock:
                    self._loaded[job.id] = loaded
                    while len(self._loaded) > self._store.limits.indexes:
                        self._loaded.popitem(last=False)
        with self._lock:
            self._loading.pop(job.id, None)
        return loaded

    def _read_index(self, job: Job) -> _Loaded:
        index = IndexStore(self._store.folders.cache(job.owner)).load(job.content or "", job.parameters or {})
        if index is None:
            raise NotReadyError("the job's index is gone", path=job.name, remedy="ask for this in a new job")
        one_blas_thread()
        index = replace(named(index, job.name, None), memo=Memo(MEMO_BYTES))
        return _Loaded(index, time.monotonic(), OrderedDict(), Previews(index.folder))

    def _forget_memos(self, asked: _Loaded) -> None:
        """Make room where all indexes' memos together take too much: those longest not asked are forgotten first."""
        with self._lock:
            others = sorted((one for one in self._loaded.values() if one is not asked), key=lambda one: one.used)
            memos = [one.index.memo for one in (*others, asked) if one.index.memo is not None]
        for memo in memos:
            if sum(one.bytes for one in memos) <= MEMO_BYTES:
                return
            memo.clear()

    def _forget_idle(self) -> None:
        before = time.monotonic() - IDLE_S
        for job in [job for job, loaded in self._loaded.items() if loaded.used < before]:
            del self._loaded[job]


def one_blas_thread() -> None:
    """Have matrix products made in the threads that ask for them, from now on in this process.

    OpenBLAS' own threads wait for each other in busy loops: with workers on all cores, what takes 70 ms took up to a
    second with them.
    """
    import numpy as np  # noqa: F401 - what is limited has to be loaded
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")


def _has(index: Index, pts: int) -> bool:
    import pyarrow.compute as pc

    if pts == COVER_PTS:
        return index.cover is not None
    return bool(pc.any(pc.equal(index.frames["pts"], pts)).as_py()) or bool(
        pc.any(pc.equal(index.faces["pts"], pts)).as_py()
    )


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StillsError(f"a picture cannot be read: {error.strerror}", path=file.name) from error
