"""One function names places without their secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stills.addresses import clean, public_name

SECRET = "s3cretXYZ"  # noqa: S105 - it opens nothing

NAMES = [
    (f"https://me:{SECRET}@host:8080/a/b.mp4?X-Amz-Signature={SECRET}#f", "https://host:8080/a/b.mp4?…"),
    (f"https://{SECRET}@host/a.mp4", "https://host/a.mp4"),
    (f"https://host/a.mp4?sv=1&sig={SECRET}%2B", "https://host/a.mp4?…"),
    (f"s3://key:p@{SECRET}@bucket/some folder/film.mp4", "s3://bucket/some folder/film.mp4"),
    (f"az://account:{SECRET}@container/film.mp4?{SECRET}", "az://container/film.mp4?…"),
    (f"zip://in.mp4::https://me:{SECRET}@host/a.zip?{SECRET}", "zip://in.mp4::https://host/a.zip?…"),
    (f"postgresql://me:{SECRET}@host/db", "postgresql://host/db"),
    ("films/what?.mp4#1", "films/what?.mp4#1"),
    ("C:\\films\\a@b.mp4", "C:\\films\\a@b.mp4"),
    ("/films/a@b.mp4", "/films/a@b.mp4"),
]


@pytest.mark.parametrize(("place", "name"), NAMES)
def test_a_place_without_its_secrets(place: str, name: str) -> None:
    assert public_name(place) == name
    assert public_name(name) == name
    assert SECRET not in clean(f"cannot open {place!r}: {place} failed") or "://" not in place


words = st.text("abcXYZ019-._~%+", min_size=1, max_size=12)


@given(st.sampled_from(["https", "http", "s3", "gs", "az", "memory"]), st.tuples(words, words, words, words, words))
def test_whatever_the_secrets_are(scheme: str, parts: tuple[str, str, str, str, str]) -> None:
    user, password, host, path, query = parts
    address = f"{scheme}://{user}:<{password}>@{host}/{path}?sig=<{query}>"
    assert public_name(address) == f"{scheme}://{host}/{path}?…"
    assert "<" not in clean(f"see {address} for more")
