"""The parts of a worker as its settings want them: engine, entry in the database, retention, notices."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from enschedule_core.environment import handler_environment
from enschedule_core.executor import ExecutorOptions
from enschedule_core.registry import Registry
from enschedule_worker.engine import executors
from enschedule_worker.engine.loop import Engine
from enschedule_worker.engine.notices import NoticeSender
from enschedule_worker.engine.options import EngineOptions
from enschedule_worker.service.retention import Keep
from enschedule_worker.settings import WorkerSettings
from enschedule_worker.store.census import WorkerCard
from enschedule_worker.store.database import Database
from enschedule_worker.store.holding import Holder


def engine_of(
    settings: WorkerSettings,
    database: Database,
    registry: Registry,
    instance_id: str,
    retry_delay: Callable[[int], float] | None,
) -> Engine:
    """Return the engine, with the executor that the settings name."""
    seen = handler_environment(os.environ, settings.handler_env)
    return Engine(
        database,
        registry,
        executors.make(
            settings.executor,
            ExecutorOptions(
                registry=registry,
                places=settings.concurrency,
                environ=seen,
                withheld=frozenset(os.environ) - frozenset(seen),
                memory_max_bytes=settings.memory_max_bytes,
                runs_per_child=settings.runs_per_child,
            ),
        ),
        Holder(settings.worker_id, instance_id, settings.worker_tags),
        EngineOptions(
            timeout_seconds=settings.timeout_seconds,
            lease_seconds=settings.lease_seconds,
            heartbeat_seconds=settings.heartbeat_seconds,
            grace_seconds=settings.grace_seconds,
            poll_seconds=settings.poll_seconds,
            output_max_bytes=settings.output_max_bytes,
            notify_url=settings.notify_url,
            log_jobs=settings.log_jobs,
            log_format=settings.log_format,
            retry_delay=retry_delay,
        ),
    )


def card_of(settings: WorkerSettings, instance_id: str, executor: str, version: str) -> WorkerCard:
    """Return what the worker enters of itself in the database; ``executor`` is the name of the one that it has."""
    return WorkerCard(
        instance_id=instance_id,
        id=settings.worker_id,
        title=settings.worker_title,
        host=socket.gethostname(),
        pid=os.getpid(),
        version=version,
        executor=executor,
        places=settings.concurrency,
        tags=settings.worker_tags,
        heartbeat_seconds=settings.heartbeat_seconds,
    )


def keep_of(settings: WorkerSettings) -> Keep:
    """Return how long runs and the audit are kept."""
    return Keep(
        settings.retention_days, settings.retention_min_runs, settings.retention_failures_days, settings.audit_days
    )


def sender_of(settings: WorkerSettings, database: Database) -> NoticeSender:
    """Return what sends the notices."""
    return NoticeSender(database, notify_url=settings.notify_url, base_url=settings.base_url, guard=settings.guard)
