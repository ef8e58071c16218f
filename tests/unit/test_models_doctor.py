"""The doctor's findings follow what is really there."""

from stills.models.doctor import doctor_report


def rows(topic, **options):
    return {r.name: r for r in doctor_report(**options) if r.topic == topic}


def test_an_empty_models_folder_is_a_warning_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("STILLS_MODELS_DIR", str(tmp_path / "none"))
    models = rows("models")
    assert (models["yunet"].health, models["yunet"].remedy) == ("warning", "stills models pull yunet")
    assert (models["age"].health, models["age"].remedy) == ("info", "")  # only where asked for
    assert rows("folders")["models"].health == "ok"
    assert not (tmp_path / "none").exists()  # looking changes nothing


def test_what_a_scan_needs_is_here(tmp_path, monkeypatch):
    monkeypatch.setenv("STILLS_MODELS_DIR", str(tmp_path))
    versions = rows("versions")
    assert {n: r.health for n, r in versions.items() if r.health == "error"} == {}
    assert versions["openvino"].value[0].isdigit()
    assert rows("devices")["cpu"].health == "ok"


def test_a_folder_that_cannot_be_made_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("STILLS_MODELS_DIR", str(tmp_path))
    (tmp_path / "file").touch()
    row = rows("folders", folders=[("cache", tmp_path / "file" / "x")])["cache"]
    assert row.health == "warning"
    assert "STILLS_CACHE_DIR" in row.remedy
