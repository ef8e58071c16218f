"""The report's sections of key frames, thumbnails and shots, and its time line of signals."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from render_samples import REASONS, picture, report, selection, video
from report_samples import HOSTILE, Page, page, write
from stills.render.results import people_document, to_json
from stills.render.timeline_values import timeline
from stills.render.view_frames import MOST_FRAMES

DURATION = 225.25


def common(**changes: Any) -> dict[str, Any]:
    """What all results have: of a film of 225.25 s with 12 shots."""
    document = people_document(video(), selection(shots=12), report(), {}, {}, [])
    return {key: document[key] for key in document if key not in ("people", "dropped", "schema")} | changes


def frame(seconds: float | None, score: float = 0.8, **more: Any) -> dict[str, Any]:
    pts = None if seconds is None else round(seconds * 1000)
    return {"file": None, "time": seconds, "pts": pts, "score": score, "reasons": REASONS, "faces": []} | more


def signals(seconds: float = DURATION) -> dict[str, Any]:
    times = np.arange(0, seconds, 0.04)
    motion = np.where(times.astype(int) == 100, 0.5, 0.01)
    return timeline({"time": times, "motion": motion, "luma": np.full(len(times), 127.5)})


def put(out: Path, recipe: str, frames: list[dict[str, Any]], *, files: bool = True, **changes: Any) -> Path:
    """A result with a picture for each frame."""
    folder = out / "film"
    (folder / recipe).mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(frames if files else [], 1):
        one["file"] = f"{recipe}/{number}.jpg"
        Image.fromarray(picture(160, 90, number)).save(folder / one["file"])
    path = folder / f"{recipe}.json"
    path.write_bytes(to_json({"schema": f"stills/{recipe}/1", **common(), "frames": frames} | changes))
    return path


def classes(got: Page, name: str) -> list[dict[str, str | None]]:
    return [attributes for _, attributes in got.elements if name in str(attributes.get("class")).split()]


def test_key_frames_are_shown_with_their_reasons(tmp_path: Path) -> None:
    frames = [frame(10.0, 0.91, rank=2, faces=[[1, 2, 3, 4]]), frame(100.5, 0.5, rank=1)]
    put(tmp_path, "keyframes", frames, similarity=0.95, distinct=37, target=2, timeline=signals())
    got = page(tmp_path)
    assert [a["alt"] for a in got.all("img")] == ["Key frame 1, at 0:10.0", "Key frame 2, at 1:40.5"]
    for words in ("2 key frames", "2 wanted; none more alike than 0.95; 37 frames could be told apart", "2 frames"):
        assert words in got.text
    for words in ("Shot 1 · 1 face", "Shot 6", "Score 0.91", "Sharpness 0.91", "Eyes open 0.97", "Rank 2 of 2"):
        assert words in got.text
    assert "person" not in got.text.lower()
    assert [a["id"] for a in classes(got, "frame")] == ["v1-1-f1", "v1-1-f2"]


def test_the_time_line_is_to_scale_and_leads_to_the_frames(tmp_path: Path) -> None:
    put(tmp_path, "keyframes", [frame(10.0), frame(DURATION / 2)], timeline=signals())
    put(tmp_path, "thumbnails", [frame(180.2, rank=1), frame(None, rank=2, cover=True)])
    got = page(tmp_path)
    places = [a["x1"] for a in classes(got, "pick")]
    assert places == ["4.44%", "50.0%", "80.0%"]
    targets = {a.get("id") for _, a in got.elements}
    links = [str(a["href"])[1:] for a in got.all("a") if str(a["href"]).startswith("#v1-")]
    assert sorted(links) == ["v1-1-f1", "v1-1-f2", "v1-2-f1"]
    assert set(links) <= targets
    spoken = next(str(a["aria-label"]) for a in got.all("svg") if a.get("role") == "img")
    assert "12 shots. Motion: peak 0.50 widths a second at 1:40" in spoken
    assert "2 key frames at 0:10.0, 1:52.6. 2 thumbnails at 3:00.2" in spoken
    areas = [str(a["d"]) for a in classes(got, "area")]
    assert len(areas) == 2
    assert set(re.findall(r" (\d+\.\d)[ Z]", areas[1].partition("L")[2])) >= {"50.0"}  # half as bright as can be
    titles = [title for title in got.words if "Motion 0.50" in title]
    assert len(titles) >= 1
    assert all("Brightness 50%" in title for title in titles)


def test_without_signals_there_are_still_the_picks(tmp_path: Path) -> None:
    put(tmp_path, "thumbnails", [frame(10.0)], timeline={"step": 0.0})
    got = page(tmp_path)
    assert len(classes(got, "pick")) == 1
    assert classes(got, "area") == []
    put(tmp_path, "thumbnails", [frame(None, cover=True)], timeline=signals())
    assert classes(page(tmp_path), "pick") == []
    assert "Cover picture" in page(tmp_path).text


def test_thumbnails_are_ranked_and_their_files_linked(tmp_path: Path) -> None:
    frames = [frame(100.0, 0.9, rank=1), frame(10.0, 0.7, rank=2)]
    path = put(
        tmp_path, "thumbnails", frames, sheet="thumbnails/sheet.jpg", preview="thumbnails/preview.webp",
        runners_up=[frame(55.0, 0.61)], files=["thumbnails/1.jpg", "thumbnails/2.jpg"],
    )  # fmt: skip
    (path.parent / "thumbnails" / "sheet.jpg").write_bytes(b"x")
    got = page(tmp_path)
    badges = [words for words in got.words if words in ("1", "2")]
    assert badges[-2:] == ["1", "2"]
    for words in ("2 thumbnails", "Best first", "Contact sheet", "thumbnails.json", "0:55.0 0.61"):
        assert words in got.text
    assert "Preview" not in got.text  # it is not there
    hrefs = [a["href"] for a in got.all("a")]
    assert "film/thumbnails/sheet.jpg" in hrefs
    (path.parent / "thumbnails" / "preview.webp").write_bytes(b"x")
    assert "Preview" in page(tmp_path).text


def test_shots_are_listed(tmp_path: Path) -> None:
    shots = [
        {"start": 0.0, "end": 10.0, "transition_in": "none"},
        {"start": 10.0, "end": 14.0, "transition_in": "cut"},
        {"start": 14.0, "end": 225.25, "transition_in": "dissolve"},
    ]
    folder = tmp_path / "film"
    folder.mkdir()
    (folder / "shots.edl").write_text("x")
    document = {"schema": "stills/shots/1", **common(shots=shots), "files": ["shots.edl", "../report.html"]}
    (folder / "shots.json").write_bytes(to_json(document))
    got = page(tmp_path)
    assert "3 shots 75.1 s long on average, 1 cut, 1 dissolve shots.edl shots.json" in got.text
    assert "2 0:10.00 0:14.00 4.0 s Cut" in got.text
    assert "report.html" not in [a.get("href") for a in got.all("a")]


def test_people_beside_frames_stay_as_they_are(tmp_path: Path) -> None:
    write(tmp_path)
    alone = page(tmp_path)
    put(tmp_path, "keyframes", [frame(10.0)], timeline=signals())
    both = page(tmp_path)
    assert "2 people, 1 frame" in both.text
    for got, anchor in ((alone, "v1-1"), (both, "v1-2")):
        assert [a["id"] for a in got.all("article") if a["class"] == "person"] == [f"{anchor}-p1", f"{anchor}-p2"]
    assert classes(alone, "chart") == []


def test_nothing_found_says_why(tmp_path: Path) -> None:
    put(tmp_path, "keyframes", [], similarity=0.95, distinct=0, dropped={"black frames": 120, "flat frames": 0})
    assert "No frame qualified. Left out: 120 black frames." in page(tmp_path).text
    put(tmp_path, "keyframes", [], reason="the video is black")
    assert "the video is black" in page(tmp_path).text
    put(tmp_path, "keyframes", [frame(1.0)], files=False)
    assert "The picture is not there" in page(tmp_path).text


def test_frames_with_no_choosing_are_not_all_shown(tmp_path: Path) -> None:
    frames = [frame(n / 20, 0.0, reasons={}) for n in range(2 * MOST_FRAMES)]
    put(tmp_path, "keyframes", frames, files=False, settings={"all": True})
    got = page(tmp_path)
    assert "1,200 key frames" in got.text
    assert f"Every frame, with no choosing; {MOST_FRAMES} of them are shown here" in got.text
    shown = [str(a["id"]) for a in classes(got, "frame")]
    assert len(shown) == MOST_FRAMES
    assert (shown[0], shown[-1]) == ("v1-1-f1", "v1-1-f1200")
    assert classes(got, "pick") == []  # so many lines would hide all else
    assert "Score" not in got.text
    put(tmp_path, "keyframes", frames[:3], files=False, settings={"every": "2s"})
    assert "One frame every 2s, with no choosing" in page(tmp_path).text


def test_hostile_values_are_only_text(tmp_path: Path) -> None:
    shots = [{"start": 0.0, "end": 9.0, "transition_in": HOSTILE}]
    frames = [frame(1.0, reasons={HOSTILE: 0.5}, rank=1)]
    changes = {"video": common()["video"] | {"path": HOSTILE}, "shots": shots, "dropped": {HOSTILE: 3}}
    put(tmp_path, "keyframes", frames, settings={"every": HOSTILE}, **changes)
    put(tmp_path, "thumbnails", [], **changes)
    files = [HOSTILE, "javascript:alert(1)"]
    for name in files:
        (tmp_path / "film" / name.replace("/", "_")).write_text("x")
    document = {"schema": "stills/shots/1", **common(), **changes, "files": [n.replace("/", "_") for n in files]}
    (tmp_path / "film" / "shots.json").write_bytes(to_json(document))
    got = page(tmp_path)
    assert len(got.all("script")) == 1
    assert not any(name.startswith("on") for _, attributes in got.elements for name in attributes)
    assert not any(attributes.get("src") == "x" for _, attributes in got.elements)
    assert not any("javascript:" in str(a.get("href")) for a in got.all("a"))
    assert got.text.count("<script>alert(1)<") >= 5
    assert "\u202e" not in got.text


@pytest.mark.parametrize(
    "change",
    [{"frames": 3}, {"frames": [3]}, {"frames": [{}]}, {"timeline": [1]}, {"timeline": {"step": "x"}},
     {"timeline": {"step": 1, "motion": 5}}, {"shots": [{}]}, {"runners_up": [{}]}],
)  # fmt: skip
def test_damaged_ones_are_named_and_the_page_is_made(tmp_path: Path, change: dict[str, Any]) -> None:
    path = put(tmp_path, "keyframes", [frame(1.0)])
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert "film/keyframes.json : the result is damaged" in page(tmp_path).text
