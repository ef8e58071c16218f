"""The catalog of weights is complete, and refuses what it does not know."""

import re

import pytest

from stills.errors import UsageError
from stills.models.catalog import DEFAULT_STACK, UrlMirror, WheelMirror, catalog, find


def test_default_stack_is_in_the_catalog():
    assert set(DEFAULT_STACK) <= set(catalog())


@pytest.mark.parametrize("name", catalog())
def test_every_entry_can_be_checked_and_fetched(name):
    entry = find(name)
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert entry.size > 0 or not isinstance(entry.mirrors[0], WheelMirror)
    assert entry.licence
    assert entry.source.startswith("https://")
    assert entry.mirrors
    if entry.name in DEFAULT_STACK:
        assert isinstance(entry.mirrors[0], WheelMirror)
    for mirror in entry.mirrors:
        assert not isinstance(mirror, UrlMirror) or mirror.url.startswith("https://")


@pytest.mark.parametrize("name", catalog())
def test_weights_that_may_not_be_used_for_everything_say_so(name):
    entry = find(name)
    restricted = not re.match(r"(MIT|Apache-2.0|BSD|CC0|CC-BY-4.0)", entry.licence)
    assert bool(entry.notice) == restricted


def test_entries_that_share_a_file_agree_on_it():
    by_hash = {}
    for entry in catalog().values():
        same = (entry.filename, entry.size, entry.mirrors, entry.licence)
        assert by_hash.setdefault(entry.sha256, same) == same


def test_unknown_name_gets_a_suggestion():
    with pytest.raises(UsageError, match="did you mean 'sface'"):
        find("sfase")
