"""When cron expressions fire, above all where clocks change. The reference is Debian's cron(8)."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from enschedule_core.triggers import Cron

STOCKHOLM = "Europe/Stockholm"
HAVANA = "America/Havana"
LORD_HOWE = "Australia/Lord_Howe"


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def slots(expression, start, end, zone="UTC", **members):
    trigger = Cron(expression=expression, timezone=zone, **members)
    found = list(trigger.slots_between(start, end, 10_000))
    assert trigger.latest_and_count(start, end) == ((found[-1] if found else None), len(found))
    return [slot.astimezone(ZoneInfo(zone)).isoformat() for slot in found]


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("30 2 * * *", "2026-11-24T02:30:00Z", "2026-11-25T02:30:00+00:00"),
        ("30 2 * * *", "2026-11-24T02:29:59.999999Z", "2026-11-24T02:30:00+00:00"),
        ("*/15 * * * *", "2026-11-24T02:44:59Z", "2026-11-24T02:45:00+00:00"),
        ("0 9 * * 0", "2026-11-24T00:00:00Z", "2026-11-29T09:00:00+00:00"),
        ("0 9 * * 7", "2026-11-24T00:00:00Z", "2026-11-29T09:00:00+00:00"),
        ("0 9 * * sun", "2026-11-24T00:00:00Z", "2026-11-29T09:00:00+00:00"),
        ("0 9 * * 5-7", "2026-11-28T10:00:00Z", "2026-11-29T09:00:00+00:00"),
        ("0 0 13 * 5", "2026-11-24T00:00:00Z", "2026-11-27T00:00:00+00:00"),  # the 13th OR a Friday
        ("0 0 */2 * 1", "2026-11-24T00:00:00Z", "2026-12-07T00:00:00+00:00"),  # a star in front: AND
        ("0 0 29 2 *", "2026-11-24T00:00:00Z", "2028-02-29T00:00:00+00:00"),
        ("0 0 L * *", "2027-02-01T00:00:00Z", "2027-02-28T00:00:00+00:00"),
        ("0 0 LW * *", "2027-02-01T00:00:00Z", "2027-02-26T00:00:00+00:00"),
        ("0 17 * * 5L", "2026-11-24T00:00:00Z", "2026-11-27T17:00:00+00:00"),
        ("0 9 * * mon#2", "2026-11-24T00:00:00Z", "2026-12-14T09:00:00+00:00"),
        ("0 0 1 jan *", "2026-11-24T00:00:00Z", "2027-01-01T00:00:00+00:00"),
        ("*/20 * * * * *", "2026-11-24T00:00:20Z", "2026-11-24T00:00:40+00:00"),
        ("@weekly", "2026-11-24T00:00:00Z", "2026-11-29T00:00:00+00:00"),
    ],
)
def test_the_next_slot(expression, after, expected):
    assert Cron(expression=expression).next_after(instant(after)) == instant(expected)


NIGHT_OF_GAP = (instant("2027-03-28T00:00:00+01:00"), instant("2027-03-29T00:00:00+02:00"))
NIGHT_OF_OVERLAP = (instant("2027-10-31T00:00:00+02:00"), instant("2027-11-01T00:00:00+01:00"))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 2 * * *", ["2027-03-28T03:00:00+02:00"]),  # a fixed time in the gap: right after it
        ("0 2 * * *", ["2027-03-28T03:00:00+02:00"]),
        ("0 3 * * *", ["2027-03-28T03:00:00+02:00"]),
        ("0,30 2 * * *", ["2027-03-28T03:00:00+02:00"]),  # one slot an instant
        ("30 1,2,3 * * *", ["2027-03-28T01:30:00+01:00", "2027-03-28T03:00:00+02:00", "2027-03-28T03:30:00+02:00"]),
        ("*/30 2 * * *", []),  # a wildcard follows real time
        ("0 */2 28 3 *", [f"2027-03-28T{hour:02d}:00:00+02:00" for hour in range(4, 24, 2)]),
        ("0 30 2 * * *", ["2027-03-28T03:00:00+02:00"]),  # six fields, the same rule
        ("*/20 30 2 * * *", []),
    ],
)
def test_the_spring_gap_in_stockholm(expression, expected):
    assert slots(expression, *NIGHT_OF_GAP, STOCKHOLM) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 2 * * *", ["2027-10-31T02:30:00+02:00"]),  # a fixed time that comes twice: once, the first time
        ("0 2,3 * * *", ["2027-10-31T02:00:00+02:00", "2027-10-31T03:00:00+01:00"]),
        ("*/30 2 * * *", ["2027-10-31T02:00:00+02:00", "2027-10-31T02:30:00+02:00",
                          "2027-10-31T02:00:00+01:00", "2027-10-31T02:30:00+01:00"]),
        ("0 30 2 * * *", ["2027-10-31T02:30:00+02:00"]),
        ("0-59/30 2 * * *", ["2027-10-31T02:00:00+02:00", "2027-10-31T02:30:00+02:00"]),
    ],
)  # fmt: skip
def test_the_autumn_overlap_in_stockholm(expression, expected):
    assert slots(expression, *NIGHT_OF_OVERLAP, STOCKHOLM) == expected


@pytest.mark.parametrize(("night", "hours"), [(NIGHT_OF_GAP, 23), (NIGHT_OF_OVERLAP, 25)])
def test_every_hour_follows_real_time(night, hours):
    found = list(Cron(expression="0 * * * *", timezone=STOCKHOLM).slots_between(*night, 100))
    assert len(found) == hours
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(hours=1)}


def test_asked_from_inside_the_repeated_hour_the_answer_is_never_past():
    # The first pass ran at 00:30Z; at 01:10Z the wall clock says 02:10 again.
    asked = instant("2027-10-31T01:10:00Z")
    assert Cron(expression="30 2 * * *", timezone=STOCKHOLM).next_after(asked) == instant("2027-11-01T02:30:00+01:00")
    assert Cron(expression="*/30 2 * * *", timezone=STOCKHOLM).next_after(asked) == instant("2027-10-31T01:30:00Z")


def test_counting_from_inside_the_repeated_hour():
    asked = instant("2027-10-31T01:10:00Z")
    end = asked + timedelta(hours=1)
    assert Cron(expression="30 2 * * *", timezone=STOCKHOLM).latest_and_count(asked, end) == (None, 0)
    twice = Cron(expression="*/30 2 * * *", timezone=STOCKHOLM)
    assert twice.latest_and_count(asked, end) == (instant("2027-10-31T01:30:00Z"), 1)


def test_a_yearly_wildcard_does_not_lose_its_second_pass():
    # Asked at the end of the first pass, the next matching wall clock lies a year ahead, the next slot an hour.
    trigger = Cron(expression="*/30 2 31 10 *", timezone=STOCKHOLM)
    assert trigger.next_after(instant("2027-10-31T00:30:00Z")) == instant("2027-10-31T01:00:00Z")
    assert trigger.next_after(instant("2027-10-31T01:30:00Z")) == instant("2028-10-31T02:00:00+01:00")


def test_clocks_that_change_at_midnight():
    # Havana: 14 Mar 2027 00:00 becomes 01:00; 7 Nov 2027 01:00 becomes 00:00.
    spring = (instant("2027-03-13T12:00:00-05:00"), instant("2027-03-15T12:00:00-04:00"))
    assert slots("0 0 * * *", *spring, HAVANA) == ["2027-03-14T01:00:00-04:00", "2027-03-15T00:00:00-04:00"]
    assert slots("*/30 0 14 * *", *spring, HAVANA) == []
    autumn = (instant("2027-11-06T12:00:00-04:00"), instant("2027-11-08T12:00:00-05:00"))
    assert slots("0 0 * * *", *autumn, HAVANA) == ["2027-11-07T00:00:00-04:00", "2027-11-08T00:00:00-05:00"]
    assert len(slots("*/30 0 7 * *", *autumn, HAVANA)) == 4


def test_clocks_that_change_by_half_an_hour():
    # Lord Howe: 4 Apr 2027 02:00 becomes 01:30; 3 Oct 2027 02:00 becomes 02:30.
    autumn = (instant("2027-04-04T00:00:00+11:00"), instant("2027-04-04T12:00:00+10:30"))
    assert slots("45 1 * * *", *autumn, LORD_HOWE) == ["2027-04-04T01:45:00+11:00"]
    assert slots("*/15 1 * * *", *autumn, LORD_HOWE) == [
        "2027-04-04T01:00:00+11:00", "2027-04-04T01:15:00+11:00", "2027-04-04T01:30:00+11:00",
        "2027-04-04T01:45:00+11:00", "2027-04-04T01:30:00+10:30", "2027-04-04T01:45:00+10:30",
    ]  # fmt: skip
    assert slots("*/30 2 * * *", *autumn, LORD_HOWE) == ["2027-04-04T02:00:00+10:30", "2027-04-04T02:30:00+10:30"]
    spring = (instant("2027-10-03T00:00:00+10:30"), instant("2027-10-03T12:00:00+11:00"))
    assert slots("15 2 * * *", *spring, LORD_HOWE) == ["2027-10-03T02:30:00+11:00"]


def test_starts_at_and_ends_at_are_inclusive():
    start, end = instant("2026-11-24T09:00:00Z"), instant("2026-11-25T09:00:00Z")
    found = slots("0 9 * * *", start - timedelta(days=9), end + timedelta(days=9), starts_at=start, ends_at=end)
    assert found == ["2026-11-24T09:00:00+00:00", "2026-11-25T09:00:00+00:00"]


def test_three_days_of_every_minute_are_counted():
    trigger = Cron(expression="* * * * *", timezone=STOCKHOLM)
    end = instant("2027-03-29T12:00:30Z")
    assert trigger.latest_and_count(end - timedelta(days=3), end) == (instant("2027-03-29T12:00:00Z"), 4320)


def test_ten_years_of_every_second_are_counted_by_arithmetic():
    trigger = Cron(expression="* * * * * *")
    end = instant("2036-01-01T00:00:00Z")
    latest, count = trigger.latest_and_count(end - timedelta(days=3650), end)
    assert (latest, count) == (end, 3650 * 86_400)


def test_a_change_of_clocks_is_counted_by_arithmetic_too():
    every_second = Cron(expression="* * * * * *", timezone=STOCKHOLM)
    assert every_second.latest_and_count(*NIGHT_OF_GAP) == (NIGHT_OF_GAP[1], 23 * 3600)
    assert every_second.latest_and_count(*NIGHT_OF_OVERLAP) == (NIGHT_OF_OVERLAP[1], 25 * 3600)


def test_counting_keeps_to_start_and_end():
    day = instant("2027-01-01T00:00:00Z")
    trigger = Cron(expression="0 * * * *", starts_at=day, ends_at=day + timedelta(hours=5))
    assert trigger.latest_and_count(day - timedelta(days=9), day + timedelta(days=9)) == (day + timedelta(hours=5), 6)
    assert trigger.latest_and_count(day + timedelta(days=1), day + timedelta(days=9)) == (None, 0)
    assert trigger.latest_and_count(day, day) == (None, 0)


def test_there_is_an_end_to_what_never_fires_and_to_time_itself():
    assert Cron(expression="0 0 */30 * 1#2").next_after(instant("2026-01-01T00:00:00Z")) is None
    assert Cron(expression="* * * * *", timezone=STOCKHOLM).next_after(instant("9999-12-31T22:59:30Z")) is None


def test_two_triggers_with_the_same_fields_are_equal_whatever_the_spaces():
    assert Cron(expression=" 0   9 * *\t* ") == Cron(expression="0 9 * * *")
    assert Cron(expression="@daily").expression == "0 0 * * *"
