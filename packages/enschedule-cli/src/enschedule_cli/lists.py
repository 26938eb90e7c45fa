"""The columns of each list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from enschedule_cli.table import Cell, Column
from enschedule_cli.terminal import tone_of
from enschedule_cli.times import now, relative, span


@dataclass(frozen=True, slots=True)
class View:
    """How a kind of thing is listed: what it is called, what other commands take for one, and its columns."""

    plural: str
    name: Callable[[Any], str]
    columns: Sequence[Column]
    row: Callable[[Any], Sequence[Cell | str]]


def status(word: str) -> Cell:
    """Return a status in its tone."""
    return Cell(word, tone_of(word))


def handler(reference: Any) -> str:
    """Return a version of a handler as commands take it: ``fetch@1``."""
    return f"{reference['id']}@{reference['version']}"


def when(schedule: Any) -> str:
    """Return when a schedule is due, as somebody wrote it where that is known."""
    trigger = schedule["trigger"]
    return str(trigger.get("phrase") or trigger.get("expression") or trigger["description"])


def _schedule_row(schedule: Any) -> Sequence[Cell | str]:
    last = schedule["last_run"]
    return [
        schedule["id"],
        schedule["title"] if schedule["title"] != schedule["id"] else "",
        status(schedule["status"]),
        when(schedule),
        relative(schedule["due_at"], now()),
        status(last["status"]) if last else "",
        relative(last["finished_at"], now()) if last else "",
    ]


def _run_row(run: Any) -> Sequence[Cell | str]:
    schedule, outcome = run["schedule"], run["outcome"]
    of_many = run["max_attempts"] > 1 or run["attempt"] > 1
    return [
        str(run["id"]),
        schedule["id"] if schedule else "",
        handler(run["handler"]),
        status(run["status"]),
        f"{run['attempt']} of {max(run['max_attempts'], run['attempt'])}" if of_many else "",
        relative(run["queued_at"], now()),
        span(run["duration_seconds"]),
        (outcome["message"] if outcome else None) or "",
    ]


def _handler_row(found: Any) -> Sequence[Cell | str]:
    live = sorted({one["id"] for one in found["workers"] if one["status"] in ("up", "late")})
    return [
        found["id"],
        str(found["version"]),
        found["title"],
        ", ".join(live) if live else Cell("none", "warn"),
        found["source"]["distribution"] or found["source"]["name"],
    ]


def _worker_row(worker: Any) -> Sequence[Cell | str]:
    stuck = f", {worker['stuck']} stuck" if worker["stuck"] else ""
    return [
        worker["id"],
        worker["title"] if worker["title"] != worker["id"] else "",
        status(worker["status"]),
        Cell(f"{worker['used']} of {worker['places']}{stuck}", "bad" if stuck else None),
        worker["executor"],
        worker["version"],
        relative(worker["heartbeat_at"], now()),
        ", ".join(worker["tags"]),
        ", ".join(worker["handlers"]),
    ]


SCHEDULES = View(
    "schedules",
    lambda schedule: str(schedule["id"]),
    [
        Column("ID"),
        Column("TITLE", gives_way=True),
        Column("STATUS"),
        Column("WHEN", gives_way=True),
        Column("NEXT"),
        Column("LAST"),
        Column("ENDED"),
    ],
    _schedule_row,
)
RUNS = View(
    "runs",
    lambda run: str(run["id"]),
    [
        Column("ID", right=True),
        Column("SCHEDULE", gives_way=True),
        Column("HANDLER", gives_way=True),
        Column("STATUS"),
        Column("ATTEMPT"),
        Column("QUEUED"),
        Column("TOOK"),
        Column("MESSAGE", gives_way=True),
    ],
    _run_row,
)
HANDLERS = View(
    "handlers",
    lambda found: str(found["id"]),
    [
        Column("ID"),
        Column("VERSION", right=True),
        Column("TITLE", gives_way=True),
        Column("WORKERS", gives_way=True),
        Column("FROM", gives_way=True),
    ],
    _handler_row,
)
WORKERS = View(
    "workers",
    lambda worker: str(worker["id"]),
    [
        Column("ID", gives_way=True),
        Column("TITLE", gives_way=True),
        Column("STATUS"),
        Column("BUSY"),
        Column("EXECUTOR"),
        Column("VERSION"),
        Column("HEARD"),
        Column("TAGS", gives_way=True),
        Column("HANDLERS", gives_way=True),
    ],
    _worker_row,
)
