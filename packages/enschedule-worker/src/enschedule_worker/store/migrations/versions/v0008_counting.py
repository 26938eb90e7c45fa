"""Indexes by which schedules are counted without reading all of them. They hold columns that seldom change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    offer = ["handler_id", "handler_version", "binding", "paused", "group_id", "deleted_at"]
    op.create_index("ix_schedules_offer", "schedules", offer)
    for name in ("retry_at", "paused_until", "faults"):
        above = sa.text(f"{name} > 0")  # the others cost nothing when they change, where that can be said
        op.create_index(f"ix_schedules_{name}", "schedules", [name], sqlite_where=above, postgresql_where=above)
