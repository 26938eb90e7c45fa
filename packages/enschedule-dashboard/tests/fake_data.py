"""A day in the life of a small company, in the shapes of the REST API, at a moment that stands still."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from enschedule_core.clock import format_instant

NOW = datetime(2026, 11, 23, 13, 32, 7, tzinfo=UTC)
ZONE = "Europe/Stockholm"
Json = dict[str, Any]

SCHEMAS: dict[str, Json] = {
    "fetch": {
        "type": "object",
        "required": ["url"],
        "additionalProperties": False,
        "properties": {
            "url": {
                "type": "string",
                "format": "uri",
                "title": "URL",
                "description": "Where the request goes",
                "examples": ["https://shop.example.org/health"],
            },
            "method": {
                "type": "string",
                "enum": ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"],
                "default": "GET",
                "title": "Method",
            },
            "headers": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "title": "Headers",
                "default": {},
            },
            "body": {"type": ["string", "null"], "title": "Body", "x-multiline": True, "description": "What is sent"},
            "timeout_seconds": {
                "type": "number",
                "title": "Timeout",
                "x-unit": "s",
                "minimum": 0.1,
                "maximum": 3600,
                "default": 10,
            },
            "expect_status": {
                "type": "array",
                "items": {"type": "integer"},
                "title": "Expected status",
                "description": "Any of these is a success; left out: 200 to 299",
            },
            "verify": {
                "type": "boolean",
                "default": True,
                "title": "Verify",
                "description": "Check the TLS certificate",
            },
        },
    },
    "log-job": {
        "type": "object",
        "required": ["message"],
        "additionalProperties": False,
        "properties": {"message": {"type": "string", "title": "Message", "description": "Text to print"}},
    },
}


def at(**offset: float) -> str:
    """Return the wire form of an instant so far from ``NOW``: ``at(minutes=-3)``."""
    return format_instant(NOW + timedelta(**offset)) or ""


def recent(seed: int, pattern: str, every_minutes: float, usual: float) -> list[Json]:
    """Return outcomes from a pattern of letters (those of ``words``), oldest first."""
    words = {
        "o": "succeeded",
        "x": "failed",
        "t": "timed_out",
        "l": "lost",
        "s": "skipped",
        "c": "cancelled",
        "r": "running",
        "q": "queued",
    }
    chance = random.Random(seed)
    found = []
    for index, letter in enumerate(pattern):
        entry: Json = {
            "run_id": None if letter == "s" else 88_000 + index,
            "at": at(minutes=-every_minutes * (len(pattern) - index)),
            "status": words[letter],
            "duration_seconds": None if letter in "srq" else round(usual * chance.lognormvariate(0, 0.35), 3),
        }
        if letter == "x":
            entry["message"] = "ConnectError: connection refused: erp.internal:443"
        if letter == "s":
            entry["count"] = 2
        found.append(entry)
    return found


def schedule(
    id: str,
    title: str,
    when: str,
    *,
    handler: str = "fetch",
    status: str = "scheduled",
    due: float | None = 60,
    **more: Any,
) -> Json:
    """Return a schedule as the API shows it; ``due`` is in seconds from now, ``more`` replaces members."""
    every = float(more.pop("every", 900))
    usual = float(more.pop("usual", 1.0))
    pattern = more.pop("pattern", "o" * 30)
    outcomes = recent(sum(map(ord, id)), pattern, every / 60, usual)
    last = next((entry for entry in reversed(outcomes) if entry["run_id"] and entry["status"] != "running"), None)
    found: Json = {
        "id": id,
        "title": title,
        "description": "",
        "handler": {"id": handler, "version": 1},
        "data": {"url": "https://erp.internal/export", "method": "POST"}
        if handler == "fetch"
        else {"message": "hello"},
        "trigger": {
            "kind": "cron",
            "expression": "*/15 * * * *",
            "timezone": ZONE,
            "starts_at": None,
            "ends_at": None,
            "max_runs": None,
            "phrase": when,
            "description": when,
        },
        "due_at": None if due is None else at(seconds=due),
        "status": status,
        "paused": status == "paused",
        "pause": None,
        "broken_reason": None,
        "retry": {
            "max_attempts": 1,
            "delay_seconds": 60.0,
            "backoff": "constant",
            "max_delay_seconds": 3600.0,
            "jitter": 0.0,
        },
        "timeout_seconds": None,
        "overlap": "skip",
        "catch_up": {"mode": "latest", "window_seconds": None, "max": 10},
        "on_lost": None,
        "max_running": None,
        "concurrency_group": None,
        "worker": {"id": None, "tags": []},
        "on_success": None,
        "on_failure": None,
        "retention": {"days": None, "runs": None, "failures_days": None},
        "notify": None,
        "tags": [],
        "priority": 0,
        "env": {},
        "runbook": None,
        "managed_by": None,
        "group": None,
        "overridden": False,
        "revision": 7,
        "last_run": last
        and {
            "id": last["run_id"],
            "status": last["status"],
            "finished_at": last["at"],
            "duration_seconds": last["duration_seconds"],
            "message": last.get("message"),
        },
        "last_status": last["status"] if last else None,
        "failing_since": None,
        "failures_in_row": 0,
        "open_runs": 1 if status == "running" else 0,
        "recent": outcomes,
        "usual_seconds": usual if outcomes else None,
        "next": [] if due is None or status == "paused" else [at(seconds=due + every * step) for step in range(3)],
        "retry_at": None,
        "created_at": at(days=-40),
        "updated_at": at(days=-3),
    }
    return found | more


def schedules() -> list[Json]:
    """Return a day in the life of a small company."""
    retry = {
        "max_attempts": 4,
        "delay_seconds": 120.0,
        "backoff": "exponential",
        "max_delay_seconds": 3600.0,
        "jitter": 0.0,
    }
    paused = {"reason": "vendor maintenance", "until": at(days=3, hours=18.5), "by": "ada", "at": at(hours=-5)}
    return [
        schedule(
            "invoice-export",
            "Invoice export",
            "every 15 minutes",
            status="retrying",
            due=773,
            usual=2.1,
            pattern="o" * 24 + "x" * 6,
            tags=["finance"],
            managed_by="file",
            failing_since=at(minutes=-77),
            failures_in_row=5,
            retry_at=at(seconds=183),
            retry=retry,
            timeout_seconds=300,
        ),
        schedule(
            "sync-prices",
            "Sync prices",
            "every 10 minutes",
            status="retrying",
            due=473,
            usual=0.84,
            pattern="o" * 10 + "x" + "o" * 18 + "x",
            tags=["shop"],
            retry_at=at(seconds=63),
            retry=retry,
        ),
        schedule(
            "nightly-backup",
            "Nightly backup",
            "every day at 02:00",
            handler="shell",
            status="running",
            due=41_273,
            usual=1020,
            every=86_400,
            pattern="o" * 29 + "r",
            tags=["ops"],
            managed_by="file",
        ),
        schedule(
            "search-index",
            "Rebuild search index",
            "every 2 hours between 9 and 17",
            handler="shell",
            status="running",
            due=5_273,
            usual=180,
            every=7200,
            pattern="o" * 11 + "ss" + "o" * 7 + "s" + "o" * 8 + "r",
            tags=["shop"],
            managed_by="file",
        ),
        schedule(
            "sync-crm",
            "Sync CRM contacts",
            "every 6 hours",
            handler="sql",
            status="running",
            due=12_473,
            usual=120,
            every=21600,
            pattern="o" * 29 + "r",
            tags=["sales"],
        ),
        schedule(
            "resize-uploads",
            "Resize uploads",
            "every 5 minutes",
            handler="images",
            status="waiting",
            due=173,
            usual=9,
            every=300,
            tags=["shop"],
        ),
        schedule(
            "check-shop",
            "Check web shop",
            "every minute",
            due=53,
            usual=0.12,
            every=60,
            tags=["checks"],
            managed_by="file",
        ),
        schedule(
            "check-login",
            "Check login page",
            "every minute",
            due=53,
            usual=0.096,
            every=60,
            pattern="o" * 14 + "x" + "o" * 15,
            tags=["checks"],
            managed_by="file",
        ),
        schedule(
            "import-mail",
            "Import mail",
            "every 5 minutes",
            handler="imap",
            due=173,
            usual=1.4,
            every=300,
            pattern="o" * 17 + "l" + "o" * 6 + "t" + "o" * 5,
            tags=["ops"],
        ),
        schedule(
            "hourly-report",
            "Hourly report",
            "every hour",
            handler="sql",
            due=1673,
            usual=6,
            every=3600,
            tags=["finance"],
            managed_by="file",
        ),
        schedule(
            "rotate-certs",
            "Rotate certificates",
            "first day of every month at noon",
            handler="shell",
            due=682_073,
            usual=22,
            every=2_592_000,
            pattern="o" * 11,
            tags=["ops"],
            managed_by="file",
        ),
        schedule(
            "payroll",
            "Payroll",
            "last friday of the month at 17:00",
            handler="sql",
            due=354_473,
            usual=240,
            every=2_592_000,
            pattern="o" * 20 + "c",
            tags=["finance"],
            managed_by="file",
        ),
        schedule(
            "vacuum-db",
            "Vacuum database",
            "sundays at 04:30",
            handler="sql",
            status="paused",
            due=None,
            usual=1860,
            every=604_800,
            pattern="o" * 16 + "ss",
            tags=["ops"],
            pause=paused,
        ),
        schedule(
            "rebuild-thumbs",
            "Rebuild thumbnails",
            "by hand",
            handler="images",
            status="manual",
            due=None,
            usual=720,
            pattern="ooooo",
            tags=["shop"],
            trigger={
                "kind": "manual",
                "timezone": ZONE,
                "starts_at": None,
                "ends_at": None,
                "max_runs": None,
                "phrase": None,
                "description": "by hand",
            },
        ),
        schedule(
            "weekly-digest",
            "Weekly digest",
            "mondays at 08:00",
            handler="smtp",
            due=585_000,
            usual=48,
            every=604_800,
            pattern="o" * 24,
            tags=["marketing"],
        ),
    ]


def run(
    id: int, owner: Json | None, status: str, *, seconds_ago: float, took: float | None = None, **more: Any
) -> Json:
    """Return a run as lists show it; it started ``seconds_ago`` and took ``took`` seconds."""
    bad = status in {"failed", "timed_out", "lost"}
    found: Json = {
        "id": id,
        "schedule": owner and {"id": owner["id"], "title": owner["title"]},
        "handler": owner["handler"] if owner else {"id": "log-job", "version": 1},
        "status": status,
        "outcome": {
            "kind": "exception",
            "message": "ConnectError: connection refused: erp.internal:443",
            "exit_code": None,
        }
        if bad
        else None,
        "attempt": 1,
        "max_attempts": owner["retry"]["max_attempts"] if owner else 1,
        "retry_of": None,
        "origin": {"kind": "slot", "actor": None},
        "slot_at": at(seconds=-seconds_ago),
        "queued_at": at(seconds=-seconds_ago),
        "not_before": None,
        "started_at": None if status in {"queued", "skipped"} else at(seconds=-seconds_ago + 0.004),
        "finished_at": None if took is None or status == "running" else at(seconds=-seconds_ago + 0.004 + took),
        "worker": None if status == "queued" else {"id": "web-1", "instance_id": "web-1-a"},
        "progress": None,
        "cancel_requested": False,
        "output": {"bytes": 412, "lines": 9 if bad else 12, "truncated": False},
        "revision": 7,
        "duration_seconds": took,
        "delay_seconds": None if status == "queued" else 0.004,
    }
    return found | more


def runs(owners: list[Json]) -> list[Json]:
    """Return runs of the given schedules, newest first."""
    by_id = {owner["id"]: owner for owner in owners}
    crm = by_id["sync-crm"]
    found = [
        run(
            88_240,
            by_id["invoice-export"],
            "queued",
            seconds_ago=1,
            attempt=3,
            retry_of=88_214,
            not_before=at(seconds=183),
            origin={"kind": "retry", "actor": None},
            output={"bytes": 0, "lines": 0, "truncated": False},
        ),
        run(
            88_239,
            by_id["resize-uploads"],
            "queued",
            seconds_ago=720,
            output={"bytes": 0, "lines": 0, "truncated": False},
        ),
        run(88_238, by_id["search-index"], "running", seconds_ago=41, duration_seconds=41.0),
        run(
            88_230,
            by_id["nightly-backup"],
            "running",
            seconds_ago=724,
            duration_seconds=724.0,
            worker={"id": "web-2", "instance_id": "web-2-a"},
            progress={"fraction": 0.71, "text": "71 of 100 tables"},
        ),
        run(88_229, crm, "running", seconds_ago=980, duration_seconds=980.0),
        run(88_214, by_id["invoice-export"], "failed", seconds_ago=5, took=4.161, attempt=2, retry_of=88_201),
        run(88_213, by_id["check-shop"], "succeeded", seconds_ago=7, took=0.118),
        run(88_212, by_id["check-login"], "succeeded", seconds_ago=7, took=0.097),
        run(88_211, None, "cancelled", seconds_ago=100, took=12.0, origin={"kind": "manual", "actor": "ada"}),
        run(88_201, by_id["invoice-export"], "failed", seconds_ago=127, took=4.1),
    ]
    names = ["check-shop", "check-login", "import-mail", "sync-prices", "hourly-report"]
    for step in range(30):
        owner = by_id[names[step % len(names)]]
        status = {13: "failed", 17: "timed_out", 23: "lost"}.get(step, "succeeded")
        found.append(
            run(
                88_100 - step,
                owner,
                status,
                seconds_ago=240 + step * 2900,
                took=owner["usual_seconds"] * (1 + step % 3 / 4),
            )
        )
    return found


def worker(
    id: str, status: str = "up", *, used: int = 1, seen: float = 1, running: list[Json] | None = None, **more: Any
) -> Json:
    """Return a worker as the API shows it; ``seen`` is the age of its heartbeat in seconds."""
    return {
        "id": id,
        "instance_id": f"{id}-a",
        "title": id,
        "status": status,
        "host": f"{id}.example.org",
        "pid": 4711,
        "version": "0.1.0",
        "executor": "thread",
        "places": 8,
        "used": used,
        "stuck": 0,
        "tags": ["web"],
        "started_at": at(hours=-50),
        "heartbeat_at": at(seconds=-seen),
        "running": running or [],
        "handlers": ["fetch@1", "log-job@1", "shell@1", "sql@1"],
    } | more


def handler(id: str, title: str, description: str = "", *, versions: list[int] | None = None, **more: Any) -> Json:
    """Return a handler as the API shows it."""
    known = versions or [1]
    return {
        "id": id,
        "version": known[-1],
        "versions": known,
        "title": title,
        "description": description,
        "schema": SCHEMAS.get(id),
        "example": {
            "fetch": {"url": "https://shop.example.org/health", "method": "GET"},
            "log-job": {"message": "some message"},
        }.get(id),
        "idempotent": id == "fetch",
        "access": {"minimum_role": None, "declared_role": None, "groups": None, "usable": True},
        "max_running": None,
        "source": {
            "kind": "distribution",
            "name": f"enschedule-{id}-handler",
            "distribution": f"enschedule-{id}-handler",
            "version": "0.1.0",
        },
        "workers": [
            {"id": "web-1", "instance_id": "web-1-a", "status": "up"},
            {"id": "web-2", "instance_id": "web-2-a", "status": "up"},
        ],
        "registered_at": at(days=-40),
    } | more
