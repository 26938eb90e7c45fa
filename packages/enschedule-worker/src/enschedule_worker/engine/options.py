"""How an engine behaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine behaves. Durations are in seconds; ``output_max_bytes`` is kept of each run's output.

    ``notify_url`` is told of schedules that begin to fail or recover, unless they say themselves who is. With
    ``log_jobs`` the server's standard output repeats what runs print, as ``text`` or as ``json``.
    ``retry_delay(attempt)`` says how many seconds after an attempt the next one comes, for schedules that leave the
    delay as it is.
    """

    timeout_seconds: float = 3600.0
    lease_seconds: float = 45.0
    heartbeat_seconds: float = 10.0
    grace_seconds: float = 30.0
    poll_seconds: float = 1.0
    output_max_bytes: int = 10 * 1024 * 1024
    notify_url: str | None = field(default=None, repr=False)
    log_jobs: bool = False
    log_format: str = "text"
    retry_delay: Callable[[int], float] | None = None
