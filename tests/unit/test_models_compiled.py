"""The cache of compiled graphs: filled once, checked by hash, done without where it cannot be written."""

import threading

import pytest

from stills.models.compiled import with_cache


@pytest.fixture
def runtime():
    """A loader that behaves like OpenVINO's: takes what lies in the folder, else makes it; ``made`` counts."""

    class Runtime:
        made = 0

        def __call__(self, folder):
            blob = None if folder is None else folder / "1.blob"
            if blob is not None and blob.exists():
                return blob.read_bytes()
            self.made += 1
            if blob is not None:
                blob.write_bytes(b"compiled")
            return b"compiled"

    return Runtime()


def test_filled_once(tmp_path, runtime):
    assert with_cache(tmp_path / "c", runtime) == b"compiled"
    assert with_cache(tmp_path / "c", runtime) == b"compiled"
    assert runtime.made == 1


@pytest.mark.parametrize("damage", [b"", b"comp", b"compilex"])
def test_a_damaged_cache_is_made_again_and_said(tmp_path, runtime, damage, caplog):
    with_cache(tmp_path / "c", runtime)
    (tmp_path / "c" / "1.blob").write_bytes(damage)
    assert with_cache(tmp_path / "c", runtime) == b"compiled"
    assert runtime.made == 2
    assert "damaged" in caplog.text


def test_a_cache_without_its_hash_is_not_believed(tmp_path, runtime):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "1.blob").write_bytes(b"from elsewhere")
    assert with_cache(tmp_path / "c", runtime) == b"compiled"


def test_a_cache_for_another_machine_is_kept_and_added_to(tmp_path, runtime):
    class Other(type(runtime)):
        def __call__(self, folder):
            if (folder / "2.blob").exists():
                return (folder / "2.blob").read_bytes()
            self.made += 1
            (folder / "2.blob").write_bytes(b"for another")
            return b"for another"

    other = Other()
    for _ in range(3):
        assert with_cache(tmp_path / "c", runtime) == b"compiled"
        assert with_cache(tmp_path / "c", other) == b"for another"
    assert runtime.made == 1
    assert other.made == 2  # once before it was seen that nothing fits, once to keep


def test_where_there_can_be_no_folder_it_runs_without(tmp_path, runtime):
    (tmp_path / "file").touch()
    assert with_cache(tmp_path / "file" / "c", runtime) == b"compiled"
    assert runtime.made == 1


def test_threads_that_ask_at_once_fill_it_once(tmp_path, runtime):
    gate, results = threading.Barrier(4), []

    def ask():
        gate.wait(30)
        results.append(with_cache(tmp_path / "c", runtime))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [b"compiled"] * 4
    assert runtime.made == 1
