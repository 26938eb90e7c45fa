"""Alembic's environment: it is handed an open connection, never a URL (a ``%`` in a password breaks its parser)."""

from __future__ import annotations

from alembic import context

from enschedule_worker.store.models.base import Base

VERSION_TABLE = "enschedule_version"

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_type=True,
    compare_server_default=False,
    transaction_per_migration=False,
)
context.run_migrations()
