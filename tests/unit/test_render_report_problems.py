"""Inputs without a result in the report: a few are listed, many are grouped by why."""

from __future__ import annotations

import json
from pathlib import Path

from report_samples import page, write
from stills.render.report import FAILURES
from stills.render.view import Problem
from stills.render.view_problems import MOST_IN_ALL, MOST_NAMED, MOST_PLAIN, MOST_REASONS, problems_view


def test_none_and_a_few() -> None:
    assert problems_view([]) is None
    few = [Problem(f"{n}.mp4", "is gone") for n in range(MOST_PLAIN)]
    view = problems_view(iter(few))
    assert view is not None
    assert (view.plain, view.groups) == (few, [])


def test_reasons_are_the_same_whatever_the_names_and_numbers_in_them() -> None:
    many = [Problem(f"films/{n}.mp4", f"films/{n}.mp4: frame {n} of {n * 2} is damaged", "copy it") for n in range(300)]
    many += [Problem(f"{n}.mp4", "there is no such file") for n in range(5)]
    many += [Problem("x.mp4", "the codec 'abc' is unknown"), Problem("y.mp4", "the codec 'xyz' is unknown")]
    view = problems_view(many)
    assert view is not None
    assert (view.number, view.plain) == (307, [])
    assert [(g.number, g.message, g.remedy) for g in view.groups] == [
        (300, "…: frame … of … is damaged", "copy it"),
        (5, "there is no such file", ""),
        (2, "the codec … is unknown", ""),
    ]
    assert view.groups[0].named[7] == ("films/7.mp4", "films/7.mp4: frame 7 of 14 is damaged")
    assert view.groups[0].more == 300 - MOST_NAMED
    assert view.groups[1].named == [(f"{n}.mp4", "") for n in range(5)]
    assert view.groups[1].more == 0
    assert view.summary == "307 inputs, 3 reasons."


def test_what_needs_different_remedies_is_not_one_reason() -> None:
    view = problems_view(Problem(f"{n}", "failed", "wait" if n % 2 else "check") for n in range(50))
    assert view is not None
    assert [(g.number, g.remedy) for g in view.groups] == [(25, "check"), (25, "wait")]


def test_names_and_reasons_have_an_end() -> None:
    letters = [chr(ord("a") + n % 26) * (1 + n // 26) for n in range(200)]
    view = problems_view(Problem(f"{letter}{n}", f"reason {letter}") for letter in letters for n in range(30))
    assert view is not None
    assert len(view.groups) == MOST_REASONS + 1
    assert view.groups[-1].message == "Other reasons"
    assert sum(group.number for group in view.groups) == 6000
    assert sum(len(group.named) for group in view.groups) <= MOST_IN_ALL
    assert all(group.named for group in view.groups)
    assert all(group.number == len(group.named) + group.more for group in view.groups)
    assert "failures.json" in view.note


def test_thirty_thousand_failures_are_a_page_that_opens(tmp_path: Path) -> None:
    write(tmp_path)
    failures = [{"path": f"films/{n}.mp4", "message": "no video", "remedy": None} for n in range(30_000)]
    (tmp_path / FAILURES).parent.mkdir()
    (tmp_path / FAILURES).write_text(json.dumps(failures))
    got = page(tmp_path)
    assert "30,000 inputs, 1 reason." in got.text
    assert "30,000 no video" in got.text
    assert "and 29,900 more" in got.text
    assert len(got.elements) < 2000
    assert "Person 2" in got.text
