"""The first tables, for five databases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from enschedule_worker.store.migrations.columns import (
    TABLE_OPTIONS,
    key,
    long_text,
    short,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    _schedules()
    _schedule_revisions()
    _schedule_tags()
    _runs()
    _run_details()
    _output()
    _skips()
    _workers()
    _worker_handlers()
    _handlers()
    _plugins()
    _counters()
    _sessions()
    _audit()
    _state()


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("key", key(), autoincrement=True, nullable=False),
        sa.Column("id", short(130), nullable=False),
        sa.Column("title", short(200), nullable=False),
        sa.Column("description", long_text(), nullable=False),
        sa.Column("group_id", sa.BigInteger()),
        sa.Column("handler_id", short(100), nullable=False),
        sa.Column("handler_version", sa.Integer(), nullable=False),
        sa.Column("trigger_kind", short(20), nullable=False),
        sa.Column("trigger", short(2000), nullable=False),
        sa.Column("policies", short(2000), nullable=False),
        sa.Column("tags", short(2000), nullable=False),
        sa.Column("managed_by", short(500)),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("fire_at", sa.BigInteger()),
        sa.Column("slots_fired", sa.BigInteger(), nullable=False),
        sa.Column("zone_version", short(20)),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("paused_at", sa.BigInteger()),
        sa.Column("paused_by", short(200)),
        sa.Column("paused_until", sa.BigInteger()),
        sa.Column("pause_reason", short(500)),
        sa.Column("broken_reason", short(1000)),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("overlap", short(10), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("max_running", sa.Integer()),
        sa.Column("concurrency_group", short(100)),
        sa.Column("worker_id", short(100)),
        sa.Column("worker_tags", short(1000)),
        sa.Column("on_success", short(100)),
        sa.Column("on_failure", short(100)),
        sa.Column("last_status", short(20)),
        sa.Column("last_run_id", sa.BigInteger()),
        sa.Column("last_run_at", sa.BigInteger()),
        sa.Column("last_success_at", sa.BigInteger()),
        sa.Column("failing_since", sa.BigInteger()),
        sa.Column("failures_in_row", sa.Integer(), nullable=False),
        sa.Column("open_runs", sa.Integer(), nullable=False),
        sa.Column("running_runs", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.BigInteger()),
        sa.Column("recent", long_text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", short(200), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("key", name="pk_schedules"),
        sa.UniqueConstraint("id", name="uq_schedules_id"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_schedules_due_at_key", "schedules", ["due_at", "key"])
    op.create_index(
        "ix_schedules_failing_since_key", "schedules", ["failing_since", "key"]
    )
    op.create_index("ix_schedules_fire_at_key", "schedules", ["fire_at", "key"])
    op.create_index("ix_schedules_last_run_at_key", "schedules", ["last_run_at", "key"])
    op.create_index("ix_schedules_title_key", "schedules", ["title", "key"])


def _schedule_revisions() -> None:
    op.create_table(
        "schedule_revisions",
        sa.Column("schedule_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", long_text(), nullable=False),
        sa.Column("definition", long_text(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.Column("saved_by", short(200), nullable=False),
        sa.PrimaryKeyConstraint(
            "schedule_key", "revision", name="pk_schedule_revisions"
        ),
        **TABLE_OPTIONS,
    )


def _schedule_tags() -> None:
    op.create_table(
        "schedule_tags",
        sa.Column("tag", short(100), nullable=False),
        sa.Column("schedule_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tag", "schedule_key", name="pk_schedule_tags"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_schedule_tags_schedule_key", "schedule_tags", ["schedule_key"])


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", key(), autoincrement=True, nullable=False),
        sa.Column("occurrence_key", short(200), nullable=False),
        sa.Column("schedule_key", sa.BigInteger()),
        sa.Column("revision", sa.Integer()),
        sa.Column("group_id", sa.BigInteger()),
        sa.Column("handler_id", short(100), nullable=False),
        sa.Column("handler_version", sa.Integer(), nullable=False),
        sa.Column("has_data", sa.Boolean(), nullable=False),
        sa.Column("status", short(10), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Boolean(), nullable=False),
        sa.Column("slot_at", sa.BigInteger()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("retry", short(300), nullable=False),
        sa.Column("on_lost", short(10), nullable=False),
        sa.Column("retry_of", sa.BigInteger()),
        sa.Column("root_id", sa.BigInteger()),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("origin_kind", short(10), nullable=False),
        sa.Column("origin_actor", short(200)),
        sa.Column("timeout", sa.BigInteger()),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("worker_id", short(100)),
        sa.Column("worker_instance", short(40)),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("cancel_requested_at", sa.BigInteger()),
        sa.Column("cancel_requested_by", short(200)),
        sa.Column("outcome_kind", short(20)),
        sa.Column("message", short(2000)),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("progress", sa.Double()),
        sa.Column("progress_text", short(200)),
        sa.Column("output_bytes", sa.BigInteger(), nullable=False),
        sa.Column("output_lines", sa.BigInteger(), nullable=False),
        sa.Column("output_truncated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("occurrence_key", name="uq_runs_occurrence_key"),
        **TABLE_OPTIONS,
    )
    op.create_index(
        "ix_runs_queue",
        "runs",
        ["status", "rank", "not_before", "id"],
        sqlite_where=sa.text("status IN ('queued', 'running')"),
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_index(
        "ix_runs_root",
        "runs",
        ["root_id"],
        sqlite_where=sa.text("root_id IS NOT NULL"),
        postgresql_where=sa.text("root_id IS NOT NULL"),
    )
    op.create_index("ix_runs_schedule", "runs", ["schedule_key", "id"])
    op.create_index(
        "ix_runs_trouble",
        "runs",
        ["status", "id"],
        sqlite_where=sa.text("status NOT IN ('queued', 'running', 'succeeded')"),
        postgresql_where=sa.text("status NOT IN ('queued', 'running', 'succeeded')"),
    )


def _run_details() -> None:
    op.create_table(
        "run_details",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", long_text()),
        sa.Column("result", long_text()),
        sa.Column("traceback", long_text()),
        sa.Column("note", short(500)),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_details"),
        **TABLE_OPTIONS,
    )


def _output() -> None:
    op.create_table(
        "output",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stream", short(6), nullable=False),
        sa.Column("printed_at", sa.BigInteger(), nullable=False),
        sa.Column("text", long_text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "fence", "seq", name="pk_output"),
        **TABLE_OPTIONS,
    )


def _skips() -> None:
    op.create_table(
        "skips",
        sa.Column("id", key(), autoincrement=True, nullable=False),
        sa.Column("schedule_key", sa.BigInteger(), nullable=False),
        sa.Column("reason", short(20), nullable=False),
        sa.Column("first_slot_at", sa.BigInteger(), nullable=False),
        sa.Column("last_slot_at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_skips"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_skips_schedule_key_id", "skips", ["schedule_key", "id"])


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("instance_id", short(40), nullable=False),
        sa.Column("id", short(100), nullable=False),
        sa.Column("title", short(200), nullable=False),
        sa.Column("host", short(255), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("version", short(50), nullable=False),
        sa.Column("executor", short(50), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("stuck", sa.Integer(), nullable=False),
        sa.Column("tags", short(1000), nullable=False),
        sa.Column("heartbeat_seconds", sa.Double(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=False),
        sa.Column("stopped_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("instance_id", name="pk_workers"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_workers_id", "workers", ["id"])


def _worker_handlers() -> None:
    op.create_table(
        "worker_handlers",
        sa.Column("instance_id", short(40), nullable=False),
        sa.Column("handler_id", short(100), nullable=False),
        sa.Column("handler_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("native", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "instance_id", "handler_id", "handler_version", name="pk_worker_handlers"
        ),
        **TABLE_OPTIONS,
    )
    op.create_index(
        "ix_worker_handlers_handler_id_handler_version",
        "worker_handlers",
        ["handler_id", "handler_version"],
    )


def _handlers() -> None:
    op.create_table(
        "handlers",
        sa.Column("id", short(100), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("title", short(200), nullable=False),
        sa.Column("description", long_text(), nullable=False),
        sa.Column("data_schema", long_text()),
        sa.Column("example", long_text()),
        sa.Column("idempotent", sa.Boolean(), nullable=False),
        sa.Column("source", short(2000)),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", "version", name="pk_handlers"),
        **TABLE_OPTIONS,
    )


def _plugins() -> None:
    op.create_table(
        "plugins",
        sa.Column("instance_id", short(40), nullable=False),
        sa.Column("name", short(300), nullable=False),
        sa.Column("source", short(2000), nullable=False),
        sa.Column("handlers", long_text(), nullable=False),
        sa.Column("error", short(2000)),
        sa.Column("traceback", long_text()),
        sa.PrimaryKeyConstraint("instance_id", "name", name="pk_plugins"),
        **TABLE_OPTIONS,
    )


def _counters() -> None:
    op.create_table(
        "counters",
        sa.Column("hour_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("worker_id", short(100), nullable=False),
        sa.Column("status", short(10), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("duration", sa.BigInteger(), nullable=False),
        sa.Column("delay", sa.BigInteger(), nullable=False),
        sa.Column("delayed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour_at", "worker_id", "status", name="pk_counters"),
        **TABLE_OPTIONS,
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("token_hash", short(64), nullable=False),
        sa.Column("name", short(200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", key(), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_kind", short(20), nullable=False),
        sa.Column("actor_name", short(200), nullable=False),
        sa.Column("address", short(64)),
        sa.Column("action", short(50), nullable=False),
        sa.Column("object_kind", short(50), nullable=False),
        sa.Column("object_id", short(130), nullable=False),
        sa.Column("group_id", sa.BigInteger()),
        sa.Column("detail", long_text()),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        **TABLE_OPTIONS,
    )
    op.create_index(
        "ix_audit_object_kind_object_id_id", "audit", ["object_kind", "object_id", "id"]
    )


def _state() -> None:
    op.create_table(
        "state",
        sa.Column("name", short(100), nullable=False),
        sa.Column("value", long_text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_state"),
        **TABLE_OPTIONS,
    )
