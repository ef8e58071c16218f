"""`stills demo`, as a stranger types it: a film is made, three recipes are asked about it, a report is written."""

import json
import shutil
from pathlib import Path

import pytest

from stills.cli import main
from stills.sample import SOURCES, source_bytes, sources_dir

pytestmark = pytest.mark.slow


def test_demo_finds_the_people_of_the_sample_film(
    sample_film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def make(path: Path) -> Path:  # what the real one made, once for all tests
        made.append(path)
        return Path(shutil.copy(sample_film, path))

    monkeypatch.setattr("stills.sample.make_sample_film", make)
    out = tmp_path / "demo"
    assert main(["demo", "-o", str(out)]) == 0, capsys.readouterr().err
    assert made == [out / "sample.mp4"]
    document = json.loads((out / "sample" / "people.json").read_text())
    assert (document["video"]["width"], document["video"]["height"]) == (1280, 720)
    assert document["video"]["duration"] == pytest.approx(25.16)
    # Eileen Collins and the man in the car come back in several shots, and are side by side in one. The passer-by is
    # dark, blurred and there for less than a second: finding him is good, not finding him is no mistake.
    first, second, *others = document["people"]
    assert len(others) <= 1
    assert first["screen_time"] == pytest.approx(11.0, abs=1.0)
    assert second["screen_time"] == pytest.approx(7.8, abs=1.0)
    together = max(
        min(a[1], b[1]) - max(a[0], b[0]) for a in first["spans"] for b in second["spans"]
    )  # fmt: skip
    assert together == pytest.approx(3.0, abs=0.3)
    for person in document["people"]:
        assert (out / "sample" / person["still"]["file"]).stat().st_size > 10_000
    assert {"keyframes", "thumbnails"} <= {path.name for path in (out / "sample").iterdir()}
    # nine shots, most of them pans and zooms: a frame each at least, but for one that shows again what another did
    keyframes = json.loads((out / "sample" / "keyframes.json").read_text())["frames"]
    assert 8 <= len(keyframes) <= 30
    thumbnails = json.loads((out / "sample" / "thumbnails.json").read_text())["frames"]
    assert [frame["rank"] for frame in thumbnails] == [1, 2, 3, 4, 5]
    assert thumbnails[0]["faces"], "the best one shows a face"
    for frame in (*keyframes, *thumbnails):
        assert (out / "sample" / frame["file"]).stat().st_size > 10_000
    page = (out / "report.html").read_text()
    assert "sample" in page
    assert str(out / "report.html") in capsys.readouterr().out


def test_damaged_material_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("STILLS_CACHE_DIR", str(tmp_path))
    first = source_bytes("carphone")
    kept = sources_dir() / "carphone_pristine.mp4"
    assert kept.read_bytes() == first
    kept.write_bytes(first[:-1])
    assert source_bytes("carphone") == first
    assert kept.read_bytes() == first
    assert "damaged" in caplog.text


def test_every_source_is_named_in_the_film() -> None:
    from stills.sample import _COMMENT

    for words in ("Eileen Collins", "coffee", "rocket", "carphone", "bikes"):
        assert words in _COMMENT
    assert len(SOURCES) == 5
