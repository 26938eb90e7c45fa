"""Which slots run and which are skipped: the rule alone, against a slow and plain statement of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enschedule_core.clock import from_micros
from enschedule_core.schedule import CatchUp, CatchUpMode, SkipReason
from enschedule_core.triggers import Every, Once
from enschedule_worker.service.slots import ON_TIME, plan

START = datetime(2026, 11, 24, 12, tzinfo=UTC)


@settings(max_examples=200, deadline=None)
@given(
    seconds=st.integers(1, 600),
    late=st.integers(0, 20_000),
    mode=st.sampled_from(list(CatchUpMode)),
    most=st.integers(1, 30),
    window=st.none() | st.integers(1, 20_000),
)
def test_every_slot_runs_or_is_in_the_one_skip(
    seconds: int, late: int, mode: CatchUpMode, most: int, window: int | None
) -> None:
    trigger = Every(seconds=seconds, anchor=START)
    now = START + timedelta(seconds=late)
    found = plan(trigger, due_at=START, now=now, catch_up=CatchUp(mode, window, most))
    slots = [START, *trigger.slots_between(START, now, 10**6)]
    wanted = slots[-most:] if mode is CatchUpMode.ALL else slots[-1:]
    if mode is CatchUpMode.NONE:
        wanted = [slot for slot in wanted if now - slot <= ON_TIME]
    if window is not None:
        wanted = [slot for slot in wanted if slot >= now - timedelta(seconds=window)]
    assert list(found.run) == wanted
    rest = slots[: len(slots) - len(wanted)]
    if rest:
        (skip,) = found.skip
        assert (from_micros(skip.first), from_micros(skip.last), skip.count) == (rest[0], rest[-1], len(rest))
    else:
        assert found.skip == ()
    assert found.next_at == trigger.next_after(now)


@pytest.mark.parametrize(("late", "reason"), [(3000, SkipReason.MISSED), (4000, SkipReason.WINDOW)])
def test_a_slot_outside_the_window_is_skipped_for_that_reason(late: int, reason: SkipReason) -> None:
    trigger = Once(at=START)
    catch_up = CatchUp(CatchUpMode.NONE, 3600)
    found = plan(trigger, due_at=START, now=START + timedelta(seconds=late), catch_up=catch_up)
    assert [skip.reason for skip in found.skip] == [reason]
    assert (found.run, found.next_at) == ((), None)


def test_years_of_slots_are_planned_at_once() -> None:
    trigger = Every(seconds=1, anchor=START)
    now = START + timedelta(days=3650)
    found = plan(trigger, due_at=START, now=now, catch_up=CatchUp(CatchUpMode.ALL, None, 3))
    assert list(found.run) == [now - timedelta(seconds=2), now - timedelta(seconds=1), now]
    assert found.skip[0].count == 3650 * 86_400 - 2
