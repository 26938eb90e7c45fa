"""What a schedule's owner, such as a file, has said; a schedule's runbook, and its environment variables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from enschedule_worker.store.migrations.columns import long_text, short

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns; NULL is that nobody owns it, that there is no runbook, and no variable."""
    op.add_column("schedules", sa.Column("file_revision", sa.Integer()))
    op.add_column("schedules", sa.Column("runbook", short(500)))
    op.add_column("schedule_revisions", sa.Column("env", long_text()))
