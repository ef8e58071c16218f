from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from render_samples import picture
from report_samples import HOSTILE, page, write
from stills.errors import OutputError
from stills.render.embed import edge_for
from stills.render.report import FAILURES, build_report, find_results, report_page, results_of
from stills.render.results import to_json
from stills.types import Fallback


def failed(out: Path, *inputs: dict[str, str | None]) -> None:
    (out / FAILURES).parent.mkdir(exist_ok=True)
    (out / FAILURES).write_text(json.dumps(inputs))


def test_a_person_a_row_with_what_is_known(tmp_path: Path) -> None:
    write(tmp_path)
    got = page(tmp_path)
    assert [a["id"] for a in got.all("article")] == ["v1-1-p1", "v1-1-p2"]
    for words in ("film.mp4", "1280 × 720", "H.264", "29.97 fps", "12 shots", "3:45", "Effort balanced"):
        assert words in got.text
    for words in ("Person 1", "8.5 s on screen, 3.8 % of the video", "Sharpness", "0.91", "0.87", "0:03.2 0.61"):
        assert words in got.text
    spans = [a for a in got.all("rect") if a.get("class") == "span"]
    assert len(spans) == 3
    assert (spans[0]["x"], spans[0]["width"]) == (f"{100 / 225.25:.3f}%", f"{300 / 225.25:.3f}%")
    labels = [a["aria-label"] for a in got.all("svg") if a.get("role") == "img"]
    assert labels[0] == "Person 1 is on screen from 0:01.0 to 0:04.0, 0:28.0 to 0:33.5"


def test_nothing_is_loaded_and_every_link_leads_to_a_file(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, HOSTILE)
    write(tmp_path, "100 % & more#1?.mp4")
    got = page(tmp_path)
    files = 0
    for _, attributes in got.elements:
        assert (attributes.get("src") or "data:").startswith("data:")
        href = attributes.get("href")
        if href is None or href.startswith(("#", "data:,")):
            continue
        parts = urlsplit(href)
        assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
        assert (tmp_path / unquote(parts.path)).is_file(), href
        files += 1
    assert files == 3 * 8  # a video: its JSON; of both best stills picture, crop and full size; one more still
    assert "default-src 'none'" in str(got.all("meta")[1]["content"])


def test_hostile_names_and_messages_are_only_text(tmp_path: Path) -> None:
    write(tmp_path, HOSTILE, fallbacks=[Fallback("x", HOSTILE)], warnings=(HOSTILE,))
    failed(tmp_path, {"path": HOSTILE, "message": HOSTILE, "remedy": HOSTILE})
    result = next(tmp_path.glob("*/people.json"))
    doc = json.loads(result.read_text())
    doc["people"][0]["stills"][0]["reasons"] = {HOSTILE: 0.5}
    doc["people"][0]["attributes"] = {HOSTILE: HOSTILE}
    doc["video"] |= {"codec": HOSTILE, "hdr": HOSTILE}
    doc["scan"]["effort"] = HOSTILE
    result.write_bytes(to_json(doc))
    got = page(tmp_path)
    assert len(got.all("script")) == 1
    assert not any(name.startswith("on") for _, attributes in got.elements for name in attributes)
    assert not any(attributes.get("src") == "x" for _, attributes in got.elements)
    assert "49" not in got.text.replace("0.49", "")
    assert got.text.count("<script>alert(1)</script>") >= 8
    assert "\u202e" not in got.text


def test_notes_cannot_be_overlooked(tmp_path: Path) -> None:
    write(tmp_path, fallbacks=[Fallback("gpu", "no GPU, used the CPU")], warnings=("damaged end",), partial=True)
    text = page(tmp_path).text
    for words in ("Only a part of this video could be read", "No GPU, used the CPU", "Damaged end"):
        assert words in text


def test_nobody_and_nothing_are_said(tmp_path: Path) -> None:
    assert "There are no results in this folder" in page(tmp_path).text
    write(tmp_path, "empty.mp4", people=0)
    assert "Nobody was found in this video. Left out: 3 false detections." in page(tmp_path).text
    result = tmp_path / "empty" / "people.json"
    result.write_bytes(to_json(json.loads(result.read_text()) | {"reason": "All faces are too small."}))
    assert "All faces are too small." in page(tmp_path).text


def test_failed_inputs_are_listed(tmp_path: Path) -> None:
    write(tmp_path)
    failed(tmp_path, {"path": "gone.mp4", "message": "there is no such file", "remedy": "check the name"})
    assert "gone.mp4 : there is no such file — check the name" in page(tmp_path).text
    failed(tmp_path, {"path": "gone.mp4", "message": "there is no such file", "remedy": None})
    assert "gone.mp4 : there is no such file film.mp4" in page(tmp_path).text
    (tmp_path / FAILURES).write_text('{"a": 1}')
    assert "failures.json : the result is damaged" in page(tmp_path).text


def test_results_are_found_by_their_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(tmp_path)
    write(out, "films/a.mp4", people=1)
    write(out, "b.mp4", people=1)
    (out / "b" / "other.json").write_bytes(to_json({"schema": "stills/other/1", "video": {"path": 3}}))
    assert results_of(out, "films/a.mp4") == [out / "a"]
    assert results_of(out, str(tmp_path / "films" / "a.mp4")) == [out / "a"]
    assert results_of(out, "b.mp4") == [out / "b"]
    assert results_of(out, "a.mp4") == []
    assert results_of(tmp_path / "missing", "a.mp4") == []


def test_several_videos_get_contents(tmp_path: Path) -> None:
    write(tmp_path, "b.mp4")
    assert "contents" not in [a.get("class") for a in page(tmp_path).all("nav")]
    write(tmp_path, "a.mp4", people=1)
    got = page(tmp_path)
    assert "2 videos, 3 people" in got.text
    targets = {a.get("id") for _, a in got.elements}
    links = [str(a["href"])[1:] for a in got.all("a") if str(a["href"]).startswith("#")]
    assert {"v1", "v2"} <= set(links) <= targets


def test_other_recipes_are_shown_as_galleries(tmp_path: Path) -> None:
    doc = write(tmp_path)
    folder = tmp_path / "film"
    (folder / "keyframes").mkdir()
    Image.fromarray(picture()).save(folder / "keyframes" / "k1.jpg")
    common = {key: doc[key] for key in ("video", "settings", "models", "scan", "fallbacks", "shots")}
    frames = [{"file": "keyframes/k1.jpg", "time": 3.0, "pts": 1, "score": 0.5, "reasons": {}}]
    (folder / "keyframes.json").write_bytes(to_json({"schema": "stills/keyframes/1", **common, "frames": frames}))
    (folder / "portrait.json").write_bytes(
        to_json({"schema": "stills/portrait/1", **common, "frame": None, "reason": "no face is large enough"})
    )
    got = page(tmp_path)
    assert len(find_results(tmp_path).results["film"]) == 3
    assert "Key frame 1, at 0:03.0" in [a.get("alt") for a in got.all("img")]
    assert "no face is large enough" in got.text


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b'{"schema": "stills/people/1"}', b'{"schema": "stills/people/1", "video": 3}',
     b"[" * 100_000, b'{"schema": "stills/people/1", "video": {"path": "x", "duration": 1e999}, "scan": {}}'],
)  # fmt: skip
def test_a_damaged_result_is_named_and_the_others_shown(tmp_path: Path, content: bytes) -> None:
    write(tmp_path)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "people.json").write_bytes(content)
    text = page(tmp_path).text
    assert "bad/people.json : the result is damaged" in text
    assert "Person 2" in text


def test_files_that_are_no_results_are_left_out(tmp_path: Path) -> None:
    for name, content in (("x/package.json", '{"name": 1}'), ("x/list.json", "[]"), (".stills/people.json", "{")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert find_results(tmp_path).results == {}
    assert find_results(tmp_path).problems == []


def test_pictures_that_are_gone_damaged_or_elsewhere(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write(out, people=1)
    Image.fromarray(picture()).save(tmp_path / "secret.jpg")
    before = page(out)
    assert len([a for a in before.all("img") if a.get("class") != "face"]) == 2
    (out / "film" / "people" / "person_01.jpg").write_bytes(b"\xff\xd8\xff no")
    (out / "film" / "people" / "person_01_2.jpg").unlink()
    got = page(out)
    assert got.all("img") == []
    assert got.text.count("The picture is not there") == 2
    result = out / "film" / "people.json"
    doc = json.loads(result.read_text())
    for file in ("../../secret.jpg", str(tmp_path / "secret.jpg"), "people/../../../secret.jpg", "a\0b", ""):
        doc["people"][0]["stills"][0]["file"] = file
        result.write_bytes(to_json(doc))
        got = page(out)
        assert got.all("img") == []
        assert not any("secret" in str(a.get("href")) for a in got.all("a"))


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    write(tmp_path)
    assert report_page(tmp_path) == report_page(tmp_path)


def test_large_reports_get_smaller_pictures() -> None:
    assert edge_for(10) == 480
    assert edge_for(10) > edge_for(500) > edge_for(1500) > edge_for(10_000) > 0


def test_an_output_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"report\.html"):
        build_report(tmp_path / "missing")
