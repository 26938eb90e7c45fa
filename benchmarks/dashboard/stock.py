"""The database behind the pages: the month of runs of the other measurements, with schedules that differ.

There, all schedules are alike, which no list and no forecast minds. Here they have triggers, handlers, tags and titles
of their own; some fail, are paused or broken, and one run has printed a great deal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from sqlalchemy import bindparam, create_engine, insert, select, update

from benchmarks.competitors.own_database import Place
from benchmarks.competitors.own_stock import runs
from benchmarks.measures import Order, Sample
from enschedule_core.clock import from_micros, to_micros
from enschedule_core.run import RunStatus
from enschedule_core.triggers import from_wire
from enschedule_core.triggers.zones import data_version
from enschedule_worker.store import recent
from enschedule_worker.store.models.people import Audit
from enschedule_worker.store.models.runs import Output, Run
from enschedule_worker.store.models.schedules import Revision, Schedule, ScheduleTag

MICROS = 1_000_000
AHEAD = 600 * MICROS  # nothing is due while it is measured, but what is due every hour
TAGS = ("shop", "finance", "reports", "ops", "crm", "health", "backup", "partners")
WORDS = ("Check", "Export", "Import", "Sync", "Report", "Back up", "Rebuild", "Send", "Clean", "Compare")
THINGS = ("invoices", "orders", "customers", "prices", "pictures", "stock", "contacts", "payments", "logs", "returns")
PRINTED_LINES = 10_000
AUDITED = 50_000
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI")


def fill(order: Order) -> Sample:
    """Store a month of runs of schedules that differ."""
    runs(order)
    place = Place.of(order)
    engine = create_engine(place.url)
    with engine.begin() as connection:
        now = time.time_ns() // 1000
        rows = connection.execute(
            select(Schedule.key, Schedule.last_run_id).where(Schedule.id.like("listed-%")).order_by(Schedule.key)
        ).all()
        changes = list(_changes(rows, now))
        connection.execute(
            update(Schedule.__table__)  # type: ignore[arg-type] # a Table, as all of them are
            .where(Schedule.__table__.c.key == bindparam("of"))
            .values({name: bindparam(f"new_{name}") for name in changes[0] if name != "of"}),
            [{"of" if name == "of" else f"new_{name}": value for name, value in one.items()} for one in changes],
        )
        connection.execute(insert(ScheduleTag), list(_tags(changes)))
        connection.execute(insert(Output), list(_printed(rows[0].last_run_id, now)))
        connection.execute(update(Run).where(Run.id == rows[0].last_run_id).values(output_lines=PRINTED_LINES, fence=7))
        connection.execute(insert(Audit), list(_audit(now)))
        connection.execute(update(Revision).values(saved_by="ada"))
    engine.dispose()
    with place.connect() as settled:
        if place.dialect == "postgresql":
            settled.exec_driver_sql("VACUUM ANALYZE")
    return Sample({})


def _changes(rows: Sequence[Any], now: int) -> Iterator[dict[str, Any]]:
    chance = Random(1)  # noqa: S311 - nothing is secret here
    zones = data_version()
    for number, row in enumerate(rows):
        trigger = from_wire(_trigger(chance, number))
        due = trigger.next_after(from_micros(now + AHEAD))
        due_at = None if due is None else to_micros(due)
        fails, paused = number % 100 == 1, number % 50 == 7
        yield {
            "of": row.key,
            "title": f"{WORDS[number % 10]} {THINGS[number // 10 % 10]} {number // 100}",
            "trigger": json.dumps(trigger.to_wire(), separators=(",", ":")),
            "trigger_kind": trigger.kind,
            "tags": json.dumps(sorted({TAGS[number % 8], TAGS[number // 8 % 8]})),
            "due_at": due_at,
            "fire_at": None if paused else due_at,
            "zone_version": zones,  # or the first start would write each of them anew, moments before it is measured
            "recent": _recent(chance, row.last_run_id, now, fails=fails),
            "last_status": "failed" if fails else "succeeded",
            "failing_since": now - chance.randrange(3600) * MICROS if fails else None,
            "failures_in_row": 4 if fails else 0,
            "paused": paused,
            "paused_at": now if paused else None,
            "paused_by": "ada" if paused else None,
            "faults": 1 if number % 1000 == 5 else 0,
            "broken_reason": "the time zone US/Pacific-New is not known" if number % 1000 == 5 else None,
        }


def _trigger(chance: Random, number: int) -> dict[str, Any]:
    zone = ("Europe/Stockholm", "America/New_York", "UTC")[number % 3]
    if number % 10 == 0:
        return {"kind": "every", "seconds": 3600 * (1 + number % 7), "timezone": zone}
    minute, hour = chance.randrange(60), chance.randrange(24)
    if number % 10 < 3:
        return {"kind": "cron", "expression": f"{minute} * * * *", "timezone": zone}
    days = _WEEKDAYS[number % 5] if number % 4 == 0 else "*"
    return {"kind": "cron", "expression": f"{minute} {hour} * * {days}", "timezone": zone}


def _recent(chance: Random, last: int, now: int, *, fails: bool) -> str:
    rail = "[]"
    for number in range(recent.PLACES):
        status = "failed" if fails and number > recent.PLACES - 5 else "succeeded"
        place = recent.Place(
            max(1, last - recent.PLACES + number), now - 3600 * MICROS * (recent.PLACES - number),
            RunStatus(status), chance.randrange(50_000, 4_000_000),
        )  # fmt: skip
        rail = recent.add(rail, place)
    return rail


def _tags(changes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in changes:
        for tag in json.loads(one["tags"]):
            yield {"tag": tag, "schedule_key": one["of"]}


def _printed(run_id: int, now: int) -> Iterator[dict[str, Any]]:
    """Yield what one run has printed: chunks of a hundred lines, colours and all."""
    line = "\x1b[32m{:06d}\x1b[0m accepted order 40{:04d} of customer {:05d}\n"
    for seq in range(PRINTED_LINES // 100):
        text = "".join(line.format(seq * 100 + n, n, n * 7) for n in range(100))
        yield {"run_id": run_id, "fence": 7, "seq": seq + 1, "stream": "stdout", "printed_at": now, "text": text}


def _audit(now: int) -> Iterator[dict[str, Any]]:
    for number in range(AUDITED):
        yield {
            "at": now - (AUDITED - number) * 40 * MICROS,
            "actor_kind": "session",
            "actor_name": ("ada", "olaf", "vera")[number % 3],
            "address": "10.0.4.11",
            "action": ("schedule.update", "schedule.run", "schedule.pause")[number % 3],
            "object_kind": "schedule",
            "object_id": f"listed-{number % 10_000}",
            "detail": '{"before": {"priority": 0}, "after": {"priority": 5}}',
            "refused": False,
        }
