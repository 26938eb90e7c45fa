"""Secrets, and which schedules refer to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from enschedule_worker.store.migrations.columns import TABLE_OPTIONS, long_text, short

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and a column for addresses of notices that are sealed."""
    op.add_column("schedules", sa.Column("notify_address", long_text()))
    op.create_table(
        "secrets",
        sa.Column("name", short(64), nullable=False),
        sa.Column("value", long_text(), nullable=False),
        sa.Column("group_id", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", short(200), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", short(200), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
        **TABLE_OPTIONS,
    )
    op.create_table(
        "secret_uses",
        sa.Column("name", short(64), nullable=False),
        sa.Column("schedule_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("name", "schedule_key", name="pk_secret_uses"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_secret_uses_schedule_key", "secret_uses", ["schedule_key"])
