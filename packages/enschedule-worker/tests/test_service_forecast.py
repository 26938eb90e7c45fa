"""The forecast counts what the triggers say: compared with every slot, one by one."""

from __future__ import annotations

import json
from collections import Counter as Tally
from typing import Any

import pytest

from enschedule_core import triggers
from enschedule_core.clock import from_micros, parse_instant, to_micros
from enschedule_worker.service.days import HOUR, MINUTE
from enschedule_worker.service.plans import Kind
from enschedule_worker.service.tally import Tally as Counted

STOCKHOLM = {"timezone": "Europe/Stockholm"}
TRIGGERS = (
    {"kind": "cron", "expression": "30 2 * * *", **STOCKHOLM},
    {"kind": "cron", "expression": "17 * * * *", "timezone": "Asia/Kolkata"},
    {"kind": "cron", "expression": "*/7 9-17 * * MON-FRI", **STOCKHOLM},
    {"kind": "cron", "expression": "* 9-10 * * *", **STOCKHOLM},
    {"kind": "cron", "expression": "0 12 31 * *", "timezone": "UTC"},
    {"kind": "every", "seconds": 5400, "timezone": "UTC"},
    {"kind": "every", "seconds": 40, "timezone": "UTC"},
    {"kind": "cron", "expression": "*/5 * * * *", "max_runs": 30, "timezone": "UTC"},
    {"kind": "once", "at": "2026-03-30T10:00:00Z", "timezone": "UTC"},
)
# Across the night in which clocks are set forward, and one in which nothing happens; also not from a whole hour on.
SPANS = (
    ("2026-03-27T12:00:00Z", "2026-04-03T22:00:00Z", 0),
    ("2026-03-28T21:13:27Z", "2026-03-29T09:40:00Z", 0),
    ("2026-03-30T09:59:59Z", "2026-03-30T10:00:01Z", 0),
    ("2026-06-01T10:30:00Z", "2026-06-04T18:30:00Z", 30 * MINUTE),
)


def kind(wire: dict[str, Any], start: int, *, number: int = 1, key: int = 1, fired: int = 0) -> Kind:
    """Schedules that are planned alike."""
    trigger = triggers.from_wire(wire)
    text = json.dumps(trigger.to_wire())
    following = trigger.next_after(from_micros(start - 1))
    goes_on = start + 10 * 365 * 24 * HOUR if following is None else to_micros(following)
    left = None if trigger.max_runs is None else trigger.max_runs - fired
    return Kind(text, goes_on, number, key, key + number - 1, left)


def counted(kinds: list[Kind], start: int, end: int, offset: int = 0) -> Counted:
    tally = Counted(start, end, offset, minutes=True)
    tally.add(sorted(kinds, key=lambda kind: kind.goes_on_at))
    return tally


def slots(row: Kind, start: int, end: int) -> list[int]:
    """Every slot, one by one."""
    trigger = triggers.from_wire(json.loads(row.trigger))
    begin = from_micros(max(row.goes_on_at, start) - 1)
    found = [to_micros(slot) for slot in trigger.slots_between(begin, from_micros(end - 1), 2**31)]
    return found[: row.left]


def span(first: str, last: str) -> tuple[int, int]:
    return to_micros(parse_instant(first)), to_micros(parse_instant(last))


@pytest.mark.parametrize("bounds", SPANS, ids=lambda bounds: bounds[0])
@pytest.mark.parametrize("wire", TRIGGERS, ids=lambda wire: str(wire.get("expression") or wire["kind"]))
def test_each_hour_has_as_many_slots_as_the_trigger(wire: dict[str, Any], bounds: tuple[str, str, int]) -> None:
    start, end = span(*bounds[:2])
    row, offset = kind(wire, start, number=3, fired=4), bounds[2]
    wanted = Tally(slot - (slot - offset) % HOUR for slot in slots(row, start, end))
    assert counted([row], start, end, offset).hours() == sorted((hour, 3 * n) for hour, n in wanted.items())


@pytest.mark.parametrize("bounds", SPANS[:3], ids=lambda bounds: bounds[0])
def test_the_fullest_minutes_are_those_of_all_slots(bounds: tuple[str, str, int]) -> None:
    start, end = span(*bounds[:2])
    rows = [kind(wire, start, number=2, key=key) for key, wire in enumerate(TRIGGERS, 1) if wire.get("seconds") != 40]
    rows = [row for row in rows if "* 9-10" not in row.trigger and 'max_runs": 30' not in row.trigger]
    wanted: Tally[int] = Tally()
    for row in rows:
        for minute in {slot - slot % MINUTE for slot in slots(row, start, end)}:
            wanted[minute] += row.number
    best = sorted(wanted.items(), key=lambda one: (-one[1], one[0]))[:12]
    found = counted(rows, start, end).fullest(12)
    assert [(minute, count) for minute, count, _ in found] == best
    for minute, _, keys in found:
        assert keys
        for key in keys:
            row = next(row for row in rows if row.key == key)
            assert any(minute <= slot < minute + MINUTE for slot in slots(row, start, end))


def test_what_starts_in_every_minute_is_in_none_more_than_in_another() -> None:
    start, end = span("2026-06-01T08:00:00Z", "2026-06-01T12:00:00Z")
    often = kind({"kind": "every", "seconds": 40, "timezone": "UTC"}, start, number=5)
    assert counted([often], start, end).fullest(5) == []


def test_what_has_used_up_its_runs_is_in_no_hour() -> None:
    start, end = span("2026-06-01T08:00:00Z", "2026-06-01T12:00:00Z")
    wire = {"kind": "cron", "expression": "*/5 * * * *", "max_runs": 30, "timezone": "UTC"}
    assert counted([kind(wire, start, fired=30)], start, end).hours() == []
    assert counted([kind(wire, start, fired=27)], start, end).hours() == [(start, 3)]
