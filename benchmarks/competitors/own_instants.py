"""Enschedule and instants: how long after them handlers are called, and what stored schedules cost a worker."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection, text

from benchmarks.competitors.own_database import Place, make_each, migrated
from benchmarks.competitors.own_worker import (
    MICROS,
    fill_ahead,
    recorded,
    sleep_until,
    wait_recorded,
    workers,
)
from benchmarks.measures import NANOS, MeasureFailed, Order, Sample, delays, slots_from
from benchmarks.processes import rss_mib

LEAD_NANOS = 4 * NANOS  # the worker has made itself comfortable, and seen what was stored
MEMORY_RUNS = 20
MINUTE_SECONDS = 60.0
SPREAD_SECONDS = 59.0


def delay(order: Order) -> Sample:
    """Compare slots with the clock as the handlers read it, on an empty database or a full one."""
    place = Place.of(order)
    if order.stock is None:
        migrated(place)
    with workers(order, place) as programs, place.connect() as connection:
        before = recorded(connection)
        slots = slots_from(time.time_ns() + LEAD_NANOS, order.sizes, order.seed)
        make_each(place, slots, handler="stamp", data={})
        sleep_until(slots[-1] / NANOS)
        wait_recorded(programs, connection, before + len(slots))
        starts = stamps(connection, slots)
    return delays(slots, starts, warm_up=order.sizes.warm_up)


def burst(order: Order) -> Sample:
    """See when the last of many is called that are due at one instant."""
    place = Place.of(order)
    with workers(order, place) as programs, place.connect() as connection:
        due = fill_ahead(place, order.sizes.burst, connection, handler="stamp")
        sleep_until(due)
        wait_recorded(programs, connection, order.sizes.burst)
        found = _stamped(connection, round(due * MICROS), round(due * MICROS))
    if len(found) != order.sizes.burst:
        raise MeasureFailed(f"{order.sizes.burst} schedules, but {len(found)} outputs of theirs")
    after = [(stamp - slot * 1000) / NANOS for slot, stamp in found]
    return Sample({"last_seconds": max(after), "first": 1000 * min(after)})


def minute(order: Order) -> Sample:
    """See how many of those that are due within a minute are called in it."""
    place = Place.of(order)
    count = order.sizes.minute
    with workers(order, place) as programs, place.connect() as connection:
        due = fill_ahead(place, count, connection, over_seconds=SPREAD_SECONDS)
        sleep_until(due + MINUTE_SECONDS)
        wait_recorded(programs, connection, count)
        runs = text("SELECT slot_at, started_at, schedule_key FROM runs WHERE status = 'succeeded'")
        found = [tuple(row) for row in connection.execute(runs)]
    if len(found) != count or len({key for _, _, key in found}) != count:
        raise MeasureFailed(f"{count} schedules, but {len(found)} runs that succeeded")
    end = (due + MINUTE_SECONDS) * MICROS
    sample = delays([slot * 1000 for slot, _, _ in found], [started * 1000 for _, started, _ in found])
    in_time = sum(started <= end for _, started, _ in found)
    last = max(started for _, started, _ in found) / MICROS - due
    return Sample({"started_part": 100 * in_time / count, "last_seconds": last, **sample.figures})


def memory(order: Order) -> Sample:
    """Compare a worker on an empty database with one on a full one; each has run something by then."""
    empty, stored = Place.empty(order), Place.of(order)
    migrated(empty)
    sizes = [_resident(order, place) for place in (empty, stored)]
    return Sample({"growth_mib": sizes[1] - sizes[0], "empty_mib": sizes[0], "stored_mib": sizes[1]})


def _resident(order: Order, place: Place) -> float:
    with workers(order, place) as programs, place.connect() as connection:
        before = recorded(connection)
        first = time.time_ns() + LEAD_NANOS
        slots = [first - first % 1000 + number * NANOS // 20 for number in range(MEMORY_RUNS)]
        make_each(place, slots, handler="stamp", data={})
        sleep_until(slots[-1] / NANOS)
        wait_recorded(programs, connection, before + MEMORY_RUNS)
        time.sleep(order.sizes.settle_seconds)
        return rss_mib(programs[0].process.pid)


def stamps(connection: Connection, slots: Sequence[int]) -> list[int]:
    """Return when the handler was called for each of ``slots``, all in nanoseconds since 1970; each was, once."""
    found = _stamped(connection, slots[0] // 1000, slots[-1] // 1000)
    by_slot = {slot * 1000: stamp for slot, stamp in found}
    if len(found) != len(slots) or set(by_slot) != set(slots):
        raise MeasureFailed(f"{len(slots)} slots, but {len(found)} outputs for {len(by_slot)} of them")
    return [by_slot[slot] for slot in slots]


def _stamped(connection: Connection, first: int, last: int) -> list[tuple[int, int]]:
    """Return slot (microseconds) and what its run printed (nanoseconds), of slots from ``first`` to ``last``."""
    query = text(
        "SELECT r.slot_at, o.text FROM runs AS r JOIN output AS o ON o.run_id = r.id "
        "WHERE r.status = 'succeeded' AND r.handler_id = 'stamp' AND r.slot_at BETWEEN :first AND :last "
        "ORDER BY r.id, o.seq"
    )
    printed: dict[int, list[str]] = {}
    rows = connection.execute(query, {"first": first, "last": last}).all()
    for slot, chunk in rows:
        printed.setdefault(slot, []).append(chunk)
    return [(slot, int(line)) for slot, chunks in printed.items() for line in "".join(chunks).split()]
