"""Durations, instants and numbers as words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from enschedule_dashboard import present
from enschedule_dashboard.present import Viewer

NOW = datetime(2026, 11, 23, 13, 32, 7, tzinfo=UTC)
VIEWER = Viewer(NOW, ZoneInfo("Europe/Stockholm"))


@pytest.mark.parametrize(
    ("seconds", "coarse", "precise"),
    [
        (None, "", ""),
        (0, "0 ms", "0 ms"),
        (0.0042, "4 ms", "4 ms"),
        (0.84, "840 ms", "840 ms"),
        (0.9996, "1 s", "1.0 s"),
        (4.161, "4.2 s", "4.2 s"),
        (6, "6 s", "6.0 s"),
        (9.96, "10 s", "10 s"),
        (41.4, "41 s", "41 s"),
        (59.6, "1 min", "1 min 00 s"),
        (724, "12 min", "12 min 04 s"),
        (1020, "17 min", "17 min 00 s"),
        (3599, "1 h", "1 h"),
        (41_280, "11 h 28 min", "11 h 28 min"),
        (7_260, "2 h 01 min", "2 h 01 min"),
        (200_000, "2 d 8 h", "2 d 8 h"),
        (-3, "0 ms", "0 ms"),
    ],
)
def test_duration(seconds, coarse, precise):
    assert present.duration(seconds) == coarse
    assert present.duration(seconds, precise=True) == precise


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        (0.2, "now"),
        (53, "in 53 s"),
        (183, "in 3 min"),
        (41_273, "in 11 h"),
        (-2, "2 s ago"),
        (-720, "12 min ago"),
        (-86_399, "24 h ago"),
        (3 * 86_400 + 66_473, "Fri 09:00"),
        (8 * 86_400 - 9127 + 1527, "1 Dec 12:25"),
    ],
)
def test_relative_is_for_less_than_a_day(offset, said):
    assert present.relative(NOW + timedelta(seconds=offset), VIEWER) == said


def test_instants_are_in_the_viewers_zone_with_as_much_date_as_needed():
    assert present.clock_time("2026-11-23T13:32:07Z", VIEWER) == "14:32:07"
    assert present.day_time("2026-11-23T13:32:07Z", VIEWER) == "14:32"
    assert present.day_time("2026-11-23T23:30:00Z", VIEWER) == "Tue 00:30"  # tomorrow there, still today in UTC
    assert present.day_time("2026-11-30T08:00:00Z", VIEWER) == "30 Nov 09:00"
    assert present.day_time("2027-03-28T01:00:00Z", VIEWER) == "28 Mar 2027 03:00"
    assert present.exact("2026-11-23T13:32:07.114Z", VIEWER) == "Mon 23 Nov 2026 14:32:07.114, Europe/Stockholm"
    assert present.exact("2026-11-23T13:32:07Z", VIEWER, "UTC") == "Mon 23 Nov 2026 13:32:07, UTC"


def test_days_as_headings():
    assert present.day_name("2026-11-22T23:30:00Z", VIEWER) == "Today"
    assert present.day_name("2026-11-22T22:30:00Z", VIEWER) == "Yesterday"
    assert present.day_name("2025-12-24T12:00:00Z", VIEWER) == "Wed 24 Dec 2025"


def test_numbers_sizes_and_lists():
    assert present.number(88_214) == "88,214"
    assert present.plural(1, "run") == "1 run"
    assert present.plural(1204, "run") == "1,204 runs"
    assert [present.size(n) for n in (None, 1, 412, 9_400, 999_700, 12_000_000)] == [
        "",
        "1 byte",
        "412 bytes",
        "9.4 kB",
        "1.0 MB",
        "12 MB",
    ]
    assert [present.joined(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert present.place("America/New_York") == "New York"
