"""Limits, bindings to workers, and notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from enschedule_worker.store.migrations.columns import TABLE_OPTIONS, key, long_text, short

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that have a default for the rows that are there, and tables."""
    op.add_column("schedules", _binding())
    op.add_column("runs", _binding())
    op.add_column("runs", sa.Column("limited", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("runs", sa.Column("concurrency_group", short(100)))
    op.add_column("handlers", sa.Column("max_running", sa.Integer()))
    _bindings()
    _concurrency_groups()
    _notices()


def _binding() -> sa.Column[int]:
    return sa.Column("binding", sa.BigInteger(), nullable=False, server_default=sa.text("0"))


def _bindings() -> None:
    op.create_table(
        "bindings",
        sa.Column("key", key(), autoincrement=True, nullable=False),
        sa.Column("digest", short(64), nullable=False),
        sa.Column("worker_id", short(100)),
        sa.Column("tags", short(1000), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_bindings"),
        sa.UniqueConstraint("digest", name="uq_bindings_digest"),
        **TABLE_OPTIONS,
    )


def _concurrency_groups() -> None:
    op.create_table(
        "concurrency_groups",
        sa.Column("name", short(100), nullable=False),
        sa.Column("max_running", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", short(200), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_concurrency_groups"),
        **TABLE_OPTIONS,
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", key(), autoincrement=True, nullable=False),
        sa.Column("kind", short(20), nullable=False),
        sa.Column("schedule_key", sa.BigInteger()),
        sa.Column("run_id", sa.BigInteger()),
        sa.Column("url", long_text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("send_at", sa.BigInteger()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.Column("error", short(500)),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_notices_send_at_id", "notices", ["send_at", "id"])
    op.create_index("ix_notices_schedule_key_id", "notices", ["schedule_key", "id"])
