"""The step "when" of the editor: in words, cron, every, once, or by hand, each with its zone and limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from enschedule_core.clock import format_instant, parse_instant
from enschedule_core.errors import FieldError, InvalidTrigger
from enschedule_core.triggers.zones import zone_of
from enschedule_dashboard.form_values import Posted

MODES = (("words", "In words"), ("cron", "Cron"), ("every", "Every"), ("once", "Once"), ("manual", "By hand"))
UNITS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400, "weeks": 604_800}
EXAMPLES = (
    "every 15 minutes",
    "every weekday at 09:30",
    "last friday of the month at 17:00",
    "every 2 hours between 9 and 17",
)

_NUMBER = re.compile(r"\d{1,9}(\.\d{1,6})?")
_PARTS = {
    "phrase": "phrase",
    "expression": "cron",
    "seconds": "every",
    "anchor": "every",
    "at": "at",
    "timezone": "timezone",
    "starts_at": "starts_at",
    "ends_at": "ends_at",
    "max_runs": "max_runs",
}
_POSTED = ("phrase", "cron", "every", "unit", "anchor", "at", "timezone", "starts_at", "ends_at", "max_runs")
_NAMES = {
    "timezone": "Time zone",
    "starts_at": "Not before",
    "ends_at": "Not after",
    "max_runs": "At most",
}
_MAIN = {"words": "phrase", "cron": "cron", "every": "every", "once": "at", "manual": "phrase"}


@cache
def zone_names() -> tuple[str, ...]:
    """Return the zones to choose from: the IANA names by region, and UTC."""
    regions = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
    return ("UTC", *sorted(name for name in available_timezones() if name.partition("/")[0] in regions))


@dataclass(slots=True)
class WhenForm:
    """What stands in the controls; local times are ``YYYY-MM-DDTHH:MM`` in ``timezone``.

    ``errors`` go by control: ``phrase cron every at timezone starts_at ends_at max_runs``. ``was`` is the mode that was
    shown, where another one has been chosen since.
    """

    mode: str = "words"
    was: str = ""
    phrase: str = ""
    cron: str = ""
    every: str = "15"
    unit: str = "minutes"
    anchor: str = ""
    at: str = ""
    timezone: str = "UTC"
    starts_at: str = ""
    ends_at: str = ""
    max_runs: str = ""
    errors: dict[str, list[FieldError]] = field(default_factory=dict)

    @property
    def main(self) -> str:
        """Return the control that says when, in the present mode."""
        return _MAIN[self.mode]

    @property
    def is_empty(self) -> bool:
        """True while nothing has been said yet."""
        return self.mode != "manual" and not str(getattr(self, self.main)).strip()

    @property
    def has_limits(self) -> bool:
        """True where the trigger begins or ends at some time."""
        return bool(self.starts_at or self.ends_at or self.max_runs)

    @property
    def error_count(self) -> int:
        """Return how many controls need attention."""
        return len(self.wrong)

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """Return id and name of every control that needs attention."""
        return [(f"when-{name}", _NAMES.get(name, "When")) for name, found in self.errors.items() if found]

    @property
    def anchor_words(self) -> str:
        """Return from when an interval is counted, in its zone; nothing where that is not said."""
        local = local_time(self.anchor, self.timezone)
        return "" if local == self.anchor else local.replace("T", " ")

    @property
    def mark(self) -> tuple[str, str, str] | None:
        """Return what was typed before, at and after a mistake whose place is known."""
        text = {"phrase": self.phrase, "cron": self.cron}.get(self.main, "")
        for error in self.errors.get(self.main, []):
            if text and error.start is not None and error.end is not None and error.end > error.start:
                return text[: error.start], text[error.start : error.end], text[error.end :]
        return None

    def limit_words(self) -> str:
        """Return from when, until when and how often, in words."""
        said = [f"from {self.starts_at.replace('T', ' ')}" if self.starts_at else "from now on"]
        said.append(f"until {self.ends_at.replace('T', ' ')}" if self.ends_at else "without end")
        if self.max_runs:
            said.append(f"at most {self.max_runs} times")
        return ", ".join(said)

    def add(self, control: str, message: str, **more: Any) -> None:
        """Put an error at a control."""
        self.errors.setdefault(control, []).append(FieldError(f"trigger.{control}", message, **more))

    def place(self, errors: Iterable[FieldError]) -> list[FieldError]:
        """Put errors about ``trigger``, ``schedule`` and ``timezone`` at their controls; return the others."""
        others: list[FieldError] = []
        for error in errors:
            top, _, member = error.field.partition(".")
            if top == "timezone":
                self.errors.setdefault("timezone", []).append(error)
            elif top in ("trigger", "schedule"):
                self.errors.setdefault(_PARTS.get(member, self.main), []).append(error)
            else:
                others.append(error)
        return others

    def trigger(self) -> dict[str, Any] | None:
        """Return the trigger object, or None with errors at the controls."""
        zone = self._zone()
        common: dict[str, Any] = {"timezone": self.timezone}
        common["starts_at"] = self._instant("starts_at", zone)
        common["ends_at"] = self._instant("ends_at", zone)
        common["max_runs"] = self._count()
        own = self._own(zone)
        return None if self.errors or own is None else {**own, **{k: v for k, v in common.items() if v is not None}}

    def _own(self, zone: ZoneInfo | None) -> dict[str, Any] | None:
        if self.mode == "manual":
            return {"kind": "manual"}
        if self.mode == "every":
            seconds = self._seconds()
            found: dict[str, Any] = {"kind": "every", "seconds": seconds}
            return {**found, "anchor": self.anchor} if self.anchor else found
        if self.mode == "once":
            if not self.at:
                self.add("at", "Say when: a date and a time, for example 2026-03-28 09:30.")
            return {"kind": "once", "at": self._instant("at", zone)}
        text = self.phrase if self.mode == "words" else self.cron
        if not text.strip():
            example = "every day at 02:00" if self.mode == "words" else "0 2 * * *"
            self.add(self.main, f"Say when, for example {example}.")
            return None
        return {"kind": "phrase", "phrase": text} if self.mode == "words" else {"kind": "cron", "expression": text}

    def _seconds(self) -> float | int | None:
        text = self.every.strip()
        if not _NUMBER.fullmatch(text) or float(text) * UNITS.get(self.unit, 60) < 1:
            self.add("every", f"“{text}” is not an interval of at least a second. Write for example 15.")
            return None
        seconds = float(text) * UNITS.get(self.unit, 60)
        return int(seconds) if seconds.is_integer() else seconds

    def _count(self) -> int | None:
        text = self.max_runs.strip()
        if text and (not text.isdigit() or int(text[:10]) < 1):
            self.add("max_runs", f"“{text}” is not a number of runs. Write for example 10, or nothing for no limit.")
        return int(text[:10]) if text.isdigit() and int(text[:10]) else None

    def _zone(self) -> ZoneInfo | None:
        try:
            return zone_of(self.timezone)
        except InvalidTrigger as error:
            self.errors.setdefault("timezone", []).extend(error.errors)
            return None

    def _instant(self, control: str, zone: ZoneInfo | None) -> str | None:
        """Return a local time as an instant; of two equal times in autumn the first, one in the gap moves on."""
        text = str(getattr(self, control)).strip()
        if not text or zone is None:
            return None
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            self.add(control, f"“{text}” is not a date and time. Write for example 2026-03-28 09:30.")
            return None
        return format_instant(local if local.tzinfo else local.replace(tzinfo=zone))


def local_time(instant: str | None, zone: str) -> str:
    """Return an instant as the control of a local time takes it: ``2026-03-28T09:30`` in ``zone``; nothing for None."""
    if not instant:
        return ""
    try:
        local = parse_instant(instant).astimezone(zone_of(zone))
    except (ValueError, InvalidTrigger):
        return instant
    return local.replace(tzinfo=None).isoformat(timespec="seconds" if local.second else "minutes")


def from_trigger(trigger: Mapping[str, Any]) -> WhenForm:
    """Return the form for a stored trigger."""
    zone = str(trigger.get("timezone") or "UTC")
    form = WhenForm(timezone=zone, starts_at=local_time(trigger.get("starts_at"), zone))
    form.ends_at = local_time(trigger.get("ends_at"), zone)
    form.max_runs = str(trigger.get("max_runs") or "")
    form.phrase = str(trigger.get("phrase") or "")
    kind = trigger.get("kind")
    if kind == "cron":
        form.cron = str(trigger.get("expression") or "")
    elif kind == "every":
        form.every, form.unit = split_seconds(float(trigger.get("seconds") or 0))
        form.anchor = str(trigger.get("anchor") or "")
    elif kind == "once":
        form.at = local_time(trigger.get("at"), zone)
    form.mode = "words" if form.phrase else {"cron": "cron", "every": "every", "once": "once"}.get(str(kind), "manual")
    return form


def split_seconds(seconds: float) -> tuple[str, str]:
    """Return seconds as a number and the largest unit that divides them."""
    unit = next(
        name
        for name in ("weeks", "days", "hours", "minutes", "seconds")
        if seconds % UNITS[name] == 0 or name == "seconds"
    )
    return f"{seconds / UNITS[unit]:.6f}".rstrip("0").rstrip("."), unit


def from_post(posted: Posted) -> WhenForm:
    """Return the form as it was posted; ``use`` (a suggestion that was taken) replaces what stood there."""
    form = WhenForm()
    for name in _POSTED:
        setattr(form, name, posted.get(f"when_{name}", "").strip())
    mode = posted.get("when_mode", "words")
    form.mode = mode if mode in _MAIN else "words"
    was = posted.get("when_was", "")
    form.was = was if was in _MAIN else ""
    form.unit = form.unit if form.unit in UNITS else "minutes"
    form.timezone = form.timezone or "UTC"
    control, _, text = posted.get("use", "").partition(":")
    if control in (*_MAIN.values(), "timezone") and text:
        setattr(form, control, text)
    return form
