from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from numpy.typing import NDArray
from PIL import Image

from render_samples import pick, picture, report, video
from stills.errors import CancelledError, CorruptVideoError, OutputError, UsageError
from stills.render import writing
from stills.render.documents import schema_of
from stills.render.frames import keyframes_document, shaped, thumbnails_document, write_frames
from stills.render.metadata import read_metadata
from stills.render.pictures import OutputOptions
from stills.types import COVER_PTS, Box, Fallback, KeyframesSelection, Pick, Shot, ThumbnailsSelection

FACE: Box = (120.0, 20.0, 20.0, 30.0)
SHOTS = (Shot(0.0, 10.0), Shot(10.0, 60.0, "cut"), Shot(60.0, 225.25, "dissolve"))
Document = dict[str, Any]


def ranked(seconds: float, rank: int, faces: tuple[Box, ...] = ()) -> Pick:
    return replace(pick(seconds, 0.9 - rank / 100, faces[0] if faces else None), rank=rank, faces=faces)


def keyframes(*picks: Pick, target: int | None = None) -> Document:
    chosen = picks or (ranked(2.0, 2), ranked(12.48, 1, (FACE,)), ranked(72.48, 3))
    selection = KeyframesSelection(chosen, SHOTS, 0.93, 40, {}, {"similar": 7})
    settings = {
        "target": target,
        "weights": {"sharpness": np.float32(0.5)},
        "every": Fraction(1, 3),
        "range": (1, None),
    }
    return keyframes_document(
        video(warnings=("cover art",)), selection, report(), {}, settings,
        [Fallback("fewer", "only 3")], warnings=["damaged end"], partial=True,
    )  # fmt: skip


COVER = Pick(COVER_PTS, 0.0, 0.7, {"sharpness": 0.5})


def thumbnails(*picks: Pick) -> Document:
    chosen = picks or (ranked(72.48, 1, (FACE,)), COVER, ranked(2.0, 3))
    selection = ThumbnailsSelection(chosen, (ranked(5.0, 4),), SHOTS, {})
    return thumbnails_document(video(), selection, report(), {}, {"count": 3}, [])


def frames_of(document: Document, width: int = 160, height: int = 90) -> dict[int, NDArray[np.uint8]]:
    pts = sorted(COVER_PTS if f["pts"] is None else f["pts"] for f in document["frames"])
    return {one: picture(width, height, seed) for seed, one in enumerate(pts)}


def saved(out: Path, recipe: str) -> Document:
    document: Document = json.loads((out / "film" / f"{recipe}.json").read_text())
    schema = schema_of(recipe)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)
    return document


def test_key_frames_as_json_and_files(tmp_path: Path) -> None:
    document = keyframes(target=5)
    before = json.dumps(document)
    Draft202012Validator(schema_of("keyframes")).validate(document)
    pictures = frames_of(document)
    told: list[tuple[int, int]] = []
    paths = write_frames(
        tmp_path, "film", document, pictures, OutputOptions(format="png"),
        on_picture=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert json.dumps(document) == before
    names = ["keyframe_0001_00-00-02.000.png", "keyframe_0002_00-00-12.480.png", "keyframe_0003_00-01-12.480.png"]
    assert [path.name for path in paths] == [*names, "keyframes.json"]
    assert told == [(1, 3), (2, 3), (3, 3)]
    result = saved(tmp_path, "keyframes")
    assert result == result | {
        "similarity": 0.93,
        "target": 5,
        "distinct": 40,
        "partial": True,
        "dropped": {"similar": 7},
    }
    assert result["warnings"] == ["cover art", "damaged end"]
    assert result["settings"] == {"target": 5, "weights": {"sharpness": 0.5}, "every": "1/3", "range": [1, None]}
    assert result["files"] == [f"keyframes/{name}" for name in names]
    one = result["frames"][1]
    assert one == one | {"rank": 1, "bbox": list(FACE), "faces": [list(FACE)], "shot": 2, "width": 160, "height": 90}
    assert "window" not in one
    for frame in result["frames"]:
        with Image.open(tmp_path / "film" / frame["file"]) as image:
            assert np.array_equal(np.asarray(image), pictures[frame["pts"]])
        about = read_metadata(tmp_path / "film" / frame["file"])
        assert about is not None
        assert (about.source, about.time, about.pts, about.person) == ("film.mp4", frame["time"], frame["pts"], None)


def test_thumbnails_are_named_by_rank_and_the_cover_has_no_time(tmp_path: Path) -> None:
    document = thumbnails()
    Draft202012Validator(schema_of("thumbnails")).validate(document)
    pictures = {**frames_of(document), COVER_PTS: picture(64, 64, 9)}
    write_frames(tmp_path, "film", document, pictures)
    result = saved(tmp_path, "thumbnails")
    assert [f["file"] for f in result["frames"]] == [f"thumbnails/thumbnail_{n}.jpg" for n in (1, 2, 3)]
    assert [(f["rank"], f["cover"], f["shot"]) for f in result["frames"]] == [
        (1, False, 3),
        (2, True, None),
        (3, False, 1),
    ]
    cover = result["frames"][1]
    assert (cover["time"], cover["pts"], cover["width"], cover["height"]) == (None, None, 64, 64)
    about = read_metadata(tmp_path / "film" / cover["file"])
    assert about is not None
    assert (about.time, about.pts, about.description) == (None, None, "Cover picture of film.mp4")
    assert result["runners_up"][0]["file"] is None
    assert result["runners_up"][0]["rank"] == 4


@pytest.mark.parametrize("recipe", ["keyframes", "thumbnails"])
def test_the_schema_refuses_what_is_wrong(recipe: str) -> None:
    validator = Draft202012Validator(schema_of(recipe))
    for change in (
        lambda d: d.pop("frames"),
        lambda d: d["frames"][0].pop("file"),
        lambda d: d["frames"][0].pop("faces"),
        lambda d: d["frames"][0].update(score=1.2),
        lambda d: d["frames"][0].update(file="/etc/passwd"),
        lambda d: d["frames"][0].update(pts=None),
        lambda d: d["frames"][0].update(time=-1),
        lambda d: d["frames"][0].update(rank=0),
        lambda d: d["frames"][0].update(faces=[[1, 2, 3]]),
        lambda d: d.update(files=["/etc/passwd"]),
        lambda d: d.update(schema="stills/people/1"),
    ):
        document = keyframes() if recipe == "keyframes" else thumbnails()
        assert validator.is_valid(document)
        change(document)
        assert not validator.is_valid(document)


def test_schemas_agree_on_what_they_share() -> None:
    several = [schema_of(recipe)["$defs"] for recipe in ("people", "keyframes", "thumbnails")]
    for name in ("seconds", "share", "box", "relative", "files", "path", "video", "scan", "fallback", "shot"):
        assert several[0][name] == several[1][name] == several[2][name]
    with pytest.raises(UsageError, match="keyframes"):
        schema_of("../people")


def test_an_empty_selection_is_valid_and_writes_only_json(tmp_path: Path) -> None:
    selection = KeyframesSelection((), (), 0.95, 0, {})
    document = keyframes_document(video(), selection, report(), {}, {}, [])
    paths = write_frames(tmp_path, "film", document, {}, OutputOptions(sheet=(4, 5)))
    assert [path.name for path in paths] == ["keyframes.json"]
    assert saved(tmp_path, "keyframes")["frames"] == []


def test_sixteen_bits_come_through_exactly(tmp_path: Path) -> None:
    document = keyframes(ranked(2.0, 1), ranked(3.0, 2))
    deep = {p: np.random.default_rng(p).integers(0, 65536, (45, 80, 3)).astype(np.uint16) for p in frames_of(document)}
    write_frames(tmp_path, "film", document, deep, OutputOptions(format="png", bit_depth=16, sheet=(2, 1)))
    for frame in saved(tmp_path, "keyframes")["frames"]:
        path = tmp_path / "film" / frame["file"]
        back = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        assert back is not None
        assert back.dtype == np.uint16
        assert np.array_equal(back[..., ::-1], deep[frame["pts"]])
        about = read_metadata(path)
        assert about is not None
        assert about.pts == frame["pts"]
    assert (tmp_path / "film" / "keyframes" / "sheet.png").is_file()


def test_pictures_of_another_depth_are_made_to_fit(tmp_path: Path) -> None:
    document = keyframes(ranked(2.0, 1))
    eight = frames_of(document)
    (pts,) = eight
    write_frames(tmp_path, "film", document, eight, OutputOptions(format="png", bit_depth=16))
    path = tmp_path / "film" / "keyframes" / "keyframe_0001_00-00-02.000.png"
    back = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert back is not None
    assert np.array_equal(back[..., ::-1], eight[pts].astype(np.uint16) * 257)
    write_frames(tmp_path, "film", document, {pts: eight[pts].astype(np.uint16) * 257}, OutputOptions(format="png"))
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), eight[pts])


@pytest.mark.parametrize("aspect", [(9, 16), (1, 1), (16, 9), (21, 9)])
def test_thumbnails_are_cut_to_shape_and_keep_the_face(tmp_path: Path, aspect: tuple[int, int]) -> None:
    document = thumbnails()
    write_frames(tmp_path, "film", document, frames_of(document), OutputOptions(aspect=aspect))
    result = saved(tmp_path, "thumbnails")
    one = result["frames"][0]
    assert one["width"] / one["height"] == pytest.approx(aspect[0] / aspect[1], rel=0.03)
    if aspect == (16, 9):
        assert "window" not in one
    else:
        x, y, w, h = one["window"]
        assert x <= FACE[0]
        assert x + w >= FACE[0] + FACE[2]
        assert y <= FACE[1]
        assert y + h >= FACE[1] + FACE[3]
    with Image.open(tmp_path / "film" / one["file"]) as image:
        assert image.size == (one["width"], one["height"])


@pytest.mark.parametrize(
    ("aspect", "size"), [("9:16", (1080, 1920)), ("1:1", (1080, 1080)), ("16:9", (1920, 1080)), ("4:3", (1440, 1080))]
)
def test_1080p_of_another_shape_lies_inside_full_hd(aspect: str, size: tuple[int, int]) -> None:
    across, down = (int(n) for n in aspect.split(":"))
    frame = {"faces": [], "bbox": None}
    shown, transform, window = shaped(picture(320, 180), frame, OutputOptions(fit="1080p", aspect=(across, down)))
    assert (shown.shape[1], shown.shape[0]) == (transform.width, transform.height) == size
    assert window[2] / window[3] == pytest.approx(size[0] / size[1], rel=0.01)


def test_what_is_seen_is_where_the_transform_says() -> None:
    rgb = np.zeros((180, 320, 3), np.uint8)
    rgb[40:60, 250:270] = 255
    frame = {"faces": [[245, 30, 30, 40]], "bbox": None}
    for options in (
        OutputOptions(aspect=(9, 16)), OutputOptions(aspect=(9, 16), fit=(90, 160)), OutputOptions(fit=(100, 100)),
        OutputOptions(fit=(100, 100), fit_mode="pad"), OutputOptions(aspect=(1, 1), fit="1080p", fit_mode="pad"),
    ):  # fmt: skip
        shown, transform, (left, top, width, height) = shaped(rgb, frame, options)
        x, y, w, h = transform.box((250.0, 40.0, 20.0, 20.0))
        assert shown[round(y + h / 2), round(x + w / 2), 0] > 250
        assert shown[..., 0].astype(float).mean() / 255 == pytest.approx(w * h / shown[..., 0].size, rel=0.1)
        assert left <= 250
        assert top <= 40
        assert left + width >= 270
        assert top + height >= 60


def test_a_sheet_and_a_preview_are_written_named_and_replaced(tmp_path: Path) -> None:
    document = thumbnails()
    options = OutputOptions(sheet=(2, 2), preview="gif")
    told: list[tuple[int, int]] = []
    write_frames(tmp_path, "film", document, frames_of(document), options, on_picture=lambda *now: told.append(now))
    assert told[-1] == (5, 5)
    result = saved(tmp_path, "thumbnails")
    assert (result["sheet"], result["preview"]) == ("thumbnails/sheet.jpg", "thumbnails/preview.gif")
    with Image.open(tmp_path / "film" / result["sheet"]) as image:
        assert image.width == 1920
    with Image.open(tmp_path / "film" / result["preview"]) as image:
        assert image.n_frames >= 3  # type: ignore[attr-defined]
    write_frames(tmp_path, "film", document, frames_of(document), OutputOptions(format="avif"))
    assert sorted(os.listdir(tmp_path / "film" / "thumbnails")) == [f"thumbnail_{n}.avif" for n in (1, 2, 3)]


def test_names_of_a_template(tmp_path: Path) -> None:
    document = keyframes()
    options = OutputOptions(name_template="{stem} {recipe} {number:03} {rank} {time} {shot} {score:.2f} {person}")
    write_frames(tmp_path, "film", document, frames_of(document), options)
    assert sorted(os.listdir(tmp_path / "film" / "keyframes")) == [
        "film keyframes 001 2 00-00-02.000 1 0.88 0.jpg",
        "film keyframes 002 1 00-00-12.480 2 0.89 0.jpg",
        "film keyframes 003 3 00-01-12.480 3 0.87 0.jpg",
    ]
    write_frames(tmp_path, "film", thumbnails(), frames_of(thumbnails()), OutputOptions(name_template="{time}_{pts}"))
    names = sorted(os.listdir(tmp_path / "film" / "thumbnails"))
    assert names == ["00-00-02.000_60000.jpg", "00-01-12.480_2174400.jpg", "cover_0.jpg"]


class Broken(dict[int, NDArray[np.uint8]]):
    """Pictures of which some cannot be decoded."""

    def __init__(self, pictures: dict[int, NDArray[np.uint8]], bad: set[int]) -> None:
        super().__init__(pictures)
        self.bad = bad

    def get(self, key: int, default: Any = None) -> Any:
        if key in self.bad:
            raise CorruptVideoError(f"{key} is broken")
        return super().get(key, default)


def test_a_picture_that_cannot_be_had_costs_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    document = keyframes()
    pictures = Broken(frames_of(document), {document["frames"][1]["pts"]})
    with caplog.at_level(logging.WARNING):
        write_frames(tmp_path, "film", document, pictures, OutputOptions(sheet=(3, 1)))
    result = saved(tmp_path, "keyframes")
    assert [f["file"] is None for f in result["frames"]] == [False, True, False]
    assert result["fallbacks"][1]["code"] == "picture-missing"
    assert "12.48 s" in caplog.text
    with pytest.raises(CorruptVideoError):
        write_frames(tmp_path, "film", document, Broken(pictures, set(pictures)))
    assert saved(tmp_path, "keyframes") == result


def test_a_cancel_and_a_full_disk_leave_the_old_result_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = keyframes()
    options = OutputOptions(name_template="{number}")
    write_frames(tmp_path, "film", document, frames_of(document), options)

    def tree() -> dict[str, bytes]:
        return {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    before = tree()

    def cancel(done: int, total: int) -> None:
        if done == 2:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        write_frames(tmp_path, "film", document, frames_of(document), on_picture=cancel)
    assert tree() == before
    original = writing.atomic_write

    def full(path: Path, data: bytes) -> Path:
        if "0003" in path.name:
            raise OutputError("the disk is full", path=str(path))
        return original(path, data)

    monkeypatch.setattr(writing, "atomic_write", full)
    with pytest.raises(OutputError):
        write_frames(tmp_path, "film", document, frames_of(document))
    assert tree() == before


def test_no_path_of_the_machine_gets_into_the_pictures(tmp_path: Path) -> None:
    selection = KeyframesSelection((ranked(1.0, 1),), SHOTS, 0.9, 1, {})
    document = keyframes_document(video("/home/somebody/film.mp4"), selection, report(), {}, {}, [])
    for kind in ("jpeg", "png", "webp", "avif"):
        path = write_frames(tmp_path, "film", document, frames_of(document), OutputOptions(format=kind))[0]
        assert b"somebody" not in path.read_bytes()
