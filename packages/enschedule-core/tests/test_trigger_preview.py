from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enschedule_core.triggers import Cron, Every, Manual, Once, parse, preview

STOCKHOLM = "Europe/Stockholm"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def notes(trigger, after=NOW):
    return preview(trigger, after=after, count=1).notes


def test_the_answer_of_the_preview_route():
    after = datetime(2027, 3, 27, 12, tzinfo=UTC)
    assert preview(parse("every day at 2:30 am", STOCKHOLM), after=after, count=3).as_dict() == {
        "kind": "cron",
        "expression": "30 2 * * *",
        "timezone": STOCKHOLM,
        "description": "Every day at 02:30",
        "next": ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z", "2027-03-30T00:30:00Z"],
        "notes": [
            "28 Mar 2027: 02:30 does not exist. It runs at 03:00.",
            "31 Oct 2027: 02:30 comes twice. It runs once, the first time.",
            "26 Mar 2028: 02:30 does not exist. It runs at 03:00.",
        ],
    }


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 9 * * *", []),
        ("*/5 * * * *", []),  # the same in every hour: nothing to tell
        ("0 3 * * *", []),
        ("*/30 2 * * *", ["28 Mar 2027: 02:00 and 02:30 do not exist. It does not run then.",
                          "31 Oct 2027: 02:00 and 02:30 come twice. It runs both times."]),
        ("0 */2 * * *", ["28 Mar 2027: 02:00 does not exist. It does not run then.",
                         "31 Oct 2027: 02:00 comes twice. It runs both times."]),
        ("* 2 * * *", ["28 Mar 2027: 02:00, 02:01, 02:02 and 57 more times do not exist. It does not run then.",
                       "31 Oct 2027: 02:00, 02:01, 02:02 and 57 more times come twice. It runs both times."]),
        ("30 2 * * 1", []),  # never on a Sunday
        ("30 2 28 3 *", ["28 Mar 2027: 02:30 does not exist. It runs at 03:00."]),
    ],
)  # fmt: skip
def test_notes_on_both_days_of_a_year(expression, expected):
    assert notes(Cron(expression=expression, timezone=STOCKHOLM)) == expected


def test_no_notes_without_changes_of_clocks():
    assert notes(Cron(expression="30 2 * * *")) == []
    assert notes(Cron(expression="30 2 * * *", timezone="Asia/Tokyo")) == []


def test_no_notes_outside_start_and_end():
    start, end = datetime(2027, 5, 1, tzinfo=UTC), datetime(2027, 9, 1, tzinfo=UTC)
    assert notes(Cron(expression="30 2 * * *", timezone=STOCKHOLM, starts_at=start, ends_at=end)) == []
    assert len(notes(Cron(expression="30 2 * * *", timezone=STOCKHOLM, starts_at=start))) == 1


def test_an_interval_of_days_moves_by_the_clock():
    begin = "the clocks change, and an interval is real time. From then on it runs"
    assert notes(Every(seconds=3 * 86_400, timezone=STOCKHOLM)) == [
        f"28 Mar 2027: {begin} an hour later by the clock.",
        f"31 Oct 2027: {begin} an hour earlier by the clock.",
    ]
    assert notes(Every(seconds=900, timezone=STOCKHOLM)) == []


def test_once_and_manual_have_at_most_one_slot():
    once = preview(Once(at=NOW + timedelta(days=1), timezone=STOCKHOLM), after=NOW, count=5)
    assert (once.next, once.notes) == ([NOW + timedelta(days=1)], [])
    assert preview(Manual(timezone=STOCKHOLM), after=NOW, count=5).next == []


def test_no_more_slots_are_shown_than_will_run():
    assert len(preview(Every(seconds=60, max_runs=2), after=NOW, count=5).next) == 2
    assert len(preview(Every(seconds=60), after=NOW, count=5).next) == 5


def test_a_preview_at_the_end_of_time_is_empty():
    after = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert preview(Cron(expression="0 0 * * *", timezone=STOCKHOLM), after=after, count=5).next == []


times = st.builds(lambda hour, minute: f"{minute} {hour}", st.integers(0, 4), st.integers(0, 59))


@settings(max_examples=40, deadline=None)
@given(times)
def test_the_spring_note_is_true_to_the_next_slot(time):
    trigger = Cron(expression=f"{time} * * *", timezone=STOCKHOLM)
    spring = next((note for note in notes(trigger) if note.startswith("28 Mar 2027")), None)
    slot = trigger.next_after(datetime(2027, 3, 27, 23, tzinfo=UTC))
    in_gap = time.endswith(" 2")
    assert (spring is not None) == in_gap
    assert (slot == datetime(2027, 3, 28, 1, tzinfo=UTC)) == (in_gap or time == "0 3")
