"""From the ``spec`` of a document to a schedule as the REST API takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enschedule_cli.files import durations
from enschedule_core.schedule import slug

#: ways to say when, of which a document has one at most
WHEN = ("schedule", "trigger", "cron", "every", "at")
_DURATIONS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    (): ("timeout_seconds",),
    ("retry",): ("delay_seconds", "max_delay_seconds"),
    ("catch_up",): ("window_seconds",),
}
_MERGED = ("retry", "catch_up", "retention", "worker", "env")


@dataclass(slots=True)
class Body:
    """A schedule in its wire form; ``aliases`` says under which name of the file a field of it stands there.

    ``mistakes`` are pairs of a field of the file and what is wrong about it.
    """

    fields: dict[str, Any]
    aliases: dict[str, str] = field(default_factory=dict)
    mistakes: list[tuple[str, str]] = field(default_factory=list)

    def name_in_file(self, wire_field: str) -> str:
        """Return how the file names a field of the wire form: ``timeout`` for ``timeout_seconds``."""
        parts = wire_field.split(".")
        for length in range(len(parts), 0, -1):
            own = self.aliases.get(".".join(parts[:length]))
            if own is not None:
                return own
        return wire_field

    def wrong(self, name: str, message: str) -> None:
        """Remember a mistake."""
        self.mistakes.append((name, message))


def expanded(spec: Mapping[str, Any]) -> Body:
    """Return ``spec`` with its short forms written out; what it does not know is left for the schema to refuse."""
    body = Body(dict(spec))
    _when(body)
    _switch(body)
    for inside, names in _DURATIONS.items():
        _seconds(body, inside, names)
    _retries(body)
    return body


def with_id(body: Body) -> None:
    """Give a schedule without an id the one that its name suggests."""
    if "id" in body.fields:
        return
    name = next((body.fields[one] for one in ("title", "name") if isinstance(body.fields.get(one), str)), "")
    if slug(name):
        body.fields["id"] = slug(name)
        body.aliases["id"] = "name" if "name" in body.fields else "title"
    else:
        body.wrong("", "It needs an id or a name, for example id: ping.")


def with_defaults(body: Body, defaults: Mapping[str, Any]) -> None:
    """Add what the defaults say and the schedule does not; tags are joined, policies of several members are merged."""
    found = body.fields
    for name, value in defaults.items():
        if name == "timezone":
            trigger = found.get("trigger")
            if "timezone" not in found and not (isinstance(trigger, Mapping) and "timezone" in trigger):
                found[name] = value
        elif name == "tags" and isinstance(found.get("tags"), list):
            found["tags"] = list(dict.fromkeys([*value, *found["tags"]]))
        elif name in _MERGED and isinstance(found.get(name), Mapping):
            found[name] = {**value, **found[name]}
        else:
            found.setdefault(name, value)


def _when(body: Body) -> None:
    given = [name for name in WHEN if name in body.fields]
    if len(given) > 1:
        body.wrong(given[1], f"Say {given[0]} or {given[1]}, not both.")
    for name in given[1:]:
        del body.fields[name]
    trigger = body.fields.get("trigger")
    if "timezone" in body.fields and not (isinstance(trigger, Mapping) and "timezone" in trigger):
        body.aliases["trigger.timezone"] = "timezone"
    if not given or given[0] in {"schedule", "trigger"}:
        return
    value = body.fields.pop(given[0])
    if given[0] == "cron":
        trigger, own = {"kind": "cron", "expression": value}, "expression"
    elif given[0] == "at":
        trigger, own = {"kind": "once", "at": value}, "at"
    else:
        try:
            trigger, own = {"kind": "every", "seconds": durations.parse(value)}, "seconds"
        except ValueError:
            trigger, own = f"every {value}", ""
    body.fields["trigger" if own else "schedule"] = trigger
    body.aliases.update(dict.fromkeys(("trigger", f"trigger.{own}", "schedule"), given[0]))


def _switch(body: Body) -> None:
    if "enabled" not in body.fields:
        return
    enabled = body.fields.pop("enabled")
    if "paused" in body.fields:
        body.wrong("enabled", "Say enabled or paused, not both.")
    elif isinstance(enabled, bool):
        body.fields["paused"] = not enabled
        body.aliases["paused"] = "enabled"
    else:
        body.wrong("enabled", "Must be true or false.")


def _seconds(body: Body, inside: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Read durations, with ``_seconds`` at the end of their name or without."""
    prefix = "".join(f"{part}." for part in inside)
    found = body.fields if not inside else body.fields.get(inside[0])
    if not isinstance(found, Mapping):
        return
    found = dict(found) if inside else body.fields
    for name in names:
        short = name.removesuffix("_seconds")
        if short in found and name in found:
            body.wrong(f"{prefix}{short}", f"Say {short} or {name}, not both.")
        used = short if short in found else name
        value = found.pop(used, None) if used == short else found.get(name)
        if value is None:
            continue
        if used == short:
            body.aliases[f"{prefix}{name}"] = f"{prefix}{short}"
        try:
            found[name] = durations.parse(value)
        except ValueError as problem:
            body.wrong(f"{prefix}{used}", str(problem))
            found.pop(name, None)
    if inside:
        body.fields[inside[0]] = found


def _retries(body: Body) -> None:
    if "retries" not in body.fields:
        return
    number, retry = body.fields.pop("retries"), body.fields.get("retry", {})
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        body.wrong("retries", "Must be a whole number from 0 to 999; 3 means up to four attempts.")
    elif isinstance(retry, Mapping) and "max_attempts" in retry:
        body.wrong("retries", "Say retries or retry.max_attempts, not both.")
    elif isinstance(retry, Mapping):
        body.fields["retry"] = {**retry, "max_attempts": number + 1}
        body.aliases["retry.max_attempts"] = "retries"
