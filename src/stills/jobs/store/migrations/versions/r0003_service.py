"""The jobs of the service."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this version."""
    _jobs()
    op.create_table(
        "service_usage",
        sa.Column("library_id", _NUMBER, nullable=False, autoincrement=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.BigInteger(), nullable=False),
        sa.Column("video_s", sa.Double(), nullable=False),
        sa.Column("work_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("library_id", "owner", "day", name="pk_service_usage"),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name="fk_service_usage_library_id_libraries", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "service_deliveries",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("job_number", _NUMBER, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("ready_tick", sa.Double()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_service_deliveries"),
        sa.ForeignKeyConstraint(
            ["job_number"],
            ["service_jobs.number"],
            name="fk_service_deliveries_job_number_service_jobs",
            ondelete="CASCADE",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_service_deliveries_ready", "service_deliveries", ["ready_tick"])
    op.create_index("ix_service_deliveries_job", "service_deliveries", ["job_number"])


def _jobs() -> None:
    op.create_table(
        "service_jobs",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("library_id", _NUMBER, nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("recipe", sa.String(64), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("has_source", sa.Boolean(), nullable=False),
        sa.Column("posters", sa.Text(), nullable=False),
        sa.Column("webhook", sa.Text()),
        sa.Column("key", sa.String(255)),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_tick", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double()),
        sa.Column("finished_at", sa.Double()),
        sa.Column("expires_at", sa.Double()),
        sa.Column("expires_tick", sa.Double()),
        sa.Column("ready_tick", sa.Double(), nullable=False),
        sa.Column("run_id", _NUMBER),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("artifacts", sa.Text(), nullable=False),
        sa.Column("content", sa.String(64)),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("folder", sa.String(64)),
        sa.Column("erasing", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_service_jobs"),
        sa.UniqueConstraint("id", name="uq_service_jobs_id"),
        sa.UniqueConstraint("library_id", "owner", "key", name="uq_service_jobs_library_id_owner_key"),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name="fk_service_jobs_library_id_libraries", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_service_jobs_run_id_runs", ondelete="SET NULL"),
        sqlite_autoincrement=True,
    )
    indexes = {
        "claim": ["library_id", "state", "erasing", "ready_tick", "number"],
        "owner": ["library_id", "owner", "state", "number"],
        "expires": ["library_id", "erasing", "expires_tick"],
        "content": ["library_id", "content"],
        "run": ["run_id", "state"],
    }
    for name, columns in indexes.items():
        op.create_index(f"ix_service_jobs_{name}", "service_jobs", columns)
