"""Who may ask the service: tokens by file and environment, as hashes, with scopes; and that one is asked for."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import pytest

import stills
from stills.cli.cmd_token import command
from stills.errors import InputError, SettingsError
from stills.service import auth
from stills.service.auth import ANYBODY, SCOPES, Tokens, new_token, new_webhook_secret, parse, token_line
from stills.settings import Settings

TOKEN = "stills_" + "a1B2" * 10
OTHER = "f" * 64


def settings(**service: object) -> Settings:
    return stills.load_settings(env={}, options={f"service.{name}": value for name, value in service.items()})


def bearer(token: str) -> str:
    return f"Bearer {token}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"# clients\nweb {TOKEN} read # the page\n\n{OTHER}\n")
    path.chmod(0o600)
    return path


def test_a_token_says_who_asks_and_what_they_may(file: Path) -> None:
    tokens = Tokens.load(settings(tokens=file))
    web = tokens.check(bearer(TOKEN))
    assert web is not None
    assert (web.name, web.sees, [web.may(scope) for scope in SCOPES]) == ("web", "web", [True, False, False, False])
    nameless = tokens.check(f"bearer  {OTHER} ")
    assert nameless is not None
    assert nameless.name == f"token-{hashlib.sha256(OTHER.encode()).hexdigest()[:8]}"
    assert [nameless.may(scope) for scope in SCOPES] == [True, True, False, False]


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x",
     "Bearer \udcff", f"Bearer sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()}", f"Bearer {TOKEN},{OTHER}",
     "Bearer " + "x" * 9000],
)  # fmt: skip
def test_nothing_else_is_a_token(file: Path, header: str | None) -> None:
    assert Tokens.load(settings(tokens=file)).check(header) is None


def test_tokens_come_by_the_environment_too(file: Path) -> None:
    line = token_line("ci", TOKEN + "ci", ("admin",))
    found = stills.load_settings(env={"STILLS_SERVICE__TOKENS_TEXT": f"{line}; {OTHER}"})
    tokens = Tokens.load(found)
    ci = tokens.check(bearer(TOKEN + "ci"))
    assert ci is not None
    assert (ci.name, ci.sees, ci.may("jobs")) == ("ci", None, True)
    assert tokens.check(bearer(OTHER)) is not None
    assert TOKEN not in line
    assert line not in repr(found)
    assert line not in str(found.service.model_dump())


def test_without_tokens_nobody_else_can_reach_it() -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.9.9.9"):
        tokens = Tokens.load(settings(host=host))
        assert not tokens.wanted
        assert tokens.check(None) is ANYBODY
    for host in ("0.0.0.0", "::", "192.0.2.1", "stills.example.org"):
        with pytest.raises(SettingsError, match="stills token NAME"):
            Tokens.load(settings(host=host))


def test_no_auth_is_said_aloud_and_contradicts_tokens(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Tokens.load(settings(host="0.0.0.0", no_auth=True)).check(None) is ANYBODY
    assert "no token is asked for" in caplog.text
    with pytest.raises(SettingsError, match="no_auth"):
        Tokens.load(settings(no_auth=True, tokens=file))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("web short", "20 to 512"),
        ("web sha256:abc", "64 hexadecimal"),
        (f"web {TOKEN} jobs,root", "'root'"),
        (f"we/b {TOKEN}", "name"),
        (f"{TOKEN} jobs read admin", "4 words"),
        (f"web {TOKEN}é", "20 to 512"),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_not_by_its_token(line: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        list(parse(f"# first\n{line}", "tokens"))
    assert "line 2" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_files_that_cannot_be_are_refused(tmp_path: Path, file: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Tokens.load(settings(tokens=tmp_path / "missing"))
    with pytest.raises(InputError):
        Tokens.load(settings(tokens=tmp_path))
    (tmp_path / "empty").write_text("# nobody yet\n")
    with pytest.raises(SettingsError, match="no token"):
        Tokens.load(settings(tokens=tmp_path / "empty"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        Tokens.load(settings(tokens=tmp_path / "binary"))
    file.chmod(0o666)
    with pytest.raises(SettingsError, match="chmod o-w"):
        Tokens.load(settings(tokens=file))


def test_a_file_that_others_can_read_is_told_unless_it_has_hashes(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.chmod(0o644)
    Tokens.load(settings(tokens=file))
    assert "chmod 600" in caplog.text
    assert TOKEN not in caplog.text
    caplog.clear()
    file.write_text(token_line("web", TOKEN))
    Tokens.load(settings(tokens=file))
    assert not caplog.records


def test_a_token_that_is_taken_out_does_not_hold_any_more(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(auth, "_LOOK_S", 0.0)
    tokens = Tokens.load(settings(tokens=file))
    replace(file, token_line("web", OTHER))
    assert tokens.check(bearer(TOKEN)) is None
    web = tokens.check(bearer(OTHER))
    assert web is not None
    assert web.name == "web"
    with caplog.at_level(logging.ERROR):
        replace(file, "web too-short")
        assert tokens.check(bearer(OTHER)) is not None, "a broken file let nobody in any more"
        file.unlink()
        assert tokens.check(bearer(OTHER)) is not None
    assert "the old ones hold" in caplog.text
    replace(file, f"web {TOKEN}\nweb {OTHER}")
    assert [tokens.check(bearer(one)).name for one in (TOKEN, OTHER)] == ["web", "web"]  # type: ignore[union-attr]


def replace(file: Path, text: str) -> None:
    new = file.with_name("new")
    new.write_text(text)
    new.chmod(0o600)
    os.replace(new, file)


def test_every_token_is_compared_in_the_same_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    monkeypatch.setattr(auth.hmac, "compare_digest", lambda a, b: bool(compared.append(a)) or a == b)
    tokens = Tokens.load(settings(tokens=file))
    for token in (TOKEN, OTHER, "x" * 64):
        compared.clear()
        tokens.check(bearer(token))
        assert len(compared) == 2


def test_new_ones_differ_and_are_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len({new_token() for _ in range(100)}) == 100
    file = tmp_path / "tokens"
    file.write_text("# no line end")
    said = []
    for name in ("web", "ci"):
        assert command.main([name, "--scope", "admin", "--file", str(file)], standalone_mode=False) == 0
        said.append(capsys.readouterr().out.strip())
    assert not set(said) & set(file.read_text().split())
    tokens = Tokens.load(settings(tokens=file))
    assert [tokens.check(bearer(token)).name for token in said] == ["web", "ci"]  # type: ignore[union-attr]
    fresh = tmp_path / "fresh"
    command.main(["web", "--file", str(fresh)], standalone_mode=False)
    assert fresh.stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    command.main(["--webhook"], standalone_mode=False)
    settings(webhook_secret=capsys.readouterr().out.strip(), webhooks="hooks.example.org")


@pytest.mark.parametrize(
    ("name", "value"),
    [("webhook_secret", "whsec_c2hvcnQ="), ("webhook_secret", "hunter2hunter2"), ("webhook_secret", "whsec_!!")],
)
def test_a_secret_that_is_wrong_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match="Base64") as caught:
        stills.load_settings(env={f"STILLS_SERVICE__{name.upper()}": value})
    assert value not in str(caught.value)
    secret = new_webhook_secret()
    with pytest.raises(SettingsError, match="webhook_secret") as caught:
        stills.load_settings(env={"STILLS_SERVICE__TOKENS_TEXT": TOKEN, "STILLS_SERVICE__WEBHOOKS": "a.example"})
    assert TOKEN not in str(caught.value)
    assert secret not in repr(settings(webhook_secret=secret))
