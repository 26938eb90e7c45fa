"""The policies of a schedule as value objects, and the rule for a schedule's id."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
RESERVED_IDS = frozenset({"new", "actions", "preview"})
TITLE_MAX = 200
DESCRIPTION_MAX = 10_000
TAGS_MAX = 20
CATCH_UP_MAX = 10
TAG_PATTERN = re.compile(r"[^\s,\"\\\x00-\x1f\x7f]{1,50}")
WORKER_NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
WORKER_TAG_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
WORKER_TAGS_MAX = 10
GROUP_PATTERN = ID_PATTERN
NOTIFY_MAX = 500
RUNBOOK_MAX = 500
ENV_MAX = 50
ENV_CHARACTERS_MAX = 20_000
ENV_NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
#: what says how the server and its handlers are to be trusted, or puts other code into their processes
ENV_REFUSED = ("ENSCHEDULE_", "LD_", "DYLD_", "PYTHON")
NOTIFY_NOBODY = "none"
_RETRY_NUMBERS = ("max_attempts", "delay_seconds", "max_delay_seconds", "jitter")


class Overlap(StrEnum):
    """What happens to a slot while an earlier run of the schedule is still open."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"
    REPLACE = "replace"


class CatchUpMode(StrEnum):
    """Which missed slots run when the scheduler comes back."""

    LATEST = "latest"
    ALL = "all"
    NONE = "none"


class OnLost(StrEnum):
    """What follows a run whose worker vanished."""

    RETRY = "retry"
    LEAVE = "leave"


class Backoff(StrEnum):
    """How the delay between attempts grows."""

    CONSTANT = "constant"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


class ScheduleStatus(StrEnum):
    """How a schedule stands; the first that matches, in this order."""

    BROKEN = "broken"
    PAUSED = "paused"
    RUNNING = "running"
    RETRYING = "retrying"
    WAITING = "waiting"
    FAILING = "failing"
    SCHEDULED = "scheduled"
    FINISHED = "finished"
    MANUAL = "manual"


class SkipReason(StrEnum):
    """Why slots did not run."""

    OVERLAP = "overlap"
    MISSED = "missed"
    WINDOW = "window"
    PAUSED = "paused"
    ALL_PAUSED = "all_paused"


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how soon a failed run is tried again.

    ``max_attempts`` counts the first one too: 1 means no retry. ``jitter`` is the share of the delay
    (0 to 1) that is added at random, so that many schedules failing together do not come back together.
    """

    max_attempts: int = 1
    delay_seconds: float = 60.0
    backoff: Backoff = Backoff.CONSTANT
    max_delay_seconds: float = 3600.0
    jitter: float = 0.0

    def delay_after(self, attempt: int, *, chance: float | None = None) -> timedelta:
        """Return how long to wait after ``attempt`` (1 is the first) failed; ``chance`` (0 to 1) fixes the jitter."""
        factor = {
            Backoff.CONSTANT: 1.0,
            Backoff.LINEAR: float(attempt),
            Backoff.EXPONENTIAL: 2.0 ** min(attempt - 1, 62),
        }[self.backoff]
        base = min(self.delay_seconds * factor, self.max_delay_seconds)
        roll = random.random() if chance is None else chance  # noqa: S311 - spreading load, not a secret
        return timedelta(seconds=base * (1 + self.jitter * roll))

    @property
    def has_default_delay(self) -> bool:
        """Whether everything but ``max_attempts`` is as it is where nothing is said about it."""
        return replace(self, max_attempts=1) == Retry()

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form, with every member."""
        return {
            "max_attempts": self.max_attempts,
            "delay_seconds": self.delay_seconds,
            "backoff": self.backoff.value,
            "max_delay_seconds": self.max_delay_seconds,
            "jitter": self.jitter,
        }

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Retry:
        """Read a checked JSON form; a member that is missing has its default."""
        known = {name: raw[name] for name in _RETRY_NUMBERS if name in raw}
        return cls(**known, backoff=Backoff(raw.get("backoff", Backoff.CONSTANT)))


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Which missed slots run: ``max`` bounds mode ``all``; slots older than ``window_seconds`` never run."""

    mode: CatchUpMode = CatchUpMode.LATEST
    window_seconds: float | None = None
    max: int = CATCH_UP_MAX

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form, with every member."""
        return {"mode": self.mode.value, "window_seconds": self.window_seconds, "max": self.max}

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> CatchUp:
        """Read a checked JSON form; a member that is missing has its default."""
        return cls(
            mode=CatchUpMode(raw.get("mode", CatchUpMode.LATEST)),
            window_seconds=raw.get("window_seconds"),
            max=raw.get("max", CATCH_UP_MAX),
        )


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the runs of a schedule are kept; ``None`` stands for the setting of the worker.

    Runs go once they ended more than ``days`` ago (``failures_days`` for those that did not succeed), but the newest
    ``runs`` of the schedule stay whatever their age.
    """

    days: int | None = None
    runs: int | None = None
    failures_days: int | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form, with every member."""
        return {"days": self.days, "runs": self.runs, "failures_days": self.failures_days}

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Retention:
        """Read a checked JSON form; a member that is missing is that of the settings."""
        return cls(raw.get("days"), raw.get("runs"), raw.get("failures_days"))


@dataclass(frozen=True, slots=True)
class Binding:
    """Which workers may run a schedule: the one with this id, and of those only with all these tags; empty: any."""

    id: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def is_any(self) -> bool:
        """True if every worker may."""
        return self.id is None and not self.tags

    def allows(self, worker_id: str, tags: Collection[str]) -> bool:
        """Return whether the worker with this id and these tags may run it."""
        return (self.id is None or self.id == worker_id) and set(self.tags) <= set(tags)

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form, with every member; tags in order, each once."""
        return {"id": self.id, "tags": list(self.tags)}

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Binding:
        """Read a checked JSON form."""
        return cls(raw.get("id"), tuple(sorted(set(raw.get("tags") or ()))))


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything about a schedule that is neither what runs nor when.

    ``max_running`` bounds its own runs, ``concurrency_group`` names a limit that it shares with others.
    ``on_success`` and ``on_failure`` are ids of schedules that run once after it. ``notify`` is a URL that is told when
    it starts failing and when it recovers, :data:`NOTIFY_NOBODY`, or ``None`` for the setting of the worker.
    """

    retry: Retry = Retry()
    catch_up: CatchUp = CatchUp()
    overlap: Overlap = Overlap.SKIP
    timeout_seconds: float | None = None
    on_lost: OnLost | None = None
    priority: int = 0
    max_running: int | None = None
    concurrency_group: str | None = None
    worker: Binding = Binding()
    on_success: str | None = None
    on_failure: str | None = None
    retention: Retention = Retention()
    notify: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form, with every member: the fields of a schedule under their own names."""
        return {
            "retry": self.retry.to_wire(),
            "timeout_seconds": self.timeout_seconds,
            "overlap": self.overlap.value,
            "catch_up": self.catch_up.to_wire(),
            "on_lost": self.on_lost.value if self.on_lost else None,
            "priority": self.priority,
            "max_running": self.max_running,
            "concurrency_group": self.concurrency_group,
            "worker": self.worker.to_wire(),
            "on_success": self.on_success,
            "on_failure": self.on_failure,
            "retention": self.retention.to_wire(),
            "notify": self.notify,
        }

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Policies:
        """Read checked fields of a schedule; what is missing has its default, what is no policy is left alone."""
        return cls(
            retry=Retry.from_wire(raw.get("retry") or {}),
            catch_up=CatchUp.from_wire(raw.get("catch_up") or {}),
            overlap=Overlap(raw.get("overlap", Overlap.SKIP)),
            timeout_seconds=raw.get("timeout_seconds"),
            on_lost=OnLost(raw["on_lost"]) if raw.get("on_lost") else None,
            priority=raw.get("priority", 0),
            max_running=raw.get("max_running"),
            concurrency_group=raw.get("concurrency_group") or None,
            worker=Binding.from_wire(raw.get("worker") or {}),
            on_success=raw.get("on_success") or None,
            on_failure=raw.get("on_failure") or None,
            retention=Retention.from_wire(raw.get("retention") or {}),
            notify=raw.get("notify") or None,
        )


def is_valid_id(text: str) -> bool:
    """Return whether ``text`` may be the id of a schedule or a handler."""
    return ID_PATTERN.fullmatch(text) is not None and text not in RESERVED_IDS


def slug(title: str) -> str:
    """Return the id that a title suggests: ``Check web shop`` → ``check-web-shop``; may be empty."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", title.lower()).strip("-._")
    return plain[:100].rstrip("-._")
