"""What the trigger in the editor will do: its sentence, its coming slots, and which schedules start with it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from enschedule_core.clock import format_instant
from enschedule_core.errors import InvalidInput
from enschedule_core.wire.types import Preview
from enschedule_dashboard import present
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.session import client
from enschedule_dashboard.when_form import WhenForm, local_time

SLOTS = 5


@dataclass(frozen=True, slots=True)
class Slot:
    """One planned instant in the schedule's zone; ``aside`` is how far away it is, or what it is for the viewer."""

    at: str
    text: str
    aside: str


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many others start in the first slot's minute, some of their titles, and how to move to a free minute.

    ``free`` is that minute as it is shown, ``use`` what the button posts; both are empty where there is none.
    """

    count: int
    titles: tuple[str, ...]
    free: str = ""
    use: str = ""


@dataclass(slots=True)
class Outlook:
    """What the trigger will do. ``state`` is ``known``, ``empty`` (nothing said yet) or ``wrong``."""

    state: str
    sentence: str = ""
    expression: str = ""
    slots: list[Slot] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    crowd: Crowd | None = None


def look_ahead(when: WhenForm, *, own_id: str = "") -> Outlook:
    """Ask what the trigger will do. Its mistakes are put at the form's controls, once."""
    if when.is_empty and not when.errors:
        return Outlook("empty")
    asked = dataclasses.replace(when, errors={}) if when.errors else when
    trigger = asked.trigger()
    if trigger is None:
        return Outlook("wrong")
    try:
        found = client().triggers.preview(trigger, count=SLOTS, collisions=True, schedule_id=own_id or None)
    except InvalidInput as error:
        asked.place(error.errors)
        if not asked.error_count:
            asked.add(asked.main, error.detail)
        return Outlook("wrong")
    return _shown(found, when)


def _shown(found: Preview, when: WhenForm) -> Outlook:
    zone, description = ZoneInfo(found["timezone"]), found["description"]
    place = "UTC" if zone.key in ("UTC", "Etc/UTC") else f"{present.place(zone.key)} time"
    sentence = f"{description}, {place}." if found["kind"] in ("cron", "once") else f"{description}."
    return Outlook(
        "known",
        sentence="Only when somebody says so." if found["kind"] == "manual" else sentence,
        expression=found["expression"] if found["kind"] == "cron" else "",
        slots=_slots(found["next"], zone),
        notes=found["notes"],
        crowd=_crowd(found, when),
    )


def _slots(instants: list[str], zone: ZoneInfo) -> list[Slot]:
    """Return the slots as they are written; seconds stand in all of them or in none."""
    found = [present.as_instant(at).astimezone(zone) for at in instants]
    pattern = "%H:%M:%S" if any(local.second for local in found) else "%H:%M"
    slots: list[Slot] = []
    for at, local in zip(instants, found, strict=True):
        date = f"{present.DAYS[local.weekday()]} {present.ordinal_date(local, year=local.year != viewer().now.year)}"
        here = viewer().local(local)
        asides = [f"in {present.duration((local - viewer().now).total_seconds())}"] if not slots else []
        if here.utcoffset() != local.utcoffset():
            asides.append(f"{here:{pattern}} here")
        slots.append(Slot(at, f"{date} {local:{pattern}}", ", ".join(asides)))
    return slots


def _crowd(found: Preview, when: WhenForm) -> Crowd | None:
    collisions = found["collisions"]
    if not collisions or not collisions["count"]:
        return None
    titles = tuple(schedule["title"] for schedule in collisions["schedules"])
    free = collisions["free"]
    if free is None:
        return Crowd(collisions["count"], titles)
    at = local_time(format_instant(present.as_instant(free["at"])), found["timezone"])
    text = at if when.mode == "once" else free["schedule"]
    return Crowd(collisions["count"], titles, at.partition("T")[2], f"{when.main}:{text}")
