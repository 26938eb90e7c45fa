"""The policies of a schedule in words, so that a folded group need not be opened to be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enschedule_core.secret import name_in
from enschedule_dashboard import present

OVERLAPS = {
    "skip": "skip the slot",
    "queue": "let one wait",
    "allow": "run beside it",
    "replace": "cancel the earlier one",
}
CATCH_UPS = {
    "latest": "run the latest missed slot",
    "all": "run all missed slots",
    "none": "run none of them",
}
BACKOFFS = {
    "constant": "the same each time",
    "linear": "longer by the same step",
    "exponential": "twice as long each time",
}
LOSSES = {"": "as the handler says", "retry": "run it again", "leave": "leave it"}

_OVERLAP_WORDS = {
    "skip": "skips a slot while the previous run is going",
    "queue": "lets one run wait while the previous is going",
    "allow": "runs beside the previous run",
    "replace": "cancels the previous run when the next is due",
}


def _exactly(seconds: float) -> str:
    """Return ``1 min 35 s`` where a duration is not rounded, ``2 min`` where there are no seconds."""
    return present.duration(seconds, precise=True).removesuffix(" 00 s")


def retry_words(retry: Mapping[str, Any]) -> str:
    """Return ``no retry`` or ``4 attempts, 2 min apart, doubling``."""
    attempts = int(retry.get("max_attempts") or 1)
    if attempts <= 1:
        return "no retry"
    words = f"{attempts} attempts, {_exactly(retry.get('delay_seconds') or 0)} apart"
    growth = {"linear": ", growing", "exponential": ", doubling"}.get(str(retry.get("backoff")), "")
    most = retry.get("max_delay_seconds")
    return words + growth + (f" up to {present.duration(most)}" if growth and most else "")


def timeout_words(seconds: float | None) -> str:
    """Return ``stops after 1 h``; without a value, the worker's own limit holds."""
    return "stops at the worker's time limit" if seconds is None else f"stops after {_exactly(seconds)}"


def catch_up_words(catch_up: Mapping[str, Any]) -> str:
    """Return ``catches up the latest missed slot``."""
    mode = str(catch_up.get("mode") or "latest")
    if mode == "none":
        return "lets missed slots go"
    window = catch_up.get("window_seconds")
    limit = f" of the last {present.duration(window)}" if window else ""
    if mode == "all":
        return f"catches up at most {int(catch_up.get('max') or 10)} missed slots{limit}"
    return f"catches up the latest missed slot{limit}"


def trouble_words(policies: Mapping[str, Any]) -> str:
    """Return the group "If something goes wrong" in one line."""
    said = [
        retry_words(policies.get("retry") or {}),
        timeout_words(policies.get("timeout_seconds")),
        _OVERLAP_WORDS.get(str(policies.get("overlap") or "skip"), str(policies.get("overlap"))),
        catch_up_words(policies.get("catch_up") or {}),
    ]
    if policies.get("on_lost"):
        said.append("repeats a lost run" if policies["on_lost"] == "retry" else "leaves a lost run")
    for name, when in (("on_success", "a success"), ("on_failure", "a failure")):
        if policies.get(name):
            said.append(f"runs {policies[name]} after {when}")
    if policies.get("notify"):
        said.append("tells nobody" if policies["notify"] == "none" else "tells somebody")
    if policies.get("runbook"):
        said.append("shows a runbook")
    return ", ".join(said)


def worker_words(worker: Mapping[str, Any]) -> str:
    """Return ``worker web-1``, ``workers tagged gpu, big``; nothing for any worker."""
    tags = f"tagged {', '.join(worker.get('tags') or ())}" if worker.get("tags") else ""
    if worker.get("id"):
        return f"worker {worker['id']}{', if ' + tags if tags else ''}"
    return f"workers {tags}" if tags else ""


def limit_words(policies: Mapping[str, Any]) -> str:
    """Return ``at most 2 at once, in the group erp``; nothing without a limit."""
    said = [f"at most {policies['max_running']} at once"] if policies.get("max_running") else []
    if policies.get("concurrency_group"):
        said.append(f"in the group {policies['concurrency_group']}")
    return ", ".join(said)


def retention_words(retention: Mapping[str, Any]) -> str:
    """Return ``runs kept 30 d, failures 90 d, the newest 20 always``; nothing where the worker's settings hold."""
    said = []
    for name, what in (("days", "runs"), ("failures_days", "failures")):
        if retention.get(name) is not None:
            days = int(retention[name])
            said.append(f"{what} kept {f'{days} d' if days else 'for ever'}")
    if retention.get("runs") is not None:
        said.append(f"the newest {int(retention['runs'])} kept always")
    return ", ".join(said)


def where_words(policies: Mapping[str, Any], handler_id: str) -> str:
    """Return the group "Where and how much" in one line."""
    said = [
        worker_words(policies.get("worker") or {}) or f"any worker that has {handler_id}",
        limit_words(policies) or "no limit",
        retention_words(policies.get("retention") or {}),
        present.plural(len(policies["env"]), "variable") if policies.get("env") else "",
        f"owned by {policies['group']}" if policies.get("group") else "",
    ]
    return ", ".join(part for part in said if part)


def about_words(schedule: Mapping[str, Any]) -> str:
    """Return the group "Order and description" in one line."""
    tags = [str(tag) for tag in schedule.get("tags") or ()]
    said = [f"tagged {', '.join(tags)}" if tags else "no tags"]
    priority = int(schedule.get("priority") or 0)
    said.append(f"priority {priority}" if priority else "no priority")
    said.append("described" if str(schedule.get("description") or "").strip() else "no description")
    return ", ".join(said)


def facts(schedule: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the policies as a list of name and words, for a schedule's page."""
    found = [
        ("Retries", retry_words(schedule.get("retry") or {})),
        ("Timeout", present.duration(schedule.get("timeout_seconds")) or "the worker's time limit"),
        ("Overlap", OVERLAPS.get(str(schedule.get("overlap")), str(schedule.get("overlap")))),
        ("Catch-up", catch_up_words(schedule.get("catch_up") or {})),
    ]
    if schedule.get("on_lost"):
        found.append(("If lost", LOSSES.get(str(schedule["on_lost"]), str(schedule["on_lost"]))))
    if schedule.get("priority"):
        found.append(("Priority", str(schedule["priority"])))
    further = [
        ("Runs on", worker_words(schedule.get("worker") or {})),
        ("Limit", limit_words(schedule)),
        ("After a success", schedule.get("on_success")),
        ("After a failure", schedule.get("on_failure")),
        ("Kept", retention_words(schedule.get("retention") or {})),
        ("Told", {"none": "nobody"}.get(str(schedule.get("notify")), schedule.get("notify"))),
    ]
    found += [(name, str(words)) for name, words in further if words]
    for name, value in (schedule.get("env") or {}).items():
        kept = name_in(value)
        found.append((f"${name}", str(value) if kept is None else f"the secret {kept}"))
    return found
