"""One thing in full: its facts under headings, as ``describe`` shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from enschedule_cli import lists, table
from enschedule_cli.table import Cell
from enschedule_cli.terminal import clean_lines, paint
from enschedule_cli.terminal import columns as terminal_columns
from enschedule_cli.times import in_zone, now, relative, span

Fact = tuple[str, Cell | str | None]


def lines(facts: Iterable[Fact]) -> list[str]:
    """Return facts as lines, labels in a column of their own; what is ``None`` or empty is left out."""
    shown = [(label, one if isinstance(one, Cell) else Cell(one)) for label, one in facts if one]
    width = max((table.width_of(label) for label, _ in shown), default=0) + 2
    found: list[str] = []
    for label, cell in shown:
        first, *others = clean_lines(cell.text).split("\n")
        found.append(f"{paint(label, 'dim')}{' ' * (width - table.width_of(label))}{paint(first, cell.tone)}")
        found += [" " * width + line for line in others]
    return found


def block(heading: str, text: str | None) -> list[str]:
    """Return a longer text under a heading, with an empty line before it; nothing for none."""
    if not text:
        return []
    return ["", paint(heading, "strong"), *(f"  {line}" for line in clean_lines(text).split("\n"))]


def as_json(value: Any) -> str | None:
    """Return a JSON value over several lines; ``None`` for nothing."""
    return None if value is None or value == {} else json.dumps(value, indent=2, ensure_ascii=False)


def _at(instant: str | None, timezone: str = "UTC") -> str | None:
    return None if instant is None else f"{in_zone(instant, timezone)} ({relative(instant, now())})"


def schedule_lines(schedule: Mapping[str, Any], diagnosis: Mapping[str, Any]) -> list[str]:
    """Return what there is to know about a schedule."""
    zone = schedule["trigger"]["timezone"]
    trigger = schedule["trigger"]
    written = [text for text in (trigger.get("phrase"), trigger.get("expression")) if text]
    facts: list[Fact] = [
        ("Id", Cell(schedule["id"], "strong")),
        ("Title", schedule["title"] if schedule["title"] != schedule["id"] else None),
        ("Status", lists.status(schedule["status"])),
        ("", diagnosis["sentence"]),
        ("Handler", lists.handler(schedule["handler"])),
        ("When", f"{trigger['description']} ({zone})"),
        ("Written as", " = ".join(written)),
        ("Starts", _at(trigger["starts_at"], zone)),
        ("Ends", _at(trigger["ends_at"], zone)),
        ("Next", _at(schedule["due_at"], zone)),
        ("Last run", _last(schedule["last_run"])),
        ("Usually takes", span(schedule["usual_seconds"])),
        ("Failing since", _at(schedule["failing_since"], zone)),
        ("Open runs", str(schedule["open_runs"] or "")),
        ("Tags", ", ".join(schedule["tags"])),
        ("Group", schedule["group"]),
        *_policies(schedule),
        ("Managed by", schedule["managed_by"]),
        ("Revision", f"{schedule['revision']}, saved {relative(schedule['updated_at'], now())}"),
    ]
    return [
        *lines(facts),
        *block("Description", schedule["description"]),
        *block("Data", as_json(schedule["data"])),
    ]


def _last(run: Mapping[str, Any] | None) -> Cell | None:
    if run is None:
        return None
    ended = f", {relative(run['finished_at'], now())}" if run["finished_at"] else ""
    message = f": {run['message']}" if run["message"] else ""
    found = lists.status(run["status"])
    return Cell(f"{run['id']} {run['status']}{ended}{message}", found.tone)


def _policies(schedule: Mapping[str, Any]) -> Iterator[Fact]:
    retry, catch_up, worker = schedule["retry"], schedule["catch_up"], schedule["worker"]
    if retry["max_attempts"] > 1:
        yield (
            "Attempts",
            f"{retry['max_attempts']}, {span(retry['delay_seconds'])} apart ({retry['backoff']})",
        )
    yield "Timeout", span(schedule["timeout_seconds"])
    yield "Overlap", schedule["overlap"]
    yield "Catch-up", catch_up["mode"]
    yield "At once", str(schedule["max_running"] or "")
    yield "Concurrency group", schedule["concurrency_group"]
    yield "Worker", ", ".join(filter(None, [worker["id"], *worker["tags"]]))
    yield "On success", schedule["on_success"]
    yield "On failure", schedule["on_failure"]
    yield "Priority", str(schedule["priority"] or "")
    yield "Notify", schedule["notify"]


def run_lines(run: Mapping[str, Any]) -> list[str]:
    """Return what there is to know about a run, but for its output."""
    outcome = run["outcome"] or {}
    worker, origin, output, progress = run["worker"], run["origin"], run["output"], run["progress"] or {}
    share = progress.get("fraction")
    said = [f"{share:.0%}" if share is not None else "", progress.get("text") or ""]
    attempts = [f"{one['id']} {one['status']}" for one in run["attempts"]]
    facts: list[Fact] = [
        ("Run", Cell(str(run["id"]), "strong")),
        ("Schedule", run["schedule"]["id"] if run["schedule"] else None),
        ("Handler", lists.handler(run["handler"])),
        ("Status", lists.status(run["status"])),
        ("", outcome.get("message")),
        ("Exit code", None if outcome.get("exit_code") is None else str(outcome["exit_code"])),
        ("Progress", " ".join(part for part in said if part)),
        ("Attempt", f"{run['attempt']} of {max(run['max_attempts'], run['attempt'])}"),
        ("Attempts", ", ".join(attempts) if len(attempts) > 1 else None),
        ("Next attempt", _at(run["retry_at"])),
        ("Started by", f"{origin['kind']}{', ' + origin['actor'] if origin['actor'] else ''}"),
        ("Slot", _at(run["slot_at"])),
        ("Queued", _at(run["queued_at"])),
        ("Started", _at(run["started_at"])),
        ("Ended", _at(run["finished_at"])),
        ("Took", span(run["duration_seconds"])),
        ("Worker", worker["id"] if worker else None),
        ("Output", f"{output['lines']} lines, {output['bytes']} bytes" if output["bytes"] else None),
        ("Note", run["note"]),
    ]
    return [
        *lines(facts),
        *block("Data", as_json(run["data"])),
        *block("Result", as_json(run["result"])),
        *block("Traceback", outcome.get("traceback")),
    ]


def handler_lines(handler: Mapping[str, Any]) -> list[str]:
    """Return what there is to know about a handler."""
    source = handler["source"]
    facts: list[Fact] = [
        ("Handler", Cell(handler["id"], "strong")),
        ("Version", str(handler["version"])),
        ("Versions", ", ".join(map(str, handler["versions"])) if len(handler["versions"]) > 1 else None),
        ("Title", handler["title"]),
        ("From", " ".join(filter(None, [source["distribution"] or source["name"], source["version"]]))),
        ("Workers", ", ".join(f"{one['id']} ({one['status']})" for one in handler["workers"])),
        ("Idempotent", "yes" if handler["idempotent"] else None),
        ("At once", str(handler["max_running"] or "")),
        ("Needs role", handler["access"]["minimum_role"]),
        (
            "Only in",
            None if handler["access"]["groups"] is None else ", ".join(handler["access"]["groups"]) or "no group",
        ),
    ]
    return [
        *lines(facts),
        *block("Description", handler["description"]),
        *_fields(handler["schema"]),
        *block("Example", as_json(handler["example"])),
    ]


def _fields(schema: Mapping[str, Any] | None) -> list[str]:
    properties = (schema or {}).get("properties") or {}
    required = set((schema or {}).get("required") or ())
    rows: list[Sequence[Cell | str]] = [
        [
            f"  {name}",
            str(one.get("type", "")),
            "required" if name in required else "",
            str(one.get("description") or ""),
        ]
        for name, one in properties.items()
    ]
    if not rows:
        return []
    columns = [
        table.Column("  FIELD"),
        table.Column("TYPE"),
        table.Column(""),
        table.Column("MEANING", gives_way=True),
    ]

    return ["", paint("Data", "strong"), *table.draw(columns, rows, width=terminal_columns())]


def worker_lines(worker: Mapping[str, Any]) -> list[str]:
    """Return what there is to know about a worker."""
    running = [
        f"run {run['id']} ({run['schedule']['id'] if run['schedule'] else run['handler']['id']}), "
        f"{relative(run['started_at'], now())}"
        for run in worker["running"]
    ]
    facts: list[Fact] = [
        ("Worker", Cell(worker["id"], "strong")),
        ("Instance", worker["instance_id"]),
        ("Title", worker["title"] if worker["title"] != worker["id"] else None),
        ("Status", lists.status(worker["status"])),
        ("Host", f"{worker['host']}, process {worker['pid']}"),
        ("Version", worker["version"]),
        ("Executor", worker["executor"]),
        ("Places", f"{worker['used']} of {worker['places']} taken"),
        ("Stuck", str(worker["stuck"] or "")),
        ("Tags", ", ".join(worker["tags"])),
        ("Started", _at(worker["started_at"])),
        ("Heard", _at(worker["heartbeat_at"])),
        ("Runs", "\n".join(running)),
        ("Handlers", ", ".join(worker["handlers"])),
    ]
    return lines(facts)
