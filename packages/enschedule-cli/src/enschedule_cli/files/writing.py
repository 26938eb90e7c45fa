"""Schedules as text: the files that ``export`` writes, the differences that ``diff`` shows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from enschedule_cli import yaml_text
from enschedule_cli.files import durations
from enschedule_cli.files.documents import API_VERSION
from enschedule_core.schedule import Policies

_DEFAULTS = Policies().to_wire()
_SECONDS = "_seconds"
_SHORT_TRIGGERS = {"cron": ("cron", "expression"), "once": ("at", "at")}
_LIMITS = ("starts_at", "ends_at", "max_runs")


def spec_of(schedule: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``spec`` of a document that :mod:`.documents` reads back to the same schedule; no default is in it."""
    handler = schedule["handler"]
    found: dict[str, Any] = {"id": schedule["id"]}
    if schedule["title"] != schedule["id"]:
        found["name"] = schedule["title"]
    if schedule["description"]:
        found["description"] = schedule["description"]
    found["handler"] = f"{handler['id']}@{handler['version']}"
    if schedule["data"]:
        found["data"] = schedule["data"]
    found.update(_trigger(schedule["trigger"]))
    if schedule.get("paused"):
        found["enabled"] = False
    if schedule["tags"]:
        found["tags"] = schedule["tags"]
    found.update(_policies(schedule))
    found.update({name: schedule[name] for name in ("env", "runbook", "group") if schedule.get(name)})
    return found


def _trigger(trigger: Mapping[str, Any]) -> dict[str, Any]:
    whole = {name: value for name, value in trigger.items() if value is not None and name != "description"}
    zone = whole["timezone"]
    if any(name in whole for name in _LIMITS) or (whole["kind"] == "every" and "anchor" in whole):
        return {"trigger": whole}
    if whole["kind"] == "manual":
        return {} if zone == "UTC" else {"trigger": whole}
    if "phrase" in whole:
        return {"schedule": whole["phrase"], "timezone": zone}
    if whole["kind"] == "every":
        return {"every": durations.shown(whole["seconds"]), "timezone": zone}
    short, member = _SHORT_TRIGGERS[whole["kind"]]
    return {short: whole[member], "timezone": zone}


def _policies(schedule: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, default in _DEFAULTS.items():
        value = schedule[name]
        if value == default:
            continue
        if not isinstance(value, Mapping):
            yield _pair(name, value)
            continue
        members = {one: value[one] for one in value if value[one] != default.get(one)}
        if set(members) == {"max_attempts"}:
            yield "retries", members["max_attempts"] - 1
        else:
            yield name, dict(_pair(one, member) for one, member in members.items())


def _pair(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith(_SECONDS) and value is not None and durations.parse(durations.shown(value)) == value:
        return name.removesuffix(_SECONDS), durations.shown(value)
    return name, value


def documents(specs: Iterable[Mapping[str, Any]]) -> str:
    """Return YAML with one document for each spec."""
    return "---\n".join(yaml_text.dump({"apiVersion": API_VERSION, "spec": dict(spec)}) for spec in specs)


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, label: str) -> list[str]:
    """Return a unified diff from what the server has to what the file ``label`` wants; one of them may be nothing."""
    old, new = ([] if one is None else documents([spec_of(one)]).splitlines() for one in (before, after))
    id = (after or before or {})["id"]
    return list(difflib.unified_diff(old, new, f"{id} (server)", f"{id} ({label})", lineterm="", n=2))
