from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stills.errors import InputError
from stills.render.names import MAX_NAME_BYTES, crop_file, folder_names, person_file, safe_name, stem_of


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("/films/Dinner at Eight.mp4", "Dinner at Eight"),
        ("a.b.c.mkv", "a.b.c"),
        ("no_extension", "no_extension"),
        (".hidden.mp4", "hidden"),
        (".mp4", "mp4"),
        ("--out=x.mp4", "out=x"),
        ("..", "video"),
        ("...mp4", "mp4"),
        ("CON.mp4", "_CON"),
        ("com1.x.mp4", "_com1.x"),
        ("tab\there\nand there.mp4", "tab_here_and there"),
        ("a\\b:c?.mp4", "a_b_c_"),
        ("C:\\films\\one.mp4", "one"),
        ("end. .mp4", "end"),
        ("moon\u202egp4.mp4", "moon_gp4"),
        ("un\udcffdecodable.mp4", "un_decodable"),
        ("cafe\u0301.mp4", "café"),
        ("👩\u200d🚀.mp4", "👩\u200d🚀"),
        ("s3://bucket/key/a%20film.mp4?versionId=3#t", "a film"),
        ("https://host/..%2f..%2fetc%2fpasswd", "passwd"),
        ("https://host/", "video"),
    ],
)
def test_stems(source: str, stem: str) -> None:
    assert stem_of(source) == stem


@given(st.text(max_size=400), st.integers(8, 200))
def test_a_safe_name_is_one_harmless_component(text: str, limit: int) -> None:
    name = safe_name(text, max_bytes=limit)
    assert 0 < len(name.encode()) <= limit
    assert not set(name) & set('/\\<>:"|?*\0')
    assert not name.startswith((".", "-", " "))
    assert not name.endswith((".", " "))
    assert all(c.isprintable() or c in "\u200c\u200d" or unicodedata.category(c) == "Zs" for c in name)
    assert name == unicodedata.normalize("NFC", name)
    assert safe_name(name, max_bytes=limit) == name


def test_long_names_are_cut_between_characters() -> None:
    assert safe_name("ö" * 300) == "ö" * (MAX_NAME_BYTES // 2)
    assert safe_name("x" * (MAX_NAME_BYTES - 1) + "y\u0308\u0323") in {"x" * (MAX_NAME_BYTES - 1)}


def test_one_input_a_stem_needs_no_hash() -> None:
    def never(source: str) -> str:
        raise AssertionError(source)

    assert folder_names(["a/one.mp4", "two.mkv"], never) == ["one", "two"]


def test_shared_stems_get_a_hash_of_the_content_whatever_the_order() -> None:
    keys = {"a/film.mp4": "k1", "b/film.mkv": "k2", "c/FILM.mp4": "k3", "other.mp4": "k4"}
    sources = list(keys)
    names = folder_names(sources, keys.__getitem__)
    assert names[3] == "other"
    assert len({name.casefold() for name in names}) == 4
    assert all(name.lower().startswith("film-") and len(name) == len("film-") + 8 for name in names[:3])
    assert folder_names(sources[::-1], keys.__getitem__) == names[::-1]


def test_copies_unreadable_inputs_and_own_names_get_places_too() -> None:
    def key(source: str) -> str:
        if source.startswith("gone"):
            raise InputError("missing", path=source)
        return "same"

    names = folder_names(["a/x.mp4", "b/x.mp4", "gone/x.mp4", "gone2/x.mp4", "report.html.mp4"], key)
    assert len(set(names)) == 5
    assert names[1] == f"{names[0]}-2"
    assert "report.html" not in names


@given(st.lists(st.text(alphabet="aAé-1.", min_size=1, max_size=4), max_size=12))
def test_folders_never_collide(stems: list[str]) -> None:
    sources = [f"{i}/{stem}.mp4" for i, stem in enumerate(stems)]
    names = folder_names(sources, lambda source: source[0])
    assert len({unicodedata.normalize("NFC", name.casefold()) for name in names}) == len(sources)


def test_picture_names() -> None:
    assert person_file(1, 1, "jpeg") == "person_01.jpg"
    assert person_file(12, 2, "webp") == "person_12_2.webp"
    assert person_file(123, 1, "png") == "person_123.png"
    assert crop_file(1, 1, "jpeg") == "person_01_face.jpg"
    assert crop_file(1, 3, "png") == "person_01_3_face.png"
