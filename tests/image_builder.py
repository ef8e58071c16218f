"""Builds and starts the images of Dockerfiles without a container engine, in a mount namespace of its own.

    unshare --mount -- python image_builder.py build DOCKERFILE[,DOCKERFILE…] CONTEXT WORK
    unshare --mount -- python image_builder.py start DOCKERFILE CONTEXT WORK [--read-only] [-- COMMAND…]

Each stage is a file system over this machine's own, seen from a change of root. This machine stands for the base image:
its Python lies at ``/usr/local`` there, as in the official images, and what else it has at home is hidden. Steps run as
they are written; steps with which several Dockerfiles begin are run once, as an engine would. What they change lies in
``WORK``, in a folder for each Dockerfile, and nowhere else. ``start`` becomes what the image starts.
"""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from dockerfiles import Stage, Step, expand, let_through, pairs, read_dockerfile, settings_of

PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
_NETWORK = ("PIP_", "SSL_", "HTTP", "http", "HTTPS", "https", "NO_PROXY", "no_proxy", "REQUESTS_CA", "CURL_CA")
"""Beginnings of the variables by which this machine reaches a package index; a build has those of its builder, too."""

_DEVICES = ("null", "zero", "full", "random", "urandom")


class Box:
    """A file system over this machine's own: what is changed in it lies in ``work``."""

    def __init__(self, work: Path, below: Box | None = None) -> None:
        self.work, self.root, self.below = work, work / "root", below

    def mount(self, *, final: bool = False, read_only: bool = False) -> None:
        """Mount it. A ``final`` one has the Python of this machine, nothing else that was not put there by a step."""
        self._over("/" if self.below is None else str(self.below.root), self.root, "system")
        python = Path(sys.base_prefix)
        if python != Path("/usr/local"):
            self._over(str(python), self.root / "usr/local", "python")
            for name in ("python", "python3"):
                link = self.root / "usr/local/bin" / name
                if not link.exists():
                    link.symlink_to(f"python{sysconfig.get_python_version()}")
        version = f"python{sysconfig.get_python_version()}"
        mount("tmpfs", self.root / "usr/local/lib" / version / "site-packages", "tmpfs")  # what this machine has
        for hidden in ("root", "home", "work", "srv"):
            if (self.root / hidden).is_dir():
                mount("tmpfs", self.root / hidden, "tmpfs")
        subprocess.run(["ldconfig"], check=True, preexec_fn=lambda: _enter(self.root, "/"))  # finds its library
        if not final:
            subprocess.run(
                ["/usr/local/bin/python", "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL,
                env={"PATH": PATH, "PIP_ROOT_USER_ACTION": "ignore"}, preexec_fn=lambda: _enter(self.root, "/"),
            )  # fmt: skip
            for name in (".config/pip/pip.conf", ".pip/pip.conf"):
                if (Path.home() / name).is_file():
                    (self.root / "root" / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(Path.home() / name, self.root / "root" / name)
        if read_only:
            mount("none", self.root, None, "remount,ro,bind")
        mount("tmpfs", self.root / "tmp", "tmpfs", "mode=1777,size=512m" if final else "mode=1777")
        mount("proc", self.root / "proc", "proc")
        mount("tmpfs", self.root / "dev", "tmpfs", "mode=0755,size=64k")  # and with it no shared memory
        for name in _DEVICES:
            (self.root / "dev" / name).touch()
            mount(f"/dev/{name}", self.root / "dev" / name, None, "bind")

    def _over(self, lower: str, target: Path, name: str) -> None:
        upper, working = self.work / f"{name}-changes", self.work / f"{name}-work"
        for folder in (upper, working, target):
            folder.mkdir(parents=True, exist_ok=True)
        mount("overlay", target, "overlay", f"lowerdir={lower},upperdir={upper},workdir={working}")

    def inside(self, path: str) -> Path:
        """Where ``path`` of the image is on this machine."""
        return self.root / path.lstrip("/")


def mount(source: str, target: Path, kind: str | None, options: str = "") -> None:
    """Mount ``source`` at ``target``."""
    kinds = ["-t", kind] if kind is not None else []
    subprocess.run(["mount", *kinds, *(["-o", options] if options else []), source, str(target)], check=True)


def build(dockerfiles: Sequence[Path], context: Path, work: Path) -> None:
    """Run every step of every stage; those that all first stages begin with once."""
    files = {dockerfile: read_dockerfile(dockerfile) for dockerfile in dockerfiles}
    firsts = [stages[0] for stages in files.values()]
    together = zip(*(stage.steps for stage in firsts), strict=False)
    count = len(list(takewhile(lambda steps: len(set(map(repr, steps))) == 1, together)))
    common = Box(work / "common")
    common.mount()
    state = State()
    _run_all(Stage(firsts[0].base, "common", firsts[0].steps[:count]), common, {}, context, state)
    for dockerfile, stages in files.items():
        boxes: dict[str, Box] = {}
        for number, stage in enumerate(stages):
            assert stage.base.startswith("python:"), f"{stage.base} is nothing that this machine can stand for"
            assert sysconfig.get_python_version() == stage.base.removeprefix("python:").partition("-")[0], stage.base
            name = stage.name or str(number)
            box = boxes[name] = Box(work / dockerfile.name / name, common if number == 0 else None)
            box.mount()
            rest = Stage(stage.base, stage.name, stage.steps[count if number == 0 else 0 :])
            _run_all(rest, box, boxes, context, copy.deepcopy(state) if number == 0 else State())


@dataclass
class State:
    """What steps say for those after them."""

    env: dict[str, str] = field(default_factory=lambda: {
        "PATH": PATH, "HOME": "/root", **{k: v for k, v in os.environ.items() if k.startswith(_NETWORK)}
    })  # fmt: skip
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    shell: list[str] = field(default_factory=lambda: ["/bin/sh", "-c"])


def _run_all(stage: Stage, box: Box, boxes: dict[str, Box], context: Path, state: State) -> None:
    for step in stage.steps:
        print(f"[{stage.name or 'final'}] {step.name} {step.rest}", file=sys.stderr, flush=True)
        match step.name:
            case "ARG":
                state.arguments |= pairs(step, state.env)
            case "ENV":
                state.env |= pairs(step, {**state.arguments, **state.env})
            case "SHELL":
                state.shell = step.words
            case "WORKDIR":
                state.folder = os.path.join(state.folder, expand(step.rest, state.env))
                box.inside(state.folder).mkdir(parents=True, exist_ok=True)
            case "COPY":
                _copy(step, box, boxes.get(step.flags.get("from", "")), context, state.folder)
            case "RUN":
                _run(step, box, state)
            case "USER" | "VOLUME" | "EXPOSE" | "HEALTHCHECK" | "ENTRYPOINT" | "CMD" | "STOPSIGNAL" | "LABEL":
                pass  # how it is started
            case _:
                raise ValueError(f"a step that this builder does not know: {step.name}")


def _run(step: Step, box: Box, state: State) -> None:
    env = {**state.arguments, **state.env}
    if cache := step.flags.get("mount"):
        options = dict(part.partition("=")[::2] for part in cache.split(","))
        assert options["type"] == "cache", cache
        target = box.inside(options["target"])
        if not os.path.ismount(target):
            target.mkdir(parents=True, exist_ok=True)
            mount(str(_pip_cache()), target, None, "bind")
    subprocess.run([*state.shell, step.rest], env=env, check=True, preexec_fn=lambda: _enter(box.root, state.folder))


def _pip_cache() -> Path:
    """Where this machine's pip keeps what it fetched."""
    said = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=True)
    path = Path(said.stdout.strip())
    path.mkdir(parents=True, exist_ok=True)
    return path


def _copy(step: Step, box: Box, source: Box | None, context: Path, folder: str) -> None:
    *names, target = step.words
    into = box.inside(os.path.join(folder, target))
    if source is not None:
        for name in names:
            into.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", f"{source.inside(name)}/.", str(into)], check=True)
        return
    files = list(let_through(context))
    for name in names:
        chosen = [file for file in files if file == Path(name) or Path(name) in file.parents]
        assert chosen, f"{name} does not come through .dockerignore"
        for file in chosen:
            inside = into / file.name if file == Path(name) else into / file.relative_to(name)
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(context / file, inside)


def _enter(root: Path, folder: str, user: str = "0:0") -> None:
    """In the new process: change the root, the folder and the user."""
    os.chroot(root)
    os.chdir(folder)
    if user != "0:0":
        number, _, group = user.partition(":")
        os.setgroups([])
        os.setgid(int(group))
        os.setuid(int(number))


def start(dockerfile: Path, work: Path, command: Sequence[str], *, read_only: bool) -> None:
    """Become what the image starts, or ``command`` in it. The environment is the image's, and ``IMAGE_…`` of ours."""
    stages = read_dockerfile(dockerfile)
    said = settings_of(stages)
    box = Box(work / dockerfile.name / (stages[-1].name or str(len(stages) - 1)))
    box.mount(final=True, read_only=read_only)
    given = {name.removeprefix("IMAGE_"): value for name, value in os.environ.items() if name.startswith("IMAGE_")}
    _enter(box.root, said["workdir"], said["user"])
    env = {"PATH": PATH, "HOME": "/", **said["env"], **given}
    line = list(command) or [*said["entrypoint"], *said["cmd"]]
    found = shutil.which(line[0], path=env["PATH"])
    assert found is not None, f"{line[0]} is not in the image"
    os.execve(found, line, env)  # noqa: S606 - what an image starts is a list


def main(arguments: Sequence[str]) -> None:
    """See the module."""
    what, dockerfile, context, work, *more = arguments
    if what == "build":
        build(list(map(Path, dockerfile.split(","))), Path(context), Path(work))
        return
    options, command = (more[: more.index("--")], more[more.index("--") + 1 :]) if "--" in more else (more, [])
    start(Path(dockerfile), Path(work), command, read_only="--read-only" in options)


if __name__ == "__main__":
    main(sys.argv[1:])
