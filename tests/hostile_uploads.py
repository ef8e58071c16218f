"""All attacks on the service, and a siege that makes them: what was answered, read, connected to and left behind."""

from __future__ import annotations

import json
import os
import re
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil

from canary import Canary
from hostile_files import broken, garbled
from hostile_heads import heads
from hostile_json import HOSTS, addresses, documents, keys
from hostile_pointers import Maker, pointers
from hostile_requests import Attack, Reply, Target, forms, lengths, names, post, talk, upload
from service_samples import EMPTY, files

LONG = 120.0
OPTIONS: Mapping[str, Any] = {
    "sources": ",".join((*HOSTS, "media.example.org", "s3://films/")),
    "webhooks": ",".join(HOSTS),
    "webhook_secret": "whsec_" + "aGE3" * 10,
    "upload_idle": "2s",
    "upload_limit": "4MB",
    "per_client": 5000,
    "queue": 5000,
}
"""Settings of the service that is attacked: it allows more than any should, and has less patience."""
TYPES = (b"video/mp4", b"text/html", b"image/svg+xml", b"application/x-mpegURL", b"../../etc", b"video/mp4; x=\xff")
RECIPES = ("keyframes", "thumbnails", "people", "portrait", "cast")
ENDED = frozenset({"done", "failed", "cancelled"})
_PASSWD = b"root:x:0:0"
_OF_SERVER = frozenset({400, 404, 405, 413, 414, 421, 431, 501, 505})
"""What is answered before anybody looks which operation is meant."""


def attacks(canary: Canary, folder: Path, corpus: Path | None = None) -> Mapping[str, Attack]:
    """All of them by name. ``folder`` is for what is made on the way; ``corpus`` has files of the real world."""
    made = {**pointers(canary, folder), **broken(folder), **(_of_corpus(corpus) if corpus is not None else {})}
    return {
        **{f"file-{name}": Attack(partial(_send, name=name, make=make), _OF_FILES) for name, make in made.items()},
        **names(canary),
        **forms(),
        **lengths(),
        **documents(),
        **addresses(canary),
        **keys(),
        **heads(),
    }


def variants(attack: str, canary: Canary, made: Mapping[str, Maker], number: int) -> Attack:
    """The same file again, called and told otherwise, for another recipe, or with other bytes changed."""

    def make() -> bytes:
        whole = made[attack]()
        return garbled(whole, number, every=64 + 97 * number) if number % 2 else whole

    suffix = (".mp4", ".m3u8", ".ts", ".jpg", ".svg", "")[number % 6]
    name = f"{canary.folder}/{attack}{suffix}" if number % 3 == 0 else attack + suffix
    told, recipe = TYPES[number % len(TYPES)], RECIPES[number % len(RECIPES)]
    return Attack(partial(_send, name=name, make=make, content_type=told, recipe=recipe), _OF_FILES)


_OF_FILES: frozenset[int | None] = frozenset({202, 413, 422})


def _send(
    target: Target, name: str, make: Maker, content_type: bytes = TYPES[0], recipe: str = RECIPES[0]
) -> Reply | None:
    data = make()
    return talk(target, post(target, upload(name.encode(), data, content_type=content_type, recipe=recipe)))


def _of_corpus(archive: Path) -> dict[str, Maker]:
    def read(member: tarfile.TarInfo) -> bytes:
        with tarfile.open(archive) as opened:
            file = opened.extractfile(member)
            return b"" if file is None else file.read()

    with tarfile.open(archive) as opened:
        found = [one for one in opened if one.isfile() and one.size < 3_500_000 and not one.name.endswith(".json")]
    return {f"corpus-{Path(one.name).name.replace(chr(34), '')}": partial(read, one) for one in found}


class Siege:
    """Makes attacks on one server, and notes in :attr:`found` what should not have happened."""

    def __init__(self, client: httpx.Client, data: Path, canary: Canary, film: bytes, server: psutil.Process) -> None:
        """``data`` is the server's folder; the folder above it is watched, too."""
        self.client = client
        self.data = data
        self.canary = canary
        self.server = server
        self.found: list[str] = []
        self.answers: dict[str, int | None] = {}
        self._around = {path.name for path in data.parent.iterdir()}
        self._began = server.create_time()
        self._responses = _documented(client.get("/openapi.json").raise_for_status().json())
        base = client.base_url
        answer = client.post("/v1/jobs", files={"file": ("good.mp4", film)}, data={"recipe": "keyframes"})
        done = self._ended(answer.raise_for_status().json()["id"])
        assert done["state"] == "done", done
        limit, idle = 4_000_000, float(str(OPTIONS["upload_idle"]).removesuffix("s"))
        self.target = Target(base.host, base.port or 80, canary, film, limit, idle, done)
        self.client.get(done["links"]["result"]).raise_for_status()
        canary.opened()
        canary.heard()

    def make(self, name: str, attack: Attack) -> None:
        """Make one."""
        try:
            reply = attack.send(self.target)
        except (OSError, AssertionError) as error:
            self._note(name, f"{type(error).__name__}: {error}")
            return
        status = None if reply is None else reply.status
        self.answers[name] = status
        if status not in attack.allowed:
            said = "nothing" if reply is None else f"{status} {reply.body[:300]!r}"
            self._note(name, f"{said} was answered, not one of {sorted(map(str, attack.allowed))}")
        if reply is not None:
            self._check(name, reply)

    def make_all(self, all_of_them: Mapping[str, Attack], at_once: int = 4) -> None:
        """Make all, so many at a time."""
        waiting, lock = iter(all_of_them.items()), threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    upcoming = next(waiting, None)
                if upcoming is None:
                    return
                self.make(*upcoming)

        threads = [threading.Thread(target=work) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def settle(self) -> int:
        """Wait for all jobs, look at what came of them, and erase them; how many there were."""
        ids = list(self._ids())
        for one in ids:
            job = self._ended(one)
            self._look(job)
        for one in ids:
            if one != self.target.done["id"]:
                self.client.delete(f"/v1/jobs/{one}").raise_for_status()
        return len(ids)

    def end(self) -> None:
        """Erase the rest, and look at what is left of all that."""
        self.client.delete(self.target.done["links"]["self"]).raise_for_status()
        self._note("disk", f"left over: {sorted(left)[:20]}") if (left := self._left()) else None
        if more := {path.name for path in self.data.parent.iterdir()} - self._around:
            self._note("outside", f"made: {more}")
        if opened := self.canary.opened():
            self._note("canary", f"opened: {opened}")
        if heard := self.canary.heard():
            self._note("canary", f"connected to: {heard}")
        if not self.server.is_running() or self.server.create_time() != self._began:
            self._note("server", "it crashed")
        elif self.client.get("/healthz").status_code != 200:
            self._note("server", "it is not healthy")

    def _note(self, name: str, what: str) -> None:
        self.found.append(f"{name}: {what}")

    def _check(self, name: str, reply: Reply) -> None:
        everything = reply.body + repr(reply.headers).encode()
        if self.canary.secret.encode() in everything or _PASSWD in everything:
            self._note(name, "something was given away")
        if "x-owned" in reply.headers:
            self._note(name, "a header was injected")
        if reply.status >= 400 and reply.headers.get("content-type") != "application/problem+json":
            self._note(name, f"no problem document: {reply.status} {reply.headers} {reply.body[:200]!r}")
            return
        if reply.status >= 400:
            problem = reply.json()
            if not isinstance(problem.get("code"), str) or not problem.get("detail"):
                self._note(name, f"an empty problem: {problem}")
            if str(self.data) in json.dumps(problem) or "Traceback" in json.dumps(problem):
                self._note(name, f"it tells what is nobody's business: {problem}")
            path = str(problem.get("instance", ""))
            known = [statuses for one, statuses in self._responses.items() if one.fullmatch(path)]
            if known and reply.status not in known[0] | _OF_SERVER:
                self._note(name, f"{reply.status} is not documented")

    def _ids(self) -> Iterator[str]:
        cursor: str | None = None
        while True:
            page = self.client.get("/v1/jobs", params={"limit": 200, **({"cursor": cursor} if cursor else {})}).json()
            yield from (job["id"] for job in page["jobs"])
            cursor = page["next"]
            if cursor is None:
                return

    def _ended(self, job: str) -> Any:
        with self.client.stream("GET", f"/v1/jobs/{job}/events", timeout=LONG) as answer:
            last = [line for line in answer.raise_for_status().iter_lines() if line.startswith("data: ")][-1]
        found = json.loads(last.removeprefix("data: "))
        assert found["state"] in ENDED, found
        return found

    def _look(self, job: Any) -> None:
        name, error = f"job {job['name']!r}", job["error"] or {}
        if error.get("code") in {"bug", "internal", "crashes", "worker"}:
            self._note(name, f"a bug: {error}")
        if re.search(r"[/\\\x00-\x1f\x7f\u202a-\u202e]", job["name"]) or len(job["name"]) > 255:
            self._note(name, "it is called like a path, or nobody can read it")
        told = json.dumps(job)
        if str(self.data) in told or self.canary.secret in told:
            self._note(name, f"it tells what is nobody's business: {told}")
        if job["state"] != "done" or not job["artifacts"]:
            return
        for path in (job["links"]["result"], job["links"]["archive"], *(one["url"] for one in job["artifacts"])):
            answer = self.client.get(path)
            self._check(name, Reply(answer.status_code, dict(answer.headers), answer.content))
            if answer.status_code != 200:
                self._note(name, f"{path}: {answer.status_code} {answer.text[:200]}")
            if path.endswith(".jpg") and not answer.content.startswith(b"\xff\xd8\xff"):
                self._note(name, f"{path} is no picture")

    def _left(self) -> set[str]:
        """What is still in the data folder after as long as it may take to go."""
        until = time.monotonic() + LONG
        while (left := files(self.data) - EMPTY) and time.monotonic() < until:
            threading.Event().wait(0.2)
        return left


def _documented(openapi: Any) -> dict[re.Pattern[str], frozenset[int]]:
    """The statuses that may be answered at paths like these."""
    return {
        re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))): frozenset(
            int(status) for operation in methods.values() for status in operation["responses"]
        )
        for path, methods in openapi["paths"].items()
    }


def burden(server: psutil.Process) -> tuple[int, int]:
    """How many files a server has open, and how many processes it has."""
    children = server.children(recursive=True)
    return server.num_fds() + sum(_files_of(one) for one in children), len(children)


def _files_of(process: psutil.Process) -> int:
    try:
        return int(process.num_fds())
    except psutil.Error:
        return 0


def corpus_archive() -> Path | None:
    """The odd and broken files of the corpus, where there is one."""
    root = Path(os.environ.get("STILLS_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus" / "dev")
    archive = root / "edge.tar"
    return archive if archive.is_file() else None
