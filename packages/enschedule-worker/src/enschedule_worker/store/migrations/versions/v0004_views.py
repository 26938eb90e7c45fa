"""Saved views of lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from enschedule_worker.store.migrations.columns import TABLE_OPTIONS, long_text, short

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of views."""
    op.create_table(
        "views",
        sa.Column("list_name", short(20), nullable=False),
        sa.Column("name", short(100), nullable=False),
        sa.Column("filters", long_text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", short(200), nullable=False),
        sa.PrimaryKeyConstraint("list_name", "name", name="pk_views"),
        **TABLE_OPTIONS,
    )
