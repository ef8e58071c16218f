"""Forms that come in pieces: what is in them, wherever they are cut, and what is refused."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stills.errors import OutputError
from stills.service.forms import FIELD_BYTES, FileRule, Form, shown_name
from stills.service.problems import ProblemError

RULES = {"file": FileRule(1000), "poster": FileRule(100, most=2)}
FIELDS = frozenset({"recipe", "options"})
BOUNDARY = "----b0und"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    more = "" if filename is None else f'; filename="{filename}"'
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def fed(folder: Path, pieces: Sequence[bytes], content_type: str = TYPE) -> Form:
    form = Form(content_type, folder, RULES, FIELDS)
    try:
        for piece in pieces:
            form.feed(piece)
        form.finish()
    except BaseException:
        form.discard()
        raise
    return form


def refused(folder: Path, *parts: bytes) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        fed(folder, parts)
    assert list(folder.iterdir()) == []
    return caught.value


@given(content=st.binary(max_size=200), cuts=st.lists(st.integers(0, 500), max_size=6))
def test_a_form_is_the_same_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("form")
    whole = part("recipe", "größer".encode()) + part("file", content, "film.mp4") + END
    places = [0, *sorted(cuts), len(whole)]
    form = fed(folder, [whole[start:end] for start, end in pairwise(places)])
    (file,) = form.files["file"]
    assert (file.path.read_bytes(), file.name, file.bytes) == (content, "film.mp4", len(content))
    assert form.fields == {"recipe": "größer"}
    assert file.path.parent == folder
    form.discard()
    assert not file.path.exists()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("film.mp4", "film.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\film.mp4", "film.mp4"),
        ("/", "video"),
        ("", "video"),
        ("..", ".."),
        ("a\x00b\x1b[31mc\u202ed.mp4", "ab[31mcd.mp4"),
        ("n" * 999, "n" * 255),
    ],
)
def test_names_of_clients_are_shown_and_never_paths(tmp_path: Path, given: str, shown: str) -> None:
    assert shown_name(given) == shown
    form = fed(tmp_path, [part("file", b"x", "../../up.mp4"), END])
    assert [path.name for path in tmp_path.iterdir()] == [form.files["file"][0].path.name]
    assert form.files["file"][0].name == "up.mp4"


def test_what_is_too_large_is_refused_when_it_is(tmp_path: Path) -> None:
    form = Form(TYPE, tmp_path, RULES, FIELDS)
    form.feed(part("file", bytes(1000))[:-2])
    with pytest.raises(ProblemError, match="1000 bytes") as caught:
        form.feed(b"x")
    assert caught.value.status == 413
    form.discard()
    assert list(tmp_path.iterdir()) == []
    assert refused(tmp_path, part("options", bytes(FIELD_BYTES + 1)), END).status == 413
    assert fed(tmp_path, [part("options", b"x" * FIELD_BYTES), END]).fields["options"]


def test_what_is_no_form_is_refused(tmp_path: Path) -> None:
    file = part("file", b"x", "f")
    assert refused(tmp_path, file).status == 400  # it ends in the middle
    assert refused(tmp_path, file[:-10]).status == 400
    assert refused(tmp_path, b"not at all").status == 400
    assert refused(tmp_path, f"--{BOUNDARY}\r\nX: y\r\n\r\nz\r\n".encode(), END).status == 400
    assert refused(tmp_path, file, part("file", b"y", "g"), END).status == 422
    assert refused(tmp_path, part("recipe", b"a"), part("recipe", b"b"), END).status == 422
    assert refused(tmp_path, part("recipe", b"\xff"), END).status == 422
    unknown = refused(tmp_path, file, part("colour", b"x"), END)
    assert (unknown.status, "colour" in unknown.detail, "options" in (unknown.remedy or "")) == (422, True, True)
    posters = [part("poster", b"p", "p.jpg")] * 3
    assert "more than 2 files" in refused(tmp_path, *posters, END).detail
    for wrong in ("multipart/form-data", "multipart/mixed; boundary=x", f"multipart/form-data; boundary={'x' * 999}"):
        with pytest.raises(ProblemError):
            fed(tmp_path, [END], wrong)


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 507), (errno.EDQUOT, 507), (errno.EIO, None)])
def test_a_disk_that_is_full_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int | None
) -> None:
    def full(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    form = Form(TYPE, tmp_path, RULES, FIELDS)
    with monkeypatch.context() as patched:
        patched.setattr("stills.service.forms.os.write", full)
        with pytest.raises((ProblemError, OutputError)) as caught:
            form.feed(part("file", b"content", "f.mp4"))
    form.discard()
    assert getattr(caught.value, "status", None) == status
    assert list(tmp_path.iterdir()) == []
