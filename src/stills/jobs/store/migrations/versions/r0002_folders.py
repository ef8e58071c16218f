"""Which folder belongs to which source."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "folders",
        sa.Column("library_id", _NUMBER, nullable=False, autoincrement=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("library_id", "key", name="pk_folders"),
        sa.UniqueConstraint("library_id", "folded", name="uq_folders_library_id_folded"),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name="fk_folders_library_id_libraries", ondelete="CASCADE"
        ),
    )
