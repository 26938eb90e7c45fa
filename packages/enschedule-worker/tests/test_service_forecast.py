"""The forecast counts what the triggers say: compared with every slot, one by one."""

from __future__ import annotations

import json
from collections import Counter as Tally
from random import Random
from typing import Any

import pytest
from engine_kit import ACTOR, NOON, World
from sqlalchemy import insert

from enschedule_core import triggers
from enschedule_core.clock import format_instant, from_micros, parse_instant, to_micros
from enschedule_worker.service import forecast
from enschedule_worker.service.agendas import Agenda
from enschedule_worker.service.day_tally import Kind
from enschedule_worker.service.days import DAY, HOUR, MINUTE
from enschedule_worker.service.tally import Tally as Counted
from enschedule_worker.store import planned as planned_rows
from enschedule_worker.store.models.people import Audit

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
    return Counted(Agenda(sorted(kinds, key=lambda kind: kind.goes_on_at)), start, end, offset)


def slots(row: Kind, start: int, end: int) -> list[int]:
    """Every slot, one by one; what is not at a whole minute counts at the end of its minute."""
    trigger = triggers.from_wire(json.loads(row.trigger))
    begin = from_micros(row.goes_on_at - 1)
    found = [to_micros(slot) for slot in trigger.slots_between(begin, from_micros(end + MINUTE), 2**31)][: row.left]
    is_dense = '"seconds": 40' in row.trigger  # so many are counted to the second
    return [slot for slot in found if start <= (slot if is_dense or slot % MINUTE == 0 else end_of_minute(slot)) < end]


def end_of_minute(slot: int) -> int:
    return slot - slot % MINUTE + MINUTE - 1


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
        for minute in {slot - slot % MINUTE for slot in slots(row, start, end + MINUTE)}:
            if start <= minute < end:
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


def test_a_plan_that_has_changed_says_what_a_new_one_says() -> None:
    """Days are counted on, kind by kind; whatever has come and gone, they are as if counted anew."""
    start, end = span("2026-06-01T08:00:00Z", "2026-06-04T12:00:00Z")
    chance = Random(3)

    def some() -> list[Kind]:
        drawn = [chance.randrange(len(TRIGGERS)) for _ in range(12)]
        return [
            kind(TRIGGERS[each], start + chance.choice([0, 0, 20 * HOUR, 40 * HOUR]), number=1 + at % 3, key=10 * at)
            for at, each in enumerate(drawn)
        ]

    kinds = some()
    agenda = Agenda(kinds)
    for _ in range(40):
        asked = Counted(agenda, start, end)
        fresh = Counted(Agenda(kinds), start, end)
        assert asked.hours() == fresh.hours()
        found = asked.fullest(20)
        assert [one[:2] for one in found] == [one[:2] for one in fresh.fullest(20)]
        for minute, _, keys in found:
            assert keys
            for key in keys:
                row = next(row for row in kinds if row.key == key)
                assert minute in {slot - slot % MINUTE for slot in slots(row, start, end + MINUTE)}
        kinds = [one for one in kinds if chance.random() < 0.8] + some()[: chance.randrange(4)]
        kinds = list({one.key: one for one in kinds}.values())
        agenda = agenda.becomes(kinds, start - start % DAY)


def planned(world: World) -> int:
    found = forecast.forecast(world.database, ACTOR, before=NOON + HOUR)
    return sum(bucket["count"] for bucket in found["buckets"])


def test_what_the_engine_gives_up_is_planned_no_more(world: World) -> None:
    world.add("a", schedule="every 10 minutes")
    world.add("b", schedule="every 20 minutes")
    assert planned(world) == 7  # and kept, until something changes
    world.change("a", broken_reason="no such zone", faults=1)
    assert planned(world) == 2
    world.change("a", broken_reason=None, faults=0)
    world.change("b", broken_reason="no such zone", faults=1)
    assert planned(world) == 5


def test_a_change_that_was_committed_after_a_later_one_is_seen(world: World) -> None:
    world.add("a", schedule="every 10 minutes")
    enter(world, 1000)
    assert planned(world) == 5
    world.change("a", paused=True)  # as it would be had its transaction taken longer
    enter(world, 999)
    assert planned(world) == 0


def test_the_next_slots_are_the_first_of_all_also_where_some_are_late_or_paused_until_then(world: World) -> None:
    """However few schedules are looked at first: those that are late come before all, and have no slot for long."""
    for number in range(60):
        world.add(f"late-{number}", schedule="every day at 11:00", timezone="UTC", title="late")
        world.change(f"late-{number}", due_at=NOON - (number + 1) * MINUTE)
    for number in range(30):
        world.add(f"soon-{number}", schedule=f"{(number * 7) % 60} * * * *", timezone="UTC", title=f"t{number % 4}")
    world.add("often", schedule="every minute", title="t1")
    for number in range(25):
        world.add(f"rests-{number}", schedule="every 5 minutes", title="t2")
        world.pause(f"rests-{number}", until=from_micros(NOON + (3 + number) * MINUTE))
    with world.database.read() as tx:
        rows = planned_rows.earliest(tx, ACTOR.scope, NOON + 2 * HOUR, 1000)
    every = sorted(
        (to_micros(slot), row.title, at, row.id)
        for at, row in enumerate(rows)
        for slot in triggers.from_wire(json.loads(row.trigger)).slots_between(
            from_micros(max(row.goes_on_at, NOON) - 1), from_micros(NOON + 2 * HOUR - 1), 2**31
        )
    )
    assert len(rows) == 116
    for limit in (0, 1, 5, 40, 300, 2000):
        found = forecast.forecast(world.database, ACTOR, since=NOON, before=NOON + 2 * HOUR, limit=limit)["items"]
        expected = [(format_instant(at), id) for at, _, _, id in every[:limit]]
        assert [(item["at"], item["schedule"]["id"]) for item in found] == expected


def enter(world: World, id: int) -> None:
    told = {"action": "schedule.pause", "object_kind": "schedule", "object_id": "a", "refused": False}
    with world.database.write() as tx:
        tx.execute(insert(Audit).values(id=id, at=tx.now, actor_kind="session", actor_name="ada", **told))
