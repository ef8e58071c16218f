"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "libraries",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_libraries"),
        sa.UniqueConstraint("key", name="uq_libraries_key"),
    )
    op.create_table(
        "clocks",
        sa.Column("machine", sa.String(128), nullable=False),
        sa.Column("offset_s", sa.Double(), nullable=False),
        sa.Column("seen_tick", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("machine", name="pk_clocks"),
    )
    op.create_table(
        "runs",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("library_id", _NUMBER, nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("machine", sa.String(128), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("started", sa.String(64), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("lease_s", sa.Double(), nullable=False),
        sa.Column("began_tick", sa.Double(), nullable=False),
        sa.Column("heartbeat_tick", sa.Double(), nullable=False),
        sa.Column("began_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
        sa.Column("ended", sa.String(16)),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name="fk_runs_library_id_libraries", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_runs_library_id_ended", "runs", ["library_id", "ended"])
    _videos()
    op.create_table(
        "attempts",
        sa.Column("video_id", _NUMBER, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("began_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
        sa.Column("ended", sa.String(64), nullable=False),
        sa.Column("error_class", sa.String(32)),
        sa.Column("code", sa.String(64)),
        sa.Column("message", sa.Text()),
        sa.Column("log_tail", sa.Text()),
        sa.PrimaryKeyConstraint("video_id", "token", name="pk_attempts"),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name="fk_attempts_video_id_videos", ondelete="CASCADE"),
    )
    op.create_table(
        "segments",
        sa.Column("video_id", _NUMBER, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("video_id", "number", name="pk_segments"),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name="fk_segments_video_id_videos", ondelete="CASCADE"),
    )
    op.create_table(
        "results",
        sa.Column("video_id", _NUMBER, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("video_id", name="pk_results"),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name="fk_results_video_id_videos", ondelete="CASCADE"),
    )


def _videos() -> None:
    op.create_table(
        "videos",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("library_id", _NUMBER, nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recipe", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("settings", sa.String(128), nullable=False),
        sa.Column("models", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("ready_tick", sa.Double(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("run_id", _NUMBER),
        sa.Column("error_class", sa.String(32)),
        sa.Column("message", sa.Text()),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.Column("done_tick", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_videos"),
        sa.UniqueConstraint("library_id", "key", name="uq_videos_library_id_key"),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name="fk_videos_library_id_libraries", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_videos_run_id_runs", ondelete="SET NULL"),
        sqlite_autoincrement=True,
    )
    claim = ["library_id", "batch", "state", "ready_tick", "priority", "id"]
    op.create_index("ix_videos_claim", "videos", claim)
    op.create_index("ix_videos_state", "videos", ["library_id", "state", "outcome", "id"])
    op.create_index("ix_videos_done", "videos", ["library_id", "done_tick"])
    op.create_index("ix_videos_run", "videos", ["run_id", "state"])
