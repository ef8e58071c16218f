"""The service under attack: every file, form, name, document, address and header that wants more than it should."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import psutil
import pytest

from canary import Canary
from hostile_pointers import pointers
from hostile_uploads import LONG, OPTIONS, Siege, attacks, burden
from media_factory import Movie, make
from service_server import serving_process

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="inotify is Linux'")]
FOLLOWED = {"file.m3u8", "file-url.m3u8", "film.ffconcat", "concat.mkv", "map.m3u8", "alias.mov", "alias-text.mov"}
REACHED = {"http.m3u8", "crypto.m3u8", "variants.m3u8", "options.ffconcat", "map.m3u8"}
MORE_FILES = 24
"""Files that may be open more than before: connections and modules that were loaded later."""


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    made = Canary(tmp_path / "canary" / "nest")
    yield made
    made.close()


def test_the_canary_hears_what_follows_these_files(canary: Canary, tmp_path: Path) -> None:
    allowed = {
        "protocol_whitelist": "file,http,tcp,crypto", "safe": "0", "enable_drefs": "1", "use_absolute_path": "1",
        "allowed_extensions": "ALL", "allowed_segment_extensions": "ALL", "extension_picky": "0",
    }  # fmt: skip
    made = pointers(canary, tmp_path)
    for name in sorted(FOLLOWED | REACHED):
        path = tmp_path / f"hostile-{name}"
        path.write_bytes(made[name]())
        canary.opened()
        try:
            with av.open(str(path), options=allowed, timeout=LONG) as container:
                next(container.decode(video=0), None)
        except (av.FFmpegError, IndexError):
            pass
        assert (bool(canary.opened()), bool(canary.heard())) == (name in FOLLOWED, name in REACHED), name


def test_every_attack_comes_to_nothing(canary: Canary, tmp_path: Path) -> None:
    film = make(tmp_path / "good.mp4", Movie(width=64, height=48, frames=12, b_frames=0)).read_bytes()
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "made").mkdir()
    arguments = [part for name, value in OPTIONS.items() if name != "webhook_secret"
                 for part in (f"--{name.replace('_', '-')}", str(value))]  # fmt: skip
    env = {"STILLS_SERVICE__WEBHOOK_SECRET": str(OPTIONS["webhook_secret"])}
    with serving_process(home, *arguments, env=env) as server:
        process = psutil.Process(server.process.pid)
        with httpx.Client(base_url=server.url, timeout=LONG) as client:
            siege = Siege(client, home / "data", canary, film, process)
            files, _ = burden(process)
            siege.make_all(attacks(canary, tmp_path / "made"))
            siege.settle()
            siege.end()
            more, processes = burden(process)
    assert siege.found == []
    assert len(siege.answers) > 400
    assert more <= files + MORE_FILES
    assert processes <= 6
    assert not [line for line in server.said if "Traceback" in line or "bug" in line]
