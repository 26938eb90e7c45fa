"""The calendar: the coming week by hours, in the viewer's zone and on days with 23 and 25 hours."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from browsing import Pages
from fake_client import World

from enschedule_core.clock import format_instant
from enschedule_dashboard import weeks
from enschedule_dashboard.present import Viewer

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def viewer(at: str, zone: str = "Europe/Stockholm") -> Viewer:
    return Viewer(datetime.fromisoformat(at), ZoneInfo(zone))


def buckets(start: str, *counts: int) -> list[dict]:
    first = datetime.fromisoformat(start)
    return [{"at": format_instant(first + timedelta(hours=n)), "count": count} for n, count in enumerate(counts)]


def test_a_week_begins_now_and_ends_at_midnight_after_its_seventh_day() -> None:
    start, end = weeks.week_range(viewer("2026-11-26T14:30:00+00:00"))
    assert start == datetime(2026, 11, 26, 14, 30, tzinfo=UTC)
    assert end == datetime(2026, 12, 2, 23, tzinfo=UTC)  # midnight in Stockholm


def test_each_slot_is_in_the_hour_of_the_viewer() -> None:
    days = weeks.week(buckets("2026-11-26T14:00:00Z", 3, 5), viewer("2026-11-26T14:30:00+00:00"))
    today = days[0]
    assert [day.name for day in days[:2]] == ["Thu 26 Nov", "Fri 27 Nov"]
    assert today.is_today
    assert [cell.count for cell in today.cells[15:17]] == [3, 5]
    assert today.cells[14].at is None  # over
    assert today.cells[15].quarter == 2
    assert today.cells[15].at == "2026-11-26T14:00:00Z"
    assert [cell.heat for cell in today.cells[14:18]] == [0, 1, 1, 0]


def test_a_zone_that_is_half_an_hour_off_has_hours_of_its_own() -> None:
    who = viewer("2026-11-26T14:40:00+00:00", "Asia/Kolkata")
    assert weeks.offset_minutes(who) == 30
    today = weeks.week(buckets("2026-11-26T14:30:00Z", 4), who)[0]
    assert [(cell.hour, cell.count) for cell in today.cells if cell.count] == [(20, 4)]
    assert weeks.offset_minutes(viewer("2026-11-26T14:40:00+00:00")) == 0
    assert weeks.offset_minutes(viewer("2026-11-26T14:40:00+00:00", "America/St_Johns")) == 30


def test_the_hour_that_the_clock_skips_is_empty() -> None:
    who = viewer("2026-03-27T12:00:00+00:00")
    sunday = weeks.week(buckets("2026-03-29T00:00:00Z", 1, 2, 3), who)[2]
    assert [(cell.hour, cell.count) for cell in sunday.cells if cell.count] == [(1, 1), (3, 2), (4, 3)]
    assert (sunday.cells[2].at, sunday.cells[2].label) == (None, "the clock skips this hour")


def test_the_hour_that_comes_twice_has_the_slots_of_both() -> None:
    who = viewer("2026-10-24T12:00:00+00:00")
    sunday = weeks.week(buckets("2026-10-24T23:00:00Z", 1, 2, 4, 8), who)[1]
    assert [(cell.hour, cell.count) for cell in sunday.cells if cell.count] == [(1, 1), (2, 6), (3, 8)]
    assert "comes twice" in sunday.cells[2].label
    begins, ends = weeks.hour_range(datetime(2026, 10, 25, 0, tzinfo=UTC), who)
    assert ends - begins == timedelta(hours=2)


def test_only_what_is_fuller_than_usual_stands_out() -> None:
    days = weeks.week(buckets("2026-11-26T15:00:00Z", 10, 10, 10, 10, 15, 21, 29), viewer("2026-11-26T14:30:00+00:00"))
    assert [cell.heat for cell in days[0].cells[16:23]] == [1, 1, 1, 1, 2, 3, 4]


@pytest.mark.parametrize(("count", "short"), [(0, ""), (999, "999"), (3600, "3.6k"), (12_345, "12k")])
def test_large_counts_stay_short(count: int, short: str) -> None:
    assert weeks.Cell(0, "", count).short == short


def test_the_same_minute_of_several_days_is_one_line() -> None:
    who = viewer("2026-11-26T14:30:00+00:00")
    one = {"count": 4, "schedules": [{"id": "a", "title": "A"}]}
    daily = [{"at": f"2026-11-{day}T01:00:00Z", **one} for day in (27, 28, 29, 30)]
    daily += [{"at": f"2026-12-0{day}T01:00:00Z", **one} for day in (1, 2)]
    two = [{"at": "2026-11-26T16:00:00Z", **one}, {"at": "2026-11-28T16:00:00Z", **one}]
    found = weeks.minutes([*daily, *two], who, most=10)
    assert [(minute.clock, minute.days) for minute in found] == [("02:00", "every day"), ("17:00", "today and Sat")]


def test_the_page_leads_to_an_hour_and_to_its_schedules(pages: Pages, world: World) -> None:
    text = pages.text("/calendar")
    assert "slots in the coming week; the fullest hour is" in text
    assert "Choose one above" in text
    link = re.search(r'<a href="(/calendar\?at=[^"#]+)#hour"', text)[1]
    shown = pages.text(link.replace("&amp;", "&"))
    assert 'aria-current="true"' in shown
    assert "Choose one above" not in shown
    asked = [filters for name, *rest in world.calls if name == "forecast" for filters in rest]
    assert {"fullest", "offset_minutes"} <= asked[0].keys()


@pytest.mark.parametrize("at", ["never", "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "2026-11-26T14:00:00", "\x00"])
def test_an_hour_that_is_none_is_not_shown(pages: Pages, at: str) -> None:
    assert "Choose one above" in pages.client.get("/calendar", query_string={"at": at}).text
