"""Dockerfiles, read: their stages and steps, and which files of a folder a ``.dockerignore`` lets through."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

_LINE = re.compile(r"^\s*([A-Z]+)\s+(.*)$", re.DOTALL)
_FLAG = re.compile(r"--([a-z-]+)(?:=(\S+))?\s+")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Step:
    """One instruction: ``RUN``, its flags (``--mount=…``), and what follows them."""

    name: str
    flags: dict[str, str]
    rest: str

    @property
    def words(self) -> list[str]:
        """What follows, as words: of a JSON list, or divided by blanks."""
        if self.rest.startswith("["):
            return list(map(str, json.loads(self.rest)))
        return shlex.split(self.rest)


@dataclass
class Stage:
    """What follows a FROM."""

    base: str
    name: str | None
    steps: list[Step] = field(default_factory=list)


def read_dockerfile(path: Path) -> list[Stage]:
    """The stages of the Dockerfile at ``path``."""
    stages: list[Stage] = []
    for text in _instructions(path.read_text(encoding="utf-8")):
        found = _LINE.match(text)
        assert found is not None, text
        name, rest = found[1], found[2].strip()
        flags: dict[str, str] = {}
        while (flag := _FLAG.match(rest)) is not None:
            flags[flag[1]] = flag[2] or ""
            rest = rest[flag.end() :]
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            stages.append(Stage(base.strip(), alias.strip() or None))
        else:
            stages[-1].steps.append(Step(name, flags, rest))
    return stages


def _instructions(text: str) -> Iterator[str]:
    """The instructions, each on one line, without comments."""
    whole = ""
    for line in text.splitlines():
        if line.strip().startswith("#") or not (line.strip() or whole):
            continue
        if line.endswith("\\"):
            whole += line[:-1] + " "
        else:
            yield whole + line
            whole = ""
    assert not whole, "a line goes on behind the end"


def expand(text: str, variables: dict[str, str]) -> str:
    """``text`` with ``$NAME`` and ``${NAME}`` filled in; what is not known is empty."""
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], ""), text)


def pairs(step: Step, variables: dict[str, str]) -> dict[str, str]:
    """The ``NAME=value`` pairs of an ENV or ARG."""
    return {word.partition("=")[0]: expand(word.partition("=")[2], variables) for word in step.words}


def let_through(context: Path) -> Iterator[Path]:
    """The files of ``context``, relative to it, that its ``.dockerignore`` does not hold back; the last rule counts."""
    rules = [
        line.strip() for line in (context / ".dockerignore").read_text().splitlines() if line.strip() and line[0] != "#"
    ]
    folders = [context / rule[1:] for rule in rules if rule[0] == "!"]
    assert rules[0] == "*", "only a list of what goes is read here"
    for top in folders:
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            name = path.relative_to(context)
            if path.is_file() and not any(_fits(name, rule) for rule in rules[1:] if rule[0] != "!"):
                yield name


def _fits(name: Path, rule: str) -> bool:
    """Whether ``**/pattern`` fits a part of ``name``, as it does everything below a folder."""
    assert rule.startswith("**/"), rule
    return any(fnmatchcase(part, rule.removeprefix("**/")) for part in name.parts)


def settings_of(stages: list[Stage]) -> dict[str, Any]:
    """What the last stage says of how its image is started."""
    said: dict[str, Any] = {"env": {}, "entrypoint": [], "cmd": [], "user": "0:0", "workdir": "/", "health": None}
    for step in stages[-1].steps:
        match step.name:
            case "ENV":
                said["env"] |= pairs(step, said["env"])
            case "ENTRYPOINT":
                said["entrypoint"] = step.words
            case "CMD":
                said["cmd"] = step.words
            case "USER":
                said["user"] = step.rest
            case "WORKDIR":
                said["workdir"] = step.rest
            case "HEALTHCHECK":
                said["health"] = json.loads(step.rest.removeprefix("CMD ").strip())
    return said
