"""The benchmark's helpers compute what they claim."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from benchmarks import corpus, measure, naive, quality, real, run
from benchmarks.bench import Bench
from benchmarks.errors import BenchmarkError
from benchmarks.plain_decode import decode_all
from benchmarks.results import Check, Section, Table, replace_between, targets_markdown
from benchmarks.stats import paired, spread

from films import empty_film
from stills.errors import UsageError

MEGABYTES_100 = "held = b'x' * 100_000_000"
BUSY = "import time\nwhile time.process_time() < 0.5: pass"


def test_spread_is_median_and_range():
    values = spread([3.0, 1.0, 2.0, 10.0])
    assert (values.median, values.least, values.most, values.count) == (2.5, 1.0, 10.0, 4)
    assert values.text() == "2.50 (1.00–10.00)"
    assert spread([0.744]).text(2, " s") == "0.74 s"


def test_ratios_are_of_partners_not_of_medians():
    # the machine was ten times slower in the second repetition: each pair still says 2 ×
    assert paired([2.0, 20.0, 2.2], [1.0, 10.0, 1.1]).median == pytest.approx(2.0)


@pytest.mark.parametrize(("values", "base"), [([1.0], [1.0, 2.0]), ([1.0], [0.0]), ([], [])])
def test_ratios_without_partners_are_refused(values, base):
    with pytest.raises(UsageError):
        paired(values, base)


def test_table_escapes_and_refuses_shifted_rows():
    assert "| a\\|b | 1 |" in Table(("x", "y"), (("a|b", "1"),)).markdown()
    with pytest.raises(UsageError, match="1 cells, the table 2 columns"):
        Table(("x", "y"), (("1",),))


def test_replace_between_touches_nothing_else():
    text = "a\n<!-- m -->\nold\n<!-- /m -->\nz\n"
    assert replace_between(text, "m", "new") == "a\n<!-- m -->\nnew\n<!-- /m -->\nz\n"


@pytest.mark.parametrize("text", ["", "<!-- m -->", "<!-- /m --><!-- m -->", "<!-- m --><!-- /m -->" * 2])
def test_replace_between_needs_its_markers_once(text):
    with pytest.raises(UsageError):
        replace_between(text, "m", "new")


def _section(name: str, cell: str) -> Section:
    check = Check(f"figure of {name}", cell, "≤ 1", met=cell == "1")
    return Section(
        name, name.title(), (Table(("value",), ((cell,),)),), (check,), ("a remark",), {"date": "today"}, {"raw": 1}
    )


def test_sections_survive_json():
    section = _section("speed", "1")
    assert Section.from_json(json.loads(json.dumps(section.to_json()))) == section
    assert "data" not in section.to_json(data=False)


def test_publishing_a_section_keeps_the_others(tmp_path: Path):
    page, figures = tmp_path / "page.md", tmp_path / "results.json"
    markers = "\n".join(f"<!-- {name} -->\n<!-- /{name} -->" for name in ("targets", "speed", "memory"))
    page.write_text(f"head\n{markers}\ntail\n", encoding="utf-8")
    run.publish([_section("speed", "1"), _section("memory", "7")], page, figures)
    run.publish([_section("memory", "1")], page, figures)
    text = page.read_text(encoding="utf-8")
    assert "## Speed" in text
    assert "| 7 |" not in text
    assert text.count("| met |") == 2
    assert text.startswith("head\n")
    assert text.endswith("tail\n")
    assert "raw" not in figures.read_text(encoding="utf-8")


def test_a_failed_section_replaces_older_figures_and_names_no_path(tmp_path: Path):
    page, figures = tmp_path / "page.md", tmp_path / "results.json"
    markers = "\n".join(f"<!-- {name} -->\n<!-- /{name} -->" for name in ("targets", "speed"))
    page.write_text(markers, encoding="utf-8")
    run.publish([_section("speed", "1")], page, figures)
    bench = Bench(corpus.Corpus(None, None, tmp_path), tmp_path, 1, {}, "abc")
    run.publish([run.failure("speed", BenchmarkError("exit code 1", path=str(tmp_path)), bench)], page, figures)
    text = page.read_text(encoding="utf-8")
    assert "failed (benchmark) | measured | **missed**" in text
    assert "figure of speed" not in text
    assert str(tmp_path) not in text + figures.read_text(encoding="utf-8")


def test_edits_do_not_reach_a_benchmark_that_runs(tmp_path: Path):
    package = tmp_path / "root" / "src" / "thing"
    package.mkdir(parents=True)
    (tmp_path / "root" / "benchmarks").mkdir()
    (package / "__init__.py").write_text("print('before')", encoding="utf-8")
    env = measure.freeze(tmp_path / "root", tmp_path / "frozen")
    (package / "__init__.py").write_text("half of a fi", encoding="utf-8")
    assert measure.run([sys.executable, "-c", "import thing"], env=env).output == "before\n"


def test_settings_of_the_environment_are_not_measured(monkeypatch: pytest.MonkeyPatch):
    # a dict in its place, so that the environment of the tests stays as it is
    kept = {"STILLS_MODELS_DIR": "m", "PATH": os.environ["PATH"]}
    monkeypatch.setattr(os, "environ", {**kept, "STILLS_EVAL": "e", "STILLS_SCAN__WORKERS": "1"})
    measure.leave_settings_out()
    assert os.environ == kept


def test_the_page_has_a_place_for_every_section():
    text = run.PAGE.read_text(encoding="utf-8")
    for name in (*run.SECTIONS, "targets"):
        replace_between(text, name, "")


def test_missed_targets_stand_out():
    assert "| 7 | ≤ 1 | **missed** |" in targets_markdown([_section("memory", "7")])


def test_a_run_is_measured_with_its_children():
    grandchild = f"{MEGABYTES_100}\n{BUSY}"
    child = f"import subprocess, sys\n{MEGABYTES_100}\nsubprocess.run([sys.executable, '-c', {grandchild!r}])"
    taken = measure.run([sys.executable, "-c", child], memory=True)
    assert taken.memory is not None
    assert 200 < taken.memory.peak < 350
    assert len(taken.memory.processes) == 2
    assert sum(taken.memory.processes.values()) == pytest.approx(taken.memory.peak, abs=0.2)
    assert taken.cpu > 0.45
    assert taken.wall > 0.4
    assert taken.left == 0


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")
def test_orphans_are_waited_for_and_counted():
    taken = measure.run(
        [sys.executable, "-c", f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BUSY!r}])"]
    )
    assert taken.left == 1
    assert taken.cpu > 0.45


def test_an_interrupted_run_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch):
    started = []

    def interrupted(pid: int, _: int) -> None:
        started.append(pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "wait4", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure.run([sys.executable, "-c", "while True: pass"])
    assert not psutil.pid_exists(started[0])


def test_a_failing_command_says_why():
    command = [sys.executable, "-c", "import sys; print('out'); print('the reason', file=sys.stderr); sys.exit(3)"]
    with pytest.raises(BenchmarkError, match=r"exit code 3 of .*the reason"):
        measure.run(command)
    assert measure.run(command, accept=(0, 3)).output == "out\n"


def test_the_yardstick_decodes_every_frame(tmp_path: Path):
    assert decode_all(str(empty_film(tmp_path / "film.mp4", frames=30))) == 30


def test_the_naive_way_takes_a_frame_a_second(tmp_path: Path):
    film = empty_film(tmp_path / "film.mp4", frames=60)
    taken = list(naive.frames(str(film)))
    assert [time for time, _ in taken] == pytest.approx([0.0, 1.0, 2.0])
    assert taken[0][1].shape == (180, 320, 3)


def test_naive_people_leave_out_noise_and_join_neighbours():
    seen = [naive.Sighting(time, worth, np.zeros(128, np.float32)) for time, worth in ((0, 1), (1, 9), (2, 99), (5, 2))]
    (person,) = naive.people(seen, [0, 0, -1, 0])
    assert person["still"]["time"] == 1
    assert person["spans"] == [[0.0, 1.5], [4.5, 5.5]]
    assert person["screen_time"] == 3


def test_overlap_in_seconds():
    assert quality.overlap([[0, 2], [5, 6]], [[1, 5.5]]) == pytest.approx(1.5)


def test_score_ratio_is_to_the_best_of_the_same_person():
    def person(score: float, *spans: list[float]) -> dict[str, object]:
        return {"spans": list(spans), "still": {"score": score}}

    best = [person(0.8, [0, 6]), person(1.0, [6.5, 9]), person(0.5, [20, 30])]
    # the first was split in two by the exhaustive scan: the better half counts; the last is unknown to it
    ratios = quality.score_ratios([person(0.8, [0, 10]), person(0.5, [19, 30]), person(0.9, [40, 50])], best)
    assert ratios == pytest.approx([0.8, 1.0, 0.0])


def test_one_person_twice_is_told_by_name_or_by_face():
    x, y = np.eye(2, dtype=np.float32)
    assert real.same_people(["a", "a", "b", None, None], [x, y, x, y, y]) == {(0, 1), (3, 4)}


def test_a_name_needs_likeness_and_presence():
    x, y = np.eye(2, dtype=np.float32)
    photos = {"a": x, "b": y}
    assert real.name_of(x, photos, {"a"}) == ("a", 1.0)
    assert real.name_of(x, photos, {"b"})[0] is None
    assert real.name_of(np.array([0.3, 0.2], np.float32), photos, {"a"})[0] is None
    assert real.name_of(None, photos, {"a"})[0] is None


def test_box_overlap():
    assert real.iou((0, 0, 2, 2), (1, 0, 2, 2)) == pytest.approx(1 / 3)
    assert real.iou((0, 0, 1, 1), (5, 5, 1, 1)) == 0


def test_a_corpus_that_was_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STILLS_CORPUS", str(tmp_path / "nowhere"))
    with pytest.raises(BenchmarkError, match="STILLS_CORPUS names a folder that is not there"):
        corpus.Corpus.find(tmp_path)


def test_without_a_corpus_it_says_so(tmp_path: Path):
    assert "sample film" in corpus.Corpus(None, None, tmp_path).describe()


@pytest.mark.parametrize("arguments", [["colour"], ["speed", "--repetitions", "0"]])
def test_wrong_use_is_refused(arguments, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        run.main(arguments)
    assert stopped.value.code == 2
    assert arguments[-1] in capsys.readouterr().err
