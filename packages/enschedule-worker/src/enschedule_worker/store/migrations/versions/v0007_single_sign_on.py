"""Single sign-on: who an account is at a provider, and log-ins that were used; who may use a handler."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from enschedule_worker.store.migrations.columns import TABLE_OPTIONS, short

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables, a column, and an index for the audit of a group."""
    op.create_table(
        "identities",
        sa.Column("digest", short(64), nullable=False),
        sa.Column("user_key", sa.BigInteger(), nullable=False),
        sa.Column("issuer", short(500), nullable=False),
        sa.Column("subject", short(255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_identities"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_identities_user_key", "identities", ["user_key"])
    op.create_table(
        "used_tickets",
        sa.Column("digest", short(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_used_tickets"),
        **TABLE_OPTIONS,
    )
    op.add_column("handlers", sa.Column("minimum_role", short(10)))
    op.create_table(
        "handler_access",
        sa.Column("handler_id", short(100), nullable=False),
        sa.Column("minimum_role", short(10)),
        sa.Column("limited", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("handler_id", name="pk_handler_access"),
        **TABLE_OPTIONS,
    )
    op.create_table(
        "handler_groups",
        sa.Column("handler_id", short(100), nullable=False),
        sa.Column("group_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("handler_id", "group_key", name="pk_handler_groups"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_audit_group_id_id", "audit", ["group_id", "id"])
