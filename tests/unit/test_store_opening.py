"""Opening a store: where it is, what is wrong with it, and that nobody's password is ever shown."""

from __future__ import annotations

import logging
import os
import pickle
import secrets
import shutil
import sqlite3
import subprocess
import sys
import traceback
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from databases import KINDS, Backend, backend, find_postgresql
from stills.errors import (
    NoStateError,
    OutputError,
    SettingsError,
    StateError,
    StateUnavailableError,
    StrictError,
    UsageError,
)
from stills.jobs.store import Fingerprint, Store, VideoRow, normalise_source, open_store, source_key
from stills.jobs.store import filesystem as filesystem_module
from stills.jobs.store import schema as schema_module
from stills.jobs.store.filesystem import network_file_system

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with backend(request.param, tmp_path) as made:
        yield made


def filled(store: Store) -> Store:
    run = store.begin_run("stills")
    store.add_videos(run, [VideoRow("/v/a.mp4", "people", Fingerprint(size=1))])
    store.end_run(run)
    return store


def mount(monkeypatch: pytest.MonkeyPatch, kind: str, at: Path) -> None:
    """Have the folder ``at`` be on a file system of this kind."""
    parts = [ModuleType("root"), ModuleType("mount")]
    parts[0].mountpoint, parts[0].fstype = "/", "ext4"  # type: ignore[attr-defined]
    parts[1].mountpoint, parts[1].fstype = str(at.resolve()), kind  # type: ignore[attr-defined]
    monkeypatch.setattr(filesystem_module.psutil, "disk_partitions", lambda all: parts)


# SQLite in the output folder


def test_state_is_kept_in_the_output_folder_with_a_write_ahead_log(tmp_path: Path) -> None:
    with filled(open_store(tmp_path / "out")) as store:
        assert store.fallbacks == ()
        assert (tmp_path / "out" / ".stills" / "state.db-wal").exists()
    assert sqlite3.connect(tmp_path / "out/.stills/state.db").execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p", "virtiofs"])
def test_on_a_network_file_system_a_plain_journal_is_used_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    open_store(tmp_path / "out").close()  # made on a local disk once
    mount(monkeypatch, kind, tmp_path)
    with filled(open_store(tmp_path / "out")) as store:
        (fallback,) = store.fallbacks
        assert fallback.code == "state-journal"
        assert f"({kind})" in fallback.message
        assert not (tmp_path / "out" / ".stills" / "state.db-wal").exists()
        assert store.counts().total == 1
    with pytest.raises(StrictError, match=kind):
        open_store(tmp_path / "out", strict=True)


def test_file_systems_are_told_by_the_innermost_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount(monkeypatch, "nfs4", tmp_path / "share")
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "share")
    assert network_file_system(tmp_path / "share" / "out") == "nfs4"
    assert network_file_system(tmp_path / "link" / "not" / "yet") == "nfs4"
    assert network_file_system(tmp_path / "shared") is None
    mount(monkeypatch, "fuseblk", tmp_path)
    assert network_file_system(tmp_path) is None


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be read" * 100, b"SQLite format 3\0junk"]
)
def test_a_damaged_database_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".stills").mkdir()
    (tmp_path / ".stills" / "state.db").write_bytes(content)
    with pytest.raises(StateError, match=r"state\.db: the state database is damaged .* — move it") as caught:
        open_store(tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / ".stills" / "state.db").read_bytes() == content


def test_damage_in_the_middle_is_found_where_it_is_met(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        run = store.begin_run("stills")
        store.add_videos(run, [VideoRow(f"/v/{i}.mp4", "people") for i in range(2000)])
        store.end_run(run)
    path = tmp_path / ".stills" / "state.db"
    data = bytearray(path.read_bytes())
    data[8192 : len(data) - 4096] = b"\xa5" * (len(data) - 12288)
    path.write_bytes(data)
    with pytest.raises(StateError, match="damaged"), open_store(tmp_path) as store:
        list(store.videos())


def test_an_empty_file_left_by_a_kill_is_a_new_database(tmp_path: Path) -> None:
    (tmp_path / ".stills").mkdir()
    (tmp_path / ".stills" / "state.db").touch()
    with filled(open_store(tmp_path)) as store:
        assert store.counts().total == 1


def test_a_database_that_somebody_locks_is_waited_for_and_then_said(tmp_path: Path) -> None:
    with filled(open_store(tmp_path, busy_timeout_s=0.1)) as store:
        other = sqlite3.connect(tmp_path / ".stills" / "state.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateUnavailableError, match=r"locked by another process — wait"):
            store.requeue()
        assert store.counts().total == 1  # looking needs no lock
        other.execute("COMMIT")
        other.close()
        assert store.requeue() == 0


def test_a_full_disk_is_said_as_such(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        run = store.begin_run("stills")
        raw = store._database._engine.raw_connection()
        raw.cursor().execute("PRAGMA max_page_count = 1")  # SQLite then says that the disk is full
        raw.close()
        with pytest.raises(OutputError, match="the disk is full"):
            store.add_videos(run, [VideoRow(f"/v/{i}.mp4", "people") for i in range(5000)])


def test_a_removed_folder_is_noticed_by_the_next_write(tmp_path: Path) -> None:
    with filled(open_store(tmp_path / "out")) as store:
        shutil.rmtree(tmp_path / "out")
        with pytest.raises(StateError, match="removed or replaced while it was in use"):
            store.begin_run("stills")


def test_a_folder_that_may_not_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        open_store(tmp_path / "file" / "out")


# Looking only


def test_looking_makes_and_changes_nothing(database: Backend) -> None:
    with pytest.raises(NoStateError, match="no state is kept here"):
        database.open(readonly=True)
    assert not database.out.exists()
    filled(database.open()).close()
    files = {path: path.read_bytes() for path in database.out.rglob("*") if path.is_file()}
    store = database.open(readonly=True)
    assert store.counts().total == 1
    assert [d.what for d in store.compare([VideoRow("/v/a.mp4", "people", Fingerprint(size=2))])] == ["changed"]
    with pytest.raises(StateError, match="to look at only"):
        store.requeue()
    store.close()
    assert {path: path.read_bytes() for path in database.out.rglob("*") if path.is_file()} == files


def test_looking_works_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(open_store(tmp_path)).close()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with open_store(tmp_path, readonly=True) as store:
        assert store.counts().total == 1
        assert sorted(path.name for path in (tmp_path / ".stills").iterdir()) == ["state.db"]


def test_looking_goes_on_while_a_run_writes(database: Backend) -> None:
    store = filled(database.open())
    looking = database.open(readonly=True)
    run = store.begin_run("stills")
    store.add_videos(run, [VideoRow("/v/b.mp4", "people")])
    assert looking.counts().total == 2
    active = looking.active_run()
    assert active is not None
    assert active.id == run.id


# Versions of the tables


def test_a_newer_schema_is_refused_and_left_alone(database: Backend) -> None:
    filled(database.open()).close()
    database.sql("UPDATE stills_schema SET version_num = '9999'")
    with pytest.raises(StateError, match=r"written by a newer stills \(schema 9999\) — use the newer stills"):
        database.open()
    assert database.sql("SELECT version_num FROM stills_schema") == [("9999",)]


def test_an_older_schema_is_migrated_and_keeps_what_is_in_it(
    database: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(database.open()).close()
    scripts = tmp_path / "migrations"
    shutil.copytree(schema_module.MIGRATIONS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "next.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision, down_revision = 'next', {schema_module.HEAD!r}\n"
        "def upgrade():\n"
        "    with op.batch_alter_table('videos') as batch:\n"
        "        batch.add_column(sa.Column('extra', sa.Integer(), nullable=False, server_default='7'))\n"
    )
    monkeypatch.setattr(schema_module, "MIGRATIONS", scripts)
    monkeypatch.setattr(schema_module, "HEAD", "next")
    with pytest.raises(StateError, match="older stills"):
        database.open(readonly=True)
    store = database.open()
    assert [video.source for video in store.videos()] == ["/v/a.mp4"]
    assert database.sql("SELECT extra FROM videos") == [(7,)]
    assert database.sql("SELECT version_num FROM stills_schema") == [("next",)]


def test_a_migration_that_fails_leaves_the_old_tables(
    database: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(database.open()).close()
    scripts = tmp_path / "migrations"
    shutil.copytree(schema_module.MIGRATIONS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "next.py").write_text(
        f"from alembic import op\nrevision, down_revision = 'next', {schema_module.HEAD!r}\n"
        "def upgrade():\n    op.drop_table('results')\n    op.drop_table('nowhere')\n"
    )
    with monkeypatch.context() as patch:
        patch.setattr(schema_module, "MIGRATIONS", scripts)
        patch.setattr(schema_module, "HEAD", "next")
        with pytest.raises(StateError, match="nowhere"):
            database.open()
    assert list(database.open().results()) == []
    assert len(list(database.open().videos())) == 1


def test_the_migrations_make_what_the_models_say(database: Backend) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from stills.jobs.store.tables import Base

    store = database.open()
    options = {"version_table": schema_module.VERSION_TABLE, "compare_type": True}

    def differences(connection: object) -> list[object]:
        context = MigrationContext.configure(connection, opts=options)  # type: ignore[arg-type]
        return list(compare_metadata(context, Base.metadata))

    assert store._database.read(differences) == []
    assert ScriptDirectory.from_config(schema_module.migrations()).get_current_head() == schema_module.HEAD


def test_tables_of_something_else_are_left_alone(database: Backend) -> None:
    if database.url is None:
        (database.out / ".stills").mkdir(parents=True)
    database.sql("CREATE TABLE videos (id INTEGER)")
    with pytest.raises(StateError, match="tables of something else"):
        database.open()
    assert database.sql("SELECT * FROM videos") == []


def test_a_wheel_holds_the_migrations(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = {name.partition("stills/jobs/store/")[2] for name in zipfile.ZipFile(wheel).namelist()}
    assert {"migrations/env.py", "migrations/script.py.mako", "migrations/versions/r0001_first.py"} <= names


# Addresses and passwords


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@127.0.0.1:1/db",
        "postgres://me:hunter2@127.0.0.1:1/db?connect_timeout=1",
        "postgresql://127.0.0.1:1/db?user=me&password=hunter2",
        "postgresql://me:hun%74er2@127.0.0.1:1/db",
        "postgresql://me:hunter2@127.0.0.1:1/db?sslpassword=hunter2",
    ],
)
def test_a_password_is_in_no_error_log_or_repr(tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "stills")
    with pytest.raises(
        StateUnavailableError, match=r"postgresql://127\.0\.0\.1:1/db: the database cannot be"
    ) as caught:
        open_store(tmp_path, url)
    error = caught.value
    shown = [
        str(error),
        repr(error),
        *traceback.format_exception(error),
        caplog.text,
        repr(pickle.loads(pickle.dumps(error))),
    ]
    assert not [text for text in shown if "hunter2" in text.replace(url, "")]


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:hunter2@h/db", "hunter2", "postgresql://me:hun@ter2@h/db", "postgresql://me:hunter2@h:port/db",
        "sqlite://", "sqlite:///",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_quoting_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"jobs\.database") as caught:
        open_store(tmp_path, url)
    text = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in str(caught.value)
    assert "ter2" not in text.replace(repr(url), "").replace(url, "")


def test_a_wrong_password_is_said_without_it(tmp_path: Path) -> None:
    good = find_postgresql()
    host = good.rpartition("@")[2]
    with pytest.raises(StateError, match=r"refuses .*authentication failed") as caught:
        open_store(tmp_path, f"postgresql://nobody:hunter2@{host}")
    assert not caught.value.retryable
    assert "hunter2" not in str(caught.value)


def test_a_store_shows_where_it_is_and_not_how_to_get_in(tmp_path: Path) -> None:
    with backend("postgresql", tmp_path) as made:
        store = made.open()
        assert "stills:stills" not in f"{store!r} {store._database!r} {store._database.address!r} {store.shown}"
        assert store.shown.startswith("postgresql://")


def test_sources_lose_their_credentials_before_they_are_kept(database: Backend) -> None:
    store = database.open()
    run = store.begin_run("stills https://me:hunter2@host/a.mp4?sig=hunter2")
    url = "https://me:hunter2@host/a.mp4?X-Amz-Signature=hunter2"
    store.add_videos(run, [VideoRow(url, "people")])
    (claim,) = store.claim(run)
    assert claim.source == "https://host/a.mp4"
    assert claim.key == source_key("https://host/a.mp4?X-Amz-Signature=another", "people")
    message = f"cannot read {url} now"
    store.finish(claim, "done", {"from": [url], "also": {"x": message}})
    run2 = store.add_videos(run, [VideoRow(url, "thumbnails")]) and store.claim(run)
    store.fail(run2[0], error_class="bug", code="x", message=message, log_tail=f"GET {url}\nGET {url} again")
    everything = [
        str(row)
        for table in ("runs", "videos", "attempts", "results", "libraries")
        for row in database.sql(f"SELECT * FROM {table}")  # noqa: S608
    ]
    assert "host/a.mp4" in " ".join(everything)
    assert not [row for row in everything if "hunter2" in row]


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("/a/../b/./c.mp4", "/b/c.mp4"),
        ("file:///b/c%20d.mp4", "/b/c d.mp4"),
        ("HTTPS://Me:x@Host.Example:443/A.mp4#t=1", "https://host.example/A.mp4"),
        ("http://[::1]:8080/a.mp4", "http://[::1]:8080/a.mp4"),
        ("s3://Bucket/a#1.mp4", "s3://Bucket/a#1.mp4"),
        ("https://h/v?id=1&sig=x", "https://h/v?…"),
    ],
)
def test_how_sources_are_kept(source: str, kept: str) -> None:
    assert normalise_source(source) == kept


def test_a_signature_makes_no_other_video_and_a_query_does() -> None:
    def key(url: str) -> str:
        return source_key(url, "people")

    assert key("https://h/v?id=1&X-Goog-Signature=a&X-Goog-Date=b") == key("https://h/v?id=1&X-Goog-Signature=c")
    assert key("az://c/v.mp4?sv=1&se=2&sig=a") == key("az://c/v.mp4?sv=2&se=3&sig=b")
    assert key("https://h/v?id=1") != key("https://h/v?id=2")
    assert key("https://h/v?se=1") != key("https://h/v?se=2")  # not beside a signature
    assert key("s3://b/a#1.mp4") != key("s3://b/a#2.mp4")
    assert key("/v/\udcff.mp4") != key("/v/\udcfe.mp4")


def test_an_output_folder_elsewhere_needs_a_database(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--database"):
        open_store("s3://bucket/out")
    with open_store("s3://bucket/out", f"sqlite:////{tmp_path}/x.db") as store:
        filled(store)
    with open_store("s3://bucket/out/", f"sqlite:////{tmp_path}/x.db", readonly=True) as store:
        assert store.counts().total == 1


def test_importing_the_store_loads_no_database() -> None:
    code = "import sys, stills.jobs.store; print('sqlalchemy' in sys.modules, 'alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_lost_connection_is_made_anew(tmp_path: Path) -> None:
    with backend("postgresql", tmp_path) as made:
        made.url = f"{made.url}&application_name={(name := f'stills-{secrets.token_hex(4)}')}"
        store = filled(made.open())
        gone = made.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :n"
                        " AND pid <> pg_backend_pid()", n=name)  # fmt: skip
        assert (True,) in gone
        assert store.begin_run("stills").batch == 2
