"""Which revision of a schedule its owner, such as a file, has said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; NULL is what it says of schedules that nobody owns."""
    op.add_column("schedules", sa.Column("file_revision", sa.Integer()))
