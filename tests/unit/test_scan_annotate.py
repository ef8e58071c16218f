"""What is drawn over a film, and the video of that: whole, or not there."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from films import face_film
from index_samples import face, identity, make_index, track
from render_samples import person
from render_samples import pick as a_pick
from stills.cancel import CancelToken
from stills.errors import (
    CancelledError,
    DecoderCrashError,
    DecodeTimeoutError,
    InputError,
    OutputError,
    StillsError,
    UsageError,
)
from stills.index.index import Index
from stills.media.decode import decode
from stills.media.probe import probe, probe_with_packets
from stills.media.reencode import Threads
from stills.media.sandbox import Limits, Pool, Task, TaskResult
from stills.media.source import content_id
from stills.render.palette import NOBODY, person_color
from stills.scan.annotate import AnnotationPlan, choose_threads, label, plan_annotation, write_annotated
from stills.scan.budget import Budget
from stills.settings_model import LimitSettings, Settings
from stills.types import Estimate, PeopleSelection, Progress

HERE = (100.0, 60.0, 200.0, 200.0)


def cast(**options: Any) -> Settings:
    return Settings(cast=options)


def selection(index: Index, *tracks: int) -> PeopleSelection:
    people = tuple(
        replace(person(number, [(1.0, 3.0)], [a_pick(1.5)]), tracks=(own,)) for number, own in enumerate(tracks, 1)
    )
    return PeopleSelection(people=people, shots=index.shot_list(), settings={})


@pytest.fixture
def crowd() -> Index:
    """Two people, somebody who is not listed, and a fist."""
    rows = [track(n, n + 1, 1.0, 3.0, x=100.0 * (n + 1)) for n in range(3)]
    return make_index([r for row in rows for r in row] + [face(3, 2.0, None, score=0.62, x=450.0)])


def drawn(plan: AnnotationPlan | None) -> tuple[list[tuple[int, str]], list[int]]:
    assert plan is not None
    return [(m.path.track, m.text) for m in plan.marks], sorted(p.track for p in plan.hidden)


@pytest.mark.parametrize(
    ("options", "marked", "hidden", "name"),
    [
        ({"annotate": True}, [(0, "Person 1"), (1, "Person 2"), (2, "")], [], "annotated.mp4"),
        ({"blur": "all"}, [], [0, 1, 2, 3], "blurred.mp4"),
        ({"blur": "others"}, [], [2, 3], "blurred.mp4"),
        ({"blur": "2"}, [], [1], "blurred.mp4"),
        ({"annotate": True, "blur": "others"}, [(0, "Person 1"), (1, "Person 2")], [2, 3], "annotated.mp4"),
        ({"annotate": True, "blur": "1"}, [(1, "Person 2"), (2, "")], [0], "annotated.mp4"),
        ({"annotate": True, "blur": "all"}, [], [0, 1, 2, 3], "annotated.mp4"),
    ],
)
def test_who_is_marked_and_who_is_hidden(
    crowd: Index, options: dict[str, Any], marked: list[tuple[int, str]], hidden: list[int], name: str
) -> None:
    plan = plan_annotation(crowd, selection(crowd, 0, 1), cast(**options))
    assert drawn(plan) == (marked, hidden)
    assert plan is not None
    assert plan.file_name == name
    hidden_people = {"1": {1}, "2": {2}, "all": {1, 2}}.get(options.get("blur", ""), set())
    shown = {1, 2} - hidden_people if options.get("annotate") else set()
    assert [row.name for row in plan.rows] == sorted(map(str, shown))


def test_nothing_asked_is_no_plan(crowd: Index) -> None:
    assert plan_annotation(crowd, selection(crowd, 0), cast()) is None


def test_hiding_somebody_who_is_not_there_is_refused(crowd: Index) -> None:
    with pytest.raises(UsageError, match="no person 7"):
        plan_annotation(crowd, selection(crowd, 0, 1), cast(blur="1,7"))


def test_colours_are_those_of_the_people(crowd: Index) -> None:
    plan = plan_annotation(crowd, selection(crowd, 0, 1), cast(annotate=True))
    assert plan is not None
    assert [m.colour for m in plan.marks] == [person_color(1), person_color(2), NOBODY]


def test_hidden_faces_stay_hidden_longer_than_they_are_marked(crowd: Index) -> None:
    chosen = selection(crowd, 0, 1)
    marks = plan_annotation(crowd, chosen, cast(annotate=True))
    hides = plan_annotation(crowd, chosen, cast(blur="all"))
    assert marks is not None
    assert hides is not None
    assert min(p.start for p in hides.hidden) < min(m.path.start for m in marks.marks) - 0.5
    assert max(p.end for p in hides.hidden) > max(m.path.end for m in marks.marks) + 0.5


def test_a_plate_says_what_is_known() -> None:
    someone = replace(
        person(3, [(0.0, 1.0)], [a_pick(0.5)]),
        attributes={
            "age": Estimate(34.4, 0.6, 5.7, 8),
            "gender": Estimate("female", 0.97, 0.0, 8),
            "ethnicity": Estimate(None, 0.4, 0.3, 8, reason="too uncertain"),
        },
    )
    assert label(someone) == "Person 3 · 34 ± 6 · female"


def test_a_plan_pickles(crowd: Index) -> None:
    plan = plan_annotation(crowd, selection(crowd, 0, 1), cast(annotate=True, blur="others"))
    assert plan is not None
    again = pickle.loads(pickle.dumps(plan))
    assert again.marks[0].path.box(1.3) == plan.marks[0].path.box(1.3)


def test_threads_are_what_memory_allows(crowd: Index) -> None:
    video = replace(crowd.video, width=1920, height=1080, coded_width=1920, coded_height=1080)
    many = choose_threads(video, None)
    assert many.decode == many.encode >= 1
    assert choose_threads(video, Budget(1, 60.0, 0, 0)) == Threads(1, 1)
    assert choose_threads(video, Budget(1, 16384.0, 0, 0)) == many


# The video itself.


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_film(tmp_path_factory.mktemp("film") / "film.mp4", seconds=3.0)


@pytest.fixture
def index(film: Path) -> Index:
    info, _ = probe_with_packets(film)
    x, y, w, h = HERE
    times = [0.0, 0.5, 1.0, 1.5]
    rows = [
        face(0, t, identity(1, noise=0.1, seed=i), x=x + 100 * t, y=y, width=w, height=h) for i, t in enumerate(times)
    ]
    return make_index(rows, video=info, content=content_id(film), duration=3.0, analysed=[*times, 2.0, 2.5])


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(1, Limits(no_progress_s=60), preload=("numpy", "cv2", "av")) as one:
        yield one


def write(pool: Any, index: Index, target: Path, settings: Settings, **options: Any) -> tuple[str, ...]:
    plan = plan_annotation(index, selection(index, 0), settings)
    assert plan is not None
    values: dict[str, Any] = {"threads": Threads(1, 1), "limits": LimitSettings(), **options}
    return write_annotated(pool.run if isinstance(pool, Pool) else pool, index, plan, target, **values)


def test_the_box_moves_with_the_face_and_goes(pool: Pool, index: Index, film: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    target = tmp_path / "out" / "annotated.mp4"
    assert write(pool, index, target, cast(annotate=True), on_progress=seen.append) == ()
    assert [p.name for p in target.parent.iterdir()] == ["annotated.mp4"]
    before = {f.pts: f.picture().astype(int) for f in decode(film, index.video)}
    made = probe(target)
    assert (made.width, made.height, made.frame_rate) == (640, 360, 25)
    colour = np.array(person_color(1))
    for frame in decode(target, made):
        picture, time = frame.picture().astype(int), frame.time
        left = int(100 + 100 * min(time, 1.5))
        edge = picture[150, left - 3 : left + 4]
        near = np.abs(edge - colour).sum(axis=1).min() < 120
        assert near == (time < 1.65), time  # last seen at 1.5, and it lingers
        inside = slice(100, 220), slice(left + 40, left + 160)
        source = before[round(time * 25) * (index.video.time_base.denominator // 25)]
        if time < 1.5:
            assert np.abs(picture[inside] - source[inside]).mean() < 8
    assert seen
    assert seen[-1].stage == "render"


def test_a_hidden_face_is_gone(pool: Pool, index: Index, film: Path, tmp_path: Path) -> None:
    target = tmp_path / "blurred.mp4"
    write(pool, index, target, cast(blur="all"))
    before = [f.picture() for f in decode(film, index.video)]
    after = [f.picture() for f in decode(target, probe(target))]
    for number in (0, 20, 37, 50):  # up to the reach beyond the last time it was seen
        x = int(100 + 100 * min(number / 25, 1.5))
        part = slice(80, 240), slice(x + 20, x + 180)
        a, b = (np.abs(np.diff(p[part].astype(int), axis=1)).mean() for p in (before[number], after[number]))
        assert b < 0.25 * a, number
        assert np.abs(before[number][:, 560:].astype(int) - after[number][:, 560:]).mean() < 4


def test_who_cancels_gets_no_file_and_keeps_the_old_one(pool: Pool, index: Index, tmp_path: Path) -> None:
    target, token = tmp_path / "annotated.mp4", CancelToken()
    target.write_bytes(b"old")

    def stop(_: Progress) -> None:
        token.cancel()

    with pytest.raises(CancelledError):
        write(pool, index, target, cast(annotate=True), cancel=token, on_progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["annotated.mp4"]
    assert target.read_bytes() == b"old"


def test_time_that_is_up_is_said(pool: Pool, index: Index, tmp_path: Path) -> None:
    limits = LimitSettings(video_timeout=1e-6)
    with pytest.raises(DecodeTimeoutError, match="annotated video was not done within"):
        write(pool, index, tmp_path / "annotated.mp4", cast(annotate=True), limits=limits)
    assert not list(tmp_path.iterdir())


def test_another_file_of_that_name_is_refused(pool: Pool, index: Index, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not the one that was scanned"):
        write(pool, replace(index, content="1" * 32), tmp_path / "annotated.mp4", cast(annotate=True))


def test_a_folder_that_cannot_be_made_is_said(pool: Pool, index: Index, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        write(pool, index, tmp_path / "file" / "annotated.mp4", cast(annotate=True))


@pytest.mark.parametrize("crashes", [1, 2])
def test_a_decoder_that_dies_is_tried_again_with_one_thread(crashes: int, index: Index, tmp_path: Path) -> None:
    threads: list[Threads] = []

    def run(tasks: list[Task], **_: Any) -> Iterator[TaskResult]:
        (task,) = tasks
        threads.append(task.args[0].threads)
        dead: StillsError | None = DecoderCrashError("it died") if len(threads) <= crashes else None
        if dead is None:
            Path(task.args[0].target).write_bytes(b"video")
        yield TaskResult(task.key, ("said",), dead)

    target = tmp_path / "annotated.mp4"
    if crashes == 1:
        assert write(run, index, target, cast(annotate=True), threads=Threads(4, 4)) == ("said",)
        assert target.read_bytes() == b"video"
    else:
        with pytest.raises(DecoderCrashError):
            write(run, index, target, cast(annotate=True), threads=Threads(4, 4))
        assert not list(tmp_path.iterdir())
    assert threads == [Threads(4, 4), Threads(1, 1)]
