"""The drawings: rail, day chart, places."""

import itertools
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from enschedule_dashboard import charts, marks
from enschedule_dashboard.filters import register
from enschedule_dashboard.present import Viewer

NOW = datetime(2026, 11, 23, 13, 32, 7, tzinfo=UTC)
VIEWER = Viewer(NOW, ZoneInfo("Europe/Stockholm"))


def schedule(statuses: list[str], **more):
    recent = [
        {"run_id": 1, "at": "2026-11-23T13:00:00Z", "status": status, "duration_seconds": 2.0} for status in statuses
    ]
    return {"id": "x", "title": "X", "recent": recent, "usual_seconds": 2.0, "next": ["a", "b", "c"], **more}


def test_the_usual_run_is_half_high_and_a_long_one_full():
    assert marks.bar_height(2.0, 2.0) == 10
    assert marks.bar_height(16.0, 2.0) == 16
    assert marks.bar_height(1000.0, 2.0) == 16
    assert marks.bar_height(0.0, 2.0) == marks.bar_height(0.001, 2.0) == 3
    assert marks.bar_height(None, 2.0) == marks.bar_height(2.0, None) == 10


def test_outcomes_stand_right_aligned_to_the_now_line():
    drawn = dict(marks.rail(schedule(["succeeded", "failed"])).paths)
    assert drawn["r-ok"] == "M198.5 25v-10"  # the last but one of 30 places of 7 px
    assert drawn["r-bad"] == "M205.5 26v8"  # trouble hangs below the axis
    assert drawn["r-next"] == "M219 25v-5m9 5v-5m9 5v-5"
    assert marks.rail(schedule(["succeeded"], next=[])).axis == "M203 25.5H212"


def test_only_the_last_thirty_are_drawn_and_counted():
    drawn = marks.rail(schedule(["failed"] * 10 + ["succeeded"] * 24 + ["failed"] * 6))
    assert drawn.label == "Last 30: 24 succeeded, then 6 failed."
    assert len(re.findall("[Mm]", dict(drawn.paths)["r-ok"])) == 24
    assert marks.rail(schedule([])).label == "No runs yet."
    mixed = marks.rail(schedule(["succeeded", "failed", "succeeded", "lost"] * 2)).label
    assert mixed == "Last 8: 4 succeeded, 2 failed, 2 lost; the last lost."


def test_the_worst_rail_stays_small_and_carries_no_style():
    app = Flask("enschedule_dashboard")
    register(app)
    app.jinja_env.globals["can"] = lambda _permission: True
    kinds = itertools.cycle(["succeeded", "failed", "timed_out"])
    with app.test_request_context("/"):
        macros = app.jinja_env.get_template("components/ui.html").module
        typical = str(macros.rail_svg(marks.rail(schedule(["succeeded"] * 24 + ["failed"] * 6))))
        worst = str(macros.rail_svg(marks.rail(schedule([next(kinds) for _ in range(30)]))))
    assert len(typical.encode()) <= 660
    assert len(worst.encode()) <= 720
    assert "style" not in worst


def test_a_failing_schedule_keeps_its_cross_while_it_runs_again():
    assert marks.standing(schedule([], status="running", failing_since="2026-11-23T12:00:00Z")) == (
        "failing",
        "failing, running",
    )
    assert marks.standing(schedule([], status="paused", failing_since="2026-11-23T12:00:00Z")) == ("paused", "paused")
    assert marks.mark_of("of_a_newer_server").word == "of a newer server"


def day(past=(), planned=(), viewer=VIEWER):
    hour = NOW.replace(minute=0, second=0)
    return charts.day(
        [{"at": (hour + timedelta(hours=h)).isoformat(), "counts": counts} for h, counts in past],
        [{"at": (hour + timedelta(hours=h)).isoformat(), "count": count} for h, count in planned],
        viewer,
    )


@pytest.mark.parametrize("minute", [0, 3, 32, 50, 59])
def test_the_present_hour_is_split_by_the_now_line(minute):
    viewer = Viewer(NOW.replace(minute=minute), VIEWER.zone)
    drawn = day([(0, {"succeeded": 20})], [(0, 10), (1, 40)], viewer)
    now = drawn.hours[charts.HOURS_BACK]
    assert now.up
    assert now.planned
    assert drawn.hours[charts.HOURS_BACK - 1].x < now.x
    assert now.x + now.width < drawn.now_x < now.planned_x
    assert min(now.width, now.planned_width) > 0.2
    following = drawn.hours[charts.HOURS_BACK + 1]
    assert (following.up, following.planned) == (0, charts.TALLEST)


def test_failures_hang_and_open_runs_do_not_count():
    hour = day([(-3, {"succeeded": 100, "failed": 1, "timed_out": 1, "running": 50, "cancelled": 1})]).hours[21]
    assert hour.up == charts.TALLEST
    assert hour.down == 4
    assert hour.words == "11:00 to 12:00 · 103 runs, 2 failed"


def test_many_failures_do_not_leave_the_picture():
    drawn = day([(-2, {"failed": 900}), (-1, {"failed": 450, "succeeded": 10})])
    assert [hour.down for hour in drawn.hours[22:24]] == [charts.DEEPEST, charts.DEEPEST // 2]


def test_labels_are_round_hours_of_the_viewers_zone():
    labels = [label for _, label in day().labels]
    assert labels == ["18:00", "00:00", "06:00", "12:00", "18:00", "00:00"]
    assert day([(-1, {"succeeded": 87})]).grid_words == "runs an hour, line at 50"


def test_places_are_squares_sixteen_a_line():
    drawn = charts.places(5, 8)
    assert (drawn.taken.count("M"), drawn.free.count("M"), drawn.width, drawn.height) == (5, 3, 80, 10)
    assert charts.places(3, 40).height == 30
    assert charts.places(500, 1000).taken.count("M") == 32
    assert charts.places(0, 0).free == ""
