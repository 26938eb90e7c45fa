from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enschedule_core.clock import EPOCH
from enschedule_core.errors import InvalidTrigger
from enschedule_core.triggers import Every

NOW = datetime(2026, 11, 24, 2, 0, 7, tzinfo=UTC)
instants = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001 - what hypothesis asks for
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
intervals = st.one_of(st.integers(1, 10**7), st.floats(1, 10**5).map(lambda seconds: round(seconds, 6)))


def test_counts_from_1970_without_an_anchor():
    assert Every(seconds=900).next_after(NOW) == datetime(2026, 11, 24, 2, 15, tzinfo=UTC)


def test_counts_from_its_anchor():
    trigger = Every(seconds=900, anchor=datetime(2026, 11, 24, 0, 1, tzinfo=UTC))
    assert trigger.next_after(NOW) == datetime(2026, 11, 24, 2, 1, tzinfo=UTC)


def test_counts_from_starts_at_when_there_is_no_anchor_and_the_start_itself_is_a_slot():
    start = NOW + timedelta(seconds=3)
    trigger = Every(seconds=60, starts_at=start)
    assert list(trigger.slots_between(NOW, NOW + timedelta(hours=1), 2)) == [start, start + timedelta(seconds=60)]


def test_a_slot_itself_is_not_after_itself():
    slot = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)
    assert Every(seconds=900).next_after(slot) == slot + timedelta(seconds=900)


def test_ends_with_ends_at_inclusive():
    end = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
    trigger = Every(seconds=900, ends_at=end)
    assert trigger.next_after(end - timedelta(microseconds=1)) == end
    assert trigger.next_after(end) is None


def test_three_days_down_are_counted_without_walking():
    latest, count = Every(seconds=1).latest_and_count(NOW, NOW + timedelta(days=10_000))
    assert count == 10_000 * 86_400
    assert latest == NOW + timedelta(days=10_000)


def test_an_empty_stretch_has_no_latest():
    assert Every(seconds=3600).latest_and_count(NOW, NOW + timedelta(minutes=1)) == (None, 0)
    assert Every(seconds=3600).latest_and_count(NOW, NOW - timedelta(days=1)) == (None, 0)


def test_counting_keeps_to_start_and_end():
    trigger = Every(seconds=60, starts_at=EPOCH + timedelta(hours=1), ends_at=EPOCH + timedelta(hours=2))
    assert trigger.count_between(EPOCH, EPOCH + timedelta(days=1)) == 61


def test_no_slot_past_the_year_9999():
    assert Every(seconds=86_400).next_after(datetime(9999, 12, 31, 12, tzinfo=UTC)) is None


@given(intervals, instants, instants)
def test_the_next_slot_is_later_by_at_most_one_interval_and_on_the_grid(seconds, anchor, instant):
    trigger = Every(seconds=seconds, anchor=anchor)
    slot = trigger.next_after(instant)
    step = timedelta(microseconds=round(seconds * 1_000_000))
    assert instant < slot <= instant + step
    assert (slot - anchor) % step == timedelta(0)


@given(intervals, instants, st.integers(0, 50))
def test_counting_agrees_with_walking(seconds, start, steps):
    trigger = Every(seconds=seconds)
    end = start + timedelta(seconds=seconds * steps)
    walked = list(trigger.slots_between(start, end, 100))
    assert trigger.latest_and_count(start, end) == ((walked[-1] if walked else None), len(walked))
    assert trigger.count_between(start, end) == len(walked)


@pytest.mark.parametrize(
    ("seconds", "words", "expression"),
    [
        (1, "Every second", "every 1s"),
        (90, "Every 90 seconds", "every 90s"),
        (900, "Every 15 minutes", "every 900s"),
        (5400, "Every 90 minutes", "every 5400s"),
        (3600, "Every hour", "every 3600s"),
        (172_800, "Every 2 days", "every 172800s"),
        (1_209_600, "Every 2 weeks", "every 1209600s"),
        (1.5, "Every 1.5 seconds", "every 1.5s"),
    ],
)
def test_says_what_it_does_in_the_largest_whole_unit(seconds, words, expression):
    trigger = Every(seconds=seconds)
    assert trigger.describe() == words
    assert trigger.expression == expression


@pytest.mark.parametrize(
    "seconds", [0, -5, 0.5, True, "900", None, float("nan"), float("inf"), 10**400, [1]], ids=lambda v: str(v)[:12]
)
def test_refuses_what_is_not_an_interval(seconds):
    with pytest.raises(InvalidTrigger, match="seconds must be") as refused:
        Every(seconds=seconds)
    assert refused.value.errors[0].field == "seconds"
