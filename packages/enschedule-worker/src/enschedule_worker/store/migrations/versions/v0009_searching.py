"""Indexes from which more can be answered without reading whole rows: what a search finds, how many have a tag."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make two indexes anew: the order by title with the id, that for counting with the key."""
    op.create_index("ix_schedules_title_key_id", "schedules", ["title", "key", "id"])
    op.drop_index("ix_schedules_title_key", "schedules")
    op.drop_index("ix_schedules_offer", "schedules")
    offer = ["handler_id", "handler_version", "binding", "paused", "group_id", "deleted_at", "key"]
    op.create_index("ix_schedules_offer", "schedules", offer)
