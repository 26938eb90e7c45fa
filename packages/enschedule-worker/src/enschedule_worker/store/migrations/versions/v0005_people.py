"""Users, groups, API keys; whose a session is; by which key or session something was done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from enschedule_worker.store.migrations.columns import TABLE_OPTIONS, key, short

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that have a default for the rows that are there, and tables."""
    op.add_column("sessions", sa.Column("user_key", sa.BigInteger()))
    op.add_column("sessions", sa.Column("seen_at", sa.BigInteger()))
    op.add_column("sessions", sa.Column("address", short(64)))
    op.add_column("sessions", sa.Column("agent", short(200)))
    op.create_index("ix_sessions_user_key", "sessions", ["user_key"])
    op.add_column("audit", sa.Column("via", short(60)))
    op.add_column("audit", sa.Column("refused", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_audit_actor_name_id", "audit", ["actor_name", "id"])
    _users()
    _groups()
    _api_keys()
    _login_attempts()


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("key", key(), autoincrement=True, nullable=False),
        sa.Column("name", short(100), nullable=False),
        sa.Column("role", short(10), nullable=False),
        sa.Column("password_hash", short(300), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("theme", short(10)),
        sa.Column("timezone", short(100)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", short(200), nullable=False),
        sa.Column("password_at", sa.BigInteger(), nullable=False),
        sa.Column("login_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("key", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
        **TABLE_OPTIONS,
    )


def _groups() -> None:
    op.create_table(
        "groups",
        sa.Column("key", key(), autoincrement=True, nullable=False),
        sa.Column("id", short(100), nullable=False),
        sa.Column("title", short(200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", short(200), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_groups"),
        sa.UniqueConstraint("id", name="uq_groups_id"),
        **TABLE_OPTIONS,
    )
    op.create_table(
        "group_members",
        sa.Column("group_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", short(10), nullable=False),
        sa.PrimaryKeyConstraint("group_key", "user_key", name="pk_group_members"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_group_members_user_key", "group_members", ["user_key"])


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key", key(), autoincrement=True, nullable=False),
        sa.Column("prefix", short(40), nullable=False),
        sa.Column("digest", short(64), nullable=False),
        sa.Column("name", short(100), nullable=False),
        sa.Column("role", short(10), nullable=False),
        sa.Column("group_key", sa.BigInteger()),
        sa.Column("user_key", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", short(200), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("used_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("key", name="pk_api_keys"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_api_keys_user_key", "api_keys", ["user_key"])


def _login_attempts() -> None:
    op.create_table(
        "login_attempts",
        sa.Column("id", key(), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("address", short(64), nullable=False),
        sa.Column("account", short(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_login_attempts"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_login_attempts_at", "login_attempts", ["at"])
    op.create_index("ix_login_attempts_address_at", "login_attempts", ["address", "at"])
    op.create_index("ix_login_attempts_account_at", "login_attempts", ["account", "at"])
