"""The folded groups of the editor: what happens if something goes wrong, and where and how much it runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from enschedule_core.errors import FieldError
from enschedule_dashboard import policies
from enschedule_dashboard.durations import duration_text, parse_duration
from enschedule_dashboard.form_values import Posted

_PLACES = {
    "retry": "retry_attempts",
    "retry.max_attempts": "retry_attempts",
    "retry.delay_seconds": "retry_delay",
    "retry.backoff": "retry_backoff",
    "retry.max_delay_seconds": "retry_max_delay",
    "retry.jitter": "retry_jitter",
    "timeout_seconds": "timeout",
    "overlap": "overlap",
    "on_lost": "on_lost",
    "catch_up": "catch_up_mode",
    "catch_up.mode": "catch_up_mode",
    "catch_up.window_seconds": "catch_up_window",
    "catch_up.max": "catch_up_max",
    "on_success": "on_success",
    "on_failure": "on_failure",
    "notify": "notify",
    "runbook": "runbook",
    "env": "env",
    "worker": "worker_id",
    "worker.id": "worker_id",
    "worker.tags": "worker_tags",
    "max_running": "max_running",
    "concurrency_group": "concurrency_group",
    "group": "owner_group",
    "retention": "keep_days",
    "retention.days": "keep_days",
    "retention.runs": "keep_runs",
    "retention.failures_days": "keep_failures_days",
}
WHERE = (
    *("owner_group", "owner_group_was"),
    *("worker_id", "worker_tags", "max_running", "concurrency_group"),
    *("keep_days", "keep_runs", "keep_failures_days", "env"),
)
"""The controls of the group "Where and how much"."""

WHERE_MEMBERS = ("group", "worker", "max_running", "concurrency_group", "retention", "env")
"""The members of a schedule that stand there."""

_LABELS = {
    "retry_attempts": "Attempts",
    "retry_delay": "Then wait",
    "retry_max_delay": "At most",
    "retry_jitter": "Spread by chance",
    "timeout": "Stop after",
    "catch_up_window": "But none older than",
    "catch_up_max": "And at most",
    "worker_id": "On the worker",
    "worker_tags": "With the tags",
    "env": "Environment variables",
}

_DEFAULTS = {
    "retry_attempts": "1",
    "retry_delay": "1 min",
    "retry_backoff": "constant",
    "retry_max_delay": "1 h",
    "retry_jitter": "0",
    "timeout": "",
    "overlap": "skip",
    "on_lost": "",
    "catch_up_mode": "latest",
    "catch_up_window": "",
    "catch_up_max": "10",
    "on_success": "",
    "on_failure": "",
    "notify": "",
    "runbook": "",
    **dict.fromkeys(WHERE, ""),
}


@dataclass(slots=True)
class PolicyForm:
    """What stands in the controls, as text, and the errors at each of them."""

    values: dict[str, str] = field(default_factory=lambda: dict(_DEFAULTS))
    errors: dict[str, list[FieldError]] = field(default_factory=dict)

    @property
    def error_count(self) -> int:
        """Return how many controls need attention."""
        return len(self.wrong)

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """Return id and name of every control that needs attention."""
        named = {name: _LABELS.get(name, name.replace("_", " ").capitalize()) for name in self.errors}
        return [(name.replace("_", "-"), named[name]) for name, found in self.errors.items() if found]

    @property
    def is_wrong_where(self) -> bool:
        """Return whether a control of the group "Where and how much" needs attention."""
        return any(self.errors.get(name) for name in WHERE)

    @property
    def is_wrong_otherwise(self) -> bool:
        """Return whether a control of the group "If something goes wrong" needs attention."""
        return any(found for name, found in self.errors.items() if name not in WHERE)

    def words(self) -> str:
        """Return what the group "If something goes wrong" says now, in one line."""
        return policies.trouble_words(PolicyForm(dict(self.values)).body() or {})

    def where_words(self, handler_id: str) -> str:
        """Return what the group "Where and how much" says now, in one line."""
        body = PolicyForm(dict(self.values)).body() or {}
        return policies.where_words({**body, "group": self.values["owner_group"]}, handler_id)

    def body(self) -> dict[str, Any] | None:
        """Return the fields of the schedule, or None with errors at the controls."""
        found: dict[str, Any] = {
            "retry": {
                "max_attempts": self._whole("retry_attempts", 1),
                "delay_seconds": self._seconds("retry_delay"),
                "backoff": self.values["retry_backoff"],
                "max_delay_seconds": self._seconds("retry_max_delay"),
                "jitter": self._share("retry_jitter"),
            },
            "timeout_seconds": self._seconds("timeout"),
            "overlap": self.values["overlap"],
            "catch_up": {
                "mode": self.values["catch_up_mode"],
                "window_seconds": self._seconds("catch_up_window"),
                "max": self._whole("catch_up_max", 10),
            },
            "on_lost": self.values["on_lost"] or None,
            **self._where(),
            **{name: self.values[name].strip() or None for name in ("on_success", "on_failure", "notify", "runbook")},
        }
        for name in ("delay_seconds", "max_delay_seconds"):
            if found["retry"][name] is None:
                del found["retry"][name]
        return None if self.errors else found

    def _where(self) -> dict[str, Any]:
        owner = self.values["owner_group"]
        return {
            **({"group": owner or None} if owner != self.values["owner_group_was"] else {}),
            "worker": {"id": self.values["worker_id"].strip() or None, "tags": self._words("worker_tags")},
            "max_running": self._number("max_running"),
            "concurrency_group": self.values["concurrency_group"].strip() or None,
            "env": self._variables("env"),
            "retention": {
                "days": self._number("keep_days"),
                "runs": self._number("keep_runs"),
                "failures_days": self._number("keep_failures_days"),
            },
        }

    def _words(self, control: str) -> list[str]:
        """Return words that are separated by commas or spaces, each once and in order, as the API keeps them."""
        return sorted(set(self.values[control].replace(",", " ").split()))

    def _variables(self, control: str) -> dict[str, str]:
        """Return environment variables: lines of ``NAME=value``, or a JSON object where a value has several lines."""
        text = self.values[control].strip()
        if text.startswith("{"):
            try:
                read = json.loads(text)
            except ValueError:
                self._add(control, 'This is not a JSON object of texts. Write for example {"STAGE": "live"}.')
                return {}
            return dict(read)  # it begins with a brace
        found: dict[str, str] = {}
        for line in filter(None, map(str.strip, text.splitlines())):
            name, separator, value = line.partition("=")
            if not separator or name.strip() in found:
                self._add(control, f"“{line}” is not a variable of its own. Write for example STAGE=live.")
            found[name.strip()] = value.strip()
        return found

    def _number(self, control: str) -> int | None:
        return self._whole(control, 1) if self.values[control].strip() else None

    def place(self, errors: Iterable[FieldError]) -> list[FieldError]:
        """Put the API's errors at their controls; return the others."""
        others = []
        for error in errors:
            control = _PLACES.get(error.field) or _PLACES.get(error.field.rpartition(".")[0])
            if control is None:
                others.append(error)
            else:
                self.errors.setdefault(control, []).append(error)
        return others

    def _add(self, control: str, message: str) -> None:
        name = next((name for name, place in _PLACES.items() if place == control), control)
        self.errors.setdefault(control, []).append(FieldError(name, message))

    def _seconds(self, control: str) -> float | int | None:
        text = self.values[control].strip()
        if not text:
            return None
        try:
            seconds = parse_duration(text)
        except ValueError as error:
            self._add(control, str(error))
            return None
        return int(seconds) if seconds.is_integer() else seconds

    def _whole(self, control: str, default: int) -> int:
        text = self.values[control].strip()
        if text and not (text.isdigit() and len(text) < 7):
            self._add(control, f"“{text}” is not a whole number. Write for example {default or 1}.")
            return default
        return int(text) if text else default

    def _share(self, control: str) -> float:
        text = self.values[control].strip() or "0"
        try:
            share = float(text)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self._add(control, f"“{text}” is not a share from 0 to 1. Write for example 0.2.")
            return 0.0
        return share


def variables_text(env: Mapping[str, Any]) -> str:
    """Return environment variables as the form reads them: a line each, or as JSON where some do not fit a line."""
    if any(not isinstance(one, str) or one != one.strip() or len(one.splitlines()) > 1 for one in env.values()):
        return json.dumps(dict(env), indent=2, ensure_ascii=False)
    return "\n".join(f"{name}={value}" for name, value in env.items())


def from_schedule(schedule: Mapping[str, Any]) -> PolicyForm:
    """Return the form for a stored schedule."""
    retry, catch_up = schedule.get("retry") or {}, schedule.get("catch_up") or {}
    worker, retention = schedule.get("worker") or {}, schedule.get("retention") or {}
    form = PolicyForm()
    known = {
        **dict.fromkeys(("owner_group", "owner_group_was"), schedule.get("group")),
        "worker_id": worker.get("id"),
        "worker_tags": ", ".join(worker.get("tags") or ()),
        **{name: schedule.get(name) for name in ("max_running", "concurrency_group")},
        **{name: schedule.get(name) for name in ("on_success", "on_failure", "notify", "runbook")},
        "env": variables_text(schedule.get("env") or {}),
        "keep_days": retention.get("days"),
        "keep_runs": retention.get("runs"),
        "keep_failures_days": retention.get("failures_days"),
        "retry_attempts": retry.get("max_attempts"),
        "retry_backoff": retry.get("backoff"),
        "retry_jitter": retry.get("jitter"),
        "overlap": schedule.get("overlap"),
        "on_lost": schedule.get("on_lost"),
        "catch_up_mode": catch_up.get("mode"),
        "catch_up_max": catch_up.get("max"),
    }
    form.values.update(
        {
            name: f"{value:g}" if isinstance(value, float) else str(value)
            for name, value in known.items()
            if value is not None
        }
    )
    form.values.update(
        retry_delay=duration_text(retry.get("delay_seconds")) or _DEFAULTS["retry_delay"],
        retry_max_delay=duration_text(retry.get("max_delay_seconds")) or _DEFAULTS["retry_max_delay"],
        timeout=duration_text(schedule.get("timeout_seconds")),
        catch_up_window=duration_text(catch_up.get("window_seconds")),
    )
    return form


def from_post(posted: Posted) -> PolicyForm:
    """Return the form as it was posted; a control that is not there keeps its default, and the owner as it was."""
    values = {name: posted.get(name, default) for name, default in _DEFAULTS.items()}
    values["owner_group"] = posted.get("owner_group", values["owner_group_was"])
    return PolicyForm(values)
